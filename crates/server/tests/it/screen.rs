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
        assert_eq!(answer["event_id"], "evt-001", "{name}");
        assert!(answer["risk_score"].as_f64().unwrap() >= 0.5, "{name}");
        assert_eq!(answer["risk_category"], "TARGETED_HARASSMENT");
        assert_eq!(answer["details"]["heuristic_score"], answer["risk_score"], "no label is near");
        assert_eq!(
            (&answer["details"]["embedding_score"], &answer["details"]["similar_events"]),
            (&Value::Null, &json!([]))
        );
        assert_eq!(&answer, first.get_or_insert(answer.clone()), "{name}");
    }
    let flags = &first.unwrap()["details"]["flags"];
    let offensive =
        flags.as_array().unwrap().iter().find(|flag| flag["code"] == "offensive_language").unwrap();
    let place = |span: &Value, end: &str| span[end].as_u64().unwrap() as usize;
    let spans = offensive["spans"].as_array().unwrap().iter();
    let found: Vec<&str> = spans.map(|span| &INSULT[place(span, "start")..place(span, "end")]).collect();
    assert!(found.contains(&"idiot"), "attached punctuation hides no word: {found:?}");
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
        (post().json(&json!(["content"])), "", "wrong_type"),
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

#[tokio::test(flavor = "multi_thread")]
async fn many_texts_are_screened_at_once_and_a_bad_one_sinks_no_other() {
    let server = start().await;
    let body = json!({"events": [{"content": INSULT, "event_id": "a"}, {"event_id": "b"}, {"content": "good morning"}]});
    let answer = server.post("/v1/risk/screen-batch").json(&body).send().await.ok();
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    assert_eq!(
        (&results[0]["event_id"], &results[0]["risk_category"]),
        (&json!("a"), &json!("TARGETED_HARASSMENT"))
    );
    assert_eq!(results[1]["errors"][0]["pointer"], "/content");
    assert_eq!(results[2]["risk_category"], "LOW_RISK");
    assert_eq!(walk::count(&server).await, 0, "nothing is stored");
    let many: Vec<_> = (0..1001).map(|_| json!({"content": "x"})).collect();
    let answer = server.post("/v1/risk/screen-batch").json(&json!({"events": many})).send().await;
    answer.problem(413, "batch-too-large");
    server
        .post("/v1/risk/screen-batch")
        .json(&json!({"texts": []}))
        .send()
        .await
        .problem(400, "invalid-json");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_stored_if_asked_for_and_screened_with_its_authors_past() {
    let server = start().await;
    let store = json!({"content": INSULT, "event_id": "m1", "author_id": "bob", "store": true});
    let answer = server.post("/v1/risk/screen").json(&store).send().await.ok();
    let stored = &answer["stored"];
    assert_eq!((&stored["position"], &stored["duplicate"]), (&json!(0), &json!(false)));
    let again = server.post("/v1/risk/screen").json(&store).send().await.ok();
    assert_eq!(
        (&again["stored"]["event_id"], &again["stored"]["duplicate"]),
        (&stored["event_id"], &json!(true))
    );
    for n in 0..3 {
        server
            .post("/v1/risk/screen")
            .json(&json!({"content": format!("{INSULT} {n}"), "author_id": "bob", "store": true}))
            .send()
            .await
            .ok();
    }
    server.caught_up().await;
    let flags = async |author: &str| {
        let body = json!({"content": "see you at the river", "author_id": author, "metadata": {"account_age_days": 0}});
        let answer = server.post("/v1/risk/screen").json(&body).send().await.ok();
        walk::texts(answer["details"]["flags"].as_array().unwrap(), "/code")
    };
    let (known, unknown) = (flags("bob").await, flags("eve").await);
    assert!(known.iter().any(|code| code.contains("recent")), "a recent past: {known:?}");
    assert!(
        !unknown.iter().any(|code| code.contains("recent")),
        "none of somebody nobody knows: {unknown:?}"
    );
    assert!(
        unknown.iter().any(|code| code.contains("account")),
        "what the platform says counts: {unknown:?}"
    );
}
