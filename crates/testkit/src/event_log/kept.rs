//! L8: what `retain` deletes is a prefix, no more than was admitted, and gone for good; the rest stays as it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tidegate_domain::filter::Order;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{Appended, EventLog, Receipt, Retention};
use tidegate_domain::time::UnixMs;
use tokio::task::JoinSet;

use super::Fixture;
use super::found::found;
use super::sent::{PROJECT, Sent, append_one, read_all, store, stored};

const RECORDS: u64 = 120;

/// All that may go, goes.
const EVERYTHING: Retention =
    Retention { recorded_before: None, disk_max_bytes: Some(0), until: Position::MAX };

fn record(number: u64) -> Sent {
    Sent::new(vec![number as u8; 90]).key(number, number).fingerprint(number, u32::MAX).session(number % 3)
}

async fn fill(fixture: &dyn Fixture) -> (Arc<dyn EventLog>, Vec<Receipt>) {
    let log = fixture.open().await;
    let mut receipts = Vec::new();
    for number in 0..RECORDS {
        receipts.push(store(&*log, record(number)).await);
    }
    // What it writes behind its appends is written now: its bytes change no more.
    (fixture.reopen(log).await, receipts)
}

/// Deletes what `retention` admits, which must be something; where the log begins then.
async fn retain(log: &dyn EventLog, retention: Retention) -> u64 {
    let before = log.first();
    let deleted = log.retain(retention).await.expect("the disk works");
    let first = log.first();
    assert!(first > before && deleted.segments > 0 && deleted.bytes > 0, "{deleted:?}");
    assert!(first < log.tail(), "the newest record stays");
    first.0
}

/// **L8** what is left is a suffix: by reading, by position and by stream, before and after a restart.
pub async fn what_is_left_after_retention_reads_as_before(fixture: &dyn Fixture) {
    let (mut log, receipts) = fill(fixture).await;
    let first = retain(&*log, EVERYTHING).await;
    for _ in 0..2 {
        assert_eq!((log.first(), log.tail()), (Position(first), Position(RECORDS)));
        let kept: Vec<_> = read_all(&*log, 500).await.iter().map(|r| r.receipt).collect();
        assert_eq!(kept, receipts[first as usize..]);
        let asked = [0, first - 1, first, RECORDS - 1].map(Position);
        let got = log.get(&asked).await.expect("the log can be read");
        assert_eq!(got.iter().map(|r| r.receipt.position.0).collect::<Vec<_>>(), [first, RECORDS - 1]);
        let of_session: Vec<u64> = (first..RECORDS).filter(|n| n % 3 == 1).collect();
        assert_eq!(found(&*log, 1, 0, Order::Asc, 4).await, of_session);
        let newest_first: Vec<u64> = (first..RECORDS).rev().collect();
        assert_eq!(found(&*log, PROJECT, u64::MAX, Order::Desc, 7).await, newest_first);
        assert!(log.status().quarantined.is_empty(), "deleted is not damaged");
        log = fixture.reopen(log).await;
    }
    let next = store(&*log, Sent::new("next")).await;
    assert_eq!(next.position, Position(RECORDS), "no position is given twice");
}

/// **L8** nothing younger than asked, nothing at or past `until`, and nothing at all while the log is small enough.
pub async fn retention_deletes_no_more_than_it_may(fixture: &dyn Fixture) {
    let (log, receipts) = fill(fixture).await;
    let none = Retention { recorded_before: None, disk_max_bytes: None, until: Position::MAX };
    let (now, disk_bytes) = (receipts[0].recorded_at, log.status().disk_bytes);
    let refused = [
        none,
        Retention { recorded_before: Some(now), ..none },
        Retention { disk_max_bytes: Some(disk_bytes), ..none },
        Retention { until: Position(0), recorded_before: Some(UnixMs(i64::MAX)), ..EVERYTHING },
    ];
    for retention in refused {
        assert_eq!(log.retain(retention).await.expect("the disk works").segments, 0, "{retention:?}");
        assert_eq!(log.first(), Position(0));
    }
    let by_checkpoint = retain(&*log, Retention { until: Position(70), ..EVERYTHING }).await;
    assert!(by_checkpoint <= 70, "{by_checkpoint}");
    let kept = log.status().disk_bytes;
    let by_size = retain(&*log, Retention { disk_max_bytes: Some(kept - 1), ..none }).await;
    assert!(by_size < RECORDS - 1 && log.status().disk_bytes < kept, "one less will do");
    fixture.clock().advance_ms(1000);
    let young = fixture.clock();
    let mut last = 0;
    for number in RECORDS..RECORDS + 40 {
        last = store(&*log, record(number)).await.position.0;
    }
    let before = Some(tidegate_domain::ports::Clock::now(young));
    let by_age = retain(&*log, Retention { recorded_before: before, ..none }).await;
    assert!((by_size..=RECORDS).contains(&by_age), "{by_age} of {last}");
}

/// **L8** keys and fingerprints go with their records, and no others do.
pub async fn keys_are_forgotten_with_their_records(fixture: &dyn Fixture) {
    let (log, receipts) = fill(fixture).await;
    let first = retain(&*log, EVERYTHING).await;
    let log = fixture.reopen(log).await;
    let (oldest, newest) = (receipts[first as usize], receipts[RECORDS as usize - 1]);
    assert_eq!(append_one(&*log, &record(first)).await, Appended::Duplicate(oldest));
    assert_eq!(append_one(&*log, &record(RECORDS - 1)).await, Appended::Duplicate(newest));
    assert_eq!(stored(append_one(&*log, &record(first - 1)).await).position, Position(RECORDS));
    assert_eq!(stored(append_one(&*log, &record(0)).await).position, Position(RECORDS + 1));
}

/// **L8** readers beside retention see every record that is kept, none twice and none out of order.
pub async fn readers_go_on_while_the_oldest_are_deleted(fixture: &dyn Fixture) {
    let (log, _) = fill(fixture).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let (reading, over) = (Arc::clone(&log), Arc::clone(&is_over));
    let mut readers = JoinSet::new();
    readers.spawn(async move {
        let mut rounds = 0;
        while !over.load(Ordering::Acquire) {
            let positions: Vec<_> =
                read_all(&*reading, 300).await.iter().map(|r| r.receipt.position).collect();
            // A reader that retention overtakes goes on where the log begins by then.
            let first = reading.first();
            let is_fine =
                |pair: &[Position]| pair[1] == pair[0].next() || (pair[0] < pair[1] && pair[1] <= first);
            assert!(positions.windows(2).all(is_fine), "{positions:?} of a log that begins at {first}");
            let streamed = found(&*reading, PROJECT, u64::MAX, Order::Desc, 5).await;
            assert!(streamed.windows(2).all(|pair| pair[1] + 1 == pair[0]), "{streamed:?}");
            rounds += 1;
        }
        rounds
    });
    for number in RECORDS..4 * RECORDS {
        store(&*log, record(number)).await;
        if number % 10 == 0 {
            log.retain(EVERYTHING).await.expect("the disk works");
        }
    }
    is_over.store(true, Ordering::Release);
    let rounds = readers.join_next().await.expect("there is a reader").expect("it saw nothing wrong");
    assert!(rounds > 0);
    assert!(log.status().quarantined.is_empty(), "deleted is not damaged");
}
