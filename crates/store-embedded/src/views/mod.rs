//! Views in one SQLite file: sessions, assessments, parked events and the checkpoint of what was folded.
//!
//! One connection writes, two read. Nothing here is the truth: the log is. So `synchronous=NORMAL` is enough (a
//! power cut may lose the newest commits, checkpoint included), and a file that was folded by other rules, or is
//! damaged, is replaced by an empty one and folded again.
//!
//! - `schema`: the tables, and what is done with a file found at start.
//! - `writer`, `known`, `session_rows`, `authors`, `assessments`, `analyses`, `parked`: one batch in, one transaction.
//! - `session_list`, `sql`: what readers ask for, in bounded work.
//! - `blob`: the bytes of counts, patterns and flags. `text`: JSON. `dump`: every row as text.

mod analyses;
mod assessments;
mod authors;
mod blob;
mod dump;
mod known;
mod parked;
mod schema;
mod session_list;
mod session_rows;
mod sql;
mod text;
mod writer;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rusqlite::Connection;
use tidegate_domain::assessment::{Category, RiskScore};
use tidegate_domain::author::{AuthorKey, AuthorPast};
use tidegate_domain::filter::{Order, SessionQuery};
use tidegate_domain::id::Position;
use tidegate_domain::ports::{
    Assessed, CotAnalyzed, Parked, RiskyPage, SessionPage, Snapshot, Views, ViewsBatch, ViewsError,
};
use tidegate_domain::risk::HalfLife;
use tidegate_domain::session::{Session, SessionKey};

use crate::readers::Readers;
use crate::sqlite::{Cause, lock};
pub use schema::Start;
use schema::{Rules, Suspicion};
use writer::Writer;

/// Views in one SQLite file.
///
/// Reads run on tokio's blocking threads, two at a time. `load_sessions` and `commit` do their work on the calling
/// thread: they belong to the pipeline, which has a thread of its own, and need no runtime.
pub struct EmbeddedViews {
    writer: Mutex<Writer>,
    readers: Arc<Readers>,
    /// The stored checkpoint, so that asking costs nothing. Set after its commit: it may trail the rows by a
    /// moment and never leads them, so no row below it can be missing.
    checkpoint: AtomicU64,
    half_life: HalfLife,
    start: Start,
    suspicion: Suspicion,
}

impl EmbeddedViews {
    /// Opens the file at `path`; its directory must exist and be used by one process only.
    ///
    /// - `half_life`, `fold_version`: the rules the pipeline folds by. A file folded by others is replaced by an
    ///   empty one, a damaged one is renamed to `<path>.corrupt-<n>`; [`EmbeddedViews::start`] says what was done.
    /// - Blocks; for the start of the program. Errors: the file can be neither used nor replaced.
    pub fn open(path: &Path, half_life: HalfLife, fold_version: &str) -> Result<Self, ViewsError> {
        Self::open_for(path, half_life, fold_version, Position(u64::MAX))
    }

    /// As [`EmbeddedViews::open`], for a log that ends at `log_end`: a file folded from a longer one is renamed too.
    pub fn open_for(
        path: &Path,
        half_life: HalfLife,
        fold_version: &str,
        log_end: Position,
    ) -> Result<Self, ViewsError> {
        Self::open_file(path, half_life, fold_version, log_end).map_err(ViewsError)
    }

    fn open_file(
        path: &Path,
        half_life: HalfLife,
        fold_version: &str,
        log_end: Position,
    ) -> Result<Self, Cause> {
        let rules = Rules { half_life_ms: half_life.ms, fold_version: fold_version.to_owned() };
        let (connection, start) = schema::open(path, &rules, log_end.0)?;
        let checkpoint = schema::checkpoint(&connection)?;
        Ok(Self {
            writer: Mutex::new(Writer::new(connection, half_life)),
            readers: Arc::new(Readers::new(path)),
            checkpoint: AtomicU64::new(checkpoint),
            half_life,
            start,
            suspicion: Suspicion::of(path),
        })
    }

    /// What [`EmbeddedViews::open`] found. Unless it is [`Start::Kept`], the log must be folded from position 0.
    pub fn start(&self) -> &Start {
        &self.start
    }

    async fn read<T, F>(&self, work: F) -> Result<T, ViewsError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.readers.read(work).await.map_err(|cause| self.failed(cause))
    }

    fn failed(&self, cause: Cause) -> ViewsError {
        self.suspicion.note(&cause);
        ViewsError(cause)
    }
}

#[async_trait]
impl Views for EmbeddedViews {
    async fn checkpoint(&self) -> Result<Position, ViewsError> {
        Ok(Position(self.checkpoint.load(Ordering::Acquire)))
    }

    async fn sync(&self) -> Result<Position, ViewsError> {
        let (checkpoint, path) = (self.checkpoint().await?, self.readers.path().to_owned());
        let synced = tokio::task::spawn_blocking(move || schema::sync(&path)).await;
        synced.map_err(|panic| self.failed(panic.into()))?.map_err(|cause| self.failed(cause))?;
        Ok(checkpoint)
    }

    async fn load_sessions(&self, keys: &[SessionKey]) -> Result<Vec<Option<Session>>, ViewsError> {
        lock(&self.writer).load(keys).map_err(|error| self.failed(error.into()))
    }

    async fn load_authors(&self, keys: &[AuthorKey]) -> Result<Vec<Option<AuthorPast>>, ViewsError> {
        lock(&self.writer).load_authors(keys).map_err(|error| self.failed(error.into()))
    }

    async fn commit(&self, batch: &ViewsBatch) -> Result<(), ViewsError> {
        let mut writer = lock(&self.writer);
        let committed = writer.commit(batch);
        let checkpoint = match committed {
            Ok(()) => Ok(batch.checkpoint.0),
            // It may have gone through all the same: the file knows.
            Err(_) => writer.checkpoint(),
        };
        if let Ok(checkpoint) = checkpoint {
            self.checkpoint.store(checkpoint, Ordering::Release);
        }
        committed.map_err(|error| self.failed(error.into()))
    }

    async fn session(&self, key: &SessionKey) -> Result<Option<Session>, ViewsError> {
        let key = key.clone();
        self.read(move |views| session_rows::get(views, &key)).await
    }

    async fn sessions(&self, project: &str, query: &SessionQuery) -> Result<SessionPage, ViewsError> {
        let (project, query, half_life) = (project.to_owned(), query.clone(), self.half_life);
        self.read(move |views| session_list::page(views, &project, &query, half_life)).await
    }

    async fn assessments(
        &self,
        project: &str,
        positions: &[Position],
    ) -> Result<HashMap<Position, Assessed>, ViewsError> {
        let (project, positions) = (project.to_owned(), positions.to_vec());
        self.read(move |views| assessments::get(views, &project, &positions)).await
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
        let project = project.to_owned();
        self.read(move |views| assessments::risky(views, &project, category, min_risk, from, order, max))
            .await
    }

    async fn touched(
        &self,
        project: &str,
        exemplar: Position,
        from: Position,
        max: usize,
    ) -> Result<RiskyPage, ViewsError> {
        let project = project.to_owned();
        self.read(move |views| assessments::touched(views, &project, exemplar, from, max)).await
    }

    async fn snapshots(&self, key: &SessionKey, max: usize) -> Result<Vec<Snapshot>, ViewsError> {
        let key = key.clone();
        self.read(move |views| analyses::snapshots(views, &key, max)).await
    }

    async fn cot_analyses(
        &self,
        project: &str,
        positions: &[Position],
    ) -> Result<HashMap<Position, CotAnalyzed>, ViewsError> {
        let (project, positions) = (project.to_owned(), positions.to_vec());
        self.read(move |views| analyses::cots(views, &project, &positions)).await
    }

    async fn parked(&self, project: &str, from: Position, max: usize) -> Result<Vec<Parked>, ViewsError> {
        let project = project.to_owned();
        self.read(move |views| parked::list(views, &project, from, max)).await
    }

    async fn dump(&self) -> Result<Vec<String>, ViewsError> {
        self.read(dump::lines).await
    }
}
