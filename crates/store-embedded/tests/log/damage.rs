//! Damage to bytes that were durable: found, quarantined, reported, never deleted; all other records stay readable.

use std::collections::BTreeSet;

use tidegate_domain::id::Position;
use tidegate_domain::ports::EventLog;
use tidegate_store_embedded::log::{Severity, inspect};
use tidegate_testkit::event_log::{Sent, append, read_all};
use tidegate_testkit::world::SeededEntropy;

use crate::bytes::{Frame, frames, last_segment, segments};
use crate::checker::Witness;
use crate::rig::{Rig, roomy, small};
use tidegate_simulator::memory_disk::MemoryDisk;

/// A log of 60 records in some sealed segments and an active one, closed in good order.
async fn sound() -> (Rig, Witness) {
    let (rig, mut witness) = (Rig::new(), Witness::default());
    let log = rig.start();
    for number in 0..30 {
        witness.send(&*log, 2, 20 + number * 7).await.unwrap();
    }
    rig.stop();
    assert!(segments(&rig.disk).len() > 3);
    (rig, witness)
}

/// Opens the damaged log, where `sound` was the last frame of `name`, and checks that exactly `lost` cannot be read, is reported, and is left on the disk.
async fn loses_only(disk: MemoryDisk, witness: &Witness, name: &str, sound: &Frame, lost: &BTreeSet<u64>) {
    let (before, end) = (disk.bytes(name), sound.end);
    let rig = Rig::on(disk, small());
    let log = rig.start();
    let read = read_all(&*log, 600).await;
    let missing: BTreeSet<u64> =
        (0..60).filter(|position| !read.iter().any(|r| r.receipt.position.0 == *position)).collect();
    assert_eq!(&missing, lost);
    for (sent, receipt) in witness.acked() {
        if !lost.contains(&receipt.position.0) {
            let record = read.iter().find(|r| r.receipt == *receipt).unwrap();
            assert_eq!(record.bytes, sent.body);
        }
    }
    let reported: BTreeSet<u64> = log.status().quarantined.iter().flat_map(|r| r.from.0..r.to.0).collect();
    assert_eq!(&reported, lost, "what is damaged is reported");
    append(&*log, &[Sent::new("after")]).await;
    assert_eq!(log.tail(), Position(61), "damaged positions are not given out again");
    rig.stop();
    assert!(lost.is_empty() || rig.disk.bytes(name)[..end] == before[..end], "no byte is deleted");
}

/// Positions of the records that `range` of a segment's bytes touches.
fn touched(segment: &[u8], range: std::ops::Range<usize>) -> BTreeSet<u64> {
    let touches = |frame: &Frame| !frame.is_mark && frame.at < range.end && range.start < frame.end;
    frames(segment).into_iter().filter(touches).map(|frame| frame.position).collect()
}

#[tokio::test]
async fn any_flipped_bit_costs_at_most_its_record() {
    let (rig, witness) = sound().await;
    let luck = SeededEntropy::new(2);
    for round in 0..2000 {
        let disk = rig.disk.copy();
        let names = segments(&disk);
        let name = names[luck.below(names.len() as u64) as usize].clone();
        let bytes = disk.bytes(&name);
        let used = frames(&bytes).last().unwrap().end as u64 + 40;
        let bit = luck.below(used.min(bytes.len() as u64) * 8) as usize;
        disk.change(&name, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        if round % 3 == 0 {
            // Then the damage is found by reading the segment, not the record.
            disk.remove_where(|other| other == name.replace("seg", "idx"));
        }
        println!("round {round}: bit {bit} of {name}");
        let lost = touched(&bytes, bit / 8..bit / 8 + 1);
        let found =
            inspect(&disk).unwrap().findings.iter().any(|f| f.file == name && f.severity == Severity::Damage);
        assert_eq!(found, !lost.is_empty(), "doctor says the same");
        loses_only(disk, &witness, &name, frames(&bytes).last().unwrap(), &lost).await;
    }
}

#[tokio::test]
async fn any_zeroed_range_costs_at_most_its_records() {
    let (rig, witness) = sound().await;
    let luck = SeededEntropy::new(3);
    for round in 0..300 {
        let disk = rig.disk.copy();
        let names = segments(&disk);
        // The marked end of the last segment must stay, or it looks like a torn one.
        let name = names[luck.below(names.len() as u64) as usize].clone();
        let bytes = disk.bytes(&name);
        let proven = frames(&bytes).last().unwrap().at;
        let from = 128 + luck.below(proven as u64 - 128) as usize;
        let to = (from + 1 + luck.below(900) as usize).min(proven);
        disk.change(&name, |bytes| bytes[from..to].fill(0));
        if disk.bytes(&name) == bytes {
            continue;
        }
        if round % 2 == 0 {
            disk.remove_where(|other| other == name.replace("seg", "idx"));
        }
        println!("round {round}: {from}..{to} of {name}");
        let changed = (from..to).filter(|at| bytes[*at] != 0);
        let lost: BTreeSet<u64> = changed.flat_map(|at| touched(&bytes, at..at + 1)).collect();
        loses_only(disk, &witness, &name, frames(&bytes).last().unwrap(), &lost).await;
    }
}

/// Damage at the end of one group, right before the last one, which has no mark: it is not a torn tail.
#[tokio::test]
async fn damage_right_before_the_last_group_does_not_cut_it() {
    let (rig, mut witness) = (Rig::with(roomy()), Witness::default());
    let log = rig.start();
    for _ in 0..3 {
        witness.send(&*log, 2, 30).await.unwrap();
    }
    rig.stop();
    crate::bytes::unmark(&rig.disk);
    let name = last_segment(&rig.disk);
    let all = frames(&rig.disk.bytes(&name));
    for at in all[3].at..all[3].end {
        let damaged = Rig::on(rig.disk.copy(), roomy());
        damaged.disk.change(&name, |bytes| bytes[at] ^= 1);
        let log = damaged.start();
        let ranges: Vec<_> = log.status().quarantined.iter().map(|r| (r.from.0, r.to.0)).collect();
        assert_eq!((log.tail(), &ranges[..]), (Position(6), &[(3, 4)][..]), "byte {at}");
    }
}

/// A small page must not make a reader skip good records behind a damaged one.
#[tokio::test]
async fn readers_go_on_right_behind_damage_with_pages_of_any_size() {
    let (rig, _) = sound().await;
    let name = segments(&rig.disk)[1].clone();
    let all = frames(&rig.disk.bytes(&name));
    rig.disk.change(&name, |bytes| bytes[all[1].at] ^= 1);
    for max_bytes in [0, 1, 50, 100, 1000, 100_000] {
        let log = rig.start();
        let read = read_all(&*log, max_bytes).await;
        assert_eq!(read.len(), 59, "pages of {max_bytes} bytes");
        assert_eq!(log.get(&[Position(all[1].position), Position(0)]).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn damage_found_before_sealing_is_reported_after_a_restart() {
    let (rig, mut witness) = (Rig::new(), Witness::default());
    let log = rig.start();
    witness.send(&*log, 3, 30).await.unwrap();
    witness.send(&*log, 3, 30).await.unwrap();
    rig.stop();
    let name = last_segment(&rig.disk);
    let hit = frames(&rig.disk.bytes(&name))[1].end - 1;
    rig.disk.change(&name, |bytes| bytes[hit] ^= 1);
    let log = rig.start();
    let lost = |log: &dyn EventLog| -> Vec<_> {
        log.status().quarantined.iter().map(|range| (range.from.0, range.to.0)).collect()
    };
    assert_eq!(lost(&*log), [(1, 2)]);
    // The damaged segment fills up and is sealed.
    witness.send(&*log, 16, 200).await.unwrap();
    rig.stop();
    assert!(rig.disk.names().contains(&name.replace(".seg", ".idx")), "sealed: {:?}", rig.disk.names());
    assert_eq!(lost(&*rig.start()), [(1, 2)], "and so at every start");
}
