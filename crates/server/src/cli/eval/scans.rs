//! Sets that the scanner is for: secrets, personal data, commands, SQL.
//!
//! | labels | asked | said to be |
//! |---|---|---|
//! | `SECRET`, `NOT_THIS_SECRET` | is there a secret of the row's kind? | `SECRET`: any secret; `NOT_THIS_SECRET`: one of that kind |
//! | entities with stretches | is each stretch of a pattern's entity found? | a finding of that entity shares a byte with it |
//! | `US_SSN`, `NOT_US_SSN`, … | is there one of the row's kind? | a finding of that entity |
//! | `DANGEROUS`, `SAFE` | does the command or the statement destroy? | by the shell's or by SQL's rules |
//! | `READ`, `WRITE_OR_UNSAFE` | may the statement do more than read? | not read-only |
//! | `SQLI` | is it made to break out of a value? | an injection |

use std::time::Instant;

use tidegate_scanner::{Finding, Options, Scanner, ScannerError, labels, shell, sql};
use tidegate_training::eval::{Answered, Report, report_named};

use super::read::{Labelled, Set};
use super::scored::Scored;

/// Entities that have a pattern; names, places and organisations have none.
const PATTERN_ENTITIES: [&str; 6] =
    ["EMAIL_ADDRESS", "US_SSN", "CREDIT_CARD", "PHONE_NUMBER", "IP_ADDRESS", "IBAN_CODE"];

/// The scanner with everything on.
pub(super) fn scanner() -> Result<Scanner, ScannerError> {
    Scanner::new(&Options::default())
}

/// What one row is worth: pairs of what is true and what was found.
type Judge = fn(&Scanner, &Labelled) -> Vec<(bool, bool)>;

/// A question: its name, its answers (yes, then no), and who answers it.
type Question = (&'static str, [&'static str; 2], Judge);

/// Which question a set's labels ask; `None` if it is none for the scanner.
fn question(set: &Set) -> Option<Question> {
    let is_unit = |labelled: &Labelled| {
        labelled
            .row
            .kind
            .as_deref()
            .is_some_and(|kind| labelled.row.has(kind) || labelled.row.has(&format!("NOT_{kind}")))
    };
    if set.has(&["SECRET", "NOT_THIS_SECRET"]) {
        Some(("secret", ["SECRET", "NOT_THIS_SECRET"], secret))
    } else if set.has(&["DANGEROUS", "SAFE"]) {
        Some(("destructive", ["DANGEROUS", "SAFE"], destructive))
    } else if set.has(&["READ", "WRITE_OR_UNSAFE"]) {
        Some(("write", ["WRITE_OR_UNSAFE", "READ"], write))
    } else if set.has(&["SQLI"]) {
        Some(("sql_injection", ["SQLI", "BENIGN"], injection))
    } else if set.rows.iter().all(is_unit) {
        Some(("entity", ["ENTITY", "NOT_ENTITY"], entity))
    } else if set.rows.iter().any(Labelled::names_entities) {
        Some(("entity", ["ENTITY", "NOT_ENTITY"], stretches))
    } else {
        None
    }
}

/// Scores the set, if its labels are for the scanner.
pub(super) fn score(scanner: &Scanner, set: &Set) -> Option<Scored> {
    let (name, answers, judge) = question(set)?;
    let started = Instant::now();
    let judged: Vec<_> = set.rows.iter().flat_map(|labelled| judge(scanner, labelled)).collect();
    let items_per_s = set.rows.len() as f64 / started.elapsed().as_secs_f64();
    // Places in the detector's answers: 0 is "it is", 1 "it is not"; what was found is its own score.
    let answered: Vec<Answered> = judged
        .iter()
        .map(|&(truth, found)| (usize::from(!truth), usize::from(!found), f64::from(u8::from(found))))
        .collect();
    let report = Report { items_per_s, ..report_named(name, &answers, &answered) };
    Some(Scored { set: set.name.clone(), rows: set.rows.len(), reports: vec![report] })
}

fn secret(scanner: &Scanner, labelled: &Labelled) -> Vec<(bool, bool)> {
    let row = &labelled.row;
    let (found, kind) = (scanner.scan(&row.text), row.kind.as_deref().unwrap_or_default());
    let is_of_kind =
        |f: &Finding| labels::gitleaks_kind(f, kind) || labels::detect_secrets_kind(f, &row.text, kind);
    let is_secret = row.has("SECRET");
    let is_found = found.iter().any(|f| is_of_kind(f) || (is_secret && labels::is_secret(f)));
    vec![(is_secret, is_found)]
}

fn destructive(_: &Scanner, labelled: &Labelled) -> Vec<(bool, bool)> {
    let text = &labelled.row.text;
    let found = shell::assess(text).is_destructive() || sql::assess(text).destructive.is_some();
    vec![(labelled.row.has("DANGEROUS"), found)]
}

fn write(_: &Scanner, labelled: &Labelled) -> Vec<(bool, bool)> {
    vec![(labelled.row.has("WRITE_OR_UNSAFE"), !sql::assess(&labelled.row.text).read_only)]
}

fn injection(_: &Scanner, labelled: &Labelled) -> Vec<(bool, bool)> {
    vec![(labelled.row.has("SQLI"), sql::assess(&labelled.row.text).injection)]
}

fn entity(scanner: &Scanner, labelled: &Labelled) -> Vec<(bool, bool)> {
    let kind = labelled.row.kind.as_deref().unwrap_or_default();
    let found = scanner.scan(&labelled.row.text);
    vec![(labelled.row.has(kind), found.iter().any(|f| labels::is_presidio_entity(f, kind)))]
}

/// Each stretch counts once; so does each finding that meets none.
fn stretches(scanner: &Scanner, labelled: &Labelled) -> Vec<(bool, bool)> {
    let (found, stretches) = (scanner.scan(&labelled.row.text), labelled.stretches());
    let mut judged = Vec::new();
    for entity in PATTERN_ENTITIES {
        let gold: Vec<_> = stretches.iter().filter(|stretch| stretch.entity == entity).collect();
        let ours: Vec<_> = found.iter().filter(|f| labels::is_presidio_entity(f, entity)).collect();
        let meets = |f: &Finding, start: usize, end: usize| f.span.start < end && start < f.span.end;
        judged.extend(gold.iter().map(|g| (true, ours.iter().any(|f| meets(f, g.start, g.end)))));
        let strays = ours.iter().filter(|f| !gold.iter().any(|g| meets(f, g.start, g.end)));
        judged.extend(strays.map(|_| (false, true)));
    }
    judged
}
