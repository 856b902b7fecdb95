//! Labels: what a person says of a text counts for the next one, can be taken back, and shows what it touched.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::command;
use crate::support::patience::eventually;
use crate::support::server::{TestServer, start, start_with};

const TEXT: &str = "the walrus of tuesday paints eleven quiet bicycles";

async fn message(server: &TestServer, text: &str) -> Value {
    let event = json!({"type": "message.user", "sessionId": "s", "actor": "ann", "content": text});
    server.post("/v1/events?wait=screened").json(&event).send().await.ok()
}

async fn label(server: &TestServer, event: &Value, category: &str) -> Value {
    let path = format!("/v1/events/{}/label", event["eventId"].as_str().unwrap());
    let body = json!({"category": category, "labelledBy": "mod-1", "note": "seen before"});
    server.post(&path).json(&body).send().await.ok()["exemplar"].clone()
}

async fn remove(server: &TestServer, exemplar: &Value) -> Value {
    let path = format!("/v1/exemplars/{}", exemplar["id"].as_str().unwrap());
    server.call(Method::DELETE, &path).send().await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_counts_for_the_next_event_and_is_taken_back() {
    let server = start().await;
    let first = message(&server, TEXT).await;
    assert_eq!(first["category"], "LOW_RISK", "{first}");
    let exemplar = label(&server, &first, "SPAM").await;
    assert_eq!((&exemplar["category"], &exemplar["text"]), (&json!("SPAM"), &json!(TEXT)));
    assert_eq!((&exemplar["labelledBy"], &exemplar["note"]), (&json!("mod-1"), &json!("seen before")));
    assert_eq!((&exemplar["eventId"], &exemplar["removed"]), (&first["eventId"], &json!(false)));

    let second = message(&server, TEXT).await;
    assert_eq!(second["category"], "SPAM");
    assert!(second["riskScore"].as_f64().unwrap() >= 0.8, "{second}");
    let path = format!("/v1/events/{}", second["eventId"].as_str().unwrap());
    let assessment = server.read(&path).await["event"]["assessment"].clone();
    assert_eq!(assessment["flags"][0]["code"], "labelled_text");
    assert_eq!(assessment["similar"][0]["category"], "SPAM");
    assert!(assessment["similar"][0]["similarity"].as_f64().unwrap() > 0.99, "{assessment}");
    assert!(assessment["heuristicScore"].as_f64().unwrap() < 0.3, "{assessment}");
    let other = message(&server, "a quite different sentence about gardening tools and rain").await;
    assert_eq!(other["category"], "LOW_RISK");

    let path = format!("/v1/exemplars/{}", exemplar["id"].as_str().unwrap());
    assert_eq!(server.read(&path).await["touched"], json!([second["eventId"]]));
    assert_eq!(remove(&server, &exemplar).await["exemplar"]["removed"], true);
    assert_eq!(remove(&server, &exemplar).await["exemplar"]["removed"], true, "twice is once");
    let third = message(&server, TEXT).await;
    assert_eq!(third["category"], "LOW_RISK");
    // Not quite as before: its author has sent something risky meanwhile.
    assert!(third["riskScore"].as_f64().unwrap() < 0.3, "{third}");
    assert_eq!(server.read(&path).await["touched"], json!([second["eventId"]]), "what it touched stays");
    assert_eq!(server.read("/v1/exemplars").await["exemplars"][0]["removed"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_has_one_label_and_an_approved_text_is_cleared() {
    let server = start().await;
    let insult = message(&server, crate::support::INSULT).await;
    assert!(insult["riskScore"].as_f64().unwrap() >= 0.5, "{insult}");
    label(&server, &insult, "SPAM").await;
    label(&server, &insult, "LOW_RISK").await;
    let page = server.read("/v1/exemplars?limit=10").await;
    let removed: Vec<_> =
        page["exemplars"].as_array().unwrap().iter().map(|e| e["removed"].clone()).collect();
    assert_eq!(removed, [json!(false), json!(true)], "the newer label took the older one back");
    let again = message(&server, crate::support::INSULT).await;
    assert_eq!(again["category"], "LOW_RISK");
    assert!(again["riskScore"].as_f64().unwrap() < 0.2, "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_against_what_was_approved_needs_a_confirmation() {
    let server = start().await;
    let mut last = Value::Null;
    for _ in 0..4 {
        last = message(&server, TEXT).await;
    }
    let path = format!("/v1/events/{}/label", last["eventId"].as_str().unwrap());
    let post = async |body: Value| server.post(&path).json(&body).send().await;
    let refused = post(json!({"category": "TOXIC"})).await;
    refused.problem(409, "label-needs-confirmation");
    assert_eq!(server.read("/v1/exemplars").await["exemplars"], json!([]), "nothing was stored");
    post(json!({"category": "LOW_RISK"})).await.ok();
    post(json!({"category": "TOXIC", "confirm": true})).await.ok();
    assert_eq!(message(&server, TEXT).await["category"], "TOXIC");
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_outlive_a_restart_and_a_rebuild_derives_the_same() {
    let mut server = start().await;
    let first = message(&server, TEXT).await;
    let exemplar = label(&server, &first, "HATE_SPEECH").await;
    let second = message(&server, TEXT).await;
    remove(&server, &exemplar).await;
    server
        .post("/v1/exemplars")
        .json(&json!({"category": "VIOLENCE", "text": "blue socks forever"}))
        .send()
        .await
        .ok();
    server.caught_up().await;
    server.restart().await;
    assert_eq!(message(&server, TEXT).await["category"], "LOW_RISK");
    assert_eq!(message(&server, "blue socks forever!").await["category"], "VIOLENCE");
    let path = format!("/v1/events/{}", second["eventId"].as_str().unwrap());
    assert_eq!(server.read(&path).await["event"]["assessment"]["category"], "HATE_SPEECH");
    server.caught_up().await;
    server.stop().await;
    let rebuilt = command::say(server.data_dir(), &["rebuild", "--check", "--json"]);
    assert!(rebuilt.contains(r#""equal":true"#), "{rebuilt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_types_of_labels_and_analyses_are_the_servers_own() {
    let server = start().await;
    for kind in ["label.added", "label.removed", "session.analyzed", "cot.analyzed"] {
        let answer = server.post("/v1/events").json(&json!({"type": kind, "data": {}})).send().await;
        answer.problem(422, "invalid-event");
        assert_eq!(answer.first_error(), ("/type".into(), "reserved".into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_label_is_refused_by_name() {
    let server = start().await;
    let event = message(&server, TEXT).await;
    let click = server.store(json!({"type": "click"})).await;
    let path = |event: &Value| format!("/v1/events/{}/label", event["eventId"].as_str().unwrap());
    for (path, body, pointer, code) in [
        (path(&event), json!({}), "/category", "required"),
        (path(&event), json!({"category": "NICE"}), "/category", "invalid"),
        (path(&event), json!({"category": "SPAM", "text": "x"}), "/text", "unknown"),
        (path(&event), json!({"category": "SPAM", "confirm": "yes"}), "/confirm", "wrong_type"),
        (path(&event), json!({"category": "SPAM", "note": "x".repeat(1001)}), "/note", "too_long"),
        (path(&click), json!({"category": "SPAM"}), "/content", "required"),
        ("/v1/exemplars".into(), json!({"category": "SPAM"}), "/text", "required"),
        ("/v1/exemplars".into(), json!({"category": "SPAM", "text": "x".repeat(4001)}), "/text", "too_long"),
        ("/v1/exemplars".into(), json!([]), "", "wrong_type"),
    ] {
        let answer = server.post(&path).json(&body).send().await;
        answer.problem(422, "invalid-request");
        assert_eq!(answer.first_error(), (pointer.into(), code.into()), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_most_like_one_are_found() {
    let server = start().await;
    let event = message(&server, TEXT).await;
    message(&server, "completely unrelated words, 42").await;
    let near = message(&server, "The walrus of Tuesday paints twelve quiet bicycles!").await;
    server.store(json!({"type": "click"})).await;
    let path = format!("/v1/events/{}/similar", event["eventId"].as_str().unwrap());
    let page = server.read(&path).await;
    let similar = page["similar"].as_array().unwrap();
    assert_eq!(similar.len(), 2, "texts only, and not the event itself");
    assert_eq!(similar[0]["event"]["eventId"], near["eventId"]);
    assert!(similar[0]["similarity"].as_f64().unwrap() > 0.75, "{page}");
    assert!(similar[1]["similarity"].as_f64().unwrap() < 0.4, "{page}");
    assert_eq!(server.read(&format!("{path}?limit=1")).await["similar"].as_array().unwrap().len(), 1);
}

/// LB2: what Control keeps counts when the log has forgotten the label's event.
#[tokio::test(flavor = "multi_thread")]
async fn a_label_outlives_the_part_of_the_log_that_it_came_from() {
    let mut server = start_with(|config| {
        config.log.segment_max_bytes = 64 << 10;
        config.log.retention_max_bytes = 1;
        config.log.retention_interval_ms = 50;
        config.store.partition_max_events = 20;
    })
    .await;
    server.post("/v1/exemplars").json(&json!({"category": "VIOLENCE", "text": TEXT})).send().await.ok();
    let filler = "x".repeat(4000);
    for _ in 0..60 {
        server.store(json!({"type": "a", "data": {"x": filler}})).await;
    }
    let first =
        async || server.read("/v1/metrics").await["log_first_position"].as_u64().filter(|first| *first > 0);
    eventually("the label's event is deleted", first).await;
    server.restart().await;
    assert_eq!(message(&server, TEXT).await["category"], "VIOLENCE");
    assert_eq!(server.read("/v1/exemplars").await["exemplars"][0]["text"], TEXT);
}
