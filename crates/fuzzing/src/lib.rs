//! What the fuzz targets check, as functions of bytes: each panics if a promise is broken, and only then.
//!
//! `fuzz/` feeds them from libFuzzer (`make fuzz`); `tests/corpus.rs` replays the inputs kept in `fuzz/corpus` in
//! every test run. Everything here is in memory and on one thread but for SQLite, so one input always does the same.

pub mod config;
pub mod doors;
pub mod envelope;
pub mod frames;
mod house;
mod place;
pub mod reading;
mod stepped_log;

/// Checks the promises for one input.
pub type Target = fn(&[u8]);

/// Every target, by the name of its binary and of its corpus.
pub const TARGETS: [(&str, Target); 7] = [
    ("chat", doors::chat),
    ("config", config::config),
    ("envelope", envelope::envelope),
    ("frames", frames::frames),
    ("moderation", doors::moderation),
    ("reading", reading::reading),
    ("screen", doors::screen),
];
