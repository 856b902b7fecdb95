//! What came of an import.

use anyhow::bail;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use tidegate_domain::assessment::Category;

use super::Args;
use super::batch::{Batch, Rejection};
use super::verdict::Verdict;
use crate::cli::client::{Client, with_query};
use crate::cli::{out, text};

/// Rejections that are shown; the others are counted.
const SHOWN_MAX: usize = 20;
/// Sessions that are shown.
const SESSIONS_SHOWN: usize = 5;
/// Less risk than this would be shown as 0.00.
const RISK_SHOWN_FROM: f64 = 0.005;
/// Events of one category that are counted.
const COUNTED_MAX: usize = 1000;
/// Width of a session id in the table.
const SESSION_COLUMNS: usize = 28;

/// Counts of an import.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Rows read.
    pub(super) rows: u64,
    /// Events stored now.
    pub(super) accepted: u64,
    /// Events stored before.
    pub(super) duplicates: u64,
    /// Rows that were no events, and events that the door refused.
    pub(super) rejected: u64,
    /// The first of them, field by field.
    pub(super) rejections: Vec<Rejection>,
    /// From the first row to the last answer.
    pub(super) seconds: f64,
}

impl Tally {
    /// Adds a batch with the verdicts on its events; rejections stay in the order of the rows.
    pub(super) fn add(&mut self, batch: &Batch, verdicts: Vec<Verdict>) {
        let mut refused = batch.refused.iter().peekable();
        for (number, (place, verdict)) in batch.places.iter().zip(verdicts).enumerate() {
            while let Some((_, rejection)) = refused.next_if(|(before, _)| *before <= number) {
                self.reject([rejection.clone()]);
            }
            match verdict {
                Verdict::Accepted => self.accepted += 1,
                Verdict::Duplicate => self.duplicates += 1,
                Verdict::Rejected(errors) => {
                    let rejection = |(pointer, detail)| Rejection { place: place.clone(), pointer, detail };
                    self.reject(errors.into_iter().map(rejection));
                }
            }
        }
        for (_, rejection) in refused {
            self.reject([rejection.clone()]);
        }
    }

    /// Counts one rejected row or event, with all that is wrong with it.
    fn reject(&mut self, rejections: impl IntoIterator<Item = Rejection>) {
        self.rejected += 1;
        let room = SHOWN_MAX.saturating_sub(self.rejections.len());
        self.rejections.extend(rejections.into_iter().take(room));
    }

    /// Events that are in the log now.
    pub(super) fn events(&self) -> u64 {
        self.accepted + self.duplicates
    }

    fn events_per_second(&self) -> f64 {
        if self.seconds > 0.0 { (self.events() as f64 / self.seconds).round() } else { 0.0 }
    }
}

/// The project's sessions and categories, after an import.
#[derive(Debug, Serialize)]
pub(super) struct Sessions {
    /// How many sessions there are, as far as they are counted.
    total: u64,
    /// The riskiest ones.
    riskiest: Vec<Session>,
    /// How many events of each category there are, the most frequent first; LOW_RISK is not counted.
    categories: Vec<CategoryCount>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    session_id: String,
    current_risk_score: f64,
    event_count: u64,
    #[serde(default)]
    current_patterns: Vec<String>,
}

#[derive(Debug, Serialize)]
struct CategoryCount {
    category: &'static str,
    events: usize,
    /// True if there are more than were counted.
    more: bool,
}

#[derive(Deserialize)]
struct SessionsPage {
    sessions: Vec<Session>,
    total: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventsPage {
    events: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
}

impl Sessions {
    /// Asks the server. Errors: it does not answer, or the key may not read.
    pub(super) async fn ask(client: &mut Client) -> anyhow::Result<Self> {
        let limit = SESSIONS_SHOWN.to_string();
        let path =
            with_query("/v1/sessions", &[("sortBy", "riskScore"), ("sortOrder", "desc"), ("limit", &limit)]);
        let page: SessionsPage = client.get(&path).await?.success()?.json()?;
        let mut categories = Vec::new();
        for category in Category::ALL.into_iter().filter(|category| *category != Category::LowRisk) {
            let limit = COUNTED_MAX.to_string();
            let path = with_query("/v1/events", &[("category", category.name()), ("limit", &limit)]);
            let page: EventsPage = client.get(&path).await?.success()?.json()?;
            let count = CategoryCount {
                category: category.name(),
                events: page.events.len(),
                more: page.next_cursor.is_some(),
            };
            if count.events > 0 {
                categories.push(count);
            }
        }
        categories.sort_by_key(|count| std::cmp::Reverse(count.events));
        Ok(Self { total: page.total, riskiest: page.sessions, categories })
    }
}

/// Prints the summary. Errors: standard output cannot be written.
pub(super) fn print(tally: &Tally, sessions: &anyhow::Result<Sessions>, args: &Args) -> anyhow::Result<()> {
    let text = if args.json { as_json(tally, sessions) } else { as_text(tally, sessions, args.files.len()) };
    if !args.json {
        note_rejections(tally);
        if let Err(error) = sessions {
            out::note(&format!("sessions and categories cannot be shown: {error:#}"));
        }
    }
    if !out::line(&text)? {
        bail!("nobody reads the summary");
    }
    Ok(())
}

fn note_rejections(tally: &Tally) {
    for Rejection { place, pointer, detail } in &tally.rejections {
        let pointer = if pointer.is_empty() { String::new() } else { format!(" {pointer}") };
        let line = format!("{}:{}:{pointer} {detail}", place.file, place.line);
        out::note(&text::escaped(&line));
    }
    if tally.rejections.len() == SHOWN_MAX {
        out::note(&format!(
            "only the first {SHOWN_MAX} reasons are shown; {} rejected in all",
            tally.rejected
        ));
    }
}

fn as_text(tally: &Tally, sessions: &anyhow::Result<Sessions>, files: usize) -> String {
    let mut lines = vec![format!(
        "{} rows of {files} {} in {:.2} s: {} events accepted, {} duplicates, {} rejected ({} events/s)",
        tally.rows,
        if files == 1 { "file" } else { "files" },
        tally.seconds,
        tally.accepted,
        tally.duplicates,
        tally.rejected,
        tally.events_per_second(),
    )];
    if let Ok(sessions) = sessions {
        lines.extend(sessions.table());
    }
    lines.join("\n")
}

impl Sessions {
    fn table(&self) -> Vec<String> {
        let mut lines = vec![String::new()];
        let is_risky = |session: &&Session| session.current_risk_score >= RISK_SHOWN_FROM;
        let head = if self.riskiest.iter().any(|session| is_risky(&session)) {
            let head = format!("riskiest of {} sessions", self.total);
            format!("{}  risk  events  patterns", text::padded(&head, SESSION_COLUMNS))
        } else {
            format!("{} sessions, none of them risky", self.total)
        };
        lines.push(head);
        for session in self.riskiest.iter().filter(is_risky) {
            let id = text::padded(&text::escaped(&session.session_id), SESSION_COLUMNS);
            let patterns = session.current_patterns.join(", ");
            let (risk, events) = (session.current_risk_score, session.event_count);
            lines.push(
                format!("{id}  {risk:.2}  {events:>6}  {}", text::escaped(&patterns)).trim_end().to_owned(),
            );
        }
        let count =
            |c: &CategoryCount| format!("{} {}{}", c.category, c.events, if c.more { "+" } else { "" });
        if !self.categories.is_empty() {
            let counts: Vec<_> = self.categories.iter().map(count).collect();
            lines.push(format!("\nevents by category: {}", counts.join(" · ")));
        }
        lines
    }
}

fn as_json(tally: &Tally, sessions: &anyhow::Result<Sessions>) -> String {
    let rejections: Vec<_> = tally
        .rejections
        .iter()
        .map(|r| json!({"file": &*r.place.file, "line": r.place.line, "pointer": r.pointer, "detail": r.detail}))
        .collect();
    let mut summary = json!({
        "rows": tally.rows,
        "accepted": tally.accepted,
        "duplicates": tally.duplicates,
        "rejected": tally.rejected,
        "seconds": (tally.seconds * 1000.0).round() / 1000.0,
        "eventsPerSecond": tally.events_per_second(),
        "rejections": rejections,
    });
    match sessions {
        Ok(sessions) => summary["sessions"] = json!(sessions),
        Err(error) => summary["sessionsError"] = json!(format!("{error:#}")),
    }
    summary.to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::batch::Place;
    use super::*;

    fn place(line: u64) -> Place {
        Place { file: Arc::from("set.jsonl"), line }
    }

    #[test]
    fn rejections_are_counted_all_and_kept_to_a_limit() {
        let mut tally = Tally::default();
        let rejection = |line| Rejection { place: place(line), pointer: String::new(), detail: "no".into() };
        let refused = vec![(1, rejection(2)), (38, rejection(41))];
        let places = [1].into_iter().chain(3..40).map(place).collect();
        let batch = Batch { places, refused, ..Batch::default() };
        let errors = || vec![("/a".to_owned(), "b".to_owned()), ("/c".to_owned(), "d".to_owned())];
        tally.add(&batch, (0..38).map(|_| Verdict::Rejected(errors())).collect());
        assert_eq!((tally.rejected, tally.rejections.len()), (40, SHOWN_MAX));
        let lines: Vec<_> = tally.rejections.iter().map(|rejection| rejection.place.line).collect();
        assert_eq!(lines[..5], [1, 1, 2, 3, 3]);
        tally.add(
            &Batch { places: vec![place(41), place(42)], ..Batch::default() },
            vec![Verdict::Accepted, Verdict::Duplicate],
        );
        assert_eq!((tally.accepted, tally.duplicates, tally.events()), (1, 1, 2));
    }

    #[test]
    fn the_summary_is_readable_and_safe() {
        let session = Session {
            session_id: "s\u{1b}[31m-1".into(),
            current_risk_score: 0.876,
            event_count: 12,
            current_patterns: vec!["offensive_language".into()],
        };
        let counts = vec![CategoryCount { category: "TOXIC", events: 1000, more: true }];
        let sessions = Ok(Sessions { total: 3, riskiest: vec![session], categories: counts });
        let tally = Tally { rows: 10, accepted: 9, seconds: 0.5, ..Tally::default() };
        let text = as_text(&tally, &sessions, 1);
        assert!(text.starts_with(
            "10 rows of 1 file in 0.50 s: 9 events accepted, 0 duplicates, 0 rejected (18 events/s)\n"
        ));
        assert!(text.contains("s\\x1b[31m-1                   0.88      12  offensive_language\n"), "{text}");
        assert!(text.ends_with("events by category: TOXIC 1000+"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&as_json(&tally, &sessions)).unwrap();
        assert_eq!((&json["accepted"], &json["sessions"]["total"]), (&json!(9), &json!(3)));
    }
}
