//! A wall clock that jumps under load: order, windows and decay stay sane.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::child::{ChildServer, Serve};
use crate::support::client::Client;
use crate::support::shim::SteppedClock;
use crate::support::{INSULT, command, walk};

const HOUR_S: i64 = 3600;
const DAY_S: i64 = 24 * HOUR_S;
const YEAR_S: i64 = 366 * DAY_S;

/// Sends events, with keys and by both doors, until told to stop; the keys of what was acknowledged.
async fn load(client: Client, writer: usize, stop: Arc<AtomicBool>) -> Vec<String> {
    let mut acked = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let key = format!("w{writer}-{}", acked.len());
        let event = json!({"type": "message.user", "sessionId": format!("w{writer}"), "content": INSULT, "idempotencyKey": key});
        let answer = client.post("/v1/events").json(&event).send().await.ok();
        assert_eq!(answer["duplicate"], false, "{answer}");
        acked.push(key);
        client
            .post("/v1/events/ingest")
            .json(&message(&format!("{writer} says {}", acked.len())))
            .send()
            .await
            .ok();
        for path in ["/v1/sessions?limit=5", "/v1/events?limit=5", "/ready", "/v1/metrics"] {
            assert_eq!(client.get(path).await.status, 200, "{path}");
        }
    }
    acked
}

fn message(content: &str) -> Value {
    json!({
        "event_id": content, "event_type": "message_created", "platform": "discord", "user_id": "u", "author_id": "a",
        "content": content,
    })
}

async fn risk(server: &ChildServer, session: &str) -> f64 {
    let session = server.read(&format!("/v1/sessions/{session}")).await;
    session["session"]["currentRiskScore"].as_f64().unwrap_or_else(|| panic!("a risk: {session}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_under_load_disturbs_no_order() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), SteppedClock::new());
    let server = clock.wear(Serve::dev(dir.path())).start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for writer in 0..3 {
        tasks.spawn(load(Client::new(server.address), writer, Arc::clone(&stop)));
    }
    for offset_s in [-DAY_S, 0, 1, 0, HOUR_S, -HOUR_S, 0, YEAR_S, 0, -YEAR_S, YEAR_S + 1, 0] {
        clock.set(offset_s);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let acked: Vec<String> = tasks.join_all().await.concat();
    assert!(acked.len() > 30, "there was load: {}", acked.len());
    let events = walk::events(&server, "order=asc&limit=1000").await;
    let positions: Vec<_> = events.iter().map(|event| event["position"].as_u64().unwrap()).collect();
    assert_eq!(positions, (0..events.len() as u64).collect::<Vec<_>>(), "dense");
    let times = walk::texts(&events, "/recordedAt");
    assert!(times.is_sorted(), "time never falls");
    assert!(
        times[0][..4] < times[times.len() - 1][..4],
        "the year's jump was seen: {} {}",
        times[0],
        times[times.len() - 1]
    );
    assert!(walk::texts(&events, "/eventId").is_sorted(), "ids sort by position");
    let mut keys: Vec<_> =
        walk::texts(&events, "/idempotencyKey").into_iter().filter(|key| key.starts_with('w')).collect();
    let mut expected = acked;
    keys.sort();
    expected.sort();
    assert_eq!(keys, expected, "once each");
    server.post("/v1/events?wait=screened").json(&json!({"type": "a"})).send().await.ok();
    for writer in 0..3 {
        let risk = risk(&server, &format!("w{writer}")).await;
        assert!((0.0..1.0).contains(&risk), "{risk}");
    }
    assert!(!server.stderr().contains("panicked"), "{}", server.stderr());
    server.stop().await;
    // A start at a time before all that was recorded.
    clock.set(-DAY_S);
    let server = clock.wear(Serve::dev(dir.path())).start().await;
    server.store(json!({"type": "a"})).await;
    let last = walk::texts(&walk::events(&server, "limit=1").await[..1], "/recordedAt").remove(0);
    assert!(last >= times[times.len() - 1], "{last}");
    server.stop().await;
    let check = command::say(dir.path(), &["rebuild", "--check", "--json"]);
    assert!(check.contains(r#""equal":true"#), "{check}");
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_and_decay_follow_a_clock_that_jumps() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), SteppedClock::new());
    let server = clock.wear(Serve::dev(dir.path())).start().await;
    let sent = std::cell::Cell::new(0);
    let status = async |content: &str| {
        // A new id each time: only the window makes it a duplicate.
        sent.set(sent.get() + 1);
        let mut message = message(content);
        message["event_id"] = json!(sent.get().to_string());
        let answer = server.post("/v1/events/ingest").json(&message).send().await.ok();
        answer["status"].as_str().unwrap().to_owned()
    };
    let insult = json!({"type": "message.user", "sessionId": "s", "content": INSULT});
    server.post("/v1/events?wait=screened").json(&insult).send().await.ok();
    let fresh = risk(&server, "s").await;
    assert!(fresh > 0.5, "{fresh}");
    assert_eq!(status("hello").await, "queued");
    // A day back: no window opens, and no risk grows.
    clock.set(-DAY_S);
    assert_eq!(status("hello").await, "duplicate", "a clock that fell opens no window");
    assert!(risk(&server, "s").await <= fresh);
    let before = json!({"type": "a", "occurredAt": "2020-01-01T00:00:00Z"});
    server.post("/v1/events").json(&before).send().await.problem(422, "invalid-event");
    // Half a window and a whole one ahead.
    clock.set(HOUR_S / 2);
    assert_eq!(status("hello").await, "duplicate");
    clock.set(HOUR_S + 60);
    assert_eq!(status("hello").await, "queued", "the window is over");
    let later = risk(&server, "s").await;
    assert!(
        later < fresh && later > fresh / 2.0,
        "an hour's decay of a half-life of a day: {fresh} to {later}"
    );
    // A year ahead: all risk has faded. Back again: it does not come back to more than it was.
    clock.set(YEAR_S);
    assert!(risk(&server, "s").await < 0.001);
    assert_eq!(status("hello").await, "queued");
    clock.set(0);
    assert!(risk(&server, "s").await <= fresh);
    assert_eq!(status("hello").await, "duplicate");
    let key = json!({"type": "a", "idempotencyKey": "k"});
    assert_eq!(server.store(key.clone()).await["duplicate"], false);
    clock.set(-DAY_S);
    assert_eq!(server.store(key).await["duplicate"], true, "a key is known at any time");
    server.stop().await;
}
