//! Cross-validation: what models say of sessions that they were not shown.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_analysis::{RulesModel, Weights};
use tidegate_domain::analysis::{CotRequest, Pattern, SessionRequest};

use super::corpus::{Corpus, SessionSet};
use super::folds::FOLDS;
use super::{stack, thoughts};
use crate::data::Row;
use crate::eval::{Answered, Report, report_named};

/// A row, what it is, and the risk that a model gives it that was not shown it.
#[derive(Clone, Debug)]
pub struct Held {
    /// The name of its set.
    pub set: String,
    /// The row.
    pub row: Row,
    /// Whether it is an attack, or deceives.
    pub it_is: bool,
    /// The risk score.
    pub risk: f64,
    /// The patterns of a session.
    pub patterns: Vec<Pattern>,
}

/// What cross-validation found.
#[derive(Clone, Debug, Default)]
pub struct SessionValidation {
    /// Five folds over groups.
    pub sessions: Vec<Held>,
    /// AgentDojo, a template of attacks left out at a time, with all benign sessions out of fold.
    pub templates: Vec<Held>,
    /// AgentDojo, a goal of attacks left out at a time; five folds over goals.
    pub goals: Vec<Held>,
    /// Chains of thought, five folds over families.
    pub thoughts: Vec<Held>,
}

/// Cross-validates. Cost: some forty trainings of the heads.
pub(super) fn validate(corpus: &Corpus, seed: u64) -> SessionValidation {
    let all: Vec<usize> = (0..corpus.sessions.len()).collect();
    let folds = stack::deal(corpus, &all, seed);
    let mut validation = SessionValidation::default();
    for fold in 0..FOLDS {
        let (rest, held): (Vec<usize>, Vec<usize>) = all.iter().partition(|&&nth| folds[nth] != fold);
        validation.sessions.extend(held_by(corpus, &rest, &held, seed));
    }
    let templates = |nth: usize| corpus.sessions[nth].row.attack_type.as_deref().map(family);
    validation.templates = left_out(corpus, &folds, &templates, seed);
    let goals = |nth: usize| {
        let row = &corpus.sessions[nth].row;
        let goal = row.injection_task.as_deref()?;
        Some((goal.bytes().map(usize::from).sum::<usize>() % FOLDS).to_string())
    };
    validation.goals = left_out(corpus, &folds, &goals, seed);
    validation.thoughts = validate_thoughts(corpus, seed);
    validation
}

/// Templates that differ only in the name they use are one.
fn family(attack_type: &str) -> String {
    if attack_type.starts_with("important_instructions") {
        "important_instructions".into()
    } else {
        attack_type.into()
    }
}

/// For each kind: trains without attacks of it and without one fold of the rest, and asks about those.
fn left_out(
    corpus: &Corpus,
    folds: &[usize],
    kind: &dyn Fn(usize) -> Option<String>,
    seed: u64,
) -> Vec<Held> {
    let all: Vec<usize> = (0..corpus.sessions.len()).collect();
    let kinds: BTreeSet<String> = all.iter().filter_map(|&nth| kind(nth)).collect();
    let mut found = Vec::new();
    for (fold, left) in kinds.iter().enumerate() {
        let is_left = |nth: usize| match kind(nth) {
            Some(of) => of == *left,
            None => folds[nth] == fold % FOLDS,
        };
        let (held, rest): (Vec<usize>, Vec<usize>) = all.iter().partition(|&&nth| is_left(nth));
        let held: Vec<usize> =
            held.into_iter().filter(|&nth| corpus.sessions[nth].set == SessionSet::AgentDojo).collect();
        found.extend(held_by(corpus, &rest, &held, seed));
    }
    found
}

fn held_by(corpus: &Corpus, rest: &[usize], held: &[usize], seed: u64) -> Vec<Held> {
    let model = RulesModel::with_weights(Arc::new(stack::fit(corpus, rest, seed)));
    let ask = |&nth: &usize| {
        let session = &corpus.sessions[nth];
        ask_session(&model, session.set.name(), &session.row, &session.request)
    };
    held.iter().map(ask).collect()
}

fn validate_thoughts(corpus: &Corpus, seed: u64) -> Vec<Held> {
    let all: Vec<usize> = (0..corpus.thoughts.len()).collect();
    let folds = thoughts::deal(corpus, &all, seed);
    let mut found = Vec::new();
    for fold in 0..FOLDS {
        let (rest, held): (Vec<usize>, Vec<usize>) = all.iter().partition(|&&nth| folds[nth] != fold);
        let mut weights = Weights::default();
        thoughts::fit(corpus, &rest, seed, &mut weights);
        let model = RulesModel::with_weights(Arc::new(weights));
        found.extend(held.into_iter().map(|nth| {
            let thought = &corpus.thoughts[nth];
            ask_cot(&model, thought.set, &thought.row, &thought.request)
        }));
    }
    found
}

/// From this risk on a session is said to be an attack.
pub const RISK_MIN: f64 = 0.5;

/// What `model` says of a labelled session.
pub fn ask_session(model: &RulesModel, set: &str, row: &Row, request: &SessionRequest) -> Held {
    let analysis = model.session(request);
    Held {
        set: set.to_owned(),
        it_is: row.has("ATTACK"),
        row: row.clone(),
        risk: analysis.risk_score.get(),
        patterns: analysis.patterns,
    }
}

/// What `model` says of a labelled chain of thought.
pub fn ask_cot(model: &RulesModel, set: &str, row: &Row, request: &CotRequest) -> Held {
    Held {
        set: set.to_owned(),
        it_is: !row.has("BENIGN"),
        row: row.clone(),
        risk: model.cot(request).risk_score.get(),
        patterns: Vec::new(),
    }
}

/// The report of rows under a name.
pub fn judge(name: &str, held: &[&Held]) -> Report {
    let answered: Vec<Answered> = held
        .iter()
        .map(|held| (usize::from(!held.it_is), usize::from(held.risk < RISK_MIN), held.risk))
        .collect();
    report_named(name, &["ATTACK", "BENIGN"], &answered)
}

/// The slices of sessions that are reported: name and rows.
pub fn slices(held: &[Held]) -> Vec<(&'static str, Vec<&Held>)> {
    let of = |is: &dyn Fn(&Held) -> bool| held.iter().filter(|held| is(held)).collect::<Vec<_>>();
    let by_hand = |held: &Held| held.row.label_by.as_deref() == Some("hand");
    let slices = [
        ("all", of(&|_| true)),
        ("hh hand-labelled", of(&|held| held.set == "sessions_hh" && by_hand(held))),
        ("hh", of(&|held| held.set == "sessions_hh")),
        ("chats", of(&|held| matches!(&*held.set, "sessions_hh" | "sessions_mtchat"))),
        ("agentdojo", of(&|held| held.set == "sessions_agentdojo")),
        (
            "agents",
            of(&|held| matches!(&*held.set, "sessions_agentdojo" | "sessions_task" | "sessions_code")),
        ),
        ("task", of(&|held| held.set == "sessions_task")),
        ("code", of(&|held| held.set == "sessions_code")),
        ("mtchat", of(&|held| held.set == "sessions_mtchat")),
    ];
    slices.into_iter().filter(|(_, rows)| !rows.is_empty()).collect()
}
