//! One event as one line.

use std::io::IsTerminal;

use anstyle::{AnsiColor, Effects, Style as Paint};

use super::event::{Actor, SeenEvent};
use super::terminal;
use crate::cli::text::{columns, escaped, padded, shortened};

const CATEGORY_COLUMNS: usize = 11;
const SESSION_COLUMNS: usize = 22;
const TYPE_COLUMNS: usize = 17;
/// Content gets at least so much, even if the line is then wider than the terminal.
const CONTENT_COLUMNS_MIN: usize = 30;
/// Content gets at most so much where there is no terminal to be wider than.
const CONTENT_COLUMNS_MAX: usize = 2000;
/// Cells of the risk bar.
const BAR_CELLS: usize = 5;
/// A bar cell filled by so many eighths.
const EIGHTHS: [&str; 9] = [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];
/// Risks from which a line is yellow, and red.
const YELLOW_FROM: f64 = 0.3;
const RED_FROM: f64 = 0.6;

/// How lines look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    has_colours: bool,
    /// Columns of the terminal; `None` without one.
    columns: Option<usize>,
}

impl Style {
    /// The style for standard output as it is.
    pub(super) fn new(no_colours: bool) -> Self {
        let has_colours = !no_colours && std::io::stdout().is_terminal();
        Self { has_colours, columns: terminal::columns() }
    }

    /// Measures the terminal again.
    pub(super) fn measure(&mut self) {
        self.columns = terminal::columns();
    }

    fn paint(&self, text: &str, paint: Paint) -> String {
        if self.has_colours { format!("{paint}{text}{paint:#}") } else { text.to_owned() }
    }
}

/// A notice, set off from events.
pub(super) fn notice(text: &str, style: &Style) -> String {
    style.paint(&format!("-- {}", escaped(text)), AnsiColor::Yellow.on_default())
}

/// An event as one line: time, risk, category, session, type, actor, content.
pub(super) fn event(event: &SeenEvent, style: &Style) -> String {
    let risk = event.assessment.as_ref().map(|assessment| assessment.risk_score);
    let category = event.assessment.as_ref().map_or("-", |assessment| assessment.category.as_str());
    let dim = Paint::new().effects(Effects::DIMMED);
    let colour = risk.map_or(dim, paint_of);
    let cells = [
        (time(&event.recorded_at), dim),
        (bar(risk), colour),
        (at_least(&escaped(category), CATEGORY_COLUMNS), if category == "LOW_RISK" { dim } else { colour }),
        (
            padded(&escaped(event.session_id.as_deref().unwrap_or("-")), SESSION_COLUMNS),
            AnsiColor::Cyan.on_default(),
        ),
        (at_least(&escaped(&event.event_type), TYPE_COLUMNS), Paint::new()),
        (event.actor.as_ref().map(actor).unwrap_or_default(), dim),
    ];
    let (mut line, mut used) = (String::new(), 0);
    for (text, paint) in cells.into_iter().filter(|(text, _)| !text.is_empty()) {
        used += columns(&text) + 1;
        line.push_str(&style.paint(&text, paint));
        line.push(' ');
    }
    let room =
        style.columns.map_or(CONTENT_COLUMNS_MAX, |all| all.saturating_sub(used).max(CONTENT_COLUMNS_MIN));
    line.push_str(&shortened(&escaped(content(event)), room));
    line.truncate(line.trim_end().len());
    line
}

fn paint_of(risk: f64) -> Paint {
    let colour = match risk {
        risk if risk < YELLOW_FROM => AnsiColor::Green,
        risk if risk < RED_FROM => AnsiColor::Yellow,
        _ => AnsiColor::Red,
    };
    colour.on_default()
}

/// The time of day, of an RFC 3339 time; anything else as it is.
fn time(text: &str) -> String {
    let clock =
        text.get(11..23).filter(|clock| clock.bytes().all(|b| b.is_ascii_digit() || b":.".contains(&b)));
    padded(&clock.map_or_else(|| escaped(text), Into::into), 12)
}

/// A bar and the number, of the same width for every risk; `None` is not screened.
fn bar(risk: Option<f64>) -> String {
    let Some(risk) = risk else { return padded("not screened", BAR_CELLS + 5) };
    let eighths = (risk.clamp(0.0, 1.0) * (BAR_CELLS * 8) as f64).round() as usize;
    let cells = (0..BAR_CELLS).map(|cell| EIGHTHS[eighths.saturating_sub(cell * 8).min(8)]);
    format!("{} {risk:.2}", cells.collect::<String>())
}

/// Filled up to `width`, never cut: a name that is cut cannot be searched for.
fn at_least(text: &str, width: usize) -> String {
    padded(text, width.max(columns(text)))
}

fn actor(actor: &Actor) -> String {
    let kind = actor.kind.as_deref().map(|kind| format!("{kind}:")).unwrap_or_default();
    shortened(&escaped(&format!("{kind}{}", actor.id)), SESSION_COLUMNS).into_owned()
}

/// What the event says: its text, else its data.
fn content(event: &SeenEvent) -> &str {
    let data = event.data.as_ref().map(|data| data.get()).filter(|data| *data != "{}");
    event.content.as_deref().or(data).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { has_colours: false, columns: Some(120) };

    fn shown(json: &str, style: Style) -> String {
        event(&serde_json::from_str(json).unwrap(), &style)
    }

    #[test]
    fn a_line_has_all_that_a_person_wants_to_know() {
        let json = r#"{"eventId":"x","position":3,"sessionId":"chat-1","type":"message.user","source":"api",
            "actor":{"id":"u1","type":"user"},"content":"you idiot","data":{},"recordedAt":"2026-01-02T03:04:05.678Z",
            "assessment":{"riskScore":0.45,"category":"TOXIC","confidence":0.9,"flags":[]}}"#;
        let expected =
            "03:04:05.678 ██▎   0.45 TOXIC       chat-1                 message.user      user:u1 you idiot";
        assert_eq!(shown(json, PLAIN), expected);
        let coloured = shown(json, Style { has_colours: true, ..PLAIN });
        assert!(coloured.contains("\u{1b}[33m██▎   0.45\u{1b}[0m"), "{coloured:?}");
    }

    #[test]
    fn what_is_absent_leaves_no_hole_and_no_panic() {
        let expected =
            "             not scree… -           -                      a                 {\"n\":1}";
        assert_eq!(shown(r#"{"type":"a","data":{"n":1}}"#, PLAIN), expected);
        assert!(shown("{}", PLAIN).contains("not scree…"));
        assert!(shown(r#"{"recordedAt":"é3:04:05.678é","type":"a"}"#, PLAIN).starts_with("é3:04:05.67…"));
    }

    #[test]
    fn no_field_can_steer_the_terminal_or_forge_a_line() {
        let evil = "x\\u001b[2J\\n12:00:00.000 forged\\u202e";
        let json = format!(
            r#"{{"sessionId":"{evil}","type":"{evil}","actor":{{"id":"{evil}"}},"content":"{evil}","recordedAt":"{evil}",
            "assessment":{{"riskScore":7.5,"category":"{evil}"}}}}"#
        );
        let line = shown(&json, Style { has_colours: false, columns: None });
        assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{line:?}");
    }

    #[test]
    fn content_is_cut_to_the_terminal() {
        let json = format!(r#"{{"type":"a","sessionId":"s","content":"{}"}}"#, "long ".repeat(100));
        assert_eq!(columns(&shown(&json, PLAIN)), 120);
        assert!(shown(&json, Style { columns: None, ..PLAIN }).len() > 500);
    }

    #[test]
    fn bars_grow_with_risk_and_keep_their_width() {
        assert_eq!(bar(Some(0.0)), "      0.00");
        assert_eq!(bar(Some(1.0)), "█████ 1.00");
        for risk in 0..=100 {
            assert_eq!(columns(&bar(Some(f64::from(risk) / 100.0))), BAR_CELLS + 5);
        }
    }
}
