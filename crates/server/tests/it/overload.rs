//! More than a server can do: `tidegate bench overload` in short, with limits small enough to be met.

use std::path::Path;

use serde_json::Value;

use crate::support::command::tidegate;

/// A short storm over a server with these settings. Says nothing of time: the machine runs other tests.
fn storm(dir: &Path, connections: &str, settings: &[(&str, &str)]) -> Value {
    let mut command = tidegate(&dir.join("unused"));
    command.args([
        "bench",
        "overload",
        "--seconds",
        "2",
        "--connections",
        connections,
        "--capacity-connections",
        "2",
    ]);
    command.args(["--batch", "20", "--json", "--dir"]).arg(dir);
    command.envs(settings.iter().map(|(name, value)| (format!("TIDEGATE_{name}"), value)));
    let ended = command.output().expect("the binary runs");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    serde_json::from_slice(&ended.stdout).expect("JSON")
}

/// Refusals tell when to come back, memory keeps to its limits, the server drains, and what was acknowledged is there.
fn assert_sound(report: &Value) {
    let number = |name: &str| report[name].as_u64().unwrap_or_else(|| panic!("{name}: {report}"));
    assert!(number("acked") > 0, "{report}");
    assert_eq!(number("refusedWithoutRetryAfter"), 0, "{report}");
    assert!(number("peakBytes") > 0 && number("peakBytes") <= number("allowedBytes"), "{report}");
    assert_eq!((number("unreadable"), &report["isWhole"]), (0, &Value::Bool(true)), "{report}");
    assert_eq!(number("sent"), number("acked") + number("refused") + number("unanswered"), "{report}");
}

#[test]
fn a_full_queue_under_a_storm_refuses_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let small = [
        ("SERVER__BODY_MAX_BYTES", "1000000"),
        ("SERVER__DECODED_MAX_BYTES", "1000000"),
        ("SERVER__INFLIGHT_MAX_BYTES", "2000000"),
        ("SERVER__LAG_MAX_MS", "60000"),
        ("INTAKE__QUEUE_DEPTH_MAX", "20"),
        ("INTAKE__QUEUE_MAX_BYTES", "1000000"),
        ("LOG__RECENT_MAX_BYTES", "1000000"),
        ("PIPELINE__BATCH_MAX_BYTES", "1000000"),
    ];
    let report = storm(dir.path(), "64", &small);
    assert_sound(&report);
    assert!(report["refused"].as_u64().is_some_and(|refused| refused > 0), "{report}");
}

#[test]
fn processors_that_are_far_behind_refuse_and_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let report = storm(dir.path(), "64", &[("SERVER__LAG_MAX_MS", "1")]);
    assert_sound(&report);
    assert!(report["refused"].as_u64().is_some_and(|refused| refused > 0), "{report}");
}

#[test]
fn more_than_can_be_answered_in_time_is_refused_and_nothing_lost() {
    let dir = tempfile::tempdir().unwrap();
    let report = storm(dir.path(), "600", &[("SERVER__ACK_TARGET_MS", "1"), ("SERVER__LAG_MAX_MS", "60000")]);
    assert_sound(&report);
    assert!(report["refused"].as_u64().is_some_and(|refused| refused > 0), "{report}");
}
