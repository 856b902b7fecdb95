//! Backup and restore: what was acknowledged comes back as it was, into either store, or up to a moment.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_server::backup::{Item, Reader};
use tidegate_testkit::postgres::TestDatabase;
use tokio::task::JoinSet;

use crate::support::child::{ChildServer, Serve};
use crate::support::client::Client;
use crate::support::command::{make_key, run, say, tidegate};
use crate::support::patience::eventually;
use crate::support::server::{TestServer, start, start_analysing, start_with};
use crate::support::{INSULT, store, walk};

/// A folder for backups and what is restored from them.
struct Shelf(TempDir);

impl Shelf {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A data directory that is not there yet, beside the database of its own if this run is about one.
    fn data(&self, name: &str) -> PathBuf {
        let around = self.path(name);
        std::fs::create_dir_all(&around).unwrap();
        around.join("data")
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn save(dir: &Path, file: &Path) -> Value {
    serde_json::from_str(&say(dir, &["backup", text(file), "--json"])).unwrap()
}

fn restore(file: &Path, dir: &Path, more: &[&str]) -> Value {
    serde_json::from_str(&say(dir, &[&["restore", text(file), "--json"], more].concat())).unwrap()
}

/// Why a restore was refused; nothing is left of it.
fn refused(file: &Path, dir: &Path, more: &[&str]) -> String {
    let ended = run(dir, &[&["restore", text(file)], more].concat());
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    let left = std::fs::read_dir(dir)
        .map_or(Vec::new(), |dir| dir.map(|entry| entry.unwrap().file_name()).collect());
    assert!(left.iter().all(|name| name == "LOCK" || name == "store-url"), "{left:?}");
    ended.stderr
}

/// All parts but the header, which names the store and the moment.
fn content(file: &Path) -> Vec<Item> {
    Reader::open(file).unwrap().map(|part| part.unwrap()).collect()
}

fn event(n: u64) -> Value {
    let content = if n.is_multiple_of(10) { INSULT } else { "hello" };
    json!({
        "type": "message.user", "sessionId": format!("s{}", n % 7), "content": content, "data": {"n": n},
        "idempotencyKey": format!("key-{n}"),
    })
}

fn message(id: &str) -> Value {
    json!({
        "event_id": id, "event_type": "message_created", "platform": "discord", "user_id": "u", "author_id": "a",
        "content": "a message that is sent twice",
    })
}

/// Sends `events` in batches and gives their ids.
async fn send(client: &Client, numbers: std::ops::Range<u64>) -> Vec<String> {
    let mut ids = Vec::new();
    for n in numbers.step_by(20) {
        let answer = client.store_all((n..n + 20).map(event)).await;
        ids.extend(walk::texts(answer["results"].as_array().unwrap(), "/eventId"));
    }
    ids
}

async fn ids(client: &Client) -> Vec<String> {
    walk::texts(&walk::events(client, "order=asc&limit=1000").await, "/eventId")
}

/// Every session, without what fades as time passes.
async fn sessions(client: &Client) -> Vec<Value> {
    let rows = walk::walk(client, "/v1/sessions", "sessions").await;
    let mut all = Vec::new();
    let mut names = walk::texts(&rows, "/sessionId");
    names.sort_unstable();
    for name in names {
        let mut session = client.read(&format!("/v1/sessions/{name}")).await;
        session["session"].as_object_mut().unwrap().remove("currentRiskScore");
        all.push(session);
    }
    all
}

async fn serve(dir: &Path) -> ChildServer {
    Serve::dev(dir).start().await
}

/// A server with some events, and a backup of it.
async fn saved(shelf: &Shelf, count: u64) -> (TestServer, Vec<String>, PathBuf) {
    let server = start().await;
    let sent = send(&server, 0..count).await;
    let file = shelf.path("backup");
    save(server.data_dir(), &file);
    (server, sent, file)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_before_a_backup_is_restored_as_it_was() {
    let shelf = Shelf::new();
    let mut server = start().await;
    let key = make_key(server.data_dir(), "proj_dev", "ingest,read");
    let first = server.post("/v1/events/ingest").json(&message("m1")).send().await.ok();
    // Others send all the while.
    let is_over = Arc::new(AtomicBool::new(false));
    let mut senders = JoinSet::new();
    for sender in 0..3u64 {
        let (client, is_over) = ((*server).clone(), Arc::clone(&is_over));
        senders.spawn(async move {
            for round in 0.. {
                let from = (sender + 1) * 1_000_000 + round * 20;
                send(&client, from..from + 20).await;
                if is_over.load(Ordering::Acquire) {
                    return;
                }
            }
        });
    }
    let acknowledged = send(&server, 0..200).await;
    let file = shelf.path("backup");
    let said = save(server.data_dir(), &file);
    is_over.store(true, Ordering::Release);
    senders.join_all().await;
    let all = ids(&server).await;
    server.stop().await;

    let dir = shelf.data("restored");
    let restored = restore(&file, &dir, &[]);
    assert_eq!((&restored["events"], &restored["tail"]), (&said["events"], &said["tail"]));
    let server = Serve::new(&dir).start().await;
    let client = server.with_key(&key.key);
    let kept = ids(&client).await;
    assert!(all.starts_with(&kept), "a prefix of the history");
    for id in &acknowledged {
        assert_eq!(client.get(&format!("/v1/events/{id}")).await.status, 200, "{id}");
    }
    let again = client.store(event(7)).await;
    assert_eq!((&again["duplicate"], &again["eventId"]), (&json!(true), &json!(acknowledged[7])));
    let other = json!({"type": "other", "idempotencyKey": "key-7"});
    client.post("/v1/events").json(&other).send().await.problem(422, "idempotency-key-reused");
    let repeated = client.post("/v1/events/ingest").json(&message("m2")).send().await.ok();
    assert_eq!((&repeated["status"], &repeated["position"]), (&json!("duplicate"), &first["position"]));
    let next = client.store(json!({"type": "new"})).await;
    assert_eq!(next["position"], said["tail"], "positions go on");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn views_fold_to_what_they_were() {
    let shelf = Shelf::new();
    let (mut server, sent, file) = saved(&shelf, 100).await;
    server.caught_up().await;
    let expected = sessions(&server).await;
    server.stop().await;
    let dir = shelf.data("restored");
    restore(&file, &dir, &[]);
    let server = serve(&dir).await;
    assert_eq!(ids(&server).await, sent);
    eventually("all is folded", async || {
        let counted: u64 =
            sessions(&server).await.iter().map(|s| s["session"]["eventCount"].as_u64().unwrap()).sum();
        (counted == 100).then_some(())
    })
    .await;
    assert_eq!(sessions(&server).await, expected);
    server.stop().await;
    assert!(say(&dir, &["rebuild", "--check", "--json"]).contains(r#""equal":true"#));
}

/// Analyses are events, so they are in the backup; jobs are not, and a restored server asks anew when a session goes on.
#[tokio::test(flavor = "multi_thread")]
async fn analyses_come_back_without_their_jobs_and_go_on() {
    let shelf = Shelf::new();
    let mut server = start_analysing(|_| {}).await;
    let message = || json!({"type": "message.user", "sessionId": "s", "content": INSULT});
    let analysed = async |client: &Client, until: &Value| {
        eventually("it is analysed", async || {
            let analysis = &client.read("/v1/sessions/s").await["session"]["analysis"];
            (analysis["until"] == *until).then(|| analysis.clone())
        })
        .await
    };
    let stored = server.store(message()).await;
    server.caught_up().await;
    let expected = analysed(&server, &stored["position"]).await;
    let file = shelf.path("backup");
    save(server.data_dir(), &file);
    server.stop().await;
    let dir = shelf.data("restored");
    restore(&file, &dir, &[]);
    let server = Serve::dev(&dir).set("ANALYSIS__SESSION_ENABLED", true).start().await;
    server.post("/v1/events?wait=screened").json(&json!({"type": "note"})).send().await.ok();
    assert_eq!(analysed(&server, &stored["position"]).await, expected);
    let next = server.store(message()).await;
    analysed(&server, &next["position"]).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_of_history_is_restored_by_position_or_time() {
    let shelf = Shelf::new();
    let (server, sent, file) = saved(&shelf, 60).await;
    let dir = shelf.data("by-position");
    let said = restore(&file, &dir, &["--until", "25"]);
    assert_eq!((&said["events"], &said["tail"]), (&json!(25), &json!(25)));
    let prefix = serve(&dir).await;
    assert_eq!(ids(&prefix).await, sent[..25]);
    let known = prefix.store(event(24)).await;
    assert_eq!((&known["duplicate"], &known["position"]), (&json!(true), &json!(24)));
    let unknown = prefix.store(event(25)).await;
    assert_eq!((&unknown["duplicate"], &unknown["position"]), (&json!(false), &json!(25)));
    prefix.stop().await;

    // Events of one moment stay together.
    let events = walk::events(&server, "order=asc&limit=1000").await;
    let times = walk::texts(&events, "/recordedAt");
    let moment = times[40].clone();
    let before = times.iter().filter(|time| **time < moment).count();
    let dir = shelf.data("by-time");
    assert_eq!(restore(&file, &dir, &["--until", &moment])["events"], before);
    let prefix = serve(&dir).await;
    assert_eq!(ids(&prefix).await, sent[..before]);
    prefix.stop().await;

    let said = refused(&file, &shelf.data("nothing"), &["--until", "2020-01-01T00:00:00Z"]);
    assert!(said.contains("nothing of this backup lies before"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_cut_or_damaged_is_refused() {
    let shelf = Shelf::new();
    let (_server, _, file) = saved(&shelf, 60).await;
    let whole = std::fs::read(&file).unwrap();
    let damaged = shelf.path("damaged");
    let is_refused = |bytes: &[u8]| {
        std::fs::write(&damaged, bytes).unwrap();
        Reader::open(&damaged).is_err()
    };
    assert!(!is_refused(&whole));
    for len in 0..whole.len() {
        assert!(is_refused(&whole[..len]), "cut at {len} of {}", whole.len());
    }
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        assert!(is_refused(&bytes), "a bit of byte {at} of {}", whole.len());
    }
    assert!(is_refused(&[&whole[..], b"x"].concat()), "a byte more");
    // By the command, for a cut and a flip.
    for bytes in [&whole[..whole.len() / 2], b"", b"not a backup, and longer than a digest at its end"] {
        std::fs::write(&damaged, bytes).unwrap();
        let said = refused(&damaged, &shelf.data("refused"), &[]);
        assert!(said.contains("backup"), "{said}");
    }
}

/// The stream of a backup, changed by `change`, under a digest that holds.
fn forge(file: &Path, change: impl FnOnce(Vec<Vec<u8>>) -> Vec<Vec<u8>>) {
    use sha2::Digest;
    let bytes = std::fs::read(file).unwrap();
    let stream = zstd::decode_all(&bytes[8..bytes.len() - 32]).unwrap();
    let (mut parts, mut rest) = (Vec::new(), &stream[..]);
    while !rest.is_empty() {
        let len = 5 + u32::from_le_bytes(rest[1..5].try_into().unwrap()) as usize;
        parts.push(rest[..len].to_vec());
        rest = &rest[len..];
    }
    let mut forged = bytes[..8].to_vec();
    forged.extend(zstd::encode_all(change(parts).concat().as_slice(), 1).unwrap());
    let digest = sha2::Sha256::digest(&forged);
    forged.extend_from_slice(&digest);
    std::fs::write(file, forged).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_lacks_a_part_is_refused_and_nothing_of_it_remains() {
    let shelf = Shelf::new();
    let (_server, _, file) = saved(&shelf, 60).await;
    type Change = fn(Vec<Vec<u8>>) -> Vec<Vec<u8>>;
    let changes: [(&str, Change); 5] = [
        ("a record", |mut parts| drop_at(&mut parts, 30)),
        ("the trailer", |mut parts| {
            let last = parts.len() - 1;
            drop_at(&mut parts, last)
        }),
        ("the order", |mut parts| {
            parts.swap(20, 21);
            parts
        }),
        ("the end of a record", |mut parts| {
            parts[40].pop();
            parts
        }),
        ("its header", |mut parts| drop_at(&mut parts, 0)),
    ];
    for (what, change) in changes {
        let forged = shelf.path("forged");
        std::fs::copy(&file, &forged).unwrap();
        forge(&forged, change);
        let dir = shelf.data(&what.replace(' ', "-"));
        refused(&forged, &dir, &[]);
        // The same place takes the right one.
        restore(&file, &dir, &[]);
    }
}

fn drop_at(parts: &mut Vec<Vec<u8>>, at: usize) -> Vec<Vec<u8>> {
    parts.remove(at);
    std::mem::take(parts)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_holds_anything_is_left_alone() {
    let shelf = Shelf::new();
    let (server, sent, file) = saved(&shelf, 40).await;
    let again = run(server.data_dir(), &["restore", text(&file)]);
    assert_eq!(again.code, Some(1));
    assert!(
        again.stderr.contains("in use by another process") || again.stderr.contains("not empty"),
        "{}",
        again.stderr
    );
    assert_eq!(ids(&server).await, sent);
    let dir = shelf.data("keys-alone");
    make_key(&dir, "shop", "read");
    let said = run(&dir, &["restore", text(&file)]);
    assert!(said.code == Some(1) && said.stderr.contains("not empty"), "{}", said.stderr);
    let over = run(server.data_dir(), &["backup", text(&file)]);
    assert!(over.code == Some(1) && over.stderr.contains("exists already"), "{}", over.stderr);
    let folder = shelf.path("backups");
    std::fs::create_dir(&folder).unwrap();
    let said = save(server.data_dir(), &folder);
    assert_eq!(content(Path::new(said["file"].as_str().unwrap())), content(&file));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "no other file is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_half_restored_is_opened_by_nobody() {
    let shelf = Shelf::new();
    let (_server, _, file) = saved(&shelf, 20).await;
    let dir = shelf.path("half");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("restore.unfinished"), "").unwrap();
    std::fs::create_dir(dir.join("log")).unwrap();
    let to = shelf.path("never");
    let serve = ["serve", "--dev", "--listen", "127.0.0.1:0"];
    // A server last: one that starts, stays.
    for args in [&["key", "list"][..], &["restore", text(&file)], &["backup", text(&to)], &serve] {
        let ended = run(&dir, &[&["--store", ""], args].concat());
        let is_said = ended.code == Some(1) && ended.stderr.contains("did not finish");
        assert!(is_said, "{args:?}: {}", ended.stderr);
    }
    let doctor = run(&dir, &["doctor", "--store", ""]);
    assert!(doctor.code == Some(1) && doctor.stdout.contains("STOP"), "{}", doctor.stdout);
}

/// Restores `file` into `dir` or the database `url`, and is killed after `delay`, however far it has come.
async fn killed_restore(file: &Path, dir: &Path, url: &str, delay: Duration) {
    let mut restore = tidegate(dir);
    restore.args(["restore", text(file), "--json", "--store", url]).stdout(Stdio::null());
    let mut child = restore.spawn().unwrap();
    tokio::time::sleep(delay).await;
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_is_killed_is_whole_or_not_there() {
    let shelf = Shelf::new();
    let (_server, _, file) = saved(&shelf, 2000).await;
    let (whole, mut outcomes) = (content(&file), BTreeSet::new());
    for step in 0..14 {
        let (delay, copy) = (Duration::from_millis(step * 12), shelf.path(&format!("copy-{step}")));
        let dir = shelf.data(&format!("killed-{step}"));
        killed_restore(&file, &dir, "", delay).await;
        if dir.join("restore.unfinished").exists() {
            let refused = run(&dir, &["key", "list", "--store", ""]);
            assert!(refused.stderr.contains("did not finish"), "{}", refused.stderr);
            outcomes.insert("unfinished");
        } else if dir.join("log").exists() {
            say(&dir, &["backup", text(&copy), "--store", ""]);
            assert_eq!(content(&copy), whole);
            outcomes.insert("whole");
        } else {
            say(&dir, &["restore", text(&file), "--store", ""]);
        }
        let (url, copy) = (TestDatabase::create().await.url, shelf.path(&format!("database-{step}")));
        killed_restore(&file, &dir, &url, delay).await;
        say(&dir, &["backup", text(&copy), "--store", &url]);
        let kept = content(&copy);
        assert!(kept == whole || matches!(kept[..], [Item::Trailer(_)]), "{} parts", kept.len());
    }
    println!("killed restores were: {outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_one_store_to_the_other_and_back_nothing_changes() {
    let shelf = Shelf::new();
    let server = start().await;
    make_key(server.data_dir(), "proj_dev", "ingest,read");
    server.post("/v1/events/ingest").json(&message("m1")).send().await.ok();
    let sent = send(&server, 0..2500).await;
    let first = shelf.path("first");
    save(server.data_dir(), &first);
    let url = TestDatabase::create().await.url;
    let (second, third) = (shelf.path("second"), shelf.path("third"));
    let (files, none) = (shelf.data("files"), shelf.data("none"));
    restore(&first, &none, &["--store", &url]);
    say(&none, &["backup", text(&second), "--store", &url]);
    restore(&second, &files, &["--store", ""]);
    say(&files, &["backup", text(&third), "--store", ""]);
    assert_eq!(content(&first), content(&second));
    assert_eq!(content(&second), content(&third));
    let store = if store::is_postgres() { "postgres" } else { "embedded" };
    let stores = [&first, &second, &third].map(|file| Reader::open(file).unwrap().header().store.clone());
    assert_eq!(stores, [store, "postgres", "embedded"]);
    // The database serves what the files held, and knows its keys.
    let on_database =
        start_with(|config| config.store.url = tidegate_server::config::Address::new(url)).await;
    let kept = ids(&on_database).await;
    assert_eq!(kept[1..], sent, "after the message");
    assert_eq!(on_database.store(event(3)).await["eventId"], sent[3]);
    let on_files = Serve::dev(&files).set("STORE__URL", "").start().await;
    assert_eq!(ids(&on_files).await, kept);
    let repeated = on_files.post("/v1/events/ingest").json(&message("m2")).send().await.ok();
    assert_eq!(repeated["status"], "duplicate");
    assert_eq!(on_files.store(event(2499)).await["duplicate"], true);
    assert_eq!(on_files.store(event(9999)).await["position"], 2501);
    on_files.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_retention_has_shortened_is_restored_from_where_it_begins() {
    let shelf = Shelf::new();
    let server = start_with(|config| {
        config.log.segment_max_bytes = 64 << 10;
        config.store.partition_max_events = 64;
        config.log.retention_interval_ms = 20;
        config.log.retention_max_bytes = if store::is_postgres() { 1_000_000 } else { 200_000 };
    });
    let server = server.await;
    let sent = send(&server, 0..1000).await;
    let first = eventually("old events are deleted", async || {
        server.read("/v1/metrics").await["log_first_position"].as_u64().filter(|first| *first > 0)
    })
    .await;
    let file = shelf.path("backup");
    let said = save(server.data_dir(), &file);
    let begin = said["first"].as_u64().unwrap();
    assert!(begin >= first && said["tail"] == 1000, "{said}");
    let url = TestDatabase::create().await.url;
    let (dir, none) = (shelf.data("restored"), shelf.data("none"));
    restore(&file, &dir, &["--store", ""]);
    restore(&file, &none, &["--store", &url]);
    let on_files = Serve::dev(&dir).set("STORE__URL", "").start().await;
    let on_database = Serve::dev(&none).set("STORE__URL", &url).start().await;
    for server in [&on_files, &on_database] {
        let kept = &sent[begin as usize..];
        assert_eq!(ids(server).await, kept);
        assert_eq!(server.read("/v1/metrics").await["log_first_position"], begin);
        assert_eq!(server.store(event(999)).await["eventId"], kept[kept.len() - 1]);
        let forgotten = server.store(event(0)).await;
        assert_eq!((&forgotten["duplicate"], &forgotten["position"]), (&json!(false), &json!(1000)));
    }
    on_files.stop().await;
    on_database.stop().await;
    let doctor = run(&dir, &["doctor", "--store", ""]);
    assert_eq!(doctor.code, Some(0), "{}", doctor.stdout);
}
