//! The moderation door: seed 002's shapes, unchanged, on our log.

use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::patience::eventually;
use crate::support::server::{TestServer, start, start_with};
use crate::support::walk;

fn message(id: &str, content: &str) -> Value {
    json!({
        "event_id": id, "event_type": "message_created", "platform": "discord", "user_id": "user-123",
        "author_id": "author-123", "content": content,
    })
}

async fn ingest(server: &TestServer, event: &Value) -> Answer {
    server.post("/v1/events/ingest").json(event).send().await
}

async fn batch(server: &TestServer, events: &[Value]) -> Answer {
    server.post("/v1/events/ingest-batch").json(&json!({"events": events})).send().await
}

fn members(value: &Value) -> Vec<&str> {
    let mut names: Vec<_> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seeds_curl_works_unchanged() {
    let server = start().await;
    let body = r#"{
    "event_id": "evt-001",
    "event_type": "message_created",
    "platform": "discord",
    "user_id": "user-123",
    "author_id": "author-123",
    "content": "This is a test message",
    "metadata": {"user_reputation": 0.8}
  }"#;
    let send = || {
        let call = server.post("/v1/events/ingest").header("api-key", "test-key");
        call.typed("application/json", body).send()
    };
    let first = send().await.ok();
    assert_eq!(members(&first), ["event_id", "ingestion_time_ms", "position", "status"]);
    assert_eq!((&first["event_id"], &first["status"]), (&json!("evt-001"), &json!("queued")));
    assert!(first["position"].is_string() && first["ingestion_time_ms"].is_number());
    let again = send().await.ok();
    assert_eq!((&again["status"], &again["position"]), (&json!("duplicate"), &first["position"]));
    let event = walk::events(&server, "").await.remove(0);
    for (pointer, value) in [
        ("/idempotencyKey", json!("evt-001")),
        ("/type", json!("message_created")),
        ("/source", json!("discord")),
        ("/target", json!({"id": "user-123", "type": "user"})),
        ("/actor", json!({"id": "author-123", "type": "user"})),
        ("/content", json!("This is a test message")),
        ("/data", json!({"user_reputation": 0.8})),
        ("/context/door", json!("moderation")),
    ] {
        assert_eq!(event.pointer(pointer), Some(&value), "{pointer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_answered_in_the_seeds_shape() {
    let server = start().await;
    let mut bad = message("3", "x");
    bad["content"] = json!(7);
    let mut anonymous = message("4", "x");
    anonymous.as_object_mut().unwrap().remove("event_id");
    let events =
        [message("1", "one"), message("1", "one"), message("2", "two"), bad, anonymous, json!("text")];
    let answer = batch(&server, &events).await.ok();
    assert_eq!(members(&answer), ["batch_time_ms", "duplicates", "errors", "queued", "results", "total"]);
    let counts = ["total", "queued", "duplicates", "errors"].map(|name| answer[name].as_u64().unwrap());
    assert_eq!(counts, [6, 2, 1, 3]);
    let results = answer["results"].as_array().unwrap();
    assert_eq!(walk::texts(results, "/status"), ["queued", "duplicate", "queued", "error", "error", "error"]);
    assert_eq!(walk::texts(results, "/event_id"), ["1", "1", "2", "3", "-", "-"]);
    assert_eq!(results[3]["errors"][0]["pointer"], "/content");
    assert_eq!(results[4]["errors"][0]["pointer"], "/event_id");
    assert_eq!(walk::count(&server).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_required_field_is_named_when_it_is_missing() {
    let server = start().await;
    for name in ["event_id", "event_type", "platform", "user_id", "author_id", "content"] {
        for absent in [None, Some(Value::Null)] {
            let mut event = message("1", "hello");
            match absent {
                None => drop(event.as_object_mut().unwrap().remove(name)),
                Some(null) => event[name] = null,
            }
            let answer = ingest(&server, &event).await;
            answer.problem(422, "invalid-event");
            assert_eq!(answer.first_error(), (format!("/{name}"), "required".into()));
        }
        let mut event = message("1", "hello");
        event[name] = json!("");
        assert_eq!(ingest(&server, &event).await.first_error(), (format!("/{name}"), "too_short".into()));
    }
    for (field, value, code) in [
        ("event_id", json!("x".repeat(256)), "too_long"),
        ("event_type", json!("a b"), "invalid_character"),
        ("platform", json!(["discord"]), "wrong_type"),
        ("content", json!({"text": "x"}), "wrong_type"),
        ("metadata", json!("x"), "wrong_type"),
        ("created_at", json!("yesterday"), "invalid_time"),
        ("session_id", json!("a b"), "invalid_character"),
        ("channel_id", json!(7), "wrong_type"),
    ] {
        let mut event = message("1", "hello");
        event[field] = value;
        let answer = ingest(&server, &event).await;
        answer.problem(422, "invalid-event");
        assert_eq!(answer.first_error(), (format!("/{field}"), code.into()));
    }
    for (body, pointer, code) in [
        ("{}", "/events", "required"),
        ("7", "/events", "required"),
        (r#"{"events":{}}"#, "/events", "wrong_type"),
        (r#"{"events":null}"#, "/events", "required"),
    ] {
        let answer = server.post("/v1/events/ingest-batch").body(body).send().await;
        answer.problem(422, "invalid-event");
        assert_eq!(answer.first_error(), (pointer.into(), code.into()), "{body}");
    }
    assert_eq!(walk::count(&server).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_author_is_required_only_where_the_settings_say_so() {
    let server = start_with(|config| config.intake.moderation_require_author = false).await;
    let mut event = message("1", "hello");
    event.as_object_mut().unwrap().remove("author_id");
    assert_eq!(ingest(&server, &event).await.ok()["status"], "queued");
}

#[tokio::test(flavor = "multi_thread")]
async fn content_is_trimmed_names_are_lower_cased_and_channels_are_sessions() {
    let server = start().await;
    let mut event = message("1", " \n\t hello  you \u{a0}\n");
    event["platform"] = json!("Discord");
    event["event_type"] = json!("Message_CREATED");
    event["channel_id"] = json!("general-1");
    event["guild"] = json!({"id": 7});
    ingest(&server, &event).await.ok();
    let mut named = message("2", "other");
    named["channel_id"] = json!("general-1");
    named["session_id"] = json!("thread:9");
    named["created_at"] = json!("2000-01-01T00:00:00");
    assert_eq!(ingest(&server, &named).await.first_error().1, "too_far_behind", "a time without zone is UTC");
    let now = server.read("/health").await["timestamp"].as_str().unwrap()[..19].to_owned();
    named["created_at"] = json!(now);
    ingest(&server, &named).await.ok();
    let mut odd = message("3", "odd");
    odd["channel_id"] = json!("#général");
    ingest(&server, &odd).await.ok();
    let events = walk::events(&server, "order=asc").await;
    let first = &events[0];
    assert_eq!((&first["content"], &first["source"]), (&json!("hello  you"), &json!("discord")));
    assert_eq!(
        (&first["type"], &first["sessionId"]),
        (&json!("message_created"), &json!("discord:general-1"))
    );
    assert_eq!(first["object"], json!({"id": "general-1", "type": "channel"}));
    assert_eq!(first["context"]["extra"], json!({"guild": {"id": 7}}));
    assert_eq!(events[1]["sessionId"], "thread:9");
    assert_eq!(events[1]["occurredAt"], format!("{now}.000Z"));
    assert_eq!((&events[2]["sessionId"], &events[2]["object"]["id"]), (&Value::Null, &json!("#général")));
}

#[tokio::test(flavor = "multi_thread")]
async fn content_is_measured_in_characters_after_trimming() {
    let server = start().await;
    for (content, code) in [
        ("x".repeat(10_001), "too_long"),
        ("😀".repeat(10_001), "too_long"),
        (" \u{2003}\n".to_owned(), "too_short"),
    ] {
        let answer = ingest(&server, &message("1", &content)).await;
        answer.problem(422, "invalid-event");
        assert_eq!(answer.first_error(), ("/content".into(), code.into()));
    }
    for (id, content) in [("a", "😀".repeat(10_000)), ("b", format!("{:>12000}", "x".repeat(10_000)))] {
        assert_eq!(ingest(&server, &message(id, &content)).await.ok()["status"], "queued", "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_text_by_the_same_author_on_the_same_platform_is_a_duplicate() {
    let mut server = start().await;
    let first = ingest(&server, &message("1", "buy now")).await.ok();
    for restarted in [false, true] {
        // The id is no part of it, and neither is white space around the text.
        for (id, content) in [("2", "buy now"), ("3", "  buy now\n"), ("1", "buy now")] {
            let again = ingest(&server, &message(id, content)).await.ok();
            assert_eq!((&again["status"], &again["position"]), (&json!("duplicate"), &first["position"]));
            assert_eq!(again["event_id"], id, "restarted: {restarted}");
        }
        server.restart().await;
    }
    for (number, (field, value)) in
        [("author_id", "author-124"), ("platform", "slack"), ("content", "Buy now")].into_iter().enumerate()
    {
        let mut other = message(&format!("other-{number}"), "buy now");
        other[field] = json!(value);
        assert_eq!(ingest(&server, &other).await.ok()["status"], "queued", "{field}");
    }
    let reused = ingest(&server, &message("1", "another text")).await;
    reused.problem(422, "idempotency-key-reused");
    assert_eq!(reused.first_error().0, "/event_id", "the pointer names the field that the sender knows");
    let reused = batch(&server, &[message("1", "another text")]).await.ok();
    assert_eq!(reused["results"][0]["errors"][0]["pointer"], "/event_id");
    assert_eq!(walk::count(&server).await, 4);
    let deduplicated = server.read("/v1/metrics").await["events_deduplicated"].as_u64().unwrap();
    assert_eq!(deduplicated, 0, "counted since the start of the process");
    ingest(&server, &message("1", "buy now")).await.ok();
    assert_eq!(server.read("/v1/metrics").await["events_deduplicated"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_window_the_same_text_is_new_and_without_one_it_always_is() {
    let server = start_with(|config| config.intake.dedup_window_s = 1).await;
    assert_eq!(ingest(&server, &message("0", "again")).await.ok()["status"], "queued");
    let mut number = 0;
    eventually("the window passes", async || {
        number += 1;
        let answer = ingest(&server, &message(&number.to_string(), "again")).await.ok();
        (answer["status"] == "queued").then_some(())
    })
    .await;
    let server = start_with(|config| config.intake.dedup_window_s = 0).await;
    for id in ["1", "2"] {
        assert_eq!(ingest(&server, &message(id, "again")).await.ok()["status"], "queued");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_at_once_are_taken_and_one_more_is_413() {
    let server = start().await;
    let events: Vec<_> = (0..501).map(|n| message(&n.to_string(), &format!("text {n}"))).collect();
    let answer = batch(&server, &events).await;
    let problem = answer.problem(413, "batch-too-large");
    assert!(problem["detail"].as_str().unwrap().contains("500"), "{problem}");
    assert_eq!(walk::count(&server).await, 0);
    assert_eq!(batch(&server, &events[..500]).await.ok()["queued"], 500);
    assert_eq!(walk::count(&server).await, 500);
}
