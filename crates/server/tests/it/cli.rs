//! Commands that end: settings, the API's description, a look at a data directory, a rebuild.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::{Value, json};
use tidegate_testkit::postgres::TestDatabase;

use crate::support::child::Serve;
use crate::support::command::{run, say, tidegate};
use crate::support::{INSULT, files, store};

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn config_print_shows_each_value_and_where_it_came_from() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("own.toml");
    std::fs::write(&file, "[risk]\nhalf_life_s = 60\n").unwrap();
    let mut command = tidegate(dir.path());
    command.args(["config", "print", "--json", "--config"]).arg(&file);
    command.env("MAX_QUEUE_DEPTH", "7").env("TIDEGATE_ACCESS__STATIC_KEYS", "hidden-key");
    let output = command.output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let shown = json_of(&text);
    assert_eq!(shown["risk"]["half_life_s"]["value"], 60);
    assert!(shown["risk"]["half_life_s"]["from"].as_str().unwrap().contains("own.toml"));
    assert_eq!(shown["intake"]["queue_depth_max"]["value"], 7);
    assert!(shown["intake"]["queue_depth_max"]["from"].as_str().unwrap().contains("MAX_QUEUE_DEPTH"));
    assert!(shown["server"]["data_dir"]["from"].as_str().unwrap().contains("--data-dir"));
    assert!(!text.contains("hidden-key"), "secrets are not shown");
    let toml = say(dir.path(), &["config", "print"]);
    assert!(toml.contains("[server]") && toml.contains("half_life_s"), "{toml}");
}

#[test]
fn settings_that_cannot_work_exit_78_and_name_the_key() {
    let dir = tempfile::tempdir().unwrap();
    for (name, value, named) in [
        ("TIDEGATE_INTAKE__NO_SUCH_KEY", "1", "NO_SUCH_KEY"),
        ("TIDEGATE_NOWHERE__KEY", "1", "NOWHERE"),
        ("TIDEGATE_QUERY__PAGE_MAX", "0", "query.page_max"),
        ("TIDEGATE_QUERY__PAGE_MAX", "many", "query.page_max"),
        ("BACKPRESSURE_THRESHOLD", "1.5", "intake.backpressure_threshold"),
        ("TIDEGATE_MASKING__RULES", r#"[{ name = "x", pattern = "(" }]"#, "masking.rules"),
    ] {
        let output = tidegate(dir.path()).args(["serve", "--dev"]).env(name, value).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{name}: {said}");
        assert!(said.to_lowercase().contains(&named.to_lowercase()), "{name}: {said}");
    }
    let file = dir.path().join("bad.toml");
    std::fs::write(&file, "[server]\nlisten_on = \"x\"\n").unwrap();
    let ended = run(dir.path(), &["serve", "--config", file.to_str().unwrap()]);
    assert_eq!(ended.code, Some(78));
    assert!(ended.stderr.contains("listen_on"), "{}", ended.stderr);
    assert!(!dir.path().join("log").exists(), "nothing was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn openapi_prints_what_the_server_serves() {
    let dir = tempfile::tempdir().unwrap();
    let printed = json_of(&say(dir.path(), &["openapi"]));
    let server = crate::support::server::start().await;
    assert_eq!(printed, server.read("/openapi.json").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_tells_supervisors_by_its_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let server = Serve::dev(dir.path()).start().await;
    let url = format!("http://{}", server.address);
    assert_eq!(say(dir.path(), &["health"]), format!("{url} is alive\n"), "found by its data directory");
    assert_eq!(say(dir.path(), &["health", "--ready", "--url", &url]), format!("{url} is ready\n"));
    server.stop().await;
    let ended = run(dir.path(), &["health", "--url", &url]);
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(ended.stderr.contains(&url), "{}", ended.stderr);
}

#[test]
fn health_repeats_why_a_server_is_not_ready() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let unready = std::thread::spawn(move || {
        let body = json!({"status": "unavailable", "checks": [
            {"name": "views", "ok": true, "detail": "folded"},
            {"name": "log", "ok": false, "detail": "no\u{1b}_space"},
        ]});
        let body = body.to_string();
        let (mut caller, _) = listener.accept().unwrap();
        let _ = caller.read(&mut [0; 1024]).unwrap();
        write!(caller, "HTTP/1.1 503 x\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    });
    let ended = run(dir.path(), &["health", "--ready", "--url", &url]);
    unready.join().unwrap();
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert_eq!(ended.stderr, format!("error: {url} is not ready: log: no\\x1b_space\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_finds_a_sound_directory_sound_and_names_damage() {
    let dir = tempfile::tempdir().unwrap();
    let server = Serve::dev(dir.path()).start().await;
    server
        .store_all((0..50).map(|n| json!({"type": "a", "content": format!("{INSULT} {n} marker-{n}.")})))
        .await;
    let while_running = say(dir.path(), &["doctor"]);
    assert!(while_running.contains("a server works on this directory"), "{while_running}");
    server.stop().await;
    let before = fingerprint(dir.path());
    let sound = say(dir.path(), &["doctor", "--json"]);
    for line in sound.lines() {
        assert_ne!(json_of(line)["severity"], "DAMAGE", "{line}");
    }
    assert_eq!(fingerprint(dir.path()), before, "it changes nothing");
    // A bit flips in the middle of what was durable.
    let segment = files::holding(dir.path(), "marker-20.").remove(0);
    let mut bytes = std::fs::read(&segment).unwrap();
    let at = bytes.windows(10).position(|window| window == b"marker-20.").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let ended = run(dir.path(), &["doctor"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("DAMAGE") && ended.stderr.contains("damaged"),
        "{}{}",
        ended.stdout,
        ended.stderr
    );
    // The server starts all the same, serves the rest, and says what is missing.
    let server = Serve::dev(dir.path()).start().await;
    let events = crate::support::walk::events(&server, "limit=1000").await;
    assert!((1..50).contains(&events.len()), "{}", events.len());
    let ready = server.read("/ready").await;
    let integrity =
        ready["checks"].as_array().unwrap().iter().find(|check| check["name"] == "log_integrity").unwrap();
    assert_eq!(integrity["detail"], "1 damaged ranges quarantined");
    server.store(json!({"type": "after"})).await;
    server.stop().await;
    let ended = run(dir.path().join("nowhere").as_path(), &["doctor"]);
    assert_eq!(ended.code, Some(1));
    assert!(!dir.path().join("nowhere").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_looks_a_database_over_and_names_damage() {
    let (dir, test) = (tempfile::tempdir().unwrap(), TestDatabase::create().await);
    let server = Serve::on_store(dir.path(), &test.url).set("SERVER__DEV", "true").start().await;
    let event = |n| json!({"type": "a", "sessionId": "s", "idempotencyKey": format!("k{n}")});
    server.store_all((0..20).map(event)).await;
    server.stop().await;
    let doctor = || run(dir.path(), &["doctor", "--store", &test.url, "--json"]);
    let sound = doctor();
    assert_eq!(sound.code, Some(0), "{}{}", sound.stdout, sound.stderr);
    assert!(sound.stdout.contains("20 events, none missing, all checksums right"), "{}", sound.stdout);
    assert!(sound.stdout.contains("wait or are held, 0 in the dead letter"), "{}", sound.stdout);
    for (damage, place, said) in [
        ("UPDATE log.events SET record = record || 'x' WHERE position = 7", "log.events", "1 have wrong"),
        ("DELETE FROM log.events WHERE position IN (3, 19)", "log.events", "2 events are missing"),
        ("UPDATE log.keys SET position = 99 WHERE position = 5", "log.keys", "1 point at events"),
        ("UPDATE views.shards SET checkpoint = 21 WHERE shard = 2", "views.shards", "1 are folded further"),
    ] {
        test.execute(damage).await;
        let ended = doctor();
        let line = ended.stdout.lines().find(|line| line.contains(place) && line.contains("DAMAGE"));
        assert!(line.is_some_and(|line| line.contains(said)), "{damage}: {}", ended.stdout);
        assert_eq!(ended.code, Some(1), "{damage}");
    }
}

/// Names, sizes and bytes of all files.
fn fingerprint(dir: &std::path::Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut all: Vec<_> =
        files::files(dir).into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn views_can_be_thrown_away_and_come_back_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let server = Serve::dev(dir.path()).start().await;
    for batch in 0..5 {
        let event =
            |n| json!({"type": "a", "sessionId": format!("s{}", n % 7), "content": INSULT, "data": {"n": n}});
        server.store_all((batch * 20..batch * 20 + 20).map(event)).await;
    }
    server.post("/v1/events?wait=screened").json(&json!({"type": "a"})).send().await.ok();
    let session = server.read("/v1/sessions/s3").await["session"].clone();
    let in_use = run(dir.path(), &["rebuild", "--check"]);
    assert_eq!(in_use.code, Some(1));
    assert!(in_use.stderr.contains("in use by another process"), "{}", in_use.stderr);
    server.stop().await;
    let check = json_of(&say(dir.path(), &["rebuild", "--check", "--json"]));
    assert_eq!(check, json!({"events": 101, "equal": true, "differences": []}));
    for file in ["views.sqlite", "views.sqlite-wal", "views.sqlite-shm"] {
        let _ = std::fs::remove_file(dir.path().join(file));
    }
    let server = Serve::dev(dir.path()).start().await;
    server.post("/v1/events?wait=screened").json(&json!({"type": "a"})).send().await.ok();
    let again = server.read("/v1/sessions/s3").await["session"].clone();
    for name in ["eventCount", "peakRiskScore", "currentPatterns", "createdAt", "eventCountByType"] {
        assert_eq!(again[name], session[name], "{name}");
    }
    server.stop().await;
    assert_eq!(json_of(&say(dir.path(), &["rebuild", "--json"])), json!({"events": 102}));
    assert_eq!(json_of(&say(dir.path(), &["rebuild", "--check", "--json"]))["equal"], true);
    // A view that was changed behind our back is noticed.
    if !store::is_postgres() && rusqlite_free_change(&dir.path().join("views.sqlite")) {
        let check = run(dir.path(), &["rebuild", "--check", "--json"]);
        assert_eq!(check.code, Some(1), "{}", check.stdout);
    }
}

/// Changes a stored session id byte for byte, without a database at hand.
fn rusqlite_free_change(views: &std::path::Path) -> bool {
    let mut bytes = std::fs::read(views).unwrap();
    let Some(at) = bytes.windows(18).position(|window| window == b"offensive_language") else { return false };
    bytes[at] = b'O';
    std::fs::write(views, bytes).unwrap();
    true
}
