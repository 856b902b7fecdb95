//! From labelled rows to what a threat model is asked: turns in their voices, screened as the pipeline would.

use tidegate_domain::analysis::{CotRequest, SessionRequest, Turn, TurnKind};
use tidegate_domain::assessment::RiskScore;
use tidegate_domain::author::Facts;
use tidegate_domain::id::Position;
use tidegate_domain::time::UnixMs;
use tidegate_screening::{Settings, SettingsError, TextScreener};

use crate::data::Row;

/// Screens turns without knowing their author.
#[derive(Clone, Debug)]
pub struct SessionScreener(TextScreener);

impl SessionScreener {
    /// The screener as it ships. Errors: its weights are damaged.
    pub fn new() -> Result<Self, SettingsError> {
        TextScreener::new(&Settings::default()).map(Self)
    }

    fn turn(&self, nth: usize, kind: TurnKind, content: &str) -> Turn {
        let assessment = self.0.assess(content, &Facts::default());
        Turn {
            event_id: format!("turn-{nth}"),
            position: Position(nth as u64),
            recorded_at: UnixMs(nth as i64 * 1000),
            kind,
            content: content.to_owned(),
            data: None,
            assessment: (!assessment.is_clear()).then_some(assessment),
        }
    }
}

/// What marks a tool call inside an answer.
const CALL: &str = "[tool_call]";

/// The session of a row. Calls that stand inside answers become events of their own, as the chat door makes them.
///
/// The floor is 0: what is measured is what the analysis itself says.
pub fn session_request(row: &Row, screener: &SessionScreener) -> SessionRequest {
    let mut turns: Vec<Turn> = Vec::new();
    for turn in &row.turns {
        let kind = TurnKind::of("", Some(&turn.role));
        let mut parts = turn.content.split(CALL);
        let said = parts.next().unwrap_or_default().trim();
        let calls = parts.map(str::trim).filter(|call| !call.is_empty());
        if !said.is_empty() {
            turns.push(screener.turn(turns.len(), kind, said));
        }
        for call in calls {
            turns.push(screener.turn(turns.len(), TurnKind::ToolCall, call));
        }
    }
    SessionRequest { project: "eval".into(), session: row.id.clone(), turns, floor: RiskScore::ZERO }
}

/// The chain of thought of a row, with nothing else known.
pub fn cot_request(row: &Row, screener: &SessionScreener) -> CotRequest {
    CotRequest {
        project: "eval".into(),
        session: None,
        cot: screener.turn(0, TurnKind::Cot, &row.text),
        user_input: None,
        final_output: None,
        acts: Vec::new(),
    }
}
