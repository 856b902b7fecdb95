//! Back-pressure: above the queue's threshold appends are refused at once, and nothing of them is remembered.

use std::sync::Arc;
use std::time::Duration;

use tidegate_domain::ports::QueueLimits;
use tidegate_domain::ports::{AppendError, Appended, EventLog};
use tidegate_store_embedded::log::LogConfig;
use tidegate_testkit::event_log::{Sent, append, append_one, batch, read_all};
use tokio::task::JoinSet;

use crate::bytes::segments;
use crate::faulty_disk::{Call, Fault};
use crate::rig::{Rig, small};

const LIMITS: QueueLimits = QueueLimits { depth_max: 10, bytes_max: 4000, threshold: 0.5, retry_after_s: 7 };

/// A log whose writer waits in a sync, and `count` batches of one record behind it, one in its hands.
async fn held(rig: &Rig, count: u64, size: usize) -> (Arc<dyn EventLog>, JoinSet<bool>) {
    let log = rig.start();
    rig.faults.fail_all(Call::Sync, ".seg", Fault::Wait);
    let mut tasks = JoinSet::new();
    for number in 0..=count {
        let sender = Arc::clone(&log);
        let record = Sent::new(vec![1; size]).key(number, 0);
        tasks.spawn(async move { sender.append(batch(&[record])).await.is_ok() });
        let in_queue = |log: &Arc<_>| EventLog::status(&**log).queue_depth as u64;
        if number == 0 {
            rig.faults.until_one_waits().await;
        }
        while in_queue(&log) < number {
            tokio::task::yield_now().await;
        }
    }
    (log, tasks)
}

/// The answer to a record, which must come at once.
async fn answer_to(log: &dyn EventLog, record: &Sent) -> Result<Vec<Appended>, AppendError> {
    let answer = log.append(batch(std::slice::from_ref(record)));
    tokio::time::timeout(Duration::from_secs(20), answer).await.expect("an answer at once")
}

#[tokio::test]
async fn above_the_threshold_appends_are_refused_and_forgotten() {
    for (count, size) in [(5, 10), (2, 900)] {
        let rig = Rig::with(LogConfig { queue: LIMITS, ..small() });
        let (log, tasks) = held(&rig, count, size).await;
        let late = Sent::new(vec![2; size]).key(99, 0).fingerprint(99, 60_000);
        let Err(AppendError::Overloaded { depth, bytes, retry_after_s }) = answer_to(&*log, &late).await
        else {
            panic!("taken above the threshold")
        };
        let status = log.status();
        assert_eq!((depth, bytes, retry_after_s), (status.queue_depth, status.queue_bytes, 7));
        assert_eq!((depth as u64, status.queue_depth_max, status.queue_bytes_max), (count, 10, 4000));
        rig.faults.release();
        assert!(tasks.join_all().await.into_iter().all(|taken| taken), "what was taken is stored");
        assert_eq!((log.status().queue_depth, log.status().queue_bytes), (0, 0));
        let outcome = append_one(&*log, &late).await;
        assert!(matches!(outcome, Appended::Stored(_)), "{outcome:?}");
        assert_eq!(read_all(&*log, 5000).await.len() as u64, count + 2);
    }
}

#[tokio::test]
async fn a_batch_above_the_threshold_enters_an_empty_queue() {
    let rig = Rig::with(LogConfig { queue: LIMITS, ..small() });
    let log = rig.start();
    let records: Vec<_> = (0..30).map(|n| Sent::new(vec![n; 200])).collect();
    assert_eq!(append(&*log, &records).await.len(), 30);
}

#[tokio::test]
async fn closing_finishes_what_waits_and_refuses_what_comes_later() {
    let rig = Rig::new();
    let (log, tasks) = held(&rig, 6, 100).await;
    let closing = rig.stop_aside();
    let mut late = JoinSet::new();
    let mut taken = log.status().queue_depth;
    // Until the other thread has begun to close, more is taken.
    while late.is_empty() || log.status().queue_depth > taken {
        taken = log.status().queue_depth;
        let log = Arc::clone(&log);
        late.spawn(async move {
            matches!(log.append(batch(&[Sent::new("late")])).await, Err(AppendError::Closed))
        });
        tokio::task::yield_now().await;
    }
    let refused = tokio::time::timeout(Duration::from_secs(5), late.join_next()).await;
    assert!(refused.unwrap().unwrap().unwrap(), "an append to a log that closes is refused at once");
    rig.faults.release();
    assert!(tasks.join_all().await.into_iter().all(|stored| stored), "what was in the queue is stored");
    late.join_all().await;
    closing.join().unwrap();
    let stored = 1 + taken;
    assert_eq!(read_all(&*log, 500).await.len(), stored, "a closed log can be read");
    assert_eq!(read_all(&*rig.start(), 500).await.len(), stored);
}

#[tokio::test]
async fn a_batch_larger_than_any_segment_gets_one_of_its_own() {
    let rig = Rig::new();
    let mut log = rig.start();
    let records: Vec<_> = (0..50).map(|n| Sent::new(vec![n; 1000]).key(u64::from(n), 0)).collect();
    // Once into an empty log, once behind other records.
    for round in 0..2u64 {
        let again =
            records.iter().map(|r| r.clone().key(round * 100 + u64::from(r.body[0]), 0)).collect::<Vec<_>>();
        append(&*log, &again).await;
        assert_eq!(read_all(&*log, 3000).await.len() as u64, 51 * round + 50);
        assert_eq!(log.status().segments, segments(&rig.disk).len());
        log = rig.start();
        append(&*log, &[Sent::new("between")]).await;
    }
    let log = rig.start();
    assert_eq!(read_all(&*log, 100_000).await.len(), 102);
    let duplicates = append(&*log, &records).await;
    assert!(duplicates.iter().all(|outcome| matches!(outcome, Appended::Duplicate(_))));
}
