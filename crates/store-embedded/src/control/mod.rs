//! Control in one SQLite file: organisations, projects, API keys and labelled texts.
//!
//! The only data that cannot be rebuilt from the log, so `synchronous=FULL`: what was answered is on the disk (C1).
//! Another process, the command line, may change the file while the server runs; [`Control::version`] tells.
//! A damaged or newer file is never replaced, nor one that is gone but for its write-ahead log: `open` fails and a
//! person decides.

mod exemplars;
mod keys;
mod migrations;

use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rusqlite::{Connection, Row, ffi, params};
use tidegate_domain::id::{Position, ProjectId};
use tidegate_domain::label::{Exemplar, Label};
use tidegate_domain::ports::{Control, ControlError, KeyRecord, Project};
use tidegate_domain::time::UnixMs;
use tokio::task::spawn_blocking;

use self::migrations::MIGRATIONS;
use crate::sqlite::{Cause, lock, open_private, patiently};
use crate::{integrity, layouts};

/// The organisation that owns every project, until there are others.
const DEFAULT_ORGANIZATION: &str = "default-org";

/// Control in one SQLite file. Calls run one at a time on tokio's blocking threads.
pub struct EmbeddedControl {
    store: Arc<Mutex<Store>>,
}

struct Store {
    connection: Connection,
    /// Writes of this connection, which SQLite's `data_version` leaves out.
    own_writes: u32,
}

impl EmbeddedControl {
    /// Opens the file at `path`, made and brought to the newest layout if need be; its directory must exist.
    ///
    /// Blocks; for the start of the program. Errors: the file cannot be used, is damaged, was written by a newer
    /// program, or is gone while its write-ahead log is there.
    pub fn open(path: &Path) -> Result<Self, ControlError> {
        integrity::refuse_orphan(path).map_err(|orphan| ControlError::Unavailable(orphan.into()))?;
        let connection = patiently(|| open_file(path)).map_err(ControlError::Unavailable)?;
        Ok(Self { store: Arc::new(Mutex::new(Store { connection, own_writes: 0 })) })
    }

    async fn read<T, F>(&self, work: F) -> Result<T, ControlError>
    where
        T: Send + 'static,
        F: FnOnce(&Store) -> rusqlite::Result<T> + Send + 'static,
    {
        let store = Arc::clone(&self.store);
        let done = spawn_blocking(move || work(&lock(&store))).await;
        done.map_err(|panicked| ControlError::Unavailable(panicked.into()))?.map_err(error)
    }

    /// A write changes the version whether it worked or not: after an error, who knows.
    async fn write<T, F>(&self, work: F) -> Result<T, ControlError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let store = Arc::clone(&self.store);
        let done = spawn_blocking(move || {
            let mut store = lock(&store);
            store.own_writes = store.own_writes.wrapping_add(1);
            work(&store.connection)
        });
        done.await.map_err(|panicked| ControlError::Unavailable(panicked.into()))?.map_err(error)
    }
}

fn open_file(path: &Path) -> Result<Connection, Cause> {
    let mut connection = open_private(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -500;",
    )?;
    layouts::run("control", &mut connection, &MIGRATIONS)?;
    Ok(connection)
}

fn error(error: rusqlite::Error) -> ControlError {
    match error.sqlite_error().map(|error| error.extended_code) {
        Some(ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_UNIQUE) => ControlError::Conflict,
        _ => ControlError::Unavailable(error.into()),
    }
}

#[async_trait]
impl Control for EmbeddedControl {
    async fn create_project(&self, id: &ProjectId, now: UnixMs) -> Result<(), ControlError> {
        let id = id.clone();
        self.write(move |control| {
            let mut insert = control.prepare_cached(
                "INSERT INTO projects(id, organization_id, created_at_ms) VALUES (?1, ?2, ?3)",
            )?;
            insert.execute(params![id.as_str(), DEFAULT_ORGANIZATION, now.0]).map(drop)
        })
        .await
    }

    async fn projects(&self) -> Result<Vec<Project>, ControlError> {
        self.read(|store| {
            let mut select =
                store.connection.prepare_cached("SELECT id, created_at_ms FROM projects ORDER BY id")?;
            let project = |row: &Row<'_>| {
                Ok(Project { id: keys::project_id(row, 0)?, created_at: UnixMs(row.get(1)?) })
            };
            select.query_map([], project)?.collect()
        })
        .await
    }

    async fn insert_key(&self, key: &KeyRecord) -> Result<(), ControlError> {
        let key = key.clone();
        self.write(move |control| keys::insert(control, &key)).await
    }

    async fn keys(&self) -> Result<Vec<KeyRecord>, ControlError> {
        self.read(|store| keys::list(&store.connection)).await
    }

    async fn revoke_key(&self, id: &str, now: UnixMs) -> Result<bool, ControlError> {
        let id = id.to_owned();
        self.write(move |control| keys::revoke(control, &id, now)).await
    }

    async fn expire_key(&self, id: &str, at: UnixMs) -> Result<bool, ControlError> {
        let id = id.to_owned();
        self.write(move |control| keys::expire(control, &id, at)).await
    }

    async fn put_labels(&self, labels: &[Label]) -> Result<(), ControlError> {
        let labels = labels.to_vec();
        self.write(move |control| exemplars::put(control, &labels)).await
    }

    async fn all_exemplars(&self) -> Result<Vec<Exemplar>, ControlError> {
        self.read(|store| exemplars::all(&store.connection)).await
    }

    async fn exemplars(
        &self,
        project: &str,
        event_id: Option<&str>,
        from: Position,
        max: usize,
    ) -> Result<Vec<Exemplar>, ControlError> {
        let (project, event_id) = (project.to_owned(), event_id.map(str::to_owned));
        self.read(move |store| exemplars::list(&store.connection, &project, event_id.as_deref(), from, max))
            .await
    }

    async fn version(&self) -> Result<u64, ControlError> {
        self.read(|store| {
            let mut select = store.connection.prepare_cached("PRAGMA data_version")?;
            let foreign: i64 = select.query_row([], |row| row.get(0))?;
            Ok(u64::from(store.own_writes) << 32 | u64::from(foreign as u32))
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_commit_is_synced() {
        let dir = tempfile::tempdir().unwrap();
        let connection = open_file(&dir.path().join("control.sqlite")).unwrap();
        let setting =
            |name| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0)).unwrap();
        const FULL: i64 = 2;
        assert_eq!((setting("synchronous"), setting("foreign_keys")), (FULL, 1));
    }
}
