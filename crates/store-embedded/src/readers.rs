//! The connections that read: few, opened when first needed, each read in one transaction.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::sqlite::{Cause, lock, open_private};

/// Reads at a time. Each holds one thread and at most 2 MB of cache.
const READERS: usize = 2;

/// The reading connections of one file.
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), idle: Mutex::default(), permits: Arc::new(Semaphore::new(READERS)) }
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` on a blocking thread, in one read transaction: it sees one commit's state.
    ///
    /// Waits, without a thread, while all connections are in use. A caller that goes away leaves its read to end by
    /// itself, still counted. Errors: the file cannot be read, or `work` panicked.
    pub(crate) async fn read<T, F>(self: &Arc<Self>, work: F) -> Result<T, Cause>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await?;
        let readers = Arc::clone(self);
        let read = spawn_blocking(move || {
            let _permit = permit;
            readers.run(work)
        });
        read.await?
    }

    fn run<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Cause> {
        let idle = lock(&self.idle).pop();
        let mut connection = idle.map_or_else(|| open_reader(&self.path), Ok)?;
        let result = work(&*connection.transaction()?);
        lock(&self.idle).push(connection);
        Ok(result?)
    }
}

fn open_reader(path: &Path) -> Result<Connection, Cause> {
    let connection = open_private(path)?;
    connection
        .execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -2000; PRAGMA temp_store = MEMORY;")?;
    Ok(connection)
}
