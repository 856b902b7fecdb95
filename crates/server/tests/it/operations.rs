//! What operators and probes ask: health, readiness, metrics, the API's description, ids of requests and traces.

use std::collections::HashMap;

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::patience::eventually;
use crate::support::server::{TestServer, start, start_with};
use crate::support::{INSULT, walk};

#[tokio::test(flavor = "multi_thread")]
async fn health_and_readiness_say_how_the_server_is() {
    let server = start().await;
    let health = server.read("/health").await;
    assert_eq!((&health["status"], &health["service"]), (&json!("ok"), &json!("tidegate")));
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    let ready = server.read("/ready").await;
    assert_eq!(ready["status"], "ready");
    let names = walk::texts(ready["checks"].as_array().unwrap(), "/name");
    assert_eq!(
        names,
        ["draining", "log", "log_integrity", "views", "pipeline", "screening", "analysis", "embedding"]
    );
    assert!(
        ready["checks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|check| check["ok"] == true && check["detail"].is_string())
    );
}

/// The metrics by name, after a check of the text's form.
fn parse_prometheus(text: &str) -> HashMap<String, f64> {
    let mut types = HashMap::new();
    let mut values = HashMap::new();
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':')
    };
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "declared once: {line}");
            continue;
        }
        if line.starts_with("# HELP ") {
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("a sample: {line}"));
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("a number: {line}"));
        let name = series.split('{').next().unwrap();
        assert!(is_name(name) && value.is_finite(), "{line}");
        if let Some(labels) = series.strip_prefix(name).filter(|labels| !labels.is_empty()) {
            assert!(labels.starts_with('{') && labels.ends_with("\"}") && labels.contains("=\""), "{line}");
        }
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end).filter(|f| types.contains_key(*f)));
        assert!(types.contains_key(family.unwrap_or(name)), "a type for {line}");
        *values.entry(name.to_owned()).or_insert(0.0) += value;
    }
    values
}

async fn metrics(server: &TestServer) -> HashMap<String, f64> {
    let answer = server.get("/metrics").await;
    assert!(
        answer.header("content-type").starts_with("text/plain; version=0.0.4"),
        "{}",
        answer.header("content-type")
    );
    parse_prometheus(&answer.text())
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_prometheus_text_with_the_seeds_names_and_count() {
    let server = start().await;
    let event = json!({"type": "message.user", "content": INSULT, "idempotencyKey": "k"});
    server.post("/v1/events?wait=screened").json(&event).send().await.ok();
    server.store(event).await;
    server.post("/v1/events").json(&json!({"type": 7})).send().await.problem(422, "invalid-event");
    server.post("/v1/risk/screen").json(&json!({"content": "x"})).send().await.ok();
    // The pipeline counts a batch right after it shows it.
    let now = eventually("the batch is counted", async || {
        Some(metrics(&server).await).filter(|now| now["pipeline_events_total"] == 1.0)
    });
    let now = now.await;
    for (name, value) in [
        ("events_received_total", 2.0),
        ("events_deduplicated_total", 1.0),
        ("events_accepted_total", 1.0),
        ("events_queue_depth", 0.0),
        ("ingestion_latency_ms_count", 2.0),
        ("validation_errors_total", 1.0),
        ("events_screened_total", 2.0),
        ("embedding_latency_ms_count", 0.0),
        ("screening_risk_score_count", 2.0),
        ("log_refusing", 0.0),
        ("log_quarantined_ranges", 0.0),
        ("pipeline_lag_events", 0.0),
        ("pipeline_events_total", 1.0),
        ("stream_readers", 0.0),
        ("http_body_inflight_bytes", 0.0),
    ] {
        assert_eq!(now.get(name), Some(&value), "{name}");
    }
    assert!(now["screening_latency_ms_count"] >= 1.0 && now["log_disk_bytes"] > 0.0);
    assert!(now["http_requests_total"] >= 4.0);
    let text = server.get("/metrics").await.text();
    assert!(text.contains(r#"events_received_total{event_type="message.user",platform="api"} 2"#), "{text}");
    assert!(text.contains(r#"validation_errors_total{error_type="wrong_type"} 1"#), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_of_clients_never_become_labels() {
    let server = start().await;
    for n in 0..20 {
        server.get(&format!("/v1/sessions/canary-{n}")).await;
        server.get(&format!("/canary-{n}")).await;
    }
    let text = server.get("/metrics").await.text();
    assert!(!text.contains("canary"), "{text}");
    assert!(text.contains(r#"route="/v1/sessions/{id}",status="404"} 20"#), "{text}");
    assert!(text.contains(r#"route="unmatched",status="404"} 20"#), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn v1_metrics_is_json_for_people_and_text_for_scrapers() {
    let server = start().await;
    server.store(json!({"type": "a", "content": INSULT})).await;
    server.caught_up().await;
    let get = |accept: &'static str| server.call(Method::GET, "/v1/metrics").header("accept", accept).send();
    for accept in ["*/*", "application/json", "text/html,*/*;q=0.8", "application/json, text/plain, */*"] {
        let json = get(accept).await.ok();
        for name in [
            "service",
            "queue_depth",
            "max_queue_depth",
            "queue_capacity_percent",
            "dedup_window_seconds",
            "backpressure_enabled",
            "backpressure_threshold",
            "avg_latency_ms",
            "model",
            "device",
            "threshold",
            "embedding_dim",
        ] {
            assert!(!json[name].is_null(), "seed 002's {name}, for {accept}");
        }
        assert_eq!(
            (&json["events_accepted"], &json["log_tail"], &json["checkpoint"]),
            (&json!(1), &json!(1), &json!(1))
        );
        assert!(json["avg_latency_ms"].as_f64().unwrap() > 0.0);
    }
    for accept in [
        "text/plain",
        "text/plain;version=0.0.4",
        "application/openmetrics-text;version=1.0.0,text/plain;q=0.5,*/*;q=0.1",
    ] {
        let answer = get(accept).await;
        assert!(parse_prometheus(&answer.text()).contains_key("events_queue_depth"), "{accept}");
    }
    assert!(server.read("/v1/metrics").await["queue_depth"].is_number(), "without Accept");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_describes_itself() {
    let server = start().await;
    let document = server.read("/openapi.json").await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    assert_eq!(document["info"]["title"], "Tidegate");
    // Every reference leads somewhere.
    let mut open = vec![&document];
    let mut references = 0;
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                if let Some(target) = members.get("$ref").and_then(Value::as_str) {
                    let pointer = target.strip_prefix('#').expect("a local reference");
                    assert!(document.pointer(pointer).is_some(), "{target}");
                    references += 1;
                }
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    assert!(references > 10, "{references}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_browser_loads_from_this_server_alone() {
    let server = start().await;
    let redirect = server.get("/docs").await;
    assert_eq!((redirect.status, redirect.header("location")), (308, "/docs/"));
    let page = server.get("/docs/").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    let html = page.text();
    let attribute =
        |name: &'static str| html.split(name).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    let links: Vec<_> = attribute("src=\"").chain(attribute("href=\"")).collect();
    assert!(links.len() >= 3, "{html}");
    for link in links {
        assert!(!link.contains("//"), "{link} is another host's");
        let file = server.get(&format!("/docs/{}", link.trim_start_matches("./"))).await;
        assert_eq!(file.status, 200, "{link}");
        let text = file.text();
        // Inside the scripts addresses stand in texts and namespaces; what loads would be a CDN's.
        for host in ["cdn.", "unpkg.com", "jsdelivr", "fonts.googleapis", "googletagmanager"] {
            assert!(!text.contains(host), "{link}: {host}");
        }
    }
    let script = server.get("/docs/swagger-initializer.js").await.text();
    assert!(script.contains("/openapi.json") && !script.contains("petstore"), "{script}");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_is_echoed_if_harmless_and_made_otherwise() {
    let server = start().await;
    let get = |path: &str, id: &str| server.call(Method::GET, path).header("x-request-id", id).send();
    for path in ["/health", "/nowhere", "/v1/events/none", "/docs/"] {
        assert_eq!(get(path, "req-1:a.b_C").await.header("x-request-id"), "req-1:a.b_C", "{path}");
    }
    assert_eq!(get("/nowhere", "req-1").await.json()["requestId"], "req-1");
    let long = "x".repeat(129);
    for odd in ["", "a b", "a\"b", "\u{e9}", "<script>", long.as_str()] {
        let answer = get("/health", odd).await;
        let made = answer.header("x-request-id");
        assert!(made != odd && made.len() == 32, "{odd}: {made}");
    }
    let ids: std::collections::HashSet<_> = {
        let mut ids = std::collections::HashSet::new();
        for _ in 0..50 {
            ids.insert(server.get("/health").await.header("x-request-id").to_owned());
        }
        ids
    };
    assert_eq!(ids.len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_and_methods_are_problems() {
    let server = start().await;
    for path in ["/nowhere", "/v1/", "/v2/events", "/v1/events/a/b", "/health/x"] {
        server.get(path).await.problem(404, "not-found");
        server.post(path).body("x").send().await.problem(404, "not-found");
    }
    for (method, path, allowed) in [
        (Method::DELETE, "/v1/events", "GET,HEAD,POST"),
        (Method::PUT, "/v1/sessions", "GET,HEAD"),
        (Method::POST, "/health", "GET,HEAD"),
        (Method::GET, "/v1/risk/screen", "POST"),
        (Method::PATCH, "/v1/events/ingest-batch", "POST"),
        (Method::POST, "/openapi.json", "GET,HEAD"),
        (Method::TRACE, "/v1/events", "GET,HEAD,POST"),
    ] {
        let answer = server.call(method.clone(), path).send().await;
        answer.problem(405, "method-not-allowed");
        let mut said: Vec<_> = answer.header("allow").split(',').map(str::trim).collect();
        said.sort_unstable();
        assert_eq!(said.join(","), allowed, "{method} {path}");
    }
    // The door's own path under GET is the path of an event that is not there.
    server.get("/v1/events/ingest").await.problem(405, "method-not-allowed");
    let head = server.call(Method::HEAD, "/health").send().await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_address_serves_everything() {
    let server = start_with(|config| config.server.listen = vec![([127, 0, 0, 1], 0).into(); 3]).await;
    let [first, second, third] = server.addresses() else { panic!("three addresses") };
    assert!(first != second && second != third);
    let receipt = Client::new(*second).store(json!({"type": "a"})).await;
    let path = format!("/v1/events/{}", receipt["eventId"].as_str().unwrap());
    for address in [first, second, third] {
        assert_eq!(Client::new(*address).read(&path).await["event"]["type"], "a");
        assert_eq!(Client::new(*address).get("/v1/metrics").await.status, 200);
    }
    let file = std::fs::read_to_string(server.data_dir().join("server.json")).unwrap();
    let said: Value = serde_json::from_str(&file).unwrap();
    assert_eq!(said["addresses"], json!([first, second, third]), "for the other commands");
}
