//! Pages: nothing skipped, nothing twice, while writes go on; limits lowered and said so.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::client::Client;
use crate::support::server::{TestServer, start, start_with};
use crate::support::{INSULT, walk};

/// Keeps writing until told to stop; gives the number of events written.
async fn write_on(client: Client, stop: Arc<AtomicBool>) -> usize {
    let mut written = 0;
    while !stop.load(Ordering::Relaxed) {
        let session = format!("new{written}");
        let event = |n| json!({"type": "late", "sessionId": session, "content": INSULT, "data": {"n": n}});
        client.store_all((0..3).map(event)).await;
        written += 3;
    }
    written
}

/// Runs `read` while events are written.
async fn while_writing<T>(server: &TestServer, read: impl AsyncFnOnce() -> T) -> T {
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for _ in 0..2 {
        let client = Client::new(server.address);
        writers.spawn(write_on(client, Arc::clone(&stop)));
    }
    let answer = read().await;
    stop.store(true, Ordering::Relaxed);
    let written: usize = writers.join_all().await.into_iter().sum();
    assert!(written > 0, "the writers wrote");
    answer
}

fn is_unique(rows: &[Value], pointer: &str) -> bool {
    let ids = walk::texts(rows, pointer);
    ids.iter().collect::<HashSet<_>>().len() == ids.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_walked_just_once_while_writes_go_on() {
    let server = start().await;
    let event = |n: usize| {
        let content = if n.is_multiple_of(2) { INSULT } else { "hello" };
        json!({"type": "early", "sessionId": format!("s{}", n % 5), "content": content, "data": {"n": n}})
    };
    server.store_all((0..200).map(event)).await;
    server.caught_up().await;
    type Wanted = fn(&u64) -> bool;
    let lists: [(&str, Wanted); 4] = [
        ("limit=7&order=desc", |_| true),
        ("limit=7&order=desc&minRisk=0.5", |n| n % 2 == 0),
        ("limit=7&order=desc&sessionId=s3", |n| n % 5 == 3),
        ("limit=7&order=desc&type=early", |_| true),
    ];
    for (query, is_in) in lists {
        let rows = while_writing(&server, async || walk::events(&server, query).await).await;
        assert!(is_unique(&rows, "/eventId"), "{query}");
        let early = rows.iter().filter(|row| row["type"] == "early");
        let numbers: Vec<_> = early.map(|row| row["data"]["n"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (0..200).rev().filter(is_in).collect::<Vec<_>>(), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_forward_sees_every_event_in_order_while_writes_go_on() {
    let server = start().await;
    server.store_all((0..300).map(|n| json!({"type": "early", "data": {"n": n}}))).await;
    let rows = while_writing(&server, async || {
        // New events keep the list going: a fixed number of pages.
        let (mut rows, mut path) = (Vec::new(), "/v1/events?order=asc&limit=13".to_owned());
        for _ in 0..40 {
            let page = server.read(&path).await;
            rows.extend(page["events"].as_array().unwrap().iter().cloned());
            match page["nextCursor"].as_str() {
                Some(cursor) => path = format!("/v1/events?order=asc&limit=13&cursor={cursor}"),
                None => break,
            }
        }
        rows
    });
    let rows = rows.await;
    let positions: Vec<_> = rows.iter().map(|row| row["position"].as_u64().unwrap()).collect();
    let expected: Vec<_> = (0..positions.len() as u64).collect();
    assert_eq!(positions, expected, "dense, in order, each once");
    assert!(positions.len() >= 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_walked_just_once_while_new_ones_come() {
    let server = start().await;
    server
        .store_all((0..120).map(|n| json!({"type": "a", "sessionId": format!("s{n:03}"), "content": INSULT})))
        .await;
    server.caught_up().await;
    for query in [
        "sortBy=createdAt&sortOrder=asc",
        "sortBy=createdAt",
        "sortBy=riskScore",
        "sortBy=riskScore&sortOrder=asc",
        "",
    ] {
        let path = format!("/v1/sessions?limit=9&{query}");
        // Ascending lists grow at their end for as long as somebody writes.
        let until = if query.contains("asc") { 60 } else { usize::MAX };
        let rows = while_writing(&server, async || pages(&server, &path, until).await).await;
        // A session that goes on moves in a list by risk; one that rests is there just once.
        let early: Vec<_> = walk::texts(&rows, "/id").into_iter().filter(|id| id.starts_with('s')).collect();
        assert_eq!((early.len(), early.iter().collect::<HashSet<_>>().len()), (120, 120), "{query}");
    }
}

async fn pages(server: &TestServer, path: &str, until: usize) -> Vec<Value> {
    let (mut rows, mut next, mut count) = (Vec::new(), Some(path.to_owned()), 0);
    while let Some(path_now) = next.filter(|_| count < until) {
        let page = server.read(&path_now).await;
        rows.extend(page["sessions"].as_array().unwrap().iter().cloned());
        next = page["nextCursor"].as_str().map(|cursor| format!("{path}&cursor={cursor}"));
        count += 1;
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_above_the_largest_is_lowered_and_said_so() {
    let server = start_with(|config| {
        config.query.page_default = 3;
        config.query.page_max = 5;
    });
    let server = server.await;
    server.store_all((0..10).map(|n| json!({"type": "a", "sessionId": format!("s{n}")}))).await;
    server.caught_up().await;
    for (path, rows) in [("/v1/events", "events"), ("/v1/sessions", "sessions")] {
        for (query, count, notice) in [
            ("", 3, Value::Null),
            ("?limit=5", 5, Value::Null),
            ("?limit=6", 5, json!("limit 6 was lowered to 5")),
            ("?limit=1000000", 5, json!("limit 1000000 was lowered to 5")),
        ] {
            let page = server.read(&format!("{path}{query}")).await;
            assert_eq!(page[rows].as_array().unwrap().len(), count, "{path}{query}");
            assert_eq!(page["notice"], notice, "{path}{query}");
        }
    }
    let page = server.read("/v1/quarantine?limit=6").await;
    assert_eq!(page["notice"], "limit 6 was lowered to 5");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_for_little_goes_on_by_cursor_and_finds_it() {
    let server = start_with(|config| {
        config.query.page_max = 100;
        config.query.scan_max_records = 100;
    });
    let server = server.await;
    server.store(json!({"type": "needle"})).await;
    server.store_all((0..900).map(|_| json!({"type": "hay"}))).await;
    let first = server.read("/v1/events?type=needle").await;
    assert_eq!(first["events"], json!([]), "the work for one page is bounded");
    assert!(first["nextCursor"].is_string());
    let found = walk::events(&server, "type=needle").await;
    assert_eq!(walk::texts(&found, "/type"), ["needle"]);
    assert!(walk::events(&server, "type=nothing").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_large_events_is_short_and_the_walk_still_whole() {
    let server = start_with(|config| config.query.page_max_bytes = 100_000).await;
    let sizes = [30_000, 49_000, 10, 49_000, 49_000, 200_000, 10, 10, 30_000, 30_000, 30_000, 30_000];
    let event = |(n, size): (usize, &usize)| {
        // Four bytes a character, which is as large as content gets.
        let content = "😀".repeat(size / 4);
        json!({"type": "a", "sessionId": "s", "content": content, "data": {"n": n}})
    };
    server.store_all(sizes.iter().enumerate().map(event)).await;
    server.caught_up().await;
    for (query, expected) in
        [("order=asc", (0..12).collect::<Vec<_>>()), ("order=desc", (0..12).rev().collect())]
    {
        for limit in [1, 2, 50, 1000] {
            let path = format!("/v1/events?{query}&limit={limit}");
            let page = server.get(&path).await;
            assert!(page.body.len() < 220_000, "{path}: {} bytes", page.body.len());
            let events = walk::events(&server, &format!("{query}&limit={limit}")).await;
            let numbers: Vec<_> = events.iter().map(|event| event["data"]["n"].as_u64().unwrap()).collect();
            assert_eq!(numbers, expected, "{path}");
        }
    }
    let mut stream = crate::support::sse::open(&server, None, "/v1/events/stream?from=0", None).await;
    for (n, frame) in stream.take(12).await.iter().enumerate() {
        assert_eq!(frame.data["data"]["n"], n);
    }
}
