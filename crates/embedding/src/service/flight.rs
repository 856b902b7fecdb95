//! One text on its way through the engine, and all who wait for it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Answer;

/// A place where one answer arrives, once, for any number of waiters.
#[derive(Debug, Default)]
pub(super) struct Flight {
    answer: Mutex<Option<Answer>>,
    landed: Condvar,
}

impl Flight {
    /// Hands the answer to all who wait.
    pub(super) fn land(&self, answer: Answer) {
        *self.answer() = Some(answer);
        self.landed.notify_all();
    }

    /// Waits for the answer; `None` if it has not come before `until`.
    pub(super) fn wait(&self, until: Option<Instant>) -> Option<Answer> {
        let mut answer = self.answer();
        while answer.is_none() {
            answer = match until {
                None => self.landed.wait(answer).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
                    self.landed.wait_timeout(answer, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        answer.clone()
    }

    /// The answer, if it has come.
    pub(super) fn landed(&self) -> Option<Answer> {
        self.answer().clone()
    }

    fn answer(&self) -> MutexGuard<'_, Option<Answer>> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
