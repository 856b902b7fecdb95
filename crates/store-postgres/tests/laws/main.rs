//! The laws of the ports on PostgreSQL, and what only this store promises. Needs a server: see `.ci/servers`.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its world fails")]

mod backup;
mod control;
mod event_log;
mod feed;
mod jobs;
mod leases;
mod migrations;
mod processes;
mod rates;
mod rig;
mod views;
