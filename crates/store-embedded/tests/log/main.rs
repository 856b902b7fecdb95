//! Proof of the embedded log: the laws of its port, and every fault of the disk it stands on.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests are tests; output says which seed failed"
)]

mod backup;
mod bytes;
mod checker;
mod concurrency;
mod damage;
mod every_call;
mod failed_sync;
mod faulty_disk;
mod files;
mod forged;
mod format;
mod full_disk;
mod indexes;
mod laws;
mod power_loss;
mod pressure;
mod retention;
mod rig;
mod torn;
