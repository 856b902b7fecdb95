//! Many of a kind: one session with nearly all events, many sessions, many live readers. Work is counted, not timed:
//! a query may look at few records, so a page that comes back full was found without a search.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::INSULT;
use crate::support::patience::eventually;
use crate::support::server::start_with;
use crate::support::{sse, walk};

const PAGE: usize = 10;
/// Records a query may look at: hardly more than it shows.
const SCAN: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_session_is_found_without_a_search_however_large_the_session_or_rare_its_events() {
    let server = start_with(|config| {
        config.query.page_default = PAGE;
        config.query.page_max = PAGE;
        config.query.scan_max_records = SCAN;
    })
    .await;
    // Nine of ten events are one session's; the others belong to 60 small ones.
    let session =
        |n: usize| if n.is_multiple_of(10) { format!("small-{}", n / 10 % 60) } else { "large".to_owned() };
    for first in (0..12_000).step_by(1000) {
        let event =
            |n| json!({"type": "a", "sessionId": session(n), "content": "x".repeat(300), "data": {"n": n}});
        server.store_all((first..first + 1000).map(event)).await;
    }
    server.caught_up().await;
    let segments = server.read("/v1/metrics").await["log_segments"].as_u64().unwrap();
    assert!(segments > 3, "{segments} segments: the sessions go through several");
    for (session, count) in [("large", 10_800), ("small-0", 20), ("small-59", 20)] {
        for order in ["asc", "desc"] {
            let path = format!("/v1/events?sessionId={session}&order={order}");
            let first = server.read(&path).await;
            assert_eq!(first["events"].as_array().unwrap().len(), PAGE, "{session} {order}: a full page");
        }
        let detail = server.read(&format!("/v1/sessions/{session}")).await;
        assert_eq!(detail["session"]["eventCount"], count, "{detail}");
    }
    let all = walk::events(&server, "sessionId=large&order=asc").await;
    let numbers: Vec<_> = all.iter().map(|event| event["data"]["n"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted() && numbers.len() == 10_800, "{}", numbers.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_sessions_are_listed_once_each_page_by_page() {
    let server = start_with(|_| {}).await;
    let count = 5000;
    for first in (0..count).step_by(1000) {
        let content = |n| if n % 3 == 0 { INSULT } else { "hello" };
        let event = |n| json!({"type": "a", "sessionId": format!("s-{n:05}"), "content": content(n)});
        server.store_all((first..first + 1000).map(event)).await;
    }
    server.caught_up().await;
    for sort in ["", "&sortBy=riskScore"] {
        let sessions = walk::walk(&server, &format!("/v1/sessions?limit=300{sort}"), "sessions").await;
        let ids: BTreeSet<_> = walk::texts(&sessions, "/sessionId").into_iter().collect();
        assert_eq!((sessions.len(), ids.len()), (count, count), "{sort}");
        let risks: Vec<_> = sessions.iter().map(|s| s["currentRiskScore"].as_f64().unwrap()).collect();
        assert!(sort.is_empty() || risks.is_sorted_by(|a, b| a >= b), "the riskiest first");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_idle_readers_each_see_the_next_event_and_leave_their_places() {
    let readers = 300;
    let server = start_with(|config| config.stream.readers_max = readers).await;
    let mut streams = Vec::new();
    for _ in 0..readers {
        streams.push(sse::open(&server, None, "/v1/events/stream", None).await);
    }
    assert_eq!(
        sse::open(&server, None, "/v1/events/stream", None).await.status,
        503,
        "one more than there are places"
    );
    let id = server.store(json!({"type": "a"})).await["eventId"].clone();
    for stream in &mut streams {
        assert_eq!(stream.next_event().await.expect("the stream goes on").data["eventId"], id);
    }
    drop(streams);
    eventually("their places are free", async || {
        let open: Value = server.read("/v1/metrics").await["stream_readers"].clone();
        (open == 0).then_some(())
    })
    .await;
}
