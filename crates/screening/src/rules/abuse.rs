//! Abuse of people: insults, threats, slurs and contempt, and whom they are aimed at.
//!
//! What a word does depends on what stands near it: an insult next to "you" is name calling, contempt next to a group of
//! people is an attack on it, and either is damped where it is negated, quoted or spoken against.

use super::{Evidence, Rule};
use crate::lexicon::{Classes, Tag};
use crate::normal::Normal;

/// Words so far apart still belong together.
const REACH_WORDS: u32 = 5;
/// A text of so few words that holds an insult says nothing else.
const BARE_WORDS: usize = 3;

const OFFENSIVE: Classes = Classes(
    Classes::INSULT.0
        | Classes::PROFANITY.0
        | Classes::SLUR.0
        | Classes::CONTEMPT.0
        | Classes::OWN_OFFENSIVE.0,
);
const ADDRESS: Classes = Classes(Classes::YOU.0 | Classes::OWN_TARGETING.0);
const GROUP: Classes = Classes(Classes::IDENTITY.0 | Classes::WOMEN.0);
const NAMES: Classes = Classes(Classes::INSULT.0 | Classes::OWN_OFFENSIVE.0);

/// Notes abuse in a text. Cost O(tags).
pub(super) fn scan(normal: &Normal<'_>, tags: &[Tag], evidence: &mut Evidence) {
    let about = tags.iter().any(|tag| tag.classes.intersects(Classes::COUNTER));
    for (nth, tag) in tags.iter().enumerate() {
        let near = Near { tags, nth };
        let is = |classes: Classes| tag.classes.intersects(classes);
        let note = |evidence: &mut Evidence, rule| evidence.note(rule, span(normal, tag));
        if is(OFFENSIVE) {
            note(evidence, Rule::OffensiveLanguage);
        }
        if is(ADDRESS) && near.any(OFFENSIVE) {
            note(evidence, Rule::TargetingBehavior);
        }
        let spoken_against = about || near.before(Classes::NEGATION);
        if is(NAMES) && !spoken_against && (near.any(ADDRESS) || normal.words.len() <= BARE_WORDS) {
            note(evidence, Rule::NameCalling);
        }
        if is(Classes::THREAT) && !spoken_against {
            note(evidence, Rule::Threat);
        }
        if is(Classes::SLUR) && !about {
            note(evidence, Rule::Slur);
        }
        let attacks =
            Classes(Classes::INSULT.0 | Classes::CONTEMPT.0 | Classes::DEHUMAN.0 | Classes::THREAT.0);
        if is(attacks) && !spoken_against && near.any(GROUP) {
            note(evidence, Rule::IdentityAttack);
        }
        if is(Classes::SEXUAL) {
            note(evidence, Rule::SexualContent);
        }
        if is(Classes::SELF_HARM) && !near.before(Classes::NEGATION) {
            note(evidence, Rule::SelfHarm);
        }
    }
    for &place in &normal.disguised {
        evidence.note(Rule::Obfuscation, place);
    }
    if normal.shape.hidden >= HIDDEN_MIN {
        evidence.note_fact(Rule::HiddenCharacters, 0);
    }
}

/// Emoji hold one or two invisible characters each.
const HIDDEN_MIN: u32 = 4;

/// The place of a tag in the original.
pub(super) fn span(normal: &Normal<'_>, tag: &Tag) -> tidegate_domain::assessment::Span {
    let (first, last) = (&normal.words[tag.first as usize], &normal.words[tag.end as usize - 1]);
    normal.span(first.start as usize, last.end as usize)
}

/// The tags around one.
pub(super) struct Near<'t> {
    pub(super) tags: &'t [Tag],
    pub(super) nth: usize,
}

impl Near<'_> {
    /// Whether one of `classes` stands within reach, on either side.
    pub(super) fn any(&self, classes: Classes) -> bool {
        self.before(classes) || self.after(classes)
    }

    pub(super) fn before(&self, classes: Classes) -> bool {
        let own = &self.tags[self.nth];
        let reach = |tag: &&Tag| tag.end + REACH_WORDS > own.first;
        self.tags[..self.nth].iter().rev().take_while(reach).any(|tag| tag.classes.intersects(classes))
    }

    pub(super) fn after(&self, classes: Classes) -> bool {
        let own = &self.tags[self.nth];
        let reach = |tag: &&Tag| tag.first < own.end + REACH_WORDS;
        self.tags[self.nth + 1..].iter().take_while(reach).any(|tag| tag.classes.intersects(classes))
    }
}
