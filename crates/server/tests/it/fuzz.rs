//! Random bodies on every route that takes one: never a 5xx, and every refusal is a whole problem.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::server::{self, TestServer};
use crate::support::{compress, walk};

const CASES: u32 = 3000;
const ROUTES: [&str; 4] = ["/v1/events", "/v1/events/ingest", "/v1/events/ingest-batch", "/v1/risk/screen"];

/// Names that mean something somewhere.
const NAMES: &[&str] = &[
    "type",
    "sessionId",
    "projectId",
    "source",
    "actor",
    "target",
    "object",
    "role",
    "content",
    "data",
    "metadata",
    "attribution",
    "idempotencyKey",
    "id",
    "correlationId",
    "traceId",
    "schemaVersion",
    "occurredAt",
    "events",
    "event_id",
    "event_type",
    "platform",
    "user_id",
    "author_id",
    "channel_id",
    "session_id",
    "created_at",
    "",
];

fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => prop::sample::select(NAMES).prop_map(str::to_owned), 1 => "\\PC{0,8}"]
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|n| json!(n)),
        prop::sample::select(&["a", "message.user", "proj_dev", "user", "2026-01-01T00:00:00Z", "\u{0}"][..])
            .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..8).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// JSON, JSON with a few bytes changed, lines of JSON, or any bytes.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let text = || json_value().prop_map(|value| value.to_string().into_bytes());
    let spoiled = (text(), prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4));
    let spoiled = spoiled.prop_map(|(mut bytes, changes)| {
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes
    });
    prop_oneof![
        4 => text(),
        3 => spoiled,
        1 => prop::collection::vec(text(), 0..5).prop_map(|lines| lines.join(&b'\n')),
        1 => any::<Vec<u8>>(),
    ]
}

fn content_type() -> impl Strategy<Value = &'static str> {
    prop::sample::select(
        &["application/json", "application/x-ndjson", "application/x-www-form-urlencoded", "text/plain", "*"]
            [..],
    )
}

fn encoding() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["", "", "", "gzip", "deflate", "zstd", "br", "lies"][..])
}

#[test]
fn no_body_whatever_gets_a_5xx() {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(server::start());
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let request = (prop::sample::select(&ROUTES[..]), body(), content_type(), encoding());
    let checked = TestRunner::new(config).run(&request, |(path, body, content_type, encoding)| {
        runtime.block_on(check(&server, path, body, content_type, encoding))
    });
    if let Err(error) = checked {
        panic!("{error}");
    }
    runtime.block_on(async {
        // What was taken for an event is whole: it can be listed, and was folded.
        server.caught_up().await;
        let events = walk::count(&server).await;
        assert_eq!(server.read("/v1/metrics").await["log_tail"], events);
        assert_eq!(server.read("/v1/quarantine").await["quarantine"], json!([]));
    });
    runtime.block_on(async move { drop(server) });
}

async fn check(
    server: &TestServer,
    path: &str,
    body: Vec<u8>,
    content_type: &str,
    encoding: &str,
) -> Result<(), TestCaseError> {
    let call = server.post(path).header("content-type", content_type);
    let call = match encoding {
        "" => call.body(body),
        "gzip" => call.header("content-encoding", encoding).body(compress::gzip(&body)),
        "deflate" => call.header("content-encoding", encoding).body(compress::deflate(&body)),
        "zstd" => call.header("content-encoding", encoding).body(compress::zstd(&body)),
        "br" => call.header("content-encoding", encoding).body(compress::brotli(&body)),
        _ => call.header("content-encoding", "gzip").body(body),
    };
    let answer = call.send().await;
    prop_assert!(answer.status < 500, "{path}: {} {}", answer.status, answer.text());
    if answer.status != 200 {
        prop_assert_eq!(answer.header("content-type"), "application/problem+json");
        let kind = answer.kind();
        prop_assert!(!kind.is_empty());
    }
    Ok(())
}
