//! What can happen to Redis: nothing that a client or a reader of views would notice.

use std::time::Duration;

use serde_json::json;

use super::cluster::Cluster;
use super::load::OTHERS;
use crate::support::nightly;
use crate::support::patience::eventually;
use crate::support::walk;

#[tokio::test(flavor = "multi_thread")]
async fn records_reach_workers_by_streams_and_leave_them_when_they_are_folded() {
    let cluster = Cluster::start_analysing().await;
    let load = cluster.load();
    load.goes_on(300).await;
    cluster.check_routed(load).await;
}

impl Cluster {
    /// Waits until each event of the log is in one of the routed streams, once, and no analysis of one.
    async fn all_is_routed(&self) {
        let session = eventually("a session is analysed", async || {
            let analyses = walk::events(&self.api, "type=session.analyzed").await;
            analyses.first().map(|analysis| analysis["sessionId"].clone())
        });
        // What comes after the analysis in its shard is routed after it.
        let last = json!({"type": "a", "sessionId": session.await, "data": {"writer": OTHERS, "n": 1}});
        self.api.store(last).await;
        let stored = walk::count(&self.api).await as u64;
        let length = |stream| self.redis.number(&["XLEN", stream]);
        eventually("every event is routed", async || {
            (length("events:low_risk") + length("events:reasoning_queue") == stored).then_some(())
        })
        .await;
    }

    /// After the load everything was received by some worker, and all entries are done with; each event is in one of the
    /// routed streams, once.
    async fn check_routed(self, load: super::load::Load) {
        let writers = load.stop().await;
        self.catches_up().await;
        for worker in &self.workers {
            let metrics = worker.get("/metrics").await.text();
            let received = metrics
                .lines()
                .find_map(|line| line.strip_prefix(r#"transport_entries_total{what="received"} "#))
                .expect("a count");
            assert!(received.parse::<f64>().unwrap() > 10.0, "{received} entries");
        }
        eventually("every entry is removed", async || {
            (0..4)
                .all(|shard| self.redis.number(&["XLEN", &format!("events:raw:{shard}")]) == 0)
                .then_some(())
        })
        .await;
        self.all_is_routed().await;
        writers.check(&self.api).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_stands_still_is_no_matter() {
    let cluster = Cluster::start().await;
    let load = cluster.load();
    load.goes_on(100).await;
    let freezing = cluster.redis.freeze(Duration::from_secs(nightly::count("FREEZE_S", 6)));
    let going_on = async {
        load.goes_on(100).await;
        let event = json!({"type": "a", "sessionId": "s", "data": {"writer": OTHERS, "n": 0}});
        let answer = cluster.api.post("/v1/events?wait=screened").json(&event).send().await.ok();
        assert_eq!(answer["pending"], false, "workers read the log");
    };
    let ((), ()) = tokio::join!(freezing, going_on);
    assert_eq!(load.refused(), 0, "nobody was refused");
    cluster.check(load).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_killed_and_comes_back_empty_is_no_matter() {
    let mut cluster = Cluster::start().await;
    let load = cluster.load();
    load.goes_on(100).await;
    cluster.redis.crash(Duration::from_secs(2)).await;
    load.goes_on(100).await;
    assert_eq!(load.refused(), 0, "nobody was refused");
    cluster.check(load).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_emptied_loses_nothing() {
    let cluster = Cluster::start_analysing().await;
    let load = cluster.load();
    for _ in 0..5 {
        load.goes_on(60).await;
        assert_eq!(cluster.redis.ask(&["FLUSHALL"]), "OK");
    }
    load.goes_on(60).await;
    assert_eq!(load.refused(), 0, "nobody was refused");
    cluster.check_routed_again(load).await;
}

impl Cluster {
    /// What was in the routed streams when Redis was emptied is routed again.
    async fn check_routed_again(self, load: super::load::Load) {
        let writers = load.stop().await;
        self.catches_up().await;
        self.all_is_routed().await;
        writers.check(&self.api).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_entry_becomes_a_dead_letter_and_the_log_is_read() {
    let cluster = Cluster::start().await;
    let load = cluster.load();
    load.goes_on(50).await;
    for shard in 0..4 {
        cluster.redis.ask(&["XADD", &format!("events:raw:{shard}"), "*", "from", "7", "to", "nonsense"]);
    }
    load.goes_on(50).await;
    eventually("dead letters are put aside", async || {
        (0..4).all(|n| cluster.redis.number(&["XLEN", &format!("events:raw:{n}:dlq")]) == 1).then_some(())
    })
    .await;
    let letter = cluster.redis.ask(&["XRANGE", "events:raw:0:dlq", "-", "+"]);
    for field in ["orig_id", "stream", "error", "attempts", "payload.to", "nonsense"] {
        assert!(letter.contains(field), "{letter}");
    }
    cluster.check(load).await;
}
