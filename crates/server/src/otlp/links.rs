//! Which requests stored the events of a batch: remembered between the log's answer and the pipeline's commit.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tidegate_domain::id::Position;

use super::SpanContext;

/// Requests remembered; the oldest is forgotten first.
const REMEMBERED_MAX: usize = 1024;
/// Links of one span.
const LINKS_MAX: usize = 32;

/// Requests whose events are not folded yet, each with the position of its last event.
#[derive(Default)]
pub(super) struct Links(Mutex<VecDeque<(Position, SpanContext)>>);

impl Links {
    /// A request stored events, the last one at `last`.
    pub(super) fn remember(&self, last: Position, context: SpanContext) {
        let mut requests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if requests.len() == REMEMBERED_MAX {
            requests.pop_front();
        }
        requests.push_back((last, context));
    }

    /// Some of the requests whose last event lies in `from..next`; they, and all before, are forgotten.
    pub(super) fn take(&self, from: Position, next: Position) -> Vec<SpanContext> {
        let mut taken = Vec::new();
        let mut requests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        requests.retain(|(last, context)| {
            if (from..next).contains(last) && taken.len() < LINKS_MAX {
                taken.push(*context);
            }
            *last >= next
        });
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SpanId, TraceId};
    use super::*;

    fn context(number: u8) -> SpanContext {
        SpanContext { trace_id: TraceId([number; 16]), span_id: SpanId([number; 8]) }
    }

    #[test]
    fn a_batch_is_linked_to_the_requests_of_its_events_once() {
        let links = Links::default();
        for (last, number) in [(9, 1), (4, 2), (12, 3)] {
            links.remember(Position(last), context(number));
        }
        assert_eq!(links.take(Position(5), Position(10)), [context(1)]);
        assert_eq!(links.take(Position(0), Position(10)), []);
        assert_eq!(links.take(Position(10), Position(13)), [context(3)]);
    }

    #[test]
    fn neither_the_memory_nor_a_spans_links_grow_without_end() {
        let links = Links::default();
        for last in 0..5000 {
            links.remember(Position(last), context(1));
        }
        assert_eq!(links.0.lock().unwrap().len(), REMEMBERED_MAX);
        assert_eq!(links.take(Position(0), Position(5000)).len(), LINKS_MAX);
    }
}
