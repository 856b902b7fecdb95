//! The log read out of a database and written anew into another: all or nothing, and never with a hole.

use std::sync::Arc;

use tidegate_domain::entry::Entry;
use tidegate_domain::id::{Position, ProjectId};
use tidegate_domain::ports::{Control, EventLog, Project, Retention};
use tidegate_domain::time::UnixMs;
use tidegate_store_postgres::control::PostgresControl;
use tidegate_store_postgres::database::Database;
use tidegate_store_postgres::log::{Export, ExportError, PostgresLog, Restore, RestoreError};
use tidegate_testkit::event_log::{Sent, append, read_all};
use tidegate_testkit::world::ManualClock;

use crate::event_log::small;
use crate::rig::database;

const EVENTS: u64 = 100;

/// A log of [`EVENTS`] events of ten sessions, each with a key, some with a fingerprint.
async fn filled(database: &Database) -> PostgresLog {
    let clock = Arc::<ManualClock>::default();
    let log = PostgresLog::open(database.clone(), small(), clock.clone()).await.unwrap();
    for number in 0..EVENTS {
        let sent = Sent::new(format!("event {number}")).session(number % 10).key(number, number + 1);
        let sent = if number % 3 == 0 { sent.fingerprint(number, 1000) } else { sent };
        append(&log, &[sent]).await;
        clock.advance_ms(1);
    }
    log
}

async fn entries(database: &Database) -> Vec<Entry> {
    let mut export = Export::open(database.clone()).await.unwrap();
    let mut entries = Vec::new();
    loop {
        let page = export.page().await.unwrap();
        if page.is_empty() {
            return entries;
        }
        entries.extend(page);
    }
}

fn project() -> Project {
    Project { id: "shop".parse::<ProjectId>().unwrap(), created_at: UnixMs(7) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_written_anew_is_the_same_dealt_to_as_many_shards_as_there_are() {
    let ((_one, from), (test, to)) = (database().await, database().await);
    let log = filled(&from).await;
    let copied = entries(&from).await;
    assert_eq!(copied.len() as u64, EVENTS);
    assert_eq!(copied.iter().filter(|entry| entry.fingerprint.is_some()).count(), 34);
    let mut restore = Restore::begin(&to, 3, 16, Position(0)).await.unwrap();
    for part in copied.chunks(30) {
        restore.add(part).await.unwrap();
    }
    restore.finish(Position(EVENTS), &[project()], &[], &[]).await.unwrap();
    assert_eq!(entries(&to).await, copied);
    let anew = PostgresLog::open(to.clone(), small(), Arc::<ManualClock>::default()).await.unwrap();
    assert_eq!((anew.shards(), anew.tail()), (3, Position(EVENTS)));
    let told = async |log: &PostgresLog| {
        let read = read_all(log, 600).await.into_iter();
        read.map(|record| (record.receipt.id, record.bytes)).collect::<Vec<_>>()
    };
    assert_eq!(told(&anew).await, told(&log).await);
    let wrong = "SELECT count(*) FROM log.events WHERE shard <> session % 3";
    let wrong: i64 = test.client().await.query_one(wrong, &[]).await.unwrap().get(0);
    assert_eq!(wrong, 0, "events of one session lie in its shard");
    append(&anew, &[Sent::new("next").session(4)]).await;
    assert_eq!(anew.tail(), Position(EVENTS + 1));
    assert_eq!(PostgresControl::new(to).projects().await.unwrap(), [project()]);
    log.close().await;
    anew.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_ends_early_leaves_nothing_and_one_into_something_is_refused() {
    let ((_one, from), (test, to)) = (database().await, database().await);
    filled(&from).await.close().await;
    let copied = entries(&from).await;
    let mut restore = Restore::begin(&to, 3, 16, Position(0)).await.unwrap();
    restore.add(&copied).await.unwrap();
    drop(restore);
    let count = "SELECT (SELECT count(*) FROM log.events) + (SELECT count(*) FROM log.keys)";
    let left: i64 = test.client().await.query_one(count, &[]).await.unwrap().get(0);
    assert_eq!((left, entries(&to).await), (0, vec![]));
    let mut restore = Restore::begin(&to, 3, 16, Position(0)).await.unwrap();
    restore.add(&copied).await.unwrap();
    restore.finish(Position(EVENTS), &[], &[], &[]).await.unwrap();
    let again = Restore::begin(&to, 3, 16, Position(0)).await.map(drop).unwrap_err();
    assert!(matches!(again, RestoreError::NotEmpty), "{again:?}");

    let (_three, keys_alone) = database().await;
    PostgresControl::new(keys_alone.clone()).create_project(&project().id, UnixMs(0)).await.unwrap();
    let refused = Restore::begin(&keys_alone, 3, 16, Position(0)).await.map(drop).unwrap_err();
    assert!(matches!(refused, RestoreError::NotEmpty), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_retention_takes_before_they_are_read_are_missed_aloud() {
    let (_test, database) = database().await;
    let log = filled(&database).await;
    let mut export = Export::open(database.clone()).await.unwrap();
    assert_eq!((export.first(), export.tail()), (Position(0), Position(EVENTS)));
    let all = Retention { recorded_before: None, disk_max_bytes: Some(0), until: Position(EVENTS) };
    log.retain(all).await.unwrap();
    let error = export.page().await.unwrap_err();
    assert!(matches!(error, ExportError::Deleted { first } if first == log.first()), "{error:?}");
    let kept = entries(&database).await;
    assert_eq!(kept[0].position, log.first());
    log.close().await;
}
