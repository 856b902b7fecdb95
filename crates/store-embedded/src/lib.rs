//! The default stores: our segment log for events, SQLite for Views and Control. One directory, one process.

pub mod disk;
pub mod lock;
pub mod log;
