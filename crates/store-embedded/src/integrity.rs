//! Looking at a SQLite file without changing it, for `tidegate doctor`.

use std::ffi::OsString;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// What SQLite's own integrity check says of the file at `path`: `ok`, or the first fault; `None` if there is no
/// file. Errors: it cannot be read as a database. Cost: reads the whole file.
pub fn check(path: &Path) -> Result<Option<String>, rusqlite::Error> {
    if !path.exists() {
        return Ok(None);
    }
    // A reader of a file in WAL mode leaves files beside it, unless the file is said never to change. With a WAL that
    // is not folded in yet, it must be read.
    let has_wal = path.with_file_name(wal_name(path)).metadata().is_ok_and(|wal| wal.len() > 0);
    let name = path.display().to_string().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let uri = format!("file:{name}?mode=ro{}", if has_wal { "" } else { "&immutable=1" });
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri, flags)?;
    connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map(Some)
}

fn wal_name(path: &Path) -> OsString {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push("-wal");
    name
}
