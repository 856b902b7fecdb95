//! Abuse of models: orders to ignore instructions, and personas without rules.

use super::abuse::{Near, span};
use super::{Evidence, Rule};
use crate::lexicon::{Classes, Tag};
use crate::normal::Normal;

/// Notes abuse of models in a text. Cost O(tags).
pub(super) fn scan(normal: &Normal<'_>, tags: &[Tag], evidence: &mut Evidence) {
    for (nth, tag) in tags.iter().enumerate() {
        let near = Near { tags, nth };
        if tag.classes.intersects(Classes::OVERRIDE)
            && near.after(Classes::INSTRUCTION)
            && !near.before(Classes::NEGATION)
        {
            evidence.note(Rule::PromptOverride, span(normal, tag));
        }
        if tag.classes.intersects(Classes::UNLIMITED) && near.any(Classes::PERSONA) {
            evidence.note(Rule::PersonaUnlimited, span(normal, tag));
        }
    }
}
