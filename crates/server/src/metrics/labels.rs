//! Counters by labels that clients choose: the first pairs get their own, the rest share one. What does not look like
//! a name is no label: metrics are read without a key, and somebody's number or address may stand in any field.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use prometheus::{IntCounter, IntCounterVec};

/// Most pairs of labels with a counter of their own.
const PAIRS_MAX: usize = 200;
/// Longest name, in bytes, and most digits of one: `chat.v2` is a name, a telephone number is none.
const NAME_MAX_BYTES: usize = 40;
const NAME_MAX_DIGITS: usize = 3;
/// The label of all others.
const OTHER: &str = "other";

/// `text` if it looks like a name.
fn label(text: &str) -> &str {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if is_plain && digits <= NAME_MAX_DIGITS && text.len() <= NAME_MAX_BYTES { text } else { OTHER }
}

type Pairs = HashMap<String, HashMap<String, IntCounter>>;

/// Counters by (platform, type), at most [`PAIRS_MAX`] of them and one for the rest.
pub(super) struct Bounded {
    counters: IntCounterVec,
    known: RwLock<(usize, Pairs)>,
}

impl Bounded {
    pub(super) fn new(counters: IntCounterVec) -> Self {
        Self { counters, known: RwLock::default() }
    }

    /// Adds `events` of one pair.
    pub(super) fn add(&self, platform: &str, event_type: &str, events: u64) {
        let (platform, event_type) = (label(platform), label(event_type));
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = known.1.get(platform).and_then(|types| types.get(event_type)) {
            return counter.inc_by(events);
        }
        let is_full = known.0 >= PAIRS_MAX;
        drop(known);
        if is_full {
            return self.counters.with_label_values(&[OTHER, OTHER]).inc_by(events);
        }
        let counter = self.counters.with_label_values(&[platform, event_type]);
        counter.inc_by(events);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.1.entry(platform.to_owned()).or_default().insert(event_type.to_owned(), counter).is_none() {
            known.0 += 1;
        }
    }
}

/// Counts events of one request: neighbours of one pair are added at once, when the pair changes or at the end.
pub struct Received<'m> {
    metrics: &'m super::Metrics,
    platform: String,
    event_type: String,
    events: u64,
}

impl<'m> Received<'m> {
    /// A count of zero.
    pub fn new(metrics: &'m super::Metrics) -> Self {
        Self { metrics, platform: String::new(), event_type: String::new(), events: 0 }
    }

    /// One event of this pair passed validation.
    pub fn count(&mut self, platform: &str, event_type: &str) {
        if self.platform != platform || self.event_type != event_type {
            self.flush();
            platform.clone_into(&mut self.platform);
            event_type.clone_into(&mut self.event_type);
        }
        self.events += 1;
    }

    fn flush(&mut self) {
        if self.events > 0 {
            self.metrics.received.add(&self.platform, &self.event_type, self.events);
            self.events = 0;
        }
    }
}

impl Drop for Received<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use prometheus::Opts;
    use prometheus::core::Collector;

    use super::*;

    #[test]
    fn a_client_cannot_make_the_registry_grow() {
        let counters = IntCounterVec::new(Opts::new("x", "x"), &["a", "b"]).unwrap();
        let bounded = Bounded::new(counters.clone());
        // Numbers as letters: more digits would be no name.
        let name = |n: u32| n.to_string().bytes().map(|digit| (digit + 49) as char).collect::<String>();
        (0..10_000).for_each(|n| bounded.add("api", &name(n), 1));
        let metrics = counters.collect()[0].get_metric().len();
        assert!(metrics <= PAIRS_MAX + 1, "{metrics}");
        assert_eq!(counters.with_label_values(&[OTHER, OTHER]).get(), 10_000 - PAIRS_MAX as u64);
    }

    #[test]
    fn what_is_no_name_is_no_label() {
        for name in ["message.user", "Discord", "chat-v2", "a_b"] {
            assert_eq!(label(name), name);
        }
        for other in ["ann@example.org", "+49 30 1234", "4111111111111111", "two words", "é", &"x".repeat(41)]
        {
            assert_eq!(label(other), OTHER);
        }
    }
}
