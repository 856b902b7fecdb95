//! The tables of Views, and what is done with a file found at start.

use std::ffi::OsString;
use std::fs::{File, remove_file, rename};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use crate::sqlite::{Cause, is_damage, open_private};

/// Number of this layout. A file of another one is replaced: Views are folded again, never migrated.
const LAYOUT: i64 = 3;

/// - `sessions.no` counts sessions in the order in which they first appear in the log; it breaks ties in lists.
/// - `sessions.verdict` is what the newest analysis said, NULL before the first.
/// - `snapshots` and `cot_analyses` have long rows, so they are tables with an index beside.
/// - `session_patterns` is an index of `sessions.patterns`.
/// - Every index of `sessions` ends with `no`, its rowid.
const TABLES: &str = "
    CREATE TABLE meta(one INTEGER PRIMARY KEY CHECK (one = 1), checkpoint INTEGER NOT NULL,
        fold_version TEXT NOT NULL, half_life_ms INTEGER NOT NULL) STRICT;
    CREATE TABLE projects(no INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
    CREATE TABLE sessions(no INTEGER PRIMARY KEY, project_no INTEGER NOT NULL, id TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL, first_activity_at_ms INTEGER NOT NULL,
        last_activity_at_ms INTEGER NOT NULL, event_count INTEGER NOT NULL, evidence REAL NOT NULL,
        evidence_at_ms INTEGER NOT NULL, peak_risk REAL NOT NULL, risk_rank REAL NOT NULL,
        counts BLOB NOT NULL, patterns BLOB NOT NULL, firm REAL NOT NULL, firm_at_ms INTEGER NOT NULL,
        verdict TEXT) STRICT;
    CREATE UNIQUE INDEX sessions_by_id ON sessions(project_no, id);
    CREATE INDEX sessions_by_risk ON sessions(project_no, risk_rank);
    CREATE INDEX sessions_by_activity ON sessions(project_no, last_activity_at_ms);
    CREATE INDEX sessions_by_creation ON sessions(project_no, created_at_ms);
    CREATE TABLE session_patterns(project_no INTEGER NOT NULL, pattern TEXT NOT NULL, session_no INTEGER NOT NULL,
        PRIMARY KEY (project_no, pattern, session_no)) STRICT, WITHOUT ROWID;
    CREATE TABLE assessments(project_no INTEGER NOT NULL, position INTEGER NOT NULL, risk_score REAL NOT NULL,
        category INTEGER NOT NULL, confidence REAL NOT NULL, evidence REAL, session_risk REAL, flags BLOB NOT NULL,
        detail TEXT NOT NULL, PRIMARY KEY (project_no, position)) STRICT, WITHOUT ROWID;
    CREATE TABLE exemplar_hits(project_no INTEGER NOT NULL, exemplar INTEGER NOT NULL, position INTEGER NOT NULL,
        PRIMARY KEY (project_no, exemplar, position)) STRICT, WITHOUT ROWID;
    CREATE TABLE authors(project_no INTEGER NOT NULL, author TEXT NOT NULL, past BLOB NOT NULL,
        PRIMARY KEY (project_no, author)) STRICT, WITHOUT ROWID;
    CREATE TABLE snapshots(project_no INTEGER NOT NULL, session TEXT NOT NULL, position INTEGER NOT NULL,
        at_ms INTEGER NOT NULL, session_risk REAL NOT NULL, risk_score REAL NOT NULL, until INTEGER NOT NULL,
        model TEXT NOT NULL, detail TEXT NOT NULL) STRICT;
    CREATE UNIQUE INDEX snapshots_by_session ON snapshots(project_no, session, position);
    CREATE TABLE cot_analyses(project_no INTEGER NOT NULL, position INTEGER NOT NULL, at_ms INTEGER NOT NULL,
        data TEXT NOT NULL) STRICT;
    CREATE UNIQUE INDEX cot_analyses_by_position ON cot_analyses(project_no, position);
    CREATE TABLE parked(project_no INTEGER NOT NULL, position INTEGER NOT NULL, step TEXT NOT NULL,
        reason TEXT NOT NULL, recorded_at_ms INTEGER NOT NULL,
        PRIMARY KEY (project_no, position)) STRICT, WITHOUT ROWID;";

/// What a file was folded by.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) half_life_ms: i64,
    pub(super) fold_version: String,
}

/// What was found at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Nothing: the file is new.
    New,
    /// A file folded by the same rules.
    Kept,
    /// A file folded by other rules, or of another layout. It was replaced by an empty one.
    Outdated,
    /// A damaged file. It was put aside, and an empty one made.
    Damaged {
        /// Where the damaged file lies now.
        kept_as: PathBuf,
    },
    /// A file folded from a longer log than the one that is there. It was put aside, and an empty one made.
    Ahead {
        /// Where the file lies now.
        kept_as: PathBuf,
    },
}

/// Opens the file for writing and makes it fit `rules` and a log that ends at `log_end`, see [`Start`].
pub(super) fn open(path: &Path, rules: &Rules, log_end: u64) -> Result<(Connection, Start), Cause> {
    let (connection, start) = match examine(path, rules, log_end)? {
        Found::Empty(connection) => (connection, Start::New),
        Found::Fitting(connection) => return Ok((connection, Start::Kept)),
        Found::Other => {
            remove(path)?;
            (open_writer(path)?, Start::Outdated)
        }
        Found::Damaged => {
            let kept_as = put_aside(path)?;
            (open_writer(path)?, Start::Damaged { kept_as })
        }
        Found::Ahead => {
            let kept_as = put_aside(path)?;
            (open_writer(path)?, Start::Ahead { kept_as })
        }
    };
    let connection = create(connection, rules)?;
    if start != Start::New {
        tracing::warn!(?start, path = %path.display(), "views are folded again from the start of the log");
    }
    Ok((connection, start))
}

/// The stored checkpoint.
pub(super) fn checkpoint(views: &Connection) -> rusqlite::Result<u64> {
    views
        .query_row("SELECT checkpoint FROM meta", [], |row| row.get::<_, i64>(0))
        .map(|position| position as u64)
}

/// Stores the checkpoint.
pub(super) fn set_checkpoint(views: &Connection, checkpoint: u64) -> rusqlite::Result<()> {
    views.prepare_cached("UPDATE meta SET checkpoint = ?1")?.execute([checkpoint as i64]).map(drop)
}

enum Found {
    Empty(Connection),
    Fitting(Connection),
    Other,
    Damaged,
    Ahead,
}

fn examine(path: &Path, rules: &Rules, log_end: u64) -> Result<Found, Cause> {
    if Suspicion::of(path).is_noted() {
        return Ok(Found::Damaged);
    }
    let looked = open_writer(path).and_then(|connection| {
        let stored = stored_rules(&connection)?;
        Ok((connection, stored))
    });
    match looked {
        Ok((connection, Stored::Nothing)) => Ok(Found::Empty(connection)),
        Ok((connection, Stored::Rules(stored))) if stored == *rules => {
            // What is appended next would pass for folded, and be judged by the rows of what is gone.
            let is_ahead = checkpoint(&connection)? > log_end;
            Ok(if is_ahead { Found::Ahead } else { Found::Fitting(connection) })
        }
        Ok((_, Stored::Rules(_) | Stored::OtherLayout)) => Ok(Found::Other),
        Ok((_, Stored::Unclear)) => Ok(Found::Damaged),
        Err(cause) if cause.downcast_ref().is_some_and(is_damage) => Ok(Found::Damaged),
        Err(cause) => Err(cause),
    }
}

enum Stored {
    Nothing,
    Rules(Rules),
    OtherLayout,
    Unclear,
}

fn stored_rules(connection: &Connection) -> rusqlite::Result<Stored> {
    let layout: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if layout != LAYOUT {
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        return Ok(if tables == 0 { Stored::Nothing } else { Stored::OtherLayout });
    }
    let rules = connection
        .query_row("SELECT half_life_ms, fold_version FROM meta", [], |row| {
            Ok(Rules { half_life_ms: row.get(0)?, fold_version: row.get(1)? })
        })
        .optional()?;
    Ok(rules.map_or(Stored::Unclear, Stored::Rules))
}

/// - Pages of 4 KiB: a batch touches sessions far apart, and each costs its whole page in the write-ahead log.
///   Against 8 KiB as fast where pages are dense, and a fifth faster with 300 000 sessions.
/// - 16 000 pages, 64 MB, between checkpoints: each takes 25 to 80 ms of one commit, two syncs among them.
fn open_writer(path: &Path) -> Result<Connection, Cause> {
    let connection = open_private(path)?;
    connection.execute_batch(
        "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
         PRAGMA cache_size = -8000; PRAGMA wal_autocheckpoint = 16000; PRAGMA journal_size_limit = 67108864;",
    )?;
    Ok(connection)
}

fn create(mut connection: Connection, rules: &Rules) -> Result<Connection, Cause> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(TABLES)?;
    tx.execute("INSERT INTO meta VALUES (1, 0, ?1, ?2)", params![rules.fold_version, rules.half_life_ms])?;
    tx.pragma_update(None, "user_version", LAYOUT)?;
    tx.commit()?;
    Ok(connection)
}

/// Makes what was committed durable. SQLite syncs the file itself before it uses the write-ahead log anew, so all that
/// a power cut can take is in the log. (Only the file must never be opened beside SQLite; its log may.)
pub(super) fn sync(path: &Path) -> Result<(), Cause> {
    unless_absent(File::open(beside(path, "-wal")).and_then(|log| log.sync_data()))?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(File::open(dir)?.sync_all()?)
}

/// Removes the file, its side files first: an old write-ahead log must never meet a new file.
fn remove(path: &Path) -> Result<(), Cause> {
    for suffix in ["-wal", "-shm", ""] {
        unless_absent(remove_file(beside(path, suffix)))?;
    }
    Ok(())
}

/// Renames the file and its write-ahead log to the first free `.corrupt-<n>`: nobody knows what is still in them.
fn put_aside(path: &Path) -> Result<PathBuf, Cause> {
    let free = (1..10_000).map(|n| beside(path, &format!(".corrupt-{n}"))).find(|name| !name.exists());
    let kept_as = free.ok_or_else(|| Error::other("too many damaged files were put aside; remove some"))?;
    unless_absent(rename(beside(path, "-wal"), beside(&kept_as, "-wal")))?;
    unless_absent(remove_file(beside(path, "-shm")))?;
    unless_absent(rename(path, &kept_as))?;
    Suspicion::of(path).clear()?;
    Ok(kept_as)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn unless_absent(done: std::io::Result<()>) -> std::io::Result<()> {
    done.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// A note beside the file that damage was met while it was in use, so that the next start replaces it: a full check
/// at every start would read the whole file.
pub(super) struct Suspicion(PathBuf);

impl Suspicion {
    pub(super) fn of(path: &Path) -> Self {
        Self(beside(path, ".suspect"))
    }

    /// Makes the note if `cause` is damage.
    pub(super) fn note(&self, cause: &Cause) {
        if cause.downcast_ref().is_some_and(is_damage) {
            let noted = std::fs::write(&self.0, cause.to_string());
            tracing::error!(?noted, file = %self.0.display(), "views are damaged: a restart folds them again");
        }
    }

    fn is_noted(&self) -> bool {
        self.0.exists()
    }

    fn clear(&self) -> std::io::Result<()> {
        unless_absent(remove_file(&self.0))
    }
}
