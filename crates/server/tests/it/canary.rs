//! Canaries: a text of its own in every place where a client can put one, through every door, good and bad; then all
//! that the server says elsewhere is searched. They are in the events that carry them, and nowhere else.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::child::{ChildServer, Serve};
use crate::support::client::{Answer, Client};
use crate::support::patience::eventually;
use crate::support::{INSULT, command, compress, files, sse, strace, walk};

/// What every canary begins with. No name of a type or a source looks like it: those are labels of metrics.
const MARK: &str = "zq70419canary";

/// The canary of a place: found somewhere, it says where it came from.
fn canary(place: &str) -> String {
    format!("{MARK}-{place}")
}

/// Every field of an event, by the native door.
fn event(at: &str) -> Value {
    let c = |place: &str| canary(&format!("{at}-{place}"));
    json!({
        "type": c("type"), "sessionId": c("session"), "source": c("source"), "role": "user",
        "content": format!("{INSULT} {}", c("content")), "actor": {"id": c("actor"), "type": c("actor-type")},
        "target": {"id": c("target")}, "object": {"id": c("object"), "type": c("object-type")},
        "data": {c("data-name"): c("data"), "deep": [{"x": c("deep")}]}, "attribution": {"referrer": c("referrer")},
        "idempotencyKey": c("key"), "correlationId": c("correlation"), "traceId": c("trace"),
        c("unknown-name"): {"y": c("unknown")},
    })
}

/// Every field of an event, by the moderation door.
fn message(at: &str) -> Value {
    let c = |place: &str| canary(&format!("{at}-{place}"));
    json!({
        "event_id": c("id"), "event_type": "message_created", "platform": "discord", "user_id": c("user"),
        "author_id": c("author"), "channel_id": c("channel"), "guild_id": c("guild"),
        "content": format!("{INSULT} {}", c("content")), "metadata": {c("meta-name"): c("meta")}, c("unknown"): c("value"),
    })
}

/// The members of an event, each with values that no rule allows: too long, of another type, of a wrong character.
fn bad_values(of: &Value) -> Vec<Value> {
    let mut cases = Vec::new();
    for name in of.as_object().expect("an object").keys() {
        let c = canary(&format!("bad-{}", name.rsplit('-').next().unwrap_or_default()));
        for wrong in [
            json!([c]),
            json!({"wrong": c}),
            json!(format!("{c}{}", "x".repeat(70_000))),
            json!(format!("{c} \n\u{1b}[31m\u{202e}")),
            json!({"id": c, "id2": {"wrong": [c]}}),
        ] {
            let mut bad = of.clone();
            bad[name] = wrong;
            cases.push(bad);
        }
    }
    cases
}

/// Bodies that are no event at all.
fn broken_bodies() -> Vec<Vec<u8>> {
    let c = canary("broken");
    let mut bodies: Vec<Vec<u8>> = [
        c.clone(),
        format!("\"{c}\""),
        format!("[{{\"type\":\"{c}\"}},"),
        format!("{{\"type\":\"{c}\\x\"}}"),
        format!("{{\"type\":\"a\",\"content\":\"{c}\\ud800\"}}"),
        format!("{{\"type\":\"a\",\"type\":\"{c}\"}}"),
        format!("{{\"events\":\"{c}\"}}"),
        format!("{{\"type\":\"a\",\"occurredAt\":\"{c}\"}}"),
        format!("{{\"type\":\"a\"}} {c}"),
    ]
    .map(String::into_bytes)
    .to_vec();
    bodies.push([&[0, 0xff, 0xfe, 0x80], c.as_bytes(), &[0xc3, 0x28]].concat());
    bodies.push([b"{\"type\":\"a\",\"content\":\"", c.as_bytes(), b"\xff\"}"].concat());
    bodies
}

/// All answers of a run, to be searched.
#[derive(Default)]
struct Heard(Vec<(String, Answer)>);

impl Heard {
    async fn post(&mut self, client: &Client, path: &str, body: impl Into<bytes::Bytes>) -> u16 {
        let answer = client.post(path).header("content-type", "application/json").body(body).send().await;
        let status = answer.status;
        self.0.push((format!("POST {path}"), answer));
        status
    }

    /// No refusal holds a value that was sent: it names members, to say where an error is. Nor does a receipt, but
    /// for the client's own id of the event.
    fn hold_no_value(&self) {
        const MEMBERS: [&str; 4] =
            ["native-unknown-name", "native-data-name", "moderation-unknown", "parameter"];
        const OWN_IDS: [&str; 3] = ["moderation-id", "batch-id", "bad-event_id"];
        for (request, answer) in &self.0 {
            let own = if answer.status == 200 { &OWN_IDS[..] } else { &[] };
            let known = MEMBERS.iter().chain(own).map(|place| canary(place));
            let text = known.fold(answer.text(), |text, known| text.replace(&known, ""));
            assert!(!text.contains(MARK), "{request}: {}: {text}", answer.status);
        }
    }
}

/// Sends canaries through every door; all that comes back.
async fn spread(client: &Client, anyone: &Client) -> Heard {
    let mut heard = Heard::default();
    for (path, good) in
        [("/v1/events?wait=screened", event("native")), ("/v1/events/ingest", message("moderation"))]
    {
        assert_eq!(heard.post(client, path, good.to_string()).await, 200);
        for bad in bad_values(&good) {
            heard.post(client, path, bad.to_string()).await;
            heard.post(client, "/v1/events", json!([{"type": "good"}, bad]).to_string()).await;
            heard.post(client, "/v1/events/ingest-batch", json!({"events": [bad]}).to_string()).await;
        }
    }
    let mut reused = event("native");
    reused["content"] = json!(canary("other-content"));
    assert_eq!(heard.post(client, "/v1/events", reused.to_string()).await, 422, "the key is used already");
    heard.post(client, "/v1/events/ingest-batch", json!({"events": [message("batch")]}).to_string()).await;
    for body in broken_bodies() {
        for path in ["/v1/events", "/v1/events/ingest", "/v1/events/ingest-batch", "/v1/risk/screen"] {
            let status = heard.post(client, path, body.clone()).await;
            assert!(status < 500, "{path}: {status}");
        }
        for (encoding, encoded) in
            [("gzip", compress::gzip(&body)), ("zstd", compress::zstd(&body)), ("br", body.clone())]
        {
            let call = client.post("/v1/events").header("content-encoding", encoding).body(encoded);
            heard.0.push((encoding.into(), call.send().await));
        }
    }
    heard
        .post(
            client,
            "/v1/risk/screen",
            json!({"content": canary("screened"), "event_id": canary("moderation-id")}).to_string(),
        )
        .await;
    let c = canary("query");
    for path in [
        format!(
            "/v1/events?sessionId={c}&actor={c}&type={c}&cursor={c}&limit={c}&order={c}&{}={c}",
            canary("parameter")
        ),
        format!("/v1/events/{c}"),
        format!("/v1/sessions?sortBy={c}&minRiskScore={c}&pattern={c}&cursor={c}"),
        format!("/v1/sessions/{c}"),
        format!("/v1/quarantine?cursor={c}&limit={c}"),
        format!("/v1/events/stream?type={c}&minRisk={c}"),
        format!("/{c}?{c}"),
        format!("/docs/{c}"),
    ] {
        if !path.contains("stream") {
            heard.0.push((format!("GET {path}"), client.get(&path).await));
        }
        heard.0.push((format!("GET {path} of anyone"), anyone.get(&path).await));
    }
    for name in [
        "x-api-key",
        "authorization",
        "host",
        "origin",
        "cookie",
        "user-agent",
        "referer",
        "x-forwarded-for",
        "accept",
        "traceparent",
        "tracestate",
        "content-type",
        "content-encoding",
        "last-event-id",
        "x-unknown",
    ] {
        let call = anyone.call(Method::GET, "/v1/sessions").header(name, canary(name));
        heard.0.push((name.into(), call.send().await));
        let call = client.post("/v1/events").header(name, canary(name)).json(&json!({"type": "a b"}));
        heard.0.push((name.into(), call.send().await));
    }
    let long = client
        .post("/v1/events")
        .header("idempotency-key", canary("k").repeat(40))
        .json(&json!({"type": "a"}));
    heard.0.push(("a long key".into(), long.send().await));
    heard
}

/// What the server says of itself.
async fn said(server: &ChildServer, client: &Client) -> String {
    let mut said = String::new();
    for path in ["/metrics", "/v1/metrics", "/health", "/ready", "/openapi.json", "/docs/"] {
        said.push_str(&client.get(path).await.text());
    }
    said + &client.get("/v1/quarantine").await.text() + &server.stdout() + &server.stderr()
}

#[track_caller]
fn holds_none(said: &str, needles: &[&str]) {
    for needle in needles {
        let line = said.lines().find(|line| line.contains(needle));
        assert_eq!(line, None, "{needle}");
    }
}

fn parts<'a>(keys: &[&'a str]) -> Vec<&'a str> {
    // The last part of a key is its secret.
    keys.iter().flat_map(|key| [*key, key.rsplit('_').next().unwrap_or_default()]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_send_is_in_their_events_and_nowhere_else() {
    const STATIC_KEY: &str = "static-zq7key-0123456789abcdef";
    for (level, format) in [("trace", "json"), ("debug", "text")] {
        let dir = tempfile::tempdir().unwrap();
        let serve =
            Serve::new(dir.path()).set("TELEMETRY__LOG_LEVEL", level).set("TELEMETRY__LOG_FORMAT", format);
        let server = serve.set("ACCESS__STATIC_KEYS", STATIC_KEY).start().await;
        let made = command::make_key(dir.path(), "proj_default", "ingest,read");
        let client = server.with_key(&made.key);
        eventually("the key counts", async || (client.get("/v1/events").await.status == 200).then_some(()))
            .await;
        let mut stream = sse::open(&server, Some(STATIC_KEY), "/v1/events/stream", None).await;
        let heard = spread(&client, &server).await;
        heard.hold_no_value();
        assert!(
            stream.next_event().await.unwrap().data.to_string().contains(MARK),
            "it is in the event itself"
        );
        drop(stream);
        let keys = parts(&[&made.key, STATIC_KEY]);
        let said = said(&server, &client).await;
        holds_none(&said, &[MARK, INSULT, "idiot"]);
        holds_none(&said, &keys);
        for key in keys {
            assert_eq!(
                files::holding(dir.path(), key),
                Vec::<std::path::PathBuf>::new(),
                "no key is on the disk"
            );
        }
        let wrong = files::holding(dir.path(), &canary("x-api-key"));
        assert_eq!(wrong, Vec::<std::path::PathBuf>::new(), "nor one that was offered");
        let refused = files::holding(dir.path(), &canary("broken"));
        assert_eq!(refused, Vec::<std::path::PathBuf>::new(), "what was refused is not kept");
        assert!(!files::holding(dir.path(), &canary("native-content")).is_empty(), "the search can find");
        let events = walk::events(&client, "limit=1000").await;
        assert!(events.iter().any(|event| event["content"].to_string().contains(MARK)));
        server.stop().await;
        for args in [&["doctor"][..], &["doctor", "--json"], &["rebuild", "--check"], &["config", "print"]] {
            let ended = command::run(dir.path(), args);
            holds_none(&(ended.stdout + &ended.stderr), &[MARK, INSULT, &made.key]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_disk_makes_no_content_speak() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().canonicalize().unwrap().join("log");
    let segment = log.join(format!("{:020}.seg", 0));
    let fails = strace::inject(&[segment], "fdatasync", "error=EIO:when=6");
    let serve = Serve::dev(dir.path()).set("TELEMETRY__LOG_LEVEL", "trace").traced(&fails);
    let mut server = serve.start().await;
    let mut statuses = Vec::new();
    for n in 0..12 {
        let answer = server.post("/v1/events").json(&event(&n.to_string())).send().await;
        assert!(!answer.text().contains(MARK), "{}", answer.text());
        statuses.push(answer.status);
    }
    assert!(statuses.contains(&503), "{statuses:?}");
    holds_none(&said(&server, &server).await, &[MARK, INSULT]);
    server.kill();
    // Damage in the middle of an event, met by a start, a reader and doctor.
    let segment = files::holding(dir.path(), &canary("1-deep")).remove(0);
    let mut bytes = std::fs::read(&segment).unwrap();
    let needle = canary("1-deep").into_bytes();
    let at = bytes.windows(needle.len()).position(|window| window == needle).unwrap();
    bytes[at + 3] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let doctor = command::run(dir.path(), &["doctor"]);
    assert_eq!(doctor.code, Some(1), "{}", doctor.stdout);
    holds_none(&(doctor.stdout + &doctor.stderr), &[MARK, "canary"]);
    let server = Serve::dev(dir.path()).set("TELEMETRY__LOG_LEVEL", "trace").start().await;
    assert!(walk::count(&server).await > 2);
    holds_none(&said(&server, &server).await, &[MARK, "canary", INSULT]);
    server.stop().await;
}
