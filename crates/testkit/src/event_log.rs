//! The laws of [`EventLog`], each a function over any adapter, and a model to compare it with.
//!
//! An adapter implements [`Fixture`] and writes one line, [`event_log_laws!`](crate::event_log_laws): each law becomes
//! a test of its name.

mod durable;
mod found;
mod kept;
mod model;
mod once;
mod order;
mod sent;

pub use durable::*;
pub use found::*;
pub use kept::*;
pub use model::{Step, follows_the_model, steps};
pub use once::*;
pub use order::*;
pub use sent::{PROJECT, Sent, append, append_one, batch, read_all, store, stored};

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_domain::ports::EventLog;

use crate::world::ManualClock;

/// A place for one log, empty at first.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// Opens the log for the first time.
    async fn open(&self) -> Arc<dyn EventLog>;

    /// Closes `log` in good order and opens it again.
    async fn reopen(&self, log: Arc<dyn EventLog>) -> Arc<dyn EventLog>;

    /// The clock that the log asks.
    fn clock(&self) -> &ManualClock;

    /// Lets the next append fail half-way with an error after which later ones may succeed. False if the adapter
    /// has no way to do this.
    fn break_next_append(&self) -> bool;

    /// Lets the time pass after which a log that refused tries again.
    fn wait_out_refusal(&self);
}

/// Turns each law of the event log into one named test for one adapter: `event_log_laws!(fixture)`, where
/// `fn fixture() -> impl Fixture` gives an empty place. Needs `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! event_log_laws {
    ($fixture:path) => {
        $crate::event_log_laws!(@ $fixture;
            what_was_stored_survives_a_restart,
            what_was_a_duplicate_survives_a_restart,
            a_batch_that_failed_is_not_there_in_part,
            a_refused_batch_may_be_sent_again_as_new,
            positions_are_dense,
            readers_beside_writers_see_no_holes,
            a_read_stops_at_the_tail,
            a_waiting_reader_is_woken,
            time_never_falls,
            the_same_key_gets_the_first_receipt,
            the_same_key_with_another_body_is_refused,
            a_fingerprint_is_recognised_within_its_window,
            a_duplicate_leaves_no_key_behind,
            one_key_from_many_tasks_is_stored_once,
            every_record_of_a_stream_is_found,
            one_hash_for_project_and_session_is_found_once,
            records_are_found_by_position,
            what_is_left_after_retention_reads_as_before,
            retention_deletes_no_more_than_it_may,
            keys_are_forgotten_with_their_records,
            readers_go_on_while_the_oldest_are_deleted,
        );
    };
    (@ $fixture:path; $($law:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $law() {
                $crate::event_log::$law(&$fixture()).await;
            }
        )+
    };
}
