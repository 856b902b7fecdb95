//! The live stream: every event once, in order, resumed without loss; bounded for slow readers; ended in time.

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::patience::{A_SECOND, eventually, within};
use crate::support::server::{TestServer, start, start_with};
use crate::support::sse::{self, Frame};
use crate::support::{INSULT, command, walk};

const STREAM: &str = "/v1/events/stream";

async fn store(server: &TestServer, numbers: std::ops::Range<u64>) {
    let event = |n| json!({"type": "message.user", "sessionId": "s", "content": INSULT, "data": {"n": n}});
    server.store_all(numbers.map(event)).await;
}

fn numbers(frames: &[Frame]) -> Vec<u64> {
    frames.iter().map(|frame| frame.data["data"]["n"].as_u64().expect("a number")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_screened_and_as_the_list_shows_them() {
    let server = start().await;
    store(&server, 0..3).await;
    server.caught_up().await;
    let mut stream = sse::open(&server, None, STREAM, None).await;
    assert_eq!(stream.status, 200);
    store(&server, 3..6).await;
    let frames = stream.take(3).await;
    assert_eq!(numbers(&frames), [3, 4, 5], "what came before is not repeated");
    let listed = walk::events(&server, "order=asc").await;
    for (frame, event) in frames.iter().zip(&listed[3..]) {
        assert_eq!((frame.event.as_str(), &frame.data), ("event", event));
        assert!(frame.data["assessment"]["riskScore"].as_f64().unwrap() >= 0.5, "{}", frame.data);
        assert_eq!(frame.id, Some(event["position"].as_u64().unwrap() + 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_comes_back_goes_on_without_loss_or_repetition() {
    let mut server = start().await;
    store(&server, 0..40).await;
    let (mut seen, mut last) = (Vec::new(), 0);
    for round in 0..8_u64 {
        let mut stream = sse::open(&server, None, STREAM, Some(last)).await;
        // Some frames are read, some more are on their way, and the connection breaks.
        let frames = stream.take(5 + round as usize).await;
        last = frames.last().unwrap().id.unwrap();
        seen.extend(numbers(&frames));
        drop(stream);
        store(&server, 40 + round * 5..45 + round * 5).await;
        if round == 4 {
            server.restart().await;
        }
    }
    let mut stream = sse::open(&server, None, &format!("{STREAM}?from={last}"), None).await;
    seen.extend(numbers(&stream.take(80 - seen.len()).await));
    assert_eq!(seen, (0..80).collect::<Vec<_>>());
    // The header says more than the parameter: a browser sends it when it reconnects to the same address.
    let mut stream = sse::open(&server, None, &format!("{STREAM}?from=0"), Some(79)).await;
    assert_eq!(numbers(&stream.take(1).await), [79]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_beyond_the_end_is_the_end() {
    let server = start().await;
    store(&server, 0..2).await;
    let mut stream = sse::open(&server, None, &format!("{STREAM}?from=281474976710655"), None).await;
    store(&server, 2..3).await;
    assert_eq!(numbers(&stream.take(1).await), [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_lets_through_what_the_list_would_show() {
    let server = start().await;
    let queries = [
        "sessionId=s1",
        "type=cot",
        "actor=ann",
        "source=web",
        "minRisk=0.3",
        "category=TOXIC",
        "category=LOW_RISK",
    ];
    let mut streams = Vec::new();
    for query in queries {
        streams.push(sse::open(&server, None, &format!("{STREAM}?{query}"), None).await);
    }
    let event = |n: u64, kind: &str, session: &str, actor: &str, source: &str, content: &str| json!({"type": kind, "sessionId": session, "actor": actor, "source": source, "content": content, "data": {"n": n}});
    let events = [
        event(0, "message.user", "s1", "ann", "web", "hello"),
        event(1, "cot", "s2", "bot", "api", "terrible, awful, pathetic trash"),
        event(2, "message.user", "s2", "ann", "api", INSULT),
    ];
    server.store_all(events).await;
    server.caught_up().await;
    for (query, stream) in queries.iter().zip(&mut streams) {
        let listed = walk::events(&server, &format!("{query}&order=asc")).await;
        assert!(!listed.is_empty() && listed.len() < 3, "{query}");
        let frames = stream.take(listed.len()).await;
        let shown: Vec<Value> = frames.into_iter().map(|frame| frame.data).collect();
        assert_eq!(shown, listed, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_more_than_the_lag_allows_is_told_what_was_left_out() {
    let server = start_with(|config| config.stream.lag_max_events = 3).await;
    store(&server, 0..10).await;
    server.caught_up().await;
    let mut stream = sse::open(&server, None, &format!("{STREAM}?from=2"), None).await;
    let gap = stream.take(1).await.remove(0);
    assert_eq!((gap.event.as_str(), gap.id), ("gap", Some(10)));
    assert_eq!(gap.data, json!({"from": 2, "to": 10}));
    store(&server, 10..12).await;
    assert_eq!(numbers(&stream.take(2).await), [10, 11], "and goes on after the gap");
    let mut near = sse::open(&server, None, &format!("{STREAM}?from=9"), None).await;
    assert_eq!(numbers(&near.take(3).await), [9, 10, 11], "three behind is near enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stops_reading_misses_events_and_is_told_which() {
    let server = start_with(|config| config.stream.lag_max_events = 100).await;
    let mut stream = sse::open(&server, None, STREAM, None).await;
    // Far more than the sockets hold, so the server has to wait for the reader, and falls behind on purpose.
    let (count, text) = (600_u64, "x".repeat(45_000));
    for first in (0..count).step_by(60) {
        let event = |n| json!({"type": "a", "content": text, "data": {"n": n}});
        server.store_all((first..first + 60).map(event)).await;
        server.caught_up().await;
    }
    let (mut next, mut gaps) = (0, 0);
    while next < count {
        let frame = stream.next_event().await.expect("the stream goes on");
        if frame.event == "gap" {
            assert_eq!(frame.data["from"], next, "a gap starts where reading stopped");
            next = frame.data["to"].as_u64().unwrap();
            gaps += 1;
        } else {
            assert_eq!(frame.data["position"], next, "nothing is missing without a gap");
            next += 1;
        }
        assert_eq!(frame.id, Some(next));
    }
    assert!(gaps > 0, "the reader was too slow");
}

/// A frame that dispatches nothing and says where to resume.
fn assert_heartbeat(frame: &sse::Frame) {
    assert!(frame.id.is_some() && frame.event.is_empty(), "{frame:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_filled_with_heartbeats() {
    let server = start_with(|config| config.stream.heartbeat_ms = 50).await;
    let mut quiet = sse::open(&server, None, STREAM, None).await;
    for _ in 0..3 {
        assert_heartbeat(&quiet.next().await.unwrap());
    }
    // A filter that lets nothing through is silence too, however much goes by.
    let mut filtered = sse::open(&server, None, &format!("{STREAM}?type=none"), None).await;
    store(&server, 0..50).await;
    assert_heartbeat(&filtered.next().await.unwrap());
    store(&server, 50..51).await;
    assert_eq!(
        numbers(&quiet.take(51).await),
        (0..51).collect::<Vec<_>>(),
        "and events come through in between"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_whose_filter_lets_nothing_through_moves_on_all_the_same() {
    let server = start_with(|config| {
        config.stream.heartbeat_ms = 50;
        config.stream.lag_max_events = 100;
    });
    let server = server.await;
    let mut stream = sse::open(&server, None, &format!("{STREAM}?type=none"), None).await;
    // More goes by than a reader may lag; this one does not lag, it just has nothing to show.
    for first in (0..200).step_by(50) {
        store(&server, first..first + 50).await;
        server.caught_up().await;
        let passed = first + 50;
        while stream.next().await.expect("a heartbeat").id != Some(passed) {}
    }
    server.store(json!({"type": "none", "data": {"n": 200}})).await;
    let frame = stream.next_event().await.expect("the stream goes on");
    assert_eq!((frame.event.as_str(), frame.id), ("event", Some(201)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_as_short_as_can_be_starves_no_reader() {
    let server = start_with(|config| config.stream.heartbeat_ms = 1).await;
    let mut stream = sse::open(&server, None, STREAM, None).await;
    store(&server, 0..5).await;
    assert_eq!(numbers(&stream.take(5).await), [0, 1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_within_a_second_after_its_key_is_revoked() {
    let server = start().await;
    let (made, other) = (
        command::make_key(server.data_dir(), "proj_a", "read"),
        command::make_key(server.data_dir(), "proj_a", "read,ingest"),
    );
    for key in [&made.key, &other.key] {
        let client = server.with_key(key);
        eventually("the key counts", async || (client.get("/v1/events").await.status == 200).then_some(()))
            .await;
    }
    let mut stream = sse::open(&server, Some(&made.key), STREAM, None).await;
    let mut stays = sse::open(&server, Some(&other.key), STREAM, None).await;
    let client = server.with_key(&other.key);
    client.store(json!({"type": "a", "data": {"n": 0}})).await;
    assert_eq!(numbers(&stream.take(1).await), [0]);
    command::say(server.data_dir(), &["key", "revoke", &made.id]);
    let revoked = Instant::now();
    assert_eq!(stream.next().await, None);
    assert!(revoked.elapsed() < A_SECOND, "{:?}", revoked.elapsed());
    client.store(json!({"type": "a", "data": {"n": 1}})).await;
    assert_eq!(numbers(&stays.take(2).await), [0, 1], "another key's stream goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_at_once_when_the_server_stops() {
    let mut server = start().await;
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(sse::open(&server, None, STREAM, None).await);
    }
    let started = Instant::now();
    server.stop().await;
    assert!(started.elapsed() < A_SECOND, "{:?}", started.elapsed());
    for stream in &mut streams {
        assert_eq!(stream.next().await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_are_bounded_and_a_place_is_free_again_when_one_leaves() {
    let server = start_with(|config| config.stream.readers_max = 2).await;
    let first = sse::open(&server, None, STREAM, None).await;
    let _second = sse::open(&server, None, STREAM, None).await;
    let answer = server.get(STREAM).await;
    answer.problem(503, "too-many-readers");
    assert!(!answer.header("retry-after").is_empty());
    assert_eq!(server.read("/v1/metrics").await["stream_readers"], 2);
    drop(first);
    within(A_SECOND, "the place is free", async || {
        (sse::open(&server, None, STREAM, None).await.status == 200).then_some(())
    })
    .await;
}

/// It was ignored, so that the reader began with what came next and never heard of what it had missed.
#[tokio::test(flavor = "multi_thread")]
async fn a_last_event_id_that_is_no_text_is_refused() {
    let server = start().await;
    let call = server.call(axum::http::Method::GET, STREAM).header("last-event-id", b"\xff1");
    let answer = tokio::time::timeout(A_SECOND * 5, call.send()).await.expect("an answer, not a stream");
    answer.problem(422, "invalid-parameter");
}
