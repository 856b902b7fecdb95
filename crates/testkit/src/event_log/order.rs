//! L3, L6: positions without holes, time that never falls, and readers that follow the tail.

use std::sync::Arc;
use std::time::Duration;

use tidegate_domain::id::Position;
use tidegate_domain::ports::Clock;
use tokio::task::JoinSet;

use super::Fixture;
use super::sent::{Sent, append, read_all, store, stored};

/// **L3** positions start at 0 and grow by one, over batches and restarts.
pub async fn positions_are_dense(fixture: &dyn Fixture) {
    let mut log = fixture.open().await;
    assert_eq!(log.tail(), Position(0));
    let mut expected = Position(0);
    for size in [1usize, 7, 2, 30, 1, 5] {
        let records = (0..size).map(|n| Sent::new(vec![7; n])).collect::<Vec<_>>();
        for outcome in append(&*log, &records).await {
            assert_eq!(stored(outcome).position, expected);
            expected = expected.next();
        }
        assert_eq!(log.tail(), expected);
        log = fixture.reopen(log).await;
        assert_eq!(log.tail(), expected);
    }
}

/// **L3** a reader that runs beside writers sees every position once, none before all smaller ones.
pub async fn readers_beside_writers_see_no_holes(fixture: &dyn Fixture) {
    const WRITERS: usize = 4;
    const EACH: usize = 60;
    let log = fixture.open().await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let log = Arc::clone(&log);
        writers.spawn(async move {
            for number in 0..EACH {
                store(&*log, Sent::new(vec![writer as u8; number % 50])).await;
            }
        });
    }
    let mut next = Position(0);
    while next.0 < (WRITERS * EACH) as u64 {
        log.wait_past(next).await;
        let page = log.read(next, 700).await.expect("the log can be read");
        assert!(!page.records.is_empty(), "the tail was above {next}");
        for record in page.records {
            assert_eq!(record.receipt.position, next);
            next = next.next();
        }
        assert_eq!(page.next, Some(next));
    }
    writers.join_all().await;
}

/// A read at the tail is empty and says to go on there, and one of any size brings at least one record.
pub async fn a_read_stops_at_the_tail(fixture: &dyn Fixture) {
    let mut log = fixture.open().await;
    let empty = log.read(Position(0), 100).await.expect("the log can be read");
    assert!(empty.records.is_empty() && empty.next == Some(Position(0)));
    for number in 0..20 {
        store(&*log, Sent::new(vec![number; 100])).await;
    }
    for _ in 0..2 {
        assert_eq!(read_all(&*log, 0).await.len(), 20);
        let past = log.read(Position(25), 100).await.expect("the log can be read");
        assert!(past.records.is_empty() && past.next == Some(Position(25)));
        log = fixture.reopen(log).await;
    }
}

/// A reader that waits is woken by the record it waits for, and not before.
pub async fn a_waiting_reader_is_woken(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    store(&*log, Sent::new("0")).await;
    let mut waiting = JoinSet::new();
    let reader = Arc::clone(&log);
    waiting.spawn(async move { reader.wait_past(Position(1)).await });
    let early = tokio::time::timeout(Duration::from_millis(30), waiting.join_next()).await;
    assert!(early.is_err(), "woken at the tail");
    store(&*log, Sent::new("1")).await;
    waiting.join_all().await;
}

/// **L6** `recorded_at` never falls, whatever the clock does, over restarts too; and follows it when it can.
pub async fn time_never_falls(fixture: &dyn Fixture) {
    let mut log = fixture.open().await;
    let mut last = store(&*log, Sent::new("first")).await;
    for step in [5, -86_400_000, 1, 86_400_010, -1, -1, 3] {
        fixture.clock().advance_ms(step);
        let receipt = store(&*log, Sent::new("next")).await;
        assert_eq!(
            receipt.recorded_at,
            last.recorded_at.max(fixture.clock().now()),
            "after a step of {step} ms"
        );
        assert!(receipt.id > last.id, "ids sort by position");
        last = receipt;
        log = fixture.reopen(log).await;
    }
    let times: Vec<_> = read_all(&*log, 1000).await.iter().map(|r| r.receipt.recorded_at).collect();
    assert!(times.is_sorted());
}
