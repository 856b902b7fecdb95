//! The rate limiter in memory: every law, and how much it remembers.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its world fails")]

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_domain::ports::{Bucket, RateLimiter, RateLimiterError};
use tidegate_domain::rate::Quota;
use tidegate_store_embedded::rates::EmbeddedRateLimiter;
use tidegate_testkit::rate_limiter::Fixture;
use tidegate_testkit::world::ManualClock;

const MINUTE_MS: u64 = 60_000;

struct Embedded {
    clock: Arc<ManualClock>,
    limiter: Arc<EmbeddedRateLimiter>,
}

fn with_room_for(buckets_max: usize) -> Embedded {
    let clock = Arc::new(ManualClock::default());
    Embedded { clock: Arc::clone(&clock), limiter: Arc::new(EmbeddedRateLimiter::new(clock, buckets_max)) }
}

#[async_trait]
impl Fixture for Embedded {
    async fn empty() -> Self {
        with_room_for(1000)
    }

    fn limiter(&self) -> Arc<dyn RateLimiter> {
        self.limiter.clone()
    }

    async fn another(&self) -> Arc<dyn RateLimiter> {
        self.limiter.clone()
    }

    async fn pass_ms(&self, ms: u64) {
        self.clock.advance_ms(i64::try_from(ms).unwrap());
    }
}

tidegate_testkit::rate_limiter_laws!(Embedded);

/// Whether a request is admitted to the bucket `number`, which has one token a minute.
async fn ask(fixture: &Embedded, number: usize) -> Result<bool, RateLimiterError> {
    let (name, quota) = (format!("bucket {number}"), Quota::per_minute(1, 1).unwrap());
    fixture.limiter.take(&[Bucket { name: &name, quota }]).await.map(|taken| taken.is_admitted)
}

#[tokio::test]
async fn a_full_bucket_is_forgotten_and_makes_room() {
    let fixture = with_room_for(3000);
    for round in 0..5 {
        for number in 0..3000 {
            assert!(ask(&fixture, round * 10_000 + number).await.unwrap(), "{round}: {number}");
        }
        fixture.pass_ms(MINUTE_MS).await;
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_full_is_not_forgotten() {
    let fixture = with_room_for(3000);
    assert!(ask(&fixture, 0).await.unwrap());
    fixture.pass_ms(MINUTE_MS - 1).await;
    for number in 1..3000 {
        assert!(ask(&fixture, number).await.unwrap());
    }
    assert!(!ask(&fixture, 0).await.unwrap());
}

#[tokio::test]
async fn beyond_the_most_a_new_bucket_is_an_error_and_known_ones_still_count() {
    let fixture = with_room_for(3000);
    for number in 0..3000 {
        assert!(ask(&fixture, number).await.unwrap());
    }
    for number in 3000..3010 {
        assert!(matches!(ask(&fixture, number).await, Err(RateLimiterError::Full { max: 3000 })));
    }
    for number in 0..3000 {
        assert!(!ask(&fixture, number).await.unwrap(), "{number} was not forgotten");
    }
    fixture.pass_ms(MINUTE_MS).await;
    assert!(ask(&fixture, 3000).await.unwrap());
}

#[tokio::test]
async fn a_clock_that_steps_back_makes_nobody_wait_for_it() {
    let fixture = with_room_for(10);
    assert!(ask(&fixture, 0).await.unwrap());
    fixture.clock.advance_ms(-3_600_000);
    assert!(!ask(&fixture, 0).await.unwrap());
    fixture.pass_ms(MINUTE_MS - 1).await;
    assert!(!ask(&fixture, 0).await.unwrap());
    fixture.pass_ms(1).await;
    assert!(ask(&fixture, 0).await.unwrap());
}
