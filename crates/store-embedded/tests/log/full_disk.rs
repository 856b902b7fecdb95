//! A full disk: the group at hand is refused, reads go on, appends go on once there is space (L5).

use tidegate_domain::id::Position;
use tidegate_domain::ports::{AppendError, Appended, EventLog};
use tidegate_testkit::event_log::{Fixture, Sent, append, batch, read_all, store};

use crate::bytes::segments;
use crate::checker::Witness;
use crate::faulty_disk::{Call, Fault, NO_SPACE, TOO_MANY_FILES, TOO_MANY_FILES_IN_SYSTEM};
use crate::rig::{Rig, roomy};

const FULL: Fault = Fault::Before(NO_SPACE);

fn refused_for_space(result: Result<(), AppendError>) {
    let error = result.unwrap_err();
    assert!(matches!(error, AppendError::NoSpace(_)), "{error:?}");
}

#[tokio::test]
async fn a_refused_group_leaves_nothing() {
    for fault in [FULL, Fault::Half(NO_SPACE), Fault::After(NO_SPACE)] {
        let (rig, mut witness) = (Rig::new(), Witness::default());
        let log = rig.start();
        witness.send(&*log, 3, 50).await.unwrap();
        rig.faults.fail(Call::Write, ".seg", 0, fault);
        refused_for_space(witness.send(&*log, 4, 60).await);
        assert_eq!(log.status().refusing, Some("no_space"));
        assert_eq!(
            (log.tail(), read_all(&*log, 500).await.len()),
            (Position(3), 3),
            "reads go on, nothing is visible"
        );
        let log = rig.start();
        assert_eq!(log.tail(), Position(3), "{fault:?}: nothing of it is there after a restart");
        witness.check(&*log).await;
        witness.resend_all(&*log).await;
    }
}

#[tokio::test]
async fn appends_go_on_without_a_restart_once_there_is_space() {
    let (rig, mut witness) = (Rig::new(), Witness::default());
    let log = rig.start();
    witness.send(&*log, 1, 50).await.unwrap();
    rig.faults.fail_all(Call::Write, "", Fault::Half(NO_SPACE));
    rig.faults.fail_all(Call::Mark, "", Fault::Half(NO_SPACE));
    refused_for_space(witness.send(&*log, 2, 50).await);
    let tried = rig.faults.count(Call::Write);
    refused_for_space(witness.send(&*log, 2, 50).await);
    assert_eq!(rig.faults.count(Call::Write), tried, "within a second the disk is not asked again");
    rig.wait_out_refusal();
    refused_for_space(witness.send(&*log, 2, 50).await);
    assert!(rig.faults.count(Call::Write) > tried);
    rig.faults.heal();
    rig.wait_out_refusal();
    witness.send(&*log, 2, 50).await.unwrap();
    assert_eq!(log.status().refusing, None);
    let log = rig.start();
    assert_eq!(log.tail(), Position(3));
    witness.check(&*log).await;
}

/// The records of the refused group are as long as those that come after it, so their frames lie at the right bytes,
/// with the right positions: only what says to which write a frame belongs keeps them out.
#[tokio::test]
async fn frames_of_a_refused_group_do_not_come_back() {
    for write_marks in [true, false] {
        for accepted in 0..4usize {
            let rig = Rig::with(roomy());
            let log = rig.start();
            let records = |text: &str| (0..4).map(|n| Sent::new(format!("{text} {n}"))).collect::<Vec<_>>();
            store(&*log, Sent::new("before")).await;
            rig.faults.fail(Call::Write, ".seg", 0, Fault::After(NO_SPACE));
            if !write_marks {
                rig.faults.fail_all(Call::Mark, "", FULL);
            }
            log.append(batch(&records("refused"))).await.unwrap_err();
            rig.wait_out_refusal();
            if accepted > 0 {
                append(&*log, &records("success")[..accepted]).await;
            }
            // Killed here: what follows in the file are the frames of the refused group.
            let later = Rig::on(rig.disk.copy(), roomy());
            let log = later.start();
            let read: Vec<_> = read_all(&*log, 500).await.into_iter().map(|r| r.bytes).collect();
            if accepted == 0 && !write_marks {
                // Written whole and never undone: then all of it may be there, but not a part (L2).
                assert!([1, 5].contains(&read.len()), "{}", read.len());
                continue;
            }
            assert_eq!(read.len(), 1 + accepted, "marks: {write_marks}");
            assert!(read[1..].iter().all(|bytes| bytes.starts_with(b"success")));
        }
    }
}

#[tokio::test]
async fn a_half_written_group_over_a_refused_one_is_not_completed_by_it() {
    let rig = Rig::with(roomy());
    let log = rig.start();
    store(&*log, Sent::new("before")).await;
    rig.faults.fail_all(Call::Mark, "", FULL);
    rig.faults.fail(Call::Write, ".seg", 0, Fault::After(NO_SPACE));
    let records = |text: &str| (0..4).map(|n| Sent::new(format!("{text} {n}"))).collect::<Vec<_>>();
    log.append(batch(&records("refused"))).await.unwrap_err();
    // Tried again at once, and at the same moment: the clock has stepped back.
    rig.clock.advance_ms(-5000);
    rig.faults.fail(Call::Write, ".seg", 0, Fault::Half(NO_SPACE));
    log.append(batch(&records("another"))).await.unwrap_err();
    let later = Rig::on(rig.disk.copy(), roomy());
    assert_eq!(later.start().tail(), Position(1), "two of one write, two of another");
}

#[tokio::test]
async fn a_segment_with_a_refused_group_at_its_end_opens_again() {
    for write_marks in [true, false] {
        let (rig, mut witness) = (Rig::new(), Witness::default());
        let log = rig.start();
        witness.send(&*log, 2, 50).await.unwrap();
        rig.faults.fail(Call::Write, ".seg", 0, Fault::After(NO_SPACE));
        if !write_marks {
            rig.faults.fail_all(Call::Mark, "", FULL);
        }
        refused_for_space(witness.send(&*log, 3, 50).await);
        rig.wait_out_refusal();
        // Too large for what is left: the log goes on in another segment.
        witness.send(&*log, 3, 700).await.unwrap();
        rig.stop();
        assert_eq!(segments(&rig.disk).len(), 2);
        rig.disk.remove_where(|name| name.ends_with(".idx"));
        let log = rig.start();
        assert_eq!(log.tail(), Position(5));
        witness.check(&*log).await;
    }
}

#[tokio::test]
async fn a_disk_that_is_full_at_a_rotation_refuses_and_gives_its_bytes_back() {
    for call in [Call::Create, Call::Write] {
        let (rig, mut witness) = (Rig::new(), Witness::default());
        let log = rig.start();
        witness.send(&*log, 2, 100).await.unwrap();
        rig.faults.fail_all(call, "spare", Fault::Half(NO_SPACE));
        refused_for_space(witness.send(&*log, 3, 700).await);
        assert!(!rig.disk.names().contains(&"spare.tmp".to_owned()));
        rig.wait_out_refusal();
        witness.send(&*log, 1, 50).await.unwrap();
        rig.faults.heal();
        rig.wait_out_refusal();
        witness.send(&*log, 3, 700).await.unwrap();
        let log = rig.start();
        witness.check(&*log).await;
        witness.resend_all(&*log).await;
    }
}

#[tokio::test]
async fn a_rotation_that_finds_no_free_file_refuses_and_the_next_one_may_succeed() {
    for errno in [TOO_MANY_FILES, TOO_MANY_FILES_IN_SYSTEM] {
        let (rig, mut witness) = (Rig::new(), Witness::default());
        let log = rig.start();
        witness.send(&*log, 2, 100).await.unwrap();
        rig.faults.fail_all(Call::Create, "spare", Fault::Before(errno));
        let error = witness.send(&*log, 3, 700).await.unwrap_err();
        assert!(matches!(error, AppendError::Unavailable(_)), "{error:?}");
        assert_eq!(log.status().refusing, None);
        rig.faults.heal();
        witness.send(&*log, 3, 700).await.unwrap();
        let log = rig.start();
        witness.check(&*log).await;
        witness.resend_all(&*log).await;
    }
}

#[tokio::test]
async fn what_is_left_of_the_disk_does_for_a_small_segment() {
    let (rig, mut witness) = (Rig::new(), Witness::default());
    let log = rig.start();
    // Less than half of the first segment, so that the second one is not prepared ahead.
    witness.send(&*log, 1, 700).await.unwrap();
    rig.faults.fail(Call::Write, "spare", 0, Fault::Half(NO_SPACE));
    witness.send(&*log, 1, 1400).await.unwrap();
    rig.stop();
    let sizes: Vec<_> = segments(&rig.disk).iter().map(|name| rig.disk.bytes(name).len()).collect();
    assert!(rig.faults.fired() == 1 && sizes == [2048, 2048], "{sizes:?}");
}

/// A duplicate of a record in the same group is a promise that the group must keep.
#[tokio::test]
async fn a_duplicate_of_a_refused_record_is_refused_with_it() {
    let (rig, record) = (Rig::new(), Sent::new("a").key(1, 1));
    let log = rig.start();
    rig.fill_up();
    refused_for_space(log.append(batch(&[record.clone(), record.clone()])).await.map(|_| ()));
    rig.wait_out_refusal();
    let outcomes = append(&*log, &[record.clone(), record]).await;
    assert!(matches!(outcomes[..], [Appended::Stored(first), Appended::Duplicate(again)] if first == again));
}

#[tokio::test]
async fn a_segment_that_could_not_be_sealed_is_sealed_with_the_next_one() {
    let (rig, mut witness) = (Rig::new(), Witness::default());
    let log = rig.start();
    rig.faults.fail(Call::Write, ".idx", 0, Fault::Half(NO_SPACE));
    for _ in 0..40 {
        witness.send(&*log, 1, 100).await.unwrap();
    }
    rig.stop();
    let names = rig.disk.names();
    let indexes = names.iter().filter(|name| name.ends_with(".idx")).count();
    assert!(rig.faults.fired() == 1 && indexes == segments(&rig.disk).len() - 1, "{names:?}");
    witness.check(&*rig.start()).await;
}

#[tokio::test]
async fn a_log_with_a_torn_tail_opens_on_a_full_disk() {
    let (rig, mut witness) = (Rig::new(), Witness::default());
    let log = rig.start();
    witness.send(&*log, 3, 50).await.unwrap();
    rig.faults.fail(Call::Write, ".seg", 0, Fault::Death);
    witness.send(&*log, 3, 50).await.unwrap_err();
    let later = Rig::on(rig.disk.copy(), rig.config);
    for (call, name) in [(Call::Create, "torn"), (Call::Write, ""), (Call::Write, "")] {
        later.faults.fail_all(call, name, FULL);
        let log = later.start();
        assert_eq!(log.tail(), Position(3));
        witness.check(&*log).await;
    }
    later.faults.heal();
    let log = later.start();
    witness.check(&*log).await;
    witness.resend_all(&*log).await;
}
