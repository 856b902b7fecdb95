//! Tenants: a row of another project cannot be told from a row that does not exist, on any route.

use axum::http::Method;
use serde_json::{Value, json};

use crate::routes::{Needs, routes};
use crate::support::client::{Answer, Client};
use crate::support::patience::eventually;
use crate::support::server::{TestServer, start};
use crate::support::sse;
use crate::support::{INSULT, command, walk};

async fn tenant(server: &TestServer, project: &str) -> Client {
    let made = command::make_key(server.data_dir(), project, "ingest,read,write");
    let client = server.with_key(&made.key);
    eventually("the key counts", async || (client.get("/v1/events").await.status == 200).then_some(())).await;
    client
}

/// What a client sees, but for the request's id.
fn seen(answer: &Answer) -> (u16, Value, Vec<String>) {
    let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if body.get("requestId").is_some() {
        body["requestId"] = Value::Null;
    }
    let mut headers: Vec<_> = answer.headers.keys().map(|name| name.to_string()).collect();
    headers.sort();
    (answer.status, body, headers)
}

/// For each route that reads by an id: a path with a foreign id, and the same with one that never was.
fn probes(event: &str, session: &str, position: u64, exemplar: &str) -> Vec<(&'static str, String, String)> {
    let (no_event, no_session) = ("01a1f91e-b6cf-7000-8000-000000000198", "never-was");
    let list = |query: &str| format!("/v1/events?{query}");
    vec![
        ("/v1/events/{id}", format!("/v1/events/{event}"), format!("/v1/events/{no_event}")),
        (
            "/v1/events/{id}/similar",
            format!("/v1/events/{event}/similar"),
            format!("/v1/events/{no_event}/similar"),
        ),
        ("/v1/exemplars", "/v1/exemplars".into(), "/v1/exemplars?limit=7".into()),
        ("/v1/exemplars/{id}", format!("/v1/exemplars/{exemplar}"), format!("/v1/exemplars/{no_event}")),
        ("/v1/sessions/{id}", format!("/v1/sessions/{session}"), format!("/v1/sessions/{no_session}")),
        ("/v1/events", list(&format!("sessionId={session}")), list(&format!("sessionId={no_session}"))),
        ("/v1/events", list("actor=ann"), list("actor=never-was")),
        ("/v1/events", list("type=secret.type"), list("type=never-was")),
        ("/v1/events", list("source=secret-source"), list("source=never-was")),
        ("/v1/events", list("minRisk=0.5"), list("minRisk=0.99")),
        ("/v1/events", list("category=TARGETED_HARASSMENT"), list("category=VIOLENCE")),
        ("/v1/events", list("order=asc"), list("order=desc")),
        ("/v1/sessions", "/v1/sessions?minRiskScore=0.5".into(), "/v1/sessions?minRiskScore=0.99".into()),
        (
            "/v1/sessions",
            "/v1/sessions?patterns=offensive_language".into(),
            "/v1/sessions?patterns=none".into(),
        ),
        ("/v1/sessions", "/v1/sessions?sortBy=riskScore".into(), "/v1/sessions?sortBy=createdAt".into()),
        ("/v1/quarantine", "/v1/quarantine".into(), "/v1/quarantine?limit=7".into()),
        // A stream from a foreign position is probed below; it has no answer to compare.
        ("/v1/events/stream", format!("{position}"), String::new()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_anothers_answers_just_as_what_is_not_there() {
    let server = start().await;
    let (ours, theirs) = (tenant(&server, "proj_ours").await, tenant(&server, "proj_theirs").await);
    let receipt = theirs
        .store(json!({
            "type": "secret.type", "sessionId": "s-theirs", "actor": "ann", "source": "secret-source",
            "content": INSULT, "idempotencyKey": "k",
        }))
        .await;
    let again = json!({"type": "message.user", "sessionId": "s-theirs", "content": INSULT});
    theirs.store(again).await;
    let path = format!("/v1/events/{}/label", receipt["eventId"].as_str().unwrap());
    let label = json!({"category": "SPAM", "labelledBy": "theirs"});
    let exemplar = theirs.post(&path).json(&label).send().await.ok()["exemplar"]["id"].clone();
    ours.post(&path).json(&label).send().await.problem(404, "not-found");
    let removal = format!("/v1/exemplars/{}", exemplar.as_str().unwrap());
    ours.call(axum::http::Method::DELETE, &removal).send().await.problem(404, "not-found");
    server.caught_up().await;
    let (event, position) = (receipt["eventId"].as_str().unwrap(), receipt["position"].as_u64().unwrap());
    let probes = probes(event, "s-theirs", position, exemplar.as_str().unwrap());
    // Counts of the whole process, as in `/metrics`: of no project.
    const OF_NOBODY: &str = "/v1/jobs/stats";
    for route in
        routes().into_iter().filter(|route| route.method == Method::GET && route.needs != Needs::Nothing)
    {
        let has_probe = route.path == OF_NOBODY || probes.iter().any(|(path, ..)| *path == route.path);
        assert!(has_probe, "{} has no probe", route.path);
    }
    for (route, foreign, absent) in probes.iter().filter(|(route, ..)| !route.ends_with("/stream")) {
        let (foreign_answer, absent_answer) = (ours.get(foreign).await, ours.get(absent).await);
        assert_eq!(seen(&foreign_answer), seen(&absent_answer), "{route}: {foreign}");
        let text = foreign_answer.text();
        assert!(!text.contains("theirs") && !text.contains("secret"), "{route}: {text}");
        // The probe is a good one: its owner sees something there.
        let own = theirs.get(foreign).await;
        assert!(
            *route == "/v1/quarantine" || own.text().contains("theirs"),
            "{route}: {foreign}: {}",
            own.text()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_shows_nothing_of_another_project() {
    let server = start().await;
    let (ours, theirs) = (tenant(&server, "proj_ours").await, tenant(&server, "proj_theirs").await);
    let key = |client: &Client| client.key().expect("a key").to_owned();
    let mut stream = sse::open(&server, Some(&key(&ours)), "/v1/events/stream?from=0", None).await;
    for n in 0..20 {
        let (client, mine) = if n % 4 == 3 { (&ours, true) } else { (&theirs, false) };
        client
            .store(
                json!({"type": "a", "sessionId": "same", "content": INSULT, "data": {"mine": mine, "n": n}}),
            )
            .await;
    }
    for frame in stream.take(5).await {
        assert_eq!(
            (&frame.data["projectId"], &frame.data["data"]["mine"]),
            (&json!("proj_ours"), &json!(true))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_session_id_in_two_projects_is_two_sessions() {
    let server = start().await;
    let (ours, theirs) = (tenant(&server, "proj_ours").await, tenant(&server, "proj_theirs").await);
    for n in 0..6 {
        let event =
            |content: &str| json!({"type": "a", "sessionId": "same", "content": content, "data": {"n": n}});
        theirs.store(event(INSULT)).await;
        if n % 2 == 0 {
            ours.store(event("hello")).await;
        }
    }
    server.caught_up().await;
    let session = ours.read("/v1/sessions/same").await["session"].clone();
    assert_eq!((&session["eventCount"], &session["currentRiskScore"]), (&json!(3), &json!(0.0)));
    assert_eq!((&session["currentPatterns"], &session["contributions"]), (&json!([]), &json!([])));
    let events = walk::events(&ours, "sessionId=same&limit=2").await;
    let numbers: Vec<_> = events.iter().map(|event| event["data"]["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [0, 2, 4]);
    assert_eq!(theirs.read("/v1/sessions/same").await["session"]["eventCount"], 6);
    assert_eq!(ours.read("/v1/sessions").await["total"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_project_shows_nothing_of_it() {
    let server = start().await;
    let (ours, theirs) = (tenant(&server, "proj_ours").await, tenant(&server, "proj_theirs").await);
    let many = |prefix: &'static str| {
        (0..10).map(move |n| json!({"type": "a", "sessionId": format!("{prefix}{n}")}))
    };
    theirs.store_all(many("theirs")).await;
    ours.store_all(many("ours")).await;
    server.caught_up().await;
    for path in ["/v1/events?order=asc&limit=2", "/v1/events?order=desc&limit=2", "/v1/sessions?limit=2"] {
        let cursor = theirs.read(path).await["nextCursor"].as_str().unwrap().to_owned();
        let page = ours.get(&format!("{path}&cursor={cursor}")).await;
        assert!(!page.text().contains("theirs"), "{path}: {}", page.text());
    }
}
