//! What a caller has in hand between asking and waiting.

use std::sync::Arc;
use std::time::Instant;

use super::door::Ticket;
use super::{Answer, Shared};
use crate::cache::CacheKey;

/// Texts that were asked for. The engine works on them meanwhile; dropped, they are waited for no longer.
pub struct Asked {
    pub(super) shared: Arc<Shared>,
    pub(super) tickets: Vec<(CacheKey, Ticket)>,
    pub(super) until: Option<Instant>,
}

impl Asked {
    /// Whether every answer is known already: [`Asked::answers`] will not block.
    pub fn is_known(&self) -> bool {
        self.tickets.iter().all(|(_, ticket)| match ticket {
            Ticket::Answered(_) => true,
            Ticket::Waits(flight) => flight.landed().is_some(),
        })
    }

    /// An answer a text, in order (S2); blocks until each has come, or the caller's patience is over.
    pub fn answers(mut self) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(self.tickets.len());
        for (key, ticket) in std::mem::take(&mut self.tickets) {
            answers.push(match ticket {
                Ticket::Answered(answer) => answer,
                Ticket::Waits(flight) => match flight.wait(self.until) {
                    Some(answer) => answer,
                    None => self.shared.door().leave(key, &flight),
                },
            });
        }
        answers
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        for (key, ticket) in &self.tickets {
            if let Ticket::Waits(flight) = ticket {
                // An answer that came meanwhile is nobody's.
                drop(self.shared.door().leave(*key, flight));
            }
        }
    }
}
