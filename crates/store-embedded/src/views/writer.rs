//! The one connection that writes: a batch in, a transaction out.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use tidegate_domain::author::{AuthorKey, AuthorPast};
use tidegate_domain::ports::ViewsBatch;
use tidegate_domain::risk::HalfLife;
use tidegate_domain::session::{Session, SessionKey};

use super::known::{Known, Project};
use super::{analyses, assessments, authors, parked, schema, session_rows};

/// The writing connection, and what it knows of the rows.
pub(super) struct Writer {
    connection: Connection,
    known: Known,
    half_life: HalfLife,
}

impl Writer {
    pub(super) fn new(connection: Connection, half_life: HalfLife) -> Self {
        Self { connection, known: Known::default(), half_life }
    }

    /// Writes all of `batch` or nothing (V1).
    ///
    /// While the transaction is open, `known` holds rows that do not exist yet. So it is taken out first and put
    /// back only once they do: a commit that fails, or panics, leaves nothing known.
    pub(super) fn commit(&mut self, batch: &ViewsBatch) -> rusqlite::Result<()> {
        let mut known = std::mem::take(&mut self.known);
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        session_rows::write(&tx, &mut known, &batch.sessions, self.half_life)?;
        authors::write(&tx, &mut known, &batch.authors)?;
        assessments::write(&tx, &mut known, &batch.assessed)?;
        analyses::write_snapshots(&tx, &mut known, &batch.snapshots)?;
        analyses::write_cots(&tx, &mut known, &batch.cot_analyses)?;
        parked::write(&tx, &mut known, &batch.parked)?;
        schema::set_checkpoint(&tx, batch.checkpoint.0)?;
        tx.commit()?;
        known.trim();
        self.known = known;
        Ok(())
    }

    /// The checkpoint in the file.
    pub(super) fn checkpoint(&self) -> rusqlite::Result<u64> {
        schema::checkpoint(&self.connection)
    }

    /// The states of `keys`, in order.
    pub(super) fn load(&mut self, keys: &[SessionKey]) -> rusqlite::Result<Vec<Option<Session>>> {
        self.known.trim();
        keys.iter().map(|key| session_rows::load(&self.connection, &mut self.known, key)).collect()
    }

    /// The pasts of `keys`, in order.
    pub(super) fn load_authors(&self, keys: &[AuthorKey]) -> rusqlite::Result<Vec<Option<AuthorPast>>> {
        authors::load(&self.connection, keys)
    }
}

/// Lets others run after every few rows: a kernel that preempts only at its tick would else let the log's writer, and so
/// an ack, wait for milliseconds.
pub(super) fn yield_after(row: usize) {
    if row.is_multiple_of(32) {
        std::thread::yield_now();
    }
}

/// The number of project `name`, if it has one.
pub(super) fn project_no(views: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    views
        .prepare_cached("SELECT no FROM projects WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

/// Project `name`, given the next number if it is new.
pub(super) fn project<'k>(
    tx: &Connection,
    known: &'k mut Known,
    name: &str,
) -> rusqlite::Result<&'k mut Project> {
    if !known.projects.contains_key(name) {
        let no = match project_no(tx, name)? {
            Some(no) => no,
            None => tx.prepare_cached("INSERT INTO projects(name) VALUES (?1)")?.insert([name])?,
        };
        known.projects.insert(name.into(), Project { no, ..Project::default() });
    }
    Ok(known.projects.get_mut(name).expect("inserted above"))
}

#[cfg(test)]
mod tests {
    use rusqlite::ErrorCode;
    use tidegate_domain::id::Position;

    use super::super::dump;
    use super::super::schema::Rules;
    use super::*;

    const H: HalfLife = HalfLife { ms: 1000 };

    fn batch(sessions: std::ops::Range<u32>) -> ViewsBatch {
        let checkpoint = Position(u64::from(sessions.end));
        let key = |n| SessionKey { project: "p".into(), session: format!("{n:0>200}") };
        let sessions = sessions.map(|n| (key(n), Session::default())).collect();
        ViewsBatch { sessions, checkpoint, ..ViewsBatch::default() }
    }

    #[test]
    fn a_full_disk_refuses_a_batch_and_takes_it_when_there_is_room() {
        let dir = tempfile::tempdir().unwrap();
        let rules = Rules { half_life_ms: H.ms, fold_version: String::new() };
        let (connection, _) = schema::open(&dir.path().join("views.sqlite"), &rules, u64::MAX).unwrap();
        let mut writer = Writer::new(connection, H);
        writer.commit(&batch(0..10)).unwrap();
        let before = dump::lines(&writer.connection).unwrap();

        writer.connection.pragma_update(None, "max_page_count", 20).unwrap();
        let error = writer.commit(&batch(5..5000)).unwrap_err();
        assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DiskFull));
        assert_eq!(dump::lines(&writer.connection).unwrap(), before);

        writer.connection.pragma_update(None, "max_page_count", 1_000_000).unwrap();
        writer.commit(&batch(5..5000)).unwrap();
        let last = batch(4999..5000).sessions.remove(0);
        assert_eq!(writer.load(&[last.0]).unwrap(), [Some(last.1)]);
    }
}
