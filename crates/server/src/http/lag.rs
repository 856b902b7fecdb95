//! How long work waits for a processor: the sign of overload that no queue of ours shows.
//!
//! When more requests are ready than the processors can do, they wait in the runtime and in the sockets. A probe waits
//! among them. For as long as it has waited too long, bodies are refused: that costs little, so the wait becomes short
//! again, and what is admitted is answered in time. Without it everyone would wait ever longer, and give up.
//!
//! Source: Nichols, Jacobson (2012), Controlling Queue Delay: a queue is judged by the time spent in it, not by its
//! length.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Pause between two probes.
const PAUSE: Duration = Duration::from_millis(5);
/// The probe is not waiting.
const IDLE: u64 = u64::MAX;

/// The probe.
pub struct Lag {
    origin: Instant,
    /// Since when the probe waits for its turn, in microseconds after `origin`.
    waits_since_us: AtomicU64,
}

impl Default for Lag {
    fn default() -> Self {
        Self { origin: Instant::now(), waits_since_us: AtomicU64::new(IDLE) }
    }
}

impl Lag {
    /// Probes the runtime it runs on, for ever.
    pub async fn probe(&self) {
        loop {
            self.waits_since_us.store(self.now_us(), Ordering::Relaxed);
            tokio::task::yield_now().await;
            self.waits_since_us.store(IDLE, Ordering::Relaxed);
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// How long work that became ready has been waiting for its turn; zero if none is.
    pub fn behind(&self) -> Duration {
        let since = self.waits_since_us.load(Ordering::Relaxed);
        Duration::from_micros(if since == IDLE { 0 } else { self.now_us().saturating_sub(since) })
    }

    fn now_us(&self) -> u64 {
        self.origin.elapsed().as_micros() as u64
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn work_that_waits_is_seen_until_it_had_its_turn() {
        let lag = Arc::new(Lag::default());
        let mut tasks = tokio::task::JoinSet::new();
        let probing = Arc::clone(&lag);
        tasks.spawn(async move { probing.probe().await });
        assert_eq!(lag.behind(), Duration::ZERO);
        // On this runtime's one thread: the probe begins, and waits while this task does not let go.
        tokio::task::yield_now().await;
        std::thread::sleep(Duration::from_millis(20));
        assert!(lag.behind() >= Duration::from_millis(20), "{:?}", lag.behind());
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(lag.behind(), Duration::ZERO);
    }
}
