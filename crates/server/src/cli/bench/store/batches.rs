//! Batches of chat events with idempotency keys that no other has, and appending them.

use std::time::{Duration, Instant};

use tidegate_domain::ports::{AppendBatch, EventLog, NewRecord};
use tidegate_engine::intake::{Batch, FingerprintRule};

use super::super::bare_log::event;
use super::super::traffic::Said;

/// Tasks that append at once, so that a group gathers while another commits.
const TASKS: usize = 4;
/// Odd, so that multiplying by it gives each number another one.
const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

/// Makes batches.
pub(super) struct Batches {
    prepared: AppendBatch,
    keys: u128,
}

impl Batches {
    /// Batches of `events`.
    pub(super) fn new(events: usize) -> Self {
        let mut batch = Batch::with_capacity(events * 600, None);
        for said in Said::generation().take(events) {
            batch.push(event(&said), FingerprintRule::Off);
        }
        // Another run on the same database has other keys.
        let keys = u128::from(std::process::id()) << 64;
        Self { prepared: batch.finish(), keys }
    }

    /// A batch of the first `events`, with new keys.
    pub(super) fn next(&mut self, events: usize) -> AppendBatch {
        let mut batch = self.prepared.clone();
        batch.records.truncate(events);
        for record in &mut batch.records {
            self.keys += 1;
            let hash = self.keys.wrapping_mul(SPREAD);
            *record = NewRecord { key: Some(tidegate_domain::dedup::Key { hash, digest: 1 }), ..*record };
        }
        batch
    }

    /// Number of events in a batch.
    pub(super) fn events(&self) -> usize {
        self.prepared.records.len()
    }
}

/// Appends for `measured`; events per second.
pub(super) async fn append(
    log: &dyn EventLog,
    batches: &mut Batches,
    measured: Duration,
) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut events = 0;
    while begun.elapsed() < measured {
        events += round(log, batches).await?;
    }
    Ok(events as f64 / begun.elapsed().as_secs_f64())
}

/// Appends until the log holds `size` events.
pub(super) async fn fill(log: &dyn EventLog, batches: &mut Batches, size: u64) -> anyhow::Result<()> {
    while log.tail().0 < size {
        round(log, batches).await?;
    }
    Ok(())
}

/// Appends about `events`; microseconds each.
pub(super) async fn cost_us(log: &dyn EventLog, batches: &mut Batches, events: u64) -> anyhow::Result<f64> {
    let (begun, mut done) = (Instant::now(), 0);
    while done < events {
        done += round(log, batches).await?;
    }
    Ok(begun.elapsed().as_secs_f64() * 1e6 / done as f64)
}

/// A batch of each task at once.
async fn round(log: &dyn EventLog, batches: &mut Batches) -> anyhow::Result<u64> {
    let events = batches.events();
    let [a, b, c, d] = std::array::from_fn::<_, TASKS, _>(|_| log.append(batches.next(events)));
    let answers = tokio::try_join!(a, b, c, d)?;
    Ok((answers.0.len() + answers.1.len() + answers.2.len() + answers.3.len()) as u64)
}
