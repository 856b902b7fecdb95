//! Reading events and sessions: filters, order, single rows, and what is derived from them.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_domain::time::UnixMs;

use crate::support::server::{TestServer, start};
use crate::support::{INSULT, walk};

const TOXIC: &str = "what terrible, awful, pathetic trash";
const SPAM: &str = "CLICK HERE!!! AMAZING OFFER!!! BUY NOW!!!";

/// Numbers of the events that a query gives, in its order.
async fn numbers(server: &TestServer, query: &str) -> Vec<u64> {
    let events = walk::events(server, query).await;
    events.iter().map(|event| event["data"]["n"].as_u64().expect("a number")).collect()
}

/// A day that is over by the server's clock: what lies in it is before now, at midnight too.
async fn yesterday(server: &TestServer) -> String {
    let health = server.read("/health").await;
    let now = UnixMs::parse(health["timestamp"].as_str().unwrap()).expect("a time");
    now.plus_ms(-24 * 3600 * 1000).to_rfc3339()[..10].to_owned()
}

async fn story() -> TestServer {
    let server = start().await;
    let day = yesterday(&server).await;
    let event = |n: u32, session: &str, kind: &str, actor: &str, source: &str, content: &str| {
        json!({
            "type": kind, "sessionId": session, "actor": {"id": actor}, "source": source, "content": content,
            "data": {"n": n}, "occurredAt": format!("{day}T00:0{n}:00Z"),
        })
    };
    let events = [
        event(0, "s1", "message.user", "ann", "web", "good morning"),
        event(1, "s1", "message.assistant", "bot", "api", "good morning to all of us"),
        event(2, "s2", "message.user", "bob", "web", INSULT),
        event(3, "s1", "message.user", "ann", "web", TOXIC),
        event(4, "s2", "message.user", "ann", "mobile", SPAM),
        event(5, "s2", "cot", "bot", "api", "a bad idea"),
    ];
    for event in events {
        server.store(event).await;
        // Sessions of different shards that begin in one millisecond have no order.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    server.store(json!({"type": "click", "data": {"n": 6}})).await;
    server.caught_up().await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn each_filter_keeps_just_the_events_it_names() {
    let server = story().await;
    let day = yesterday(&server).await;
    for (query, expected) in [
        ("", vec![6, 5, 4, 3, 2, 1, 0]),
        ("order=asc", vec![0, 1, 2, 3, 4, 5, 6]),
        ("sessionId=s1", vec![0, 1, 3]),
        ("sessionId=s1&order=desc", vec![3, 1, 0]),
        ("sessionId=nobody", vec![]),
        ("type=message.user&order=asc", vec![0, 2, 3, 4]),
        ("actor=ann&order=asc", vec![0, 3, 4]),
        ("source=web&order=asc", vec![0, 2, 3]),
        ("sessionId=s2&actor=ann", vec![4]),
        ("category=TOXIC", vec![3]),
        ("category=toxic", vec![3]),
        ("category=TARGETED_HARASSMENT", vec![2]),
        ("category=SPAM&order=asc", vec![4]),
        ("category=LOW_RISK&order=asc", vec![0, 1, 5, 6]),
        ("category=VIOLENCE", vec![]),
        ("minRisk=0&order=asc", vec![0, 1, 2, 3, 4, 5, 6]),
        ("minRisk=0.2&sessionId=s2&category=SPAM", vec![4]),
        ("minRisk=0.2&category=TOXIC&actor=ann", vec![3]),
        ("minRisk=1", vec![]),
    ] {
        assert_eq!(numbers(&server, query).await, expected, "{query}");
        // Page by page it is the same.
        for limit in [1, 2] {
            let paged = numbers(&server, &format!("{query}&limit={limit}")).await;
            assert_eq!(paged, expected, "{query}, {limit} at a time");
        }
    }
    let all = walk::events(&server, "order=asc").await;
    let risk = |event: &Value| event["assessment"]["riskScore"].as_f64().unwrap();
    for min in all.iter().map(risk).filter(|risk| *risk > 0.0) {
        let at_least = all.iter().filter(|event| risk(event) >= min);
        let expected: Vec<_> = at_least.map(|event| event["data"]["n"].as_u64().unwrap()).collect();
        assert_eq!(numbers(&server, &format!("minRisk={min}&order=asc")).await, expected);
    }
    for (query, expected) in [
        (format!("after={day}T00:03:00Z"), vec![6, 5, 4]),
        (format!("before={day}T00:02:00Z"), vec![1, 0]),
        (format!("after={day}T00:00:00Z&before={day}T00:03:00%2B00:00&order=asc"), vec![1, 2]),
    ] {
        assert_eq!(numbers(&server, &query).await, expected, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_shows_its_assessment_with_places() {
    let server = story().await;
    let events = walk::events(&server, "order=asc").await;
    let one = server.read(&format!("/v1/events/{}", events[2]["eventId"].as_str().unwrap())).await;
    assert_eq!(one["event"], events[2], "a list shows what the detail shows");
    let assessment = &one["event"]["assessment"];
    assert_eq!(assessment["category"], "TARGETED_HARASSMENT");
    assert!(assessment["riskScore"].as_f64().unwrap() >= 0.5, "{assessment}");
    assert!(assessment["modelVersion"].as_str().unwrap().starts_with("lexical-2+linear-"), "{assessment}");
    let flags = assessment["flags"].as_array().unwrap();
    let flag = |code: &str| {
        flags.iter().find(|flag| flag["code"] == code).unwrap_or_else(|| panic!("{code}: {flags:?}"))
    };
    assert_eq!(flag("targeting_behavior")["spans"][0]["start"], 0, "the reader is addressed at once");
    assert!(flag("offensive_language")["reason"].as_str().unwrap().len() > 10, "in words");
    assert!(flags.is_sorted_by(|a, b| a["weight"].as_f64() >= b["weight"].as_f64()), "strongest first");
    let scores = assessment["scores"].as_array().unwrap();
    assert!(scores.iter().any(|score| score["category"] == "TARGETED_HARASSMENT"), "{scores:?}");
    let clear = &events[0]["assessment"];
    assert!(clear["riskScore"].as_f64().unwrap() < 0.3 && clear["category"] == "LOW_RISK", "{clear}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_lists_each_contribution_to_its_risk() {
    let server = story().await;
    let session = server.read("/v1/sessions/s2").await["session"].clone();
    assert_eq!(
        (&session["sessionId"], &session["id"], &session["projectId"]),
        (&json!("s2"), &json!("s2"), &json!("proj_dev"))
    );
    assert_eq!(session["eventCount"], 3);
    assert_eq!(session["eventCountByType"], json!({"message.user": 2, "cot": 1}));
    let snapshots = session["contributions"].as_array().unwrap();
    let categories = walk::texts(snapshots, "/category");
    assert_eq!(categories, ["TARGETED_HARASSMENT", "SPAM"], "oldest first; what is LOW_RISK leaves no trace");
    assert_eq!(session["contributionsCut"], false);
    assert_eq!(
        (&session["riskSnapshots"], session.get("analysis")),
        (&json!([]), None),
        "nothing was analysed"
    );
    // Noisy-or of the two: 1 - (1 - risk of the insult)(1 - risk of SPAM).
    let insult = snapshots[0]["eventRiskScore"].as_f64().unwrap();
    let spam = snapshots[1]["eventRiskScore"].as_f64().unwrap();
    let both = 1.0 - (1.0 - insult) * (1.0 - spam);
    assert!((snapshots[0]["riskScore"].as_f64().unwrap() - insult).abs() < 1e-4);
    assert!((snapshots[1]["riskScore"].as_f64().unwrap() - both).abs() < 1e-4);
    assert!((session["currentRiskScore"].as_f64().unwrap() - both).abs() < 1e-3);
    assert!((session["peakRiskScore"].as_f64().unwrap() - both).abs() < 1e-4);
    let shares: f64 = snapshots.iter().map(|s| s["contribution"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-4, "{shares}");
    let events = walk::events(&server, "sessionId=s2&minRisk=0.3").await;
    assert_eq!(walk::texts(snapshots, "/eventId"), walk::texts(&events, "/eventId"));
    let patterns = session["currentPatterns"].as_array().unwrap();
    for pattern in ["all_caps_spam", "offensive_language", "repeated_punctuation", "targeting_behavior"] {
        assert!(patterns.contains(&json!(pattern)), "{pattern}: {patterns:?}");
    }
    assert_eq!(session["firstActivityAt"], walk::events(&server, "sessionId=s2").await[0]["occurredAt"]);
}

/// Ids of the sessions that a query gives, and their stated total.
async fn sessions(server: &TestServer, query: &str) -> (Vec<String>, u64) {
    let page = server.read(&format!("/v1/sessions?{query}")).await;
    (walk::texts(page["sessions"].as_array().unwrap(), "/id"), page["total"].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_filtered_sorted_and_counted() {
    let server = story().await;
    server.store(json!({"type": "a", "sessionId": "s3"})).await;
    server.caught_up().await;
    let risk = async |id: &str| {
        server.read(&format!("/v1/sessions/{id}")).await["session"]["currentRiskScore"].as_f64()
    };
    let (s1, s2) = (risk("s1").await.unwrap(), risk("s2").await.unwrap());
    assert!(s2 > s1 && s1 > 0.1, "{s1} {s2}");
    let (low, between) = (s1 / 2.0, f64::midpoint(s1, s2));
    for (query, expected) in [
        ("", vec!["s3", "s2", "s1"]),
        ("sortOrder=asc", vec!["s1", "s2", "s3"]),
        ("sortBy=riskScore", vec!["s2", "s1", "s3"]),
        ("sortBy=riskScore&sortOrder=asc", vec!["s3", "s1", "s2"]),
        ("sortBy=createdAt&sortOrder=asc", vec!["s1", "s2", "s3"]),
        (&*format!("minRiskScore={low}"), vec!["s2", "s1"]),
        (&*format!("minRiskScore={between}"), vec!["s2"]),
        (&*format!("maxRiskScore={between}"), vec!["s3", "s1"]),
        (&*format!("minRiskScore={low}&maxRiskScore={between}"), vec!["s1"]),
        ("minRiskScore=0&maxRiskScore=1", vec!["s3", "s2", "s1"]),
        ("patterns=all_caps_spam", vec!["s2"]),
        ("patterns=all_caps_spam,offensive_language", vec!["s2", "s1"]),
        ("patterns=none,such", vec![]),
        (&*format!("patterns=offensive_language&minRiskScore={between}"), vec!["s2"]),
    ] {
        let (ids, total) = sessions(&server, query).await;
        assert_eq!(ids, expected, "{query}");
        assert_eq!(total, expected.len() as u64, "{query}");
        let paged = walk::walk(&server, &format!("/v1/sessions?{query}&limit=1"), "sessions").await;
        assert_eq!(walk::texts(&paged, "/id"), expected, "{query}, one at a time");
    }
    let many: Vec<_> = (0..21).map(|n| format!("p{n}")).collect();
    let answer = server.get(&format!("/v1/sessions?patterns={}", many.join(","))).await;
    answer.problem(422, "invalid-parameter");
    assert_eq!(answer.first_error(), ("/patterns".into(), "too_many".into()));
    let cursor = server.read("/v1/sessions?limit=1").await["nextCursor"].clone();
    let other = format!("/v1/sessions?sortBy=riskScore&cursor={}", cursor.as_str().unwrap());
    server.get(&other).await.problem(422, "invalid-parameter");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_absent_is_404_and_what_is_empty_is_an_empty_page() {
    let server = start().await;
    let unknown = "01a1f91e-b6cf-7000-8000-000000000198";
    for path in [
        format!("/v1/events/{unknown}"),
        "/v1/events/nonsense".into(),
        "/v1/events/b9a3f7a0-5c1e-4b43-9f0e-0f7cbb6b2a10".into(),
        "/v1/sessions/nobody".into(),
    ] {
        server.get(&path).await.problem(404, "not-found");
    }
    assert_eq!(server.read("/v1/events").await, json!({"events": []}));
    assert_eq!(server.read("/v1/sessions").await, json!({"sessions": [], "total": 0}));
    assert_eq!(server.read("/v1/quarantine").await, json!({"quarantine": [], "jobs": []}));
    // The right place with another checksum is not the event.
    let receipt = server.store(json!({"type": "a"})).await;
    let id = receipt["eventId"].as_str().unwrap();
    let (head, last) = id.split_at(id.len() - 1);
    let other = if last == "0" { "1" } else { "0" };
    server.get(&format!("/v1/events/{head}{other}")).await.problem(404, "not-found");
    assert_eq!(server.read(&format!("/v1/events/{}", id.to_uppercase())).await["event"]["eventId"], *id);
}

#[tokio::test(flavor = "multi_thread")]
async fn session_risk_fades_with_time() {
    let server = crate::support::server::start_with(|config| config.risk.half_life_s = 1).await;
    server.store(json!({"type": "message.user", "sessionId": "s", "content": INSULT})).await;
    server.caught_up().await;
    let risk = async || server.read("/v1/sessions/s").await["session"].clone();
    let first = risk().await["currentRiskScore"].as_f64().unwrap();
    let faded = crate::support::patience::eventually("the risk halves", async || {
        let session = risk().await;
        (session["currentRiskScore"].as_f64().unwrap() < first / 2.0).then_some(session)
    });
    let faded = faded.await;
    let peak = faded["peakRiskScore"].as_f64().unwrap();
    assert!(peak >= first, "what it was is not forgotten");
    assert_eq!(faded["contributions"][0]["riskScore"], faded["peakRiskScore"]);
    let current = faded["currentRiskScore"].as_f64().unwrap();
    let (ids, _) = sessions(&server, &format!("minRiskScore={}", current + 0.01)).await;
    assert!(ids.is_empty(), "a filter is about the risk now: {ids:?}");
    let _: Value = faded;
}
