//! Log lines of the process: JSON or text on stderr, with request ids and without content.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;

use anyhow::anyhow;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::config::{LogFormat, Telemetry};

/// Sends log lines, panics too, to stderr in the form of these settings. Call once.
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
    std::panic::set_hook(Box::new(report_panic));
    started.map_err(|error| anyhow!("log lines: {error}"))
}

/// Writes a log line of a panic. With `RUST_BACKTRACE=1` it says how it came there.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    let thread = std::thread::current();
    tracing::error!(reason = reason(panic.payload()), location, thread = thread.name(), backtrace, "panic");
}

/// The reason of a panic, if the program's text alone says it. A reason made from values may hold content: slicing a
/// string at a wrong place quotes it.
fn reason(payload: &dyn Any) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or("withheld: it was made from values")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_quotes_no_content() {
        let content = String::from("äöü my secret");
        let quoting = std::panic::catch_unwind(|| content[1..].len()).unwrap_err();
        assert!(quoting.downcast_ref::<String>().unwrap().contains("secret"), "what there is to withhold");
        assert!(reason(quoting.as_ref()).starts_with("withheld"));
        let plain = std::panic::catch_unwind(|| panic!("no room")).unwrap_err();
        assert_eq!(reason(plain.as_ref()), "no room");
    }
}
