//! Control in one SQLite file: organisations, projects and API keys. The one file that cannot be made again.
//!
//! Another process may change it at any time (`tidegate key` beside a running server), so nothing is cached here;
//! [`Control::version`] tells when to look again.

mod rows;
mod schema;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode, params};
use tidegate_domain::id::ProjectId;
use tidegate_domain::ports::{Control, ControlError, KeyRecord};
use tidegate_domain::time::UnixMs;

use crate::sqlite::{Cause, lock, open_private};

/// The embedded [`Control`].
pub struct EmbeddedControl {
    connection: Arc<Mutex<Connection>>,
    /// Changes made through this connection; SQLite's `data_version` counts those of others.
    own_changes: AtomicU64,
}

impl EmbeddedControl {
    /// Opens the file at `path`, making or migrating it as needed. Blocks; for the start of the program.
    ///
    /// Errors: the file cannot be used, or was written by a newer program.
    pub fn open(path: &Path) -> Result<Self, ControlError> {
        let connection = Self::open_file(path).map_err(ControlError::Unavailable)?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)), own_changes: AtomicU64::new(0) })
    }

    fn open_file(path: &Path) -> Result<Connection, Cause> {
        let mut connection = open_private(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        schema::migrate(&mut connection)?;
        Ok(connection)
    }

    /// Runs `work` on one of tokio's blocking threads: another process may hold the file's lock for a while.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ControlError> {
        let connection = Arc::clone(&self.connection);
        let done = tokio::task::spawn_blocking(move || work(&lock(&connection))).await;
        done.map_err(|panic| ControlError::Unavailable(panic.into()))?.map_err(error)
    }

    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ControlError> {
        let changed = self.with(work).await;
        self.own_changes.fetch_add(1, Ordering::AcqRel);
        changed
    }
}

fn error(error: rusqlite::Error) -> ControlError {
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => ControlError::Conflict,
        _ => ControlError::Unavailable(error.into()),
    }
}

#[async_trait]
impl Control for EmbeddedControl {
    async fn create_project(&self, id: &ProjectId, now: UnixMs) -> Result<(), ControlError> {
        let id = id.to_string();
        let sql = "INSERT INTO projects(organization_id, id, created_at_ms) VALUES (?1, ?2, ?3)";
        self.change(move |c| c.execute(sql, params![schema::DEFAULT_ORGANIZATION, id, now.0]))
            .await
            .map(|_| ())
    }

    async fn projects(&self) -> Result<Vec<ProjectId>, ControlError> {
        self.with(rows::projects).await
    }

    async fn insert_key(&self, key: &KeyRecord) -> Result<(), ControlError> {
        let key = key.clone();
        self.change(move |c| rows::insert_key(c, &key)).await
    }

    async fn keys(&self) -> Result<Vec<KeyRecord>, ControlError> {
        self.with(rows::keys).await
    }

    async fn revoke_key(&self, id: &str, now: UnixMs) -> Result<bool, ControlError> {
        let id = id.to_owned();
        // The first revocation stands (C3).
        let sql = "UPDATE api_keys SET revoked_at_ms = coalesce(revoked_at_ms, ?2) WHERE id = ?1";
        self.change(move |c| Ok(c.execute(sql, params![id, now.0])? > 0)).await
    }

    async fn expire_key(&self, id: &str, at: UnixMs) -> Result<bool, ControlError> {
        let id = id.to_owned();
        let sql = "UPDATE api_keys SET expires_at_ms = ?2 WHERE id = ?1";
        self.change(move |c| Ok(c.execute(sql, params![id, at.0])? > 0)).await
    }

    async fn version(&self) -> Result<u64, ControlError> {
        let foreign =
            self.with(|c| c.query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0))).await?;
        Ok((foreign as u64) << 32 | self.own_changes.load(Ordering::Acquire) & 0xffff_ffff)
    }
}
