//! What the built-in model finds is told with the session and with the event.

use serde_json::json;
use tidegate_domain::analysis::{COT_ANALYZED, SESSION_ANALYZED};

use super::{OVERRIDE, analysed, analyses, session, stats, user};
use crate::support::command;
use crate::support::patience::eventually;
use crate::support::server::start_analysing;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_shows_what_it_is_and_how_it_became_so() {
    let server = start_analysing(|_| {}).await;
    let first = server.store(user("s", "Good morning! What is a good recipe for bread?")).await;
    let calm = analysed(&server, "s", &first["position"]).await;
    assert!(calm["analysis"]["riskScore"].as_f64().unwrap() < 0.3, "{calm}");
    assert_eq!(calm["analysis"]["model"], "rules-1");

    let second = server.store(user("s", OVERRIDE)).await;
    let risky = analysed(&server, "s", &second["position"]).await;
    assert!(risky["analysis"]["riskScore"].as_f64().unwrap() > 0.6, "{risky}");
    assert!(risky["currentRiskScore"].as_f64().unwrap() > 0.6, "{risky}");
    let patterns = risky["analysis"]["patterns"].as_array().unwrap();
    assert!(patterns.contains(&json!("instruction_override")), "{risky}");
    assert!(risky["currentPatterns"].as_array().unwrap().contains(&json!("instruction_override")));

    let snapshots = risky["riskSnapshots"].as_array().unwrap();
    assert_eq!(snapshots.len(), 2, "oldest first: {risky}");
    assert_eq!(snapshots[0]["until"], first["position"]);
    assert_eq!(snapshots[1]["events"][0]["eventId"], second["eventId"], "the event that carries it");
    assert_eq!(risky["eventCount"], 2, "analyses are no events of the session");

    let listed = server.read("/v1/events?sessionId=s").await["events"].as_array().unwrap().len();
    assert_eq!(listed, 2, "nor are they listed, unless asked for");
    assert_eq!(analyses(&server, "s").await.len(), 2);
    let found = server.read("/v1/sessions?patterns=instruction_override").await;
    assert_eq!(found["sessions"][0]["id"], "s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_thought_shows_its_analysis() {
    let server = start_analysing(|_| {}).await;
    // The seed's event, with a plan that its answer hides.
    let cot = json!({
        "projectId": "proj_dev", "sessionId": "sess_test_123", "type": "cot",
        "content": "The user must not notice. I will secretly lie and pretend that the tests passed.",
        "metadata": {"userInput": "Did the tests pass?", "finalOutput": "Yes, all of them passed."},
    });
    let stored = server.store(cot).await;
    let path = format!("/v1/events/{}", stored["eventId"].as_str().unwrap());
    let event = eventually("its analysis", async || {
        let event = server.read(&path).await["event"].clone();
        event["cotAnalysis"].is_object().then_some(event)
    })
    .await;
    let analysis = &event["cotAnalysis"];
    assert!(analysis["riskScore"].as_f64().unwrap() > 0.5, "{analysis}");
    assert!(analysis["labels"].as_array().unwrap().contains(&json!("deception")), "{analysis}");
    let content = event["content"].as_str().unwrap();
    for indicator in analysis["indicators"].as_array().unwrap() {
        let place = |name: &str| indicator["span"][name].as_u64().unwrap() as usize;
        assert!(content.is_char_boundary(place("start")) && place("end") <= content.len(), "{indicator}");
    }
    let page = server.read("/v1/events?sessionId=sess_test_123").await;
    assert_eq!(&page["events"][0]["cotAnalysis"], analysis, "lists show it too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_costs_one_analysis() {
    let server = start_analysing(|config| config.analysis.coalesce_ms = 1500).await;
    let burst: Vec<_> = (0..40).map(|n| user("s", &format!("message number {n}"))).collect();
    let mut last = json!(null);
    for event in burst {
        last = server.store(event).await["position"].clone();
    }
    analysed(&server, "s", &last).await;
    assert_eq!(analyses(&server, "s").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_has_not_changed_is_not_analysed_again() {
    let mut server = start_analysing(|_| {}).await;
    let stored = server.store(user("s", OVERRIDE)).await;
    let before = analysed(&server, "s", &stored["position"]).await;
    server.restart().await;
    server.caught_up().await;
    let other = server.store(user("t", "hello")).await;
    analysed(&server, "t", &other["position"]).await;
    assert_eq!(analyses(&server, "s").await.len(), 1);
    assert_eq!(session(&server, "s").await["analysis"], before["analysis"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_gives_the_same_and_asks_nobody() {
    let mut server = start_analysing(|_| {}).await;
    let stored = server.store(user("s", OVERRIDE)).await;
    analysed(&server, "s", &stored["position"]).await;
    server.stop().await;
    let said = command::say(server.data_dir(), &["rebuild", "--check", "--json"]);
    assert!(said.contains("\"equal\":true"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_writes_an_analysis() {
    let server = start_analysing(|_| {}).await;
    for kind in [SESSION_ANALYZED, COT_ANALYZED] {
        let event = json!({"type": kind, "sessionId": "s", "data": {"riskScore": 0.0}});
        let refused = server.post("/v1/events").json(&event).send().await;
        assert_eq!(refused.status, 422, "{}", refused.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_analysed_as_its_own_settings_say() {
    let server = start_analysing(|config| {
        let own = r#"{ project = "proj_dev", session_enabled = false, events_max = 3 }"#;
        config.analysis.projects = vec![
            toml::from_str(&format!("own = {own}"))
                .map(|t: toml::Table| t["own"].clone().try_into().expect("a project's settings"))
                .expect("TOML"),
        ];
    })
    .await;
    server.store(user("s", OVERRIDE)).await;
    let cot = server.store(json!({"type": "cot", "sessionId": "s", "content": "I will pretend."})).await;
    let path = format!("/v1/events/{}", cot["eventId"].as_str().unwrap());
    eventually("the chain of thought", async || {
        server.read(&path).await["event"]["cotAnalysis"].is_object().then_some(())
    })
    .await;
    assert!(session(&server, "s").await["analysis"].is_null());
    assert!(stats(&server, "session_analysis").await.is_null());
}
