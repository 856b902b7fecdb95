//! One integration binary: a module per capability.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a helper of a test fails and speaks like the test"
)]

mod access;
mod analysis;
mod back_pressure;
mod backup;
mod bad_input;
mod bombs;
mod canary;
mod cli;
mod clock;
mod crowds;
mod deploy;
mod embedding;
mod eval;
mod faults;
mod fuzz;
mod idempotency;
mod ingest;
mod labels;
mod logs;
mod many;
mod masking;
mod moderation;
mod open_files;
mod operations;
mod overload;
mod paging;
mod rate_limits;
mod reading;
mod retention;
mod routes;
mod screen;
mod slow;
mod smuggling;
mod stream;
mod support;
mod tenants;
mod traces;
mod wire;
mod workspace;
