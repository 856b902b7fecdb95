//! `POST /v1/events`: every shape and encoding, a verdict for each event, and what comes back is what was sent.

use serde_json::{Value, json};

use crate::support::server::{start, start_with};
use crate::support::{INSULT, compress, walk};

#[tokio::test(flavor = "multi_thread")]
async fn one_event_is_acknowledged_with_a_receipt_and_read_back() {
    let server = start().await;
    let sent = json!({
        "type": "message.user", "sessionId": "s:1", "source": "web", "projectId": "proj_dev", "content": "hello",
        "actor": {"id": "u1", "type": "user"}, "target": {"id": "bot"}, "object": {"type": "thread", "id": "t1"},
        "data": {"a": 1}, "attribution": {"utmSource": "x"}, "idempotencyKey": "k", "correlationId": "c",
        "traceId": "t", "schemaVersion": 2,
    });
    let receipt = server.store(sent.clone()).await;
    let id = receipt["eventId"].as_str().unwrap();
    assert_eq!(receipt, json!({"ok": true, "eventId": id, "position": 0, "duplicate": false}));
    server.caught_up().await;
    let event = server.read(&format!("/v1/events/{id}")).await["event"].clone();
    for (name, value) in sent.as_object().unwrap() {
        assert_eq!(&event[name], value, "{name}");
    }
    assert_eq!((&event["eventId"], &event["position"]), (&json!(id), &json!(0)));
    assert_eq!(event["role"], "user", "the type implies it");
    assert_eq!(event["occurredAt"], event["recordedAt"], "without a time of its own");
    assert_eq!((&event["context"]["door"], &event["context"]["ip"]), (&json!("chat"), &json!("127.0.0.0")));
    assert_eq!(event["assessment"]["category"], "LOW_RISK");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shape_of_a_batch_gets_a_verdict_for_each_event() {
    let server = start().await;
    let events = [json!({"type": "a", "content": "1"}), json!({"type": "b", "data": {"n": 2}})];
    let lines = format!("{}\n\n{}\r\n", events[0], events[1]);
    for (content_type, body) in [
        ("application/json", json!(events).to_string()),
        ("application/json; charset=utf-8", json!({"events": events}).to_string()),
        ("application/x-ndjson", lines.clone()),
        ("application/jsonl", lines),
        ("application/vnd.tidegate+json", json!(events).to_string()),
    ] {
        let answer = server.post("/v1/events").typed(content_type, body).send().await.ok();
        let counts = [&answer["ok"], &answer["accepted"], &answer["duplicates"], &answer["rejected"]];
        assert_eq!(counts, [&json!(true), &json!(2), &json!(0), &json!(0)], "{content_type}");
        let results = answer["results"].as_array().unwrap();
        for (index, result) in results.iter().enumerate() {
            assert_eq!((&result["index"], &result["status"]), (&json!(index), &json!("accepted")));
            let event = server.read(&format!("/v1/events/{}", result["eventId"].as_str().unwrap())).await;
            assert_eq!(event["event"]["type"], events[index]["type"]);
            assert_eq!(event["event"]["position"], result["position"]);
        }
    }
    assert_eq!(walk::count(&server).await, 10);
    for body in ["[]", r#"{"events":[]}"#] {
        assert_eq!(server.post("/v1/events").body(body).send().await.ok()["results"], json!([]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_bodies_are_read() {
    let server = start().await;
    let body = json!([{"type": "a", "content": "x".repeat(10_000)}, {"type": "a"}]).to_string();
    let (first, second) = body.as_bytes().split_at(5_000);
    let members = [compress::gzip(first), compress::gzip(second)].concat();
    for (encoding, bytes) in [
        ("gzip", compress::gzip(body.as_bytes())),
        ("GZIP", members),
        ("x-gzip", compress::gzip(body.as_bytes())),
        ("deflate", compress::deflate(body.as_bytes())),
        ("zstd", compress::zstd(body.as_bytes())),
        ("br", compress::brotli(body.as_bytes())),
        ("identity", body.clone().into_bytes()),
    ] {
        let call = server.post("/v1/events").header("content-encoding", encoding);
        assert_eq!(call.body(bytes).send().await.ok()["accepted"], 2, "{encoding}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_event_is_refused_by_name_and_its_neighbours_are_stored() {
    let server = start().await;
    let bad = [
        ("7", "", "wrong_type"),
        ("null", "", "wrong_type"),
        (r#"["type","a"]"#, "", "wrong_type"),
        (r#"{"content":"no type"}"#, "/type", "required"),
        (r#"{"type":"a","content":7}"#, "/content", "wrong_type"),
        (r#"{"type":"a","data":{"n":1e400}}"#, "/data/n", "number_out_of_range"),
        // Valid by the grammar of JSON, and yet no text: each spoils its own event only.
        (r#"{"type":"a","\ud800":1}"#, "", "lone_surrogate"),
        (r#""\udfff""#, "", "invalid_json"),
        ("1e400", "", "invalid_json"),
    ];
    let events = bad.map(|(event, ..)| format!(r#"{{"type":"good"}},{event}"#)).join(",");
    for body in [format!("[{events}]"), format!(r#"{{"events":[{events}]}}"#)] {
        let answer = server.post("/v1/events").body(body).send().await.ok();
        assert_eq!((&answer["ok"], &answer["accepted"]), (&json!(false), &json!(bad.len())), "{answer}");
        for (number, (event, pointer, code)) in bad.iter().enumerate() {
            assert_eq!(answer["results"][number * 2]["status"], "accepted");
            let refused = &answer["results"][number * 2 + 1];
            let error = &refused["error"][0];
            assert_eq!(
                (&refused["status"], &refused["eventId"]),
                (&json!("rejected"), &Value::Null),
                "{event}"
            );
            assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!(code)), "{event}");
        }
    }
    let lines = "{\"type\":\"good\"}\n{\"type\":\n{\"type\":\"good\"}\nnonsense";
    let answer = server.post("/v1/events").typed("application/x-ndjson", lines).send().await.ok();
    let statuses = walk::texts(answer["results"].as_array().unwrap(), "/status");
    assert_eq!(statuses, ["accepted", "rejected", "accepted", "rejected"]);
    assert_eq!(walk::events(&server, "type=good&limit=1000").await.len(), bad.len() * 2 + 2);
    assert_eq!(walk::count(&server).await, bad.len() * 2 + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_screening_answers_with_the_risk() {
    let server = start().await;
    let event = json!({"type": "message.user", "sessionId": "s", "content": INSULT});
    let receipt = server.post("/v1/events?wait=screened").json(&event).send().await.ok();
    assert_eq!(receipt["pending"], false);
    assert!(receipt["riskScore"].as_f64().unwrap() >= 0.5, "{receipt}");
    assert_eq!(receipt["category"], "TARGETED_HARASSMENT");
    let patterns = receipt["patterns"].as_array().unwrap();
    for pattern in ["offensive_language", "targeting_behavior", "repeated_punctuation"] {
        assert!(patterns.contains(&json!(pattern)), "{receipt}");
    }
    let clear = json!({"type": "message.user", "content": "good morning"});
    let receipt = server.post("/v1/events?wait=screened").json(&clear).send().await.ok();
    assert_eq!((&receipt["riskScore"], &receipt["patterns"]), (&json!(0.0), &json!([])));
    // A batch that waits is readable with its assessments, and its sessions are up to date.
    let batch = json!([event, clear, event]);
    server.post("/v1/events?wait=screened").json(&batch).send().await.ok();
    assert_eq!(server.read("/v1/sessions/s").await["session"]["eventCount"], 3);
    let answer = server.post("/v1/events?wait=later").json(&clear).send().await;
    answer.problem(422, "invalid-parameter");
    assert_eq!(answer.first_error(), ("/wait".into(), "invalid".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_pipeline_events_are_kept_and_nobody_waits_for_screening() {
    let server = start_with(|config| config.pipeline.enabled = false).await;
    let answer = server.post("/v1/events?wait=screened").json(&json!({"type": "a"})).send().await;
    answer.problem(409, "pipeline-disabled");
    assert_eq!(walk::count(&server).await, 0, "refused before it was stored");
    let receipt = server.store(json!({"type": "a", "content": INSULT})).await;
    let event = server.read(&format!("/v1/events/{}", receipt["eventId"].as_str().unwrap())).await;
    assert_eq!(event["event"]["assessment"], Value::Null);
    assert!(walk::events(&server, "minRisk=0.1").await.is_empty(), "an unscreened event has no risk yet");
    assert!(walk::events(&server, "category=LOW_RISK").await.is_empty());
    assert_eq!(walk::events(&server, "minRisk=0").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn data_and_unknown_fields_come_back_byte_for_byte() {
    let mut server = start().await;
    let data = concat!(
        r#"{"big":123456789012345678901234567890,"price":1.50,"exp":1E+5,"minus":-0.0,"tiny":1e-400,"#,
        r#""escapes":"\u00e9\ud83d\ude00\/\u0000\b","two":1,"two":2,"":{},"deep":[[[{"a":null}]]],"é😀":"é😀"}"#
    );
    let extra = r#"{"future":{"x":[1.10,"\u0041"]},"a\"b":null_,"n":1E2}"#.replace("null_", "true");
    let spread = data.replace(',', " ,\r\n\t");
    let unknown = &extra[1..extra.len() - 1];
    let body = format!("{{ \"type\" : \"a\", \"data\" : {spread} , {unknown} }}");
    let receipt = server.post("/v1/events").body(body).send().await.ok();
    let path = format!("/v1/events/{}", receipt["eventId"].as_str().unwrap());
    for restarted in [false, true] {
        let text = server.get(&path).await.text();
        assert!(text.contains(&format!(r#""data":{data},"#)), "{restarted}: {text}");
        assert!(text.contains(&format!(r#""extra":{extra}}}"#)), "{restarted}: {text}");
        server.restart().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn content_of_any_characters_comes_back() {
    let server = start().await;
    let content = "a\0\u{1}\u{1f}\u{7f}\r\n\t\"\\ é 😀 \u{202e}\u{200b}\u{feff}\u{fffd}\u{10ffff} </script>";
    for body in [json!({"type": "a", "content": content}).to_string(), escaped(content)] {
        let receipt = server.post("/v1/events").body(body).send().await.ok();
        let event = server.read(&format!("/v1/events/{}", receipt["eventId"].as_str().unwrap())).await;
        assert_eq!(event["event"]["content"], content);
    }
}

/// The event with its content in escapes of UTF-16 units.
fn escaped(content: &str) -> String {
    let units: String = content.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    format!(r#"{{"type":"a","content":"{units}"}}"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn times_and_names_are_taken_in_all_their_forms() {
    let server = start().await;
    let now = server.read("/health").await["timestamp"].as_str().unwrap().to_owned();
    let day = &now[..10];
    for (sent, read) in [
        (json!(format!("{day}T01:02:03+01:00")), format!("{day}T00:02:03.000Z")),
        (json!(format!("{day}T00:00:00.5Z")), format!("{day}T00:00:00.500Z")),
        (json!("1763640000123"), "2025-11-20T12:00:00.123Z".into()),
        (json!(1_763_640_000_123_i64), "2025-11-20T12:00:00.123Z".into()),
    ] {
        let answer = server.post("/v1/events").json(&json!({"type": "a", "occurredAt": sent})).send().await;
        if answer.status == 422 {
            assert_eq!(answer.first_error().1, "too_far_behind", "{sent}: the year moves on");
            continue;
        }
        let event = server.read(&format!("/v1/events/{}", answer.ok()["eventId"].as_str().unwrap())).await;
        assert_eq!(event["event"]["occurredAt"], read, "{sent}");
    }
    let receipt = server.store(json!({"type": "cot", "metadata": {"userInput": "x"}, "actor": "u1"})).await;
    let event = server.read(&format!("/v1/events/{}", receipt["eventId"].as_str().unwrap())).await;
    assert_eq!(event["event"]["data"], json!({"userInput": "x"}), "seed 000's name of data");
    assert_eq!(event["event"]["actor"], json!({"id": "u1"}));
    assert_eq!(event["event"]["source"], "api");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_just_within_the_limits_is_accepted() {
    let server = start().await;
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let text = |bytes: usize| "x".repeat(bytes);
    for event in [
        json!({"type": text(100), "source": text(100), "sessionId": text(255), "idempotencyKey": text(255)}),
        json!({"type": "a", "actor": {"id": text(255), "type": text(255)}}),
        json!({"type": "a", "content": "😀".repeat(50_000)}),
        json!({"type": "a", "data": {"t": text(65_536 - 8)}}),
        json!({"type": "a", "schemaVersion": u32::MAX}),
    ] {
        server.store(event).await;
    }
    let body = format!(r#"{{"type":"a","data":{{"d":{}}}}}"#, deep(31));
    server.post("/v1/events").body(body).send().await.ok();
    let members: Vec<_> = (0..255).map(|n| format!(r#""m{n}":{n}"#)).collect();
    server.post("/v1/events").body(format!(r#"{{"type":"a",{}}}"#, members.join(","))).send().await.ok();
    server.store_all((0..1000).map(|n| json!({"type": "batch", "data": {"n": n}}))).await;
    assert_eq!(walk::events(&server, "type=batch&order=asc&limit=1000").await[999]["data"]["n"], 999);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_event_is_there_after_a_restart() {
    let mut server = start().await;
    let mut sent = Vec::new();
    for n in 0..20 {
        let receipt =
            server.store(json!({"type": "a", "sessionId": "s", "content": format!("{INSULT} {n}")})).await;
        sent.push(receipt["eventId"].as_str().unwrap().to_owned());
    }
    server.caught_up().await;
    let session = server.read("/v1/sessions/s").await;
    server.restart().await;
    let events = walk::events(&server, "sessionId=s").await;
    assert_eq!(walk::texts(&events, "/eventId"), sent);
    assert!(events.iter().all(|event| event["assessment"]["category"] == "TARGETED_HARASSMENT"));
    let after = server.read("/v1/sessions/s").await;
    for name in ["eventCount", "currentPatterns", "peakRiskScore", "createdAt", "lastActivityAt"] {
        assert_eq!(after["session"][name], session["session"][name], "{name}");
    }
}
