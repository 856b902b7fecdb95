//! A full disk: writes are refused, reads go on, and with space again so do the writes, without a restart.

use serde_json::{Value, json};

use crate::support::patience::eventually;
use crate::support::server::{TestServer, start_with};
use crate::support::small_disk::SmallDisk;
use crate::support::{INSULT, command, walk};

fn event(n: u64) -> Value {
    json!({
        "type": "message.user", "sessionId": "s", "content": format!("{INSULT} {}", "x".repeat(40_000)),
        "data": {"n": n}, "idempotencyKey": n.to_string(),
    })
}

/// Stores events from `n` on until one is refused, which must be for want of space: its number.
async fn fill_log(server: &TestServer, mut n: u64) -> u64 {
    loop {
        let answer = server.post("/v1/events").json(&event(n)).send().await;
        if answer.status != 200 {
            answer.problem(507, "no-space");
            assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
            return n;
        }
        n += 1;
    }
}

async fn numbers(server: &TestServer) -> Vec<u64> {
    let events = walk::events(server, "sessionId=s&limit=100").await;
    events.iter().map(|event| event["data"]["n"].as_u64().expect("a number")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_keeps_reads_and_recovers_without_a_restart() {
    let Some(disk) = SmallDisk::mount(12) else { return };
    let mut server = start_with(|config| config.server.data_dir = disk.path().join("data")).await;
    let mut next = 0;
    for n in 0..5 {
        server.store(event(n)).await;
        next = n + 1;
    }
    server.caught_up().await;
    for round in 0..3 {
        let filler = disk.fill();
        next = fill_log(&server, next).await;
        assert_eq!(
            numbers(&server).await,
            (0..next).collect::<Vec<_>>(),
            "round {round}: all that was acknowledged"
        );
        assert_eq!(server.get("/health").await.status, 200);
        assert_eq!(server.get("/v1/sessions/s").await.status, 200);
        let ready = server.get("/ready").await;
        assert_eq!(ready.status, 503);
        assert!(ready.text().contains("no_space"), "{}", ready.text());
        assert_eq!(server.read("/v1/metrics").await["log_refusing"], "no_space");
        assert!(server.get("/metrics").await.text().contains("log_refusing 1\n"));
        // Again and again, and on the other door: refused, and nothing is remembered.
        for _ in 0..3 {
            server
                .post("/v1/events")
                .json(&json!([event(next), event(next + 1)]))
                .send()
                .await
                .problem(507, "no-space");
        }
        let message = json!({
            "event_id": format!("m{round}"), "event_type": "message_created", "platform": "discord", "user_id": "u",
            "author_id": "a", "content": format!("round {round}"),
        });
        server.post("/v1/events/ingest").json(&message).send().await.problem(507, "no-space");
        std::fs::remove_file(filler).unwrap();
        let receipt = eventually("there is space again", async || {
            let answer = server.post("/v1/events").json(&event(next)).send().await;
            (answer.status == 200).then(|| answer.json())
        });
        assert_eq!(receipt.await["duplicate"], false, "round {round}: a refused event comes back as new");
        next += 1;
        assert_eq!(server.post("/v1/events/ingest").json(&message).send().await.ok()["status"], "queued");
        assert_eq!(server.get("/ready").await.status, 200);
        // The pipeline caught up too: the views had no space either.
        server.post("/v1/events?wait=screened").json(&event(next)).send().await.ok();
        next += 1;
        server.caught_up().await;
        assert_eq!(server.read("/v1/sessions/s").await["session"]["eventCount"], next, "round {round}");
        assert_eq!(numbers(&server).await, (0..next).collect::<Vec<_>>());
    }
    server.restart().await;
    assert_eq!(numbers(&server).await, (0..next).collect::<Vec<_>>());
    server.stop().await;
    let check = command::say(server.data_dir(), &["rebuild", "--check", "--json"]);
    assert!(check.contains(r#""equal":true"#), "{check}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_on_a_full_disk_is_refused_in_plain_words_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount(12) else { return };
    let mut server = start_with(|config| config.server.data_dir = disk.path().join("data")).await;
    for n in 0..3 {
        server.store(event(n)).await;
    }
    server.caught_up().await;
    server.stop().await;
    let filler = disk.fill();
    let refused = server.refused_restart().await;
    assert!(refused.contains("views cannot be opened") && refused.contains("disk"), "{refused}");
    std::fs::remove_file(filler).unwrap();
    server.restart().await;
    assert_eq!(numbers(&server).await, [0, 1, 2]);
}
