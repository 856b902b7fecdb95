//! Laws of [`Jobs`].
//!
//! An adapter gives a [`Fixture`] and lists all laws by one line: `tidegate_testkit::jobs_laws!(MyFixture);`. Time is a
//! value in every call, so no law waits.

mod dead;
mod history;
mod holders;
mod kept;
mod model;
mod together;

use async_trait::async_trait;
use tidegate_domain::ports::{JobOutcome, JobStats, Jobs, LeasedJob, NewJob, Settled};
use tidegate_domain::time::UnixMs;

pub use dead::{
    a_dead_job_is_leased_again_only_when_it_is_revived, the_dead_are_listed_for_their_own_project,
};
pub use history::any_history_follows_the_model;
pub use holders::{
    a_job_is_held_by_one_until_its_lease_ends, higher_priority_goes_first_then_what_was_due_longest,
    nothing_is_leased_early_or_of_a_paused_kind,
};
pub use kept::{
    of_one_key_one_waits, what_is_tried_again_becomes_one_with_what_came_meanwhile,
    what_was_answered_is_there_after_reopening, while_one_is_held_the_next_of_its_key_waits,
};
pub use together::{handles_never_hold_the_same_job, nothing_is_lost_while_handles_race};

/// Jobs to be tested, in a place of their own.
#[async_trait]
pub trait Fixture: Send + Sync + Sized + 'static {
    /// A store without jobs and kinds.
    async fn empty() -> Self;

    /// The jobs under test.
    fn jobs(&self) -> &dyn Jobs;

    /// The same store, as another process would open it.
    async fn another(&self) -> Box<dyn Jobs>;

    /// The same store, closed and opened again, or left behind as by a crash.
    async fn reopen(self) -> Self;
}

/// Turns each law into one named test for the adapter of one [`Fixture`].
#[macro_export]
macro_rules! jobs_laws {
    ($fixture:ty) => {
        $crate::jobs_laws!(@ $fixture;
            what_was_answered_is_there_after_reopening, of_one_key_one_waits,
            while_one_is_held_the_next_of_its_key_waits,
            what_is_tried_again_becomes_one_with_what_came_meanwhile, a_job_is_held_by_one_until_its_lease_ends,
            higher_priority_goes_first_then_what_was_due_longest, nothing_is_leased_early_or_of_a_paused_kind,
            a_dead_job_is_leased_again_only_when_it_is_revived, the_dead_are_listed_for_their_own_project,
            handles_never_hold_the_same_job, nothing_is_lost_while_handles_race);
        #[test]
        fn any_history_follows_the_model() {
            $crate::jobs::any_history_follows_the_model::<$fixture>()
        }
    };
    (@ $fixture:ty; $($law:ident),+) => {
        $(#[tokio::test(flavor = "multi_thread")] async fn $law() { $crate::jobs::$law::<$fixture>().await })+
    };
}

const NOW: UnixMs = UnixMs(1_763_640_000_000);
const KIND: &str = "session";
/// How long a lease is where a law does not look at its end.
const TTL_MS: i64 = 60_000;

fn job(key: &str, version: u64) -> NewJob {
    NewJob {
        kind: KIND.to_owned(),
        project: "p".to_owned(),
        key: key.to_owned(),
        version,
        payload: format!(r#"{{"of":"{key}, ü \u0000 \"x\"","version":{version}}}"#),
        priority: 5,
        run_at: NOW,
    }
}

async fn enqueue(jobs: &dyn Jobs, new: &[NewJob], now: UnixMs) {
    jobs.enqueue(new, now).await.expect("enqueue");
}

async fn lease(jobs: &dyn Jobs, max: usize, now: UnixMs) -> Vec<LeasedJob> {
    jobs.lease(&[KIND], max, now, TTL_MS).await.expect("lease")
}

/// Leases the one job that is due.
async fn lease_one(jobs: &dyn Jobs, now: UnixMs) -> LeasedJob {
    let mut leased = lease(jobs, 10, now).await;
    assert_eq!(leased.len(), 1, "{leased:?}");
    leased.remove(0)
}

fn as_settled(held: &LeasedJob, outcome: JobOutcome) -> Settled {
    Settled { id: held.id, lease: held.lease, outcome }
}

/// Settles one job; true if it was still held.
async fn settle(jobs: &dyn Jobs, held: &LeasedJob, outcome: JobOutcome, now: UnixMs) -> bool {
    jobs.settle(&[as_settled(held, outcome)], now).await.expect("settle") == 1
}

async fn stats(jobs: &dyn Jobs, now: UnixMs) -> Vec<JobStats> {
    jobs.stats(now).await.expect("stats")
}

/// Numbers of [`KIND`]: waiting, active, delayed, failed, completed.
async fn numbers(jobs: &dyn Jobs, now: UnixMs) -> [u64; 5] {
    let stats = stats(jobs, now).await;
    let of = stats.iter().find(|stats| stats.kind == KIND).expect("a kind that was enqueued");
    [of.waiting, of.active, of.delayed, of.failed, of.completed]
}

fn retry(run_at: UnixMs) -> JobOutcome {
    JobOutcome::Retry { run_at, error: "timed out".to_owned() }
}

fn dead() -> JobOutcome {
    JobOutcome::Dead { error: "refused".to_owned() }
}
