//! An author's recent past: how much they wrote and how much of it was risky, in the last minute, hour, day and week.
//!
//! The past has a bounded size whatever the author does: a ring of counters for each window (twelve of five minutes, 24 of
//! an hour, seven of a day), the times of the last messages, and digests of the last texts with the channel each went to.
//!
//! - **AU1** counts are those of the window, to within one slot of its ring at the old end (`au1`, against a list).
//! - **AU2** time that goes back counts as the newest time seen: nothing is lost, nothing counts twice.
//! - **AU3** what was put into bytes comes back as it was.
//!
//! Source: seed 002, "temporal features" and "user reputation".

use serde::Deserialize;

use crate::assessment::Assessment;
use crate::event::Event;
use crate::time::UnixMs;

mod bytes;
mod ring;

use ring::Ring;

/// Names an author inside a project.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AuthorKey {
    /// The tenant.
    pub project: String,
    /// The actor's id.
    pub author: String,
}

/// What is known of a text's author when it is screened. All zero and `None` for an author nobody knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Messages in the 60 seconds before this one, counted up to [`AuthorPast::TIMES_MAX`].
    pub messages_minute: u32,
    /// Messages in the hour before.
    pub messages_hour: u32,
    /// In the day before.
    pub messages_day: u32,
    /// In the seven days before.
    pub messages_week: u32,
    /// Those of the last hour that were not `LOW_RISK`.
    pub risky_hour: u32,
    /// Those of the last day.
    pub risky_day: u32,
    /// Those of the last seven days.
    pub risky_week: u32,
    /// Other channels that got this very text from this author within the last hour.
    pub same_text_channels: u32,
    /// Age of the account, in days, as the platform says.
    pub account_age_days: Option<f64>,
    /// Reputation, 0..1, as the platform says.
    pub reputation: Option<f64>,
    /// Violations before, as the platform says.
    pub previous_violations: Option<u32>,
}

impl Facts {
    /// How the share of risky messages in the last hour compares with that in the last week: -1 (better) to 1 (worse).
    pub fn escalation_trend(&self) -> f64 {
        let share = |risky: u32, all: u32| if all == 0 { 0.0 } else { f64::from(risky) / f64::from(all) };
        share(self.risky_hour, self.messages_hour) - share(self.risky_week, self.messages_week)
    }
}

/// The fields of an event's `data` that platforms send of the author, as seed 002 names them.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    account_age_days: Option<f64>,
    author_reputation: Option<f64>,
    user_reputation: Option<f64>,
    previous_violations: Option<f64>,
}

impl Metadata {
    /// Reads `data` only if it names one of the fields: most events name none.
    fn of(event: &Event<'_>) -> Self {
        let data = event.data.as_deref().unwrap_or("");
        let names = ["account_age_days", "_reputation", "previous_violations"];
        if !names.iter().any(|name| data.contains(name)) {
            return Self::default();
        }
        // A platform that sends another shape said nothing that we know.
        serde_json::from_str(data).unwrap_or_default()
    }
}

/// A text that an author sent, without the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sent {
    text: u64,
    channel: u64,
    at: UnixMs,
}

/// What is remembered of an author.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorPast {
    newest: UnixMs,
    hour: Ring<12>,
    day: Ring<24>,
    week: Ring<7>,
    /// Oldest first, at most [`AuthorPast::TIMES_MAX`].
    times: Vec<UnixMs>,
    /// Oldest first, at most [`AuthorPast::TEXTS_MAX`].
    texts: Vec<Sent>,
}

const SLOT_OF_HOUR_MS: i64 = 5 * 60 * 1000;
const HOUR_MS: i64 = 12 * SLOT_OF_HOUR_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

impl AuthorPast {
    /// So many times are remembered to count the messages of the last minute.
    pub const TIMES_MAX: usize = 20;
    /// So many texts are remembered to find one that went to many channels.
    pub const TEXTS_MAX: usize = 16;

    /// What is known before `event`, recorded at `now`.
    pub fn facts(&self, event: &Event<'_>, now: UnixMs) -> Facts {
        let now = now.max(self.newest);
        let metadata = Metadata::of(event);
        let ((messages_hour, risky_hour), (messages_day, risky_day), (messages_week, risky_week)) =
            (self.hour.sum(now, SLOT_OF_HOUR_MS), self.day.sum(now, HOUR_MS), self.week.sum(now, DAY_MS));
        let known = |value: Option<f64>| value.filter(|value| value.is_finite());
        Facts {
            messages_minute: self.times.iter().filter(|at| now.0 - at.0 < 60_000).count() as u32,
            messages_hour,
            messages_day,
            messages_week,
            risky_hour,
            risky_day,
            risky_week,
            same_text_channels: self.same_text_channels(&Sent::of(event, now)),
            account_age_days: known(metadata.account_age_days),
            reputation: known(metadata.author_reputation).or(known(metadata.user_reputation)),
            previous_violations: known(metadata.previous_violations).map(|count| count as u32),
        }
    }

    fn same_text_channels(&self, sent: &Sent) -> u32 {
        let is_copy = |other: &&Sent| {
            other.text == sent.text && other.channel != sent.channel && sent.at.0 - other.at.0 < HOUR_MS
        };
        let mut channels: Vec<u64> = self.texts.iter().filter(is_copy).map(|other| other.channel).collect();
        channels.sort_unstable();
        channels.dedup();
        channels.len() as u32
    }

    /// Remembers `event`, recorded at `now`, and whether it was risky.
    pub fn apply(&mut self, event: &Event<'_>, now: UnixMs, assessment: &Assessment) {
        let now = now.max(self.newest);
        self.newest = now;
        let is_risky = assessment.is_risky();
        self.hour.count(now, SLOT_OF_HOUR_MS, is_risky);
        self.day.count(now, HOUR_MS, is_risky);
        self.week.count(now, DAY_MS, is_risky);
        push_bounded(&mut self.times, now, Self::TIMES_MAX);
        push_bounded(&mut self.texts, Sent::of(event, now), Self::TEXTS_MAX);
    }

    /// The newest time seen.
    pub fn newest(&self) -> UnixMs {
        self.newest
    }
}

impl Sent {
    /// A channel is what the event is about (seed 002's channel), else its session, else its source.
    fn of(event: &Event<'_>, at: UnixMs) -> Self {
        let hash = |text: &str| twox_hash::XxHash3_64::oneshot(text.as_bytes());
        let channel = event.object.as_ref().map(|object| &*object.id);
        let channel = channel.or(event.session_id.as_deref()).unwrap_or(&event.source);
        Self { text: hash(event.content.as_deref().unwrap_or("").trim()), channel: hash(channel), at }
    }
}

fn push_bounded<T>(list: &mut Vec<T>, value: T, max: usize) {
    if list.len() >= max {
        list.remove(0);
    }
    list.push(value);
}

#[cfg(test)]
mod tests;
