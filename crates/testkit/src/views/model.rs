//! What Views should answer, kept in maps.

use std::collections::BTreeMap;

use tidegate_domain::assessment::{Category, RiskScore};
use tidegate_domain::author::{AuthorKey, AuthorPast};
use tidegate_domain::filter::{Order, SessionQuery, SessionSort};
use tidegate_domain::id::Position;
use tidegate_domain::ports::{Assessed, CotAnalyzed, Parked, Snapshot, ViewsBatch};
use tidegate_domain::session::{Session, SessionKey};

use super::HALF_LIFE;

/// Everything committed so far.
#[derive(Default)]
pub(super) struct Model {
    pub(super) checkpoint: Position,
    pub(super) sessions: BTreeMap<SessionKey, Session>,
    pub(super) authors: BTreeMap<AuthorKey, AuthorPast>,
    pub(super) assessed: BTreeMap<(String, Position), Assessed>,
    pub(super) snapshots: BTreeMap<(SessionKey, Position), Snapshot>,
    pub(super) cots: BTreeMap<(String, Position), CotAnalyzed>,
    pub(super) parked: BTreeMap<(String, Position), Parked>,
}

impl Model {
    pub(super) fn commit(&mut self, batch: &ViewsBatch) {
        self.checkpoint = batch.checkpoint;
        self.sessions.extend(batch.sessions.iter().cloned());
        self.authors.extend(batch.authors.iter().cloned());
        self.assessed.extend(batch.assessed.iter().map(|a| ((a.project.clone(), a.position), a.clone())));
        self.snapshots.extend(batch.snapshots.iter().map(|s| ((s.key.clone(), s.position), s.clone())));
        let cots = batch.cot_analyses.iter();
        self.cots.extend(cots.map(|cot| ((cot.project.clone(), cot.data.position), cot.clone())));
        self.parked.extend(batch.parked.iter().map(|p| ((p.project.clone(), p.position), p.clone())));
    }

    /// The newest `max` snapshots of `key`, oldest first.
    pub(super) fn snapshots(&self, key: &SessionKey, max: usize) -> Vec<Snapshot> {
        let mut snapshots: Vec<_> = self.snapshots.values().filter(|s| s.key == *key).cloned().collect();
        snapshots.drain(..snapshots.len().saturating_sub(max));
        snapshots
    }

    /// The ids and states of the sessions that meet `query`, in no order. `None` if the risk of one of them is so
    /// near a bound that rounding may decide.
    pub(super) fn matching(&self, project: &str, query: &SessionQuery) -> Option<BTreeMap<String, Session>> {
        let mut matching = BTreeMap::new();
        for (key, session) in self.sessions.iter().filter(|(key, _)| key.project == project) {
            let risk = session.evidence.risk_at(query.now, HALF_LIFE);
            let bounds = [query.min_risk, query.max_risk].into_iter().flatten();
            if risk > RiskScore::ZERO
                && bounds.into_iter().any(|bound| (bound.get() - risk.get()).abs() < 1e-9)
            {
                return None;
            }
            let fits = query.min_risk.is_none_or(|min| risk >= min)
                && query.max_risk.is_none_or(|max| risk <= max)
                && (query.patterns.is_empty() || query.patterns.iter().any(|p| session.patterns.contains(p)));
            if fits {
                matching.insert(key.session.clone(), session.clone());
            }
        }
        Some(matching)
    }

    /// The positions that `Views::risky` should list.
    pub(super) fn risky(
        &self,
        project: &str,
        category: Option<Category>,
        min: RiskScore,
        from: Position,
        order: Order,
    ) -> Vec<Position> {
        let fits = |found: &&Assessed| {
            found.project == project
                && category.is_none_or(|wanted| wanted == found.assessment.category)
                && found.assessment.risk_score >= min
        };
        let positions = self.assessed.values().filter(fits).map(|found| found.position);
        match order {
            Order::Asc => positions.filter(|at| *at >= from).collect(),
            Order::Desc => positions.rev().filter(|at| *at <= from).collect(),
        }
    }
}

/// The value `session` is sorted by. Risk is compared at `now` and may tie where ranks do not, after fading.
pub(super) fn sort_value(session: &Session, query: &SessionQuery) -> f64 {
    match query.sort {
        SessionSort::RiskScore => session.evidence.risk_at(query.now, HALF_LIFE).get(),
        SessionSort::LastActivityAt => session.last_activity_at.0 as f64,
        SessionSort::CreatedAt => session.created_at.0 as f64,
    }
}
