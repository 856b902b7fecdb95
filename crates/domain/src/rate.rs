//! Rate limits: a token bucket kept as one moment.
//!
//! A bucket holds `burst` tokens, and one comes back every `interval_us`; a request takes one. Instead of tokens, the
//! moment is kept at which the bucket is full again: the theoretical arrival time. A bucket nobody knows is full, so one
//! whose moment has passed may be forgotten.
//!
//! Time is in microseconds, which an f64 still counts exactly: a store may compute this rule in its own language.
//!
//! Source: ITU-T I.371 (2004), annex A: the generic cell rate algorithm, virtual scheduling.

const MINUTE_US: u64 = 60_000_000;

/// How many requests a bucket lets through: `burst` at once, and one more every `interval_us`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    burst: u32,
    interval_us: u64,
}

/// What a bucket says to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// True if there was a token.
    pub is_admitted: bool,
    /// When the bucket is full again: what is kept of it if the request is admitted.
    pub full_at_us: i64,
    /// Tokens left.
    pub remaining: u32,
    /// Time until there is a token; 0 if there was one.
    pub retry_after_us: u64,
    /// Time until the bucket is full.
    pub full_after_us: u64,
}

impl Quota {
    /// `requests` a minute, `burst` of them at once; a burst of 0 is a whole minute's. `None` if `requests` is 0: no limit.
    ///
    /// The interval is rounded up to whole microseconds, so that the rate is never above what is named, and below it by
    /// `requests / 60 000 000` at most.
    pub fn per_minute(requests: u32, burst: u32) -> Option<Self> {
        let interval_us = MINUTE_US.checked_div(u64::from(requests))?;
        let interval_us = interval_us + u64::from(interval_us * u64::from(requests) < MINUTE_US);
        Some(Self { burst: if burst == 0 { requests } else { burst }, interval_us })
    }

    /// Most requests at once.
    pub fn burst(self) -> u32 {
        self.burst
    }

    /// Time in which one token comes back.
    pub fn interval_us(self) -> u64 {
        self.interval_us
    }

    /// Time in which an empty bucket fills.
    pub fn capacity_us(self) -> u64 {
        u64::from(self.burst).saturating_mul(self.interval_us)
    }

    /// Whether a request at `now_us` gets a token of the bucket that is full at `full_at_us`.
    ///
    /// In any time `t` at most `burst + t / interval` requests are admitted. `now_us` must not step back, or a bucket
    /// stays empty until it is where it was. A quota that was lowered finds the bucket empty at most.
    pub fn decide(self, full_at_us: i64, now_us: i64) -> Decision {
        let capacity_us = self.capacity_us();
        let lacking_us = u64::try_from(full_at_us.saturating_sub(now_us)).unwrap_or(0).min(capacity_us);
        let taken_us = lacking_us + self.interval_us;
        let is_admitted = taken_us <= capacity_us;
        let full_after_us = if is_admitted { taken_us } else { lacking_us };
        Decision {
            is_admitted,
            full_at_us: now_us.saturating_add_unsigned(full_after_us),
            remaining: u32::try_from((capacity_us - full_after_us) / self.interval_us).unwrap_or(u32::MAX),
            retry_after_us: taken_us.saturating_sub(capacity_us),
            full_after_us,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rule as told: tokens that come back with time, here in parts of a microsecond's worth.
    struct Bucket {
        quota: Quota,
        filled_us: u64,
        at_us: i64,
    }

    impl Bucket {
        fn take(&mut self, now_us: i64) -> bool {
            let passed = u64::try_from(now_us - self.at_us).unwrap();
            self.filled_us = (self.filled_us + passed).min(self.quota.capacity_us());
            self.at_us = now_us;
            let has_token = self.filled_us >= self.quota.interval_us;
            self.filled_us -= if has_token { self.quota.interval_us } else { 0 };
            has_token
        }
    }

    fn quota() -> impl Strategy<Value = Quota> {
        (1u32..1_000_000, 0u32..20).prop_map(|(requests, burst)| Quota::per_minute(requests, burst).unwrap())
    }

    /// Pauses from nothing to several times what one token takes, often at its edge.
    fn pauses() -> impl Strategy<Value = Vec<(u64, i64)>> {
        prop::collection::vec((0u64..4, -2i64..3), 1..80)
    }

    proptest! {
        #[test]
        fn it_says_what_a_bucket_of_tokens_says(quota in quota(), pauses in pauses(), start in 0i64..1 << 51) {
            let (mut now, mut full_at) = (start, 0);
            let mut bucket = Bucket { quota, filled_us: quota.capacity_us(), at_us: now };
            for (tokens, edge) in pauses {
                now = now.saturating_add_unsigned(tokens * quota.interval_us).saturating_add(edge).max(now);
                let decision = quota.decide(full_at, now);
                prop_assert_eq!(decision.is_admitted, bucket.take(now));
                prop_assert_eq!(u64::from(decision.remaining), bucket.filled_us / quota.interval_us);
                prop_assert_eq!(decision.full_after_us, quota.capacity_us() - bucket.filled_us);
                full_at = decision.full_at_us;
            }
        }

        #[test]
        fn in_no_stretch_of_time_more_than_the_burst_and_what_comes_back(quota in quota(), pauses in pauses()) {
            let (mut now, mut full_at, mut admitted) = (0i64, 0, Vec::new());
            for (tokens, edge) in pauses {
                now = now.saturating_add_unsigned(tokens * quota.interval_us / 2).saturating_add(edge).max(now);
                let decision = quota.decide(full_at, now);
                full_at = decision.full_at_us;
                admitted.extend(decision.is_admitted.then_some(now));
            }
            for (first, from) in admitted.iter().enumerate() {
                for (last, to) in admitted.iter().enumerate().skip(first) {
                    let most = u64::from(quota.burst) + from.abs_diff(*to) / quota.interval_us;
                    prop_assert!((last - first + 1) as u64 <= most, "{from} to {to}: more than {most}");
                }
            }
        }

        #[test]
        fn a_refused_request_is_told_when(quota in quota(), now in 0i64..1 << 51, ahead_us in 0u64..1 << 40) {
            let full_at = now.saturating_add_unsigned(ahead_us);
            let refused = quota.decide(full_at, now);
            prop_assume!(!refused.is_admitted);
            let then = now.saturating_add_unsigned(refused.retry_after_us);
            prop_assert!(refused.retry_after_us <= quota.interval_us, "an empty bucket has a token in an interval");
            prop_assert!(quota.decide(refused.full_at_us, then).is_admitted);
            prop_assert!(!quota.decide(refused.full_at_us, then - 1).is_admitted);
        }

        #[test]
        fn the_rate_is_never_above_what_is_named(requests in 1u32..=1_000_000) {
            let interval_us = Quota::per_minute(requests, 1).unwrap().interval_us;
            prop_assert!(interval_us * u64::from(requests) >= MINUTE_US);
            prop_assert!((interval_us - 1) * u64::from(requests) < MINUTE_US, "and no lower than it must be");
        }
    }

    #[test]
    fn nothing_a_minute_is_no_limit_and_no_burst_is_a_minutes() {
        assert_eq!(Quota::per_minute(0, 5), None);
        let quota = Quota::per_minute(1000, 0).unwrap();
        assert_eq!((quota.burst(), quota.interval_us(), quota.capacity_us()), (1000, 60_000, MINUTE_US));
    }
}
