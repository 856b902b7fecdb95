//! Looking at a SQLite file without changing it, for `tidegate doctor`.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// What SQLite's own integrity check says of the file at `path`: `ok`, or the first fault; `None` if there is no
/// file. Errors: it cannot be read as a database. Cost: reads the whole file.
pub fn check(path: &Path) -> Result<Option<String>, rusqlite::Error> {
    if !path.exists() {
        return Ok(None);
    }
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map(Some)
}
