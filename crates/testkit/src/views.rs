//! Laws of [`Views`], and a model every adapter must agree with.
//!
//! An adapter gives a [`Fixture`] and lists all laws by one line: `tidegate_testkit::views_laws!(MyFixture);`.

mod agreement;
mod cuts;
mod model;
mod order;
mod story;
mod together;

use async_trait::async_trait;
use tidegate_domain::ports::Views;
use tidegate_domain::risk::HalfLife;

pub use agreement::every_read_agrees_with_the_model;
pub use cuts::how_the_log_was_cut_does_not_show;
pub use order::{pages_hold_every_row_that_did_not_change_once, risky_pages_hold_every_position_once};
pub use together::{
    a_failed_commit_leaves_nothing, no_read_returns_another_projects_row, readers_see_whole_batches,
    the_newest_snapshots_come_oldest_first, what_was_committed_is_there_after_reopening,
};

/// The half-life every fixture opens its Views with.
pub const HALF_LIFE: HalfLife = HalfLife { ms: 60_000 };
/// The fold version every fixture opens its Views with.
pub const FOLD_VERSION: &str = "testkit-1";

/// Views to be tested, in a place of their own.
#[async_trait]
pub trait Fixture: Send + Sync + Sized + 'static {
    /// Empty Views with [`HALF_LIFE`] and [`FOLD_VERSION`].
    async fn empty() -> Self;

    /// The Views under test.
    fn views(&self) -> &dyn Views;

    /// The same Views, closed and opened again, or left behind as by a crash.
    async fn reopen(self) -> Self;

    /// From now on every commit fails at this moment; with `None`, none does.
    async fn fail_commits(&self, at: Option<Moment>);
}

/// A moment of a commit that writes sessions, assessments and its checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// When an assessment is written.
    Assessment,
    /// When the checkpoint is written.
    Checkpoint,
}

/// Turns each law into one named test for the adapter of one [`Fixture`].
#[macro_export]
macro_rules! views_laws {
    ($fixture:ty) => {
        $crate::views_laws!(@async $fixture;
            a_failed_commit_leaves_nothing, readers_see_whole_batches, what_was_committed_is_there_after_reopening,
            no_read_returns_another_projects_row, the_newest_snapshots_come_oldest_first, pages_hold_every_row_that_did_not_change_once,
            risky_pages_hold_every_position_once);
        $crate::views_laws!(@property $fixture;
            every_read_agrees_with_the_model, how_the_log_was_cut_does_not_show);
    };
    (@async $fixture:ty; $($law:ident),+) => {
        $(#[tokio::test] async fn $law() { $crate::views::$law::<$fixture>().await })+
    };
    (@property $fixture:ty; $($law:ident),+) => {
        $(#[test] fn $law() { $crate::views::$law::<$fixture>() })+
    };
}
