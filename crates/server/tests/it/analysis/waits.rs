//! Who wants to wait for an analysis may, and never waits past the deadline.

use serde_json::json;
use tidegate_server::config::Strategy;
use tidegate_testkit::vendor::{Act, Vendor};

use super::{OVERRIDE, analysed, user};
use crate::support::server::{ask, start_analysing, start_with};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_is_answered_with_the_sessions_risk() {
    let server = start_analysing(|config| config.analysis.coalesce_ms = 60_000).await;
    let answer = server.post("/v1/events?wait=analyzed").json(&user("s", OVERRIDE)).send().await.ok();
    assert_eq!(answer["pending"], false, "ahead of what gathers: {answer}");
    assert!(answer["riskScore"].as_f64().unwrap() > 0.6, "{answer}");
    assert!(answer["patterns"].as_array().unwrap().contains(&json!("instruction_override")), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_sync_strategy_every_request_waits_unless_it_says_no() {
    let server = start_analysing(|config| {
        config.analysis.strategy = Strategy::Sync;
        config.analysis.coalesce_ms = 60_000;
    })
    .await;
    let waited = server.store(user("s", OVERRIDE)).await;
    assert!(waited["riskScore"].as_f64().unwrap() > 0.6, "{waited}");
    let several = server.store_all([user("s", "and now"), user("t", "hello")]).await;
    assert_eq!(several["accepted"], 2);
    for id in ["s", "t"] {
        let path = format!("/v1/sessions/{id}");
        assert!(server.read(&path).await["session"]["analysis"].is_object(), "{id} was waited for");
    }
    let at_once = server.post("/v1/events?wait=no").json(&user("s", "bye")).send().await.ok();
    assert!(at_once["pending"].is_null(), "{at_once}");
    let without = server.store(json!({"type": "asset_viewed"})).await;
    assert_eq!(without["pending"], false, "an event without a session is screened: {without}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_hangs_leaves_the_request_pending_and_the_event_safe() {
    let vendor = Vendor::start(|_| Act::Hang).await;
    let server = start_analysing(|config| {
        ask(config, &vendor);
        config.analysis.strategy = Strategy::Sync;
        config.analysis.sync_timeout_ms = 300;
        config.openai.timeout_ms = 500;
    })
    .await;
    let answer = server.store(user("s", "hello")).await;
    assert_eq!((&answer["ok"], &answer["pending"]), (&json!(true), &json!(true)), "{answer}");
    let path = format!("/v1/events/{}", answer["eventId"].as_str().unwrap());
    assert_eq!(server.read(&path).await["event"]["content"], "hello");
    vendor.now(|seen| {
        Act::ok(tidegate_testkit::vendor::chat(&tidegate_testkit::vendor::verdict(seen, 0.4).to_string()))
    });
    let session = analysed(&server, "s", &answer["position"]).await;
    assert_eq!(session["analysis"]["riskScore"], 0.4);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_what_is_switched_off_is_refused() {
    let server = start_with(|_| {}).await;
    let refused = server.post("/v1/events?wait=analyzed").json(&user("s", "hello")).send().await;
    refused.problem(409, "analysis-disabled");
    let refused = server.post("/v1/events?wait=forever").json(&user("s", "hello")).send().await;
    assert_eq!(refused.status, 422, "{}", refused.text());
}
