//! Below the requests: oversized heads, chunks, pipelines, refusals while a body is still on its way.

use serde_json::json;

use crate::support::raw::{Raw, exchange};
use crate::support::server::{start, start_with};
use crate::support::walk;

#[tokio::test(flavor = "multi_thread")]
async fn an_oversized_head_is_refused() {
    let server = start().await;
    let many: String = (0..150).map(|n| format!("x-{n}: y\r\n")).collect();
    let long = format!("x-long: {}\r\n", "y".repeat(256 << 10));
    let endless = format!("x-endless: {}", "y".repeat(1 << 20));
    for headers in [many, long, endless] {
        let request = format!("GET /health HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
        let answer = exchange(server.address, &request);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{answer}");
    }
    let path = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(100 << 10));
    let answer = exchange(server.address, path);
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_announced_too_large_is_refused_before_it_is_sent() {
    let server = start().await;
    let head = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999999\r\n\r\n{";
    let mut connection = Raw::connect(server.address);
    connection.send(head);
    assert_eq!(connection.take(12), "HTTP/1.1 413");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunked_body_is_read_and_counted() {
    let server = start().await;
    let head = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let event = json!({"type": "a", "content": "in pieces"}).to_string();
    let chunks: String = event
        .as_bytes()
        .chunks(3)
        .map(|c| format!("{:x}\r\n{}\r\n", c.len(), String::from_utf8_lossy(c)))
        .collect();
    let answer = exchange(server.address, format!("{head}{chunks}0\r\n\r\n"));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(walk::events(&server, "").await[0]["content"], "in pieces");
    // More than the limit, without ever saying how much.
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
    let mut connection = Raw::connect(server.address);
    connection.send(head);
    let sent = (0..256).take_while(|_| connection.send(&chunk)).count();
    assert!(sent < 128, "the server stops reading after a while: {sent} MiB");
    assert_eq!(walk::count(&server).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_serves_many_requests_in_order() {
    let server = start().await;
    let post = |n: usize| {
        let event = json!({"type": "a", "data": {"n": n}}).to_string();
        format!(
            "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{event}",
            event.len()
        )
    };
    let pipelined: String = (0..5).map(post).collect();
    let last = "GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answer = exchange(server.address, format!("{pipelined}{last}"));
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 6, "{answer}");
    let events = walk::events(&server, "order=asc").await;
    assert_eq!(events.iter().map(|e| e["data"]["n"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_bounded_and_the_next_one_waits_its_turn() {
    let server = start_with(|config| config.server.connections_max = 2).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut connection = Raw::connect(server.address);
        connection.send("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n");
        assert_eq!(connection.take(15), "HTTP/1.1 200 OK");
        held.push(connection);
    }
    let mut third = Raw::connect(server.address);
    third.send("GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    drop(held.pop());
    let answer = third.rest();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_still_sending_reads_why_it_was_refused() {
    let server = start().await;
    // More than the sockets hold, so the answer must not come before the server has read on.
    let body = vec![b' '; 12 << 20];
    for _ in 0..3 {
        let post = || server.post("/v1/events").body(body.clone());
        server
            .with_key("wrong")
            .post("/v1/events")
            .body(body.clone())
            .send()
            .await
            .problem(401, "invalid-api-key");
        post().header("content-type", "text/plain").send().await.problem(415, "unsupported-media-type");
        post().header("content-encoding", "lzma").send().await.problem(415, "unsupported-encoding");
        server.post("/nowhere").body(body.clone()).send().await.problem(404, "not-found");
        server.post("/health").body(body.clone()).send().await.problem(405, "method-not-allowed");
        server.post("/v1/events?wait=x").body(body.clone()).send().await.problem(422, "invalid-parameter");
    }
    // One that asks first is told without having to send, and one that falls silent is not waited for.
    let head = "POST /nowhere HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 999999\r\n";
    for expect in ["expect: 100-continue\r\n", ""] {
        let answer = exchange(server.address, format!("{head}{expect}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 404"), "{expect}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn development_mode_trusts_no_second_host() {
    let server = start().await;
    for request in [
        "GET /v1/events HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\nconnection: close\r\n\r\n",
        "GET http://evil.example/v1/events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        "GET http://localhost@evil.example/v1/events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
    ] {
        let answer = exchange(server.address, request);
        assert!(answer.starts_with("HTTP/1.1 4"), "{request}: {answer}");
    }
    let own = format!(
        "GET http://{}/v1/events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        server.address
    );
    assert!(exchange(server.address, own).starts_with("HTTP/1.1 200"));
}
