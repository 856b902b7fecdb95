//! The terminal: how wide it is, and when that changes.

use console::Term;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Columns of the terminal that standard output is; `None` if it is none, or does not say.
pub(super) fn columns() -> Option<usize> {
    let (_, columns) = Term::stdout().size_checked()?;
    (columns > 0).then_some(usize::from(columns))
}

/// Hears of changes of the terminal's size.
pub(super) struct Resized(Option<Signal>);

impl Resized {
    /// Listens from now on. A system without the signal never reports a change.
    pub(super) fn listen() -> Self {
        Self(signal(SignalKind::window_change()).ok())
    }

    /// Waits for a change. Cancel-safe.
    pub(super) async fn wait(&mut self) {
        let changed = match &mut self.0 {
            Some(signal) => signal.recv().await,
            None => None,
        };
        if changed.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
