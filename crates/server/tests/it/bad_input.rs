//! Bad input: each answered with a 4xx problem that names the field, never a 5xx, and nothing is stored.

use bytes::Bytes;
use serde_json::json;

use crate::support::client::{Answer, Call};
use crate::support::server::{TestServer, start};
use crate::support::{compress, walk};

/// A single event that breaks a rule: its JSON, the pointer and the code of the first error.
fn bad_events() -> Vec<(String, &'static str, &'static str)> {
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes));
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let mut cases = Vec::new();
    let mut member = |member: String, pointer, code| {
        cases.push((format!(r#"{{"type":"a",{member}}}"#), pointer, code));
    };
    for (name, wrong, pointer) in [
        ("sessionId", "7", "/sessionId"),
        ("projectId", "[]", "/projectId"),
        ("source", "{}", "/source"),
        ("role", "true", "/role"),
        ("content", r#"["text"]"#, "/content"),
        ("data", r#""text""#, "/data"),
        ("metadata", "[]", "/metadata"),
        ("attribution", "1", "/attribution"),
        ("actor", "7", "/actor"),
        ("target", "[]", "/target"),
        ("object", "false", "/object"),
        ("idempotencyKey", "12", "/idempotencyKey"),
        ("id", "1e400", "/id"),
        ("correlationId", "{}", "/correlationId"),
        ("traceId", "0", "/traceId"),
    ] {
        member(format!(r#""{name}":{wrong}"#), pointer, "wrong_type");
    }
    for (name, bytes, pointer) in [
        ("sessionId", 256, "/sessionId"),
        ("source", 101, "/source"),
        ("content", 50_001, "/content"),
        ("content", 10 << 20, "/content"),
        ("idempotencyKey", 256, "/idempotencyKey"),
        ("id", 256, "/id"),
        ("correlationId", 256, "/correlationId"),
        ("traceId", 1 << 20, "/traceId"),
        ("unknown", 65_535, "/unknown"),
    ] {
        member(format!(r#""{name}":{}"#, text(bytes)), pointer, "too_long");
    }
    member(format!(r#""data":{{"t":{}}}"#, text(65_536 - 7)), "/data", "too_long");
    member(format!(r#""attribution":{{"t":{}}}"#, text(65_536)), "/attribution", "too_long");
    member(format!(r#""actor":{{"id":{}}}"#, text(256)), "/actor/id", "too_long");
    member(format!(r#""target":{}"#, text(256)), "/target", "too_long");
    member(format!(r#""object":{{"id":"x","type":{}}}"#, text(256)), "/object/type", "too_long");
    member(format!(r#""u1":{},"u2":{}"#, text(40_000), text(40_000)), "", "too_long");
    member(format!("{}:1", text(256)), "", "name_too_long");
    for (json, pointer, code) in [
        (r#""sessionId":"""#, "/sessionId", "too_short"),
        (r#""source":"""#, "/source", "too_short"),
        (r#""idempotencyKey":"""#, "/idempotencyKey", "too_short"),
        (r#""actor":{"id":""}"#, "/actor/id", "too_short"),
        (r#""actor":{"type":"user"}"#, "/actor/id", "required"),
        (r#""actor":{"id":"x","name":"y"}"#, "/actor/name", "unknown_field"),
        (r#""actor":{"id":"x","a/b~c":1}"#, "/actor/a~1b~0c", "unknown_field"),
        (r#""actor":{"id":"x","id":"y"}"#, "/actor/id", "repeated"),
        (r#""sessionId":"a b""#, "/sessionId", "invalid_character"),
        (r#""sessionId":"a/b""#, "/sessionId", "invalid_character"),
        (r#""sessionId":"é""#, "/sessionId", "invalid_character"),
        (r#""source":"a\u0000b""#, "/source", "invalid_character"),
        (r#""idempotencyKey":"a\u0000""#, "/idempotencyKey", "invalid_character"),
        (r#""correlationId":"a\nb""#, "/correlationId", "invalid_character"),
        (r#""actor":{"id":"\u001b[31m"}"#, "/actor/id", "invalid_character"),
        (r#""target":"a\u007f""#, "/target", "invalid_character"),
        (r#""role":"root""#, "/role", "unknown_value"),
        (r#""content":"\ud800""#, "/content", "lone_surrogate"),
        (r#""content":"\udfff\ud800""#, "/content", "lone_surrogate"),
        (r#""sessionId":"\ud83d""#, "/sessionId", "lone_surrogate"),
        (r#""data":{"a":["\ud800"]}"#, "/data/a/0", "lone_surrogate"),
        (r#""data":{"\ud800":1}"#, "/data", "lone_surrogate"),
        (r#""data":{"a":1,"b":{"c":2,"\udc00":3}}"#, "/data/b", "lone_surrogate"),
        (r#""unknown":{"a":"\ud800"}"#, "/unknown/a", "lone_surrogate"),
        (r#""data":{"a":{"n":1e400}}"#, "/data/a/n", "number_out_of_range"),
        (r#""data":{"a":[0,-1e999]}"#, "/data/a/1", "number_out_of_range"),
        (r#""unknown":1e400"#, "/unknown", "number_out_of_range"),
        (r#""schemaVersion":1e400"#, "/schemaVersion", "out_of_range"),
        (r#""schemaVersion":0"#, "/schemaVersion", "out_of_range"),
        (r#""schemaVersion":-1"#, "/schemaVersion", "out_of_range"),
        (r#""schemaVersion":1.5"#, "/schemaVersion", "out_of_range"),
        (r#""schemaVersion":4294967296"#, "/schemaVersion", "out_of_range"),
        (r#""schemaVersion":"2""#, "/schemaVersion", "out_of_range"),
        (r#""occurredAt":1e400"#, "/occurredAt", "invalid_time"),
        (r#""occurredAt":"yesterday""#, "/occurredAt", "invalid_time"),
        (r#""occurredAt":"2026-02-30T00:00:00Z""#, "/occurredAt", "invalid_time"),
        (r#""occurredAt":"2026-01-01T00:00:00""#, "/occurredAt", "invalid_time"),
        (r#""occurredAt":9223372036854775807"#, "/occurredAt", "invalid_time"),
        (r#""occurredAt":-9223372036854775808"#, "/occurredAt", "invalid_time"),
        (r#""occurredAt":{}"#, "/occurredAt", "invalid_time"),
        (r#""occurredAt":0"#, "/occurredAt", "too_far_behind"),
        (r#""occurredAt":"9999-01-01T00:00:00Z""#, "/occurredAt", "too_far_ahead"),
        (r#""type":"b""#, "/type", "repeated"),
        (r#""content":"x","content":"x""#, "/content", "repeated"),
        (r#""data":{},"metadata":{}"#, "/metadata", "repeated"),
        (r#""id":"x","idempotencyKey":"x""#, "/idempotencyKey", "repeated"),
    ] {
        member(json.to_owned(), pointer, code);
    }
    // 33 levels with data's own; the pointer shows no more than 32 of them.
    member(format!(r#""unknown":{}"#, deep(10_000)), "*", "too_deep");
    member(format!(r#""data":{{"d":{}}}"#, deep(32)), "*", "too_deep");
    let members: Vec<_> = (0..256).map(|n| format!(r#""m{n}":{n}"#)).collect();
    member(members.join(","), "", "too_many_members");
    cases.extend([
        ("{}".to_owned(), "/type", "required"),
        (r#"{"type":null}"#.to_owned(), "/type", "required"),
        (r#"{"type":7}"#.to_owned(), "/type", "wrong_type"),
        (r#"{"type":""}"#.to_owned(), "/type", "too_short"),
        (format!(r#"{{"type":{}}}"#, text(101)), "/type", "too_long"),
        (r#"{"type":"a b"}"#.to_owned(), "/type", "invalid_character"),
        (r#"{"type":"a\u0000"}"#.to_owned(), "/type", "invalid_character"),
        (r#"{"type":"ä"}"#.to_owned(), "/type", "invalid_character"),
        (r#"{"events":{}}"#.to_owned(), "/events", "wrong_type"),
        (r#"{"events":7}"#.to_owned(), "/events", "wrong_type"),
        (r#"{"events":[{"type":"a"}],"type":"a"}"#.to_owned(), "/type", "unknown_field"),
        ("7".to_owned(), "", "wrong_type"),
        ("true".to_owned(), "", "wrong_type"),
        ("null".to_owned(), "", "wrong_type"),
        (r#""text""#.to_owned(), "", "wrong_type"),
    ]);
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_field_is_named_by_pointer_and_code_and_nothing_is_stored() {
    let server = start().await;
    for (event, pointer, code) in bad_events() {
        let shown: String = event.chars().take(120).collect();
        let answer = server.post("/v1/events").typed("application/json", event.clone()).send().await;
        assert_eq!(
            (answer.status, answer.kind().as_str()),
            (422, "invalid-event"),
            "{shown}: {}",
            answer.text()
        );
        let (said, said_code) = answer.first_error();
        assert_eq!(said_code, code, "{shown}: {}", answer.text());
        assert!(pointer == "*" || said == pointer, "{shown}: {said}, expected {pointer}");
        assert!(answer.body.len() < 4096, "{shown}: the answer stays small");
        // The same in a batch: its own verdict, and the batch goes on.
        if !event.starts_with(r#"{"events""#) {
            let answer = server.post("/v1/events").body(format!("[{event}]")).send().await.ok();
            let error = &answer["results"][0]["error"][0];
            assert_eq!(error["code"], code, "{shown}");
        }
    }
    nothing_stored(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_field_is_named_at_once() {
    let server = start().await;
    let event =
        json!({"sessionId": "a b", "content": 7, "data": {"x": "y"}, "schemaVersion": 0, "role": "x"});
    let answer = server.post("/v1/events").json(&event).send().await;
    let problem = answer.problem(422, "invalid-event");
    let mut pointers = walk::texts(problem["errors"].as_array().unwrap(), "/pointer");
    pointers.sort();
    assert_eq!(pointers, ["/content", "/role", "/schemaVersion", "/sessionId", "/type"]);
    // And a hostile event cannot ask for an endless answer.
    let many: Vec<_> = (0..250).map(|n| format!(r#""m{n}":{n}"#)).collect();
    let event = format!(r#"{{"type":"a","actor":{{{}}},"target":{{{}}}}}"#, many.join(","), many.join(","));
    let answer = server.post("/v1/events").body(event).send().await;
    answer.problem(422, "invalid-event");
    assert!(answer.body.len() < 16_384, "{}", answer.body.len());
}

/// A body that is refused whole, on any route that takes JSON: how it is sent, status and kind.
fn bad_bodies(post: impl Fn() -> Call) -> Vec<(&'static str, Call, u16, &'static str)> {
    let json = |body: &'static str| post().typed("application/json", body);
    let encoded = |encoding: &str, body: Vec<u8>| post().header("content-encoding", encoding).body(body);
    let gzipped = compress::gzip(b"{}");
    let cut = gzipped[..gzipped.len() - 4].to_vec();
    let mut flipped = gzipped.clone();
    flipped[12] ^= 0xff;
    let trailing = [gzipped.as_slice(), b"garbage"].concat();
    let nested = compress::gzip(&compress::gzip(b"{}"));
    let and_garbage = |bytes: Vec<u8>| [bytes.as_slice(), b"garbage"].concat();
    // Longer than what a decoder reads ahead.
    let and_much = |bytes: Vec<u8>| [bytes.as_slice(), &[b' '; 64 << 10]].concat();
    vec![
        ("empty", json(""), 400, "invalid-json"),
        ("blank", json(" \r\n\t"), 400, "invalid-json"),
        ("cut", json(r#"{"type":"a""#), 400, "invalid-json"),
        ("two values", json(r#"{"type":"a"}{"type":"a"}"#), 400, "invalid-json"),
        ("a trailing comma", json(r#"{"type":"a",}"#), 400, "invalid-json"),
        ("single quotes", json("{'type':'a'}"), 400, "invalid-json"),
        ("NaN", json(r#"{"type":NaN}"#), 400, "invalid-json"),
        ("a raw NUL in a string", json("{\"type\":\"a\0\"}"), 400, "invalid-json"),
        ("a raw line feed in a string", json("{\"type\":\"a\n\"}"), 400, "invalid-json"),
        ("a leading zero", json(r#"{"schemaVersion":01}"#), 400, "invalid-json"),
        ("a byte order mark", json("\u{feff}{}"), 400, "invalid-json"),
        ("a bad escape", json(r#"{"type":"\x41"}"#), 400, "invalid-json"),
        ("no UTF-8", post().body(&b"{\"type\":\"\xff\"}"[..]), 400, "invalid-utf8"),
        ("an overlong form", post().body(&b"{\"type\":\"\xc0\xaf\"}"[..]), 400, "invalid-utf8"),
        ("a surrogate in UTF-8", post().body(&b"{\"type\":\"\xed\xa0\x80\"}"[..]), 400, "invalid-utf8"),
        ("UTF-16", post().body(&b"\xff\xfe{\0}\0"[..]), 400, "invalid-utf8"),
        ("10 000 levels", post().body("[".repeat(10_000)), 400, "invalid-json"),
        ("a million levels", post().body(r#"{"a":"#.repeat(1_000_000)), 400, "invalid-json"),
        ("an unknown content type", post().typed("text/plain", "{}"), 415, "unsupported-media-type"),
        ("XML", post().typed("application/xml", "<a/>"), 415, "unsupported-media-type"),
        ("multipart", post().typed("multipart/form-data; boundary=x", "--x"), 415, "unsupported-media-type"),
        ("an empty content type", post().typed("", "{}"), 415, "unsupported-media-type"),
        ("an unknown encoding", encoded("lzma", b"{}".to_vec()), 415, "unsupported-encoding"),
        ("two encodings", encoded("gzip, gzip", nested.clone()), 415, "unsupported-encoding"),
        (
            "two encoding headers",
            encoded("gzip", nested.clone()).header("content-encoding", "gzip"),
            415,
            "unsupported-encoding",
        ),
        ("br in gzip", encoded("gzip, br", nested.clone()), 415, "unsupported-encoding"),
        (
            "br in br under one name",
            encoded("br", compress::brotli(&compress::brotli(b"{}"))),
            400,
            "invalid-utf8",
        ),
        ("gzip in gzip under one name", encoded("gzip", nested), 400, "invalid-utf8"),
        ("no gzip", encoded("gzip", b"{}".to_vec()), 400, "broken-encoding"),
        ("an empty gzip", encoded("gzip", Vec::new()), 400, "broken-encoding"),
        ("cut gzip", encoded("gzip", cut), 400, "broken-encoding"),
        ("flipped gzip", encoded("gzip", flipped), 400, "broken-encoding"),
        ("gzip and garbage", encoded("gzip", trailing), 400, "broken-encoding"),
        ("no zstd", encoded("zstd", b"{}".to_vec()), 400, "broken-encoding"),
        ("no deflate", encoded("deflate", b"{}".to_vec()), 400, "broken-encoding"),
        (
            "deflate and garbage",
            encoded("deflate", and_garbage(compress::deflate(b"{}"))),
            400,
            "broken-encoding",
        ),
        ("deflate and much", encoded("deflate", and_much(compress::deflate(b"{}"))), 400, "broken-encoding"),
        ("no br", encoded("br", b"{}".to_vec()), 400, "broken-encoding"),
        ("an empty br", encoded("br", Vec::new()), 400, "broken-encoding"),
        ("cut br", encoded("br", compress::brotli(&[b' '; 999])[..8].to_vec()), 400, "broken-encoding"),
        ("br and garbage", encoded("br", and_garbage(compress::brotli(b"{}"))), 400, "broken-encoding"),
        ("br and much", encoded("br", and_much(compress::brotli(b"{}"))), 400, "broken-encoding"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_cannot_be_read_is_refused_whole_on_every_route() {
    let server = start().await;
    for path in ["/v1/events", "/v1/events/ingest", "/v1/events/ingest-batch", "/v1/risk/screen"] {
        for (name, call, status, kind) in bad_bodies(|| server.post(path)) {
            // Screening takes its text from the query when there is no body.
            if path == "/v1/risk/screen" && ["empty", "blank"].contains(&name) {
                continue;
            }
            let answer = call.send().await;
            assert_eq!(
                (answer.status, answer.kind().as_str()),
                (status, kind),
                "{path}, {name}: {}",
                answer.text()
            );
        }
    }
    nothing_stored(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_at_once_is_refused_with_the_limit_by_name() {
    let server = start().await;
    let batch = |count: usize| format!("[{}]", vec![r#"{"type":"a"}"#; count].join(","));
    let refused = async |call: Call, kind: &str, limit: &str| {
        let answer = call.send().await;
        let detail = answer.problem(413, kind)["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(limit), "{detail}");
    };
    refused(server.post("/v1/events").body(batch(1001)), "batch-too-large", "intake.batch_max_events").await;
    let lines = "{\"type\":\"a\"}\n".repeat(1001);
    let lines = server.post("/v1/events").typed("application/x-ndjson", lines);
    refused(lines, "batch-too-large", "intake.batch_max_events").await;
    // Far more than the limit, but never more memory for it: elements are not kept as text.
    refused(
        server.post("/v1/events").body(format!("[{}1]", "1,".repeat(500_000))),
        "batch-too-large",
        "1000",
    )
    .await;
    let long = format!(r#"{{"type":"a","content":"{}"}}"#, "x".repeat(17 << 20));
    refused(server.post("/v1/events").body(long), "body-too-large", "server.body_max_bytes").await;
    nothing_stored(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_a_bad_event_never_quotes_its_text() {
    let server = start().await;
    let canary = "canary-4f1d";
    for (path, body) in [
        ("/v1/events", format!(r#"{{"type":"a","content":["{canary}"]}}"#)),
        ("/v1/events", format!(r#"{{"type":"a","role":"{canary}"}}"#)),
        ("/v1/events", format!(r#"{{"type":"{canary} "}}"#)),
        ("/v1/events", format!(r#"{{"type":"a","occurredAt":"{canary}"}}"#)),
        ("/v1/events", format!(r#"{{"type":"a","content":"{canary}\x"}}"#)),
        ("/v1/events", format!("\"{canary}\"")),
        ("/v1/events", format!(r#"{{"type":"a","idempotencyKey":"{canary}\n"}}"#)),
        ("/v1/events/ingest", format!(r#"{{"content":{{"{canary}":"{canary}"}}}}"#)),
        ("/v1/events/ingest-batch", format!(r#"{{"events":"{canary}"}}"#)),
        ("/v1/risk/screen", format!(r#"{{"content":["{canary}"]}}"#)),
    ] {
        let answer = server.post(path).body(body.clone()).send().await;
        assert!((400..500).contains(&answer.status), "{body}");
        assert!(!answer.text().contains(canary), "{}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_paths_and_parameters_are_refused_as_problems() {
    let server = start().await;
    for (path, status, kind) in [
        ("/v1/events/%ff", 404, "not-found"),
        ("/v1/events/%00", 404, "not-found"),
        ("/v1/events/..%2f..%2fetc", 404, "not-found"),
        ("/v1/sessions/%ff%fe", 404, "not-found"),
        ("/v1/sessions/%zz", 404, "not-found"),
        ("/docs/%ff", 404, "not-found"),
        ("/docs/..%2fCargo.toml", 404, "not-found"),
        ("/", 404, "not-found"),
        ("/v1", 404, "not-found"),
        ("/v1/events/", 404, "not-found"),
        ("//v1/events", 404, "not-found"),
        ("/v1/events?limit=0", 422, "invalid-parameter"),
        ("/v1/events?limit=-1", 422, "invalid-parameter"),
        ("/v1/events?limit=1e3", 422, "invalid-parameter"),
        ("/v1/events?limit=99999999999999999999999", 422, "invalid-parameter"),
        ("/v1/events?minRisk=NaN", 422, "invalid-parameter"),
        ("/v1/events?minRisk=1.1", 422, "invalid-parameter"),
        ("/v1/events?minRisk=1e400", 422, "invalid-parameter"),
        ("/v1/events?category=EVIL", 422, "invalid-parameter"),
        ("/v1/events?after=yesterday", 422, "invalid-parameter"),
        ("/v1/events?order=up", 422, "invalid-parameter"),
        ("/v1/events?cursor=nonsense", 422, "invalid-parameter"),
        ("/v1/events?cursor=ZTEuYS45OTk5OTk5OTk5OTk5OTk5OTk5", 422, "invalid-parameter"),
        ("/v1/events?sessionId=a&sessionId=b", 422, "invalid-parameter"),
        ("/v1/events?sesionId=a", 422, "invalid-parameter"),
        ("/v1/sessions?sortBy=name", 422, "invalid-parameter"),
        ("/v1/sessions?cursor=nonsense", 422, "invalid-parameter"),
        ("/v1/sessions?minRiskScore=2", 422, "invalid-parameter"),
        ("/v1/events/stream?from=-1", 422, "invalid-parameter"),
        ("/v1/events/stream?from=281474976710656", 422, "invalid-parameter"),
        ("/v1/events/stream?limit=1", 422, "invalid-parameter"),
        ("/v1/quarantine?cursor=%F0%9F%98%80", 422, "invalid-parameter"),
    ] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.kind().as_str()), (status, kind), "{path}: {}", answer.text());
    }
    let long = format!("/v1/events?sessionId={}", "x".repeat(2000));
    server.get(&long).await.problem(422, "invalid-parameter");
    let answer: Answer = server.get("/v1/events?one=1&two=2&limit=x").await;
    let problem = answer.problem(422, "invalid-parameter");
    let mut pointers = walk::texts(problem["errors"].as_array().unwrap(), "/pointer");
    pointers.sort();
    assert_eq!(pointers, ["/limit", "/one", "/two"], "every wrong parameter is named");
    for percent in ["a%+5b", "a%zz", "a%", "a%2", "a%%41"] {
        let page = server.read(&format!("/v1/events?sessionId={percent}")).await;
        assert_eq!(page["events"], json!([]), "{percent}: what is no escape is taken as it is");
    }
}

async fn nothing_stored(server: &TestServer) {
    assert_eq!(walk::count(server).await, 0);
    let metrics = server.read("/v1/metrics").await;
    assert_eq!((&metrics["log_tail"], &metrics["events_accepted"]), (&json!(0), &json!(0)));
    assert_eq!(server.get("/ready").await.status, 200);
    let _: Bytes = server.get("/metrics").await.body;
}
