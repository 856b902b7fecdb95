//! The default stores: our segment log for events, SQLite for Views and Control. One directory, one process.

pub mod control;
pub mod disk;
pub mod integrity;
pub mod lock;
pub mod log;
mod sqlite;
pub mod views;
