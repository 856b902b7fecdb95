//! What can happen to a worker.

use super::cluster::Cluster;
use super::database::signal;
use crate::support::patience::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_workers_shards_move_and_nothing_is_folded_twice() {
    let mut cluster = Cluster::start().await;
    let load = cluster.load();
    for number in [0, 1, 0] {
        load.goes_on(100).await;
        cluster.workers[number].kill();
        cluster.shards_are_held_by(1).await;
        load.goes_on(50).await;
        cluster.restart_worker(number).await;
        cluster.shards_are_held_by(2).await;
    }
    assert_eq!(load.refused(), 0, "who sends notices nothing");
    cluster.check(load).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_wakes_up_after_its_lease_cannot_write() {
    let cluster = Cluster::start().await;
    let load = cluster.load();
    for _ in 0..3 {
        load.goes_on(100).await;
        let sleeper = cluster.workers[0].pid();
        signal("STOP", &[sleeper]);
        // The other takes all over while it sleeps, and goes on.
        cluster.shards_are_held_by(1).await;
        load.goes_on(50).await;
        signal("CONT", &[sleeper]);
        cluster.shards_are_held_by(2).await;
    }
    let lost = cluster.workers[0].get("/metrics").await.text();
    let lost = lost.lines().find_map(|line| line.strip_prefix("lease_losses_total ")).expect("a count");
    assert!(lost.parse::<f64>().unwrap() >= 3.0, "it lost its shards {lost} times");
    cluster.check(load).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_process_that_is_killed_keeps_what_it_acknowledged() {
    let mut cluster = Cluster::start().await;
    let load = cluster.load();
    load.goes_on(200).await;
    cluster.api.kill();
    let writers = load.stop().await;
    cluster.restart_api().await;
    cluster.catches_up().await;
    writers.check(&cluster.api).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_process_that_stands_still_with_the_lock_holds_nobody_up_for_long() {
    let cluster = Cluster::start().await;
    let other = cluster.another_api().await;
    let (sleeping, load) = (cluster.load(), super::load::Load::start_named(&other, 10));
    sleeping.goes_on(50).await;
    for _ in 0..3 {
        signal("STOP", &[cluster.api.pid()]);
        load.goes_on(100).await;
        signal("CONT", &[cluster.api.pid()]);
        sleeping.goes_on(20).await;
    }
    let others = load.stop().await;
    let own = sleeping.stop().await;
    eventually("the workers catch up", async || {
        (other.read("/v1/metrics").await["pipeline_lag_events"] == 0).then_some(())
    })
    .await;
    own.and(others).check(&other).await;
    other.stop().await;
}
