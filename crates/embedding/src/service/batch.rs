//! Texts that wait, and how many of them make a batch.

use std::sync::Arc;
use std::time::Instant;

use super::flight::Flight;
use super::pace::Pace;
use super::settings::ServiceSettings;
use crate::cache::CacheKey;

/// One text that waits for the engine.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) key: CacheKey,
    pub(super) text: Box<str>,
    pub(super) tokens: usize,
    pub(super) flight: Arc<Flight>,
    pub(super) queued_at: Instant,
    pub(super) now_ms: i64,
    /// Taken in whatever the estimate said: from it the estimate is learnt.
    pub(super) is_probe: bool,
}

/// About how many tokens the engine will have to do for a text: a quarter of its bytes and two at the ends, and no more than
/// it keeps of any.
pub(super) fn tokens_of(text: &str, settings: &ServiceSettings) -> usize {
    (text.len() / 4 + 2).min(settings.text_tokens_max)
}

/// A batch that fills: as large as its limits allow, and no larger than lets every text in it be in time.
#[derive(Default)]
pub(super) struct Filling {
    texts: usize,
    tokens: usize,
    /// When the first of its texts is no longer waited for.
    until: Option<Instant>,
}

impl Filling {
    /// Whether a text of `tokens` that is waited for `until` goes in; the first one always does.
    pub(super) fn take(
        &mut self,
        tokens: usize,
        until: Option<Instant>,
        now: Instant,
        pace: &Pace,
        settings: &ServiceSettings,
    ) -> bool {
        let sum = self.tokens + tokens;
        let first = [self.until, until].into_iter().flatten().min();
        let is_in_time = first.is_none_or(|until| now + pace.likely(sum) <= until);
        let is_within =
            self.texts < settings.batch_texts_max && sum <= settings.batch_tokens_max && is_in_time;
        if self.texts > 0 && !is_within {
            return false;
        }
        (self.texts, self.tokens, self.until) = (self.texts + 1, sum, first);
        true
    }

    pub(super) fn tokens(&self) -> usize {
        self.tokens
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_batch_is_the_longest_that_fits_and_is_in_time(
            lengths in prop::collection::vec((1_usize..80, 0_u64..20_000), 0..50),
        ) {
            let settings = ServiceSettings { batch_texts_max: 8, batch_tokens_max: 100, ..Default::default() };
            let (now, pace) = (Instant::now(), Pace::unmeasured());
            let texts: Vec<_> = lengths.iter().map(|&(tokens, us)| (tokens, now + Duration::from_micros(us))).collect();
            let fits = |count: usize| {
                let tokens = texts[..count].iter().map(|text| text.0).sum();
                let end = now + pace.likely(tokens);
                count <= 1 || count <= 8 && tokens <= 100 && texts[..count].iter().all(|text| end <= text.1)
            };
            let mut batch = Filling::default();
            let taken = texts.iter().take_while(|&&(tokens, until)| batch.take(tokens, Some(until), now, &pace, &settings));
            let count = taken.count();
            prop_assert_eq!(batch.tokens(), texts[..count].iter().map(|text| text.0).sum::<usize>());
            prop_assert!(fits(count) && (count == texts.len() || !fits(count + 1)));
        }
    }
}
