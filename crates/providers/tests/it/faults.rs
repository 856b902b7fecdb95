//! Vendors that fail, and what is said of it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tidegate_domain::ports::{ThreatModel, ThreatModelError};
use tidegate_providers::fallback::Fallback;
use tidegate_providers::judge::Judge;
use tidegate_providers::settings::{Api, ModelSettings};

use crate::models::{KEY, TIMEOUT_MS, open, request, settings};
use tidegate_testkit::vendor::{Act, Seen, Vendor, chat, verdict};

fn well(seen: &Seen) -> Act {
    Act::ok(chat(&verdict(seen, 0.25).to_string()))
}

async fn failing(act: Act) -> (Vendor, Arc<Judge>) {
    let vendor = Vendor::start(move |_| act.clone()).await;
    let model = open(&settings(Api::Openai, &vendor));
    (vendor, model)
}

async fn error_of(act: Act) -> ThreatModelError {
    let (_vendor, model) = failing(act).await;
    model.analyze_session(&request()).await.unwrap_err()
}

#[tokio::test]
async fn each_failure_has_its_error() {
    for act in [Act::Hang, Act::Drip] {
        let error = error_of(act).await;
        assert!(matches!(error, ThreatModelError::Timeout { timeout_ms: TIMEOUT_MS }), "{error}");
    }
    let body = chat("{}").to_string();
    for act in [Act::Close, Act::Half(body), Act::Raw("nonsense\r\n\r\n"), Act::status(500), Act::status(503)]
    {
        let error = error_of(act.clone()).await;
        assert!(matches!(error, ThreatModelError::Unavailable(_)), "{act:?}: {error}");
    }
    for act in [Act::ok("<html>"), Act::ok("[]"), Act::ok(chat("I cannot.")), Act::ok(json!({"choices": []}))]
    {
        let error = error_of(act.clone()).await;
        assert!(matches!(error, ThreatModelError::Answer { .. }), "{act:?}: {error}");
    }
    for status in [400, 401, 403, 404] {
        let error = error_of(Act::status(status)).await;
        assert!(matches!(error, ThreatModelError::Refused { .. }), "{status}: {error}");
    }
}

#[tokio::test]
async fn an_answer_that_the_model_did_not_finish_is_none() {
    for (reason, word) in [("length", "output_tokens_max"), ("content_filter", "filtered")] {
        let mut body = chat("{}");
        body["choices"][0]["finish_reason"] = json!(reason);
        let error = error_of(Act::ok(body)).await;
        assert!(matches!(&error, ThreatModelError::Answer { reason } if reason.contains(word)), "{error}");
    }
    let mut declined = chat("{}");
    declined["choices"][0]["message"]["refusal"] = json!("I will not.");
    assert!(error_of(Act::ok(declined)).await.to_string().contains("declined"));
}

#[tokio::test]
async fn a_huge_answer_is_not_read() {
    let error = error_of(Act::Huge(10_000_000)).await;
    assert!(error.to_string().contains("response_bytes_max"), "{error}");
    assert!(matches!(error, ThreatModelError::Answer { .. }));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Vendor::start(well).await;
    let location = format!("http://{}/v1/chat/completions", elsewhere.address);
    for status in [301, 302, 307, 308] {
        let error = error_of(Act::Answer(status, vec![("location", location.clone())], String::new())).await;
        assert!(matches!(error, ThreatModelError::Refused { .. }), "{error}");
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_busy_vendor_says_when_and_is_left_alone_until_then() {
    // The clock of these tests shows 2025-11-20T12:00:00Z.
    for (value, wait_ms) in [("7", 7000), ("Thu, 20 Nov 2025 12:00:30 GMT", 30_000)] {
        let (vendor, model) =
            failing(Act::Answer(429, vec![("retry-after", value.into())], "{}".into())).await;
        match model.analyze_session(&request()).await.unwrap_err() {
            ThreatModelError::Busy { retry_after_ms } => assert_eq!(retry_after_ms, wait_ms),
            error => panic!("{error}"),
        }
        match model.analyze_session(&request()).await.unwrap_err() {
            ThreatModelError::Busy { retry_after_ms } => assert!((1..=wait_ms).contains(&retry_after_ms)),
            error => panic!("{error}"),
        }
        assert_eq!(vendor.seen().len(), 1, "it was not asked again");
    }
}

/// Waits for as long as an open breaker says, which is at most `max_ms`.
async fn wait_as_told(model: &Judge, max_ms: u64) {
    match model.analyze_session(&request()).await.unwrap_err() {
        ThreatModelError::Busy { retry_after_ms } => {
            assert!((1..=max_ms).contains(&retry_after_ms), "{retry_after_ms}");
            tokio::time::sleep(Duration::from_millis(retry_after_ms + 1)).await;
        }
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_breaker_opens_probes_and_closes() {
    let (vendor, model) = failing(Act::status(500)).await;
    let unavailable = |error| matches!(error, ThreatModelError::Unavailable(_));
    for _ in 0..3 {
        assert!(unavailable(model.analyze_session(&request()).await.unwrap_err()));
    }
    wait_as_told(&model, 1250).await;
    assert_eq!(vendor.seen().len(), 3, "an open breaker asks nobody");
    assert!(unavailable(model.analyze_session(&request()).await.unwrap_err()), "the probe");
    wait_as_told(&model, 2500).await;
    assert_eq!(vendor.seen().len(), 4);
    vendor.now(well);
    model.analyze_session(&request()).await.unwrap();
    model.analyze_session(&request()).await.unwrap();
}

#[tokio::test]
async fn no_text_can_open_the_breaker_by_what_a_model_writes() {
    let mut endless = chat("{");
    endless["choices"][0]["finish_reason"] = json!("length");
    for written in [chat("no JSON"), endless] {
        let (vendor, model) = failing(Act::ok(written)).await;
        for _ in 0..10 {
            model.analyze_session(&request()).await.unwrap_err();
        }
        assert_eq!(vendor.seen().len(), 10);
    }
}

#[tokio::test]
async fn the_next_model_answers_when_one_errs_and_says_who_it_is() {
    for status in [500, 401, 429] {
        let (_first, first) = failing(Act::status(status)).await;
        let vendor = Vendor::start(well).await;
        let second = open(&ModelSettings { model: "other-2".into(), ..settings(Api::Openai, &vendor) });
        let models = Fallback::new(first, vec![second]);
        let answer = models.analyze_session(&request()).await.unwrap();
        assert_eq!(answer.model, "openai:other-2#1", "{status}");
    }
}

#[tokio::test]
async fn nobody_there_is_unavailable_and_a_name_without_address_too() {
    let vendor = Vendor::start(well).await;
    let settings = settings(Api::Openai, &vendor);
    drop(vendor);
    let gone = open(&settings).analyze_session(&request()).await.unwrap_err();
    assert!(matches!(gone, ThreatModelError::Unavailable(_)), "{gone}");
}

#[tokio::test]
async fn addresses_that_may_not_be_called_are_refused_before_a_byte_is_sent() {
    let vendor = Vendor::start(well).await;
    let at = |url: &str, allow_plain_http| ModelSettings {
        base_url: Some(url.parse().unwrap()),
        allow_plain_http,
        ..settings(Api::Openai, &vendor)
    };
    let refused = [
        "http://169.254.169.254/latest",
        "http://10.0.0.1/v1",
        "http://[::ffff:169.254.169.254]/v1",
        "http://0.0.0.0:80/v1",
        "http://0xa9fea9fe/v1",
        "http://2852039166/v1",
        "http://[fd00:ec2::254]/v1",
    ];
    for url in refused {
        let error = open(&at(url, true)).analyze_session(&request()).await.unwrap_err();
        assert!(matches!(error, ThreatModelError::Refused { .. }), "{url}: {error}");
    }
    let plain = open(&at("http://8.8.8.8/v1", false)).analyze_session(&request()).await.unwrap_err();
    assert!(plain.to_string().contains("plain http"), "{plain}");
}

#[tokio::test]
async fn errors_do_not_repeat_the_key_however_a_vendor_does() {
    let echo =
        json!({"error": {"message": format!("wrong key {KEY}"), "code": KEY, "type": KEY}}).to_string();
    for act in [Act::Answer(401, vec![("x-key", KEY.into())], echo), Act::ok(chat(KEY)), Act::ok(KEY)] {
        let error = error_of(act).await;
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}
