//! Rate limits: exact, told, and counted apart by budget, key, project and address. Limits of connections.

use axum::http::Method;
use serde_json::{Value, json};
use tidegate_server::config::{Address, RateLimits, Secret};
use tidegate_testkit::postgres::TestDatabase;
use tokio::task::JoinSet;

use crate::routes::{Needs, routes};
use crate::support::client::{Answer, Client};
use crate::support::patience::eventually;
use crate::support::raw::Raw;
use crate::support::server::{TestServer, start_with};
use crate::support::{sse, walk};

/// A server with these limits, and two keys of one project. Whoever waits a minute gets one more request: no test does.
async fn limited(change: impl FnOnce(&mut RateLimits)) -> TestServer {
    limited_on(None, change).await
}

/// The same on this database.
async fn limited_on(url: Option<&str>, change: impl FnOnce(&mut RateLimits)) -> TestServer {
    start_with(|config| {
        config.store.url = url.map_or_else(|| config.store.url.clone(), Address::new);
        config.server.dev = false;
        config.access.static_keys = ["one", "two"].map(Secret::new).into();
        change(&mut config.rate_limits);
    })
    .await
}

fn event() -> Value {
    json!({"type": "a"})
}

async fn send(client: &Client) -> Answer {
    client.post("/v1/events").json(&event()).send().await
}

async fn read(client: &Client) -> Answer {
    client.get("/v1/events").await
}

/// Limit, remaining and reset, as both spellings of the headers say them.
fn told(answer: &Answer) -> [&str; 3] {
    ["limit", "remaining", "reset"].map(|name| {
        let value = answer.header(&format!("ratelimit-{name}"));
        assert_eq!(value, answer.header(&format!("x-ratelimit-{name}")));
        value
    })
}

async fn counted(server: &TestServer, line: &str) -> bool {
    server.get("/metrics").await.text().lines().any(|said| said == line)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_requests_at_once_exactly_the_burst_is_admitted() {
    let server = limited(|limits| {
        limits.ingest_key_requests_per_minute = 1;
        limits.ingest_key_burst_requests = 20;
    });
    let server = server.await;
    let client = server.with_key("one");
    let mut requests = JoinSet::new();
    for _ in 0..60 {
        let client = client.clone();
        requests.spawn(async move { send(&client).await });
    }
    let answers = requests.join_all().await;
    let (stored, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(stored.len(), 20);
    let mut remaining: Vec<u32> = stored.iter().map(|answer| told(answer)[1].parse().unwrap()).collect();
    remaining.sort_unstable();
    assert_eq!(remaining, (0..20).collect::<Vec<_>>(), "each was told another number");
    for answer in refused {
        let problem = answer.problem(429, "rate-limited");
        let detail = problem["detail"].as_str().unwrap();
        let named =
            "rate_limits.ingest_key_requests_per_minute, 1, is used up by this key: at most 20 at once";
        assert!(detail.starts_with(named), "{detail}");
        let [limit, remaining, reset] = told(answer);
        assert_eq!((limit, remaining, reset), ("20", "0", answer.header("retry-after")));
        assert!((1..=60).contains(&reset.parse::<u32>().unwrap()), "{reset}");
    }
    assert_eq!(walk::count(&client).await, 20, "what was refused is not stored");
    assert!(counted(&server, r#"rate_limited_total{bucket="key",budget="ingest"} 40"#).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn sending_and_reading_have_budgets_apart() {
    let server = limited(|limits| {
        limits.ingest_key_requests_per_minute = 1;
        limits.query_key_requests_per_minute = 1;
        limits.query_key_burst_requests = 2;
    });
    let server = server.await;
    let client = server.with_key("one");
    let first = send(&client).await;
    first.ok();
    assert_eq!(told(&first), ["1", "0", "60"]);
    send(&client).await.problem(429, "rate-limited");
    assert_eq!(told(&read(&client).await)[..2], ["2", "1"]);
    let screening = client.post("/v1/risk/screen").json(&json!({"content": "hello"})).send().await;
    assert_eq!((screening.status, told(&screening)[1]), (200, "0"), "screening reads");
    read(&client).await.problem(429, "rate-limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_have_buckets_apart_and_a_project_or_an_address_has_one() {
    type Limit = fn(&mut RateLimits);
    let limits: [(&str, Limit, u16); 3] = [
        ("key", |limits| limits.query_key_requests_per_minute = 1, 200),
        ("project", |limits| limits.query_project_requests_per_minute = 1, 429),
        ("address", |limits| limits.query_address_requests_per_minute = 1, 429),
    ];
    for (by, limit, status) in limits {
        let server = limited(limit).await;
        assert_eq!(read(&server.with_key("one")).await.status, 200);
        assert_eq!(read(&server.with_key("one")).await.status, 429, "{by}");
        assert_eq!(read(&server.with_key("two")).await.status, status, "{by}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_one_bucket_refuses_takes_from_none() {
    let server = limited(|limits| {
        limits.query_key_requests_per_minute = 1;
        limits.query_project_requests_per_minute = 2;
    });
    let server = server.await;
    for status in [200, 429, 429] {
        assert_eq!(read(&server.with_key("one")).await.status, status);
    }
    let other = read(&server.with_key("two")).await;
    assert_eq!((other.status, told(&other)[1]), (200, "0"), "the project has one left");
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_keys_is_limited_like_using_one() {
    let server = limited(|limits| {
        limits.query_address_requests_per_minute = 1;
        limits.query_address_burst_requests = 3;
    });
    let server = server.await;
    read(&server.with_key("guess-1")).await.problem(401, "invalid-api-key");
    read(&server).await.problem(401, "missing-api-key");
    let malformed = server.call(Method::GET, "/v1/events").header("authorization", "nonsense").send().await;
    malformed.problem(401, "malformed-api-key");
    assert_eq!(told(&malformed)[1], "0");
    for key in ["guess-2", "one"] {
        read(&server.with_key(key)).await.problem(429, "rate-limited");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_trusted_proxy_says_where_a_request_came_from() {
    for (trusted, status) in [(None, 429), (Some("127.0.0.0/8"), 200), (Some("192.0.2.1"), 429)] {
        let server = start_with(|config| {
            config.server.trusted_proxies = trusted.iter().map(|text| text.parse().unwrap()).collect();
            config.rate_limits.query_address_requests_per_minute = 1;
        });
        let server = server.await;
        let from =
            |address: &str| server.call(Method::GET, "/v1/events").header("x-forwarded-for", address).send();
        assert_eq!(from("203.0.113.5").await.status, 200);
        assert_eq!(from("203.0.113.6").await.status, status, "{trusted:?}");
        assert_eq!(from("203.0.113.6, 203.0.113.5").await.status, 429, "{trusted:?}: the last one counts");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_no_key_is_never_limited() {
    let server = limited(|limits| {
        limits.ingest_address_requests_per_minute = 1;
        limits.query_address_requests_per_minute = 1;
    });
    let server = server.await;
    for path in ["/health", "/ready", "/metrics", "/v1/metrics", "/openapi.json", "/health"] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, told(&answer)), (200, [""; 3]), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_waits_for_no_body() {
    let server = limited(|limits| limits.ingest_key_requests_per_minute = 1).await;
    send(&server.with_key("one")).await.ok();
    let mut connection = Raw::connect(server.address);
    connection
        .send("POST /v1/events HTTP/1.1\r\nhost: localhost\r\nx-api-key: one\r\nexpect: 100-continue\r\n");
    connection.send("content-type: application/json\r\ncontent-length: 100\r\n\r\n");
    let answer = connection.answer();
    assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_counts_once_when_it_opens() {
    let server = start_with(|config| {
        config.rate_limits.query_key_requests_per_minute = 1;
        config.stream.heartbeat_ms = 10;
    });
    let server = server.await;
    let mut stream = sse::open(&server, None, "/v1/events/stream", None).await;
    server.store_all((0..20).map(|_| event())).await;
    for _ in 0..20 {
        stream.next_event().await.unwrap();
    }
    read(&server).await.problem(429, "rate-limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_limits_nothing_is_said_of_them() {
    let server = limited(|_| {}).await;
    assert_eq!(told(&read(&server.with_key("one")).await), [""; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_says_which_routes_may_be_limited() {
    let server = limited(|_| {}).await;
    let openapi = server.read("/openapi.json").await;
    for route in routes() {
        let operation = &openapi["paths"][route.path][route.method.as_str().to_lowercase()];
        let says_so = operation["responses"]["429"].is_object();
        assert_eq!(says_so, route.needs != Needs::Nothing, "{} {}", route.method, route.path);
    }
}

const HEALTH: &str = "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_ends_with_its_last_request() {
    let server = start_with(|config| config.server.connection_max_requests = 3).await;
    let mut connection = Raw::connect(server.address);
    for is_last in [false, false, true] {
        connection.send(HEALTH);
        let answer = connection.answer();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(answer.contains("connection: close"), is_last, "{answer}");
    }
    assert_eq!(connection.rest(), "", "and nothing more");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_so_many_connections_and_no_more() {
    let server = start_with(|config| config.server.connections_per_address_max = 2).await;
    let mut held: Vec<_> = (0..2).map(|_| Raw::connect(server.address)).collect();
    for connection in &mut held {
        connection.send(HEALTH);
        assert!(connection.answer().starts_with("HTTP/1.1 200"));
    }
    let mut refused = Raw::connect(server.address);
    refused.send(HEALTH);
    assert_eq!(refused.rest(), "");
    drop(held);
    eventually("there is room again", async || {
        let call = server.call(Method::GET, "/metrics").try_send().await;
        call.ok().filter(|answer| answer.text().contains("\nconnections_refused_total ")).map(drop)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_on_one_database_share_the_limits() {
    let url = TestDatabase::create().await.url;
    let server = || {
        limited_on(Some(&url), |limits| {
            limits.ingest_key_requests_per_minute = 1;
            limits.ingest_key_burst_requests = 5;
            limits.answer_timeout_ms = 10_000;
        })
    };
    let servers = [server().await, server().await];
    let mut sends = JoinSet::new();
    for number in 0..20 {
        let client = servers[number % 2].with_key("one");
        sends.spawn(async move { send(&client).await.status });
    }
    let statuses = sends.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 5, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 15, "{statuses:?}");
}
