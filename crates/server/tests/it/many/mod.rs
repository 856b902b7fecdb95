//! Many processes on one PostgreSQL and one Redis, and everything that can happen to each of them.
//!
//! In all of it: what was acknowledged is there once, in order; views equal a rebuild; while nothing can be acknowledged
//! the answer is 503 with `Retry-After`; and it goes on by itself.

mod cluster;
mod database;
mod load;
mod proxy;
mod streams;
mod workers;

mod postgres;
mod redis;
mod tls;
