//! Open files used up: new connections wait or are refused, old ones are served, and the log goes on.

use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::{Value, json};
use tidegate_server::open_files;

use crate::support::child::{ChildServer, Serve};
use crate::support::patience::eventually;
use crate::support::raw::Raw;
use crate::support::{command, walk};

/// A moment in which a server that can answer does.
const MOMENT: Duration = Duration::from_millis(300);
const HEALTH: &str = "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Stores an event of about a quarter of a segment on a connection that is open.
fn store_on(connection: &mut Raw) -> String {
    let event = json!({"type": "a", "content": "x".repeat(45_000)}).to_string();
    let body = format!("[{}]", [event.as_str()].repeat(6).join(","));
    let head = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\n";
    assert!(connection.send(format!("{head}content-length: {}\r\n\r\n{body}", body.len())));
    connection.answer()
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_leave_the_log_its_files_and_the_rest_wait_their_turn() {
    let dir = tempfile::tempdir().unwrap();
    let server = Serve::dev(dir.path()).open_files_max(72).start().await;
    let (mut served, mut waiting) = (Vec::new(), Vec::new());
    for _ in 0..60 {
        let mut connection = Raw::connect(server.address);
        connection.send(HEALTH);
        match connection.answer_within(MOMENT) {
            Some(answer) => {
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                assert!(waiting.is_empty(), "who comes later is not served before");
                served.push(connection);
            }
            None => waiting.push(connection),
        }
        if waiting.len() == 3 {
            break;
        }
    }
    assert!((2..50).contains(&served.len()) && waiting.len() == 3, "{} served", served.len());
    // Old ones are served, through several segments: a new file for each.
    for _ in 0..16 {
        let answer = store_on(&mut served[0]);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let segments = std::fs::read_dir(dir.path().join("log")).unwrap().count();
    assert!(segments > 6, "{segments} files: the log went on in new ones");
    drop(served);
    for mut connection in waiting {
        assert!(connection.answer().starts_with("HTTP/1.1 200"), "who waited is served now");
    }
    assert_eq!(server.get("/ready").await.status, 200);
    assert_eq!(walk::count(&server).await, 96);
    server.stop().await;
}

/// Holds the number of open files of `server` where it is, or lets it go up again.
fn limit(server: &ChildServer, files: Option<u64>) {
    let pid = Pid::from_raw(server.pid().cast_signed());
    let maximum = getrlimit(Resource::Nofile).maximum;
    prlimit(pid, Resource::Nofile, Rlimit { current: files.or(maximum), maximum }).expect("its own child");
}

fn open_files_of(server: &ChildServer) -> u64 {
    std::fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("/proc").count() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_finds_no_free_file_refuses_for_now_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = Serve::dev(dir.path()).start().await;
    let mut open = Raw::connect(server.address);
    let mut stored = 0;
    // The segment that is prepared ahead may be there; sooner or later the log needs a new file.
    limit(&server, Some(open_files_of(&server)));
    let refused = eventually("the log needs a file", async || {
        let answer = store_on(&mut open);
        if answer.starts_with("HTTP/1.1 200") {
            stored += 6;
            return None;
        }
        Some(answer)
    })
    .await;
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after"), "{refused}");
    let mut newcomer = Raw::connect(server.address);
    newcomer.send(HEALTH);
    assert_eq!(newcomer.answer_within(MOMENT), None, "nobody new gets in");
    limit(&server, None);
    assert!(newcomer.answer().starts_with("HTTP/1.1 200"), "who waited is served now");
    let answer = store_on(&mut open);
    assert!(answer.starts_with("HTTP/1.1 200"), "without a restart: {answer}");
    assert_eq!(server.get("/ready").await.status, 200);
    assert_eq!(walk::count(&server).await, stored + 6);
    server.stop().await;
    let server = Serve::dev(dir.path()).start().await;
    assert_eq!(walk::count(&server).await, stored + 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_too_low_for_any_connection_stops_the_start_in_plain_words() {
    let dir = tempfile::tempdir().unwrap();
    let mut limited = std::process::Command::new("sh");
    limited.args([
        "-c",
        "ulimit -n 40 && exec timeout 30 \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_tidegate"),
        "--data-dir",
    ]);
    limited.arg(dir.path()).args(["serve", "--dev", "--listen", "127.0.0.1:0"]);
    let ended: command::Ended = limited.output().unwrap().into();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("the limit of open files, 40, leaves no room"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_soft_limit_is_raised_to_the_hard_one_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let server = Serve::dev(dir.path()).soft_open_files_max(256).start().await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let fields: Vec<_> = line.split_whitespace().collect();
    assert_eq!(fields[3], fields[4], "{line}");
    assert_ne!(fields[3], "256");
    assert!(open_files::connections(10).is_ok_and(|connections| connections == 10));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_connections_than_were_wanted_are_said_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let server = Serve::dev(dir.path()).open_files_max(128).start().await;
    let said = server.stderr();
    let line: Value = serde_json::from_str(said.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&line["level"], &line["connections_max"]), (&json!("WARN"), &json!(20_000)), "{said}");
    server.stop().await;
}
