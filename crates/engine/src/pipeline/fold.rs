//! The pure steps of a batch: decode, screen, project. A step that fails on one event parks that event, and the
//! batch goes on without it.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use tidegate_domain::analysis::Analyzed;
use tidegate_domain::assessment::{Assessment, Embedded, Input, Screener};
use tidegate_domain::author::{AuthorKey, AuthorPast, Facts};
use tidegate_domain::event::Event;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{Assessed, Parked, Receipt, Stored, ViewsBatch};
use tidegate_domain::record;
use tidegate_domain::risk::HalfLife;
use tidegate_domain::session::{Session, SessionKey};

use super::vectors::Vectors;
use super::{BatchReport, analyses};

/// The events of a batch, and the sessions and authors they touch in the order of first appearance.
pub(super) struct Decoded<'a> {
    events: Vec<Read<'a>>,
    pub(super) sessions: Vec<SessionKey>,
    pub(super) authors: Vec<AuthorKey>,
    parked: Vec<Parked>,
}

/// An event, and the numbers of its session and its author.
struct Read<'a> {
    receipt: Receipt,
    event: Event<'a>,
    session: Option<usize>,
    author: Option<usize>,
}

/// The states that a batch is folded into, in the order of [`Decoded::sessions`] and [`Decoded::authors`].
pub(super) struct States {
    pub(super) sessions: Vec<Session>,
    pub(super) authors: Vec<AuthorPast>,
}

/// A batch, folded.
pub(super) struct Folded {
    pub(super) batch: ViewsBatch,
    pub(super) report: BatchReport,
}

/// Numbers of names by project; looked up without copying a name.
#[derive(Default)]
struct Numbers(HashMap<String, HashMap<String, usize>>);

impl Numbers {
    /// The number of `name`; `next` if it is new, and then true.
    fn of(&mut self, project: &str, name: &str, next: usize) -> (usize, bool) {
        if let Some(number) = self.0.get(project).and_then(|names| names.get(name)) {
            return (*number, false);
        }
        self.0.entry(project.to_owned()).or_default().insert(name.to_owned(), next);
        (next, true)
    }
}

impl Decoded<'_> {
    /// The events, each with the number of its session and its place.
    pub(super) fn events(&self) -> impl Iterator<Item = (&Event<'_>, Option<usize>, Position)> {
        self.events.iter().map(|read| (&read.event, read.session, read.receipt.position))
    }
}

/// Reads the records; those that cannot be read are parked.
pub(super) fn decode(records: &[Stored]) -> Decoded<'_> {
    let events = Vec::with_capacity(records.len());
    let mut decoded = Decoded { events, sessions: Vec::new(), authors: Vec::new(), parked: Vec::new() };
    let (mut sessions, mut authors) = (Numbers::default(), Numbers::default());
    for stored in records {
        match record::decode(&stored.bytes) {
            Ok(event) => {
                let session = number_session(&mut sessions, &mut decoded.sessions, &event);
                let author = number_author(&mut authors, &mut decoded.authors, &event);
                decoded.events.push(Read { receipt: stored.receipt, event, session, author });
            }
            Err(error) => decoded.parked.push(parked(&stored.receipt, "", "decode", error.to_string())),
        }
    }
    decoded
}

fn number_session(numbers: &mut Numbers, keys: &mut Vec<SessionKey>, event: &Event<'_>) -> Option<usize> {
    let (project, session) = (&event.project_id, event.session_id.as_deref()?);
    let (number, is_new) = numbers.of(project, session, keys.len());
    if is_new {
        keys.push(SessionKey { project: project.clone().into_owned(), session: session.to_owned() });
    }
    Some(number)
}

/// Only texts have authors: a click says nothing of how somebody writes.
fn number_author(numbers: &mut Numbers, keys: &mut Vec<AuthorKey>, event: &Event<'_>) -> Option<usize> {
    event.content.as_ref()?;
    let (project, author) = (&event.project_id, &event.actor.as_ref()?.id);
    let (number, is_new) = numbers.of(project, author, keys.len());
    if is_new {
        keys.push(AuthorKey { project: project.clone().into_owned(), author: author.clone().into_owned() });
    }
    Some(number)
}

/// Screens and projects the events in order; the first of them may have waited for `spent` already. An analysis among them
/// is no event of its session: it is not screened, not counted, and has no author.
pub(super) fn fold(
    decoded: Decoded<'_>,
    mut states: States,
    screener: &dyn Screener,
    half_life: HalfLife,
    next: Position,
    spent: Duration,
) -> Folded {
    let mut batch = ViewsBatch { checkpoint: next, parked: decoded.parked, ..ViewsBatch::default() };
    let first_recorded_at =
        decoded.events.first().map_or_else(Default::default, |read| read.receipt.recorded_at);
    let mut report =
        BatchReport { events: decoded.events.len(), first_recorded_at, ..BatchReport::default() };
    let texts: Vec<&str> = decoded.events.iter().filter_map(|read| read.event.content.as_deref()).collect();
    let mut vectors = Vectors::ask(screener, &texts, spent);
    for (index, read) in decoded.events.iter().enumerate() {
        if index.is_multiple_of(YIELD_EVERY) {
            std::thread::yield_now();
        }
        let Read { receipt, event, .. } = read;
        let embedded = event.content.as_ref().map(|_| vectors.next()).unwrap_or_default();
        if let Some(analyzed) = Analyzed::of(event) {
            let session = read.session.map(|no| (&decoded.sessions[no], &mut states.sessions[no]));
            analyses::fold(analyzed, receipt, &event.project_id, session, half_life, &mut batch);
            continue;
        }
        let mut author = read.author.map(|number| &mut states.authors[number]);
        let facts =
            author.as_ref().map_or_else(Facts::default, |past| past.facts(event, receipt.recorded_at));
        let Some(assessment) = screen(screener, read, &facts, &embedded, &mut report) else {
            let reason = "the screener panicked".to_owned();
            batch.parked.push(parked(receipt, &event.project_id, "screen", reason));
            continue;
        };
        if let Some(past) = author.as_mut() {
            past.apply(event, receipt.recorded_at, &assessment);
        }
        let session = read.session.map(|number| &mut states.sessions[number]);
        let contribution = session.and_then(|s| s.apply(event, receipt.recorded_at, &assessment, half_life));
        report.degraded += usize::from(assessment.degraded);
        if !assessment.is_clear() {
            report.risk_scores.push(assessment.risk_score.get());
            report.categories[assessment.category as usize] += 1;
            let project = event.project_id.clone().into_owned();
            batch.assessed.push(Assessed { project, position: receipt.position, assessment, contribution });
        }
    }
    report.embedding_time = vectors.waited();
    report.parked = batch.parked.len();
    // A session or an author whose every event was parked has no state.
    let sessions = decoded.sessions.into_iter().zip(states.sessions);
    batch.sessions = sessions.filter(|(_, session)| session.event_count > 0).collect();
    let authors = decoded.authors.into_iter().zip(states.authors);
    batch.authors = authors.filter(|(_, past)| *past != AuthorPast::default()).collect();
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
    read: &Read<'_>,
    facts: &Facts,
    embedded: &Embedded,
    report: &mut BatchReport,
) -> Option<Assessment> {
    let Some(text) = read.event.content.as_deref() else { return Some(Assessment::default()) };
    let position = read.receipt.position;
    let input = Input { project: &read.event.project_id, text, facts, embedded, position };
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
    use tidegate_domain::analysis::{
        COT_ANALYZED, CotAnalysis, CotAnalyzedData, Pattern, SESSION_ANALYZED, SessionAnalysis,
        SessionAnalyzedData, Usage,
    };
    use tidegate_domain::assessment::{Category, Flag, RiskScore};
    use tidegate_domain::event::Reference;
    use tidegate_domain::id::{EventId, Shard};
    use tidegate_domain::ports::{CotAnalyzed, Snapshot};
    use tidegate_domain::risk::Evidence;
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

    /// What is left of a log: states by name, and what lies by position.
    #[derive(Debug, Default, PartialEq)]
    struct Kept {
        sessions: HashMap<SessionKey, Session>,
        authors: HashMap<AuthorKey, AuthorPast>,
        assessed: Vec<Position>,
        snapshots: Vec<Snapshot>,
        cots: HashMap<Position, CotAnalyzed>,
    }

    /// Folds `records` in batches that end at `cuts`.
    fn folded(records: &[Stored], cuts: &[usize]) -> Kept {
        let (mut kept, mut from) = (Kept::default(), 0);
        for cut in cuts.iter().copied().chain([records.len()]) {
            let decoded = decode(&records[from..cut]);
            let states = States {
                sessions: states(&decoded.sessions, &kept.sessions),
                authors: states(&decoded.authors, &kept.authors),
            };
            let batch =
                fold(decoded, states, &Measuring, HalfLife { ms: 10 }, Position(cut as u64), Duration::ZERO)
                    .batch;
            assert_eq!(batch.checkpoint, Position(cut as u64));
            kept.sessions.extend(batch.sessions);
            kept.authors.extend(batch.authors);
            kept.assessed.extend(batch.assessed.iter().map(|a| a.position));
            kept.snapshots.extend(batch.snapshots);
            kept.cots.extend(batch.cot_analyses.into_iter().map(|cot| (cot.data.position, cot)));
            from = cut;
        }
        kept
    }

    fn states<K: Eq + std::hash::Hash, S: Clone + Default>(keys: &[K], kept: &HashMap<K, S>) -> Vec<S> {
        keys.iter().map(|key| kept.get(key).cloned().unwrap_or_default()).collect()
    }

    /// What an analysis found: that of a session, or that of a chain of thought.
    type Found = (bool, f64, u64);

    fn analysis((is_cot, risk, until): Found) -> (&'static str, String) {
        let (position, risk_score) = (Position(until), RiskScore::saturating(risk));
        let (model, usage) = ("m-1".to_owned(), Usage::default());
        if is_cot {
            let analysis = CotAnalysis { risk_score, ..CotAnalysis::default() };
            let data = CotAnalyzedData { analysis, event_id: "e".into(), position, model, usage };
            return (COT_ANALYZED, serde_json::to_string(&data).unwrap());
        }
        let patterns = vec![Pattern::PolicyProbing];
        let analysis = SessionAnalysis { risk_score, patterns, ..SessionAnalysis::default() };
        let seen = Evidence { amount: risk / 2.0, at: UnixMs(1) };
        let digest = "d".to_owned();
        let data = SessionAnalyzedData { analysis, until: position, events: 1, seen, digest, model, usage };
        (SESSION_ANALYZED, serde_json::to_string(&data).unwrap())
    }

    /// Session, author, text, and what an analysis in its place found.
    type Row = (Option<String>, Option<String>, String, Option<Found>);

    fn row(at: usize, (session, actor, content, found): &Row) -> Stored {
        let (event_type, data) = found.map_or(("message.user", String::new()), analysis);
        let event = Event {
            project_id: "p".into(),
            session_id: session.as_deref().map(Into::into),
            event_type: event_type.into(),
            data: Some(data.into()).filter(|_| found.is_some()),
            content: Some(content.as_str().into()).filter(|_| found.is_none()),
            actor: actor.as_deref().map(|id| Reference { id: id.into(), kind: None }),
            ..Event::default()
        };
        let mut bytes = Vec::new();
        record::encode(&event, &mut bytes);
        stored(at as u64, bytes)
    }

    proptest! {
        /// Law 5: what is derived does not depend on how the log was cut into batches.
        #[test]
        fn batches_of_any_size_fold_to_the_same(
            events in prop::collection::vec((
                prop::option::of("[ab]"), prop::option::of("[cd]"), "x{0,3}",
                prop::option::weighted(0.3, (prop::bool::weighted(0.3), 0.0f64..1.0, 0u64..40)),
            ), 1..40),
            cut: (prop::sample::Index, prop::sample::Index),
        ) {
            let records: Vec<_> = events.iter().enumerate().map(|(at, event)| row(at, event)).collect();
            let mut cuts = [cut.0.index(events.len()), cut.1.index(events.len())];
            cuts.sort_unstable();
            let whole = folded(&records, &[]);
            prop_assert_eq!(&folded(&records, &cuts), &whole);
            let risky = events.iter().enumerate().filter(|(_, (.., text, found))| !text.is_empty() && found.is_none());
            prop_assert_eq!(whole.assessed, risky.map(|(at, _)| Position(at as u64)).collect::<Vec<_>>());
            let counted = events.iter().filter(|(session, .., found)| session.is_some() && found.is_none());
            prop_assert_eq!(whole.sessions.values().map(|s| s.event_count).sum::<u64>(), counted.count() as u64);
            let last = events.iter().filter_map(|(.., found)| found.filter(|found| found.0));
            prop_assert_eq!(whole.cots.len(), last.map(|found| found.2).collect::<std::collections::HashSet<_>>().len());
            let marked = whole.sessions.values().filter(|s| s.verdict.is_some()).count();
            let keys: std::collections::HashSet<_> = whole.snapshots.iter().map(|s| &s.key).collect();
            prop_assert_eq!(keys.len(), marked, "a session has a verdict if it has a snapshot");
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
    fn an_analysis_is_no_event_of_its_session() {
        let records: Vec<_> = [
            (Some("a".to_owned()), None, String::new(), Some((false, 0.9, 0))),
            (Some("a".to_owned()), Some("c".to_owned()), "xx".to_owned(), None),
            (Some("a".to_owned()), Some("c".to_owned()), String::new(), Some((false, 0.9, 1))),
            (Some("b".to_owned()), None, String::new(), Some((false, 0.9, 0))),
        ]
        .iter()
        .enumerate()
        .map(|(at, event)| row(at, event))
        .collect();
        let kept = folded(&records, &[]);
        assert_eq!(kept.sessions.len(), 1, "a session without an event is not stored");
        let session = kept.sessions.into_values().next().unwrap();
        assert_eq!((session.event_count, session.event_count_by_type.len()), (1, 1));
        assert_eq!(session.verdict.unwrap().until, Position(1));
        assert!(session.patterns.contains("policy_probing"));
        assert_eq!(kept.snapshots.iter().map(|s| s.position).collect::<Vec<_>>(), [Position(2)]);
        assert!(kept.snapshots[0].session_risk.get() > 0.8);
    }

    #[test]
    fn a_poison_event_is_parked_and_its_neighbours_go_on() {
        let records = [message(0, "hello"), message(1, "poison"), stored(2, vec![99]), message(3, "bye")];
        let decoded = decode(&records);
        let states = States {
            sessions: vec![Session::default(); decoded.sessions.len()],
            authors: vec![AuthorPast::default(); decoded.authors.len()],
        };
        let folded = fold(decoded, states, &Touchy, HalfLife { ms: 1 }, Position(4), Duration::ZERO).batch;
        let mut parked: Vec<_> = folded.parked.iter().map(|p| (p.position.0, p.step.as_str())).collect();
        parked.sort_unstable();
        assert_eq!(parked, [(1, "screen"), (2, "decode")]);
        assert_eq!(folded.sessions[0].1.event_count, 2);
        assert_eq!(folded.checkpoint, Position(4));
    }
}
