//! A log as a list of steps, and the batches the pipeline would make of it.

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;
use tidegate_domain::analysis::{
    Carrier, CotAnalysis, CotAnalyzedData, CotLabel, Indicator, Pattern, SessionAnalysis,
    SessionAnalyzedData, Usage,
};
use tidegate_domain::assessment::{
    Assessment, Category, CategoryScore, Flag, RiskScore, SimilarExemplar, Span,
};
use tidegate_domain::author::{AuthorKey, AuthorPast};
use tidegate_domain::event::Event;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{Assessed, CotAnalyzed, Parked, Snapshot, ViewsBatch};
use tidegate_domain::risk::Evidence;
use tidegate_domain::session::{Session, SessionKey};
use tidegate_domain::time::UnixMs;

use super::HALF_LIFE;

/// The projects of every story; `_` stands for any one character in SQL, but not here.
pub(super) const PROJECTS: [&str; 3] = ["a_c", "abc", "proj_dev"];
/// The codes flags have.
pub(super) const CODES: [&str; 3] = ["offensive", "offensive_language", "flood"];
const START: UnixMs = UnixMs(1_763_640_000_000);

/// One record of the log.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) project: usize,
    pub(super) session: Option<u8>,
    pub(super) author: Option<u8>,
    pub(super) event_type: &'static str,
    /// Time since the step before.
    pub(super) wait_ms: i64,
    /// How long before its recording it occurred.
    pub(super) delay_ms: i64,
    pub(super) finding: Option<Assessment>,
    /// The record is an analysis, and no event.
    pub(super) analysis: Option<Analysis>,
    pub(super) parked: bool,
}

/// What an analysis says.
#[derive(Clone, Debug)]
pub(super) enum Analysis {
    /// Of a session, of which it had read what came this many positions before.
    Session { risk: f64, pattern: Pattern, back: u64 },
    /// Of the chain of thought this many positions before.
    Cot { risk: f64, label: CotLabel, back: u64 },
}

/// A step of a project and session, without finding.
pub(super) fn step(project: usize, session: u8) -> Step {
    Step {
        project,
        session: Some(session),
        author: Some(session % 3),
        event_type: "chat",
        wait_ms: 1,
        delay_ms: 0,
        finding: None,
        analysis: None,
        parked: false,
    }
}

/// A finding of this risk and category, with one flag.
pub(super) fn finding(risk: f64, category: Category, code: usize) -> Assessment {
    let flag = Flag { code: CODES[code].into(), weight: risk / 3.0, spans: vec![Span { start: 1, end: 5 }] };
    // Some findings have labelled texts near them: one, two or none.
    let near = |exemplar| SimilarExemplar { exemplar: Position(exemplar), category, similarity: risk };
    let similar = (0..(risk * 20.0) as u64 % 3).map(near).collect();
    let scores = vec![CategoryScore { category: Category::Spam, probability: risk / 7.0 }];
    Assessment {
        risk_score: RiskScore::saturating(risk),
        category,
        confidence: 0.7,
        flags: vec![flag],
        scores,
        similar,
        heuristic_score: RiskScore::saturating(risk / 2.0),
        embedding_score: (code == 0).then_some(RiskScore::saturating(risk / 3.0)),
        degraded: code == 1,
    }
}

/// An analysis of a session and one of a chain of thought, each of this risk.
pub(super) fn analyses(project: usize, session: u8, risk: f64) -> [Step; 2] {
    let of_session = Analysis::Session { risk, pattern: Pattern::PolicyProbing, back: 1 };
    let of_cot = Analysis::Cot { risk, label: CotLabel::Deception, back: 2 };
    [of_session, of_cot].map(|analysis| Step { analysis: Some(analysis), ..step(project, session) })
}

fn any_analysis() -> impl Strategy<Value = Analysis> {
    // 0 takes a session's evidence away; odd twentieths, as those of findings.
    let risk = || prop_oneof![Just(0.0), (0..10).prop_map(|n| f64::from(2 * n + 1) / 20.0)];
    let pattern = prop::sample::select(&Pattern::ALL[..]);
    let label = prop::sample::select(&CotLabel::ALL[..]);
    prop_oneof![
        (risk(), pattern, 0u64..9).prop_map(|(risk, pattern, back)| Analysis::Session {
            risk,
            pattern,
            back
        }),
        (risk(), label, 0u64..9).prop_map(|(risk, label, back)| Analysis::Cot { risk, label, back }),
    ]
}

pub(super) fn any_step() -> impl Strategy<Value = Step> {
    let category = prop::sample::select(Category::ALL.to_vec());
    // Odd twentieths, so that a bound in tenths never meets a risk exactly.
    let found = (0..10, category, 0..CODES.len())
        .prop_map(|(risk, category, code)| finding(f64::from(2 * risk + 1) / 20.0, category, code));
    (
        0..PROJECTS.len(),
        prop::option::weighted(0.9, 0u8..6),
        prop::option::weighted(0.8, 0u8..4),
        prop::sample::select(vec!["chat", "cot", "tool.call"]),
        prop_oneof![Just(0i64), 1i64..1000, 10_000i64..200_000],
        prop_oneof![Just(0i64), -50_000i64..50_000],
        prop::option::weighted(0.4, found),
        prop::option::weighted(0.25, any_analysis()),
        prop::bool::weighted(0.05),
    )
        .prop_map(
            |(project, session, author, event_type, wait_ms, delay_ms, finding, analysis, parked)| Step {
                project,
                session,
                author,
                event_type,
                wait_ms,
                delay_ms,
                finding,
                analysis,
                parked,
            },
        )
}

/// The fold of a story so far.
pub(super) struct Fold {
    sessions: HashMap<SessionKey, Session>,
    authors: HashMap<AuthorKey, AuthorPast>,
    next: Position,
    /// Time of the last step.
    pub(super) now: UnixMs,
}

impl Default for Fold {
    fn default() -> Self {
        Self { sessions: HashMap::new(), authors: HashMap::new(), next: Position(0), now: START }
    }
}

impl Fold {
    /// What folding `steps` changes.
    pub(super) fn batch(&mut self, steps: &[Step]) -> ViewsBatch {
        let mut batch = ViewsBatch::default();
        let mut touched = Vec::new();
        let mut wrote = BTreeSet::new();
        for step in steps {
            let at = self.next;
            self.next = at.next();
            self.now = self.now.plus_ms(step.wait_ms);
            if step.parked {
                batch.parked.push(self.park(step, at));
            } else if let Some(analysis) = &step.analysis {
                self.analyze(step, analysis, at, &mut touched, &mut batch);
            } else {
                self.fold(step, at, &mut touched, &mut batch.assessed);
                wrote.extend(self.write(step));
            }
        }
        batch.sessions = touched.into_iter().map(|key| (key.clone(), self.sessions[&key].clone())).collect();
        batch.authors = wrote.into_iter().map(|key| (key.clone(), self.authors[&key].clone())).collect();
        batch.checkpoint = self.next;
        batch
    }

    /// The author of `step`, who has written one message more.
    fn write(&mut self, step: &Step) -> Option<AuthorKey> {
        let key = author(step.project, step.author?);
        let assessment = step.finding.clone().unwrap_or_default();
        self.authors.entry(key.clone()).or_default().apply(&Event::default(), self.now, &assessment);
        Some(key)
    }

    /// Folds an analysis as the pipeline does: one of a session without events says nothing.
    fn analyze(
        &mut self,
        step: &Step,
        analysis: &Analysis,
        position: Position,
        touched: &mut Vec<SessionKey>,
        batch: &mut ViewsBatch,
    ) {
        match *analysis {
            Analysis::Cot { risk, label, back } => {
                let (project, data) = (PROJECTS[step.project].to_owned(), cot(risk, label, position, back));
                batch.cot_analyses.push(CotAnalyzed { project, at: self.now, data });
            }
            Analysis::Session { risk, pattern, back } => {
                let known = step.session.map(|n| key(step.project, n));
                let Some((key, session)) =
                    known.and_then(|key| Some((key.clone(), self.sessions.get_mut(&key)?)))
                else {
                    return;
                };
                let data = of_session(risk, pattern, position, back, session.evidence);
                if let Some(session_risk) = session.analyzed(&data, self.now, HALF_LIFE) {
                    batch.snapshots.push(snapshot(key.clone(), position, self.now, session_risk, data));
                    if !touched.contains(&key) {
                        touched.push(key);
                    }
                }
            }
        }
    }

    fn park(&self, step: &Step, position: Position) -> Parked {
        let project = PROJECTS[step.project].to_owned();
        Parked {
            project,
            position,
            step: "decode".into(),
            reason: "\"odd\"\nbytes".into(),
            recorded_at: self.now,
        }
    }

    fn fold(
        &mut self,
        step: &Step,
        position: Position,
        touched: &mut Vec<SessionKey>,
        out: &mut Vec<Assessed>,
    ) {
        let assessment = step.finding.clone().unwrap_or_default();
        let contribution = step.session.and_then(|session| {
            let key = key(step.project, session);
            if !touched.contains(&key) {
                touched.push(key.clone());
            }
            let occurred_at_ms = Some(self.now.0 - step.delay_ms);
            let event = Event { event_type: step.event_type.into(), occurred_at_ms, ..Event::default() };
            self.sessions.entry(key).or_default().apply(&event, self.now, &assessment, HALF_LIFE)
        });
        if !assessment.is_clear() {
            out.push(Assessed {
                project: PROJECTS[step.project].to_owned(),
                position,
                assessment,
                contribution,
            });
        }
    }
}

fn of_session(
    risk: f64,
    pattern: Pattern,
    position: Position,
    back: u64,
    seen: Evidence,
) -> SessionAnalyzedData {
    let until = Position(position.0.saturating_sub(back));
    let carrier =
        Carrier { event_id: format!("{until}"), position: until, reason: "it \"asks\" again".into() };
    let analysis = SessionAnalysis {
        risk_score: RiskScore::saturating(risk),
        patterns: vec![pattern],
        explanation: format!("it moves:\n\u{fffd} {risk}"),
        carriers: vec![carrier],
    };
    let (digest, model, usage) = (format!("digest {position}"), "model-1".to_owned(), Usage::default());
    SessionAnalyzedData { analysis, until, events: back + 1, seen, digest, model, usage }
}

fn snapshot(
    key: SessionKey,
    position: Position,
    at: UnixMs,
    session_risk: RiskScore,
    data: SessionAnalyzedData,
) -> Snapshot {
    let SessionAnalysis { risk_score, patterns, explanation, carriers } = data.analysis;
    let (until, model) = (data.until, data.model);
    Snapshot { key, position, at, session_risk, risk_score, patterns, explanation, carriers, until, model }
}

fn cot(risk: f64, label: CotLabel, position: Position, back: u64) -> CotAnalyzedData {
    let span = Span { start: 1, end: 4 };
    let analysis = CotAnalysis {
        risk_score: RiskScore::saturating(risk),
        labels: vec![label],
        indicators: vec![Indicator { label, span, text: "a \"lie\"".into() }],
        summary: format!("it hides\n{position}"),
    };
    let usage = Usage { input_tokens: position.0, output_tokens: back, cost_microusd: 1 };
    let position = Position(position.0.saturating_sub(back));
    CotAnalyzedData { analysis, event_id: format!("{position}"), position, model: "model-1".into(), usage }
}

/// The key of author number `author` of project number `project`.
pub(super) fn author(project: usize, author: u8) -> AuthorKey {
    AuthorKey { project: PROJECTS[project].to_owned(), author: format!("author {author}") }
}

/// The key of session number `session` of project number `project`.
pub(super) fn key(project: usize, session: u8) -> SessionKey {
    SessionKey { project: PROJECTS[project].to_owned(), session: format!("session {session}") }
}
