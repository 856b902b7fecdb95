//! Every call to the disk fails once, in every way; after a restart on a good disk the laws hold.
//!
//! Method: SQLite's I/O error tests (fail the k-th call, for k = 1 to the end).

use tidegate_domain::id::Position;
use tidegate_domain::ports::{EventLog, Retention};
use tidegate_testkit::event_log::Fixture;

use crate::checker::Witness;
use crate::faulty_disk::{BROKEN, CALLS, Call, Fault, NO_SPACE};
use crate::rig::Rig;

/// A life with everything in it: batches, rotations, sealing, reads, duplicates, `retention`, two restarts.
pub(crate) async fn live(rig: &Rig, witness: &mut Witness, retention: Option<Retention>) {
    for _ in 0..3 {
        let Ok(log) = rig.try_start() else { return };
        for (count, size) in [(1, 60), (4, 150), (2, 700), (3, 30), (1, 1300), (5, 40)] {
            let _ = witness.send(&*log, count, size).await;
            rig.wait_out_refusal();
        }
        let again = witness.acked().first().map(|(sent, _)| vec![sent.clone()]);
        if let Some(again) = again {
            let _ = log.append(tidegate_testkit::event_log::batch(&again)).await;
        }
        let _ = log.read(Position(0), 400).await;
        if let Some(retention) = retention {
            witness.forget(retention.until);
            let _ = log.retain(retention).await;
        }
    }
}

/// Retention that takes what it may of the first records.
pub(crate) const OLDEST: Retention =
    Retention { recorded_before: None, disk_max_bytes: Some(0), until: Position(30) };

async fn fails_at(call: Call, k: usize, fault: Fault, retention: Option<Retention>) -> bool {
    let (rig, mut witness) = (Rig::new(), Witness::default());
    rig.faults.fail(call, "", k, fault);
    live(&rig, &mut witness, retention).await;
    rig.stop();
    let later = Rig::on(rig.disk.copy(), rig.config);
    let log = later.start();
    witness.check(&*log).await;
    if let Some(retention) = retention {
        // What the fault left half done is done now.
        witness.forget(retention.until);
        log.retain(retention).await.unwrap();
        witness.check(&*log).await;
        let names = later.disk.names();
        let below =
            |name: &&String| name[..20.min(name.len())].parse().is_ok_and(|at: u64| at < log.first().0);
        assert_eq!(names.iter().filter(below).count(), 0, "before {}: {names:?}", log.first());
    }
    witness.resend_all(&*log).await;
    rig.faults.fired() > 0
}

async fn any_call_may_fail(fault: Fault) {
    for retention in [None, Some(OLDEST)] {
        for call in CALLS {
            for k in 0.. {
                let context = format!("{call:?} number {k} fails: {fault:?}, {retention:?}");
                let failed = fails_at(call, k, fault, retention);
                // Printed only if the test fails.
                println!("{context}");
                if !failed.await {
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn any_call_may_find_the_disk_full() {
    any_call_may_fail(Fault::Half(NO_SPACE)).await;
}

#[tokio::test]
async fn any_call_may_find_the_disk_full_after_all_was_written() {
    any_call_may_fail(Fault::After(NO_SPACE)).await;
}

#[tokio::test]
async fn any_call_may_break() {
    any_call_may_fail(Fault::Before(BROKEN)).await;
}

#[tokio::test]
async fn any_call_may_be_the_last_before_a_kill() {
    any_call_may_fail(Fault::Death).await;
}
