//! A session as a fold over its events: counts, activity, patterns and risk.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::analysis::{Pattern, SessionAnalyzedData};
use crate::assessment::{Assessment, Category, RiskScore};
use crate::event::Event;
use crate::id::Position;
use crate::risk::{Evidence, HalfLife};
use crate::time::UnixMs;

/// More event types than this in one session are counted together as [`OTHER_TYPES`].
pub const TYPES_MAX: usize = 64;
/// The name under which further event types are counted.
pub const OTHER_TYPES: &str = "other";

/// Names one session of one project.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey {
    /// The tenant.
    pub project: String,
    /// The session's id inside it.
    pub session: String,
}

/// A finding of the screener this sure is firm: no analysis lowers a session below it (AN2).
pub const FIRM_CONFIDENCE_MIN: f64 = 0.95;

/// What the newest analysis of a session said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// How risky it found the session.
    pub risk_score: RiskScore,
    /// How it found the session to move.
    pub patterns: Vec<Pattern>,
    /// Why, in words.
    pub explanation: String,
    /// The last event it had read.
    pub until: Position,
    /// Digest of what it had read.
    pub digest: String,
    /// Name and version of the model.
    pub model: String,
    /// When it was recorded.
    pub at: UnixMs,
}

/// What is known of a session after some of its events.
///
/// - **SE1** the state is a pure function of the session's events in log order.
/// - **SE2** only events whose category is not `LOW_RISK`, and analyses, leave evidence and patterns: politeness does not
///   add up. A session with patterns has evidence, a trace at least.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// When the first event was recorded.
    pub created_at: UnixMs,
    /// Earliest `occurredAt`.
    pub first_activity_at: UnixMs,
    /// Latest `occurredAt`.
    pub last_activity_at: UnixMs,
    /// Number of events.
    pub event_count: u64,
    /// Number of events by type, at most [`TYPES_MAX`] types.
    pub event_count_by_type: BTreeMap<String, u64>,
    /// Codes of the flags of risky events, and names of the patterns that analyses found.
    pub patterns: BTreeSet<String>,
    /// Evidence of risk.
    pub evidence: Evidence,
    /// The part of it that firm findings left ([`FIRM_CONFIDENCE_MIN`]).
    #[serde(default)]
    pub firm: Evidence,
    /// Highest risk the session ever had.
    pub peak_risk: RiskScore,
    /// What the newest analysis said; `None` before the first.
    #[serde(default)]
    pub verdict: Option<Verdict>,
}

/// What one risky event did to its session: a row of the session's history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contribution {
    /// Evidence the event left.
    pub evidence: f64,
    /// Risk of the session right after it.
    pub session_risk: RiskScore,
}

impl Session {
    /// Folds one event into the session.
    ///
    /// - `recorded_at`: the log's time of the event, which drives decay.
    /// - `assessment`: of its content; a clear one if it has none.
    /// - Result: what the event did to the session's risk; `None` if nothing (SE2). Cost O(log types).
    pub fn apply(
        &mut self,
        event: &Event<'_>,
        recorded_at: UnixMs,
        assessment: &Assessment,
        half_life: HalfLife,
    ) -> Option<Contribution> {
        self.see(event, recorded_at);
        if assessment.category == Category::LowRisk || assessment.risk_score == RiskScore::ZERO {
            return None;
        }
        for flag in &assessment.flags {
            if !self.patterns.contains(flag.code.as_ref()) {
                self.patterns.insert(flag.code.clone().into_owned());
            }
        }
        self.evidence = self.evidence.add(assessment.risk_score, recorded_at, half_life);
        if assessment.confidence >= FIRM_CONFIDENCE_MIN {
            self.firm = self.firm.add(assessment.risk_score, recorded_at, half_life);
        }
        let session_risk = self.note_risk(half_life);
        Some(Contribution { evidence: Evidence::of(assessment.risk_score), session_risk })
    }

    /// Folds an analysis, recorded at `at`, into the session (AN2); it counts neither as an event nor as activity.
    ///
    /// Result: the session's risk right after it; `None` if a newer analysis is known already.
    pub fn analyzed(
        &mut self,
        data: &SessionAnalyzedData,
        at: UnixMs,
        half_life: HalfLife,
    ) -> Option<RiskScore> {
        if self.verdict.as_ref().is_some_and(|known| known.until > data.until) {
            return None;
        }
        let analysis = &data.analysis;
        let replaced = self.evidence.replace(data.seen, analysis.risk_score, at, half_life);
        self.evidence = replaced.at_least(self.firm, half_life);
        // Patterns come with evidence (SE2), and stay with a trace of it.
        if self.evidence.amount > 0.0 {
            self.patterns.extend(analysis.patterns.iter().map(|pattern| pattern.name().to_owned()));
        } else if !self.patterns.is_empty() {
            self.evidence = self.evidence.or_trace();
        }
        self.verdict = Some(Verdict {
            risk_score: analysis.risk_score,
            patterns: analysis.patterns.clone(),
            explanation: analysis.explanation.clone(),
            until: data.until,
            digest: data.digest.clone(),
            model: data.model.clone(),
            at,
        });
        Some(self.note_risk(half_life))
    }

    /// The risk right now, remembered if there was none higher.
    fn note_risk(&mut self, half_life: HalfLife) -> RiskScore {
        let session_risk = self.evidence.risk_at(self.evidence.at, half_life);
        if session_risk > self.peak_risk {
            self.peak_risk = session_risk;
        }
        session_risk
    }

    fn see(&mut self, event: &Event<'_>, recorded_at: UnixMs) {
        let occurred_at = event.occurred_at_ms.map_or(recorded_at, UnixMs);
        if self.event_count == 0 {
            self.created_at = recorded_at;
            self.first_activity_at = occurred_at;
            self.last_activity_at = occurred_at;
        }
        self.first_activity_at = self.first_activity_at.min(occurred_at);
        self.last_activity_at = self.last_activity_at.max(occurred_at);
        self.event_count += 1;
        self.count_type(&event.event_type);
    }

    fn count_type(&mut self, event_type: &str) {
        if let Some(count) = self.event_count_by_type.get_mut(event_type) {
            *count += 1;
            return;
        }
        let has_room = self.event_count_by_type.len() + 1 < TYPES_MAX;
        let name = if has_room { event_type } else { OTHER_TYPES };
        *self.event_count_by_type.entry(name.to_owned()).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;
    use crate::assessment::Flag;

    const H: HalfLife = HalfLife { ms: 1000 };

    fn toxic(risk: f64) -> Assessment {
        Assessment {
            risk_score: RiskScore::try_from(risk).unwrap(),
            category: Category::Toxic,
            confidence: risk,
            flags: vec![Flag { code: Cow::Borrowed("offensive_language"), weight: risk, spans: vec![] }],
            ..Assessment::default()
        }
    }

    fn event(kind: &str) -> Event<'_> {
        Event { event_type: kind.into(), ..Event::default() }
    }

    /// One event of a session: type, when it was recorded and when it occurred, and what screening said.
    type Step = (u8, i64, Option<i64>, Assessment);

    fn step() -> impl Strategy<Value = Step> {
        let flag = |code: &'static str| Flag { code: code.into(), weight: 0.1, spans: vec![] };
        let flags = prop::collection::vec(prop::sample::select(&["a", "b", "c"][..]).prop_map(flag), 0..3);
        let category = prop::sample::select(&Category::ALL[..]);
        let risk = prop_oneof![Just(0.0), 0.0f64..=1.0].prop_map(RiskScore::saturating);
        let assessment = (risk, category, flags).prop_map(|(risk_score, category, flags)| Assessment {
            risk_score,
            category,
            confidence: 1.0,
            flags,
            ..Assessment::default()
        });
        (0u8..100, 0i64..5000, prop::option::of(0i64..5000), assessment)
    }

    proptest! {
        #[test]
        fn se1_a_session_is_what_its_events_say(steps in prop::collection::vec(step(), 1..150)) {
            let mut session = Session::default();
            let mut evidence = Evidence::default();
            let (mut patterns, mut peak) = (BTreeSet::new(), RiskScore::ZERO);
            for (kind, recorded, occurred, assessment) in &steps {
                let kind = format!("t{kind}");
                let event = Event { occurred_at_ms: *occurred, ..event(&kind) };
                let left = session.apply(&event, UnixMs(*recorded), assessment, H);
                let is_risky = assessment.category != Category::LowRisk && assessment.risk_score > RiskScore::ZERO;
                prop_assert_eq!(left.is_some(), is_risky, "SE2");
                if is_risky {
                    evidence = evidence.add(assessment.risk_score, UnixMs(*recorded), H);
                    patterns.extend(assessment.flags.iter().map(|flag| flag.code.to_string()));
                    let now = evidence.risk_at(evidence.at, H);
                    prop_assert_eq!(left.map(|left| left.session_risk), Some(now));
                    peak = if now > peak { now } else { peak };
                }
            }
            let occurred = || steps.iter().map(|(_, recorded, occurred, _)| UnixMs(occurred.unwrap_or(*recorded)));
            prop_assert_eq!(session.evidence, evidence);
            prop_assert_eq!((session.patterns, session.peak_risk), (patterns, peak));
            prop_assert_eq!(session.created_at, UnixMs(steps[0].1));
            prop_assert_eq!(Some(session.first_activity_at), occurred().min());
            prop_assert_eq!(Some(session.last_activity_at), occurred().max());
            prop_assert_eq!(session.event_count, steps.len() as u64);
            prop_assert_eq!(session.event_count_by_type.values().sum::<u64>(), steps.len() as u64);
            prop_assert!(session.event_count_by_type.len() <= TYPES_MAX);
        }
    }

    #[test]
    fn a_low_risk_event_counts_but_leaves_no_evidence() {
        let mut session = Session::default();
        let mild = Assessment { risk_score: RiskScore::try_from(0.2).unwrap(), ..Assessment::default() };
        for _ in 0..1000 {
            assert_eq!(session.apply(&event("message.user"), UnixMs(5), &mild, H), None);
        }
        assert_eq!((session.event_count, session.evidence.amount), (1000, 0.0));
    }

    #[test]
    fn risk_rises_with_each_risky_event_and_the_peak_stays() {
        let mut session = Session::default();
        let first = session.apply(&event("a"), UnixMs(0), &toxic(0.5), H).unwrap();
        let second = session.apply(&event("b"), UnixMs(0), &toxic(0.5), H).unwrap();
        assert!((first.session_risk.get() - 0.5).abs() < 1e-9);
        assert!((second.session_risk.get() - 0.75).abs() < 1e-9);
        assert_eq!(session.peak_risk, second.session_risk);
        assert!(session.evidence.risk_at(UnixMs(10_000), H) < first.session_risk);
        assert_eq!(session.patterns.iter().collect::<Vec<_>>(), ["offensive_language"]);
    }

    fn analysis(risk: f64, until: u64, seen: Evidence) -> SessionAnalyzedData {
        let analysis = crate::analysis::SessionAnalysis {
            risk_score: RiskScore::try_from(risk).unwrap(),
            patterns: vec![Pattern::PolicyProbing],
            ..crate::analysis::SessionAnalysis::default()
        };
        let (digest, model) = (String::new(), "m-1".to_owned());
        let (until, usage) = (Position(until), crate::analysis::Usage::default());
        SessionAnalyzedData { analysis, until, events: 1, seen, digest, model, usage }
    }

    #[test]
    fn an_analysis_lowers_doubtful_findings_and_never_firm_ones() {
        let mut session = Session::default();
        session.apply(&event("a"), UnixMs(0), &toxic(0.6), H);
        let seen = session.evidence;
        let after = session.analyzed(&analysis(0.1, 0, seen), UnixMs(0), H).unwrap();
        assert!((after.get() - 0.1).abs() < 1e-9);
        assert_eq!((session.event_count, session.peak_risk.get()), (1, 0.6));
        assert!(session.patterns.contains("policy_probing"));

        session.apply(&event("a"), UnixMs(0), &toxic(0.95), H);
        let after = session.analyzed(&analysis(0.1, 1, session.evidence), UnixMs(0), H).unwrap();
        assert!((after.get() - 0.95).abs() < 1e-9, "a finding of confidence 0.95 is the floor");
    }

    #[test]
    fn a_session_that_is_cleared_keeps_its_patterns_and_a_rank() {
        let mut session = Session::default();
        session.apply(&event("a"), UnixMs(0), &toxic(0.6), H);
        let seen = session.evidence;
        assert_eq!(session.analyzed(&analysis(0.0, 0, seen), UnixMs(0), H), Some(RiskScore::ZERO));
        assert_eq!(session.patterns.iter().collect::<Vec<_>>(), ["offensive_language"]);
        assert!(session.evidence.rank(H).is_some(), "SE2");
    }

    #[test]
    fn an_older_analysis_says_nothing_new() {
        let mut session = Session::default();
        session.analyzed(&analysis(0.7, 9, Evidence::default()), UnixMs(0), H);
        let known = session.clone();
        assert_eq!(session.analyzed(&analysis(0.2, 8, Evidence::default()), UnixMs(1), H), None);
        assert_eq!(session, known);
    }

    #[test]
    fn activity_follows_the_senders_clock_and_may_come_out_of_order() {
        let mut session = Session::default();
        for occurred in [50, 10, 30] {
            let event = Event { occurred_at_ms: Some(occurred), ..event("a") };
            session.apply(&event, UnixMs(100), &Assessment::default(), H);
        }
        assert_eq!((session.first_activity_at, session.last_activity_at), (UnixMs(10), UnixMs(50)));
    }

    #[test]
    fn many_types_are_counted_without_growing_for_ever() {
        let mut session = Session::default();
        for n in 0..1000 {
            session.apply(&event(&format!("t{n}")), UnixMs(0), &Assessment::default(), H);
        }
        assert_eq!(session.event_count_by_type.len(), TYPES_MAX);
        assert_eq!(session.event_count_by_type.values().sum::<u64>(), 1000);
    }
}
