//! `tidegate doctor`: says how a data directory is, and what is safe to do. Changes nothing.

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::json;
use tidegate_store_embedded::disk::RealDisk;
use tidegate_store_embedded::integrity;
use tidegate_store_embedded::lock::{DirectoryLock, LockError};
use tidegate_store_embedded::log::{Finding, Severity, inspect};

use super::out;
use crate::app::{CONTROL_FILE, LOG_DIR, VIEWS_FILE};
use crate::config::Config;

/// Inspects the data directory. Errors: it cannot be read, or something is damaged.
pub(super) fn run(config: &Config, as_json: bool) -> anyhow::Result<()> {
    let dir = &config.server.data_dir;
    if !dir.is_dir() {
        bail!("there is no data directory {}", dir.display());
    }
    let findings = findings(dir)?;
    let damaged = findings.iter().filter(|finding| finding.severity == Severity::Damage).count();
    for finding in &findings {
        let (severity, file, detail) = (word(finding.severity), &finding.file, &finding.detail);
        if as_json {
            out::say(&json!({"severity": severity, "file": file, "detail": detail}).to_string());
        } else {
            out::say(&format!("{severity:6}  {file}: {detail}"));
        }
    }
    if damaged > 0 {
        bail!("{damaged} damaged; the rest is safe to serve. Keep a copy of the directory before any repair");
    }
    Ok(())
}

fn findings(dir: &Path) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    match DirectoryLock::take(dir) {
        Err(LockError::Taken) => findings.push(Finding::new(
            Severity::Note,
            "LOCK",
            "a server works on this directory: what is being written at this moment may look unfinished",
        )),
        other => drop(other?),
    }
    let log = dir.join(LOG_DIR);
    if log.is_dir() {
        let disk = RealDisk::open(&log)?;
        findings.extend(inspect(&disk).context("the log cannot be read")?);
    } else {
        findings.push(Finding::new(Severity::Note, LOG_DIR, "there is no log yet"));
    }
    let rebuildable = "views can be deleted and are folded again from the log";
    findings.push(database(dir, VIEWS_FILE, Severity::Note, rebuildable));
    findings.push(database(
        dir,
        CONTROL_FILE,
        Severity::Damage,
        "restore it from a backup: it holds projects and keys",
    ));
    Ok(findings)
}

fn database(dir: &Path, name: &str, if_bad: Severity, advice: &str) -> Finding {
    match integrity::check(&dir.join(name)) {
        Ok(None) => Finding::new(Severity::Note, name, "not there yet"),
        Ok(Some(problem)) if problem != "ok" => Finding::new(if_bad, name, format!("{problem}; {advice}")),
        Ok(Some(_)) => Finding::new(Severity::Fine, name, "its integrity check passes"),
        Err(error) => Finding::new(if_bad, name, format!("cannot be read: {error}; {advice}")),
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Fine => "fine",
        Severity::Note => "note",
        Severity::Damage => "DAMAGE",
    }
}
