//! Many callers at once, and the one process that may use a directory.

use std::sync::Arc;

use tidegate_domain::id::Position;
use tidegate_domain::ports::EventLog;
use tidegate_store_embedded::disk::RealDisk;
use tidegate_store_embedded::lock::{DirectoryLock, LockError};
use tidegate_store_embedded::log::{LogConfig, SegmentLog};
use tidegate_testkit::event_log::{Sent, append, read_all, store};
use tidegate_testkit::world::{ManualClock, SeededEntropy};
use tokio::task::JoinSet;

use crate::rig::{Rig, small};

/// A segment for every two records: the writer takes a spare while the keeper prepares one, all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writer_and_keeper_do_not_take_each_others_files() {
    for _ in 0..5 {
        let rig = Rig::with(LogConfig { segment_max_records: 2, ..small() });
        let log = rig.start();
        let mut tasks = JoinSet::new();
        for task in 0..4u64 {
            let log = Arc::clone(&log);
            tasks.spawn(async move {
                for number in 0..60 {
                    let receipt = store(&*log, Sent::new(vec![3; 900]).key(task * 1000 + number, 0)).await;
                    assert_eq!(log.get(&[receipt.position]).await.unwrap()[0].receipt, receipt);
                }
            });
        }
        tasks.join_all().await;
        assert_eq!(read_all(&*log, 5000).await.len(), 240);
        let log = rig.start();
        assert_eq!(read_all(&*log, 5000).await.len(), 240);
        assert_eq!(log.status().quarantined, []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_whole_while_records_come_in() {
    const BATCHES: u64 = 1500;
    let rig = Rig::with(LogConfig { segment_max_records: 1000, segment_max_bytes: 1 << 20, ..small() });
    let log = rig.start();
    let writer = Arc::clone(&log);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        for number in 0..BATCHES {
            append(&*writer, &[Sent::new("x").session(1), Sent::new("y").session(number + 10)]).await;
        }
    });
    while log.tail() < Position(2 * BATCHES) {
        let before = log.tail().0 / 2;
        let page = log.find(1, Position(u64::MAX), tidegate_domain::filter::Order::Desc, 3).await.unwrap();
        let listed: Vec<_> = page.records.iter().map(|r| r.receipt.position.0).collect();
        assert!(
            listed.iter().zip(listed.iter().skip(1)).all(|(newer, older)| *newer == older + 2),
            "{listed:?}"
        );
        assert!(
            listed.len() as u64 >= before.min(3) && page.next.is_some() == (listed.last() > Some(&0)),
            "{listed:?}"
        );
    }
    tasks.join_all().await;
}

#[test]
fn two_logs_never_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let disk = RealDisk::open(&dir.path().join("log")).unwrap();
        SegmentLog::open(
            Box::new(disk),
            small(),
            Arc::<ManualClock>::default(),
            Arc::new(SeededEntropy::new(1)),
        )
        .unwrap()
    };
    let lock = DirectoryLock::take(dir.path()).unwrap();
    let log = open();
    assert!(
        matches!(DirectoryLock::take(dir.path()), Err(LockError::Taken)),
        "a second process must not get here"
    );
    drop(log);
    drop(lock);
    let _lock = DirectoryLock::take(dir.path()).unwrap();
    open();
}
