//! Overload is answered: above the threshold 503 with Retry-After, and nothing is remembered of what was refused.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::client::Answer;
use crate::support::patience::eventually;
use crate::support::raw::Raw;
use crate::support::server::{TestServer, start, start_with};
use crate::support::walk;

/// A server whose queue holds one waiting batch, and no more.
async fn narrow() -> TestServer {
    start_with(|config| {
        config.intake.queue_depth_max = 1;
        config.intake.retry_after_s = 7;
    })
    .await
}

/// Sends `events` all at once, each as a request of its own to `path`.
async fn at_once(server: &TestServer, path: &'static str, events: Vec<Value>) -> Vec<(Value, Answer)> {
    let mut calls = JoinSet::new();
    for event in events {
        let call = server.post(path).json(&event);
        calls.spawn(async move { (event, call.send().await) });
    }
    calls.join_all().await
}

/// Sends rounds of events until some were refused: those, and how many were stored.
async fn overload(
    server: &TestServer,
    path: &'static str,
    event: impl Fn(u32, u32) -> Value,
) -> (Vec<(Value, Answer)>, usize) {
    let (mut round, mut stored) = (0, 0);
    eventually("the queue is over its threshold", async || {
        round += 1;
        let events = (0..64).map(|n| event(round, n)).collect();
        let answers = at_once(server, path, events).await;
        let (good, refused): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|(_, answer)| answer.status == 200);
        stored += good.len();
        (!refused.is_empty()).then_some((refused, stored))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn above_the_threshold_requests_get_503_and_nothing_is_remembered_of_them() {
    let server = narrow().await;
    let event = |round, n| json!({"type": "a", "sessionId": "s", "idempotencyKey": format!("{round}-{n}"), "content": "x"});
    let (refused, stored) = overload(&server, "/v1/events", event).await;
    for (_, answer) in &refused {
        let detail = answer.problem(503, "overloaded")["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with("Queue full"), "seed 002's words: {detail}");
        assert_eq!(answer.header("retry-after"), "7");
    }
    assert_eq!(walk::count(&server).await, stored, "what was refused is not there");
    for (event, _) in &refused {
        let receipt = server.store(event.clone()).await;
        assert_eq!(receipt["duplicate"], false, "a refused event comes back as new");
    }
    assert_eq!(walk::count(&server).await, stored + refused.len());
    assert_eq!(server.read("/v1/metrics").await["queue_depth"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_moderation_door_marks_nothing_as_seen_that_it_refused() {
    let server = narrow().await;
    let event = |round, n| {
        json!({
            "event_id": format!("{round}-{n}"), "event_type": "message_created", "platform": "discord", "user_id": "u",
            "author_id": "a", "content": format!("text {round} {n}"),
        })
    };
    let (refused, stored) = overload(&server, "/v1/events/ingest", event).await;
    for (event, answer) in refused {
        answer.problem(503, "overloaded");
        let mut retried = event;
        // Under another id it is known by its fingerprint alone, which must not be there yet.
        retried["event_id"] = json!(format!("again-{}", retried["event_id"].as_str().unwrap()));
        let receipt = server.post("/v1/events/ingest").json(&retried).send().await.ok();
        assert_eq!(receipt["status"], "queued", "never `duplicate` for what was lost");
    }
    assert!(walk::count(&server).await > stored);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_refused_whole() {
    let server = narrow().await;
    let event = |round, n| {
        json!(
            (0..10)
                .map(|k| json!({"type": "a", "idempotencyKey": format!("{round}-{n}-{k}")}))
                .collect::<Vec<_>>()
        )
    };
    let (refused, stored) = overload(&server, "/v1/events", event).await;
    assert_eq!(walk::count(&server).await, stored * 10);
    for (batch, answer) in refused {
        answer.problem(503, "overloaded");
        let answer = server.post("/v1/events").json(&batch).send().await.ok();
        assert_eq!((&answer["accepted"], &answer["duplicates"]), (&json!(10), &json!(0)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_being_read_are_bounded_together() {
    let server = start_with(|config| {
        config.server.body_max_bytes = 1 << 20;
        config.server.decoded_max_bytes = 1 << 20;
        config.server.inflight_max_bytes = 3 << 20;
    });
    let server = server.await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut connection = Raw::connect(server.address);
        let head =
            format!("POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", 1 << 20);
        assert!(connection.send(head) && connection.send(vec![b' '; (1 << 20) - 1]));
        held.push(connection);
    }
    let inflight = async || {
        let text = server.get("/metrics").await.text();
        let line = text.lines().find_map(|line| line.strip_prefix("http_body_inflight_bytes ")).unwrap();
        line.parse::<u64>().unwrap()
    };
    let full = 3 * ((1 << 20) - 1);
    eventually("three bodies are held", async || (inflight().await == full).then_some(())).await;
    let answer = server.post("/v1/events").json(&json!({"type": "a"})).send().await;
    answer.problem(503, "overloaded");
    assert!(answer.text().contains("server.inflight_max_bytes") && !answer.header("retry-after").is_empty());
    drop(held);
    eventually("what left is given back", async || (inflight().await == 0).then_some(())).await;
    server.store(json!({"type": "a"})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_crowd_is_served_to_the_last() {
    let server = start().await;
    let events = (0..300).map(|n| json!({"type": "a", "idempotencyKey": n.to_string()})).collect();
    let answers = at_once(&server, "/v1/events", events).await;
    assert!(answers.iter().all(|(_, answer)| answer.status == 200));
    assert_eq!(walk::count(&server).await, 300);
}
