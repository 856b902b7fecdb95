//! A disk that fails a sync, is slow, or is interrupted.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::account::{Account, Sent, is_sound};
use crate::support::child::Serve;
use crate::support::{strace, walk};

fn first_segment(dir: &Path) -> PathBuf {
    dir.join("log").join(format!("{:020}.seg", 0))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_fails_once_is_never_acknowledged_and_closes_the_log_until_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let segment = first_segment(&dir.path().canonicalize().unwrap());
    for (round, number) in [2, 1, 3].into_iter().enumerate() {
        let mut account = Account { acked: acked(dir.path()).await, ..Account::default() };
        let options =
            strace::inject(std::slice::from_ref(&segment), "fdatasync", &format!("error=EIO:when={number}"));
        let mut server = Serve::dev(dir.path()).traced(&options).start().await;
        let until = account.acked.len() + 10;
        assert_eq!(
            account.send(&server, until).await,
            Sent::Refused(503, "log-closed".into()),
            "round {round}"
        );
        // The disk is well again, and the log stays closed: the kernel may have dropped what was written.
        let refused = server.post("/v1/events").json(&serde_json::json!({"type": "a"})).send().await;
        let problem = refused.problem(503, "log-closed");
        assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
        assert!(problem["detail"].as_str().unwrap().contains("restarted"), "{problem}");
        account.check(&server, "reads go on").await;
        let ready = server.get("/ready").await;
        assert_eq!(ready.status, 503);
        assert!(
            server.get("/metrics").await.text().contains("log_refusing 1\n"),
            "an alarm can be set on it"
        );
        assert!(server.stderr().contains("closed to writes until a restart"), "{}", server.stderr());
        server.terminate();
        server.ended().await;
        let server = Serve::dev(dir.path()).start().await;
        account.check(&server, "after a restart").await;
        let all = account.acked.len() + 2;
        assert_eq!(account.send(&server, all).await, Sent::All, "round {round}");
        account.check(&server, "and on").await;
        server.stop().await;
        is_sound(dir.path(), "after all");
    }
}

/// The ids that are stored, in order.
async fn acked(dir: &Path) -> Vec<String> {
    let server = Serve::dev(dir).start().await;
    let ids = walk::texts(&walk::events(&server, "order=asc").await, "/eventId");
    server.stop().await;
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_disk_delays_acknowledgements_and_nothing_else() {
    const DELAY: Duration = Duration::from_millis(200);
    let dir = tempfile::tempdir().unwrap();
    let segment = first_segment(&dir.path().canonicalize().unwrap());
    let slow = strace::inject(&[segment], "fdatasync", &format!("delay_enter={}", DELAY.as_micros()));
    let server = Serve::dev(dir.path()).traced(&slow).start().await;
    let mut account = Account::default();
    let begun = Instant::now();
    assert_eq!(account.send(&server, 3).await, Sent::All);
    assert!(begun.elapsed() >= DELAY * 3, "each waits for its sync: {:?}", begun.elapsed());
    // Those who send at once share a sync: no queue builds up.
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..40 {
        let client = crate::support::client::Client::new(server.address);
        tasks.spawn(async move { client.store(serde_json::json!({"type": "a", "data": {"n": n}})).await });
    }
    while !tasks.is_empty() {
        // Reading waits for no sync.
        let asked = Instant::now();
        assert_eq!(server.get("/v1/events?limit=1").await.status, 200);
        assert!(asked.elapsed() < DELAY * 10, "{:?}", asked.elapsed());
        tasks.join_next().await.unwrap().unwrap();
    }
    assert!(begun.elapsed() < DELAY * 20, "40 events in less than 20 syncs: {:?}", begun.elapsed());
    assert_eq!(walk::count(&server).await, 43);
    server.stop().await;
    is_sound(dir.path(), "a slow disk");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_call_is_made_again() {
    for call in ["pwrite64", "fdatasync"] {
        let dir = tempfile::tempdir().unwrap();
        let segment = first_segment(&dir.path().canonicalize().unwrap());
        let interrupted = strace::inject(&[segment], call, "error=EINTR:when=2+2");
        let server = Serve::dev(dir.path()).traced(&interrupted).start().await;
        let mut account = Account::default();
        assert_eq!(account.send(&server, 8).await, Sent::All, "{call}");
        account.check(&server, call).await;
        server.stop().await;
        is_sound(dir.path(), call);
    }
}
