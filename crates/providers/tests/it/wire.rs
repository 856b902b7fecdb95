//! What is sent to vendors, and how their right answers are read.

use serde_json::{Value, json};
use tidegate_domain::analysis::{CotRequest, Pattern, TurnKind, Usage};
use tidegate_domain::ports::ThreatModel;
use tidegate_providers::settings::{Api, ModelSettings};
use tidegate_testkit::threat_model::turn;

use crate::models::{KEY, open, request, settings};
use tidegate_testkit::vendor::{Act, Seen, Vendor, chat, message, verdict};

fn cot() -> CotRequest {
    CotRequest {
        project: "p".into(),
        session: None,
        cot: turn(3, TurnKind::Cot, "I will lie to the user."),
        user_input: Some("Is it safe?".into()),
        final_output: Some("Yes.".into()),
        acts: vec![],
    }
}

fn answering(seen: &Seen) -> Act {
    let verdict = verdict(seen, 0.25);
    match seen.head.starts_with("POST /v1/chat") {
        true => Act::ok(chat(&verdict.to_string())),
        false => Act::ok(message(seen, &verdict)),
    }
}

#[tokio::test]
async fn openai_is_asked_as_its_own_client_asks() {
    let vendor = Vendor::start(answering).await;
    let model = open(&settings(Api::Openai, &vendor));
    let answer = model.analyze_session(&request()).await.unwrap();
    assert_eq!(answer.model, "openai:small-1#1");
    assert_eq!(answer.model, model.version());
    assert_eq!(answer.usage, Usage { input_tokens: 1200, output_tokens: 300, cost_microusd: 180 });
    assert_eq!(answer.analysis.patterns, [Pattern::PolicyProbing]);

    let seen = vendor.seen().remove(0);
    assert!(seen.head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{}", seen.head);
    assert_eq!(seen.header("authorization"), format!("Bearer {KEY}"));
    assert_eq!(seen.header("content-type"), "application/json");
    assert_eq!(seen.header("accept"), "application/json");
    assert_eq!(seen.header("host"), vendor.address.to_string());
    let body = &seen.body;
    assert_eq!((&body["model"], &body["temperature"]), (&json!("small-1"), &json!(0.3)));
    assert_eq!(body["max_completion_tokens"], 4000);
    assert_eq!(body["response_format"]["type"], "json_schema");
    let format = &body["response_format"]["json_schema"];
    assert_eq!((&format["name"], &format["strict"]), (&json!("session_verdict"), &json!(true)));
    assert_is_strict(&format["schema"]);
    let roles: Vec<_> =
        body["messages"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["system", "user"]);
    assert!(body["messages"][1]["content"].as_str().unwrap().contains(r#""from":"user","text":"hello"}"#));
    let members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["max_completion_tokens", "messages", "model", "response_format", "temperature"]);
}

/// OpenAI's strict form: every object names all of its members as required and allows no other.
fn assert_is_strict(schema: &Value) {
    if let Some(properties) = schema["properties"].as_object() {
        assert_eq!(schema["additionalProperties"], false, "{schema}");
        let required: Vec<_> =
            schema["required"].as_array().unwrap().iter().map(|r| r.as_str().unwrap()).collect();
        assert!(
            properties.keys().all(|name| required.contains(&&**name)) && properties.len() == required.len()
        );
        properties.values().for_each(assert_is_strict);
    }
    if let Some(items) = schema.get("items") {
        assert_is_strict(items);
    }
}

#[tokio::test]
async fn anthropic_is_asked_as_its_own_client_asks() {
    let vendor = Vendor::start(answering).await;
    let model = open(&settings(Api::Anthropic, &vendor));
    let answer = model.analyze_cot(&cot()).await.unwrap();
    assert_eq!(answer.model, "anthropic:small-1#1");
    assert_eq!(answer.usage, Usage { input_tokens: 1200, output_tokens: 300, cost_microusd: 180 });

    let seen = vendor.seen().remove(0);
    assert!(seen.head.starts_with("POST /v1/messages HTTP/1.1\r\n"), "{}", seen.head);
    assert_eq!(seen.header("x-api-key"), KEY);
    assert_eq!(seen.header("anthropic-version"), "2023-06-01");
    assert_eq!(seen.header("authorization"), "");
    let body = &seen.body;
    assert_eq!((&body["model"], &body["max_tokens"]), (&json!("small-1"), &json!(4000)));
    assert!(body["system"].as_str().unwrap().contains("security analyst"));
    assert_eq!(body["messages"].as_array().unwrap().len(), 1);
    assert_eq!(body["messages"][0]["role"], "user");
    assert_eq!(body["tools"][0]["name"], "reasoning_verdict");
    assert_is_strict(&body["tools"][0]["input_schema"]);
    assert_eq!(body["tool_choice"], json!({"type": "tool", "name": "reasoning_verdict"}));
    assert_eq!(body["temperature"], 0.3);
}

/// A server that takes neither forms nor temperature nor the newer limit, and says so one at a time.
fn old_server(seen: &Seen) -> Act {
    let refuse = |param: &str| {
        let message = format!("Unsupported parameter: '{param}'");
        let error = json!({"error": {"message": message, "type": "invalid_request_error", "param": param, "code": null}});
        Act::Answer(400, vec![], error.to_string())
    };
    match &seen.body {
        body if body.get("response_format").is_some() => refuse("response_format"),
        body if body.get("max_completion_tokens").is_some() => refuse("max_completion_tokens"),
        body if body.get("temperature").is_some() => refuse("temperature"),
        _ => Act::ok(chat(&format!("Here you are:\n```json\n{}\n```", verdict(seen, 0.25)))),
    }
}

#[tokio::test]
async fn a_server_is_asked_in_a_form_that_it_takes_and_that_is_remembered() {
    let vendor = Vendor::start(old_server).await;
    let model = open(&settings(Api::Openai, &vendor));
    model.analyze_session(&request()).await.unwrap();
    assert_eq!(vendor.seen().len(), 5, "schema, object, words, the older limit, no temperature");
    model.analyze_session(&request()).await.unwrap();
    let seen = vendor.seen();
    assert_eq!(seen.len(), 6);
    assert_eq!(seen[5].body["max_tokens"], 4000);
}

#[tokio::test]
async fn a_form_is_not_remembered_that_did_not_help() {
    let refusing = |_: &Seen| {
        Act::Answer(400, vec![], json!({"error": {"message": "no", "param": "response_format"}}).to_string())
    };
    let vendor = Vendor::start(refusing).await;
    let model = open(&settings(Api::Openai, &vendor));
    model.analyze_session(&request()).await.unwrap_err();
    vendor.now(answering);
    model.analyze_session(&request()).await.unwrap();
    assert_eq!(vendor.seen().last().unwrap().body["response_format"]["type"], "json_schema");
}

#[tokio::test]
async fn anthropic_is_asked_again_without_a_temperature_that_it_does_not_take() {
    let vendor = Vendor::start(|seen| match seen.body.get("temperature") {
        Some(_) => Act::Answer(
            400,
            vec![],
            json!({"type": "error", "error": {"type": "invalid_request_error", "message": "temperature: not for this model"}})
                .to_string(),
        ),
        None => answering(seen),
    })
    .await;
    let model = open(&settings(Api::Anthropic, &vendor));
    model.analyze_session(&request()).await.unwrap();
    model.analyze_session(&request()).await.unwrap();
    assert_eq!(vendor.seen().len(), 3);
}

#[tokio::test]
async fn a_server_without_a_key_is_sent_none_and_connections_are_kept() {
    let vendor = Vendor::start(answering).await;
    let model = open(&ModelSettings { api_key: None, temperature: -1.0, ..settings(Api::Openai, &vendor) });
    for _ in 0..3 {
        model.analyze_session(&request()).await.unwrap();
    }
    assert_eq!(vendor.connections(), 1);
    assert_eq!(vendor.seen()[0].header("authorization"), "");
    assert!(vendor.seen()[0].body.get("temperature").is_none());
}

#[tokio::test]
async fn the_same_session_gives_the_same_bytes() {
    let vendor = Vendor::start(answering).await;
    let model = open(&settings(Api::Openai, &vendor));
    for _ in 0..2 {
        model.analyze_session(&request()).await.unwrap();
    }
    let seen = vendor.seen();
    assert_eq!(seen[0].body, seen[1].body);
}
