//! Decompression bombs: refused at the limit while they are decoded, in bounded memory.

use std::io::Read;

use tokio::task::JoinSet;

use crate::support::child::Serve;
use crate::support::{compress, walk};

/// Ten times the largest decoded body, and more than the server may ever hold.
const BOMB_BYTES: u64 = 512 << 20;
/// What the server may hold at most: bodies of two worker threads, and itself.
const MEMORY_MAX_BYTES: u64 = 256 << 20;

fn zeros() -> impl Read {
    std::io::repeat(b'0').take(BOMB_BYTES)
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_are_refused_while_they_are_decoded_and_memory_stays_small() {
    let dir = tempfile::tempdir().unwrap();
    let server = Serve::dev(dir.path()).start().await;
    let bombs = [
        ("gzip", compress::gzip_from(zeros())),
        ("deflate", compress::deflate_from(zeros())),
        ("zstd", compress::zstd_from(zeros())),
    ];
    let mut calls = JoinSet::new();
    for path in ["/v1/events", "/v1/events/ingest", "/v1/events/ingest-batch", "/v1/risk/screen"] {
        for (encoding, bomb) in &bombs {
            assert!(bomb.len() < 8 << 20, "{encoding}: {} bytes pass the limit on what is sent", bomb.len());
            calls.spawn(server.post(path).header("content-encoding", encoding).body(bomb.clone()).send());
        }
    }
    while let Some(answer) = calls.join_next().await {
        let answer = answer.unwrap();
        let detail = answer.problem(413, "body-too-large")["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("server.decoded_max_bytes"), "{detail}");
    }
    // A bomb in a bomb, under one encoding: the outer one opens, the inner one is no text.
    let nested = compress::gzip(&bombs[0].1);
    let answer = server.post("/v1/events").header("content-encoding", "gzip").body(nested).send().await;
    answer.problem(400, "invalid-utf8");
    // A frame that asks for a window of 128 MiB gets none.
    let greedy = compress::zstd_with_window(&vec![b' '; 9 << 20], 27);
    let answer = server.post("/v1/events").header("content-encoding", "zstd").body(greedy).send().await;
    answer.problem(400, "broken-encoding");
    let peak = server.peak_memory_bytes();
    assert!(peak < MEMORY_MAX_BYTES, "{} MiB", peak >> 20);
    assert_eq!(walk::count(&server).await, 0);
    assert_eq!(server.read("/v1/metrics").await["queue_bytes"], 0);
    server.stop().await;
}
