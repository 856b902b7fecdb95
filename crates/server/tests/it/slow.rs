//! Slow clients: heads and bodies that trickle, connections that idle, answers that nobody takes. Each is let go.

use std::time::Duration;

use serde_json::json;

use crate::support::patience::eventually;
use crate::support::raw::{Raw, exchange};
use crate::support::server::{TestServer, start_with};
use crate::support::{sse, walk};

/// When a server that does not let go is given up. Far above the limits that are set here.
const LET_GO_WITHIN: Duration = Duration::from_secs(20);
const TRICKLE: Duration = Duration::from_millis(20);

async fn impatient() -> TestServer {
    start_with(|config| {
        config.server.header_read_timeout_ms = 200;
        config.server.request_timeout_ms = 400;
        config.server.write_timeout_ms = 300;
    })
    .await
}

/// Sends `bytes` one at a time until the server closes, and returns what it said.
async fn trickled(server: &TestServer, head: &str, bytes: &'static [u8]) -> String {
    let mut connection = Raw::connect(server.address);
    connection.send(head);
    for byte in bytes.iter().cycle().take(1000) {
        tokio::time::sleep(TRICKLE).await;
        if !connection.send([*byte]) {
            return connection.rest();
        }
    }
    panic!("a thousand bytes one by one, and the server still waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_or_a_body_that_never_ends_is_cut_off() {
    let server = impatient().await;
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
async fn a_head_or_a_body_that_trickles_holds_a_connection_for_its_time_and_no_longer() {
    let server = impatient().await;
    trickled(&server, "GET /health HTTP/1.1\r\nhost: localhost\r\nx-slow: ", b"a").await;
    let head = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n";
    trickled(&server, head, b" ").await;
    let chunked = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    trickled(&server, chunked, b"1\r\n \r\n").await;
    let inflight = async || {
        let text = server.get("/metrics").await.text();
        text.contains("http_body_inflight_bytes 0\n").then_some(())
    };
    eventually("what trickled in is given back", inflight).await;
    assert_eq!(walk::count(&server).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_says_nothing_is_closed_before_and_after_a_request() {
    let server = impatient().await;
    let mut silent = Raw::connect(server.address);
    assert_eq!(silent.rest_within(LET_GO_WITHIN).expect("closed"), "");
    let mut idle = Raw::connect(server.address);
    idle.send("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let answer = idle.rest_within(LET_GO_WITHIN).expect("closed");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// As much as no socket holds.
async fn fill(server: &TestServer) {
    for _ in 0..8 {
        let event = || json!({"type": "a", "content": "x".repeat(45_000)});
        server.store_all((0..100).map(|_| event())).await;
    }
    server.caught_up().await;
}

async fn connections_free(server: &TestServer) {
    // One connection is all there is, so an answer says that it is free.
    let freed = async || server.get("/health").await.status == 200;
    assert!(tokio::time::timeout(LET_GO_WITHIN, freed()).await.expect("the connection is free again"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_takes_its_answer_is_let_go() {
    let server = start_with(|config| {
        config.server.connections_max = 1;
        config.server.write_timeout_ms = 300;
    });
    let server = server.await;
    fill(&server).await;
    let mut deaf = Raw::connect(server.address);
    // Together far more than the sockets hold.
    for _ in 0..16 {
        deaf.send("GET /v1/events?limit=200 HTTP/1.1\r\nhost: localhost\r\n\r\n");
    }
    connections_free(&server).await;
    drop(deaf);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_reader_that_never_reads_is_let_go() {
    let server = start_with(|config| {
        config.server.write_timeout_ms = 300;
        config.stream.readers_max = 1;
    });
    let server = server.await;
    let deaf = sse::open(&server, None, "/v1/events/stream", None).await;
    fill(&server).await;
    eventually("its place is free", async || {
        server.get("/metrics").await.text().contains("stream_readers 0\n").then_some(())
    })
    .await;
    drop(deaf);
}
