//! What a command says: results on standard output, notes on standard error.

use std::io::{self, ErrorKind, Write};

/// Writes one line of results. False when nobody reads them any more, as in `tidegate tail | head`.
///
/// Errors: standard output fails in another way.
pub(super) fn line(text: &str) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes one line of notes. A note that cannot be written is not worth an error.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes results and does not mind if nobody reads them.
pub(super) fn say(text: &str) {
    let _ = line(text);
}

/// Writes why a command failed, with its causes.
pub(super) fn error(error: &anyhow::Error) {
    note(&format!("error: {error:#}"));
}
