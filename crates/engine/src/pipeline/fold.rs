//! The pure steps of a batch: decode, screen, project. A step that fails on one event parks that event, and the
//! batch goes on without it.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use tidegate_domain::assessment::{Assessment, Screener};
use tidegate_domain::event::Event;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{Assessed, Parked, Receipt, Stored, ViewsBatch};
use tidegate_domain::record;
use tidegate_domain::risk::HalfLife;
use tidegate_domain::session::{Session, SessionKey};

use super::BatchReport;

/// The events of a batch, and the sessions they touch in the order of first appearance.
pub(super) struct Decoded<'a> {
    events: Vec<(Receipt, Event<'a>, Option<usize>)>,
    pub(super) keys: Vec<SessionKey>,
    parked: Vec<Parked>,
}

/// A batch, folded.
pub(super) struct Folded {
    pub(super) batch: ViewsBatch,
    pub(super) report: BatchReport,
}

/// Numbers of sessions by project and id; looked up without copying a name.
type Numbers = HashMap<String, HashMap<String, usize>>;

/// Reads the records; those that cannot be read are parked.
pub(super) fn decode(records: &[Stored]) -> Decoded<'_> {
    let mut decoded =
        Decoded { events: Vec::with_capacity(records.len()), keys: Vec::new(), parked: Vec::new() };
    let mut numbers = Numbers::new();
    for stored in records {
        match record::decode(&stored.bytes) {
            Ok(event) => {
                let session = event.session_id.as_deref();
                let number =
                    session.map(|s| number_of(&mut numbers, &mut decoded.keys, &event.project_id, s));
                decoded.events.push((stored.receipt, event, number));
            }
            Err(error) => decoded.parked.push(parked(&stored.receipt, "", "decode", error.to_string())),
        }
    }
    decoded
}

fn number_of(numbers: &mut Numbers, keys: &mut Vec<SessionKey>, project: &str, session: &str) -> usize {
    if let Some(number) = numbers.get(project).and_then(|sessions| sessions.get(session)) {
        return *number;
    }
    let number = keys.len();
    keys.push(SessionKey { project: project.to_owned(), session: session.to_owned() });
    numbers.entry(project.to_owned()).or_default().insert(session.to_owned(), number);
    number
}

/// Screens and projects the events in order. `sessions` are the states of `decoded.keys`.
pub(super) fn fold(
    decoded: Decoded<'_>,
    mut sessions: Vec<Session>,
    screener: &dyn Screener,
    half_life: HalfLife,
    next: Position,
) -> Folded {
    let mut batch = ViewsBatch { checkpoint: next, parked: decoded.parked, ..ViewsBatch::default() };
    let first_recorded_at =
        decoded.events.first().map_or_else(Default::default, |(receipt, ..)| receipt.recorded_at);
    let mut report =
        BatchReport { events: decoded.events.len(), first_recorded_at, ..BatchReport::default() };
    for (index, (receipt, event, number)) in decoded.events.iter().enumerate() {
        if index.is_multiple_of(YIELD_EVERY) {
            std::thread::yield_now();
        }
        let Some(assessment) = screen(screener, event, &mut report) else {
            batch.parked.push(parked(
                receipt,
                &event.project_id,
                "screen",
                "the screener panicked".to_owned(),
            ));
            continue;
        };
        let session = number.map(|number| &mut sessions[number]);
        let contribution = session.and_then(|s| s.apply(event, receipt.recorded_at, &assessment, half_life));
        if !assessment.is_clear() {
            report.risk_scores.push(assessment.risk_score.get());
            let project = event.project_id.clone().into_owned();
            batch.assessed.push(Assessed { project, position: receipt.position, assessment, contribution });
        }
    }
    report.parked = batch.parked.len();
    // A session whose every event was parked has no state.
    batch.sessions =
        decoded.keys.into_iter().zip(sessions).filter(|(_, session)| session.event_count > 0).collect();
    Folded { batch, report }
}

/// After so many events others may run: a kernel that preempts only at its tick would else let the log's writer, and so
/// an ack, wait for milliseconds.
const YIELD_EVERY: usize = 32;

/// One text in so many is timed: asking the clock for each would cost as much as a short text.
const TIMED_EVERY: usize = 64;

/// The assessment of an event's text; `None` if the screener panicked on it.
fn screen(screener: &dyn Screener, event: &Event<'_>, report: &mut BatchReport) -> Option<Assessment> {
    let Some(content) = event.content.as_deref() else { return Some(Assessment::default()) };
    let started = report.screened.is_multiple_of(TIMED_EVERY).then(Instant::now);
    // The screener is pure (SC1), so a panic leaves nothing half changed behind.
    let assessment = catch_unwind(AssertUnwindSafe(|| screener.screen(content))).ok();
    report.screened += 1;
    report.screening_times.extend(started.map(|started| started.elapsed()));
    assessment
}

fn parked(receipt: &Receipt, project: &str, step: &str, reason: String) -> Parked {
    Parked {
        project: project.to_owned(),
        position: receipt.position,
        step: step.to_owned(),
        reason,
        recorded_at: receipt.recorded_at,
    }
}

#[cfg(test)]
mod tests {
    use tidegate_domain::id::{EventId, Shard};
    use tidegate_domain::time::UnixMs;

    use super::*;

    /// Panics on `poison`; everything else is clear.
    struct Touchy;

    impl Screener for Touchy {
        fn screen(&self, text: &str) -> Assessment {
            assert_ne!(text, "poison");
            Assessment::default()
        }

        fn version(&self) -> &str {
            "touchy-1"
        }
    }

    fn stored(position: u64, bytes: Vec<u8>) -> Stored {
        let (at, recorded_at) = (Position(position), UnixMs(1));
        let id = EventId::new(recorded_at, Shard(0), at, 0);
        Stored { receipt: Receipt { id, shard: Shard(0), position: at, recorded_at }, bytes: bytes.into() }
    }

    fn message(position: u64, content: &str) -> Stored {
        let mut bytes = Vec::new();
        let event = Event {
            project_id: "p".into(),
            session_id: Some("s".into()),
            content: Some(content.into()),
            ..Event::default()
        };
        record::encode(&event, &mut bytes);
        stored(position, bytes)
    }

    #[test]
    fn a_poison_event_is_parked_and_its_neighbours_go_on() {
        let records = [message(0, "hello"), message(1, "poison"), stored(2, vec![99]), message(3, "bye")];
        let decoded = decode(&records);
        let sessions = vec![Session::default(); decoded.keys.len()];
        let folded = fold(decoded, sessions, &Touchy, HalfLife { ms: 1 }, Position(4)).batch;
        let mut parked: Vec<_> = folded.parked.iter().map(|p| (p.position.0, p.step.as_str())).collect();
        parked.sort_unstable();
        assert_eq!(parked, [(1, "screen"), (2, "decode")]);
        assert_eq!(folded.sessions[0].1.event_count, 2);
        assert_eq!(folded.checkpoint, Position(4));
    }
}
