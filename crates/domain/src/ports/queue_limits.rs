//! When a log refuses what is to be appended, the same for every adapter.

use super::AppendError;

/// When the queue refuses (law 8).
#[derive(Clone, Copy, Debug)]
pub struct QueueLimits {
    /// Most events that may wait.
    pub depth_max: usize,
    /// Most bytes that may wait.
    pub bytes_max: usize,
    /// Share of either at which appends are refused, in (0, 1]; 1 is the hard limit.
    pub threshold: f64,
    /// What a refused client is told to wait, in seconds.
    pub retry_after_s: u32,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { depth_max: 100_000, bytes_max: 64 << 20, threshold: 0.8, retry_after_s: 1 }
    }
}

impl QueueLimits {
    /// Refuses `events` and `bytes` more beside `depth` events and `waiting_bytes` bytes that wait, if they are too many.
    ///
    /// Errors: [`AppendError::Overloaded`]; may be retried.
    pub fn admit(
        &self,
        (depth, waiting_bytes): (usize, usize),
        (events, bytes): (usize, usize),
    ) -> Result<(), AppendError> {
        let over = |value: usize, max: usize| value as f64 > max as f64 * self.threshold;
        if over(depth + events, self.depth_max) || over(waiting_bytes + bytes, self.bytes_max) {
            let retry_after_s = self.retry_after_s;
            return Err(AppendError::Overloaded { depth, bytes: waiting_bytes, retry_after_s });
        }
        Ok(())
    }
}
