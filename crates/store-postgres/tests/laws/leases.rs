//! Leases: one worker a shard, moved when it is gone, shared among those who are there, and fenced.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use tidegate_domain::id::{Position, Shard};
use tidegate_domain::ports::{Views, ViewsBatch};
use tidegate_store_postgres::database::Database;
use tidegate_store_postgres::views::{Lease, Leases, PostgresViews};
use tidegate_testkit::postgres::TestDatabase;
use tidegate_testkit::views::{FOLD_VERSION, HALF_LIFE};

use crate::rig::config;

const SHARDS: u16 = 6;
/// Longer than any test: leases end when a test says so.
const TTL: Duration = Duration::from_secs(600);

async fn views() -> (TestDatabase, PostgresViews) {
    let test = TestDatabase::create().await;
    let database = Database::open(&config(&test.url)).await.unwrap();
    let views = PostgresViews::open(database, SHARDS, HALF_LIFE, FOLD_VERSION).await.unwrap();
    views.require_rules().await.unwrap();
    (test, views)
}

/// Takes turns until nothing moves any more, giving up what is asked; what each holds.
async fn settle(workers: &[Leases]) -> Vec<Vec<Lease>> {
    let mut held = vec![Vec::new(); workers.len()];
    for _ in 0..4 {
        for (worker, held) in workers.iter().zip(&mut held) {
            let turn = worker.renew().await.unwrap();
            *held = turn.leases;
            for lease in held.split_off(held.len() - turn.surplus) {
                worker.release(lease).await.unwrap();
            }
        }
    }
    held
}

fn shards(held: &[Vec<Lease>]) -> Vec<u16> {
    let mut all: Vec<_> = held.iter().flatten().map(|lease| lease.shard.0).collect();
    all.sort_unstable();
    all
}

/// Whoever's lease runs out has been gone for its whole time.
async fn runs_out(test: &TestDatabase, worker: &str) {
    let past = format!(
        "UPDATE views.shards SET leased_until = now() - interval '1 ms' WHERE worker = '{worker}';
         UPDATE views.workers SET alive_until = now() - interval '1 ms' WHERE worker = '{worker}'"
    );
    test.execute(&past).await;
}

#[tokio::test]
async fn workers_share_all_shards_and_each_is_held_by_one() {
    let (test, views) = views().await;
    let mut workers = Vec::new();
    for count in 1..=4 {
        workers.push(views.leases(&format!("w{count}"), TTL));
        let held = settle(&workers).await;
        assert_eq!(shards(&held), (0..SHARDS).collect::<Vec<_>>(), "{count} workers");
        let (least, most) = (usize::from(SHARDS) / count, usize::from(SHARDS).div_ceil(count));
        assert!(held.iter().all(|own| (least..=most).contains(&own.len())), "{count} workers: {held:?}");
    }
    runs_out(&test, "w1").await;
    let held = settle(&workers[1..]).await;
    assert_eq!(shards(&held), (0..SHARDS).collect::<Vec<_>>(), "what w1 held has moved");
    workers[1].leave().await.unwrap();
}

#[tokio::test]
async fn only_the_newest_lease_of_a_shard_commits() {
    let (test, views) = views().await;
    let (first, second) = (views.leases("first", TTL), views.leases("second", TTL));
    let old = first.renew().await.unwrap().leases;
    let batch = |to| ViewsBatch { checkpoint: Position(to), ..ViewsBatch::default() };
    let sleeper = views.of(old[0]);
    sleeper.commit(&batch(5)).await.unwrap();
    runs_out(&test, "first").await;
    let new = second.renew().await.unwrap().leases;
    let newest = *new.iter().find(|lease| lease.shard == old[0].shard).expect("it took all");
    assert!(newest.epoch > old[0].epoch);
    let awake = views.of(newest);
    awake.commit(&batch(9)).await.unwrap();
    assert!(sleeper.commit(&batch(12)).await.is_err(), "its lease is gone");
    assert!(sleeper.commit(&batch(9)).await.is_err(), "and stays gone");
    assert_eq!(awake.checkpoint().await.unwrap(), Position(9));
    awake.commit(&batch(10)).await.unwrap();
    // A lease that was lost is not given up by who lost it.
    first.release(old[0]).await.unwrap();
    assert!(second.renew().await.unwrap().leases.contains(&newest));
}

#[tokio::test]
async fn a_checkpoint_that_was_moved_refuses_the_next_commit_until_it_is_looked_up() {
    let (test, views) = views().await;
    let lease = views.leases("w", TTL).renew().await.unwrap().leases[0];
    let batch = |to| ViewsBatch { checkpoint: Position(to), ..ViewsBatch::default() };
    let held = views.of(lease);
    held.commit(&batch(5)).await.unwrap();
    // As after a crash of the database that took the newest commits.
    test.execute(&format!("UPDATE views.shards SET checkpoint = 2 WHERE shard = {}", lease.shard.0)).await;
    assert!(held.commit(&batch(8)).await.is_err());
    assert_eq!(held.checkpoint().await.unwrap(), Position(2));
    held.commit(&batch(8)).await.unwrap();
}

#[tokio::test]
async fn other_rules_end_all_leases_and_older_programs_take_none() {
    let (_test, old) = views().await;
    let lease = old.leases("old", TTL).renew().await.unwrap().leases[0];
    let held = old.of(lease);
    let batch = |to| ViewsBatch { checkpoint: Position(to), ..ViewsBatch::default() };
    held.commit(&batch(5)).await.unwrap();
    let database = Database::open(&config(&_test.url)).await.unwrap();
    let new = PostgresViews::open(database, SHARDS, HALF_LIFE, "testkit-2").await.unwrap();
    assert!(new.require_rules().await.unwrap(), "it was emptied");
    assert!(!new.require_rules().await.unwrap(), "and is not again");
    assert!(held.commit(&batch(7)).await.is_err());
    assert_eq!(old.leases("old", TTL).renew().await.unwrap().leases, [], "by other rules it must not fold");
    assert_eq!(new.checkpoint().await.unwrap(), Position(0));
    assert_eq!(new.leases("new", TTL).renew().await.unwrap().leases.len(), usize::from(SHARDS) / 2);
}

/// What may happen to a worker.
#[derive(Clone, Debug)]
enum Step {
    Renew(usize),
    RunOut(usize),
    Release(usize),
    Leave(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let worker = 0..3usize;
    prop_oneof![
        6 => worker.clone().prop_map(Step::Renew),
        2 => worker.clone().prop_map(Step::RunOut),
        1 => worker.clone().prop_map(Step::Release),
        1 => worker.prop_map(Step::Leave),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// LE1 in any order of turns, deaths and departures: no shard is given twice under one epoch, epochs only grow, and
    /// what a worker is told it holds nobody was given since.
    #[test]
    fn no_lease_is_given_twice(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (test, views) = views().await;
            let workers: Vec<_> = (0..3).map(|n| views.leases(&format!("w{n}"), TTL)).collect();
            let mut newest: HashMap<Shard, (i64, usize)> = HashMap::new();
            let mut held: Vec<Vec<Lease>> = vec![Vec::new(); 3];
            for step in steps {
                match step {
                    Step::Renew(n) => {
                        held[n] = workers[n].renew().await.unwrap().leases;
                        for lease in &held[n] {
                            let known = newest.get(&lease.shard).copied().unwrap_or_default();
                            assert!(lease.epoch > known.0 || (lease.epoch, n) == known, "{lease:?} of {n}, {known:?}");
                            newest.insert(lease.shard, (lease.epoch, n));
                        }
                    }
                    Step::RunOut(n) => runs_out(&test, &format!("w{n}")).await,
                    Step::Release(n) => {
                        if let Some(lease) = held[n].pop() {
                            workers[n].release(lease).await.unwrap();
                        }
                    }
                    Step::Leave(n) => workers[n].leave().await.unwrap(),
                }
            }
        });
    }
}
