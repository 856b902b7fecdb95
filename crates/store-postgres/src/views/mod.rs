//! Views in schema `views`: sessions, assessments, parked events, and how far each shard is folded.
//!
//! One handle reads all shards; one of a leased shard commits to it too. A commit names the checkpoint it goes on from and
//! the epoch of its lease, and is refused if either has moved: two workers that both think they hold a shard cannot both
//! write, whatever their clocks say (a fencing token).
//!
//! Commits do not wait for the disk: a crash of the database takes the newest ones with their checkpoints, and they are
//! folded again. Whoever is about to delete what could be folded again calls `sync` first.

mod analyses;
mod assessments;
mod authors;
mod commit;
mod dump;
mod leases;
mod parked;
mod rules;
mod session_list;
mod session_rows;

use std::collections::HashMap;

use async_trait::async_trait;
use tidegate_domain::assessment::{Category, RiskScore};
use tidegate_domain::author::{AuthorKey, AuthorPast};
use tidegate_domain::filter::{Order, SessionQuery};
use tidegate_domain::id::{Position, Shard};
use tidegate_domain::ports::{
    Assessed, CotAnalyzed, Parked, RiskyPage, SessionPage, Snapshot, Views, ViewsBatch, ViewsError,
};
use tidegate_domain::risk::HalfLife;
use tidegate_domain::session::{Session, SessionKey};
use tokio::sync::Mutex;

use crate::database::{Database, DatabaseError};
pub use leases::{Lease, Leases, Turn};

/// Views of one database.
pub struct PostgresViews {
    database: Database,
    half_life: HalfLife,
    fold_version: String,
    held: Option<Held>,
}

/// A leased shard, and the checkpoint that the next commit goes on from, if it is known. Locked while it is looked up or
/// moved, so that neither sees the other half-way.
struct Held {
    lease: Lease,
    checkpoint: Mutex<Option<Position>>,
}

impl PostgresViews {
    /// Views for readers, of a log of `shards`. `half_life`, `fold_version`: the rules that workers fold by.
    pub async fn open(
        database: Database,
        shards: u16,
        half_life: HalfLife,
        fold_version: &str,
    ) -> Result<Self, DatabaseError> {
        rules::make_shards(&database, shards).await?;
        Ok(Self { database, half_life, fold_version: fold_version.to_owned(), held: None })
    }

    /// For a worker: what was folded by other rules is emptied, and all leases end. True if it was.
    pub async fn require_rules(&self) -> Result<bool, DatabaseError> {
        rules::require(&self.database, self.half_life, &self.fold_version).await
    }

    /// Ends all leases and empties everything: workers fold it again from the first event that is kept.
    pub async fn empty(&self) -> Result<(), DatabaseError> {
        rules::empty(&self.database).await
    }

    /// Leases for `worker`, a name that no other one has.
    pub fn leases(&self, worker: &str, ttl: std::time::Duration) -> Leases {
        Leases::new(self.database.clone(), worker, ttl, self.half_life, &self.fold_version)
    }

    /// A handle that commits to the shard of `lease` for as long as it lasts.
    pub fn of(&self, lease: Lease) -> Self {
        Self {
            database: self.database.clone(),
            half_life: self.half_life,
            fold_version: self.fold_version.clone(),
            held: Some(Held { lease, checkpoint: Mutex::new(None) }),
        }
    }

    /// Of the handle's shard; of a reader's, the least of all shards: everything before it is folded.
    async fn stored_checkpoint(&self) -> Result<Position, DatabaseError> {
        let shard = self.held.as_ref().map(|held| held.lease.shard);
        rules::checkpoint(&self.database, shard).await
    }
}

fn failed(error: DatabaseError) -> ViewsError {
    ViewsError(error.into())
}

/// This handle leases no shard.
#[derive(Debug, thiserror::Error)]
#[error("these views are for reading: they hold no lease of a shard")]
struct NotLeased;

#[async_trait]
impl Views for PostgresViews {
    async fn checkpoint(&self) -> Result<Position, ViewsError> {
        let Some(held) = &self.held else { return self.stored_checkpoint().await.map_err(failed) };
        let mut known = held.checkpoint.lock().await;
        let checkpoint = self.stored_checkpoint().await.map_err(failed)?;
        *known = Some(checkpoint);
        Ok(checkpoint)
    }

    async fn sync(&self) -> Result<Position, ViewsError> {
        let checkpoint = self.stored_checkpoint().await.map_err(failed)?;
        rules::sync(&self.database).await.map_err(failed)?;
        Ok(checkpoint)
    }

    async fn load_sessions(&self, keys: &[SessionKey]) -> Result<Vec<Option<Session>>, ViewsError> {
        session_rows::load(&self.database, keys).await.map_err(failed)
    }

    async fn load_authors(&self, keys: &[AuthorKey]) -> Result<Vec<Option<AuthorPast>>, ViewsError> {
        let shard = self.held.as_ref().map(|held| held.lease.shard);
        authors::load(&self.database, shard, keys).await.map_err(failed)
    }

    async fn commit(&self, batch: &ViewsBatch) -> Result<(), ViewsError> {
        let Some(held) = &self.held else { return Err(ViewsError(NotLeased.into())) };
        let mut known = held.checkpoint.lock().await;
        // Not known until this is through: it may go through although it fails here.
        let from = match known.take() {
            Some(from) => from,
            None => self.stored_checkpoint().await.map_err(failed)?,
        };
        commit::commit(&self.database, held.lease, from, batch, self.half_life).await.map_err(failed)?;
        *known = Some(batch.checkpoint);
        Ok(())
    }

    async fn session(&self, key: &SessionKey) -> Result<Option<Session>, ViewsError> {
        let found = session_rows::load(&self.database, std::slice::from_ref(key)).await.map_err(failed)?;
        Ok(found.into_iter().next().flatten())
    }

    async fn sessions(&self, project: &str, query: &SessionQuery) -> Result<SessionPage, ViewsError> {
        session_list::page(&self.database, project, query, self.half_life).await.map_err(failed)
    }

    async fn assessments(
        &self,
        project: &str,
        positions: &[Position],
    ) -> Result<HashMap<Position, Assessed>, ViewsError> {
        assessments::get(&self.database, project, positions).await.map_err(failed)
    }

    async fn risky(
        &self,
        project: &str,
        category: Option<Category>,
        min_risk: RiskScore,
        from: Position,
        order: Order,
        max: usize,
    ) -> Result<RiskyPage, ViewsError> {
        assessments::risky(&self.database, project, category, min_risk, from, order, max)
            .await
            .map_err(failed)
    }

    async fn touched(
        &self,
        project: &str,
        exemplar: Position,
        from: Position,
        max: usize,
    ) -> Result<RiskyPage, ViewsError> {
        assessments::touched(&self.database, project, exemplar, from, max).await.map_err(failed)
    }

    async fn snapshots(&self, key: &SessionKey, max: usize) -> Result<Vec<Snapshot>, ViewsError> {
        analyses::snapshots(&self.database, key, max).await.map_err(failed)
    }

    async fn cot_analyses(
        &self,
        project: &str,
        positions: &[Position],
    ) -> Result<HashMap<Position, CotAnalyzed>, ViewsError> {
        analyses::cots(&self.database, project, positions).await.map_err(failed)
    }

    async fn parked(&self, project: &str, from: Position, max: usize) -> Result<Vec<Parked>, ViewsError> {
        parked::list(&self.database, project, from, max).await.map_err(failed)
    }

    async fn dump(&self) -> Result<Vec<String>, ViewsError> {
        dump::lines(&self.database).await.map_err(failed)
    }
}

/// Shards as numbers of the database.
fn number(shard: Shard) -> i16 {
    shard.0 as i16
}
