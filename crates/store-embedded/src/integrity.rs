//! Looking at a SQLite file without changing it, for `tidegate doctor`.

use std::ffi::OsString;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use tidegate_domain::id::Position;

/// What SQLite's own integrity check says of the file at `path`: `ok`, or the first fault; `None` if there is no
/// file. Errors: it cannot be read as a database. Cost: reads the whole file.
pub fn check(path: &Path) -> Result<Option<String>, rusqlite::Error> {
    if !path.exists() {
        return Ok(None);
    }
    let connection = open_to_look(path)?;
    connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map(Some)
}

/// The checkpoint that the Views at `path` hold; `None` if there is none to be read.
pub fn views_checkpoint(path: &Path) -> Option<Position> {
    let checkpoint =
        |views: &Connection| views.query_row("SELECT checkpoint FROM meta", [], |row| row.get(0));
    let checkpoint: i64 = open_to_look(path).and_then(|views| checkpoint(&views)).ok()?;
    Some(Position(checkpoint as u64))
}

/// A write-ahead log whose database is gone. SQLite would delete it, and what only it holds.
#[derive(Debug, thiserror::Error)]
#[error(
    "{file} is missing or empty, but its write-ahead log {wal} is here: restore {file} from a backup of the same time; \
     to begin anew without what it held, move {wal} away"
)]
pub struct Orphan {
    file: String,
    wal: String,
}

/// Refuses a database at `path` that is missing or empty while its write-ahead log is not.
pub fn refuse_orphan(path: &Path) -> Result<(), Orphan> {
    let has_bytes = |path: &Path| path.metadata().is_ok_and(|file| file.len() > 0);
    let wal = path.with_file_name(wal_name(path));
    if has_bytes(path) || !has_bytes(&wal) {
        return Ok(());
    }
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Err(Orphan { file: name(path), wal: name(&wal) })
}

fn open_to_look(path: &Path) -> Result<Connection, rusqlite::Error> {
    // A reader of a file in WAL mode leaves files beside it, unless the file is said never to change. With a WAL that
    // is not folded in yet, it must be read.
    let has_wal = path.with_file_name(wal_name(path)).metadata().is_ok_and(|wal| wal.len() > 0);
    let name = path.display().to_string().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let uri = format!("file:{name}?mode=ro{}", if has_wal { "" } else { "&immutable=1" });
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(uri, flags)
}

fn wal_name(path: &Path) -> OsString {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push("-wal");
    name
}
