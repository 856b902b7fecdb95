//! Faults: killed, stopped, full, torn, started twice. What was acknowledged is there, once, in order.

mod disk_full;
mod drain;
mod kill;
mod one_process;
mod torn_tail;
