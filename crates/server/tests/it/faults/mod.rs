//! Faults: killed, stopped, full, torn, started twice. What was acknowledged is there, once, in order.

mod disk_full;
mod drain;
mod every_call;
mod failed_sync;
mod files;
mod kill;
mod logs_nowhere;
mod one_process;
mod read_only;
mod short_write;
mod torn_tail;
