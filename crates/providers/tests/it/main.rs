//! Models behind a vendor that a test holds: real bytes over a real socket.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its world fails")]

mod faults;
mod laws;
mod log;
mod models;
mod tls;
mod wire;
