//! One key, one event: again, at once, across restarts, with another body, after a lost answer.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::patience::eventually;
use crate::support::raw::Raw;
use crate::support::server::{TestServer, start};
use crate::support::{command, walk};

fn event(key: &str, content: &str) -> Value {
    json!({"type": "message.user", "sessionId": "s", "content": content, "idempotencyKey": key})
}

async fn refused_as_reused(server: &TestServer, event: &Value) {
    let answer = server.post("/v1/events").json(event).send().await;
    answer.problem(422, "idempotency-key-reused");
    assert_eq!(answer.first_error(), ("/idempotencyKey".into(), "idempotency-key-reused".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_again_gets_the_first_receipt_and_another_body_is_refused_across_restarts() {
    let mut server = start().await;
    let first = server.store(event("k", "hello")).await;
    assert_eq!(first["duplicate"], false);
    for _ in 0..2 {
        let again = server.store(event("k", "hello")).await;
        assert_eq!((&again["eventId"], &again["position"]), (&first["eventId"], &first["position"]));
        assert_eq!(again["duplicate"], true);
        refused_as_reused(&server, &event("k", "goodbye")).await;
        server.restart().await;
    }
    // A rebuilt index finds the key in a segment that was full long ago, too.
    let filler = "x".repeat(40_000);
    for n in 0..60 {
        server.store(json!({"type": "filler", "content": filler, "idempotencyKey": format!("f{n}")})).await;
    }
    assert!(server.read("/v1/metrics").await["log_segments"].as_u64().unwrap() > 1, "several segments");
    for _ in 0..2 {
        assert_eq!(server.store(event("k", "hello")).await["eventId"], first["eventId"]);
        refused_as_reused(&server, &event("k", "goodbye")).await;
        server.restart().await;
    }
    assert_eq!(walk::events(&server, "sessionId=s").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_at_once_one_is_stored_and_all_get_its_receipt() {
    let server = start().await;
    for round in 0..5 {
        let mut calls = JoinSet::new();
        for n in 0..64 {
            let call = if n % 8 == 0 {
                // Some come in a batch.
                server.post("/v1/events").json(&json!([event(&format!("k{round}"), "hello")]))
            } else {
                server.post("/v1/events").json(&event(&format!("k{round}"), "hello"))
            };
            calls.spawn(call.send());
        }
        let mut receipts: Vec<Value> = Vec::new();
        while let Some(answer) = calls.join_next().await {
            let answer = answer.unwrap().ok();
            receipts.push(if answer["results"].is_array() { answer["results"][0].clone() } else { answer });
        }
        let is_new = |r: &&Value| r["duplicate"] == false || r["status"] == "accepted";
        assert_eq!(receipts.iter().filter(is_new).count(), 1);
        assert!(receipts.iter().all(|receipt| receipt["eventId"] == receipts[0]["eventId"]));
        assert_eq!(walk::count(&server).await, round + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_bodies_under_one_key_one_wins() {
    let server = start().await;
    let mut calls = JoinSet::new();
    for n in 0..64 {
        calls.spawn(server.post("/v1/events").json(&event("k", &format!("body {n}"))).send());
    }
    let mut stored = 0;
    while let Some(answer) = calls.join_next().await {
        let answer = answer.unwrap();
        if answer.status == 200 {
            stored += 1;
        } else {
            answer.problem(422, "idempotency-key-reused");
        }
    }
    assert_eq!((stored, walk::count(&server).await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_answer_was_lost_retries_safely() {
    let server = start().await;
    let body = event("k", "hello").to_string();
    let head =
        format!("POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
    let mut connection = Raw::connect(server.address);
    connection.send(format!("{head}{body}"));
    // Gone before the answer; whether the event was stored, only the server knows.
    drop(connection);
    let receipt = server.store(event("k", "hello")).await;
    let events = walk::events(&server, "").await;
    assert_eq!(walk::texts(&events, "/eventId"), [receipt["eventId"].as_str().unwrap()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_header_is_the_key_of_a_single_event_without_one() {
    let server = start().await;
    let body = json!({"type": "a", "content": "hello"});
    let send = |key: &str| server.post("/v1/events").header("idempotency-key", key).json(&body).send();
    let first = send("k").await.ok();
    assert_eq!(send("\"k\"").await.ok()["eventId"], first["eventId"], "quoted, as the draft says");
    assert_eq!(
        server.store(json!({"type": "a", "content": "hello", "idempotencyKey": "k"})).await["duplicate"],
        true
    );
    let own = json!({"type": "a", "content": "hello", "idempotencyKey": "own"});
    let with_both = server.post("/v1/events").header("idempotency-key", "k").json(&own).send().await.ok();
    assert_eq!(with_both["duplicate"], false, "the event's own key wins");
    for bad in [String::new(), "k".repeat(256), "\"\"".into()] {
        send(&bad).await.problem(400, "invalid-idempotency-key");
    }
    assert_eq!(walk::count(&server).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn inside_one_batch_a_key_counts_once_too() {
    let server = start().await;
    let batch = json!([event("k", "hello"), event("k", "hello"), event("k", "goodbye"), event("l", "hello")]);
    let answer = server.post("/v1/events").json(&batch).send().await.ok();
    let statuses = walk::texts(answer["results"].as_array().unwrap(), "/status");
    assert_eq!(statuses, ["accepted", "duplicate", "rejected", "accepted"]);
    assert_eq!(answer["results"][2]["error"][0]["code"], "idempotency-key-reused");
    assert_eq!(answer["results"][1]["eventId"], answer["results"][0]["eventId"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_event_leaves_its_key_free() {
    let server = start().await;
    let mut bad = event("k", "hello");
    bad["schemaVersion"] = json!(0);
    server.post("/v1/events").json(&bad).send().await.problem(422, "invalid-event");
    assert_eq!(server.store(event("k", "hello")).await["duplicate"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_body_is_what_the_sender_said_not_how_it_came() {
    let server = start().await;
    let first = server.post("/v1/events").header("user-agent", "a/1");
    let first = first.body(r#"{"type":"a","data":{"x":[1,2]},"idempotencyKey":"k"}"#).send().await.ok();
    let again = server.post("/v1/events").header("user-agent", "b/2");
    let again =
        again.body(r#"{ "id" : "k", "metadata" : { "x" : [1, 2] }, "type" : "a" }"#).send().await.ok();
    assert_eq!((&again["duplicate"], &again["eventId"]), (&json!(true), &first["eventId"]));
    for other in [r#"{"x":[1,2.0]}"#, r#"{"x":[2,1]}"#, r#"{"x":[1,2],"y":0}"#] {
        let body = format!(r#"{{"type":"a","data":{other},"idempotencyKey":"k"}}"#);
        server.post("/v1/events").body(body).send().await.problem(422, "idempotency-key-reused");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_field_is_part_of_the_body() {
    let server = start().await;
    let event = |future: u32| json!({"type": "a", "idempotencyKey": "k", "future": future});
    server.store(event(1)).await;
    assert_eq!(server.store(event(1)).await["duplicate"], true);
    refused_as_reused(&server, &event(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_its_project() {
    let server = start().await;
    let (mut ids, mut clients) = (Vec::new(), Vec::new());
    for project in ["proj_a", "proj_b"] {
        let made = command::make_key(server.data_dir(), project, "ingest,read");
        let client = server.with_key(&made.key);
        eventually("the key counts", async || (client.get("/v1/events").await.status == 200).then_some(()))
            .await;
        ids.push(client.store(event("k", "hello")).await["eventId"].clone());
        clients.push(client);
    }
    assert_ne!(ids[0], ids[1]);
    for client in clients {
        assert_eq!(walk::count(&client).await, 1);
    }
}
