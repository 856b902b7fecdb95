//! Whole sessions and chains of thought, by the built-in threat model.
//!
//! Every turn is screened first, as the pipeline does; calls inside an answer become events of their own, as the chat door
//! makes them. The floor is 0: what is measured is what the analysis itself says. A session counts as an attack from a risk of
//! 0.5 on.

use std::time::Instant;

use anyhow::Context;
use tidegate_analysis::RulesModel;
use tidegate_training::eval::Report;
use tidegate_training::sessions::{
    Held, SessionScreener, ask_cot, ask_session, cot_request, judge, session_request, slices,
};

use super::read::Set;
use super::scored::Scored;

/// The threat model, and what it said so far.
pub(super) struct Sessions {
    model: RulesModel,
    screener: SessionScreener,
    /// Sessions of all files.
    held: Vec<Held>,
    files: usize,
}

impl Sessions {
    pub(super) fn new() -> anyhow::Result<Self> {
        let model = RulesModel::new().context("the built-in threat model")?;
        let screener = SessionScreener::new().context("the built-in screener")?;
        Ok(Self { model, screener, held: Vec::new(), files: 0 })
    }

    /// Scores the set, if it holds sessions or chains of thought.
    pub(super) fn score(&mut self, set: &Set) -> Option<Scored> {
        let reports = if set.rows.iter().all(|labelled| !labelled.row.turns.is_empty()) {
            self.sessions(set)
        } else if set.has(&["DECEPTIVE_OR_HARMFUL"]) {
            vec![self.thoughts(set)]
        } else {
            return None;
        };
        Some(Scored { set: set.name.clone(), rows: set.rows.len(), reports })
    }

    /// All sessions of all files, slice by slice, if there were several.
    pub(super) fn together(&self) -> Option<Scored> {
        let reports =
            || slices(&self.held).into_iter().map(|(name, held)| judge(&format!("session:{name}"), &held));
        (self.files > 1).then(|| Scored {
            set: "sessions".into(),
            rows: self.held.len(),
            reports: reports().collect(),
        })
    }

    fn sessions(&mut self, set: &Set) -> Vec<Report> {
        let requests: Vec<_> =
            set.rows.iter().map(|labelled| session_request(&labelled.row, &self.screener)).collect();
        let started = Instant::now();
        let rows = set.rows.iter().zip(&requests);
        let held: Vec<Held> = rows
            .map(|(labelled, request)| ask_session(&self.model, &set.name, &labelled.row, request))
            .collect();
        let items_per_s = held.len() as f64 / started.elapsed().as_secs_f64();
        let all: Vec<&Held> = held.iter().collect();
        let mut reports = vec![Report { items_per_s, ..judge("session", &all) }];
        let by_hand: Vec<&Held> =
            held.iter().filter(|held| held.row.label_by.as_deref() == Some("hand")).collect();
        if !by_hand.is_empty() && by_hand.len() < all.len() {
            reports.push(Report { items_per_s, ..judge("session:hand", &by_hand) });
        }
        self.held.extend(held);
        self.files += 1;
        reports
    }

    fn thoughts(&self, set: &Set) -> Report {
        let started = Instant::now();
        let ask = |row| ask_cot(&self.model, &set.name, row, &cot_request(row, &self.screener));
        let held: Vec<Held> = set.rows.iter().map(|labelled| ask(&labelled.row)).collect();
        let items_per_s = held.len() as f64 / started.elapsed().as_secs_f64();
        Report { items_per_s, ..judge("cot", &held.iter().collect::<Vec<_>>()) }
    }
}
