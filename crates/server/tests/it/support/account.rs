//! What a client keeps account of while it sends one event after the other, and what must be true of it after any
//! crash.

use std::path::Path;

use serde_json::{Value, json};

use super::client::Client;
use super::{INSULT, command, walk};

/// One session's events, each with a number and a key of its own, sent in order.
#[derive(Clone, Default)]
pub(crate) struct Account {
    /// Acknowledged ids, by number.
    pub(crate) acked: Vec<String>,
    /// It does not wait until an event is screened.
    pub(crate) is_hasty: bool,
}

/// How a sending ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// All were acknowledged.
    All,
    /// The connection broke.
    Broken,
    /// An event was refused, with this status and kind.
    Refused(u16, String),
}

impl Account {
    fn event(number: usize) -> Value {
        let content = format!("{INSULT} {}", "x".repeat(15_000));
        json!({
            "type": "message.user", "sessionId": "s", "content": content, "data": {"n": number},
            "idempotencyKey": format!("key-{number}"),
        })
    }

    pub(crate) fn hasty() -> Self {
        Self { is_hasty: true, ..Self::default() }
    }

    /// Sends events until `count` are acknowledged. Each is screened before the next one is sent, unless in haste, so
    /// that what is written, and when, is the same in each run.
    pub(crate) async fn send(&mut self, client: &Client, count: usize) -> Sent {
        while self.acked.len() < count {
            let path = if self.is_hasty { "/v1/events" } else { "/v1/events?wait=screened" };
            let call = client.post(path).json(&Self::event(self.acked.len()));
            let Ok(answer) = call.try_send().await else { return Sent::Broken };
            if answer.status != 200 {
                return Sent::Refused(answer.status, answer.kind());
            }
            self.acked.push(answer.json()["eventId"].as_str().expect("an id").to_owned());
        }
        Sent::All
    }

    /// Every acknowledged event is there once, under its id, in order; and beyond it at most the one whose answer was
    /// lost.
    pub(crate) async fn check(&self, client: &Client, context: &str) {
        let events = walk::events(client, "order=asc").await;
        let places: Vec<_> = events.iter().map(|event| (&event["position"], &event["data"]["n"])).collect();
        for (number, (position, n)) in places.iter().enumerate() {
            assert_eq!((*position, *n), (&json!(number), &json!(number)), "{context}: {places:?}");
        }
        let ids = walk::texts(&events, "/eventId");
        assert!(ids.starts_with(&self.acked), "{context}: {ids:?} lacks some of {:?}", self.acked);
        assert!(ids.len() <= self.acked.len() + 1, "{context}: {ids:?}");
    }
}

/// Views hold what the log alone gives, and `doctor` finds no harm.
pub(crate) fn is_sound(dir: &Path, context: &str) {
    let said = command::say(dir, &["rebuild", "--check", "--json"]);
    assert!(said.contains(r#""equal":true"#), "{context}: {said}");
    let doctor = command::run(dir, &["doctor"]);
    assert_eq!(doctor.code, Some(0), "{context}: {}{}", doctor.stdout, doctor.stderr);
}
