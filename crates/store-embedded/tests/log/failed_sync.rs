//! After a failed sync nobody knows what is on the disk: the log takes no more writes until a restart.

use std::sync::Arc;
use std::time::Duration;

use tidegate_domain::id::Position;
use tidegate_domain::ports::{AppendError, Appended, EventLog};
use tidegate_testkit::event_log::{Fixture, Sent, append_one, batch, read_all, store};
use tidegate_testkit::world::SeededEntropy;
use tokio::task::JoinSet;

use crate::checker::Witness;
use crate::faulty_disk::{BROKEN, Call, Fault, NO_SPACE};
use crate::rig::Rig;

#[tokio::test]
async fn after_a_failed_sync_every_append_is_refused_and_reads_go_on() {
    // A full disk at a sync is no better: what was in memory may be gone.
    for error in [BROKEN, NO_SPACE] {
        let (rig, mut witness) = (Rig::new(), Witness::default());
        let log = rig.start();
        witness.send(&*log, 3, 50).await.unwrap();
        rig.faults.fail(Call::Sync, ".seg", 0, Fault::Before(error));
        for _ in 0..3 {
            let refused = witness.send(&*log, 2, 50).await;
            assert!(
                matches!(refused, Err(AppendError::Poisoned)),
                "later syncs succeed, which proves nothing"
            );
        }
        assert_eq!(log.status().refusing, Some("poisoned"));
        assert_eq!((log.tail(), read_all(&*log, 500).await.len()), (Position(3), 3));
        let log = rig.start();
        assert_eq!(log.status().refusing, None);
        witness.check(&*log).await;
        witness.resend_all(&*log).await;
    }
}

#[tokio::test]
async fn any_failed_write_but_for_space_closes_the_log_to_writes() {
    for (call, name) in
        [(Call::Write, ".seg"), (Call::Write, "spare"), (Call::Rename, ".seg"), (Call::SyncDir, "")]
    {
        let (rig, mut witness) = (Rig::new(), Witness::default());
        let log = rig.start();
        rig.faults.fail(call, name, 0, Fault::Half(BROKEN));
        let mut failures = Vec::new();
        for _ in 0..40 {
            failures.extend(witness.send(&*log, 1, 80).await.err());
        }
        // The keeper's attempt to prepare a segment ahead may fail without harm.
        let harmless = name == "spare";
        assert!(harmless || !failures.is_empty(), "{call:?}");
        assert!(
            failures.iter().all(|error| matches!(error, AppendError::Poisoned)),
            "{call:?}: {failures:?}"
        );
        let log = rig.start();
        witness.check(&*log).await;
        witness.resend_all(&*log).await;
    }
}

/// The renaming is done but could not be made durable for want of space: the log must not go on in the old segment,
/// or two segments would claim the same positions.
#[tokio::test]
async fn a_full_disk_while_a_segment_is_named_is_not_taken_for_passing() {
    for (call, name) in [(Call::SyncDir, ""), (Call::Rename, ".seg"), (Call::Sync, "spare")] {
        let (rig, mut witness) = (Rig::new(), Witness::default());
        let log = rig.start();
        witness.send(&*log, 2, 100).await.unwrap();
        let spared = usize::from(call == Call::Sync);
        rig.faults.fail(call, name, spared, Fault::After(NO_SPACE));
        witness.send(&*log, 3, 700).await.unwrap_err();
        rig.wait_out_refusal();
        let _ = witness.send(&*log, 1, 50).await;
        let log = rig.start();
        witness.check(&*log).await;
        witness.resend_all(&*log).await;
    }
}

/// Several groups of one drain: the first one's sync fails, the next one's would succeed.
#[tokio::test]
async fn groups_behind_a_failed_sync_are_refused_too() {
    let rig = Rig::new();
    let log = rig.start();
    rig.faults.fail(Call::Sync, ".seg", 0, Fault::Wait);
    let mut tasks = JoinSet::new();
    for number in 0..8u8 {
        let log = Arc::clone(&log);
        let size = if number == 0 { 10 } else { 1400 };
        tasks.spawn(async move { log.append(batch(&[Sent::new(vec![number; size])])).await });
        if number == 0 {
            rig.faults.until_one_waits().await;
        }
    }
    while log.status().queue_depth < 7 {
        tokio::task::yield_now().await;
    }
    rig.faults.fail(Call::Sync, ".seg", 0, Fault::Before(BROKEN));
    rig.faults.release();
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    assert_eq!(log.tail(), Position(1));
}

/// The process died between a write and its sync: the next one reads the records from memory, and must not
/// acknowledge them, as duplicates of a retry, before they are durable.
#[tokio::test]
async fn what_a_dead_process_wrote_is_synced_before_it_is_acknowledged() {
    for forgetful_kernel in [false, true] {
        for luck in 0..20 {
            let rig = Rig::new();
            let log = rig.start();
            store(&*log, Sent::new("before")).await;
            let record = Sent::new("a".repeat(700)).key(1, 1);
            let fault = if forgetful_kernel { Fault::Before(BROKEN) } else { Fault::Death };
            rig.faults.fail(Call::Sync, ".seg", 0, fault);
            log.append(batch(std::slice::from_ref(&record))).await.unwrap_err();
            if forgetful_kernel {
                rig.disk.forget_unsynced_writes();
            }
            let second = Rig::on(rig.disk.clone(), rig.config);
            let log = second.start();
            let outcome = append_one(&*log, &record).await;
            let (Appended::Stored(receipt) | Appended::Duplicate(receipt)) = outcome else {
                panic!("{outcome:?}")
            };
            let third = Rig::on(second.disk.after_power_loss(&SeededEntropy::new(luck)), rig.config);
            let read = read_all(&*third.start(), 500).await;
            assert_eq!(read[1].receipt, receipt, "{outcome:?} was lost with the power");
        }
    }
}

/// The process died between renaming a segment into place and making its name durable.
#[tokio::test]
async fn a_segment_found_under_a_name_not_synced_keeps_it() {
    for is_first in [true, false] {
        let (rig, mut witness) = (Rig::new(), Witness::default());
        if is_first {
            rig.faults.fail(Call::SyncDir, "", 0, Fault::Death);
            rig.try_start().map(|_| ()).unwrap_err();
        } else {
            let log = rig.start();
            witness.send(&*log, 2, 100).await.unwrap();
            rig.faults.fail(Call::SyncDir, "", 0, Fault::Death);
            witness.send(&*log, 3, 700).await.unwrap_err();
        }
        let second = Rig::on(rig.disk.clone(), rig.config);
        let log = second.start();
        witness.send(&*log, 1, 100).await.unwrap();
        for luck in 0..8 {
            let third = Rig::on(second.disk.after_power_loss(&SeededEntropy::new(luck)), rig.config);
            witness.check(&*third.start()).await;
        }
    }
}

#[tokio::test]
async fn a_writer_that_panics_leaves_nobody_waiting() {
    let (rig, mut witness) = (Rig::new(), Witness::default());
    let log = rig.start();
    witness.send(&*log, 1, 50).await.unwrap();
    rig.faults.fail(Call::Sync, ".seg", 0, Fault::Panic);
    witness.send(&*log, 1, 50).await.unwrap_err();
    // The panic unwinds while this is asked; both answers are an error, neither is a wait for ever.
    witness.send(&*log, 1, 50).await.unwrap_err();
    assert_eq!(read_all(&*log, 500).await.len(), 1);
    witness.check(&*rig.start()).await;
}

/// Batches that were still in the queue, behind the one that the panic took along.
#[tokio::test]
async fn a_writer_that_panics_answers_those_in_the_queue() {
    let rig = Rig::new();
    let log = rig.start();
    rig.faults.fail(Call::Sync, ".seg", 0, Fault::Wait);
    // Each too large to share a group with another.
    let sizes = [10, 5 << 20, 5 << 20];
    let mut tasks = JoinSet::new();
    for (number, size) in sizes.into_iter().enumerate() {
        let sender = Arc::clone(&log);
        tasks.spawn(async move { sender.append(batch(&[Sent::new(vec![1; size])])).await.is_ok() });
        if number == 0 {
            rig.faults.until_one_waits().await;
        }
    }
    while log.status().queue_depth < 2 {
        tokio::task::yield_now().await;
    }
    rig.faults.fail(Call::Write, ".seg", 0, Fault::Panic);
    rig.faults.release();
    let answers = tokio::time::timeout(Duration::from_secs(20), tasks.join_all()).await.unwrap();
    assert_eq!(answers.iter().filter(|stored| **stored).count(), 1);
}
