//! A whole session: what a model is asked, and how its answer is read.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tidegate_domain::analysis::{Carrier, Pattern, SessionAnalysis, SessionRequest, Turn};
use tidegate_domain::assessment::{Assessment, RiskScore};
use tidegate_domain::ports::ThreatModelError;

use super::answer::{Checked, capped, known, parse};
use super::budget::{Candidate, cut, keep, text_max};
use super::{Limits, fence, words};
use crate::model::Prompt;

/// Longest reason of a carrier, in characters.
const REASON_MAX_CHARS: usize = 500;
/// Room for the line that says how many events were left out.
const GAP_CHARS: usize = 32;

/// An event as a model sees it.
#[derive(Serialize)]
struct Line {
    event: usize,
    at: String,
    from: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    screening: Option<String>,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
}

/// Events that were left out to keep to the budget.
#[derive(Serialize)]
struct Gap {
    events_left_out: usize,
}

/// What is asked about `request`, within `limits`.
pub(super) fn prompt(request: &SessionRequest, limits: Limits) -> Prompt {
    Prompt {
        system: system(),
        user: fence::fenced(
            "Events of one session, oldest first:",
            &lines(request, limits),
            "Judge the session.",
        ),
        schema_name: "session_verdict",
        schema: schema(),
        output_tokens_max: limits.output_tokens_max,
    }
}

fn patterns() -> impl Iterator<Item = (Pattern, &'static str)> {
    Pattern::ALL.into_iter().filter_map(|pattern| Some((pattern, words::pattern(pattern)?)))
}

fn system() -> String {
    let mut text = String::from(
        "You are a security analyst. You judge whether a conversation with an AI system, taken as a whole, is an \
         attack on it or an attempt to misuse it. Look at how it moves: what each turn adds to those before it, what \
         follows a refusal, and where text came from.\n\nPatterns:\n",
    );
    for (pattern, meaning) in patterns() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "- {}: {meaning}", pattern.name());
    }
    let _ = write!(
        text,
        "\n{}\n\n{}\n\nAnswer with one JSON object and nothing else: risk_score; patterns, the names from the list \
         above that apply, strongest first, often none; explanation, one or two sentences for a person; events, those \
         that carry the verdict, each with its number and what it shows.",
        words::BANDS,
        words::DATA
    );
    text
}

fn schema() -> serde_json::Value {
    let names: Vec<_> = patterns().map(|(pattern, _)| pattern.name()).collect();
    json!({
        "type": "object",
        "properties": {
            "risk_score": {"type": "number"},
            "patterns": {"type": "array", "items": {"type": "string", "enum": names}},
            "explanation": {"type": "string"},
            "events": {"type": "array", "items": {
                "type": "object",
                "properties": {"event": {"type": "integer"}, "reason": {"type": "string"}},
                "required": ["event", "reason"],
                "additionalProperties": false,
            }},
        },
        "required": ["risk_score", "patterns", "explanation", "events"],
        "additionalProperties": false,
    })
}

/// The lines of the events that are kept, with gaps marked.
fn lines(request: &SessionRequest, limits: Limits) -> Vec<String> {
    let budget = limits.prompt_chars_max;
    let all: Vec<String> =
        request.turns.iter().enumerate().map(|(at, turn)| line(at + 1, turn, budget)).collect();
    let candidate = |(line, turn): (&String, &Turn)| Candidate {
        chars: line.chars().count() + GAP_CHARS,
        risk: turn.assessment.as_ref().map_or(0.0, |assessment| assessment.risk_score.get()),
    };
    let candidates: Vec<_> = all.iter().zip(&request.turns).map(candidate).collect();
    let mut lines = Vec::new();
    let mut next = 0;
    for index in keep(&candidates, budget).into_iter().chain([all.len()]) {
        if index > next {
            lines.push(fence::line(&Gap { events_left_out: index - next }));
        }
        lines.extend(all.get(index).cloned());
        next = index + 1;
    }
    lines
}

fn line(event: usize, turn: &Turn, budget: usize) -> String {
    let text_max = text_max(budget);
    fence::line(&Line {
        event,
        at: turn.recorded_at.to_rfc3339(),
        from: words::from(turn.kind),
        screening: turn.assessment.as_ref().filter(|a| a.is_risky()).map(screening),
        text: cut(&turn.content, text_max),
        data: turn.data.as_deref().map(|data| cut(data, text_max / 2)),
    })
}

/// What our own screening said of a text, in words.
fn screening(assessment: &Assessment) -> String {
    format!("{} {:.2}", assessment.category.name(), assessment.risk_score.get())
}

/// A model's answer, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verdict {
    risk_score: f64,
    patterns: Vec<String>,
    explanation: String,
    events: Vec<Said>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    event: i64,
    reason: String,
}

/// Reads an answer to `request`. Errors: [`ThreatModelError::Answer`].
pub(super) fn read(
    text: &str,
    request: &SessionRequest,
) -> Result<Checked<SessionAnalysis>, ThreatModelError> {
    let verdict: Verdict = parse(text)?;
    let (patterns, unknown) =
        known(&verdict.patterns, |name| patterns().map(|(p, _)| p).find(|pattern| pattern.name() == name));
    let (carriers, strangers) = carriers(verdict.events, request);
    let said = RiskScore::saturating(verdict.risk_score);
    let is_raised = said < request.floor;
    let note = if is_raised { " Raised to what screening is sure of." } else { "" };
    let explanation_max = SessionAnalysis::EXPLANATION_MAX_CHARS - note.len();
    let analysis = SessionAnalysis {
        risk_score: if is_raised { request.floor } else { said },
        patterns,
        explanation: capped(verdict.explanation, explanation_max) + note,
        carriers,
    };
    Ok(Checked { analysis, dropped: unknown + strangers, is_raised })
}

/// The events that an answer names, each once, in order; and how many are none of the request's.
fn carriers(said: Vec<Said>, request: &SessionRequest) -> (Vec<Carrier>, u64) {
    let (mut found, mut dropped) = (BTreeMap::new(), 0);
    for Said { event, reason } in said {
        let index = usize::try_from(event).ok().and_then(|event| event.checked_sub(1));
        match index.filter(|index| *index < request.turns.len()) {
            Some(index) => {
                found.entry(index).or_insert(reason);
            }
            None => dropped += 1,
        }
    }
    let carrier = |(index, reason): (usize, String)| Carrier {
        event_id: request.turns[index].event_id.clone(),
        position: request.turns[index].position,
        reason: capped(reason, REASON_MAX_CHARS),
    };
    (found.into_iter().take(SessionAnalysis::CARRIERS_MAX).map(carrier).collect(), dropped)
}

#[cfg(test)]
mod tests {
    use tidegate_domain::analysis::TurnKind;
    use tidegate_domain::id::Position;
    use tidegate_domain::time::UnixMs;

    use super::*;

    fn turn(index: u64, content: &str) -> Turn {
        Turn {
            event_id: format!("e{index}"),
            position: Position(100 + index),
            recorded_at: UnixMs(1_763_640_000_000),
            kind: TurnKind::User,
            content: content.into(),
            data: None,
            assessment: None,
        }
    }

    fn request(texts: &[&str]) -> SessionRequest {
        SessionRequest {
            project: "p".into(),
            session: "s".into(),
            turns: texts.iter().zip(0..).map(|(text, index)| turn(index, text)).collect(),
            floor: RiskScore::saturating(0.5),
        }
    }

    const LIMITS: Limits = Limits { prompt_chars_max: 2000, output_tokens_max: 100 };

    #[test]
    fn events_are_numbered_by_their_place_and_gaps_are_said() {
        let long = "x".repeat(400);
        let mut request = request(&[&*long; 20]);
        let assessment = Assessment { risk_score: RiskScore::saturating(0.9), ..Assessment::default() };
        request.turns[4].assessment = Some(assessment);
        let lines = lines(&request, LIMITS);
        let starts: Vec<_> = lines.iter().map(|line| line.split(',').next().unwrap()).collect();
        let expected = [
            r#"{"events_left_out":4}"#,
            r#"{"event":5"#,
            r#"{"events_left_out":12}"#,
            r#"{"event":18"#,
            r#"{"event":19"#,
            r#"{"event":20"#,
        ];
        assert_eq!(starts, expected);
    }

    #[test]
    fn texts_that_grow_when_escaped_keep_to_the_budget_and_the_newest_stays() {
        let control = "\u{1}".repeat(5000);
        let lines = lines(&request(&[&control, &control, &control]), LIMITS);
        assert!(lines.iter().map(|line| line.len()).sum::<usize>() <= LIMITS.prompt_chars_max, "{lines:?}");
        assert!(lines.last().unwrap().starts_with(r#"{"event":3"#), "{lines:?}");
    }

    #[test]
    fn what_an_answer_says_wrongly_is_left_out_and_counted() {
        let text = r#"Sure: {"risk_score": 7, "patterns": ["policy_probing", "long_conversation", "nice", "policy_probing"],
            "explanation": "e", "events": [{"event": 2, "reason": "b"}, {"event": 1, "reason": "a"},
            {"event": 2, "reason": "again"}, {"event": 0, "reason": ""}, {"event": 3, "reason": ""}]} Bye."#;
        let checked = read(text, &request(&["a", "b"])).unwrap();
        assert_eq!(checked.dropped, 4);
        assert_eq!(checked.analysis.risk_score.get(), 1.0);
        assert_eq!(checked.analysis.patterns, [Pattern::PolicyProbing]);
        let carriers: Vec<_> = checked.analysis.carriers.iter().map(|c| (c.position.0, &*c.reason)).collect();
        assert_eq!(carriers, [(100, "a"), (101, "b")]);
    }

    #[test]
    fn a_score_below_the_floor_is_raised_and_said_to_be() {
        let text = r#"{"risk_score": 0.0, "patterns": [], "explanation": "Fine.", "events": []}"#;
        let checked = read(text, &request(&["a"])).unwrap();
        assert!(checked.is_raised && checked.analysis.risk_score.get() == 0.5);
        assert_eq!(checked.analysis.explanation, "Fine. Raised to what screening is sure of.");
    }

    #[test]
    fn what_is_not_as_asked_is_no_answer_and_is_not_repeated() {
        for text in [
            "",
            "I cannot help with hunter2",
            "}{",
            "{}",
            r#"{"risk_score": "hunter2", "patterns": [], "explanation": "", "events": []}"#,
            r#"{"risk_score": 0.1, "patterns": [], "explanation": ""}"#,
            r#"{"risk_score": 0.1, "patterns": [], "explanation": "", "events": [], "hunter2": 1}"#,
            r#"{"risk_score": 0.1, "patterns": null, "explanation": "", "events": []}"#,
            r#"{"risk_score": 1e999, "patterns": [], "explanation": "", "events": []}"#,
            r#"{"risk_score": 0.1, "patterns": [], "explanation": "", "ev"#,
        ] {
            match read(text, &request(&["a"])) {
                Err(error @ ThreatModelError::Answer { .. }) => {
                    assert!(!error.to_string().contains("hunter2"));
                }
                other => panic!("{text}: {:?}", other.map(|checked| checked.analysis)),
            }
        }
    }
}
