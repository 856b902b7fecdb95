//! `rules`: the built-in threat model. No network, no clock, the same answer on every machine.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_domain::analysis::{
    Answer, Carrier, CotAnalysis, CotRequest, SessionAnalysis, SessionRequest, Usage,
};
use tidegate_domain::assessment::RiskScore;
use tidegate_domain::ports::{ThreatModel, ThreatModelError};

use crate::cot;
use crate::model::{Weights, WeightsError};
use crate::session::patterns::Finding;
use crate::session::score::{self, Scored};

/// The built-in threat model.
#[derive(Clone, Debug)]
pub struct RulesModel {
    weights: Arc<Weights>,
}

/// Name and version.
const VERSION: &str = "rules-1";

impl RulesModel {
    /// The model with the shipped weights. Errors: they are damaged; never retried.
    pub fn new() -> Result<Self, WeightsError> {
        Weights::shipped().map(Self::with_weights).ok_or(WeightsError)
    }

    /// The model with weights of one's own.
    pub fn with_weights(weights: Arc<Weights>) -> Self {
        Self { weights }
    }

    /// Analyses a session; laws T1 and T2. Cost O(bytes read), at most those of 96 KiB.
    pub fn session(&self, request: &SessionRequest) -> SessionAnalysis {
        let scored = score::score(request, &self.weights);
        SessionAnalysis {
            risk_score: RiskScore::saturating(scored.risk.max(request.floor.get())),
            patterns: scored.findings.iter().map(|finding| finding.pattern).collect(),
            explanation: explanation(&scored),
            carriers: carriers(request, &scored),
        }
    }

    /// Analyses a chain of thought; law T1. Cost O(bytes read).
    pub fn cot(&self, request: &CotRequest) -> CotAnalysis {
        cot::analyze(request, &self.weights)
    }
}

/// Below this risk a session without a pattern has nothing to explain.
const QUIET_MAX: f64 = 0.2;

fn explanation(scored: &Scored<'_>) -> String {
    let seen: Vec<&str> = scored.findings.iter().map(|finding| finding.seen.as_str()).collect();
    let mut text = match (seen.is_empty(), scored.risk < QUIET_MAX) {
        (true, true) => return "Nothing in how the session moves stands out.".to_owned(),
        (true, false) => String::new(),
        (false, _) => format!("Seen: {}.", seen.join("; ")),
    };
    if scored.chat >= 0.5 {
        text.push_str(&format!(
            " The user's turns together read like requests for harm ({:.2}).",
            scored.chat
        ));
    }
    if scored.tool >= 0.5 {
        text.push_str(&format!(" Text of a tool reads like orders to the model ({:.2}).", scored.tool));
    }
    if text.is_empty() {
        text.push_str("Some turns are doubtful; no pattern is clear.");
    }
    let end =
        text.char_indices().nth(SessionAnalysis::EXPLANATION_MAX_CHARS).map_or(text.len(), |(at, _)| at);
    text.truncate(end);
    text.trim_start().to_owned()
}

/// The events of the findings, clearest first if there are too many, then in order.
fn carriers(request: &SessionRequest, scored: &Scored<'_>) -> Vec<Carrier> {
    let mut chosen: Vec<(usize, &'static str)> = Vec::new();
    for Finding { carriers, .. } in &scored.findings {
        for &(piece, reason) in carriers {
            let turn = scored.pieces[piece].turn;
            if chosen.len() < SessionAnalysis::CARRIERS_MAX && chosen.iter().all(|(other, _)| *other != turn)
            {
                chosen.push((turn, reason));
            }
        }
    }
    chosen.sort_unstable_by_key(|(turn, _)| *turn);
    let carrier = |(turn, reason): (usize, &str)| {
        let event = &request.turns[turn];
        Carrier { event_id: event.event_id.clone(), position: event.position, reason: reason.to_owned() }
    };
    chosen.into_iter().map(carrier).collect()
}

#[async_trait]
impl ThreatModel for RulesModel {
    fn provider(&self) -> &'static str {
        "rules"
    }

    fn version(&self) -> &'static str {
        VERSION
    }

    fn is_built_in(&self) -> bool {
        true
    }

    async fn analyze_session(
        &self,
        request: &SessionRequest,
    ) -> Result<Answer<SessionAnalysis>, ThreatModelError> {
        let analysis = self.session(request);
        Ok(Answer { analysis, usage: Usage::default(), model: VERSION.to_owned() })
    }

    async fn analyze_cot(&self, request: &CotRequest) -> Result<Answer<CotAnalysis>, ThreatModelError> {
        Ok(Answer { analysis: self.cot(request), usage: Usage::default(), model: VERSION.to_owned() })
    }
}
