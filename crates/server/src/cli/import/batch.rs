//! Events gathered into requests.

use std::sync::Arc;

use bytes::Bytes;

use super::row::{Door, Event};

/// Largest body, unless a single event is larger.
const BODY_MAX_BYTES: usize = 4 << 20;

/// Where an event came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its file.
    pub(super) file: Arc<str>,
    /// Its line there, from 1.
    pub(super) line: u64,
}

/// A row or an event that was not stored, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rejection {
    /// Where it stands.
    pub(super) place: Place,
    /// The field, as a JSON pointer into the event; empty for the whole.
    pub(super) pointer: String,
    /// What is wrong with it.
    pub(super) detail: String,
}

/// One request.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Its body; empty if it has no events.
    pub(super) body: Bytes,
    /// Where each of its events came from.
    pub(super) places: Vec<Place>,
    /// Rows read for it, those refused here too.
    pub(super) rows: u64,
    /// Rows that never became events, each with the number of events before it.
    pub(super) refused: Vec<(usize, Rejection)>,
    /// True if the server knows every event when it comes again, so that it may be sent twice.
    pub(super) is_repeatable: bool,
}

/// Gathers events until a request is full.
pub(super) struct Batcher {
    /// The door all events are for.
    pub(super) door: Door,
    /// A project that each event names, for the server to check.
    pub(super) project: Option<String>,
    events_max: usize,
    body: String,
    gathered: Batch,
}

impl Batcher {
    /// A batcher of at most `events_max` events a request, and no more than the door takes.
    pub(super) fn new(door: Door, events_max: usize, project: Option<String>) -> Self {
        let events_max = events_max.min(door.batch_max_events());
        Self { door, project, events_max, body: String::new(), gathered: Batch::default() }
    }

    /// Counts a row.
    pub(super) fn row(&mut self) {
        self.gathered.rows += 1;
    }

    /// Keeps a row that cannot be sent.
    pub(super) fn refuse(&mut self, place: Place, pointer: String, detail: String) {
        self.gathered.refused.push((self.gathered.places.len(), Rejection { place, pointer, detail }));
    }

    /// Adds an event. The request before it, if there is no more room in that.
    pub(super) fn push(&mut self, place: Place, event: &Event) -> Option<Batch> {
        let is_large = !self.body.is_empty() && self.body.len() + event.json.len() > BODY_MAX_BYTES;
        let full = (is_large || self.gathered.places.len() == self.events_max).then(|| self.finish());
        let is_first = self.body.is_empty();
        self.body.push_str(if is_first { "{\"events\":[" } else { "," });
        self.body.push_str(&event.json);
        self.gathered.is_repeatable = event.is_keyed && (is_first || self.gathered.is_repeatable);
        self.gathered.places.push(place);
        full
    }

    /// What was gathered; may be empty.
    pub(super) fn finish(&mut self) -> Batch {
        if !self.body.is_empty() {
            self.body.push_str("]}");
        }
        self.gathered.body = std::mem::take(&mut self.body).into();
        std::mem::take(&mut self.gathered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: u64) -> Place {
        Place { file: "f".into(), line }
    }

    fn event(json: &str, is_keyed: bool) -> Event {
        Event { json: json.to_owned(), is_keyed }
    }

    #[test]
    fn a_request_has_at_most_so_many_events() {
        let mut batcher = Batcher::new(Door::Chat, 2, None);
        assert!(batcher.push(place(1), &event("{\"a\":1}", true)).is_none());
        assert!(batcher.push(place(2), &event("{}", true)).is_none());
        let full = batcher.push(place(3), &event("{}", false)).unwrap();
        assert_eq!(&full.body[..], br#"{"events":[{"a":1},{}]}"#);
        assert_eq!((full.places, full.is_repeatable), (vec![place(1), place(2)], true));
        let rest = batcher.finish();
        assert_eq!((&rest.body[..], rest.is_repeatable), (&br#"{"events":[{}]}"#[..], false));
        assert!(batcher.finish().body.is_empty());
    }

    #[test]
    fn a_request_has_at_most_so_many_bytes_unless_one_event_is_larger() {
        let mut batcher = Batcher::new(Door::Moderation, 1000, None);
        let large = event(&format!("\"{}\"", "x".repeat(BODY_MAX_BYTES)), true);
        assert!(batcher.push(place(1), &large).is_none());
        assert_eq!(batcher.push(place(2), &event("{}", true)).unwrap().places, [place(1)]);
        for line in 3..502 {
            assert!(batcher.push(place(line), &event("{}", true)).is_none());
        }
        assert_eq!(batcher.push(place(502), &event("{}", true)).unwrap().places.len(), 500);
    }
}
