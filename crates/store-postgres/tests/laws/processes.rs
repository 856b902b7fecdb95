//! Many processes on one log: what no single one could do wrong.

use std::sync::Arc;
use std::time::Duration;

use tidegate_domain::id::Position;
use tidegate_domain::ports::{Appended, EventLog};
use tidegate_store_postgres::database::Database;
use tidegate_store_postgres::log::PostgresLog;
use tidegate_testkit::event_log::{Sent, append};
use tidegate_testkit::postgres::TestDatabase;
use tidegate_testkit::world::ManualClock;
use tokio::task::JoinSet;

use crate::event_log::small;
use crate::rig::{config, database};

/// Every commit takes a random time, after all of it was written.
const SLOW_COMMITS: &str = "CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(random() * 0.01); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON log.head DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION public.slow()";

/// The log as another process sees it, with a clock of its own that goes wrong.
async fn process(test: &TestDatabase, clock_ms: i64) -> Arc<PostgresLog> {
    let database = Database::open(&config(&test.url)).await.unwrap();
    let clock = ManualClock::default();
    clock.advance_ms(clock_ms);
    Arc::new(PostgresLog::open(database, small(), Arc::new(clock)).await.unwrap())
}

/// L3, L6: whoever reads while several processes append, with slow commits and clocks apart, sees positions without holes
/// and times that never fall.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_no_holes_whatever_processes_append() {
    const PROCESSES: u64 = 3;
    const EACH: u64 = 60;
    let (test, _) = database().await;
    let reader = process(&test, 0).await;
    test.execute(SLOW_COMMITS).await;
    let mut writers = JoinSet::new();
    for number in 0..PROCESSES {
        let log = process(&test, number as i64 * 3_600_000 - 3_600_000).await;
        for writer in 0..2 {
            let log = Arc::clone(&log);
            writers.spawn(async move {
                for n in 0..EACH / 2 {
                    append(&*log, &[Sent::new(vec![writer; 1 + n as usize % 9]).session(n)]).await;
                }
            });
        }
    }
    let (mut next, mut last) = (Position(0), None);
    while next.0 < PROCESSES * EACH {
        let waiting = tokio::time::timeout(Duration::from_secs(30), reader.wait_past(next));
        waiting.await.expect("processes append");
        for record in reader.read(next, 400).await.unwrap().records {
            assert_eq!(record.receipt.position, next);
            assert!(last <= Some(record.receipt.recorded_at), "time falls at {next}");
            (next, last) = (next.next(), Some(record.receipt.recorded_at));
        }
    }
    writers.join_all().await;
}

/// L4: of one key sent to many processes at once, one is stored, and all give its receipt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_at_many_processes_is_stored_once() {
    let (test, _) = database().await;
    let mut logs = Vec::new();
    for _ in 0..3 {
        logs.push(process(&test, 0).await);
    }
    test.execute(SLOW_COMMITS).await;
    for key in 0..20 {
        let mut senders = JoinSet::new();
        for log in &logs {
            let log = Arc::clone(log);
            // Another session, so another shard, each time.
            let record = Sent::new("same").key(key, 1).session(key * 31 + senders.len() as u64);
            senders.spawn(async move { append(&*log, &[record]).await[0] });
        }
        let answers = senders.join_all().await;
        let receipts: Vec<_> = answers
            .iter()
            .map(|answer| match answer {
                Appended::Stored(receipt) | Appended::Duplicate(receipt) => *receipt,
                Appended::KeyReused(_) => panic!("{answer:?}"),
            })
            .collect();
        assert!(receipts.iter().all(|receipt| receipt.position == receipts[0].position), "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| matches!(answer, Appended::Stored(_))).count(), 1);
    }
}

/// Processes make partitions at the same time, and retention in two processes deletes each once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_are_made_and_dropped_by_any_process() {
    let (test, _) = database().await;
    let (one, other) = (process(&test, 0).await, process(&test, 0).await);
    for n in 0..10u64 {
        let records: Vec<_> = (0..9).map(|m| Sent::new("x").session(n * 9 + m)).collect();
        tokio::join!(append(&*one, &records), append(&*other, &records));
    }
    let all = tidegate_domain::ports::Retention {
        recorded_before: None,
        disk_max_bytes: Some(0),
        until: Position(u64::MAX),
    };
    let (by_one, by_other) = tokio::join!(one.retain(all), other.retain(all));
    let deleted = by_one.unwrap().segments + by_other.unwrap().segments;
    assert_eq!(deleted as u64 * 16, one.first().0.max(other.first().0));
    tokio::time::timeout(Duration::from_secs(10), async {
        while one.first() != other.first() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("each sees where the log begins");
}
