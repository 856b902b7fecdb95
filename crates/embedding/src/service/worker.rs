//! A worker thread: takes a batch, calls the engine, lands the answers.

use std::any::Any;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::batch::Job;
use super::{Answer, Refused, Shared};
use crate::vector::Vector;

/// Works until the service stops; `number` tells it from the other workers.
pub(super) fn run(shared: &Shared, number: usize) {
    while let Some(jobs) = next_batch(shared, number) {
        embed(shared, &jobs);
        shared.door().rested(number);
    }
}

/// Waits for texts. `None` at the end; may be empty.
fn next_batch(shared: &Shared, number: usize) -> Option<Vec<Job>> {
    let door = shared.arrived.wait_while(shared.door(), |door| door.is_idle());
    let mut door = door.unwrap_or_else(PoisonError::into_inner);
    (!door.is_stopped()).then(|| door.take(number, Instant::now()))
}

/// Embeds a batch. If the engine fails on it, each text is tried alone, so that one bad text harms no other (S6).
fn embed(shared: &Shared, jobs: &[Job]) {
    match call(shared, jobs) {
        Ok(vectors) => {
            for (job, vector) in jobs.iter().zip(vectors) {
                finish(shared, job, Ok(Arc::new(vector)));
            }
        }
        Err(reason) if jobs.len() == 1 => finish(shared, &jobs[0], Err(Refused::Failed(reason))),
        Err(_) => jobs.chunks(1).for_each(|job| embed(shared, job)),
    }
}

fn finish(shared: &Shared, job: &Job, answer: Answer) {
    shared.door().finish(job, &answer);
    job.flight.land(answer);
}

/// One call of the engine: a vector a text, or why there is none.
fn call(shared: &Shared, jobs: &[Job]) -> Result<Vec<Vector>, String> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let texts: Vec<&str> = jobs.iter().map(|job| &*job.text).collect();
    let started = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| shared.embedder.embed(&texts)));
    let time = started.elapsed();
    shared.door().called(time);
    match result {
        Ok(Ok(vectors)) if vectors.len() == texts.len() => {
            // An engine that fails is quick, and says nothing of its pace.
            shared.door().measured(jobs.iter().map(|job| job.tokens).sum(), time);
            Ok(vectors)
        }
        Ok(Ok(vectors)) => Err(format!("{} vectors for {} texts", vectors.len(), texts.len())),
        Ok(Err(error)) => Err(with_causes(&error)),
        Err(panic) => Err(format!("panicked: {}", message_of(&*panic))),
    }
}

fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}
