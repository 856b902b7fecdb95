//! Proof of the embedded log: the laws of its port, and every fault of the disk it stands on.

mod bytes;
mod checker;
mod faulty_disk;
mod laws;
mod memory_disk;
mod rig;
