//! The stores on PostgreSQL: what one machine's files are to the embedded ones, for as many processes as there are.
//!
//! Each store has a schema of its own (`log`, `views`, `control`, `rates`), and keeps the laws of its port: `testkit` runs them
//! against both.

pub mod control;
pub mod database;
pub mod inspect;
pub mod jobs;
pub mod log;
mod migrations;
pub mod rates;
mod tls;
mod value;
pub mod views;
