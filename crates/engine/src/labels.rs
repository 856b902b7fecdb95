//! Labels: the log's label events, followed into Control and into the screener.
//!
//! - **LB1** after `catch_up(until)` every label before `until` is kept in Control and known to the screener.
//! - **LB2** labels are kept in the order of the log: what Control holds is all labels up to some position, so a start
//!   goes on from the last one it holds, and a label outlives the part of the log that it was read from.
//!
//! Any number of processes may follow at once: keeping a label twice changes nothing (C5).

use std::sync::Arc;

use tidegate_domain::assessment::Screener;
use tidegate_domain::filter::Order;
use tidegate_domain::id::Position;
use tidegate_domain::label::{self, Exemplar, Label};
use tidegate_domain::ports::{Control, ControlError, EventLog, LogError, Stored};
use tidegate_domain::record;
use tokio::sync::Mutex;

/// Labels read at once.
const PAGE: usize = 500;

/// Why labels could not be followed. May be retried.
#[derive(Debug, thiserror::Error)]
pub enum LabelsError {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Control did not keep them.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The screener did not take them in.
    #[error("the screener did not take labels in")]
    Screener(#[from] tokio::task::JoinError),
}

/// Follows the labels of one log.
pub struct Labels {
    log: Arc<dyn EventLog>,
    control: Arc<dyn Control>,
    screener: Arc<dyn Screener>,
    /// The first position not yet looked at.
    next: Mutex<Position>,
}

impl Labels {
    /// Tells `screener` of every exemplar that `control` holds, and goes on after the last of them.
    pub async fn open(
        log: Arc<dyn EventLog>,
        control: Arc<dyn Control>,
        screener: Arc<dyn Screener>,
    ) -> Result<Self, LabelsError> {
        let kept = control.all_exemplars().await?;
        let next = kept.iter().map(|e| e.removed.unwrap_or(e.position).next()).max();
        learn(&screener, kept.into_iter().flat_map(Exemplar::into_labels).collect()).await?;
        Ok(Self { log, control, screener, next: Mutex::new(next.unwrap_or_default()) })
    }

    /// Takes in every label before `until`, which must not be past the log's tail. Cost: nothing if it is not new, else
    /// one search of the log.
    pub async fn catch_up(&self, until: Position) -> Result<(), LabelsError> {
        let mut next = self.next.lock().await;
        while *next < until {
            let page = self.log.find(label::stream(), *next, Order::Asc, PAGE).await?;
            let labels: Vec<_> = page.records.iter().filter_map(read).collect();
            if !labels.is_empty() {
                self.control.put_labels(&labels).await?;
                learn(&self.screener, labels).await?;
            }
            let last = page.records.last().map(|record| record.receipt.position.next());
            *next = page.next.unwrap_or_else(|| until.max(last.unwrap_or_default()));
        }
        Ok(())
    }
}

/// On a thread that may block: an encoder takes a while.
async fn learn(screener: &Arc<dyn Screener>, labels: Vec<Label>) -> Result<(), LabelsError> {
    if labels.is_empty() {
        return Ok(());
    }
    let screener = Arc::clone(screener);
    Ok(tokio::task::spawn_blocking(move || screener.learn(&labels)).await?)
}

fn read(stored: &Stored) -> Option<Label> {
    let event = record::decode(&stored.bytes).ok()?;
    Label::of(&event, &stored.receipt)
}
