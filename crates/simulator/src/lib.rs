//! Deterministic simulation of Tidegate's promise: an acknowledged event is never lost, doubled or reordered.
//!
//! The real log, dedup, pipeline and checkpoint code runs in one thread over a disk and a clock that this crate holds. A
//! seed decides everything: what clients send, which task goes on next, which disk call fails and how, when the process
//! dies and what a power cut then takes, how the clock jumps. So a seed that breaks a law breaks it again, and its history
//! can be printed. After each seed the laws are checked against what clients and readers were told.
//!
//! - [`memory_disk`]: a directory of sectors and names, of which a crash keeps what was synced and any of the rest.
//! - `weather`: what a seed's disk and clock are like. `world`: luck, time and history. `disk`, `views`: the faults.
//! - `client`, `reader`: tasks that use the log. `oracle`: what they were told. `life`: one life of a process, step by step.
//! - `check`: the laws, after the last life.
//!
//! Sources: TigerBeetle's simulator (VOPR), FoundationDB (Zhou et al. 2021), swarm testing (Groce et al. 2012).

mod check;
mod client;
mod disk;
mod life;
pub mod memory_disk;
mod oracle;
mod pause;
mod reader;
mod seed;
mod views;
mod weather;
mod world;

pub use seed::{Failure, Report, simulate};
