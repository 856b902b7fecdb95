//! Bombs: small bodies that want to become large ones. Refused at a limit by its name, in bounded memory.

use serde_json::Value;
use tokio::task::JoinSet;

use crate::support::child::{ChildServer, Serve};
use crate::support::client::Call;
use crate::support::{compress, walk};

/// What the server may hold at most: a body on each decoding thread, what becomes of it, and itself.
const MEMORY_MAX_BYTES: u64 = 384 << 20;
const ROUTES: [&str; 4] = ["/v1/events", "/v1/events/ingest", "/v1/events/ingest-batch", "/v1/risk/screen"];

/// Half a gigabyte of one digit, as gzip: many members, which is quicker to make than a long one.
fn gzip_bomb() -> Vec<u8> {
    compress::gzip(&vec![b'0'; 16 << 20]).repeat(32)
}

async fn refused(calls: Vec<Call>, kind: &str, limit: &str) {
    let mut answers = JoinSet::new();
    for call in calls {
        answers.spawn(call.send());
    }
    while let Some(answer) = answers.join_next().await {
        let problem: Value = answer.expect("no panic").problem(413, kind);
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(limit)), "{problem}");
    }
}

async fn still_small(server: &ChildServer) {
    let peak = server.peak_memory_bytes();
    println!("peak: {} MiB", peak >> 20);
    assert!(peak < MEMORY_MAX_BYTES, "{} MiB", peak >> 20);
    assert_eq!(walk::count(server).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_bombs_are_refused_while_they_are_decoded_and_memory_stays_small() {
    let dir = tempfile::tempdir().unwrap();
    let server = Serve::dev(dir.path()).start().await;
    let bombs = [
        ("gzip", gzip_bomb()),
        ("deflate", compress::deflate(&vec![b'0'; 40 << 20])),
        ("zstd", compress::zstd(&vec![b'0'; 64 << 20]).repeat(64)),
        ("br", compress::brotli(&vec![b'0'; 1 << 30])),
    ];
    let mut calls = Vec::new();
    for path in ROUTES {
        for (encoding, bomb) in &bombs {
            assert!(bomb.len() < 4 << 20, "{encoding}: {} bytes, far below what may be sent", bomb.len());
            calls.push(server.post(path).header("content-encoding", encoding).body(bomb.clone()));
        }
    }
    refused(calls, "body-too-large", "server.decoded_max_bytes").await;
    // A bomb in a bomb, under one encoding: the outer one opens, the inner one is no text.
    let nested = compress::gzip(&bombs[0].1);
    let answer = server.post("/v1/events").header("content-encoding", "gzip").body(nested).send().await;
    answer.problem(400, "invalid-utf8");
    // A frame that asks for a window of 128 MiB gets none.
    let greedy = compress::zstd_with_window(&vec![b' '; 9 << 20], 27);
    let answer = server.post("/v1/events").header("content-encoding", "zstd").body(greedy).send().await;
    answer.problem(400, "broken-encoding");
    // The same in brotli, by an extension that reaches for a gigabyte.
    let greedy = compress::brotli_with_window(&vec![b' '; 9 << 20], 30);
    let answer = server.post("/v1/events").header("content-encoding", "br").body(greedy).send().await;
    answer.problem(400, "broken-encoding");
    still_small(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_list_of_nothing_is_counted_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let server = Serve::dev(dir.path()).start().await;
    let elements = "1,".repeat((30 << 20) / 2);
    let array = compress::gzip(format!("[{elements}1]").as_bytes());
    let object = compress::gzip(format!(r#"{{"events":[{elements}1]}}"#).as_bytes());
    // One element that nothing can hold makes the server read the list a second time.
    let spoiled = compress::gzip(format!("[{elements}1e999]").as_bytes());
    let lines = compress::gzip("1\n".repeat((30 << 20) / 2).as_bytes());
    let post =
        |path: &str, body: &Vec<u8>| server.post(path).header("content-encoding", "gzip").body(body.clone());
    // One after the other: what many hold together is bounded by `server.inflight_max_bytes`.
    for body in [&array, &object, &spoiled] {
        refused(vec![post("/v1/events", body)], "batch-too-large", "intake.batch_max_events").await;
    }
    let lines = post("/v1/events", &lines).header("content-type", "application/x-ndjson");
    refused(vec![lines], "batch-too-large", "intake.batch_max_events").await;
    let moderation = post("/v1/events/ingest-batch", &object);
    refused(vec![moderation], "batch-too-large", "intake.moderation_batch_max_events").await;
    // As many members of one object, and as many wrong fields.
    let members = compress::gzip(format!(r#"{{{}"z":1}}"#, r#""a":1,"#.repeat(4 << 20)).as_bytes());
    for path in &ROUTES[..2] {
        let answer = post(path, &members).send().await;
        answer.problem(422, "invalid-event");
        assert_eq!(answer.first_error().1, "too_many_members");
    }
    still_small(&server).await;
    server.stop().await;
}
