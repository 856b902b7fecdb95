//! The author's past and standing: floods are spam by themselves, the rest is a small bonus on what a text says.

use tidegate_domain::author::{AuthorPast, Facts};

use super::{Evidence, Rule};

/// Evidence of each channel past the first that got the same text, in hundredths.
const CHANNEL: u32 = 35;
/// So many messages a minute are more than a person writes.
const MESSAGES_MINUTE_MAX: u32 = 15;
const ACCOUNT_AGE_DAYS_MIN: f64 = 7.0;
const REPUTATION_MIN: f64 = 0.3;
/// Fewer messages say nothing about an author.
const MESSAGES_DAY_MIN: u32 = 3;
const TREND_MIN: f64 = 0.2;

/// Notes what `facts` say. All zero and `None` notes nothing.
pub(super) fn weigh(facts: &Facts, evidence: &mut Evidence) {
    if facts.same_text_channels >= 2 {
        evidence.note_fact(Rule::CrossPosting, facts.same_text_channels.saturating_mul(CHANNEL).min(80));
    }
    if facts.messages_minute >= MESSAGES_MINUTE_MAX {
        let full = facts.messages_minute as usize >= AuthorPast::TIMES_MAX;
        evidence.note_fact(Rule::RapidMessages, if full { 60 } else { 30 });
    }
    if facts.account_age_days.is_some_and(|days| days < ACCOUNT_AGE_DAYS_MIN) {
        evidence.note_fact(Rule::NewAccount, 5);
    }
    if facts.reputation.is_some_and(|reputation| reputation < REPUTATION_MIN) {
        evidence.note_fact(Rule::LowReputation, 5);
    }
    if let Some(count @ 1..) = facts.previous_violations {
        evidence.note_fact(Rule::PreviousViolations, count.saturating_mul(3).min(10));
    }
    if facts.messages_day >= MESSAGES_DAY_MIN && facts.risky_day * 3 >= facts.messages_day {
        evidence.note_fact(Rule::RecentToxicity, 10);
    }
    if facts.escalation_trend() > TREND_MIN {
        evidence.note_fact(Rule::EscalationTrend, 5);
    }
}
