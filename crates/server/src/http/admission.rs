//! How many requests to store events are worked on at once: as many as can be answered in time, and no more.
//!
//! Beyond what a server can do, each further request only makes all of them wait longer, in the runtime and in the log's
//! queue. So the time from a request's body to its answer is watched: while the mean of a moment is above the target, no
//! more are admitted than are done in that time at the present rate (Little's law), and the rest is refused at once, which
//! costs little. While it is below, the limit grows again if it is reached. Some are always admitted: they share the log's
//! syncs, however slow, so that a slow disk alone is no overload.
//!
//! Source: Nichols, Jacobson (2012), Controlling Queue Delay, for the target; Little (1961) for the limit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Problem;

/// A moment that is judged.
const WINDOW: Duration = Duration::from_millis(50);
/// So many are always admitted.
const LIMIT_LEAST: usize = 64;
const LIMIT_MOST: usize = 1 << 20;

/// The limit, and what it follows from.
pub struct Admission {
    target: Duration,
    retry_after_s: u32,
    state: Mutex<State>,
}

struct State {
    limit: usize,
    inside: usize,
    /// What was answered since `since`, and what it took all together.
    since: Instant,
    answered: u32,
    took: Duration,
    /// True if the limit was reached since then.
    is_full: bool,
}

/// A request at work; what it took counts when this is dropped.
pub struct Admitted {
    admission: Arc<Admission>,
    since: Instant,
}

impl Admission {
    /// Aims at answers within `target_ms`; whoever is refused is told to wait `retry_after_s`.
    pub fn new(target_ms: u64, retry_after_s: u32) -> Self {
        let state = State {
            limit: LIMIT_MOST,
            inside: 0,
            since: Instant::now(),
            answered: 0,
            took: Duration::ZERO,
            is_full: false,
        };
        Self { target: Duration::from_millis(target_ms), retry_after_s, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a request in. Errors: 503 `overloaded`, with `Retry-After`.
    pub fn admit(self: &Arc<Self>) -> Result<Admitted, Problem> {
        let since = Instant::now();
        let limit = {
            let mut state = self.state();
            state.judge(since, self.target);
            if state.inside < state.limit {
                state.inside += 1;
                return Ok(Admitted { admission: Arc::clone(self), since });
            }
            state.is_full = true;
            state.limit
        };
        let target_ms = self.target.as_millis();
        let detail = format!(
            "{limit} requests are at work, and more are not done in server.ack_target_ms, {target_ms}"
        );
        Err(Problem::overloaded(detail, self.retry_after_s))
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut state = self.admission.state();
        state.inside -= 1;
        state.answered += 1;
        state.took += now - self.since;
        state.judge(now, self.admission.target);
    }
}

impl State {
    /// Sets the limit anew once a moment has passed.
    fn judge(&mut self, now: Instant, target: Duration) {
        let passed = now.saturating_duration_since(self.since);
        if passed < WINDOW {
            return;
        }
        if self.answered > 0 {
            let mean = self.took / self.answered;
            let in_time = (f64::from(self.answered) * target.as_secs_f64() / passed.as_secs_f64()) as usize;
            self.limit = match mean > target {
                true => in_time.min(self.limit),
                false if self.is_full => self.limit + self.limit / 4 + 1,
                false => self.limit,
            };
            self.limit = self.limit.clamp(LIMIT_LEAST, LIMIT_MOST);
        }
        (self.since, self.answered, self.took, self.is_full) = (now, 0, Duration::ZERO, false);
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    const TARGET: Duration = Duration::from_millis(100);

    fn state(limit: usize, answered: u32, mean: Duration, is_full: bool) -> State {
        let since = Instant::now();
        State { limit, inside: 0, since, answered, took: mean * answered, is_full }
    }

    fn judged(mut state: State) -> usize {
        let now = state.since + WINDOW;
        state.judge(now, TARGET);
        assert_eq!((state.answered, state.is_full), (0, false));
        state.limit
    }

    #[test]
    fn answers_that_are_late_leave_as_many_as_are_done_in_time() {
        // 500 in 50 ms are 10 000 a second: 1000 of them in 100 ms.
        assert_eq!(judged(state(LIMIT_MOST, 500, TARGET * 3, false)), 1000);
        assert_eq!(judged(state(700, 500, TARGET * 3, false)), 700, "it never rises while answers are late");
    }

    #[test]
    fn a_slow_disk_alone_refuses_nobody() {
        assert_eq!(judged(state(LIMIT_MOST, 1, TARGET * 30, false)), LIMIT_LEAST);
    }

    #[test]
    fn the_limit_grows_while_it_is_reached_and_answers_are_in_time() {
        assert_eq!(judged(state(400, 50, TARGET / 2, true)), 501);
        assert_eq!(judged(state(400, 50, TARGET / 2, false)), 400);
        assert_eq!(judged(state(400, 0, TARGET, true)), 400, "nothing is known of a moment without answers");
    }

    #[test]
    fn who_has_been_answered_makes_room_for_the_next() {
        let admission = Arc::new(Admission::new(100, 7));
        admission.state().limit = 2;
        let held: Vec<_> = (0..2).map(|_| admission.admit().ok().unwrap()).collect();
        let refused = admission.admit().err().unwrap();
        assert_eq!((refused.status, refused.kind), (StatusCode::SERVICE_UNAVAILABLE, "overloaded"));
        drop(held);
        assert!(admission.admit().is_ok());
        assert_eq!(admission.state().inside, 0);
    }
}
