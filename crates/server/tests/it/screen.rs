//! `POST /v1/risk/screen`: JSON, form or query; answers as seed 002 does, and stores nothing.

use serde_json::{Value, json};

use crate::support::client::Call;
use crate::support::server::start;
use crate::support::{INSULT, walk};

#[tokio::test(flavor = "multi_thread")]
async fn the_seeds_curl_and_every_other_form_get_the_same_answer() {
    let server = start().await;
    let post = |query: &str| server.post(&format!("/v1/risk/screen{query}"));
    let encoded = "event_id=evt-001&content=You+are%20such+a+stupid+idiot%21%21!";
    let form = "application/x-www-form-urlencoded";
    let body = json!({"event_id": "evt-001", "content": INSULT, "other": 1});
    let calls: Vec<(&str, Call)> = vec![
        // `curl -d` sends the form's content type, whatever it sends; spaces may come unencoded.
        ("curl", post("").typed(form, format!("event_id=evt-001&content={INSULT}"))),
        ("form", post("").typed("application/x-www-form-urlencoded; charset=utf-8", encoded)),
        ("JSON", post("").json(&body)),
        ("JSON without a content type", post("").body(body.to_string())),
        ("query", post(&format!("?{encoded}"))),
        ("query with an empty form", post(&format!("?{encoded}")).typed(form, "")),
    ];
    let mut first = None;
    for (name, call) in calls {
        let mut answer = call.send().await.ok();
        let mut names: Vec<_> = answer.as_object().unwrap().keys().cloned().collect();
        names.sort();
        let known = [
            "confidence",
            "details",
            "event_id",
            "flags",
            "model_version",
            "risk_category",
            "risk_score",
            "screening_time_ms",
        ];
        assert_eq!(names, known, "{name}");
        assert!(answer["screening_time_ms"].is_number());
        answer["screening_time_ms"] = Value::Null;
        assert_eq!((&answer["event_id"], &answer["risk_score"]), (&json!("evt-001"), &json!(0.55)), "{name}");
        assert_eq!(answer["risk_category"], "TARGETED_HARASSMENT");
        assert_eq!(answer["details"]["heuristic_score"], 0.55);
        assert_eq!(
            (&answer["details"]["embedding_score"], &answer["details"]["similar_events"]),
            (&Value::Null, &json!([]))
        );
        assert_eq!(&answer, first.get_or_insert(answer.clone()), "{name}");
    }
    let flags = &first.unwrap()["details"]["flags"];
    let offensive =
        flags.as_array().unwrap().iter().find(|flag| flag["code"] == "offensive_language").unwrap();
    let span = &offensive["spans"][1];
    let (start, end) = (span["start"].as_u64().unwrap() as usize, span["end"].as_u64().unwrap() as usize);
    assert_eq!(&INSULT[start..end], "idiot", "attached punctuation hides no word");
    assert_eq!(walk::count(&server).await, 0, "nothing is stored");
    assert_eq!(server.read("/v1/metrics").await["log_tail"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_count_characters_not_bytes() {
    let server = start().await;
    let answer =
        server.post("/v1/risk/screen").json(&json!({"content": "😀é you are an idiot"})).send().await.ok();
    let flags = answer["details"]["flags"].as_array().unwrap();
    let offensive = flags.iter().find(|flag| flag["code"] == "offensive_language").unwrap();
    assert_eq!(offensive["spans"], json!([{"start": 14, "end": 19}]));
    assert!(answer.get("event_id").is_none(), "none was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_missing_or_too_long_is_refused_by_name() {
    let server = start().await;
    let post = || server.post("/v1/risk/screen");
    let form = "application/x-www-form-urlencoded";
    let long = "x".repeat(50_001);
    for (call, pointer, code) in [
        (post(), "/content", "required"),
        (post().json(&json!({})), "/content", "required"),
        (post().json(&json!({"content": null})), "/content", "required"),
        (post().json(&json!(["content"])), "/content", "required"),
        (post().json(&json!({"content": 7})), "/content", "wrong_type"),
        (post().json(&json!({"content": long})), "/content", "too_long"),
        (post().json(&json!({"content": "x", "event_id": 7})), "/event_id", "wrong_type"),
        (post().body(r#"{"content":"\ud800"}"#), "/content", "lone_surrogate"),
        (post().typed(form, "content="), "/content", "required"),
        (post().typed(form, format!("content={long}")), "/content", "too_long"),
        (post().typed(form, "content=x&content=y"), "/content", "repeated"),
        (post().typed(form, "content=x&kontent=y"), "/kontent", "unknown_parameter"),
        (server.post("/v1/risk/screen?event_id=x"), "/content", "required"),
    ] {
        let answer = call.send().await;
        assert_eq!(answer.status, 422, "{}", answer.text());
        answer.kind();
        assert_eq!(answer.first_error(), (pointer.into(), code.into()), "{}", answer.text());
    }
    let edge = json!({"content": "x".repeat(50_000)});
    server.post("/v1/risk/screen").json(&edge).send().await.ok();
}
