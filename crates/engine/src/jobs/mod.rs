//! Jobs at work: who leases them, runs them, and says what became of them.
//!
//! - **W1** nothing is settled before its runner has answered; a worker that dies leaves its jobs to be leased again.
//! - **W2** a runner that panics fails the job at hand and no other; one that fails [`Backoff::attempts_max`] times, or takes
//!   the process down as often, goes to the dead letter.
//! - **W3** what is put off ([`Outcome::Busy`]) is no failed attempt.
//! - **W4** a store that does not answer is asked again; jobs run on meanwhile, and settle when it does.

mod backoff;
mod runner;
mod worker;

pub use backoff::Backoff;
pub use runner::{JobObserver, Outcome, Report, Runner};
pub use worker::{Doorbell, Worker};
