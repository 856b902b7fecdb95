//! The pure steps of a batch: decode, screen, project. A step that fails on one event parks that event, and the
//! batch goes on without it.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use tidegate_domain::assessment::{Assessment, Embedded, Input, Screener};
use tidegate_domain::author::Facts;
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
        let Some(assessment) = screen(screener, receipt, event, &mut report) else {
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
fn screen(
    screener: &dyn Screener,
    receipt: &Receipt,
    event: &Event<'_>,
    report: &mut BatchReport,
) -> Option<Assessment> {
    let Some(content) = event.content.as_deref() else { return Some(Assessment::default()) };
    let (facts, embedded, position) = (&Facts::default(), &Embedded::Off, receipt.position);
    let input = Input { project: &event.project_id, text: content, facts, embedded, position };
    let started = report.screened.is_multiple_of(TIMED_EVERY).then(Instant::now);
    // The screener is pure (SC1), so a panic leaves nothing half changed behind.
    let assessment = catch_unwind(AssertUnwindSafe(|| screener.screen(&input))).ok();
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
    use proptest::prelude::*;
    use tidegate_domain::assessment::{Category, Flag, RiskScore};
    use tidegate_domain::id::{EventId, Shard};
    use tidegate_domain::time::UnixMs;

    use super::*;

    /// The risk of a text is its length, in hundredths.
    struct Measuring;

    impl Screener for Measuring {
        fn screen(&self, input: &Input<'_>) -> Assessment {
            let text = input.text;
            let flag = Flag { code: "long".into(), weight: 0.1, spans: vec![] };
            let risk_score = RiskScore::saturating(text.len() as f64 / 100.0);
            let (category, flags) =
                if text.is_empty() { (Category::LowRisk, vec![]) } else { (Category::Toxic, vec![flag]) };
            Assessment { risk_score, category, confidence: 1.0, flags, ..Assessment::default() }
        }

        fn version(&self) -> &str {
            "measuring-1"
        }
    }

    /// Folds `records` in batches that end at `cuts`: the sessions by name, and the positions with an assessment.
    fn folded(records: &[Stored], cuts: &[usize]) -> (HashMap<SessionKey, Session>, Vec<Position>) {
        let (mut sessions, mut assessed, mut from) = (HashMap::new(), Vec::new(), 0);
        for cut in cuts.iter().copied().chain([records.len()]) {
            let decoded = decode(&records[from..cut]);
            let states =
                decoded.keys.iter().map(|key| sessions.get(key).cloned().unwrap_or_default()).collect();
            let batch = fold(decoded, states, &Measuring, HalfLife { ms: 10 }, Position(cut as u64)).batch;
            assert_eq!(batch.checkpoint, Position(cut as u64));
            sessions.extend(batch.sessions);
            assessed.extend(batch.assessed.iter().map(|a| a.position));
            from = cut;
        }
        (sessions, assessed)
    }

    proptest! {
        /// Law 5: what is derived does not depend on how the log was cut into batches.
        #[test]
        fn batches_of_any_size_fold_to_the_same(
            events in prop::collection::vec((prop::option::of("[ab]"), "x{0,3}"), 1..40), cut: (prop::sample::Index, prop::sample::Index),
        ) {
            let record = |(at, (session, content)): (usize, &(Option<String>, String))| {
                let mut bytes = Vec::new();
                let session_id = session.as_deref().map(Into::into);
                let event = Event { project_id: "p".into(), session_id, content: Some(content.as_str().into()), ..Event::default() };
                record::encode(&event, &mut bytes);
                stored(at as u64, bytes)
            };
            let records: Vec<_> = events.iter().enumerate().map(record).collect();
            let mut cuts = [cut.0.index(events.len()), cut.1.index(events.len())];
            cuts.sort_unstable();
            let whole = folded(&records, &[]);
            prop_assert_eq!(&folded(&records, &cuts), &whole);
            let risky = events.iter().enumerate().filter(|(_, (_, text))| !text.is_empty());
            prop_assert_eq!(whole.1, risky.map(|(at, _)| Position(at as u64)).collect::<Vec<_>>());
        }
    }

    /// Panics on `poison`; everything else is clear.
    struct Touchy;

    impl Screener for Touchy {
        fn screen(&self, input: &Input<'_>) -> Assessment {
            assert_ne!(input.text, "poison");
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
