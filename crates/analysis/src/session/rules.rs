//! The rules of the patterns, one function each. What each asks for is in the header of `patterns`.

use tidegate_domain::analysis::Pattern;

use super::facts::Asked;
use super::patterns::{Finding, Scene};
use super::tool;
use super::transcript::{Piece, Voice};
use crate::cot;
use crate::model::Lane;
use crate::text::cues::Cue;
use crate::text::reading::Reading;

/// From this margin of the head of harm on a turn asks for harm.
const HARM_MIN: f64 = 0.5;
/// Below this margin it does not.
const CALM_MAX: f64 = 0.0;
/// From this probability on, what screening says of a turn is a finding.
const SCREENED_MIN: f64 = 0.5;

fn finding(pattern: Pattern, strength: f64, seen: String, carriers: Vec<(usize, &'static str)>) -> Finding {
    Finding { pattern, strength: strength.clamp(0.0, 1.0), evidence: 0.0, seen, carriers }
}

fn weighing(evidence: f64, finding: Finding) -> Finding {
    Finding { evidence, ..finding }
}

fn each(pieces: &[usize], reason: &'static str) -> Vec<(usize, &'static str)> {
    pieces.iter().map(|&piece| (piece, reason)).collect()
}

/// A user turn asks for harm by its own words or by what screening says of it.
fn is_harmful(asked: &Asked, piece: &Piece<'_>) -> bool {
    asked.harm >= HARM_MIN || piece.scores.harm >= SCREENED_MIN
}

pub(super) fn jailbreak_attempt(scene: &Scene<'_>) -> Option<Finding> {
    let is_free = |piece: &Piece<'_>| {
        piece.count(Cue::Unlimited) + piece.count(Cue::Override) >= 2
            && piece.has(Cue::Unlimited)
            && (piece.has(Cue::RolePlay) || piece.has(Cue::Override))
    };
    let shown: Vec<usize> = scene
        .users()
        .filter(|(_, piece)| piece.scores.jailbreak >= SCREENED_MIN || is_free(piece))
        .map(|(nth, _)| nth)
        .collect();
    let strongest = shown.iter().map(|&nth| scene.pieces[nth].scores.jailbreak).fold(0.5, f64::max);
    let agreed = shown.iter().any(|&nth| {
        let piece = &scene.pieces[nth];
        is_free(piece) || piece.has(Cue::Unlimited) || piece.has(Cue::RolePlay) || piece.has(Cue::Override)
    });
    let weight = if agreed { 0.9 } else { 0.4 };
    (!shown.is_empty()).then(|| {
        let seen = "a persona or a trick is to make the model drop its rules".into();
        let carriers = each(&shown, "sets up a persona or a trick that is to do away with rules");
        weighing(weight * strongest, finding(Pattern::JailbreakAttempt, strongest, seen, carriers))
    })
}

pub(super) fn instruction_override(scene: &Scene<'_>) -> Option<Finding> {
    // Screening alone takes tasks for agents for orders, cues alone take talk about orders for them.
    let sets_aside = |piece: &Piece<'_>| piece.has(Cue::Override) && piece.scores.injection >= SCREENED_MIN;
    let mut carriers: Vec<(usize, &'static str)> = Vec::new();
    let users = scene.users().filter(|(_, piece)| sets_aside(piece));
    carriers.extend(users.map(|(nth, _)| (nth, "tells the model to set its instructions aside")));
    let by_user = carriers.len();
    let strength = scene.users().map(|(_, piece)| piece.scores.injection).fold(0.0, f64::max);
    if let (Some(found), true) = (scene.found, scene.tool >= 0.5) {
        carriers.extend(
            found.orders.iter().take(4).map(|order| (order.piece, "a tool's text gives orders to the model")),
        );
        carriers.extend(
            found
                .takers
                .iter()
                .take(4)
                .map(|&nth| (nth, "holds words of that text which the user never said")),
        );
    }
    if carriers.is_empty() && scene.tool < 0.5 {
        return None;
    }
    let seen = match (by_user > 0, scene.found.map_or(0, |found| found.takers.len())) {
        (true, _) => "the user tells the model to set its instructions aside",
        (false, 0) => "text that a tool returned gives the model orders",
        (false, _) => {
            "text that a tool returned gives the model orders, and a later step holds words found only there"
        }
    };
    let evidence = if by_user > 0 { 0.8 * strength } else { 0.0 };
    let found = finding(Pattern::InstructionOverride, strength.max(scene.tool), seen.into(), carriers);
    Some(weighing(evidence, found))
}

pub(super) fn gradual_escalation(scene: &Scene<'_>) -> Option<Finding> {
    let asked = &scene.facts.asked;
    if asked.len() < 3 || scene.facts.rise < 0.4 {
        return None;
    }
    let (early, late) = asked.split_at(asked.len() / 2);
    let starts_calm = early[0].harm < CALM_MAX && scene.pieces[early[0].piece].scores.risk < SCREENED_MIN;
    let harmful: Vec<usize> = late
        .iter()
        .filter(|asked| is_harmful(asked, &scene.pieces[asked.piece]))
        .map(|asked| asked.piece)
        .collect();
    if !starts_calm || harmful.is_empty() {
        return None;
    }
    let seen =
        format!("it begins harmless and the last {} of {} turns ask for more", late.len(), asked.len());
    let mut carriers = vec![(early[0].piece, "a harmless beginning")];
    carriers.extend(each(&harmful, "goes further than what came before"));
    let strength = 0.5 + scene.facts.rise / 4.0;
    Some(weighing(0.3, finding(Pattern::GradualEscalation, strength, seen, carriers)))
}

pub(super) fn role_play(scene: &Scene<'_>) -> Option<Finding> {
    let is_frame =
        |piece: &Piece<'_>| piece.has(Cue::RolePlay) || piece.has(Cue::Fiction) || piece.has(Cue::Pretext);
    let framed = scene.users().find(|(_, piece)| is_frame(piece)).map(|(nth, _)| nth)?;
    let after = scene.facts.asked.iter().filter(|asked| asked.piece >= framed);
    let harmful: Vec<usize> = after
        .filter(|asked| {
            is_harmful(asked, &scene.pieces[asked.piece]) || scene.pieces[asked.piece].has(Cue::DropFrame)
        })
        .map(|asked| asked.piece)
        .filter(|&nth| asks_how(&scene.pieces[nth]))
        .collect();
    let is_harm = scene.facts.asked.iter().any(|asked| is_harmful(asked, &scene.pieces[asked.piece]));
    let leaves_it =
        harmful.iter().any(|&nth| nth > framed && scene.pieces[nth].has(Cue::DropFrame) && is_grave(scene));
    if harmful.is_empty() || !(is_harm || leaves_it) {
        return None;
    }
    let mut carriers = vec![(framed, "sets up a role, a story or a pretext")];
    carriers.extend(each(&harmful, "asks inside it, or outside of it, for what it was a cover for"));
    let seen = if leaves_it {
        "a role or a story is set up and then dropped, what it was for is asked plainly"
    } else {
        "a role or a story carries requests for harm"
    };
    let evidence = if leaves_it { 0.45 } else { 0.2 };
    Some(weighing(evidence, finding(Pattern::RolePlayManipulation, 0.5 + evidence, seen.into(), carriers)))
}

/// A turn that wants to know how, or wants it for real.
fn asks_how(piece: &Piece<'_>) -> bool {
    piece.has(Cue::Method) || piece.has(Cue::DropFrame) || piece.has(Cue::OwnAct)
}

/// Harm, or hiding it, is a subject of the user.
fn is_grave(scene: &Scene<'_>) -> bool {
    let users = || scene.users().map(|(_, piece)| piece);
    users().any(|piece| piece.has(Cue::Harm)) || users().filter(|piece| piece.has(Cue::Conceal)).count() > 1
}

pub(super) fn encoded(scene: &Scene<'_>) -> Option<Finding> {
    let tells = |hidden: &Reading| {
        let has = |cue: Cue| hidden.hits.iter().any(|hit| hit.cue == cue);
        has(Cue::Override)
            || (has(Cue::Act) && has(Cue::ToAgent))
            || has(Cue::Unlimited)
            || (has(Cue::Harm) && (has(Cue::Method) || has(Cue::OwnAct)))
            || (has(Cue::Act) && has(Cue::Recon))
            || hidden.margin(&scene.weights.heads, Lane::Harm) > 1.0
    };
    let orders = |hidden: &Reading| {
        hidden.hits.iter().any(|hit| hit.cue == Cue::Override)
            || tool::by_cues(hidden, &(0..hidden.words.len())) >= 0.6
    };
    let is_order = |piece: &Piece<'_>| match (&piece.decoded, piece.voice) {
        (Some(hidden), Voice::User) => tells(hidden),
        (Some(hidden), _) => orders(hidden),
        (None, _) => false,
    };
    let shown: Vec<usize> =
        scene.pieces.iter().enumerate().filter(|(_, piece)| is_order(piece)).map(|(nth, _)| nth).collect();
    (!shown.is_empty()).then(|| {
        let seen = "encoded text gives orders or asks for harm once it is decoded".into();
        let carriers = each(&shown, "holds an encoded instruction");
        weighing(0.7, finding(Pattern::EncodedInstructions, 0.9, seen, carriers))
    })
}

pub(super) fn social_engineering(scene: &Scene<'_>) -> Option<Finding> {
    let asks = scene.with(Cue::Privilege);
    let kinds: Vec<Vec<usize>> = [Cue::Authority, Cue::Urgency, Cue::Sympathy]
        .into_iter()
        .map(|cue| scene.with(cue))
        .filter(|shown| !shown.is_empty())
        .collect();
    let insists = scene.facts.repeats() > 0 || scene.facts.refusals() > 0;
    if asks.is_empty() || kinds.len() < 2 && !(kinds.len() == 1 && insists) {
        return None;
    }
    let mut carriers: Vec<(usize, &'static str)> =
        each(&kinds.concat(), "presses: authority, urgency or sympathy");
    carriers.extend(each(&asks, "asks for rights or for a check to be skipped"));
    let seen = format!("{} kinds of pressure in place of a right to ask", kinds.len());
    let refused = if scene.facts.refusals() > 0 { 0.35 } else { 0.0 };
    let strength = 0.3 + 0.1 * kinds.len() as f64 + refused;
    let evidence = if insists { 0.15 * kinds.len() as f64 + refused } else { 0.05 };
    Some(weighing(evidence.min(0.7), finding(Pattern::SocialEngineering, strength, seen, carriers)))
}

pub(super) fn reconnaissance(scene: &Scene<'_>) -> Option<Finding> {
    let asks = scene.with(Cue::Recon);
    let first = *asks.first()?;
    let rights_after = scene.with(Cue::Privilege).into_iter().any(|nth| nth > first);
    if asks.len() < 3 && !(asks.len() == 2 && rights_after) {
        return None;
    }
    let seen = format!("{} turns ask about systems, rules, tools or people", asks.len());
    let strength = 0.3 + 0.08 * asks.len() as f64 + if rights_after { 0.2 } else { 0.0 };
    let evidence = if rights_after { 0.1 + 0.08 * asks.len().min(4) as f64 } else { 0.1 };
    let carriers = each(&asks, "asks about a system, its rules or its people");
    Some(weighing(evidence, finding(Pattern::Reconnaissance, strength, seen, carriers)))
}

pub(super) fn policy_probing(scene: &Scene<'_>) -> Option<Finding> {
    let again: Vec<usize> =
        scene.facts.asked.iter().filter(|asked| asked.again).map(|asked| asked.piece).collect();
    if again.is_empty() || (again.len() < 2 && scene.facts.refusals() < 2 && scene.chat < 0.5) {
        return None;
    }
    let refused: Vec<usize> =
        scene.facts.asked.iter().filter(|asked| asked.refused).map(|asked| asked.piece).collect();
    let mut carriers = each(&refused, "was refused");
    carriers.extend(each(&again, "asks again, in other words, what was refused"));
    let seen = format!("{} requests were refused and {} ask again", refused.len(), again.len());
    let strength = 0.3 + 0.15 * (again.len().min(3) + refused.len().min(3)) as f64 / 2.0;
    let is_sensitive = is_grave(scene) || !scene.with(Cue::Conceal).is_empty() || scene.chat >= 0.3;
    let often = 0.12 * again.len().min(3) as f64 + if refused.len() >= 2 { 0.1 } else { 0.0 };
    let evidence = if is_sensitive { often } else { 0.1 };
    Some(weighing(evidence, finding(Pattern::PolicyProbing, strength, seen, carriers)))
}

pub(super) fn privilege(scene: &Scene<'_>) -> Option<Finding> {
    let asks = scene.with(Cue::Privilege);
    let times: usize = asks.iter().map(|&nth| scene.pieces[nth].count(Cue::Privilege)).sum();
    let wants =
        asks.iter().any(|&nth| scene.pieces[nth].has(Cue::OwnAct) || scene.pieces[nth].has(Cue::Authority));
    let refused = scene.facts.asked.iter().any(|asked| asked.refused && asks.contains(&asked.piece));
    if asks.len() < 2 && !(times >= 2 && (wants || refused)) {
        return None;
    }
    let seen = format!("{} turns ask for rights that the user does not have", asks.len());
    let hides = !scene.with(Cue::Conceal).is_empty();
    let evidence =
        0.05 * asks.len().min(4) as f64 + if refused { 0.35 } else { 0.0 } + if hides { 0.25 } else { 0.0 };
    let strength = 0.3 + evidence;
    let carriers = each(&asks, "asks for rights or for a check to be skipped");
    Some(weighing(evidence, finding(Pattern::PrivilegeEscalation, strength, seen, carriers)))
}

pub(super) fn cot_deception(scene: &Scene<'_>) -> Option<Finding> {
    let thoughts: Vec<(usize, f64)> = scene
        .of(Voice::Cot)
        .map(|(nth, piece)| {
            let answer = scene.pieces[nth..].iter().find(|piece| piece.voice == Voice::Assistant);
            (nth, cot::score(&piece.text, &piece.reading, answer.map(|piece| &*piece.text), scene.weights))
        })
        .filter(|(_, risk)| *risk >= 0.5)
        .collect();
    let strength = thoughts.iter().map(|(_, risk)| *risk).fold(0.0, f64::max);
    (!thoughts.is_empty()).then(|| {
        let seen = "the model's reasoning hides something from the user".into();
        let carriers = thoughts.iter().map(|&(nth, _)| (nth, "reasoning that hides something")).collect();
        weighing(strength, finding(Pattern::CotDeception, strength, seen, carriers))
    })
}

pub(super) fn context(scene: &Scene<'_>) -> Option<Finding> {
    let asked = &scene.facts.asked;
    let alone = |asked: &Asked| asked.harm < 1.0 && scene.pieces[asked.piece].scores.risk < SCREENED_MIN;
    if asked.len() < 3 || !asked.iter().all(alone) {
        return None;
    }
    let points = points(scene);
    if points < POINTS_MIN && scene.chat < 0.5 {
        return None;
    }
    let mut shown: Vec<usize> =
        [Cue::Conceal, Cue::Target, Cue::Harm, Cue::DropFrame].map(|cue| scene.with(cue)).concat();
    shown.sort_unstable();
    shown.dedup();
    if shown.is_empty() {
        shown = asked.iter().map(|asked| asked.piece).collect();
    }
    let seen =
        "no turn is a finding by itself; a method, a target and hiding it come together over several".into();
    let evidence = if points < POINTS_MIN { 0.0 } else { (0.12 * points as f64).min(0.75) };
    let carriers = each(&shown, "harmless alone, not with the rest");
    Some(weighing(evidence, finding(Pattern::ContextDependentThreat, 0.4 + evidence, seen, carriers)))
}

/// From so many points on, turns that are harmless alone are a threat together.
const POINTS_MIN: usize = 4;

/// What comes together in a session that has something to hide: hiding it, leaving the frame it began in, going on after the
/// model declined, or pressing for rights; and besides a person it is aimed at, how it is done, and that it goes further.
fn points(scene: &Scene<'_>) -> usize {
    let asked = &scene.facts.asked;
    let late: Vec<&Piece<'_>> =
        asked[asked.len() / 2..].iter().map(|asked| &scene.pieces[asked.piece]).collect();
    let has = |cue: Cue| usize::from(!scene.with(cue).is_empty());
    let hides = late.iter().filter(|piece| piece.has(Cue::Conceal)).count().min(2);
    let framed = [Cue::Fiction, Cue::RolePlay, Cue::Pretext].iter().any(|&cue| has(cue) > 0);
    let leaves = usize::from(framed && late.iter().any(|piece| piece.has(Cue::DropFrame)));
    let presses =
        [Cue::Authority, Cue::Urgency, Cue::Sympathy].map(has).iter().sum::<usize>() * has(Cue::Privilege);
    // A late request that the model declined for what it asks, and that the user did not drop.
    let half = asked.len() / 2;
    let declined = asked.iter().enumerate().any(|(nth, asked)| asked.declined && nth >= half.min(2));
    let goes_on = asked.iter().position(|asked| asked.declined).is_some_and(|nth| nth + 1 < asked.len());
    let declined = usize::from(declined) * (1 + usize::from(goes_on));
    let is_pressed = presses >= 2 && scene.facts.refusals() >= 2;
    if hides + leaves + declined == 0 && !is_pressed {
        return 0;
    }
    let protects = scene.with(Cue::Protect).len() * 2 > asked.len();
    let how = usize::from(scene.with(Cue::Method).len() >= 2);
    let rises = usize::from(scene.facts.rise > 0.3);
    let points = hides
        + leaves
        + presses.min(1)
        + declined
        + usize::from(scene.facts.refusals() > 1)
        + usize::from(late.iter().any(|piece| piece.has(Cue::Target)))
        + how
        + rises
        + usize::from(late.iter().any(|piece| piece.has(Cue::OwnAct)));
    points.saturating_sub(usize::from(protects) * 2)
}
