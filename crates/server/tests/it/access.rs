//! Who may do what: header forms, scopes, expiry, revocation, development mode, and where a key's text may be.

use std::path::Path;

use data_encoding::BASE64;
use serde_json::json;
use tidegate_server::config::Secret;
use tokio::time::Instant;

use crate::routes::{Needs, routes};
use crate::support::child::Serve;
use crate::support::client::{Answer, Client};
use crate::support::patience::{A_SECOND, eventually};
use crate::support::server::{TestServer, start, start_with};
use crate::support::{command, files, walk};

/// A server that is not in development mode and knows one static key.
async fn closed() -> TestServer {
    start_with(|config| {
        config.server.dev = false;
        config.access.static_keys = vec![Secret::new("static-key")];
    })
    .await
}

/// A client with a new key, once the server knows it.
async fn client_with(server: &TestServer, project: &str, scopes: &str) -> (Client, command::MadeKey) {
    let made = command::make_key(server.data_dir(), project, scopes);
    let client = server.with_key(&made.key);
    eventually("the key counts", async || (client.get("/v1/quarantine").await.status != 401).then_some(()))
        .await;
    (client, made)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_four_header_forms_carry_a_key() {
    let server = closed().await;
    let basic = |text: &str| format!("Basic {}", BASE64.encode(text.as_bytes()));
    let get = |name: &str, value: &str| {
        server.call(axum::http::Method::GET, "/v1/events").header(name, value).send()
    };
    for (name, value) in [
        ("x-api-key", "static-key".to_owned()),
        ("api-key", "static-key".into()),
        ("authorization", "Bearer static-key".into()),
        ("authorization", "bearer  static-key ".into()),
        ("authorization", basic("static-key:")),
        ("authorization", basic("static-key:ignored:password")),
        ("authorization", basic("static-key")),
    ] {
        assert_eq!(get(name, &value).await.status, 200, "{name}: {value}");
    }
    for (name, value, kind) in [
        ("x-api-key", "static-ke".to_owned(), "invalid-api-key"),
        ("x-api-key", "static-key2".into(), "invalid-api-key"),
        ("x-api-key", "STATIC-KEY".into(), "invalid-api-key"),
        ("x-api-key", String::new(), "invalid-api-key"),
        ("x-api-key", "x".repeat(600), "malformed-api-key"),
        ("authorization", "static-key".into(), "malformed-api-key"),
        ("authorization", "Digest static-key".into(), "malformed-api-key"),
        ("authorization", "Basic !!!".into(), "malformed-api-key"),
        ("authorization", basic("wrong:static-key"), "invalid-api-key"),
        // The keys of development mode are no keys here.
        ("x-api-key", "dev-key-12345".into(), "invalid-api-key"),
        ("x-api-key", "test-key".into(), "invalid-api-key"),
    ] {
        let answer = get(name, &value).await;
        answer.problem(401, kind);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        let shown = answer.text();
        assert!(value.is_empty() || !shown.contains(&value), "the key is not quoted: {shown}");
    }
    server.get("/v1/events").await.problem(401, "missing-api-key");
    let odd = server.call(axum::http::Method::GET, "/v1/events").header("x-api-key", b"\xff\xfe");
    odd.send().await.problem(401, "malformed-api-key");
}

/// Calls a route with something it would accept; a stream is opened and left.
async fn call(client: &Client, route: &crate::routes::Route) -> Answer {
    let path = route.path.replace("{id}", "none");
    // A stream has no end; one that starts at a bad place is refused right after access.
    let path = if path.ends_with("/stream") { format!("{path}?from=x") } else { path };
    let mut call = client.call(route.method.clone(), &path);
    if !route.body.is_empty() {
        call = call.typed("application/json", route.body);
    }
    call.send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_asks_for_its_scope_and_no_other() {
    let server = closed().await;
    let (ingest, _) = client_with(&server, "proj_a", "ingest").await;
    let (read, _) = client_with(&server, "proj_a", "read").await;
    let (write, _) = client_with(&server, "proj_a", "write").await;
    let (admin, _) = client_with(&server, "proj_a", "admin").await;
    for route in routes() {
        let name = format!("{} {}", route.method, route.path);
        let anonymous = call(&server, &route).await;
        match route.needs {
            Needs::Nothing => assert_eq!(anonymous.status, 200, "{name}"),
            _ => drop(anonymous.problem(401, "missing-api-key")),
        }
        for (client, scope) in [(&ingest, Needs::Ingest), (&read, Needs::Read), (&write, Needs::Write)] {
            let answer = call(client, &route).await;
            if route.needs == scope || route.needs == Needs::Nothing {
                assert!(![401, 403].contains(&answer.status), "{name} with {scope:?}: {}", answer.text());
            } else {
                answer.problem(403, "insufficient-scope");
            }
        }
        let answer = call(&admin, &route).await;
        assert!(![401, 403].contains(&answer.status), "{name} as admin");
    }
    assert_eq!(
        walk::count(&read).await,
        5,
        "two routes store for two callers, and one of the events is a duplicate; one route labels for two"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn access_is_checked_before_a_body_is_read() {
    let server = closed().await;
    let (read, _) = client_with(&server, "proj_a", "read").await;
    for path in ["/v1/events", "/v1/events/ingest", "/v1/events/ingest-batch"] {
        server.post(path).body("nonsense").send().await.problem(401, "missing-api-key");
        read.post(path).body("nonsense").send().await.problem(403, "insufficient-scope");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_in_the_body_must_be_the_keys() {
    let server = closed().await;
    let (client, _) = client_with(&server, "proj_a", "ingest,read").await;
    let event = |project: &str| json!({"type": "a", "projectId": project});
    client.store(event("proj_a")).await;
    for foreign in ["proj_b", "proj_default", "PROJ_A", "nobody", ""] {
        let answer = client.post("/v1/events").json(&event(foreign)).send().await;
        answer.problem(403, "other-project");
        assert_eq!(answer.first_error(), ("/projectId".into(), "other_project".into()));
        let batch = client.post("/v1/events").json(&json!([event(foreign)])).send().await.ok();
        assert_eq!(batch["results"][0]["error"][0]["code"], "other_project");
    }
    assert_eq!(walk::count(&client).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_decides_cannot_be_set_by_a_sender() {
    let server = start().await;
    let forged = json!({
        "type": "a", "eventId": "01a1f91e-b6cf-7000-8000-000000000198", "position": 99, "shard": 7,
        "recordedAt": "2000-01-01T00:00:00Z", "assessment": {"riskScore": 0}, "riskScore": 0, "door": "root",
        "context": {"door": "root", "ip": "8.8.8.8"}, "duplicateOf": "x", "content": crate::support::INSULT,
    });
    let receipt = server.store(forged).await;
    server.caught_up().await;
    let event =
        server.read(&format!("/v1/events/{}", receipt["eventId"].as_str().unwrap())).await["event"].clone();
    assert_eq!(event["position"], 0);
    assert_ne!(event["shard"], 7, "there are at most four");
    assert!(event["assessment"]["riskScore"].as_f64().unwrap() >= 0.5);
    assert_eq!((&event["context"]["door"], &event["context"]["ip"]), (&json!("chat"), &json!("127.0.0.0")));
    assert_ne!(event["recordedAt"], "2000-01-01T00:00:00Z");
    assert_eq!(event["context"]["extra"]["position"], 99, "kept as what it is: something unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_within_a_second_and_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    let server = Serve::dev(dir.path()).start().await;
    let (revoked, kept) =
        (command::make_key(dir.path(), "proj_a", "read"), command::make_key(dir.path(), "proj_a", "read"));
    let status = async |key: &str| server.with_key(key).get("/v1/events").await.status;
    for key in [&revoked.key, &kept.key] {
        let started = Instant::now();
        eventually("a new key counts", async || (status(key).await == 200).then_some(())).await;
        assert!(started.elapsed() < A_SECOND);
    }
    command::say(dir.path(), &["key", "revoke", &revoked.id]);
    let started = Instant::now();
    eventually("the key is refused", async || (status(&revoked.key).await == 401).then_some(())).await;
    assert!(started.elapsed() < A_SECOND, "{:?}", started.elapsed());
    let unknown = server.with_key("tg_unknown").get("/v1/events").await;
    let answer = server.with_key(&revoked.key).get("/v1/events").await;
    let (mut a, mut b) = (answer.json(), unknown.json());
    (a["requestId"], b["requestId"]) = (json!(0), json!(0));
    assert_eq!(a, b, "a revoked key is refused like an unknown one");
    assert_eq!(status(&kept.key).await, 200);
    assert_ne!(command::run(dir.path(), &["key", "revoke", "tg_nobody"]).code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_ran_out_or_was_rotated_away_is_refused() {
    let server = closed().await;
    let dir = server.data_dir();
    let expired = command::made(&command::say(
        dir,
        &["key", "create", "--project", "proj_a", "--expires-days", "0", "--json"],
    ));
    let (client, old) = client_with(&server, "proj_a", "ingest,read").await;
    server.with_key(&expired.key).get("/v1/events").await.problem(401, "invalid-api-key");
    let new =
        command::made(&command::say(dir, &["key", "rotate", &old.id, "--overlap-minutes", "60", "--json"]));
    let fresh = server.with_key(&new.key);
    eventually("the new key counts", async || (fresh.get("/v1/events").await.status == 200).then_some(()))
        .await;
    assert_eq!(client.get("/v1/events").await.status, 200, "both, for the overlap");
    let newest =
        command::made(&command::say(dir, &["key", "rotate", &new.id, "--overlap-minutes", "0", "--json"]));
    eventually("the old one has run out", async || {
        (fresh.get("/v1/events").await.status == 401).then_some(())
    })
    .await;
    assert_eq!(server.with_key(&newest.key).get("/v1/events").await.status, 200);
    server.with_key(&newest.key).store(json!({"type": "a"})).await;
    assert_ne!(
        command::run(dir, &["key", "rotate", &new.id]).code,
        Some(0),
        "there is nothing left to rotate"
    );
    let listed = command::say(dir, &["key", "list"]);
    assert!(listed.contains("expired") && listed.contains(&old.id) && !listed.contains(&newest.key));
}

#[tokio::test(flavor = "multi_thread")]
async fn development_mode_lets_in_this_machine_only() {
    let server = start().await;
    let get = || server.call(axum::http::Method::GET, "/v1/events");
    for key in ["dev-key-12345", "test-key", "dev-key"] {
        assert_eq!(get().header("api-key", key).send().await.status, 200, "{key}");
    }
    get().header("api-key", "other-key").send().await.problem(401, "invalid-api-key");
    for (name, value) in [
        ("host", "evil.example"),
        ("host", "evil.example:3001"),
        ("host", "localhost.evil.example"),
        ("host", "127.0.0.1.evil.example"),
        ("host", "192.168.1.7:3001"),
        ("host", "0.0.0.0"),
        ("origin", "https://evil.example"),
        ("origin", "http://localhost.evil.example:3001"),
        ("origin", "null"),
        ("origin", "file://"),
    ] {
        get().header(name, value).send().await.problem(401, "missing-api-key");
        let event = json!({"type": "a"});
        let answer = server.post("/v1/events").header(name, value).json(&event).send().await;
        answer.problem(401, "missing-api-key");
        // Not even with a key that is no secret.
        let answer = get().header(name, value).header("x-api-key", "dev-key").send().await;
        answer.problem(401, "invalid-api-key");
    }
    for (name, value) in
        [("host", "127.0.0.1:3001"), ("host", "[::1]:1"), ("origin", "http://localhost:5173")]
    {
        assert_eq!(get().header(name, value).send().await.status, 200, "{name}: {value}");
    }
    assert_eq!(walk::count(&server).await, 0);
}

#[test]
fn development_mode_refuses_to_listen_beyond_loopback() {
    let dir = tempfile::tempdir().unwrap();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let ended = command::run(dir.path(), &["serve", "--dev", "--listen", address]);
        assert_eq!(ended.code, Some(78), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("server.listen") && ended.stderr.contains("loopback"),
            "{}",
            ended.stderr
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_prints_one_owner_key_once_and_it_is_found_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let server = Serve::new(dir.path()).set("TELEMETRY__LOG_LEVEL", "debug").start().await;
    let said = server.stdout();
    let keys: Vec<_> =
        said.split_whitespace().filter(|word| word.starts_with("tg_")).map(str::to_owned).collect();
    assert_eq!(keys.len(), 1, "{said}");
    let key = &keys[0];
    let secret = key.rsplit('_').next().unwrap();
    assert!(secret.len() * 5 >= 160, "at least 160 bits of base 32");
    let owner = server.with_key(key);
    owner.store(json!({"type": "a", "projectId": "proj_default"})).await;
    assert_eq!(walk::count(&owner).await, 1);
    server.get("/v1/events").await.problem(401, "missing-api-key");
    for (name, value) in [("x-api-key", key.clone()), ("authorization", format!("Bearer {key}"))] {
        for path in [format!("/v1/events?limit={key}"), format!("/v1/events/{key}"), "/nowhere".into()] {
            server.call(axum::http::Method::GET, &path).header(name, &value).send().await;
        }
    }
    let bad = format!("{key}x");
    assert_eq!(server.with_key(&bad).get("/v1/events").await.status, 401);
    nowhere(dir.path(), &server.stderr(), secret);
    assert_eq!(server.stdout().matches(key.as_str()).count(), 1);
    server.stop().await;
    let again = Serve::new(dir.path()).set("TELEMETRY__LOG_LEVEL", "debug").start().await;
    assert!(!again.stdout().contains("tg_"), "{}", again.stdout());
    assert_eq!(again.with_key(key).get("/v1/events").await.status, 200);
    let listed = command::say(dir.path(), &["key", "list", "--json"]);
    assert!(listed.contains("owner") && !listed.contains(secret), "{listed}");
    nowhere(dir.path(), &again.stderr(), secret);
    again.stop().await;
    nowhere(dir.path(), "", secret);
}

#[track_caller]
fn nowhere(dir: &Path, log: &str, secret: &str) {
    assert_eq!(files::holding(dir, secret), Vec::<std::path::PathBuf>::new());
    assert!(!log.contains(secret), "{log}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let server = start().await;
    server.store(json!({"type": "a"})).await;
    for file in files::files(server.data_dir()) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        // The lock is empty, and the addresses are no secret.
        if ["LOCK", "server.json"].contains(&name.as_str()) {
            continue;
        }
        let mode = std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
}
