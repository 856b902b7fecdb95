//! What both SQLite files need: private files, patience with other connections, and telling damage from absence.
//!
//! SQLite holds Views and Control, never the log. Its errors are mapped in the adapters and leave this crate only as
//! the source of a port's error.

use std::error::Error;
use std::fs::{OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{Connection, ErrorCode};

/// The reason a port's error carries as its source.
pub(crate) type Cause = Box<dyn Error + Send + Sync>;

/// How long a connection waits for the lock of another one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// More than the statements of either file.
const STATEMENTS_KEPT: usize = 48;

/// Opens the file at `path`, made if it is not there; only its owner may read it.
///
/// SQLite gives its side files (`-wal`, `-shm`) the same mode. Errors: the file cannot be opened; what is in it
/// is not looked at yet.
pub(crate) fn open_private(path: &Path) -> Result<Connection, Cause> {
    // A file that exists is never opened but by SQLite: closing it again would drop SQLite's locks on it
    // (sqlite.org/howtocorrupt.html, 2.2).
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error.into()),
        _ => std::fs::set_permissions(path, Permissions::from_mode(0o600))?,
    }
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(connection)
}

/// Does `work`, again while it fails for another connection's lock, for as long as one waits for a lock.
///
/// SQLite itself does not wait where two connections turn a new file into one with a write-ahead log. Blocks.
pub(crate) fn patiently<T>(mut work: impl FnMut() -> Result<T, Cause>) -> Result<T, Cause> {
    const PAUSE: Duration = Duration::from_millis(20);
    for _ in 0..BUSY_TIMEOUT.as_millis() / PAUSE.as_millis() {
        match work() {
            Err(cause) if cause.downcast_ref().is_some_and(is_busy) => std::thread::sleep(PAUSE),
            done => return done,
        }
    }
    work()
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

/// True if `error` says that the file is damaged, never was a database, or holds what this program did not write.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
    matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..))
        || matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// The error for a stored value that no version of this program wrote.
pub(crate) fn unreadable(column: usize, kind: Type, reason: impl Into<Cause>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, reason.into())
}

/// Locks `mutex`. A thread that panicked while it held it left nothing half done: its transaction was rolled back.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
