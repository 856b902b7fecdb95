//! The one place that asks the system for the time and for randomness.

use std::time::{SystemTime, UNIX_EPOCH};

use tidegate_domain::ports::{Clock, Entropy};
use tidegate_domain::time::UnixMs;

/// The system's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the Clock that everything else takes")]
    fn now(&self) -> UnixMs {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The system's randomness.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // A machine without randomness cannot make keys; nothing sensible can be done instead.
        getrandom::fill(bytes).expect("the operating system has no randomness");
    }
}
