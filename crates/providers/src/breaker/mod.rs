//! A circuit breaker: who failed too often is left alone for a while, and so is who asked to be.
//!
//! - **B1** closed: after `failures` failures in a row, it opens.
//! - **B2** open: nobody is let through; the rest is told until when.
//! - **B3** half-open: after that time one probe is let through. If it fails, the breaker opens for twice as long, up to
//!   eight times; else it closes. A probe that never came back is given up after the same time.
//! - **B4** a vendor that wants no more for now is left alone for the time that it named, and has not failed.
//!
//! Source: Nygard (2018), Release It!, second edition, section 5.2.

mod guarded;

pub use guarded::Guarded;

use std::time::Duration;

use tokio::time::Instant;

/// Longest an open breaker grows, as a power of two.
const DOUBLINGS_MAX: u32 = 3;

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Failures in a row that open it; at least 1.
    pub failures: u32,
    /// How long it stays open at first. Up to a quarter is added by chance, so that many do not probe at once.
    pub open: Duration,
}

/// How a call ended, for a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The vendor is well, whatever it said.
    Answered,
    /// It was not reached, failed, or spoke nonsense.
    Failed,
    /// It wants no more for so long.
    Busy(Duration),
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed { failures: u32, not_before: Option<Instant> },
    Open { until: Instant, openings: u32 },
    HalfOpen { probe_until: Instant, openings: u32 },
}

/// The state of one breaker. Pure: time and chance come in as values.
#[derive(Debug)]
pub struct Breaker {
    policy: Policy,
    state: State,
}

impl Breaker {
    /// A closed one.
    pub fn new(policy: Policy) -> Self {
        Self { policy, state: State::Closed { failures: 0, not_before: None } }
    }

    /// True unless it is closed.
    pub fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed { .. })
    }

    /// Lets a call through, or says how long to wait, which is above 0. Who is let through owes [`Breaker::settle`].
    pub fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        match self.state {
            State::Closed { not_before: Some(at), .. } if now < at => Err(at - now),
            State::Closed { .. } => Ok(()),
            State::Open { until: at, .. } | State::HalfOpen { probe_until: at, .. } if now < at => {
                Err(at - now)
            }
            State::Open { openings, .. } | State::HalfOpen { openings, .. } => {
                self.state = State::HalfOpen { probe_until: now + self.policy.open, openings };
                Ok(())
            }
        }
    }

    /// Takes the end of a call in. `chance` is any number: it says how much of a quarter is added to the wait.
    pub fn settle(&mut self, outcome: Outcome, now: Instant, chance: u64) {
        self.state = match (outcome, self.state) {
            // An answer to a call from before does not end the wait that another was told.
            (Outcome::Answered, State::Closed { not_before, .. }) => {
                State::Closed { failures: 0, not_before }
            }
            (Outcome::Answered, _) => State::Closed { failures: 0, not_before: None },
            (Outcome::Busy(wait), State::Closed { failures, .. }) => {
                State::Closed { failures, not_before: Some(now + wait) }
            }
            (Outcome::Busy(wait), _) => State::Closed { failures: 0, not_before: Some(now + wait) },
            (Outcome::Failed, State::Closed { failures, not_before }) => match failures.saturating_add(1) {
                failures if failures >= self.policy.failures => self.opened(now, 0, chance),
                failures => State::Closed { failures, not_before },
            },
            (Outcome::Failed, State::HalfOpen { openings, .. }) => {
                self.opened(now, (openings + 1).min(DOUBLINGS_MAX), chance)
            }
            // A call that began before it opened.
            (Outcome::Failed, open @ State::Open { .. }) => open,
        };
    }

    fn opened(&self, now: Instant, openings: u32, chance: u64) -> State {
        let open = self.policy.open * (1 << openings);
        let jitter_ms = chance % (open.as_millis() as u64 / 4 + 1);
        State::Open { until: now + open + Duration::from_millis(jitter_ms), openings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Duration = Duration::from_secs(10);

    fn breaker() -> (Breaker, Instant) {
        (Breaker::new(Policy { failures: 3, open: OPEN }), Instant::now())
    }

    fn fail(breaker: &mut Breaker, times: u32, now: Instant) {
        for _ in 0..times {
            breaker.admit(now).unwrap();
            breaker.settle(Outcome::Failed, now, 0);
        }
    }

    #[test]
    fn failures_in_a_row_open_it_and_others_do_not() {
        let (mut breaker, now) = breaker();
        fail(&mut breaker, 2, now);
        breaker.settle(Outcome::Answered, now, 0);
        fail(&mut breaker, 2, now);
        assert!(!breaker.is_open());
        fail(&mut breaker, 1, now);
        assert!(breaker.is_open());
        assert_eq!(breaker.admit(now), Err(OPEN));
        assert_eq!(breaker.admit(now + OPEN / 2), Err(OPEN / 2));
    }

    #[test]
    fn one_probe_is_let_through_and_closes_it() {
        let (mut breaker, now) = breaker();
        fail(&mut breaker, 3, now);
        let later = now + OPEN;
        assert_eq!(breaker.admit(later), Ok(()));
        assert_eq!(breaker.admit(later), Err(OPEN), "the probe is out");
        breaker.settle(Outcome::Answered, later, 0);
        assert!(!breaker.is_open());
        fail(&mut breaker, 2, later);
        assert!(!breaker.is_open(), "it counts from none");
    }

    #[test]
    fn a_failed_probe_opens_it_for_twice_as_long_up_to_eight_times() {
        let (mut breaker, mut now) = breaker();
        fail(&mut breaker, 3, now);
        for times in [1, 2, 4, 8, 8] {
            assert_eq!(breaker.admit(now), Err(OPEN * times));
            now += OPEN * times;
            fail(&mut breaker, 1, now);
        }
    }

    #[test]
    fn a_lost_probe_does_not_shut_it_for_ever() {
        let (mut breaker, now) = breaker();
        fail(&mut breaker, 3, now);
        assert_eq!(breaker.admit(now + OPEN), Ok(()));
        assert_eq!(breaker.admit(now + OPEN * 2), Ok(()));
    }

    #[test]
    fn late_failures_change_nothing_and_chance_adds_a_quarter_at_most() {
        let (mut breaker, now) = breaker();
        fail(&mut breaker, 2, now);
        breaker.settle(Outcome::Failed, now, 2_500);
        assert_eq!(breaker.admit(now), Err(OPEN + OPEN / 4));
        breaker.settle(Outcome::Failed, now + OPEN, 0);
        assert_eq!(breaker.admit(now), Err(OPEN + OPEN / 4));
    }

    #[test]
    fn who_is_busy_is_left_alone_and_has_not_failed() {
        let (mut breaker, now) = breaker();
        let wait = Duration::from_secs(1);
        breaker.settle(Outcome::Busy(wait), now, 0);
        assert_eq!(breaker.admit(now), Err(wait));
        assert!(!breaker.is_open());
        breaker.settle(Outcome::Answered, now, 0);
        assert_eq!(breaker.admit(now), Err(wait), "a late answer does not end the wait");
        assert_eq!(breaker.admit(now + wait), Ok(()));
        fail(&mut breaker, 3, now + wait);
        assert!(breaker.is_open());
        assert_eq!(breaker.admit(now + wait + OPEN), Ok(()));
        breaker.settle(Outcome::Busy(wait), now + wait + OPEN, 0);
        assert!(!breaker.is_open(), "a busy vendor is up");
    }
}
