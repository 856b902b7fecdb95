//! The rate limiter of one process: its buckets in memory, forgotten when they are full, and with the process.
//!
//! One lock for all of them, held for less than a microsecond a request, and about 100 bytes a bucket.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tidegate_domain::ports::{Bucket, Clock, RateLimiter, RateLimiterError, Taken};
use tidegate_domain::rate::Decision;

/// So many buckets are kept before full ones are looked for.
const SWEEP_LEAST: usize = 1024;
/// Least time between two looks through all buckets while the most are in use, in microseconds.
const SWEEP_PAUSE_US: u64 = 1_000_000;

/// Token buckets in memory.
pub struct EmbeddedRateLimiter {
    clock: Arc<dyn Clock>,
    buckets_max: usize,
    buckets: Mutex<Buckets>,
}

struct Buckets {
    /// When each is full again.
    full_at_us: HashMap<Box<str>, i64>,
    /// So many, and full ones are looked for.
    sweep_at: usize,
    swept_at_us: i64,
    /// The last moment, and what the clock has stepped back so far.
    moment_us: i64,
    behind_us: i64,
}

impl EmbeddedRateLimiter {
    /// No buckets yet, and at most `buckets_max` that are not full.
    pub fn new(clock: Arc<dyn Clock>, buckets_max: usize) -> Self {
        let buckets = Buckets {
            full_at_us: HashMap::new(),
            sweep_at: SWEEP_LEAST.min(buckets_max),
            swept_at_us: i64::MIN,
            moment_us: i64::MIN,
            behind_us: 0,
        };
        Self { clock, buckets_max, buckets: Mutex::new(buckets) }
    }
}

#[async_trait]
impl RateLimiter for EmbeddedRateLimiter {
    async fn take(&self, asked: &[Bucket<'_>]) -> Result<Taken, RateLimiterError> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let now_us = buckets.moment(self.clock.now().0.saturating_mul(1000));
        let taken = Taken::of(asked.iter().map(|bucket| buckets.decide(bucket, now_us)));
        if taken.is_admitted {
            buckets.make_room(asked, self.buckets_max, now_us)?;
            asked.iter().for_each(|bucket| buckets.take(bucket, now_us));
        }
        Ok(taken)
    }
}

impl Buckets {
    /// The moment at which the clock shows `clock_us`. It never goes back: where the clock does, it goes on from there.
    fn moment(&mut self, clock_us: i64) -> i64 {
        self.behind_us += self.moment_us.saturating_sub(clock_us.saturating_add(self.behind_us)).max(0);
        self.moment_us = clock_us.saturating_add(self.behind_us);
        self.moment_us
    }

    fn decide(&self, bucket: &Bucket<'_>, now_us: i64) -> Decision {
        let full_at_us = self.full_at_us.get(bucket.name).copied().unwrap_or(i64::MIN);
        bucket.quota.decide(full_at_us, now_us)
    }

    fn take(&mut self, bucket: &Bucket<'_>, now_us: i64) {
        let full_at_us = self.decide(bucket, now_us).full_at_us;
        match self.full_at_us.get_mut(bucket.name) {
            Some(kept) => *kept = full_at_us,
            None => drop(self.full_at_us.insert(bucket.name.into(), full_at_us)),
        }
    }

    /// Sees to it that all of `asked` can be kept. Looking through the buckets costs each new one little: they have
    /// doubled since the last time, or that was a while ago.
    fn make_room(&mut self, asked: &[Bucket<'_>], max: usize, now_us: i64) -> Result<(), RateLimiterError> {
        let new = asked.iter().filter(|bucket| !self.full_at_us.contains_key(bucket.name)).count();
        let wanted = self.full_at_us.len() + new;
        if new == 0 || wanted <= self.sweep_at {
            return Ok(());
        }
        if wanted <= max || now_us.abs_diff(self.swept_at_us) >= SWEEP_PAUSE_US {
            self.full_at_us.retain(|_, full_at_us| *full_at_us > now_us);
            self.swept_at_us = now_us;
            self.sweep_at = (self.full_at_us.len() * 2).max(SWEEP_LEAST).min(max);
        }
        let is_room = self.full_at_us.len() + new <= max;
        if is_room { Ok(()) } else { Err(RateLimiterError::Full { max }) }
    }
}
