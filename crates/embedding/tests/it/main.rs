//! The crate from outside: a tiny model made here, damaged directories, strange texts, the laws of index and service.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its world fails")]

mod damage;
mod encoder;
mod index;
mod reference;
mod service;
mod texts;
mod tiny;
