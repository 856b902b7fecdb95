//! Time and randomness as ports, so that tests and the simulator can hold them.

use crate::time::UnixMs;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The present moment. May step backwards; whoever needs order must not rely on it.
    fn now(&self) -> UnixMs;
}

/// A source of unpredictable bytes, for secrets and salts.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with bytes that nobody can guess.
    fn fill(&self, bytes: &mut [u8]);
}
