//! What a batch holds that a threat model can read.

use std::collections::HashMap;

use tidegate_domain::analysis::{TurnKind, is_cot, is_reserved};
use tidegate_domain::event::Event;
use tidegate_domain::id::Position;
use tidegate_domain::ports::ViewsBatch;
use tidegate_domain::risk::HalfLife;
use tidegate_domain::session::SessionKey;

use super::fold::Decoded;
use crate::analysis::{Wanted, WantedCot};

/// The sessions of a batch with the last event to read in each, in the order of first appearance, and its chains of thought.
#[derive(Default)]
pub(super) struct Wants {
    sessions: Vec<(SessionKey, Position)>,
    pub(super) cots: Vec<WantedCot>,
}

impl Wants {
    /// Cost: two comparisons an event, and one copy of a name a session.
    pub(super) fn of(decoded: &Decoded<'_>) -> Self {
        let mut until = vec![None; decoded.sessions.len()];
        let mut cots = Vec::new();
        for (event, session, position) in decoded.events() {
            if !is_readable(event) {
                continue;
            }
            if let Some(number) = session {
                until[number] = Some(position);
            }
            if is_cot(&event.event_type) {
                cots.push((event.project_id.clone().into_owned(), position));
            }
        }
        let named = decoded.sessions.iter().zip(until);
        let sessions = named.filter_map(|(key, until)| Some((key.clone(), until?))).collect();
        Self { sessions, cots }
    }

    /// What is wanted of each session in the state that `batch` leaves it in; nothing of one that it does not keep.
    pub(super) fn of_sessions(&self, batch: &ViewsBatch, half_life: HalfLife) -> Vec<Wanted> {
        let states: HashMap<_, _> = batch.sessions.iter().map(|(key, session)| (key, session)).collect();
        let wanted = self.sessions.iter().filter_map(|(key, until)| {
            let session = states.get(key)?;
            let risk = session.evidence.risk_at(session.evidence.at, half_life).get();
            Some(Wanted::of(key, session, *until, risk))
        });
        wanted.collect()
    }
}

/// True for an event with words, or one of a conversation; the server's own analyses are not read again.
fn is_readable(event: &Event<'_>) -> bool {
    let has_words = event.content.as_ref().is_some_and(|content| !content.is_empty());
    (has_words || TurnKind::of(&event.event_type, event.role.as_deref()) != TurnKind::Other)
        && !is_reserved(&event.event_type)
}
