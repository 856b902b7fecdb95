//! SIGTERM: requests at hand are answered, idle connections are let go, the exit is 0.

use serde_json::json;
use tokio::net::TcpStream;

use crate::support::child::Serve;
use crate::support::patience::eventually;
use crate::support::raw::Raw;
use crate::support::{sse, walk};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_at_hand_is_answered_and_its_event_is_durable() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Serve::dev(dir.path()).start().await;
    let mut idle = Raw::connect(server.address);
    let mut stream = sse::open(&server, None, "/v1/events/stream", None).await;
    let body = json!({"type": "a", "content": "in flight"}).to_string();
    let (first, rest) = body.split_at(10);
    let mut at_hand = Raw::connect(server.address);
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{first}",
        body.len()
    );
    at_hand.send(head);
    eventually("the request is being read", async || {
        server.get("/metrics").await.text().contains("http_body_inflight_bytes 10\n").then_some(())
    })
    .await;
    server.terminate();
    assert_eq!(stream.next().await, None, "live streams end");
    assert_eq!(idle.rest(), "", "idle connections are closed");
    let refused =
        eventually("no new connections", async || TcpStream::connect(server.address).await.err()).await;
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    at_hand.send(rest);
    let answer = at_hand.rest();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let status = server.ended().await;
    assert_eq!(status.code(), Some(0), "{}", server.stderr());
    assert!(!dir.path().join("server.json").exists());
    let server = Serve::dev(dir.path()).start().await;
    assert_eq!(walk::texts(&walk::events(&server, "").await, "/content"), ["in flight"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_never_ends_is_cut_off_at_the_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Serve::dev(dir.path()).set("SERVER__DRAIN_TIMEOUT_MS", 300).start().await;
    server.store(json!({"type": "a"})).await;
    let mut stuck = Raw::connect(server.address);
    stuck.send("POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{");
    eventually("the request is being read", async || {
        server.get("/metrics").await.text().contains("http_body_inflight_bytes 1\n").then_some(())
    })
    .await;
    server.terminate();
    let status = server.ended().await;
    assert_eq!(status.code(), Some(0), "{}", server.stderr());
    assert!(server.stderr().contains("cut off"), "{}", server.stderr());
    let server = Serve::dev(dir.path()).start().await;
    assert_eq!(walk::count(&server).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_under_load_it_loses_nothing_that_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut acked = Vec::new();
    for round in 0..3 {
        let mut server = Serve::dev(dir.path()).start().await;
        let mut sent = 0;
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..4 {
            let client = crate::support::client::Client::new(server.address);
            tasks.spawn(async move {
                let mut ids = Vec::new();
                loop {
                    let event =
                        json!({"type": "a", "data": {"round": round, "writer": writer, "n": ids.len()}});
                    match client.post("/v1/events").json(&event).try_send().await {
                        Ok(answer) if answer.status == 200 => {
                            ids.push(answer.json()["eventId"].as_str().unwrap().to_owned());
                        }
                        Ok(answer) => drop(answer.problem(503, "shutting-down")),
                        Err(_) => return ids,
                    }
                }
            });
        }
        eventually("there is load", async || {
            sent = server.read("/v1/metrics").await["log_tail"].as_u64().unwrap();
            (sent >= acked.len() as u64 + 20).then_some(())
        })
        .await;
        server.terminate();
        assert_eq!(server.ended().await.code(), Some(0), "{}", server.stderr());
        acked.extend(tasks.join_all().await.into_iter().flatten());
    }
    let server = Serve::dev(dir.path()).start().await;
    let mut stored = walk::texts(&walk::events(&server, "limit=1000").await, "/eventId");
    stored.sort();
    acked.sort();
    assert_eq!(stored, acked, "every answer was given before the end");
}
