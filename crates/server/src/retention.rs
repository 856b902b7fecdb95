//! Retention in the background: every so often the oldest events are deleted, as the settings say.
//!
//! Views are synced first, and what they do not hold by then stays: an event may go only once a power cut cannot take
//! what was derived from it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_domain::ports::{LogError, Retention, ViewsError};
use tokio::time::MissedTickBehavior;

use crate::app::App;

/// Why a round failed; the next one tries again.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Views(#[from] ViewsError),
}

/// Runs until the server stops; at once over if the settings keep everything.
pub(crate) async fn run(app: Arc<App>) {
    let log = &app.config.log;
    if log.retention_max_age_s == 0 && log.retention_max_bytes == 0 {
        return;
    }
    let mut tick = tokio::time::interval(Duration::from_millis(log.retention_interval_ms));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        if let Err(error) = round(&app).await {
            let cause: &dyn std::error::Error = &error;
            tracing::error!(error = cause, "retention failed; it is tried again");
        }
    }
}

async fn round(app: &App) -> Result<(), RoundError> {
    let started = Instant::now();
    let log = &app.config.log;
    let age_ms = i64::try_from(log.retention_max_age_s.saturating_mul(1000)).unwrap_or(i64::MAX);
    let retention = Retention {
        recorded_before: (age_ms > 0).then(|| app.clock.now().plus_ms(-age_ms)),
        disk_max_bytes: (log.retention_max_bytes > 0).then_some(log.retention_max_bytes),
        until: app.views.sync().await?,
    };
    let deleted = app.log.retain(retention).await?;
    app.metrics.deleted(&deleted);
    if let Some(tracer) = app.tracer.as_ref().filter(|_| deleted.segments > 0) {
        tracer.deleted(&deleted, started.elapsed());
    }
    Ok(())
}
