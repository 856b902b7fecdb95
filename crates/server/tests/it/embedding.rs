//! The embedding tier of a server: a model directory that cannot be used is said, and nothing else stops.

use serde_json::json;

use crate::support::INSULT;
use crate::support::server::start_with;

#[tokio::test(flavor = "multi_thread")]
async fn a_model_directory_that_cannot_be_used_is_named_and_the_tiers_below_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let server = start_with(|config| config.embedding.model_dir = dir.path().to_owned()).await;
    let ready = server.read("/ready").await;
    assert_eq!(ready["status"], "ready", "a server without this tier still does its work");
    let checks = ready["checks"].as_array().unwrap();
    let embedding = checks.iter().find(|check| check["name"] == "embedding").unwrap();
    assert_eq!((&embedding["ok"], &embedding["required"]), (&json!(false), &json!(false)));
    let detail = embedding["detail"].as_str().unwrap();
    assert!(detail.contains(&*dir.path().to_string_lossy()) && detail.contains("switched off"), "{detail}");
    let metrics = server.get("/metrics").await.text();
    assert!(metrics.lines().any(|line| line == "embedding_broken 1"));
    let answer = server.post("/v1/risk/screen").json(&json!({"content": INSULT})).send().await.ok();
    assert_eq!(answer["risk_category"], "TARGETED_HARASSMENT");
    assert_eq!(answer["details"]["degraded"], false, "the tier is off, it did not fail on this text");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_model_directory_readiness_says_what_compares_texts() {
    let server = start_with(|_| {}).await;
    let ready = server.read("/ready").await;
    let embedding = ready["checks"].as_array().unwrap().iter().find(|check| check["name"] == "embedding");
    assert!(embedding.unwrap()["detail"].as_str().unwrap().contains("hashed n-grams"), "{ready}");
}
