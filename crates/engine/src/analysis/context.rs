//! The events of a session, as a threat model reads them.

use std::collections::HashMap;
use std::time::Duration;

use tidegate_domain::analysis::{Turn, is_reserved};
use tidegate_domain::dedup::stream_hash;
use tidegate_domain::filter::Order;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{Assessed, LogError, Stored, ViewsError};
use tidegate_domain::record;
use tidegate_domain::session::SessionKey;

use super::Parts;
use crate::jobs::Outcome;

/// Records of one search: analyses lie between the events.
const PAGE: usize = 200;
/// Pages of a search at most.
const PAGES_MAX: usize = 10;

/// Why nothing could be read. May be retried.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Views(#[from] ViewsError),
}

/// How long a job waits for Views to reach what it is about, and when it looks again.
const FOLDED_WITHIN: Duration = Duration::from_millis(250);
const FOLDED_RETRY_MS: u64 = 50;

impl Parts {
    /// Waits until everything up to `position` is folded; what to say of a job for which that took too long.
    pub(super) async fn folded(&self, position: Position) -> Result<(), Outcome> {
        let mut checkpoint = self.checkpoint.clone();
        let folded = checkpoint.wait_for(|checkpoint| *checkpoint > position);
        match tokio::time::timeout(FOLDED_WITHIN, folded).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Outcome::Busy { retry_after_ms: FOLDED_RETRY_MS }),
        }
    }

    /// The `max` newest events of a session from `from` back (`Desc`), or the oldest from there on (`Asc`): oldest first.
    pub(super) async fn turns(
        &self,
        key: &SessionKey,
        from: Position,
        order: Order,
        max: usize,
    ) -> Result<Vec<Turn>, ReadError> {
        let stream = stream_hash(&key.project, Some(&key.session));
        let (mut records, mut next) = (Vec::new(), Some(from));
        for _ in 0..PAGES_MAX {
            let Some(at) = next.filter(|_| records.len() < max) else { break };
            let page = self.log.find(stream, at, order, max.clamp(1, PAGE)).await?;
            next = page.next;
            records.extend(page.records.into_iter().filter(|stored| is_of(key, stored)));
        }
        records.truncate(max);
        if order == Order::Desc {
            records.reverse();
        }
        let mut assessed = self.assessed(&key.project, &records).await?;
        Ok(records.iter().filter_map(|stored| turn(stored, &mut assessed)).collect())
    }

    /// The event at `position` of a project.
    pub(super) async fn record(
        &self,
        project: &str,
        position: Position,
    ) -> Result<Option<(Turn, Option<String>)>, ReadError> {
        let records = self.log.get(&[position]).await?;
        let mut assessed = self.assessed(project, &records).await?;
        let found = records.iter().find_map(|stored| {
            let event = record::decode(&stored.bytes).ok().filter(|event| event.project_id == project)?;
            let session = event.session_id.map(|id| id.into_owned());
            Some((turn(stored, &mut assessed)?, session))
        });
        Ok(found)
    }

    async fn assessed(
        &self,
        project: &str,
        records: &[Stored],
    ) -> Result<HashMap<Position, Assessed>, ViewsError> {
        let positions: Vec<_> = records.iter().map(|stored| stored.receipt.position).collect();
        self.views.assessments(project, &positions).await
    }
}

/// True for an event of the session that is no analysis. Hashes of streams may collide; names do not.
fn is_of(key: &SessionKey, stored: &Stored) -> bool {
    record::decode(&stored.bytes).is_ok_and(|event| {
        event.project_id == key.project
            && event.session_id.as_deref() == Some(&key.session)
            && !is_reserved(&event.event_type)
    })
}

fn turn(stored: &Stored, assessed: &mut HashMap<Position, Assessed>) -> Option<Turn> {
    let event = record::decode(&stored.bytes).ok()?;
    let found = assessed.remove(&stored.receipt.position);
    Some(Turn::of(&event, &stored.receipt, found.map(|found| found.assessment)))
}
