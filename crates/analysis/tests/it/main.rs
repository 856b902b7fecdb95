//! The built-in threat models, from outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its world fails")]

mod builders;
mod laws;
mod mock;
mod patterns;
mod port;
mod thoughts;
