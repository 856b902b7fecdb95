//! `tidegate serve`: run until told to stop.

use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use crate::run;

/// Serves until SIGTERM or SIGINT, then drains.
pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // A write past a limit on file sizes is an error that the log deals with, like a full disk: it must not be the end.
    let _file_limit = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
    let is_dev = config.server.dev;
    let running = run::start(config).await?;
    super::print::welcome(&running.addresses, is_dev);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    running.stop().await
}
