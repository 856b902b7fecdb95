//! Evidence: which rules fired, where, and what they add up to.

use std::borrow::Cow;

use tidegate_domain::assessment::{Category, Flag, Span};

use super::Rule;

/// What the rules found in one text.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// Only rules that fired, in the order they first did.
    found: Vec<Found>,
}

#[derive(Debug)]
struct Found {
    rule: Rule,
    /// How often it fired, or hundredths for rules about the author.
    count: u32,
    /// The first [`Flag::SPANS_MAX`] places.
    spans: Vec<Span>,
}

impl Evidence {
    /// Notes that `rule` fired at `span`; places that touch a noted one count again but are listed once.
    pub(crate) fn note(&mut self, rule: Rule, span: Span) {
        let found = self.of(rule);
        found.count = found.count.saturating_add(1);
        let apart = found.spans.last().is_none_or(|last| last.end <= span.start);
        if found.spans.len() < Flag::SPANS_MAX && apart {
            found.spans.push(span);
        }
    }

    /// Notes a rule that fires without a place, with evidence of `hundredths`.
    pub(crate) fn note_fact(&mut self, rule: Rule, hundredths: u32) {
        self.of(rule).count = hundredths;
    }

    /// Takes over what was found in text that stood encoded at `span`.
    pub(crate) fn absorb(&mut self, other: Self, span: Span) {
        self.note(Rule::DecodedText, span);
        for found in other.found {
            let count = found.count;
            self.note(found.rule, span);
            let own = self.of(found.rule);
            own.count = own.count.saturating_add(count.saturating_sub(1));
        }
    }

    fn of(&mut self, rule: Rule) -> &mut Found {
        let at = self.found.iter().position(|found| found.rule == rule).unwrap_or_else(|| {
            self.found.push(Found { rule, count: 0, spans: Vec::new() });
            self.found.len() - 1
        });
        &mut self.found[at]
    }

    /// Evidence of `category`, 0..1: noisy-or over its rules, so another place never lowers it.
    pub(crate) fn of_category(&self, category: Category) -> f64 {
        let of = self.found.iter().filter(|found| found.rule.category() == category);
        1.0 - of.fold(1.0, |none, found| none * (1.0 - found.weight()))
    }

    /// What the facts about the author add to any risk, 0..0.25.
    pub(crate) fn bonus(&self) -> f64 {
        let facts = [
            Rule::NewAccount,
            Rule::LowReputation,
            Rule::PreviousViolations,
            Rule::RecentToxicity,
            Rule::EscalationTrend,
        ];
        let of = self.found.iter().filter(|found| facts.contains(&found.rule));
        of.map(Found::weight).sum::<f64>().min(0.25)
    }

    /// The flags, in the order the rules fired.
    pub(crate) fn into_flags(self) -> Vec<Flag> {
        let flag = |found: Found| Flag {
            code: Cow::Borrowed(found.rule.code()),
            weight: found.weight(),
            spans: found.spans,
        };
        self.found.into_iter().map(flag).collect()
    }
}

impl Found {
    /// Evidence, 0..1.
    fn weight(&self) -> f64 {
        let (each, most) = self.rule.strength();
        let each = if self.spans.is_empty() { 1 } else { each };
        f64::from(self.count.saturating_mul(each).min(most)) / 100.0
    }
}
