//! The four set-ups of seed 000, by its own environment variables.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::user;
use crate::support::child::{ChildServer, Serve};
use crate::support::patience::eventually;

/// A server of this profile, and what became of a message and a chain of thought: whether each was analysed, and by whom.
async fn profile(variables: &[(&str, &str)]) -> (Value, Value) {
    let dir = TempDir::new().unwrap();
    let mut serve = Serve::dev(dir.path()).set("ANALYSIS__COALESCE_MS", 20);
    // The default of a test is no analysis; the seed's variables say what is on.
    for name in ["ANALYSIS__SESSION_ENABLED", "ANALYSIS__COT_ENABLED"] {
        serve = serve.unset(name);
    }
    for (name, value) in variables {
        serve = serve.env(name, value);
    }
    let server = serve.start().await;
    let message = server.store(user("s", "please jailbreak and bypass it")).await;
    assert_eq!(message["ok"], true);
    let cot = json!({"type": "cot", "sessionId": "s", "content": "I will pretend to help."});
    let cot = server.store(cot).await;
    settled(&server).await;
    let session = server.read("/v1/sessions/s").await["session"]["analysis"].clone();
    let event = server.read(&format!("/v1/events/{}", cot["eventId"].as_str().unwrap())).await;
    (session, event["event"]["cotAnalysis"].clone())
}

/// Once both events are folded, no job is left, and what jobs wrote is folded too.
async fn settled(server: &ChildServer) {
    eventually("no job is left", async || {
        let session = server.get("/v1/sessions/s").await;
        let folded = session.status == 200 && session.json()["session"]["eventCount"] == 2;
        let stats = server.read("/v1/jobs/stats").await;
        let left: u64 = stats["kinds"]
            .as_array()?
            .iter()
            .flat_map(|kind| ["waiting", "active", "delayed"].map(|state| kind[state].as_u64().unwrap_or(0)))
            .sum();
        if !folded || left > 0 {
            return None;
        }
        let checks = server.read("/ready").await["checks"].clone();
        let pipeline = checks.as_array()?.iter().find(|check| check["name"] == "pipeline")?.clone();
        (pipeline["detail"] == "0 events behind").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seeds_profiles_do_as_documented() {
    let (session, cot) = profile(&[
        ("ANALYSIS_STRATEGY", "async"),
        ("ENABLE_SESSION_ANALYSIS", "true"),
        ("ENABLE_COT_ANALYSIS", "true"),
        ("THREAT_MODEL_PROVIDER", "mock"),
        ("MAX_EVENTS_TO_ANALYZE", "50"),
    ])
    .await;
    assert_eq!((&session["model"], &cot["model"]), (&json!("mock-1"), &json!("mock-1")));
    assert!(session["riskScore"].as_f64().unwrap() >= 0.5, "the seed's weights: {session}");
    assert_eq!(cot["riskScore"], 0.6, "the seed's weights");

    let (session, cot) = profile(&[
        ("ENABLE_SESSION_ANALYSIS", "false"),
        ("ENABLE_COT_ANALYSIS", "true"),
        ("THREAT_MODEL_PROVIDER", "mock"),
    ])
    .await;
    assert!(session.is_null() && cot["model"] == "mock-1", "development, cost saving: {session} {cot}");

    let (session, cot) =
        profile(&[("ENABLE_SESSION_ANALYSIS", "false"), ("ENABLE_COT_ANALYSIS", "true")]).await;
    assert!(session.is_null() && cot["model"] == "rules-1", "chains of thought only: {session} {cot}");

    let (session, cot) =
        profile(&[("ENABLE_SESSION_ANALYSIS", "false"), ("ENABLE_COT_ANALYSIS", "false")]).await;
    assert!(session.is_null() && cot.is_null(), "no analysis: {session} {cot}");
}
