//! Laws of [`RateLimiter`].
//!
//! An adapter gives a [`Fixture`] and lists all laws by one line: `tidegate_testkit::rate_limiter_laws!(MyFixture);`. The
//! laws hold with a clock that runs on by itself, too: their buckets are so slow that a test's own time does not matter.

use std::sync::Arc;

use async_trait::async_trait;
use proptest::prelude::*;
use tidegate_domain::ports::{Bucket, RateLimiter, Taken};
use tidegate_domain::rate::Quota;

use crate::property;

/// Buckets to be tested, in a place of their own.
#[async_trait]
pub trait Fixture: Send + Sync + Sized + 'static {
    /// A store without buckets.
    async fn empty() -> Self;

    /// A handle on it.
    fn limiter(&self) -> Arc<dyn RateLimiter>;

    /// Another handle on the same store, as another process would have it where processes can share.
    async fn another(&self) -> Arc<dyn RateLimiter>;

    /// Lets `ms` milliseconds pass on the store's clock.
    async fn pass_ms(&self, ms: u64);
}

/// Turns each law into one named test for the adapter of one [`Fixture`].
#[macro_export]
macro_rules! rate_limiter_laws {
    ($fixture:ty) => {
        $crate::rate_limiter_laws!(@ $fixture;
            of_many_at_once_exactly_the_burst_is_admitted, tokens_come_back_with_time_and_never_beyond_the_burst,
            one_bucket_leaves_others_alone, a_refused_request_is_told_when, a_refused_request_takes_from_none,
            a_quota_counts_from_the_request_that_names_it);

        #[test]
        fn any_requests_are_answered_as_by_the_rule() {
            $crate::rate_limiter::any_requests_are_answered_as_by_the_rule::<$fixture>();
        }
    };
    (@ $fixture:ty; $($law:ident),+) => {
        $(#[tokio::test(flavor = "multi_thread")] async fn $law() { $crate::rate_limiter::$law::<$fixture>().await })+
    };
}

const MINUTE_MS: u64 = 60_000;
/// More than any law takes.
const SLACK_MS: u64 = 10_000;

/// `burst` at once, and one more a minute.
fn slow(name: &str, burst: u32) -> Bucket<'_> {
    Bucket { name, quota: Quota::per_minute(1, burst).expect("a limit") }
}

async fn take(limiter: &Arc<dyn RateLimiter>, buckets: &[Bucket<'_>]) -> Taken {
    limiter.take(buckets).await.expect("the limiter answers")
}

async fn admitted(limiter: &Arc<dyn RateLimiter>, buckets: &[Bucket<'_>]) -> bool {
    take(limiter, buckets).await.is_admitted
}

/// R1, R5: a hundred requests at once over two handles, and ten tokens.
pub async fn of_many_at_once_exactly_the_burst_is_admitted<F: Fixture>() {
    let fixture = F::empty().await;
    let handles = [fixture.limiter(), fixture.another().await];
    let mut requests = tokio::task::JoinSet::new();
    for number in 0..100 {
        let limiter = Arc::clone(&handles[number % 2]);
        requests.spawn(async move { admitted(&limiter, &[slow("a", 10), slow("roomy", 1000)]).await });
    }
    let answers = requests.join_all().await;
    assert_eq!(answers.into_iter().filter(|is_admitted| *is_admitted).count(), 10);
    let left = take(&handles[0], &[slow("roomy", 1000)]).await.remaining;
    assert_eq!(left, 1000 - 10 - 1, "R4: the refused ones took nothing");
}

/// R1: what comes back, and that a full bucket gains nothing.
pub async fn tokens_come_back_with_time_and_never_beyond_the_burst<F: Fixture>() {
    let fixture = F::empty().await;
    let limiter = fixture.limiter();
    for remaining in [2, 1, 0] {
        let taken = take(&limiter, &[slow("a", 3)]).await;
        assert!(taken.is_admitted && taken.remaining == remaining, "{taken:?}");
    }
    assert!(!admitted(&limiter, &[slow("a", 3)]).await);
    fixture.pass_ms(MINUTE_MS).await;
    assert!(admitted(&limiter, &[slow("a", 3)]).await);
    assert!(!admitted(&limiter, &[slow("a", 3)]).await);
    fixture.pass_ms(100 * MINUTE_MS).await;
    for is_admitted in [true, true, true, false] {
        assert_eq!(admitted(&limiter, &[slow("a", 3)]).await, is_admitted);
    }
}

/// R2: names that a careless key would take for one another.
pub async fn one_bucket_leaves_others_alone<F: Fixture>() {
    let fixture = F::empty().await;
    let limiter = fixture.limiter();
    let long = "x".repeat(300);
    let longer = format!("{long}x");
    for name in ["a", "A", "a ", "a:", ":a", "a%", "a*", "ä", "{a}", "a'b", "", &long, &longer] {
        let taken = take(&limiter, &[slow(name, 2)]).await;
        assert!(taken.is_admitted && taken.remaining == 1, "{name:?}: {taken:?}");
    }
}

/// R3: the wait is what it takes, and less is not enough.
pub async fn a_refused_request_is_told_when<F: Fixture>() {
    let fixture = F::empty().await;
    let limiter = fixture.limiter();
    assert!(admitted(&limiter, &[slow("a", 1), slow("b", 5)]).await);
    let refused = take(&limiter, &[slow("b", 5), slow("a", 1)]).await;
    assert_eq!((refused.is_admitted, refused.bucket, refused.remaining), (false, 1, 0));
    let wait_ms = refused.retry_after_us.div_ceil(1000);
    assert!((MINUTE_MS - SLACK_MS..=MINUTE_MS).contains(&wait_ms), "{refused:?}");
    fixture.pass_ms(wait_ms - SLACK_MS).await;
    assert!(!admitted(&limiter, &[slow("a", 1)]).await, "too soon");
    fixture.pass_ms(SLACK_MS).await;
    assert!(admitted(&limiter, &[slow("a", 1)]).await, "when it was told");
}

/// R4: in whatever place the bucket stands that refuses, and also for a bucket that was never asked for before.
pub async fn a_refused_request_takes_from_none<F: Fixture>() {
    let fixture = F::empty().await;
    let limiter = fixture.limiter();
    assert!(admitted(&limiter, &[slow("empty", 1)]).await);
    for _ in 0..3 {
        assert!(!admitted(&limiter, &[slow("before", 2), slow("empty", 1), slow("after", 2)]).await);
    }
    let taken = take(&limiter, &[slow("before", 2), slow("after", 2)]).await;
    assert!(taken.is_admitted && taken.remaining == 1, "{taken:?}");
}

/// A lowered quota makes nobody wait longer than for one token, a raised one holds at once.
pub async fn a_quota_counts_from_the_request_that_names_it<F: Fixture>() {
    let fixture = F::empty().await;
    let limiter = fixture.limiter();
    for _ in 0..50 {
        assert!(admitted(&limiter, &[slow("a", 100)]).await);
    }
    let refused = take(&limiter, &[slow("a", 2)]).await;
    assert!(!refused.is_admitted && refused.retry_after_us <= MINUTE_MS * 1000, "{refused:?}");
    assert!(admitted(&limiter, &[slow("a", 100)]).await, "the refused request took nothing");
}

/// One step of a story: so many ten seconds pass, then a request asks these of three buckets.
fn steps() -> impl Strategy<Value = Vec<(u64, [bool; 3])>> {
    prop::collection::vec((prop_oneof![3 => Just(0), 2 => 1u64..9], any::<[bool; 3]>()), 1..40)
}

/// All laws at once: any requests, with any pauses, are answered as [`Quota::decide`] says.
pub fn any_requests_are_answered_as_by_the_rule<F: Fixture>() {
    let quotas =
        [(1, 2), (2, 1), (6, 4)].map(|(rate, burst)| Quota::per_minute(rate, burst).expect("a limit"));
    property::holds(64, steps(), async |steps| {
        let fixture = F::empty().await;
        let limiter = fixture.limiter();
        let (mut now_us, mut full_at_us) = (0, [0; 3]);
        for (pauses, asks) in steps {
            fixture.pass_ms(pauses * SLACK_MS).await;
            now_us += i64::try_from(pauses * SLACK_MS * 1000).expect("a short story");
            let asked: Vec<usize> = (0..3).filter(|index| asks[*index]).collect();
            let bucket = |index: &usize| Bucket { name: ["x", "y", "z"][*index], quota: quotas[*index] };
            let taken = take(&limiter, &asked.iter().map(bucket).collect::<Vec<_>>()).await;
            let decide = |index: &usize| quotas[*index].decide(full_at_us[*index], now_us);
            let decisions: Vec<_> = asked.iter().map(decide).collect();
            let expected = Taken::of(decisions.iter().copied());
            assert_eq!((taken.is_admitted, taken.remaining), (expected.is_admitted, expected.remaining));
            if taken.is_admitted {
                asked.iter().zip(decisions).for_each(|(index, said)| full_at_us[*index] = said.full_at_us);
            }
        }
    });
}
