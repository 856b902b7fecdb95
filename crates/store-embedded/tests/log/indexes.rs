//! Index files: whatever happens to one, it is made again from its segment, and the answers stay the same.

use std::sync::Arc;

use tidegate_domain::filter::Order;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{AppendError, Appended, EventLog};
use tidegate_store_embedded::log::inspect;
use tidegate_testkit::event_log::{PROJECT, Sent, append, append_one, batch};
use tidegate_testkit::world::SeededEntropy;
use tokio::task::JoinSet;

use crate::checker::Witness;
use crate::faulty_disk::{BROKEN, Call, Fault};
use crate::rig::Rig;
use tidegate_simulator::memory_disk::MemoryDisk;

fn indexes(disk: &MemoryDisk) -> Vec<String> {
    disk.names().into_iter().filter(|name| name.ends_with(".idx")).collect()
}

async fn sealed() -> (Rig, Witness) {
    let (rig, mut witness) = (Rig::new(), Witness::default());
    let log = rig.start();
    for number in 0..30 {
        witness.send(&*log, 2, 20 + number * 9).await.unwrap();
    }
    rig.stop();
    assert!(indexes(&rig.disk).len() >= 3);
    (rig, witness)
}

/// Opens the log after `harm` to its disk: the answers are the same, and so are the index files again.
async fn made_again(rig: &Rig, witness: &Witness, harm: impl FnOnce(&MemoryDisk)) {
    let harmed = Rig::on(rig.disk.copy(), rig.config);
    harm(&harmed.disk);
    let doctor = inspect(&harmed.disk).unwrap().findings;
    let harm_done = indexes(&harmed.disk) != indexes(&rig.disk)
        || indexes(&rig.disk).iter().any(|name| harmed.disk.bytes(name) != rig.disk.bytes(name));
    assert_eq!(
        doctor.iter().any(|f| f.detail.contains("its index is missing or damaged")),
        harm_done,
        "{doctor:?}"
    );
    let log = harmed.start();
    witness.check(&*log).await;
    for (sent, receipt) in witness.acked() {
        assert_eq!(append_one(&*log, sent).await, Appended::Duplicate(*receipt));
    }
    let newest = log.find(PROJECT, Position(u64::MAX), Order::Desc, 60).await.unwrap();
    assert_eq!(newest.records.len(), 60);
    for name in indexes(&rig.disk) {
        assert_eq!(harmed.disk.bytes(&name), rig.disk.bytes(&name), "{name}");
    }
}

#[tokio::test]
async fn a_missing_index_is_made_again() {
    let (rig, witness) = sealed().await;
    for name in indexes(&rig.disk) {
        made_again(&rig, &witness, |disk| disk.remove_where(|other| other == name)).await;
    }
    made_again(&rig, &witness, |disk| disk.remove_where(|other| other.ends_with(".idx"))).await;
}

#[tokio::test]
async fn a_cut_index_is_made_again() {
    let (rig, witness) = sealed().await;
    let name = indexes(&rig.disk)[1].clone();
    let size = rig.disk.bytes(&name).len();
    for cut in (0..size).step_by(size / 40).chain([0, 1, 4095, 4096, size - 1]) {
        made_again(&rig, &witness, |disk| disk.change(&name, |bytes| bytes.truncate(cut))).await;
    }
}

#[tokio::test]
async fn an_index_with_a_flipped_bit_is_made_again() {
    let (rig, witness) = sealed().await;
    let luck = SeededEntropy::new(4);
    for _ in 0..150 {
        let names = indexes(&rig.disk);
        let name = &names[luck.below(names.len() as u64) as usize];
        // Bytes 140..4096 are padding, which nobody reads.
        let size = rig.disk.bytes(name).len() as u64;
        let at = luck.below(140 + size - 4096) as usize;
        let at = if at < 140 { at } else { at - 140 + 4096 };
        println!("byte {at} of {name}");
        made_again(&rig, &witness, |disk| disk.change(name, |bytes| bytes[at] ^= 1 << luck.below(8))).await;
    }
}

#[tokio::test]
async fn another_segments_index_is_made_again() {
    let (rig, witness) = sealed().await;
    let (other, _) = sealed().await;
    let names = indexes(&rig.disk);
    made_again(&rig, &witness, |disk| disk.put(&names[0], &disk.bytes(&names[1]))).await;
    // The same segment of another log: only the salt differs.
    let twin = Rig::with(rig.config);
    twin.disk.put("x", b"");
    let twin = Rig::on(twin.disk, rig.config);
    let log = twin.start();
    let mut sent = Witness::default();
    for number in 0..30 {
        sent.send(&*log, 2, 20 + number * 9).await.unwrap();
    }
    twin.stop();
    assert_ne!(twin.disk.bytes(&names[0]), other.disk.bytes(&names[0]));
    made_again(&rig, &witness, |disk| disk.put(&names[0], &twin.disk.bytes(&names[0]))).await;
}

#[tokio::test]
async fn an_index_that_cannot_be_read_or_written_is_kept_in_memory() {
    let (rig, witness) = sealed().await;
    for (call, name) in [(Call::Open, ".idx"), (Call::Read, ".idx"), (Call::Create, ".idx.tmp")] {
        let broken = Rig::on(rig.disk.copy(), rig.config);
        if call == Call::Create {
            broken.disk.remove_where(|name| name.ends_with(".idx"));
        }
        broken.faults.fail_all(call, name, Fault::Before(BROKEN));
        witness.check(&*broken.start()).await;
    }
}

/// While an index cannot be read nobody can say whether a record is new: the batch is refused, nothing of it is
/// remembered, and other batches of the same group go through.
#[tokio::test]
async fn a_batch_that_cannot_be_decided_is_refused_alone() {
    let (rig, witness) = sealed().await;
    let log = rig.start();
    let old = witness.acked()[0].0.clone();
    let new = Sent::new("new").key(1000, 0).fingerprint(1000, 1000);
    rig.faults.fail_all(Call::Read, ".idx", Fault::Before(BROKEN));
    let undecided = log.append(batch(&[new.clone(), old.clone()])).await;
    assert!(matches!(undecided, Err(AppendError::Unavailable(_))), "{undecided:?}");
    assert_eq!((log.tail(), log.status().refusing), (Position(60), None));
    assert!(log.find(PROJECT, Position(0), Order::Asc, 5).await.is_err(), "readers are told too");
    append(&*log, &[Sent::new("another").key(2000, 0)]).await;
    rig.faults.heal();
    let outcomes = append(&*log, &[new, old]).await;
    assert!(matches!(outcomes[..], [Appended::Stored(_), Appended::Duplicate(_)]), "{outcomes:?}");
}

/// The undecided batch shares its group with another one that sends the same new record.
#[tokio::test]
async fn an_undecided_batch_leaves_nothing_in_its_group() {
    let (rig, witness) = sealed().await;
    let log = rig.start();
    rig.faults.fail(Call::Sync, ".seg", 0, Fault::Wait);
    // The oldest one, so that no sealing of another segment gets in between.
    rig.faults.fail(Call::Read, "00000000000000000000.idx", 0, Fault::Before(BROKEN));
    let (old, new) = (witness.acked()[0].0.clone(), Sent::new("new").key(1000, 0).fingerprint(1000, 1000));
    let mut tasks = JoinSet::new();
    for (number, records) in [vec![Sent::new("x")], vec![new.clone(), old], vec![new]].into_iter().enumerate()
    {
        let sender = Arc::clone(&log);
        tasks.spawn(async move { (number, sender.append(batch(&records)).await) });
        if number == 0 {
            rig.faults.until_one_waits().await;
        }
        while log.status().queue_depth < [0, 2, 3][number] {
            tokio::task::yield_now().await;
        }
    }
    rig.faults.release();
    let mut answers = tasks.join_all().await;
    answers.sort_by_key(|(number, _)| *number);
    assert!(matches!(answers[1].1, Err(AppendError::Unavailable(_))), "{answers:?}");
    assert!(matches!(answers[2].1.as_deref(), Ok([Appended::Stored(_)])), "{answers:?}");
}
