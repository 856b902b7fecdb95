//! `tidegate jobs`: works on the store, whether a server runs on it or not.

use anyhow::bail;
use serde_json::json;
use tidegate_domain::ports::{Clock, DeadJob, JobId, JobStats};

use super::command::JobsAction;
use super::out;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::stores::open_jobs;

/// Dead jobs shown at most.
const DEAD_MAX: usize = 1000;

/// Does what was asked with jobs.
pub(super) async fn run(action: JobsAction, config: &Config) -> anyhow::Result<()> {
    let jobs = open_jobs(config).await?;
    let now = SystemClock.now();
    match action {
        JobsAction::Stats(args) => stats(&jobs.stats(now).await?, args.json),
        JobsAction::Pause { kind } => {
            jobs.pause(&kind, true).await?;
            out::say(&format!("{kind}: no worker takes any until `tidegate jobs resume {kind}`"));
        }
        JobsAction::Resume { kind } => {
            jobs.pause(&kind, false).await?;
            out::say(&format!("{kind}: workers take them again"));
        }
        JobsAction::Dead { project, json } => dead(&jobs.dead(&project, None, DEAD_MAX).await?, json),
        JobsAction::Retry { project, id: Some(id) } => {
            if !jobs.revive(&project, JobId(id), now).await? {
                bail!("project {project} has no dead job {id}");
            }
            out::say(&format!("{id} waits again"));
        }
        JobsAction::Retry { project, id: None } => {
            let all = jobs.dead(&project, None, DEAD_MAX).await?;
            for job in &all {
                jobs.revive(&project, job.id, now).await?;
            }
            out::say(&format!("{} jobs wait again", all.len()));
        }
    }
    Ok(())
}

fn stats(kinds: &[JobStats], as_json: bool) {
    if as_json {
        let row = |s: &JobStats| {
            json!({
                "kind": s.kind, "waiting": s.waiting, "active": s.active, "delayed": s.delayed, "failed": s.failed,
                "completed": s.completed, "oldestDueAt": s.oldest_due_at, "isPaused": s.is_paused,
            })
        };
        return out::say(&json!({"kinds": kinds.iter().map(row).collect::<Vec<_>>()}).to_string());
    }
    for s in kinds {
        let paused = if s.is_paused { "  paused" } else { "" };
        out::say(&format!(
            "{}  waiting {}  active {}  delayed {}  failed {}  completed {}{paused}",
            s.kind, s.waiting, s.active, s.delayed, s.failed, s.completed
        ));
    }
}

fn dead(jobs: &[DeadJob], as_json: bool) {
    if as_json {
        let row = |job: &DeadJob| {
            json!({
                "id": job.id.0.to_string(), "kind": job.kind, "key": job.key, "attempts": job.attempts,
                "error": job.error, "enqueuedAt": job.enqueued_at, "failedAt": job.failed_at,
            })
        };
        return out::say(&json!({"jobs": jobs.iter().map(row).collect::<Vec<_>>()}).to_string());
    }
    for job in jobs {
        let failed_at = job.failed_at.to_rfc3339();
        out::say(&format!(
            "{}  {}  {}  attempts {}  {failed_at}  {}",
            job.id.0, job.kind, job.key, job.attempts, job.error
        ));
    }
}
