//! Rate limiter: the buckets of all callers, taken from by one request at a time.

use std::error::Error;

use async_trait::async_trait;

use crate::rate::{Decision, Quota};

/// A bucket as a request asks for it: made full when it is first asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket<'a> {
    /// Its name: buckets of one name are one bucket.
    pub name: &'a str,
    /// What it lets through, from this request on.
    pub quota: Quota,
}

/// What a request was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// True if every bucket had a token, and each gave one; else none did.
    pub is_admitted: bool,
    /// Index of the bucket that decides: of those that refuse, the one with the longest wait; if none does, the one with
    /// the fewest tokens left.
    pub bucket: usize,
    /// Tokens left in that bucket.
    pub remaining: u32,
    /// Time until that bucket has a token; 0 if the request was admitted.
    pub retry_after_us: u64,
    /// Time until that bucket is full.
    pub full_after_us: u64,
}

impl Taken {
    /// What a request is told by the `decisions` of its buckets, in their order. Adapters share this.
    pub fn of(decisions: impl Iterator<Item = Decision>) -> Self {
        let nothing_asked =
            Self { is_admitted: true, bucket: 0, remaining: u32::MAX, retry_after_us: 0, full_after_us: 0 };
        decisions.enumerate().fold(nothing_asked, |so_far, (bucket, decision)| {
            let Decision { is_admitted, remaining, retry_after_us, full_after_us, .. } = decision;
            let is_stricter = match (so_far.is_admitted, is_admitted) {
                (true, true) => remaining < so_far.remaining,
                (false, false) => retry_after_us > so_far.retry_after_us,
                (was_admitted, _) => was_admitted,
            };
            if is_stricter {
                Self { is_admitted, bucket, remaining, retry_after_us, full_after_us }
            } else {
                so_far
            }
        })
    }
}

/// Why there is no answer. Limits protect and prove nothing: whoever asked admits the request.
#[derive(Debug, thiserror::Error)]
pub enum RateLimiterError {
    /// More buckets are in use than may be remembered.
    #[error("all {max} buckets are in use")]
    Full {
        /// The limit.
        max: usize,
    },
    /// The store did not answer. The request may have been counted.
    #[error("the rate limiter's store is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

/// Token buckets by name.
///
/// The moment of a request is the store's, so that processes which share buckets need not agree on the time. One call is
/// one round trip, whatever the number of buckets.
///
/// Laws, run against every adapter by `testkit::rate_limiter`:
/// - **R1 exact**: in any time `t` a bucket admits at most `burst + t / interval` requests, however many ask at once, and
///   never fewer if asked for.
/// - **R2 apart**: what is taken from one bucket changes no other, however alike their names.
/// - **R3 told**: whoever is refused is admitted after `retry_after_us` if nobody else comes, and no sooner.
/// - **R4 all or nothing**: a request that one bucket refuses takes from none.
/// - **R5 shared**: every handle on one store takes from the same buckets.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Takes one token from each of `buckets`, which have names of their own, or none from any.
    ///
    /// Errors: [`RateLimiterError`]; none is worth a retry within the request.
    async fn take(&self, buckets: &[Bucket<'_>]) -> Result<Taken, RateLimiterError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(remaining: u32, retry_after_us: u64) -> Decision {
        let is_admitted = retry_after_us == 0;
        Decision { is_admitted, full_at_us: 0, remaining, retry_after_us, full_after_us: 7 }
    }

    #[test]
    fn the_longest_wait_decides_or_else_the_fewest_tokens() {
        let of = |decisions: &[Decision]| {
            let taken = Taken::of(decisions.iter().copied());
            (taken.is_admitted, taken.bucket)
        };
        assert_eq!(of(&[decision(5, 0), decision(2, 0), decision(9, 0)]), (true, 1));
        assert_eq!(of(&[decision(1, 0), decision(0, 20), decision(0, 30)]), (false, 2));
        assert_eq!(of(&[decision(0, 30), decision(0, 20), decision(1, 0)]), (false, 0));
        assert_eq!(of(&[]), (true, 0));
    }
}
