//! The server: HTTP, auth, config, wiring and the command line. The only crate that knows all the others.

pub mod config;
