//! Our own traces: what a collector hears of requests, appends and batches, and that it is never waited for.

use std::collections::HashSet;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;
use tidegate_server::config::Secret;
use tokio::net::TcpListener;

use crate::support::collector::{self, Collector, attribute};
use crate::support::patience::eventually;
use crate::support::raw::exchange;
use crate::support::server::{TestServer, start_with};

const TRACE: [u8; 16] = [0x4b; 16];
const CALLER: [u8; 8] = [0x0f; 8];
const CANARY: &str = "canary-6f1d";

/// The `traceparent` of a caller whose trace is sampled, or not.
fn traceparent(flags: &str) -> String {
    format!("00-{}-{}-{flags}", "4b".repeat(16), "0f".repeat(8))
}

async fn traced(collector: &Collector) -> TestServer {
    let url = collector.url.clone();
    start_with(|config| config.telemetry.otlp_endpoint = url).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_continues_its_callers_trace_down_to_the_append() {
    let collector = collector::start().await;
    let mut server = traced(&collector).await;
    let events =
        json!([{"type": "a"}, {"type": "a", "idempotencyKey": "k"}, {"type": "a", "idempotencyKey": "k"}]);
    let call = server.post("/v1/events").header("traceparent", traceparent("01"));
    call.header("x-request-id", "request-7").json(&events).send().await.ok();
    server.stop().await;

    let requests = collector.named("POST /v1/events");
    let [request] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!((request.trace_id.as_slice(), request.parent_span_id.as_slice()), (&TRACE[..], &CALLER[..]));
    assert_eq!(request.kind(), SpanKind::Server);
    for (key, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/v1/events"),
        ("http.response.status_code", "200"),
        ("tidegate.request.id", "request-7"),
    ] {
        assert_eq!(attribute(request, key).as_deref(), Some(value), "{key}");
    }
    let appends = collector.named("log.append");
    let [append] = &appends[..] else { panic!("{appends:?}") };
    assert_eq!((&append.trace_id, &append.parent_span_id), (&request.trace_id, &request.span_id));
    assert_eq!(attribute(append, "tidegate.batch.events").as_deref(), Some("3"));
    assert_eq!(attribute(append, "tidegate.batch.stored").as_deref(), Some("2"));
    assert!(request.start_time_unix_nano <= append.start_time_unix_nano);
    assert!(append.start_time_unix_nano < append.end_time_unix_nano, "it took some time");
    assert!(append.end_time_unix_nano <= request.end_time_unix_nano);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_the_pipeline_links_to_the_requests_whose_events_are_in_it() {
    let collector = collector::start().await;
    let mut server = traced(&collector).await;
    // A commit that is quicker than the answer to its request has no link; that of twenty in a row is not.
    for _ in 0..20 {
        server.store(json!({"type": "a"})).await;
        server.caught_up().await;
    }
    server.stop().await;

    let context = |trace: &[u8], span: &[u8]| (trace.to_owned(), span.to_owned());
    let requests = collector.named("POST /v1/events");
    let requests: HashSet<_> = requests.iter().map(|span| context(&span.trace_id, &span.span_id)).collect();
    assert_eq!(requests.len(), 20, "each in a trace of its own");
    let batches = collector.named("pipeline.batch");
    let events: u32 = batches
        .iter()
        .map(|span| attribute(span, "tidegate.batch.events").unwrap().parse::<u32>().unwrap())
        .sum();
    assert_eq!(events, 20);
    let links: Vec<_> = batches.iter().flat_map(|span| &span.links).collect();
    assert!(!links.is_empty() && links.len() <= 20, "{links:?}");
    assert!(links.iter().all(|link| requests.contains(&context(&link.trace_id, &link.span_id))), "{links:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_span_holds_content_a_key_a_path_or_a_query() {
    let collector = collector::start().await;
    let url = collector.url.clone();
    let mut server = start_with(|config| {
        config.telemetry.otlp_endpoint = url;
        config.access.static_keys = vec![Secret::new(CANARY)];
    })
    .await;
    let client = server.with_key(CANARY);
    let event = json!({"type": CANARY, "content": CANARY, "sessionId": CANARY, "data": {CANARY: CANARY}});
    client.store(event.clone()).await;
    client
        .post(&format!("/v1/events?{CANARY}=1"))
        .json(&event)
        .send()
        .await
        .problem(422, "invalid-parameter");
    client.post("/v1/events").typed("application/json", CANARY).send().await.problem(400, "invalid-json");
    for path in ["/v1/sessions/", "/v1/events?sessionId=", "/nowhere/"] {
        client.get(&format!("{path}{CANARY}")).await;
    }
    client.call(CANARY.parse().unwrap(), "/v1/events").send().await;
    server.stop().await;

    let names: HashSet<_> = collector.spans().into_iter().map(|span| span.name).collect();
    assert!(
        ["GET /v1/sessions/{id}", "GET", "_OTHER /v1/events"].iter().all(|name| names.contains(*name)),
        "{names:?}"
    );
    assert!(!String::from_utf8_lossy(&collector.bytes()).contains(CANARY));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_caller_does_not_sample_is_not_traced() {
    let collector = collector::start().await;
    let url = collector.url.clone();
    let mut server = start_with(|config| {
        config.telemetry.otlp_endpoint = url;
        config.telemetry.otlp_sample_ratio = f64::MIN_POSITIVE;
    })
    .await;
    let send = |flags| {
        server.post("/v1/events").header("traceparent", traceparent(flags)).json(&json!({"type": "a"})).send()
    };
    send("00").await.ok();
    server.store(json!({"type": "a"})).await;
    send("01").await.ok();
    server.stop().await;
    assert_eq!(collector.named("POST /v1/events").len(), 1, "the one that is sampled where it came from");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_gone_costs_spans_and_no_event() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut server = start_with(|config| config.telemetry.otlp_endpoint = format!("http://{gone}")).await;
    for _ in 0..50 {
        server.store(json!({"type": "a"})).await;
    }
    eventually("what is lost is counted", async || {
        let text = server.get("/metrics").await.text();
        text.lines()
            .any(|line| line.starts_with("otlp_spans_dropped_total ") && !line.ends_with(" 0"))
            .then_some(())
    })
    .await;
    assert_eq!(crate::support::walk::count(&server).await, 50);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_says_nothing_is_waited_for_by_nobody() {
    // It takes connections, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let mut server = start_with(|config| {
        config.telemetry.otlp_endpoint = format!("http://{address}");
        config.server.drain_timeout_ms = 500;
    })
    .await;
    let (request, last) = ("GET /health HTTP/1.1\r\nhost: localhost\r\n", "connection: close\r\n\r\n");
    // Together more than are queued and on their way.
    for _ in 0..12 {
        let answers = exchange(server.address, format!("{request}\r\n").repeat(499) + request + last);
        assert_eq!(answers.matches("HTTP/1.1 200").count(), 500);
    }
    server.store(json!({"type": "a"})).await;
    let text = server.get("/metrics").await.text();
    assert!(!text.contains("\notlp_spans_dropped_total 0\n"), "the queue is full");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_retention_deletes_is_traced() {
    let collector = collector::start().await;
    let url = collector.url.clone();
    let server = start_with(|config| {
        config.telemetry.otlp_endpoint = url;
        config.log.segment_max_bytes = 64 << 10;
        config.store.partition_max_events = 50;
        config.log.retention_max_bytes = 1 << 10;
        config.log.retention_interval_ms = 20;
    })
    .await;
    // Several segments, for the newest one is never deleted.
    for _ in 0..10 {
        server.store_all((0..50).map(|_| json!({"type": "a", "content": "x".repeat(400)}))).await;
    }
    let rounds = eventually("a round is traced", async || {
        let rounds = collector.named("log.retention");
        (!rounds.is_empty()).then_some(rounds)
    })
    .await;
    let deleted = |key| attribute(&rounds[0], key).unwrap().parse::<u64>().unwrap();
    assert!(deleted("tidegate.retention.segments") > 0 && deleted("tidegate.retention.bytes") > 0);
}
