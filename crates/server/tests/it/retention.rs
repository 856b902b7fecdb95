//! Retention: the oldest events are deleted while everything goes on, and what is gone is gone cleanly everywhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tidegate_server::config::Config;
use tokio::task::JoinSet;

use crate::support::client::Client;
use crate::support::patience::eventually;
use crate::support::server::{TestServer, start, start_with};
use crate::support::{INSULT, command, sse, store, walk};

const COUNT: u64 = 1500;
/// A partition of a database is larger than a segment of as many events.
fn kept_bytes() -> u64 {
    if store::is_postgres() { 1_500_000 } else { 400_000 }
}

fn small_segments(config: &mut Config) {
    config.log.segment_max_bytes = 64 << 10;
    config.store.partition_max_events = 64;
    config.log.recent_max_bytes = 1 << 10;
    config.log.retention_interval_ms = 20;
}

/// Every hundredth event is risky; all of one session.
fn event(n: u64) -> Value {
    let content = if n.is_multiple_of(100) { INSULT.to_owned() } else { format!("hello {n}, {:0400}", 0) };
    json!({"type": "a", "sessionId": "s", "content": content, "data": {"n": n}, "idempotencyKey": n.to_string()})
}

async fn first_position(client: &Client) -> u64 {
    client.read("/v1/metrics").await["log_first_position"].as_u64().unwrap()
}

/// A server that has deleted its first events while others read; the ids of all events.
async fn shortened() -> (TestServer, Vec<String>) {
    let server = start_with(|config| {
        small_segments(config);
        config.log.retention_max_bytes = kept_bytes();
    });
    let server = server.await;
    let is_over = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    readers.spawn(read_until((*server).clone(), Arc::clone(&is_over)));
    let mut ids = Vec::new();
    for first in (0..COUNT).step_by(50) {
        let answer = server.store_all((first..first + 50).map(event)).await;
        ids.extend(walk::texts(answer["results"].as_array().unwrap(), "/eventId"));
    }
    server.caught_up().await;
    eventually("old segments are deleted", async || {
        let metrics = server.read("/v1/metrics").await;
        (metrics["log_disk_bytes"].as_u64().unwrap() <= kept_bytes()).then_some(())
    })
    .await;
    is_over.store(true, Ordering::Release);
    assert!(readers.join_next().await.unwrap().expect("reading goes on") > 0);
    (server, ids)
}

/// Reads lists and single events until told to stop: every answer is whole, every listed event is there or gone.
async fn read_until(client: Client, is_over: Arc<AtomicBool>) -> usize {
    let mut rounds = 0;
    while !is_over.load(Ordering::Acquire) {
        let events = walk::events(&client, "order=asc&limit=100").await;
        let positions: Vec<u64> = events.iter().map(|event| event["position"].as_u64().unwrap()).collect();
        let first = first_position(&client).await;
        let is_fine = |pair: &[u64]| pair[0] + 1 == pair[1] || (pair[0] < pair[1] && pair[1] <= first);
        assert!(positions.windows(2).all(is_fine), "{positions:?} of a log that begins at {first}");
        if let Some(oldest) = events.first() {
            let status =
                client.get(&format!("/v1/events/{}", oldest["eventId"].as_str().unwrap())).await.status;
            assert!([200, 404].contains(&status), "{status}");
        }
        rounds += 1;
    }
    rounds
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_events_are_deleted_while_reading_goes_on() {
    let (mut server, ids) = shortened().await;
    for _ in 0..2 {
        let first = first_position(&server).await;
        assert!((1..COUNT).contains(&first), "{first}");
        let kept = &ids[first as usize..];
        assert_eq!(walk::texts(&walk::events(&server, "order=asc&limit=70").await, "/eventId"), kept);
        assert_eq!(walk::texts(&walk::events(&server, "sessionId=s&limit=70").await, "/eventId"), kept);
        let mut newest_first = walk::texts(&walk::events(&server, "limit=70").await, "/eventId");
        newest_first.reverse();
        assert_eq!(newest_first, kept);
        server.get(&format!("/v1/events/{}", ids[first as usize - 1])).await.problem(404, "not-found");
        assert_eq!(server.get(&format!("/v1/events/{}", kept[0])).await.status, 200);
        assert_eq!(server.read("/v1/metrics").await["log_quarantined_ranges"], 0);
        server.restart().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_derived_stays_and_leads_to_no_event_that_is_gone() {
    let (server, _) = shortened().await;
    let session = server.read("/v1/sessions/s").await["session"].clone();
    assert_eq!(session["eventCount"], COUNT, "deleted events still count");
    let snapshots = session["contributions"].as_array().unwrap();
    assert!(!snapshots.is_empty() && (snapshots.len() as u64) < COUNT / 100);
    for id in walk::texts(snapshots, "/eventId") {
        assert_eq!(server.get(&format!("/v1/events/{id}")).await.status, 200);
    }
    let first = first_position(&server).await;
    for order in ["asc", "desc"] {
        let risky = walk::events(&server, &format!("minRisk=0.3&limit=2&order={order}")).await;
        assert_eq!(risky.len() as u64, COUNT.div_ceil(100) - first.div_ceil(100), "{order}");
        let short = server.read(&format!("/v1/events?minRisk=0.3&limit=1000&order={order}")).await;
        assert_eq!(short["nextCursor"], Value::Null, "no walk through what is gone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_known_for_as_long_as_its_event_is_kept() {
    let (server, ids) = shortened().await;
    let last = server.store(event(COUNT - 1)).await;
    assert_eq!((&last["duplicate"], &last["eventId"]), (&json!(true), &json!(ids[ids.len() - 1])));
    let forgotten = server.store(event(0)).await;
    assert_eq!((&forgotten["duplicate"], &forgotten["position"]), (&json!(false), &json!(COUNT)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_resumed_before_the_first_event_begins_with_a_gap() {
    let (server, _) = shortened().await;
    let first = first_position(&server).await;
    let mut stream = sse::open(&server, None, "/v1/events/stream", Some(3)).await;
    let frames = stream.take(3).await;
    assert_eq!(frames[0].event, "gap");
    assert_eq!((frames[0].id, &frames[0].data), (Some(first), &json!({"from": 3, "to": first})));
    assert_eq!(
        (frames[1].data["position"].as_u64(), frames[2].data["position"].as_u64()),
        (Some(first), Some(first + 1))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_counts_what_is_kept_and_doctor_finds_nothing_wrong() {
    let (mut server, _) = shortened().await;
    server.stop().await;
    let doctor = command::say(server.data_dir(), &["doctor"]);
    assert!(doctor.contains("retention has deleted") && !doctor.contains("DAMAGE"), "{doctor}");
    let check = command::run(server.data_dir(), &["rebuild", "--check"]);
    assert!(check.code == Some(1) && check.stderr.contains("deleted by retention"), "{}", check.stderr);
    let rebuilt: Value =
        serde_json::from_str(&command::say(server.data_dir(), &["rebuild", "--json"])).unwrap();
    server.restart().await;
    let kept = COUNT - first_position(&server).await;
    assert_eq!(rebuilt["events"], kept);
    assert_eq!(server.read("/v1/sessions/s").await["session"]["eventCount"], kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_deleted_before_it_is_in_the_views() {
    let server = start_with(|config| {
        small_segments(config);
        config.log.retention_max_bytes = 1;
        config.pipeline.enabled = false;
    });
    let mut server = server.await;
    for first in (0..300).step_by(50) {
        server.store_all((first..first + 50).map(event)).await;
    }
    assert!(server.read("/v1/metrics").await["log_disk_bytes"].as_u64() > Some(100_000));
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(first_position(&server).await, 0);
    server.restart_with(|config| config.pipeline.enabled = true).await;
    eventually("once folded, it may go", async || (first_position(&server).await > 0).then_some(())).await;
    server.caught_up().await;
    assert_eq!(server.read("/v1/sessions/s").await["session"]["eventCount"], 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn age_alone_deletes_too_and_by_default_nothing_does() {
    let server = start_with(|config| {
        small_segments(config);
        config.log.retention_max_age_s = 1;
    });
    let server = server.await;
    for first in (0..300).step_by(50) {
        server.store_all((first..first + 50).map(event)).await;
    }
    // Counted a moment after it is gone.
    eventually("events grow old", async || {
        let metrics = server.read("/v1/metrics").await;
        let number = |name: &str| metrics[name].as_u64().unwrap_or(0);
        let is_gone = number("log_first_position") > 150;
        let is_counted = number("log_retention_segments") > 0 && number("log_retention_bytes") > 50_000;
        (is_gone && is_counted).then_some(())
    })
    .await;
    let prometheus = server.get("/metrics").await.text();
    for name in ["log_first_position", "log_retention_segments_total", "log_retention_bytes_total"] {
        let line = prometheus.lines().find(|line| line.starts_with(&format!("{name} ")));
        assert!(line.is_some_and(|line| !line.ends_with(" 0")), "{name}: {line:?}");
    }

    let server = start().await;
    server.store(event(0)).await;
    assert_eq!(first_position(&server).await, 0);
}
