//! Log lines: JSON with request ids; never content, keys, query strings or bodies, at any level.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::INSULT;
use crate::support::child::{ChildServer, Serve};
use crate::support::command;
use crate::support::patience::eventually;

const CANARY: &str = "canary-5e1f";

/// Sends the canary wherever a client can put text.
async fn spread(server: &ChildServer, key: &str) {
    let client = server.with_key(key);
    let event = json!({
        "type": "message.user", "sessionId": format!("s-{CANARY}"), "content": format!("{INSULT} {CANARY}"),
        "actor": {"id": CANARY}, "data": {CANARY: CANARY}, CANARY: {"x": CANARY}, "idempotencyKey": CANARY,
        "correlationId": CANARY, "attribution": {"referrer": CANARY},
    });
    client.post("/v1/events?wait=screened").header("user-agent", CANARY).json(&event).send().await.ok();
    client
        .post("/v1/events")
        .header("idempotency-key", format!("{CANARY}-2"))
        .json(&json!({"type": "a"}))
        .send()
        .await
        .ok();
    for body in [
        json!({"type": CANARY, "content": [CANARY]}).to_string(),
        json!({"type": "a b", "content": CANARY}).to_string(),
        json!({"type": "a", "idempotencyKey": CANARY, "content": "other"}).to_string(),
        format!("{{\"type\":\"{CANARY}\\x\"}}"),
        format!("\"{CANARY}\""),
        CANARY.into(),
    ] {
        let answer = client.post("/v1/events").body(body.clone()).send().await;
        assert!((400..500).contains(&answer.status), "{body}: {}", answer.text());
        client.post("/v1/events/ingest").body(body.clone()).send().await;
        client.post("/v1/events/ingest-batch").body(body.clone()).send().await;
        client.post("/v1/risk/screen").body(body).send().await;
    }
    client
        .post("/v1/events")
        .header("content-encoding", "gzip")
        .body(CANARY)
        .send()
        .await
        .problem(400, "broken-encoding");
    client.post(&format!("/v1/risk/screen?content={CANARY}&event_id={CANARY}")).send().await.ok();
    for path in [
        format!("/v1/events?sessionId=s-{CANARY}&actor={CANARY}"),
        format!("/v1/events?{CANARY}={CANARY}&cursor={CANARY}"),
        format!("/v1/events/{CANARY}"),
        format!("/v1/sessions/s-{CANARY}"),
        format!("/{CANARY}?{CANARY}"),
        format!("/docs/{CANARY}"),
        format!("/v1/events/stream?type={CANARY}&x={CANARY}"),
    ] {
        client.get(&path).await;
    }
    for (name, value) in [
        ("x-api-key", CANARY),
        ("authorization", CANARY),
        ("host", CANARY),
        ("origin", CANARY),
        ("cookie", CANARY),
    ] {
        server.call(Method::GET, "/v1/events").header(name, value).send().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_of_a_client_reaches_the_logs_at_debug_level() {
    let dir = tempfile::tempdir().unwrap();
    for level in ["debug", "trace"] {
        let server = Serve::dev(dir.path()).set("TELEMETRY__LOG_LEVEL", level).start().await;
        let made = command::make_key(dir.path(), &format!("proj_{level}"), "ingest,read");
        let client = server.with_key(&made.key);
        eventually("the key counts", async || (client.get("/v1/events").await.status == 200).then_some(()))
            .await;
        spread(&server, &made.key).await;
        let marked = server.call(Method::GET, "/v1/sessions").header("x-request-id", "marker-1");
        marked.header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").send().await;
        let log = eventually("the last request is logged", async || {
            Some(server.stderr()).filter(|log| log.contains("marker-1"))
        });
        let log = log.await;
        for secret in [CANARY, INSULT, "idiot", made.key.as_str(), made.key.rsplit('_').next().unwrap()] {
            let line = log.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret} at {level}");
        }
        let lines: Vec<Value> =
            log.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
        let marked = lines.iter().find(|line| line["request_id"] == "marker-1").unwrap();
        assert_eq!((&marked["route"], &marked["status"]), (&json!("/v1/sessions"), &json!(200)));
        assert_eq!(marked["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(
            marked["duration_ms"].is_number()
                && marked["timestamp"].is_string()
                && marked["level"].is_string()
        );
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_cannot_forge_a_line() {
    let dir = tempfile::tempdir().unwrap();
    let server = Serve::dev(dir.path())
        .set("TELEMETRY__LOG_LEVEL", "debug")
        .set("TELEMETRY__LOG_FORMAT", "text")
        .start()
        .await;
    for id in ["x\",\"level\":\"ERROR", "forged=1 level=ERROR"] {
        server.call(Method::GET, "/health").header("x-request-id", id.as_bytes()).send().await;
    }
    server.call(Method::GET, "/health").header("x-request-id", "marker-2").send().await;
    let log = eventually("the last request is logged", async || {
        Some(server.stderr()).filter(|log| log.contains("marker-2"))
    });
    let log = log.await;
    assert!(!log.contains("forged") && !log.contains('\u{1b}') && !log.contains("ERROR"), "{log}");
    server.stop().await;
}
