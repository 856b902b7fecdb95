//! What a door says of each event of a batch.

use anyhow::bail;
use serde::Deserialize;

use crate::cli::client::Answer;

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Stored now.
    Accepted,
    /// Stored before.
    Duplicate,
    /// Refused, with each wrong field's pointer and what is wrong with it.
    Rejected(Vec<(String, String)>),
}

#[derive(Deserialize)]
struct Receipts {
    results: Vec<Receipt>,
}

/// One event's answer: the native door calls its errors `error`, the moderation door `errors`.
#[derive(Deserialize)]
struct Receipt {
    status: String,
    #[serde(default, alias = "error")]
    errors: Vec<FieldError>,
}

#[derive(Deserialize)]
struct FieldError {
    #[serde(default)]
    pointer: String,
    detail: String,
}

/// Reads the verdicts on `count` events. Errors: the answer is not that of a door, or of another batch.
pub(super) fn read(answer: &Answer, count: usize) -> anyhow::Result<Vec<Verdict>> {
    let receipts: Receipts = answer.json()?;
    if receipts.results.len() != count {
        bail!("the server answered for {} events of {count}", receipts.results.len());
    }
    Ok(receipts.results.into_iter().map(verdict).collect())
}

fn verdict(receipt: Receipt) -> Verdict {
    match receipt.status.as_str() {
        "accepted" | "queued" => Verdict::Accepted,
        "duplicate" => Verdict::Duplicate,
        _ => {
            Verdict::Rejected(receipt.errors.into_iter().map(|error| (error.pointer, error.detail)).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, StatusCode};

    use super::*;

    fn verdicts(body: &'static str, count: usize) -> anyhow::Result<Vec<Verdict>> {
        read(&Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: body.into() }, count)
    }

    #[test]
    fn both_doors_are_understood() {
        let refused = || Verdict::Rejected(vec![("/type".into(), "type is required".into())]);
        let native = r#"{"ok":false,"accepted":1,"results":[{"index":0,"status":"accepted","eventId":"x"},
            {"index":1,"status":"duplicate"},
            {"index":2,"status":"rejected","error":[{"pointer":"/type","code":"required","detail":"type is required"}]}]}"#;
        assert_eq!(verdicts(native, 3).unwrap(), [Verdict::Accepted, Verdict::Duplicate, refused()]);
        let moderation = r#"{"total":2,"results":[{"status":"queued","position":"7"},
            {"status":"error","errors":[{"pointer":"/type","code":"required","detail":"type is required"}]}]}"#;
        assert_eq!(verdicts(moderation, 2).unwrap(), [Verdict::Accepted, refused()]);
    }

    #[test]
    fn an_answer_for_other_events_is_no_answer() {
        assert!(verdicts(r#"{"results":[]}"#, 1).is_err());
        assert!(verdicts("<html>", 1).is_err());
    }
}
