//! The layouts of a SQLite file that is never rebuilt, one after the other.

use rusqlite::{Connection, TransactionBehavior};

use crate::sqlite::Cause;

/// The file was written by a newer program.
#[derive(Debug, thiserror::Error)]
#[error("{file} has layout {found}, this program knows layouts up to {known}: use a newer program")]
struct TooNew {
    file: &'static str,
    found: usize,
    known: usize,
}

/// Brings `file` to the newest layout: migration `n` leads from layout `n` to layout `n + 1`, and SQLite's
/// `user_version` is the layout of a file.
///
/// Two processes may do so at once: each step is one transaction that looks first. Errors: the file cannot be used, or
/// was written by a newer program; then it is left as it is.
pub(crate) fn run(file: &'static str, connection: &mut Connection, migrations: &[&str]) -> Result<(), Cause> {
    while layout(connection)? < migrations.len() {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let from = layout(&tx)?;
        if let Some(migration) = migrations.get(from) {
            tx.execute_batch(migration)?;
            tx.pragma_update(None, "user_version", from as i64 + 1)?;
            tx.commit()?;
        }
    }
    match layout(connection)? {
        found if found > migrations.len() => Err(TooNew { file, found, known: migrations.len() }.into()),
        _ => Ok(()),
    }
}

fn layout(connection: &Connection) -> rusqlite::Result<usize> {
    connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)).map(|layout| layout as usize)
}
