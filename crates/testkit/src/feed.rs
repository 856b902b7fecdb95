//! Laws of [`Feed`].
//!
//! An adapter gives a [`Fixture`] and lists all laws by one line: `tidegate_testkit::feed_laws!(fixture);`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{EventLog, Feed, Stored};
use tokio::task::JoinSet;

use crate::event_log::{Sent, append, read_all};

/// A log and a feed for each of its shards.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// Opens an empty log, and the feeds of all its shards.
    async fn open(&self) -> (Arc<dyn EventLog>, Vec<Arc<dyn Feed>>);

    /// Lets what carries records lose what it holds. Nothing by default.
    async fn forget(&self) {}
}

/// Turns each law into one named test for one adapter.
#[macro_export]
macro_rules! feed_laws {
    ($fixture:path) => {
        $crate::feed_laws!(@ $fixture; every_record_is_in_one_feed_once_in_order, a_feed_follows_while_others_write,
            a_feed_wakes_for_any_record);
    };
    (@ $fixture:path; $($law:ident),+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $law() {
                $crate::feed::$law(&$fixture()).await;
            }
        )+
    };
}

fn record(n: u64) -> Sent {
    Sent::new(vec![n as u8; 20 + n as usize % 50]).session(n % 17)
}

/// Reads what `feed` has up to the log's tail, from `from` on, and says that it is folded.
async fn read_to(feed: &dyn Feed, mut from: Position, tail: Position, max_bytes: usize) -> Vec<Stored> {
    let mut records = Vec::new();
    while from < tail {
        feed.wait_past(from).await;
        let page = feed.read(from, max_bytes).await.expect("the log can be read");
        let next = page.next.expect("a read says where to go on");
        assert!(next >= from, "{next} is before {from}");
        assert!(page.records.iter().all(|r| (from..next).contains(&r.receipt.position)), "inside its page");
        records.extend(page.records);
        feed.folded(next).await;
        from = next;
    }
    records
}

/// **F1** all feeds together bring what the log holds, each record once, in order within each; from any position.
pub async fn every_record_is_in_one_feed_once_in_order(fixture: &dyn Fixture) {
    let (log, feeds) = fixture.open().await;
    for batch in 0..30u64 {
        append(&*log, &(0..7).map(|n| record(batch * 7 + n)).collect::<Vec<_>>()).await;
        if batch == 20 {
            fixture.forget().await;
        }
    }
    let all = read_all(&*log, 1000).await;
    for from in [0, 1, 50, 209].map(Position) {
        let mut found = Vec::new();
        for feed in &feeds {
            let records = read_to(&**feed, from, log.tail(), 300).await;
            assert!(records.is_sorted_by_key(|r| r.receipt.position));
            assert!(records.windows(2).all(|pair| pair[0].receipt.shard == pair[1].receipt.shard));
            found.extend(records);
        }
        found.sort_by_key(|record| record.receipt.position);
        let said =
            |records: &[Stored]| records.iter().map(|r| (r.receipt, r.bytes.clone())).collect::<Vec<_>>();
        assert_eq!(said(&found), said(&all[from.0 as usize..]));
    }
}

/// **F1** a feed that is read while others write misses nothing.
pub async fn a_feed_follows_while_others_write(fixture: &dyn Fixture) {
    const COUNT: u64 = 400;
    let (log, feeds) = fixture.open().await;
    let mut readers = JoinSet::new();
    for feed in feeds {
        readers.spawn(async move { read_to(&*feed, Position(0), Position(COUNT), 500).await.len() });
    }
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let log = Arc::clone(&log);
        writers.spawn(async move {
            for n in 0..COUNT / 4 {
                append(&*log, &[record(writer * 1000 + n)]).await;
            }
        });
    }
    fixture.forget().await;
    writers.join_all().await;
    assert_eq!(readers.join_all().await.into_iter().sum::<usize>(), COUNT as usize);
}

/// **F2** whoever waits is woken by a record of any shard, and not before.
pub async fn a_feed_wakes_for_any_record(fixture: &dyn Fixture) {
    let (log, feeds) = fixture.open().await;
    append(&*log, &[record(0)]).await;
    let mut waiting = JoinSet::new();
    for feed in feeds {
        feed.wait_past(Position(0)).await;
        waiting.spawn(async move { feed.wait_past(Position(1)).await });
    }
    let early = tokio::time::timeout(Duration::from_millis(100), waiting.join_next()).await;
    assert!(early.is_err(), "woken at the tail");
    append(&*log, &[record(1)]).await;
    waiting.join_all().await;
}
