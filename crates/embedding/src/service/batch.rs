//! Texts that wait, and how many of them make a batch.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::flight::Flight;
use super::settings::ServiceSettings;
use crate::cache::CacheKey;

/// One text that waits for the engine.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) key: CacheKey,
    pub(super) text: Box<str>,
    pub(super) flight: Arc<Flight>,
    pub(super) queued_at: Instant,
    pub(super) now_ms: i64,
}

/// How many of the first jobs make the next batch, and whether it is full: more would not fit.
pub(super) fn next(queue: &VecDeque<Job>, settings: &ServiceSettings) -> (usize, bool) {
    let mut tokens = 0;
    for (count, job) in queue.iter().enumerate() {
        tokens += tokens_of(&job.text);
        let over = count > 0 && tokens > settings.batch_tokens_max;
        if over || count == settings.batch_texts_max.max(1) {
            return (count, true);
        }
    }
    (queue.len(), queue.len() >= settings.batch_texts_max || tokens >= settings.batch_tokens_max)
}

/// About how many tokens a text has: a quarter of its bytes and two at the ends.
fn tokens_of(text: &str) -> usize {
    text.len() / 4 + 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn batch_is_the_longest_that_fits(lengths in prop::collection::vec(0_usize..300, 0..50)) {
            let settings = ServiceSettings { batch_texts_max: 8, batch_tokens_max: 100, ..Default::default() };
            let job = |&length: &usize| Job {
                key: CacheKey::new("", ""),
                text: "x".repeat(length).into(),
                flight: Arc::default(),
                queued_at: Instant::now(),
                now_ms: 0,
            };
            let queue: VecDeque<Job> = lengths.iter().map(job).collect();
            let tokens = |count: usize| queue.iter().take(count).map(|job| tokens_of(&job.text)).sum::<usize>();
            let (count, full) = next(&queue, &settings);
            prop_assert_eq!(count == 0, queue.is_empty());
            prop_assert!(count <= 8 && (count <= 1 || tokens(count) <= 100));
            let more_fits = count < 8 && tokens(count + 1) <= 100;
            prop_assert!(count == queue.len() || !more_fits);
            prop_assert!(count == queue.len() || full, "what does not fit makes a batch full");
        }
    }
}
