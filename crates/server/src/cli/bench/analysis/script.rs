//! Who says what when: conversations as they come, for what analyses save.
//!
//! A turn is three events, 30 ms apart: what the user said, what a tool gave back, what the assistant answered; then the
//! user thinks. Of twenty sessions eight follow one of six scripts word for word (a support bot's menu, a health check),
//! nine are chats of their own, and three are chats of their own in which a user insults the assistant or orders it about.

use std::time::Duration;

use serde_json::json;

use super::super::traffic::{RISKY, Said};

/// Turns of a session.
pub(super) const TURNS: usize = 6;
/// Events of a turn.
const PARTS: [(&str, &str); 3] =
    [("message.user", "user"), ("message.tool", "tool"), ("message.assistant", "assistant")];
/// Events of a session.
pub(super) const EVENTS: usize = TURNS * PARTS.len();
const BETWEEN_PARTS: Duration = Duration::from_millis(30);
const BETWEEN_TURNS: Duration = Duration::from_millis(900);
/// Sessions begin within this.
const BEGIN_WITHIN: Duration = Duration::from_secs(3);
const SCRIPTS: usize = 6;

/// One event and when it is due.
pub(super) struct Cue {
    /// From the start.
    pub(super) at: Duration,
    /// Body of its request.
    pub(super) body: String,
}

/// Whose words a session holds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Scripted,
    Own,
    Risky,
}

fn kind(session: usize) -> Kind {
    match session % 20 {
        0..8 => Kind::Scripted,
        8..17 => Kind::Own,
        _ => Kind::Risky,
    }
}

/// The events of session number `session` of `sessions`, in the order they are due.
pub(super) fn session(said: &[Said], session: usize, sessions: usize) -> Vec<Cue> {
    let begin = BEGIN_WITHIN.mul_f64(session as f64 / sessions as f64);
    let mut cues = Vec::with_capacity(EVENTS);
    for turn in 0..TURNS {
        for (part, (event_type, role)) in PARTS.into_iter().enumerate() {
            let body = json!({
                "type": event_type, "role": role, "projectId": "proj_dev", "source": "web",
                "sessionId": format!("talk-{session:06}"), "content": content(said, session, turn, part),
            });
            let at = begin + BETWEEN_TURNS * turn as u32 + BETWEEN_PARTS * part as u32;
            cues.push(Cue { at, body: body.to_string() });
        }
    }
    cues
}

fn content(said: &[Said], session: usize, turn: usize, part: usize) -> String {
    let place = turn * PARTS.len() + part;
    let of = |number: usize| said[(number * EVENTS + place) % said.len()].content.as_str();
    match kind(session) {
        Kind::Scripted => of(session % SCRIPTS).to_owned(),
        Kind::Own => format!("{} (case {session})", of(session)),
        Kind::Risky if part == 0 => format!("{} (case {session})", RISKY[(session + turn) % RISKY.len()]),
        Kind::Risky => format!("{} (case {session})", of(session)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn scripts_are_repeated_and_chats_are_not() {
        let said: Vec<_> = Said::generation().filter(|said| !said.is_risky()).collect();
        let texts = |session| (0..EVENTS).map(|n| content(&said, session, n / 3, n % 3)).collect::<Vec<_>>();
        let different: HashSet<_> = (0..200).map(texts).collect();
        assert_eq!(different.len(), 120 + SCRIPTS);
        let cues = session(&said, 199, 200);
        assert!(cues.is_sorted_by_key(|cue| cue.at) && cues.len() == EVENTS);
    }
}
