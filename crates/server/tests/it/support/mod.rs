//! What every test here stands on: servers, a client, streams, commands, patience.

pub(crate) mod account;
pub(crate) mod child;
pub(crate) mod client;
pub(crate) mod collector;
pub(crate) mod command;
pub(crate) mod compress;
pub(crate) mod files;
pub(crate) mod nightly;
pub(crate) mod patience;
pub(crate) mod raw;
pub(crate) mod server;
pub(crate) mod shim;
pub(crate) mod small_disk;
pub(crate) mod sse;
pub(crate) mod store;
pub(crate) mod strace;
pub(crate) mod walk;

/// A text that screening finds risky: at least 0.5, `TARGETED_HARASSMENT`.
pub(crate) const INSULT: &str = "You are such a stupid idiot!!!";
