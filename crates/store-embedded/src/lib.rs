//! The default stores: our segment log for events, SQLite for Views and Control, rate limits in memory. One directory, one process.

pub mod control;
pub mod disk;
pub mod integrity;
pub mod lock;
pub mod log;
pub mod rates;
mod sqlite;
pub mod views;
