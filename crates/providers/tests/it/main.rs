//! Models behind a vendor that a test holds: real bytes over a real socket.

mod faults;
mod laws;
mod log;
mod models;
mod tls;
mod vendor;
mod wire;
