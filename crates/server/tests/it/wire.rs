//! Below the requests: smuggling, slow and oversized heads, refusals while a body is still on its way.

use serde_json::json;

use crate::support::patience::eventually;
use crate::support::raw::{Raw, exchange};
use crate::support::server::{start, start_with};
use crate::support::walk;

const EVENT: &str = r#"{"type":"smuggled"}"#;

/// Requests that two readers could cut in two ways.
fn ambiguous() -> Vec<(&'static str, String)> {
    let post = |headers: &str, body: &str| {
        format!("POST /v1/events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n\r\n{body}")
    };
    let inner =
        format!("POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{EVENT}", EVENT.len());
    let mut cases = vec![
        ("two lengths", post("content-length: 0\r\ncontent-length: 300", &inner)),
        ("two lengths in one", post("content-length: 0, 300", &inner)),
        ("a signed length", post(&format!("content-length: +{}", EVENT.len()), EVENT)),
        ("a negative length", post("content-length: -1", EVENT)),
        ("a hexadecimal length", post("content-length: 0x13", EVENT)),
        ("a spaced length", post("content-length: 1 9", EVENT)),
        ("an endless length", post("content-length: 99999999999999999999999", EVENT)),
        ("a space before the colon", post(&format!("content-length : {}", EVENT.len()), EVENT)),
        ("a folded line", post("content-length: 0\r\n folded: yes", EVENT)),
        ("chunked twice", post("transfer-encoding: chunked, chunked", "0\r\n\r\n")),
        ("chunked not last", post("transfer-encoding: chunked, gzip", "0\r\n\r\n")),
        ("a strange encoding", post("transfer-encoding: xchunked", "0\r\n\r\n")),
        ("a NUL in a header", post("x-a: b\0c\r\ncontent-length: 0", "")),
        ("a NUL in the path", "GET /v1/\0 HTTP/1.1\r\nhost: localhost\r\n\r\n".into()),
        ("no version", "GET /v1/events\r\n\r\n".into()),
        ("another version", "GET /v1/events HTTP/3.0\r\nhost: localhost\r\n\r\n".into()),
        ("no HTTP", "\x16\x03\x01\x02\0\x01\0\x01\u{7f}\x03\x03nonsense\r\n\r\n".into()),
    ];
    for (name, chunk) in [
        ("a negative chunk", "-13"),
        ("a signed chunk", "+13"),
        ("a prefixed chunk", "0x13"),
        ("an endless chunk", "fffffffffffffffff"),
        ("a chunk of words", "nineteen"),
    ] {
        cases.push((name, post("transfer-encoding: chunked", &format!("{chunk}\r\n{EVENT}\r\n0\r\n\r\n"))));
    }
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ambiguous_request_is_refused_and_its_connection_closed() {
    let server = start_with(|config| config.server.request_timeout_ms = 5_000).await;
    for (name, request) in ambiguous() {
        let answer = exchange(server.address, &request);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{name}: {answer}");
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{name}: one answer at most: {answer}");
    }
    // Both a length and chunks: the chunks count, the length is ignored, and nothing is left over for a second one.
    let chunked = format!("{:x}\r\n{EVENT}\r\n0\r\n\r\n", EVENT.len());
    let head = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    let both = format!("{head}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n{chunked}");
    let answer = exchange(server.address, both);
    assert!(answer.matches("HTTP/1.1 ").count() == 1, "{answer}");
    assert!(walk::count(&server).await <= 1);
    assert_eq!(server.get("/health").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversized_head_is_refused() {
    let server = start().await;
    let many: String = (0..150).map(|n| format!("x-{n}: y\r\n")).collect();
    let long = format!("x-long: {}\r\n", "y".repeat(256 << 10));
    for headers in [many, long] {
        let request = format!("GET /health HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
        let answer = exchange(server.address, &request);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    let path = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(100 << 10));
    let answer = exchange(server.address, path);
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_or_a_body_that_never_ends_is_cut_off() {
    let server = start_with(|config| {
        config.server.header_read_timeout_ms = 200;
        config.server.request_timeout_ms = 400;
    });
    let server = server.await;
    let answer = exchange(server.address, b"GET /health HTTP/1.1\r\nhost: lo");
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    let waiting =
        b"POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{\"type\":\"a\"";
    let answer = exchange(server.address, waiting);
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("request-timeout") && answer.contains("retry-after"), "{answer}");
    assert_eq!(walk::count(&server).await, 0);
    let released = async || (server.read("/v1/metrics").await["log_tail"] == 0).then_some(());
    eventually("the server goes on", released).await;
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
