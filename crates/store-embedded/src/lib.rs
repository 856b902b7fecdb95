//! The default stores: our segment log for events, SQLite for Views, Control and jobs, rate limits in memory. One directory, one process.

pub mod control;
pub mod disk;
pub mod integrity;
pub mod jobs;
mod layouts;
pub mod lock;
pub mod log;
pub mod rates;
mod readers;
mod sqlite;
pub mod views;
