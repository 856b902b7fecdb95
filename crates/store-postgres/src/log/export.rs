//! All that a log holds, as it was at one moment: what `tidegate backup` takes away, while others append.
//!
//! Records never change, so a page is a query of its own, and no long transaction keeps the database from cleaning up. A
//! fingerprint that a later event took over is not told of the earlier one: its window had passed by then.

use std::collections::HashMap;

use bytes::Bytes;
use tidegate_domain::dedup::Key;
use tidegate_domain::entry::Entry;
use tidegate_domain::id::Position;
use tokio_postgres::Row;

use crate::database::{Database, DatabaseError};
use crate::value::Moment;

/// Records of a page.
const RECORDS_MAX: i64 = 1000;

const RECORDS: &str = "SELECT position, recorded_at, checksum, project, session, record FROM log.events
    WHERE position >= $1 AND position < $2 ORDER BY position LIMIT $3";
const KEYS: &str = "SELECT position, hash, digest FROM log.keys WHERE position BETWEEN $1 AND $2";

/// Why a log cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Retention has deleted what was still to be read. May be retried.
    #[error("retention has deleted events up to position {first} before they were read: try again")]
    Deleted {
        /// Where the log begins now.
        first: Position,
    },
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A log as it was at one moment.
pub struct Export {
    database: Database,
    first: u64,
    tail: u64,
    next: u64,
}

impl Export {
    /// The log in `database` as it is now; an empty one if there is none. Errors: [`DatabaseError`].
    pub async fn open(database: Database) -> Result<Self, DatabaseError> {
        let (first, tail) = ends(&database).await?;
        Ok(Self { database, first, tail, next: first })
    }

    /// Where the log begins.
    pub fn first(&self) -> Position {
        Position(self.first)
    }

    /// Where it ended when it was opened.
    pub fn tail(&self) -> Position {
        Position(self.tail)
    }

    /// The next records, in order; none after the last. Errors: [`ExportError`].
    pub async fn page(&mut self) -> Result<Vec<Entry>, ExportError> {
        if self.next >= self.tail {
            return Ok(Vec::new());
        }
        let page = self.read().await?;
        let (first, _) = ends(&self.database).await?;
        if first > self.next {
            return Err(ExportError::Deleted { first: Position(first) });
        }
        self.next = page.last().map_or(self.tail, |last| last.position.0 + 1);
        Ok(page)
    }

    async fn read(&self) -> Result<Vec<Entry>, DatabaseError> {
        let client = self.database.connection().await?;
        let records = client.prepare_cached(RECORDS).await?;
        let (from, to) = (self.next as i64, self.tail as i64);
        let mut page: Vec<_> =
            client.query(&records, &[&from, &to, &RECORDS_MAX]).await?.iter().map(entry).collect();
        let Some(last) = page.last() else { return Ok(page) };
        let keys = client.prepare_cached(KEYS).await?;
        let rows = client.query(&keys, &[&from, &(last.position.0 as i64)]).await?;
        let mut of: HashMap<u64, Vec<&Row>> = HashMap::new();
        rows.iter().for_each(|row| of.entry(row.get::<_, i64>(0) as u64).or_default().push(row));
        for entry in &mut page {
            of.remove(&entry.position.0)
                .unwrap_or_default()
                .into_iter()
                .try_for_each(|row| enter(entry, row))?;
        }
        Ok(page)
    }
}

async fn ends(database: &Database) -> Result<(u64, u64), DatabaseError> {
    let client = database.connection().await?;
    let row = client.query_opt("SELECT first, tail FROM log.head", &[]).await?;
    Ok(row.map_or((0, 0), |row| (row.get::<_, i64>(0) as u64, row.get::<_, i64>(1) as u64)))
}

fn entry(row: &Row) -> Entry {
    let Moment(recorded_at) = row.get(1);
    Entry {
        position: Position(row.get::<_, i64>(0) as u64),
        recorded_at,
        checksum: row.get::<_, i32>(2) as u32,
        project: row.get::<_, i64>(3) as u64,
        session: row.get::<_, Option<i64>>(4).map(|session| session as u64),
        key: None,
        fingerprint: None,
        record: Bytes::copy_from_slice(row.get(5)),
    }
}

/// A fingerprint has no digest.
fn enter(entry: &mut Entry, row: &Row) -> Result<(), DatabaseError> {
    let hash = row.get::<_, &[u8]>(1).try_into().map(u128::from_be_bytes);
    let hash = hash.map_err(|_| DatabaseError::Unreadable { what: "the hash of a key".to_owned() })?;
    match row.get::<_, i64>(2) as u64 {
        0 => entry.fingerprint = Some(hash),
        digest => entry.key = Some(Key { hash, digest }),
    }
    Ok(())
}
