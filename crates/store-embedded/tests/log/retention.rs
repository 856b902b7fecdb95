//! Retention on disk: what a crash between mark and removal leaves, what doctor says of it, what must not be guessed.

use tidegate_domain::id::Position;
use tidegate_domain::ports::{EventLog, Retention};
use tidegate_store_embedded::log::{Severity, inspect};
use tidegate_testkit::event_log::{Sent, append, read_all, store};

use crate::checker::Witness;
use crate::every_call::OLDEST;
use crate::faulty_disk::{BROKEN, Call, Fault, NO_SPACE};
use crate::rig::Rig;
use tidegate_simulator::memory_disk::MemoryDisk;

/// A log whose first segments retention has deleted: its disk before and after, and where it begins.
async fn before_and_after() -> (MemoryDisk, MemoryDisk, u64) {
    let (rig, mut witness) = (Rig::new(), Witness::default());
    let log = rig.start();
    for _ in 0..80 {
        witness.send(&*log, 1, 100).await.unwrap();
    }
    rig.stop();
    let before = rig.disk.copy();
    let log = rig.start();
    log.retain(OLDEST).await.unwrap();
    let first = log.first().0;
    assert!((10..=30).contains(&first), "{first}");
    rig.stop();
    (before, rig.disk.copy(), first)
}

fn mark(first: u64) -> String {
    format!("{first:020}.first")
}

#[tokio::test]
async fn doctor_tells_a_deleted_beginning_from_a_lost_one() {
    let (_, after, first) = before_and_after().await;
    let findings = inspect(&after).unwrap().findings;
    assert!(findings.iter().all(|f| f.severity == Severity::Fine), "{findings:#?}");
    assert!(findings.iter().any(|f| f.file == mark(first) && f.detail.contains("retention has deleted")));

    after.remove_where(|name| name == mark(first));
    let findings = inspect(&after).unwrap().findings;
    let lost = format!("positions 0..{first} before it are missing");
    assert!(findings.iter().any(|f| f.severity == Severity::Damage && f.detail == lost), "{findings:#?}");
    let rig = Rig::on(after, crate::rig::small());
    let quarantined = rig.start().status().quarantined;
    assert_eq!(quarantined.iter().map(|r| (r.from.0, r.to.0)).collect::<Vec<_>>(), [(0, first)]);
}

#[tokio::test]
async fn what_a_crash_left_before_the_mark_is_ignored_and_deleted_by_the_next_retention() {
    let (before, after, first) = before_and_after().await;
    let left: Vec<String> =
        before.names().into_iter().filter(|name| name[..5].parse::<u64>().is_ok()).collect();
    let left: Vec<String> =
        left.into_iter().filter(|name| name[..20].parse::<u64>().unwrap() < first).collect();
    assert!(left.len() >= 4, "{left:?}");
    for name in &left {
        after.put(name, &before.bytes(name));
    }
    let findings = inspect(&after).unwrap().findings;
    for name in &left {
        assert!(
            findings.iter().any(|f| f.file == *name && f.severity == Severity::Note),
            "{name}: {findings:#?}"
        );
    }
    let rig = Rig::on(after, crate::rig::small());
    let log = rig.start();
    assert_eq!((log.first().0, log.status().quarantined), (first, vec![]));
    assert_eq!(read_all(&*log, 500).await[0].receipt.position, Position(first));
    assert!(left.iter().all(|name| rig.disk.names().contains(name)), "a start deletes nothing");
    log.retain(Retention { until: Position(0), ..OLDEST }).await.unwrap();
    assert!(!left.iter().any(|name| rig.disk.names().contains(name)), "{:?}", rig.disk.names());
    assert_eq!(log.first().0, first);
}

#[tokio::test]
async fn a_mark_without_its_segments_is_refused_in_words() {
    let (_, after, first) = before_and_after().await;
    after.remove_where(|name| !name.ends_with(".first"));
    assert!(
        inspect(&after)
            .unwrap()
            .findings
            .iter()
            .any(|f| f.severity == Severity::Blocking && f.file == mark(first))
    );
    let refused = Rig::on(after, crate::rig::small()).try_start().err().unwrap().to_string();
    assert!(refused.contains(&mark(first)) && refused.contains("restore"), "{refused}");
}

#[tokio::test]
async fn a_segment_missing_at_the_beginning_is_damage_beside_a_mark_too() {
    let (_, after, first) = before_and_after().await;
    after.remove_where(|name| name.starts_with(&format!("{first:020}")) && !name.ends_with(".first"));
    assert!(inspect(&after).unwrap().findings.iter().any(|f| f.severity == Severity::Damage));
    let quarantined = Rig::on(after, crate::rig::small()).start().status().quarantined;
    assert_eq!(quarantined.iter().map(|r| r.from.0).collect::<Vec<_>>(), [first]);
}

#[tokio::test]
async fn a_mark_that_was_not_synced_deletes_nothing() {
    let (before, ..) = before_and_after().await;
    let rig = Rig::on(before, crate::rig::small());
    let log = rig.start();
    rig.faults.fail(Call::SyncDir, "", 0, Fault::Before(BROKEN));
    log.retain(OLDEST).await.unwrap_err();
    let removed = rig.faults.count(Call::Remove);
    log.retain(OLDEST).await.unwrap_err();
    assert_eq!(
        (log.first(), rig.faults.count(Call::Remove)),
        (Position(0), removed),
        "no second sync is believed"
    );
    assert_eq!(read_all(&*log, 500).await.len(), 80);
    append(&*log, &[Sent::new("appends go on")]).await;
    let log = rig.start();
    log.retain(OLDEST).await.unwrap();
    assert!(log.first() > Position(0));
}

#[tokio::test]
async fn retention_makes_room_on_a_full_disk() {
    let (before, ..) = before_and_after().await;
    let rig = Rig::on(before, crate::rig::small());
    let log = rig.start();
    rig.faults.fail_all(Call::Write, "", Fault::Before(NO_SPACE));
    assert!(log.append(tidegate_testkit::event_log::batch(&[Sent::new("refused")])).await.is_err());
    log.retain(OLDEST).await.unwrap();
    assert!(log.first() > Position(0));
    rig.faults.heal();
    rig.clock.advance_ms(1001);
    store(&*log, Sent::new("there is room")).await;
}

#[tokio::test]
async fn the_newest_record_stays_while_the_segment_after_it_is_empty() {
    let rig = Rig::new();
    let log = rig.start();
    let mut newest = store(&*log, Sent::new("0")).await;
    while newest.position.0 < 15 {
        newest = store(&*log, Sent::new("more")).await;
    }
    // The segment is full, and the one begun for the next record stays empty.
    rig.fill_up();
    assert!(log.append(tidegate_testkit::event_log::batch(&[Sent::new("refused")])).await.is_err());
    assert_eq!(log.status().segments, 2);
    log.retain(Retention { until: Position::MAX, ..OLDEST }).await.unwrap();
    assert_eq!(log.first(), Position(0));
    rig.clock.advance_ms(-86_400_000);
    let next = store(&*rig.start(), Sent::new("after a restart with a clock that fell")).await;
    assert!(next.recorded_at >= newest.recorded_at);
}
