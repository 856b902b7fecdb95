//! Masking: what a rule hides is on no disk, in no answer and in no stream, on every door.

use serde_json::json;
use tidegate_server::config::{MaskingRule, ScanFamily, ScanSeverity, ScanStyle};

use crate::support::server::{TestServer, start_with};
use crate::support::{files, sse, walk};

const CANARY: &str = "4111111111111111";

async fn masking() -> TestServer {
    start_with(|config| {
        let rule = |name: &str, pattern: &str| MaskingRule { name: name.into(), pattern: pattern.into() };
        config.masking.rules = vec![rule("card", r"\b4\d{15}\b"), rule("mail", r"[\w.]+@example\.org")];
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_masked_text_is_in_no_file_and_in_no_answer() {
    let mut server = masking().await;
    let mut stream = sse::open(&server, None, "/v1/events/stream", None).await;
    let escaped: String = CANARY.bytes().map(|digit| format!("\\u{:04x}", u32::from(digit))).collect();
    let mail = "ann.lee@example.org";
    for body in [
        json!({"type": "a", "content": format!("my card {CANARY}, my mail {mail}")}).to_string(),
        json!({"type": "a", "data": {"deep": [{"card": CANARY, "mail": mail}]}}).to_string(),
        json!({"type": "a", "metadata": {"card": CANARY}}).to_string(),
        json!({"type": "a", "attribution": {"referrer": format!("https://shop.example/?card={CANARY}&m={mail}")}}).to_string(),
        json!({"type": "a", "unknown": {"card": CANARY}, "other": CANARY}).to_string(),
        format!(r#"{{"type":"a","content":"{escaped}","data":{{"x":"{escaped}"}},"unknown":"{escaped}"}}"#),
        json!([{"type": "a", "content": CANARY}, {"type": "a", "data": {"x": mail}}]).to_string(),
    ] {
        server.post("/v1/events").header("user-agent", format!("agent {CANARY}")).body(body).send().await.ok();
    }
    let message = json!({
        "event_id": "1", "event_type": "message_created", "platform": "discord", "user_id": "u", "author_id": "a",
        "content": format!("  {CANARY} "), "metadata": {"mail": mail}, "unknown": [CANARY],
    });
    server.post("/v1/events/ingest").json(&message).send().await.ok();
    let mut other = message.clone();
    (other["event_id"], other["author_id"]) = (json!("2"), json!("b"));
    server.post("/v1/events/ingest-batch").json(&json!({"events": [other]})).send().await.ok();
    // Refused events leave nothing behind either.
    let refused = json!({"type": "a b", "content": CANARY});
    server.post("/v1/events").json(&refused).send().await.problem(422, "invalid-event");
    server.post("/v1/risk/screen").json(&json!({"content": CANARY})).send().await.ok();
    server.caught_up().await;
    let events = walk::events(&server, "").await;
    assert_eq!(events.len(), 10);
    for text in [CANARY, mail, "ann.lee"] {
        assert!(!json!(events).to_string().contains(text), "{events:?}");
        assert_eq!(files::holding(server.data_dir(), text), Vec::<std::path::PathBuf>::new());
    }
    let frames = stream.take(10).await;
    assert!(frames.iter().all(|frame| !frame.data.to_string().contains(CANARY)));
    let oldest = events.last().unwrap();
    assert_eq!(oldest["content"], "my card [masked:card], my mail [masked:mail]");
    assert_eq!(oldest["context"]["userAgent"], "agent [masked:card]");
    server.stop().await;
    assert_eq!(files::holding(server.data_dir(), CANARY), Vec::<std::path::PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_masked_event_is_still_recognised_when_it_comes_again() {
    let server = masking().await;
    let event = json!({"type": "a", "content": format!("card {CANARY}"), "idempotencyKey": "k"});
    let first = server.store(event.clone()).await;
    let again = server.store(event).await;
    assert_eq!((&again["duplicate"], &again["eventId"]), (&json!(true), &first["eventId"]));
    let other = json!({"type": "a", "content": "no card", "idempotencyKey": "k"});
    server.post("/v1/events").json(&other).send().await.problem(422, "idempotency-key-reused");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_rule_hides_stays_byte_for_byte() {
    let server = masking().await;
    let data = r#"{"n":1.50,"big":123456789012345678901234567890,"e":"\u00e9"}"#;
    let receipt =
        server.post("/v1/events").body(format!(r#"{{"type":"a","data":{data}}}"#)).send().await.ok();
    let text = server.get(&format!("/v1/events/{}", receipt["eventId"].as_str().unwrap())).await.text();
    assert!(text.contains(data), "{text}");
}

/// What the scanner finds, without a rule of one's own. The key is put together here: no file holds one.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_scanner_finds_is_masked_on_every_door() {
    let server = start_with(|config| {
        config.masking.scan = vec![ScanFamily::Secrets, ScanFamily::Pii];
    })
    .await;
    let key = ["gh", "p_", "x7Kq2mVb9LtR4nWc8ZsY1dFh6JgP3aQe5UoT"].concat();
    let text = format!("use {key} and write to ann.lee@example.org");
    server.store(json!({"type": "a", "content": text, "data": {"deep": [{"note": text}]}})).await;
    let event = walk::events(&server, "").await.remove(0);
    assert_eq!(event["content"], "use [masked:github-pat] and write to [masked:email]");
    assert_eq!(event["data"]["deep"][0]["note"], event["content"]);
    assert_eq!(files::holding(server.data_dir(), &key), Vec::<std::path::PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn findings_below_the_severity_stay_and_a_partial_mask_keeps_what_tells_keys_apart() {
    let server = start_with(|config| {
        config.masking.scan = vec![ScanFamily::Secrets, ScanFamily::Pii];
        config.masking.scan_min_severity = ScanSeverity::High;
        config.masking.scan_style = ScanStyle::Partial;
    })
    .await;
    server.store(json!({"type": "a", "content": format!("card {CANARY}, ann.lee@example.org")})).await;
    let event = walk::events(&server, "").await.remove(0);
    assert_eq!(event["content"], "card 4111************, ann.lee@example.org");
}
