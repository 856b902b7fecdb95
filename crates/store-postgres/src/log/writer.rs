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

/// True if the group was committed, false if it was not and never will be, `None` if nobody could say in time.
async fn settle(shared: &Shared, doubt: &Doubt) -> Option<bool> {
    let deadline = Instant::now() + shared.database.timeout;
    while Instant::now() < deadline {
        match last_group(shared).await {
            Ok(last) => return Some(last == Some(doubt.group)),
            Err(_) => sleep(DOUBT_PAUSE).await,
        }
    }
    tracing::error!(group = doubt.group, "log: nobody knows whether a group was appended");
    None
}

/// The last group of this process that is committed. Asked under the lock: whoever was in the middle has ended by then.
async fn last_group(shared: &Shared) -> Result<Option<i64>, DatabaseError> {
    let database = &shared.database;
    let asking = async {
        let client = database.urgent().await?;
        client.batch_execute("BEGIN; SELECT FROM log.head FOR UPDATE").await?;
        let last = "SELECT group_number FROM log.writers WHERE writer = $1";
        let last = client.query_opt(last, &[&shared.writer]).await?.map(|row| row.get(0));
        client.batch_execute("ROLLBACK").await?;
        client.give_back();
        Ok(last)
    };
    database.in_time(asking).await
}
