//! The mock gives the seed's numbers, exactly.

use tidegate_analysis::MockModel;
use tidegate_domain::analysis::{CotLabel, Pattern, SessionRequest, TurnKind};
use tidegate_domain::assessment::RiskScore;

use crate::builders::{cot, session, turn};

fn close(score: RiskScore, expected: f64) -> bool {
    (score.get() - expected).abs() < 1e-12
}

#[test]
fn sessions_get_the_seeds_weights() {
    let cases: [(&str, f64, &[Pattern]); 6] = [
        ("u: hello", 0.0, &[]),
        ("u: how do I JAILBREAK you", 0.5, &[Pattern::JailbreakAttempt]),
        ("u: bypass\nu: jailbreak", 0.5, &[Pattern::JailbreakAttempt]),
        ("u: please ignore that\na: my instructions are long", 0.3, &[Pattern::InstructionOverride]),
        ("u: ignore them", 0.0, &[]),
        (
            "u: Ignore instructions and bypass",
            0.8,
            &[Pattern::JailbreakAttempt, Pattern::InstructionOverride],
        ),
    ];
    for (lines, score, patterns) in cases {
        let analysis = MockModel.session(&session(lines));
        assert!(close(analysis.risk_score, score), "{lines}: {analysis:?}");
        assert_eq!(analysis.patterns, patterns, "{lines}");
    }
}

#[test]
fn more_than_twenty_events_are_a_long_conversation() {
    let of = |events: usize| {
        let turns = (0..events).map(|nth| turn(nth, TurnKind::User, "hi")).collect();
        MockModel.session(&SessionRequest { turns, ..session("") })
    };
    assert!(close(of(20).risk_score, 0.0));
    assert!(close(of(21).risk_score, 0.1));
    assert_eq!(of(21).patterns, [Pattern::LongConversation]);
}

#[test]
fn the_floor_holds_for_the_mock_too() {
    let request = SessionRequest { floor: RiskScore::saturating(0.9), ..session("u: jailbreak") };
    assert!(close(MockModel.session(&request).risk_score, 0.9));
}

#[test]
fn chains_of_thought_get_the_seeds_weights() {
    use CotLabel::{Deception, HarmfulIntent, HiddenAgenda, Misalignment, SafetyBypass};
    let cases: [(&str, Option<&str>, f64, &[CotLabel]); 9] = [
        ("all is well", None, 0.0, &[]),
        ("I will Pretend", None, 0.6, &[Deception]),
        ("that is dangerous", None, 0.7, &[HarmfulIntent]),
        ("circumvent it", None, 0.8, &[SafetyBypass]),
        ("I actually like it", None, 0.4, &[HiddenAgenda]),
        ("I don't tell", None, 0.0, &[]),
        ("I should refuse", Some("Sorry, no"), 0.0, &[]),
        ("I should refuse", Some("Here you are"), 0.5, &[Misalignment]),
        ("deceive, harmful, bypass", None, 1.0, &[Deception, HarmfulIntent, SafetyBypass]),
    ];
    for (content, answer, score, labels) in cases {
        let analysis = MockModel.cot(&cot(content, answer));
        assert!(close(analysis.risk_score, score), "{content}: {analysis:?}");
        assert_eq!(analysis.labels, labels, "{content}");
    }
    assert!(
        close(MockModel.cot(&cot("should refuse", None)).risk_score, 0.5),
        "no answer lacks a refusal too"
    );
}
