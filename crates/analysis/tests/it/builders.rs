//! Sessions and chains of thought for tests.

use tidegate_analysis::RulesModel;
use tidegate_domain::analysis::{CotRequest, Pattern, SessionAnalysis, SessionRequest, Turn, TurnKind};
use tidegate_domain::assessment::{Assessment, Category, CategoryScore, RiskScore};
use tidegate_domain::id::Position;
use tidegate_domain::time::UnixMs;

pub(crate) fn turn(nth: usize, kind: TurnKind, content: &str) -> Turn {
    Turn {
        event_id: format!("event-{nth}"),
        position: Position(10 + nth as u64),
        recorded_at: UnixMs(1_000 * nth as i64),
        kind,
        content: content.to_owned(),
        data: None,
        assessment: None,
    }
}

/// A session of lines that begin with `u` (user), `a` (assistant), `c` (reasoning), `k` (tool call) or `t` (tool).
pub(crate) fn session(lines: &str) -> SessionRequest {
    let turns =
        lines.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate().map(|(nth, line)| {
            let (voice, content) = line.split_once(": ").unwrap();
            let kind = match voice {
                "u" => TurnKind::User,
                "a" => TurnKind::Assistant,
                "c" => TurnKind::Cot,
                "k" => TurnKind::ToolCall,
                "t" => TurnKind::ToolResult,
                other => panic!("no voice: {other}"),
            };
            turn(nth, kind, content)
        });
    let turns = turns.collect();
    SessionRequest { project: "p".into(), session: "s".into(), turns, floor: RiskScore::ZERO }
}

/// What screening says of a text that it takes for `category`.
pub(crate) fn found(category: Category, probability: f64) -> Option<Assessment> {
    Some(Assessment {
        risk_score: RiskScore::saturating(0.9 * probability),
        category,
        scores: vec![CategoryScore { category, probability }],
        ..Assessment::default()
    })
}

pub(crate) fn rules() -> RulesModel {
    RulesModel::new().unwrap()
}

pub(crate) fn analyze(lines: &str) -> SessionAnalysis {
    rules().session(&session(lines))
}

pub(crate) fn shows(analysis: &SessionAnalysis, pattern: Pattern) -> bool {
    analysis.patterns.contains(&pattern)
}

pub(crate) fn cot(content: &str, answer: Option<&str>) -> CotRequest {
    CotRequest {
        project: "p".into(),
        session: Some("s".into()),
        cot: turn(0, TurnKind::Cot, content),
        user_input: None,
        final_output: answer.map(str::to_owned),
        acts: Vec::new(),
    }
}
