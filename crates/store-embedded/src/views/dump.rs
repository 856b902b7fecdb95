//! Every row of Views as text, in an order that does not depend on how the log was cut into batches (V5).
//!
//! Projects are shown by name, not number: a batch numbers those of its sessions before those of its assessments.
//! A session's number is shown, because it breaks ties in lists. Floats are shown as the hex of their bits.

use std::fmt::Write;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// One query per table; every table of the schema but the connection's own.
const TABLES: [(&str, &str); 10] = [
    ("meta", "SELECT checkpoint, fold_version, half_life_ms FROM meta"),
    ("project", "SELECT name FROM projects ORDER BY name"),
    (
        "session",
        "SELECT p.name, s.no, s.id, s.created_at_ms, s.first_activity_at_ms, s.last_activity_at_ms, s.event_count,
             s.evidence, s.evidence_at_ms, s.peak_risk, s.risk_rank, s.counts, s.patterns,
             s.firm, s.firm_at_ms, s.verdict
         FROM sessions s JOIN projects p ON p.no = s.project_no ORDER BY s.no",
    ),
    (
        "pattern",
        "SELECT p.name, s.pattern, s.session_no
         FROM session_patterns s JOIN projects p ON p.no = s.project_no ORDER BY p.name, s.pattern, s.session_no",
    ),
    (
        "assessment",
        "SELECT p.name, a.position, a.risk_score, a.category, a.confidence, a.evidence, a.session_risk, a.flags, a.detail
         FROM assessments a JOIN projects p ON p.no = a.project_no ORDER BY p.name, a.position",
    ),
    (
        "exemplar_hit",
        "SELECT p.name, h.exemplar, h.position
         FROM exemplar_hits h JOIN projects p ON p.no = h.project_no ORDER BY p.name, h.exemplar, h.position",
    ),
    (
        "author",
        "SELECT p.name, a.author, a.past
         FROM authors a JOIN projects p ON p.no = a.project_no ORDER BY p.name, a.author",
    ),
    (
        "snapshot",
        "SELECT p.name, s.session, s.position, s.at_ms, s.session_risk, s.risk_score, s.until, s.model, s.detail
         FROM snapshots s JOIN projects p ON p.no = s.project_no ORDER BY p.name, s.session, s.position",
    ),
    (
        "cot_analysis",
        "SELECT p.name, c.position, c.at_ms, c.data
         FROM cot_analyses c JOIN projects p ON p.no = c.project_no ORDER BY p.name, c.position",
    ),
    (
        "parked",
        "SELECT p.name, q.position, q.step, q.reason, q.recorded_at_ms
         FROM parked q JOIN projects p ON p.no = q.project_no ORDER BY p.name, q.position",
    ),
];

pub(super) fn lines(views: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut lines = Vec::new();
    for (name, sql) in TABLES {
        let mut select = views.prepare(sql)?;
        let columns = select.column_count();
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let mut line = name.to_owned();
            for index in 0..columns {
                line.push(' ');
                show(row.get_ref(index)?, &mut line);
            }
            lines.push(line);
        }
    }
    Ok(lines)
}

fn show(value: ValueRef<'_>, line: &mut String) {
    // Writing to a string cannot fail.
    let _ = match value {
        ValueRef::Null => write!(line, "-"),
        ValueRef::Integer(value) => write!(line, "{value}"),
        ValueRef::Real(value) => write!(line, "f{:016x}", value.to_bits()),
        ValueRef::Text(text) => write!(line, "{:?}", String::from_utf8_lossy(text)),
        ValueRef::Blob(bytes) => bytes.iter().try_fold((), |(), byte| write!(line, "{byte:02x}")),
    };
}
