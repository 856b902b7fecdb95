//! The chat channel: what the user's turns say together, as numbers.

use super::facts::Facts;
use super::transcript::{Piece, Scores, Voice};
use crate::cot;
use crate::model::{CHAT, Heads};
use crate::text::cues::Cue;

/// Names of the features, in order.
pub const CHAT_NAMES: [&str; CHAT] = [
    "harm_whole",
    "harm_highest",
    "harm_second",
    "harm_rise",
    "harm_run_gain",
    "screened_harm",
    "screened_abuse",
    "screened_sexual",
    "screened_self_harm",
    "screened_jailbreak",
    "screened_injection",
    "screened_risk",
    "screened_risk_mean",
    "refusals",
    "asked_again",
    "concealment",
    "harm_words",
    "own_act_and_harm",
    "target_and_harm",
    "protection",
    "frame_dropped",
    "override",
    "persona_without_rules",
    "reconnaissance",
    "privilege",
    "pressure_for_privilege",
    "encoded",
    "reasoning",
];

/// The one feature that speaks against risk.
pub const PROTECTION: usize = 19;

/// The features of a session for the chat channel; about 0..1 each. Cost O(pieces).
pub(crate) fn features(pieces: &[Piece<'_>], facts: &Facts, heads: &Heads) -> [f64; CHAT] {
    let users: Vec<&Piece<'_>> = facts.asked.iter().map(|asked| &pieces[asked.piece]).collect();
    let turns = users.len().max(1) as f64;
    let share =
        |is: &dyn Fn(&Piece<'_>) -> bool| users.iter().filter(|piece| is(piece)).count() as f64 / turns;
    let few = |cue: Cue, most: f64| (users.iter().filter(|p| p.has(cue)).count() as f64 / most).min(1.0);
    let highest =
        |score: fn(&Scores) -> f64| users.iter().map(|piece| score(&piece.scores)).fold(0.0, f64::max);
    let any = |cue: Cue| users.iter().any(|piece| piece.has(cue));
    let is_serious = any(Cue::Harm) || any(Cue::Target) || any(Cue::Privilege);
    let (first, second) = facts.highest();
    // What a story tells of, or a class teaches, is its subject.
    let told = (any(Cue::Fiction) && frame_dropped(&users) == 0.0)
        || users.iter().filter(|piece| piece.has(Cue::Protect)).count() * 2 > users.len();
    let conceal: usize = users.iter().map(|piece| piece.count(Cue::Conceal)).sum();
    [
        facts.whole / 4.0,
        first / 4.0,
        second / 4.0,
        facts.rise.max(0.0) / 4.0,
        (facts.run - first).max(0.0) / 2.0,
        highest(|scores| scores.harm),
        highest(|scores| scores.abuse),
        highest(|scores| scores.sexual),
        highest(|scores| scores.self_harm),
        highest(|scores| scores.jailbreak),
        highest(|scores| scores.injection),
        highest(|scores| scores.risk),
        users.iter().map(|piece| piece.scores.risk).sum::<f64>() / turns,
        (facts.refusals() as f64 / 3.0).min(1.0),
        (facts.repeats() as f64 / 3.0).min(1.0),
        if is_serious { (conceal as f64 / 3.0).min(1.0) } else { 0.0 },
        share(&|piece| piece.has(Cue::Harm)) * if told { 0.3 } else { 1.0 },
        share(&|piece| piece.has(Cue::Harm) && piece.has(Cue::OwnAct)),
        share(&|piece| piece.has(Cue::Harm) && piece.has(Cue::Target)),
        share(&|piece| piece.has(Cue::Protect)),
        frame_dropped(&users),
        few(Cue::Override, 1.0),
        share(&|piece| piece.has(Cue::Unlimited) && (piece.has(Cue::RolePlay) || piece.has(Cue::Override)))
            .min(1.0),
        few(Cue::Recon, 4.0),
        few(Cue::Privilege, 3.0),
        pressure(&users),
        if users.iter().any(|piece| piece.decoded.is_some()) { 1.0 } else { 0.0 },
        reasoning(pieces, heads),
    ]
}

/// 1 if what began as a story, a role or a pretext is to be told without it.
fn frame_dropped(users: &[&Piece<'_>]) -> f64 {
    let is_frame =
        |piece: &&&Piece<'_>| piece.has(Cue::Fiction) || piece.has(Cue::RolePlay) || piece.has(Cue::Pretext);
    let Some(framed) = users.iter().position(|piece| is_frame(&piece)) else { return 0.0 };
    let dropped = users[framed + 1..].iter().any(|piece| piece.has(Cue::DropFrame));
    if dropped { 1.0 } else { 0.0 }
}

/// Kinds of pressure in a session that asks for rights, of three.
fn pressure(users: &[&Piece<'_>]) -> f64 {
    if !users.iter().any(|piece| piece.has(Cue::Privilege)) {
        return 0.0;
    }
    let kinds = [Cue::Urgency, Cue::Authority, Cue::Sympathy];
    kinds.iter().filter(|&&cue| users.iter().any(|piece| piece.has(cue))).count() as f64 / 3.0
}

/// The highest risk of a chain of thought of the session, by its own words.
fn reasoning(pieces: &[Piece<'_>], heads: &Heads) -> f64 {
    let thoughts = pieces.iter().filter(|piece| piece.voice == Voice::Cot);
    thoughts.map(|piece| cot::features::hint(&piece.reading, heads)).fold(0.0, f64::max)
}
