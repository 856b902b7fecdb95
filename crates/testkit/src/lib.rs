//! The laws of the ports, models to compare with, and a world that a test holds.

pub mod control;
pub mod event_log;
pub mod feed;
pub mod jobs;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod property;
pub mod rate_limiter;
pub mod threat_model;
pub mod vendor;
pub mod views;
pub mod world;
