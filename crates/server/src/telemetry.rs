//! Log lines of the process: JSON or text on stderr, with request ids and without content.

use anyhow::anyhow;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::config::{LogFormat, Telemetry};

/// Sends log lines to stderr in the form of these settings. Call once.
pub fn start(config: &Telemetry) -> anyhow::Result<()> {
    let filter = EnvFilter::new(config.log_level.name());
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // It would say so on stderr, and panic when that fails too: on a full disk, say. A lost line is no harm.
        .log_internal_errors(false)
        .with_span_events(FmtSpan::NONE);
    let started = match config.log_format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).try_init(),
        LogFormat::Text => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
    };
    started.map_err(|error| anyhow!("log lines: {error}"))
}
