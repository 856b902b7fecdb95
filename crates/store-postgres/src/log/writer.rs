//! The task that writes: one transaction a group, in two round trips, then the answers.

use std::sync::Arc;
use std::time::Duration;

use tidegate_domain::ports::{AppendError, Appended};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep};

use super::queue::Pending;
use super::shared::Shared;
use super::transaction::{Attempt, Doubt, try_append};
use crate::database::DatabaseError;

/// How often a group is tried that other transactions, or a broken connection, get in the way of.
const ATTEMPTS_MAX: usize = 5;
/// How long until the database is asked again what became of a transaction.
const DOUBT_PAUSE: Duration = Duration::from_millis(50);

/// Runs until the queue is closed and empty.
pub(super) async fn run(shared: Arc<Shared>, mut waiting: UnboundedReceiver<Pending>) {
    while let Some(first) = waiting.recv().await {
        let mut bytes = first.batch.bytes.len();
        let mut group = vec![first];
        while bytes < shared.config.group_max_bytes
            && let Ok(next) = waiting.try_recv()
        {
            bytes += next.batch.bytes.len();
            group.push(next);
        }
        let outcome = append(&shared, &group).await;
        // What is being written still waits, as far as back-pressure goes.
        group.iter().for_each(|pending| shared.queue.took(pending));
        answer(group, outcome);
    }
}

fn answer(group: Vec<Pending>, outcome: Result<Vec<Vec<Appended>>, DatabaseError>) {
    match outcome {
        Ok(answers) => {
            for (pending, answers) in group.into_iter().zip(answers) {
                // A caller that went away gets no answer, but its events are durable all the same.
                let _ = pending.reply.send(Ok(answers));
            }
        }
        Err(error) => {
            let error = Arc::new(error);
            let cause: &dyn std::error::Error = error.as_ref();
            tracing::warn!(error = cause, batches = group.len(), "log: a group was not appended");
            for pending in group {
                let _ = pending.reply.send(Err(AppendError::Unavailable(Arc::clone(&error).into())));
            }
        }
    }
}

/// Appends a group: at once, or again where that can help.
async fn append(shared: &Shared, group: &[Pending]) -> Result<Vec<Vec<Appended>>, DatabaseError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let error = match try_append(shared, group).await {
            Attempt::Done(answers) => return Ok(answers),
            Attempt::Failed(error) => error,
            Attempt::InDoubt(doubt, error) => match settle(shared, &doubt).await {
                Some(true) => {
                    shared.publish(doubt.tail);
                    return Ok(doubt.answers);
                }
                Some(false) => error,
                None => return Err(error),
            },
        };
        let is_broken = matches!(&error, DatabaseError::Answer(_)) && !error.is_refusal();
        let may_help = error.is_contention() || is_broken;
        if !may_help || attempts == ATTEMPTS_MAX {
            return Err(error);
        }
    }
}

/// True if the transaction was committed, false if it was not, `None` if nobody could say in time.
async fn settle(shared: &Shared, doubt: &Doubt) -> Option<bool> {
    let deadline = Instant::now() + shared.database.timeout;
    while Instant::now() < deadline {
        match status(shared, doubt).await {
            Ok(Some(status)) if status == "committed" => return Some(true),
            Ok(Some(status)) if status == "aborted" => return Some(false),
            Ok(_) | Err(_) => sleep(DOUBT_PAUSE).await,
        }
    }
    tracing::error!(transaction = doubt.transaction, "log: nobody knows whether a group was appended");
    None
}

async fn status(shared: &Shared, doubt: &Doubt) -> Result<Option<String>, DatabaseError> {
    let database = &shared.database;
    let asking = async {
        let client = database.urgent().await?;
        let row = client.query_one("SELECT pg_xact_status($1::text::xid8)", &[&doubt.transaction]).await?;
        client.give_back();
        Ok(row.get(0))
    };
    database.in_time(asking).await
}
