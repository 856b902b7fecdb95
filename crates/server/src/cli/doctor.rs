//! `tidegate doctor`: says how a data directory or a database is, and what is safe to do. Changes nothing.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::json;
use tidegate_domain::id::Position;
use tidegate_store_embedded::disk::RealDisk;
use tidegate_store_embedded::integrity;
use tidegate_store_embedded::lock::{DirectoryLock, LockError};
use tidegate_store_embedded::log::{Finding, Severity, inspect};
use tidegate_store_postgres::inspect::Observation;

use super::out;
use crate::config::Config;
use crate::run::SERVER_FILE;
use crate::stores::{CONTROL_FILE, JOBS_FILE, LOG_DIR, RESTORE_MARK, VIEWS_FILE, inspect_postgres};

const LOCK_FILE: &str = "LOCK";

/// Inspects the data directory, or the database that stands for it. Errors: it cannot be read, or something is damaged.
pub(super) async fn run(config: &Config, as_json: bool) -> anyhow::Result<()> {
    let dir = &config.server.data_dir;
    let findings = if !config.store.url.is_empty() {
        tables(config).await?
    } else if dir.is_dir() {
        findings(dir)?
    } else {
        bail!("there is no data directory {}", dir.display());
    };
    for finding in &findings {
        let (severity, file, detail) = (word(finding.severity), &finding.file, &finding.detail);
        if as_json {
            out::say(&json!({"severity": severity, "file": file, "detail": detail}).to_string());
        } else {
            out::say(&format!("{severity:6}  {file}: {detail}"));
        }
    }
    verdict(&findings)
}

/// What it comes to.
fn verdict(findings: &[Finding]) -> anyhow::Result<()> {
    const COPY: &str = "Keep a copy before any repair";
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (damaged, blocking) = (count(Severity::Damage), count(Severity::Blocking));
    if blocking > 0 {
        bail!("{blocking} to be dealt with by you before a server starts, {damaged} damaged. {COPY}");
    }
    if damaged > 0 {
        bail!("{damaged} damaged; a server starts and serves the rest. {COPY}");
    }
    Ok(())
}

async fn tables(config: &Config) -> anyhow::Result<Vec<Finding>> {
    let seen = inspect_postgres(config).await?;
    let finding = |seen: Observation| {
        let severity = if seen.is_damage { Severity::Damage } else { Severity::Note };
        Finding::new(severity, seen.place, seen.detail)
    };
    Ok(seen.into_iter().map(finding).collect())
}

fn findings(dir: &Path) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let is_running = is_locked(dir)?;
    if is_running {
        let detail =
            "a server works on this directory: what is being written at this moment may look unfinished";
        findings.push(Finding::new(Severity::Note, LOCK_FILE, detail));
    }
    let log = dir.join(LOG_DIR);
    let mut end = Position::default();
    if log.is_dir() {
        let inspection = inspect(&RealDisk::to_read(&log)).context("the log cannot be read")?;
        findings.extend(inspection.findings);
        end = inspection.end;
    } else {
        findings.push(Finding::new(Severity::Note, LOG_DIR, "there is no log yet"));
    }
    findings.extend(views(dir, end, is_running));
    findings.push(control(dir, end));
    findings.push(jobs(dir, end));
    findings.extend(others(dir, is_running)?);
    Ok(findings)
}

/// True if a server works on `dir`. A directory that cannot be written to has no server.
fn is_locked(dir: &Path) -> anyhow::Result<bool> {
    match DirectoryLock::to_look(dir) {
        Err(LockError::Taken) => Ok(true),
        Err(LockError::Io(error)) if error.kind() == ErrorKind::NotFound => Ok(false),
        other => other.map(|_| false).with_context(|| format!("data directory {}", dir.display())),
    }
}

fn views(dir: &Path, log_end: Position, is_running: bool) -> Vec<Finding> {
    const ADVICE: &str = "a start puts it aside and folds views again from the log";
    let mut findings = vec![match database(dir, VIEWS_FILE) {
        Ok(fine) => fine,
        Err(problem) => Finding::new(Severity::Note, VIEWS_FILE, format!("{problem}; {ADVICE}")),
    }];
    let ahead = integrity::views_checkpoint(&dir.join(VIEWS_FILE)).filter(|at| *at > log_end && !is_running);
    findings.extend(ahead.map(|at| {
        let detail = format!(
            "folded up to position {at}, but the log ends at {log_end}: the end of the log is missing, or one of the two is \
             a copy from another time; {ADVICE}, and new events get the missing positions"
        );
        Finding::new(Severity::Damage, VIEWS_FILE, detail)
    }));
    findings
}

fn control(dir: &Path, log_end: Position) -> Finding {
    const ADVICE: &str = "restore it from a backup: it holds projects and keys";
    let path = dir.join(CONTROL_FILE);
    if let Err(orphan) = integrity::refuse_orphan(&path) {
        return Finding::new(Severity::Blocking, CONTROL_FILE, orphan.to_string());
    }
    if log_end > Position::default() && !path.metadata().is_ok_and(|file| file.len() > 0) {
        let detail = format!(
            "missing or empty, though the log holds events; {ADVICE}. A start makes a new one, without them"
        );
        return Finding::new(Severity::Damage, CONTROL_FILE, detail);
    }
    match database(dir, CONTROL_FILE) {
        Ok(fine) => fine,
        Err(problem) => Finding::new(Severity::Blocking, CONTROL_FILE, format!("{problem}; {ADVICE}")),
    }
}

fn jobs(dir: &Path, log_end: Position) -> Finding {
    const LOST: &str = "jobs that waited and the dead letter are lost with it: a session is analysed at its next event, a \
        chain of thought that waited is not";
    let path = dir.join(JOBS_FILE);
    if let Err(orphan) = integrity::refuse_orphan(&path) {
        return Finding::new(Severity::Blocking, JOBS_FILE, format!("{orphan}; {LOST}"));
    }
    if log_end > Position::default() && !path.metadata().is_ok_and(|file| file.len() > 0) {
        let detail =
            format!("missing or empty, though the log holds events; a start makes a new one. {LOST}");
        return Finding::new(Severity::Note, JOBS_FILE, detail);
    }
    match database(dir, JOBS_FILE) {
        Ok(fine) => fine,
        Err(problem) => {
            let detail =
                format!("{problem}; move it away with its -wal, and a start makes a new one. {LOST}");
            Finding::new(Severity::Blocking, JOBS_FILE, detail)
        }
    }
}

/// How a database is, or what is wrong with it.
fn database(dir: &Path, name: &str) -> Result<Finding, String> {
    match integrity::check(&dir.join(name)) {
        Ok(None) => Ok(Finding::new(Severity::Note, name, "not there yet")),
        Ok(Some(problem)) if problem != "ok" => Err(problem),
        Ok(Some(_)) => Ok(Finding::new(Severity::Fine, name, "its integrity check passes")),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

/// What else lies in the directory.
fn others(dir: &Path, is_running: bool) -> anyhow::Result<Vec<Finding>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).context("the data directory cannot be read")? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names.iter().filter_map(|name| other(name, is_running)).collect())
}

fn other(name: &str, is_running: bool) -> Option<Finding> {
    let draft = format!("{VIEWS_FILE}.rebuild");
    let detail = if [LOCK_FILE, LOG_DIR].contains(&name)
        || is_of(name, VIEWS_FILE)
        || is_of(name, CONTROL_FILE)
        || is_of(name, JOBS_FILE)
    {
        return None;
    } else if name == SERVER_FILE {
        if is_running {
            return None;
        }
        "left by a server that was killed; the next one replaces it"
    } else if name == RESTORE_MARK {
        let detail = "a restore is under way or did not finish; unless it runs, delete what is in the directory and \
                restore again";
        return Some(Finding::new(Severity::Blocking, name, detail));
    } else if is_of(name, &draft) {
        "a rebuild that did not finish; safe to delete"
    } else if name == format!("{VIEWS_FILE}.suspect") {
        "damage was met in the views; the next start puts them aside and folds them again"
    } else if name.starts_with(&format!("{VIEWS_FILE}.corrupt-")) {
        "views that were put aside, and folded again since; safe to delete once looked at"
    } else {
        "not a file of Tidegate; left alone"
    };
    Some(Finding::new(Severity::Note, name, detail))
}

/// True if `name` is the database `base` or a file that SQLite keeps beside it.
fn is_of(name: &str, base: &str) -> bool {
    name.strip_prefix(base).is_some_and(|rest| ["", "-wal", "-shm", "-journal"].contains(&rest))
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Fine => "fine",
        Severity::Note => "note",
        Severity::Damage => "DAMAGE",
        Severity::Blocking => "STOP",
    }
}
