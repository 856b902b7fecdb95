//! `tidegate key`: works on the data directory, whether a server runs on it or not.

use std::sync::Arc;

use anyhow::{Context, bail};
use serde_json::json;
use tidegate_domain::id::ProjectId;
use tidegate_domain::ports::{Clock, KeyRecord, Scopes};
use tidegate_engine::access::{Access, IssuedKey};

use super::command::KeyAction;
use super::out;
use crate::app;
use crate::clock::{SystemClock, SystemEntropy};
use crate::config::Config;
use crate::stores::open_control;

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

/// Does what was asked with keys.
pub(super) async fn run(action: KeyAction, config: &Config) -> anyhow::Result<()> {
    let access = open(config).await?;
    match action {
        KeyAction::Create { project, scopes, label, expires_days, json } => {
            let project: ProjectId = project.parse().context("--project")?;
            let parsed = Scopes::parse(&scopes);
            let scopes = parsed.map_err(|name| anyhow::anyhow!("--scopes: there is no scope {name:?}"))?;
            let expires_at = expires_days.map(|days| SystemClock.now().plus_ms(i64::from(days) * DAY_MS));
            let issued = access.issue(&project, scopes, &label, expires_at).await?;
            show_new(&issued, json);
        }
        KeyAction::List(args) => list(&access.list().await?, args.json),
        KeyAction::Rotate { id, overlap_minutes, json } => {
            let rotated = access.rotate(&id, i64::from(overlap_minutes) * MINUTE_MS).await?;
            show_new(&rotated.with_context(|| format!("there is no live key {id}"))?, json);
        }
        KeyAction::Revoke { id } => {
            if !access.revoke(&id).await? {
                bail!("there is no key {id}");
            }
            out::say(&format!("{id} is revoked"));
        }
    }
    Ok(())
}

async fn open(config: &Config) -> anyhow::Result<Access> {
    let control = open_control(config).await?;
    app::open_access(config, control, Arc::new(SystemClock), Arc::new(SystemEntropy)).await
}

fn show_new(issued: &IssuedKey, as_json: bool) {
    let IssuedKey { record, key } = issued;
    if as_json {
        let shown = json!({"id": record.id, "key": key, "project": record.project, "scopes": record.scopes.to_string()});
        return out::say(&shown.to_string());
    }
    out::say(&format!(
        "{key}\n\nThe key of project {} ({}). It is shown this once and not kept; its id is {}.",
        record.project, record.scopes, record.id
    ));
}

fn list(keys: &[KeyRecord], as_json: bool) {
    let now = SystemClock.now();
    if as_json {
        let rows: Vec<_> = keys.iter().map(|key| row(key, now)).collect();
        return out::say(&json!({"keys": rows}).to_string());
    }
    for key in keys {
        let state = if key.revoked_at.is_some() {
            "revoked"
        } else if key.is_live(now) {
            "live"
        } else {
            "expired"
        };
        let (created, project, scopes) = (key.created_at.to_rfc3339(), &key.project, key.scopes);
        out::say(&format!("{}  {state:8}  {project}  {scopes}  {created}  {}", key.id, key.label));
    }
}

fn row(key: &KeyRecord, now: tidegate_domain::time::UnixMs) -> serde_json::Value {
    json!({
        "id": key.id, "project": key.project, "scopes": key.scopes.to_string(), "label": key.label,
        "createdAt": key.created_at, "expiresAt": key.expires_at, "revokedAt": key.revoked_at,
        "live": key.is_live(now),
    })
}
