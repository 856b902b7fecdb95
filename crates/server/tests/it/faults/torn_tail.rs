//! A torn tail: what a write that never finished left behind is cut, what was acknowledged is untouched.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::server::{TestServer, start};
use crate::support::{INSULT, files, walk};

/// The last segment, and where its data ends.
fn end_of_log(dir: &Path) -> (PathBuf, u64) {
    let mut segments: Vec<_> = files::files(&dir.join("log"));
    segments.retain(|path| path.extension().is_some_and(|ending| ending == "seg"));
    segments.sort();
    let last = segments.pop().expect("a segment");
    let bytes = std::fs::read(&last).expect("readable");
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    (last, end as u64)
}

fn write_at(path: &Path, at: u64, bytes: &[u8]) {
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, at).unwrap();
}

async fn store(server: &TestServer, numbers: std::ops::Range<u64>) -> Vec<String> {
    let mut ids = Vec::new();
    for n in numbers {
        let event = json!({"type": "a", "sessionId": "s", "content": INSULT, "data": {"n": n}, "idempotencyKey": n.to_string()});
        ids.push(server.store(event).await["eventId"].as_str().unwrap().to_owned());
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_torn_write_left_is_cut_and_every_acknowledged_event_stays() {
    let mut server = start().await;
    let mut acked = store(&server, 0..10).await;
    let mut number = 10;
    let garbage: Vec<u8> = (0..3000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 | 1).collect();
    for tear in ["garbage", "half a group", "a header alone", "cut zeros", "one byte"] {
        server.stop().await;
        let (segment, end) = end_of_log(server.data_dir());
        let bytes = std::fs::read(&segment).unwrap();
        match tear {
            "garbage" => write_at(&segment, end, &garbage),
            // The first frame again, cut: well formed, and at the wrong place.
            "half a group" => write_at(&segment, end, &bytes[128..228]),
            "a header alone" => write_at(&segment, end, &bytes[128..160]),
            "cut zeros" => OpenOptions::new().write(true).open(&segment).unwrap().set_len(end + 100).unwrap(),
            _ => write_at(&segment, end + 40, &[7]),
        }
        server.restart().await;
        server.caught_up().await;
        let events = walk::events(&server, "sessionId=s").await;
        assert_eq!(walk::texts(&events, "/eventId"), acked, "{tear}");
        assert_eq!(server.read("/v1/sessions/s").await["session"]["eventCount"], acked.len(), "{tear}");
        assert_eq!(
            server.read("/v1/metrics").await["log_quarantined_ranges"],
            0,
            "{tear}: torn is not damaged"
        );
        assert_eq!(server.get("/ready").await.status, 200);
        acked.extend(store(&server, number..number + 3).await);
        number += 3;
    }
    let set_aside = files::files(&server.data_dir().join("log"));
    let torn =
        set_aside.iter().filter(|path| path.extension().is_some_and(|ending| ending == "torn")).count();
    assert!(torn >= 2, "torn bytes are kept aside for a person to see: {set_aside:?}");
    // Keys are known across it all.
    let again = server.store(json!({"type": "a", "sessionId": "s", "content": INSULT, "data": {"n": 0}, "idempotencyKey": "0"})).await;
    assert_eq!((&again["duplicate"], &again["eventId"]), (&json!(true), &json!(acked[0])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_lost_its_end_starts_serves_the_rest_and_gives_no_id_twice() {
    let mut server = start().await;
    let acked = store(&server, 0..10).await;
    server.caught_up().await;
    server.stop().await;
    let (segment, end) = end_of_log(server.data_dir());
    // The last mark and most of the last event are gone, as after a disk that lied about a sync.
    let lost = vec![0; 150];
    write_at(&segment, end - 150, &lost);
    server.restart().await;
    let events = walk::texts(&walk::events(&server, "sessionId=s").await, "/eventId");
    assert_eq!(events, acked[..events.len()], "a prefix");
    assert!((8..10).contains(&events.len()), "{}", events.len());
    let after = store(&server, 9..12).await;
    let all = walk::texts(&walk::events(&server, "sessionId=s").await, "/eventId");
    assert_eq!(all, [&events[..], &after[..]].concat());
}
