//! Files that are gone, copied, renamed, old or strange: a plain refusal or a quarantine, and `doctor` says the same.

use tidegate_domain::id::Position;
use tidegate_domain::ports::EventLog;
use tidegate_store_embedded::log::{Severity, inspect};
use tidegate_testkit::event_log::{Sent, append, read_all};

use crate::bytes::{last_segment, segments};
use crate::checker::Witness;
use crate::rig::Rig;
use tidegate_simulator::memory_disk::MemoryDisk;

/// A log with several segments, and a copy of its disk when it was about half as long.
async fn log_and_older_copy() -> (MemoryDisk, MemoryDisk) {
    let (rig, mut witness) = (Rig::new(), Witness::default());
    let log = rig.start();
    let mut older = None;
    for number in 0..60 {
        witness.send(&*log, 1, 100).await.unwrap();
        // In the middle of a segment.
        if number == 31 {
            older = Some(rig.disk.copy());
        }
    }
    rig.stop();
    assert!(segments(&rig.disk).len() >= 4, "{:?}", rig.disk.names());
    (rig.disk.copy(), older.unwrap())
}

/// What the log says to `disk`: the positions it quarantines, or why it does not open. And that `doctor` agrees.
async fn answer(disk: &MemoryDisk, doctor_says: &str) -> Result<Vec<(u64, u64)>, String> {
    let findings = inspect(disk).unwrap().findings;
    let said = findings.iter().any(|f| f.detail.contains(doctor_says));
    assert!(said, "{doctor_says:?} is not among {findings:#?}");
    let rig = Rig::on(disk.copy(), crate::rig::small());
    let log = match rig.try_start() {
        Ok(log) => log,
        Err(error) => {
            assert!(
                findings.iter().any(|f| f.severity == Severity::Blocking),
                "{error} surprises {findings:#?}"
            );
            return Err(error.to_string());
        }
    };
    let quarantined: Vec<_> = log.status().quarantined.iter().map(|r| (r.from.0, r.to.0)).collect();
    let read = read_all(&*log, 500).await;
    assert_eq!(log.status().quarantined.len(), quarantined.len(), "known from the start");
    let is_lost = |position| quarantined.iter().any(|(from, to)| (*from..*to).contains(&position));
    let tail = log.tail();
    let expected: Vec<u64> = (0..tail.0).filter(|position| !is_lost(*position)).collect();
    assert_eq!(read.iter().map(|r| r.receipt.position.0).collect::<Vec<_>>(), expected);
    append(&*log, &[Sent::new("after")]).await;
    assert_eq!(rig.start().tail(), tail.next());
    Ok(quarantined)
}

/// The first position of a segment.
fn first(name: &str) -> u64 {
    name[..20].parse().unwrap()
}

#[tokio::test]
async fn a_sound_log_has_nothing_but_fine_findings() {
    let (disk, _) = log_and_older_copy().await;
    let findings = inspect(&disk).unwrap().findings;
    assert!(findings.iter().all(|f| f.severity == Severity::Fine), "{findings:#?}");
    assert_eq!(answer(&disk, "positions").await, Ok(vec![]));
}

#[tokio::test]
async fn missing_segments() {
    let (disk, _) = log_and_older_copy().await;
    let names = segments(&disk);
    for (missing, with_index) in [(0, true), (0, false), (1, true), (1, false), (2, true)] {
        let harmed = disk.copy();
        let (name, index) = (names[missing].clone(), names[missing].replace("seg", "idx"));
        harmed.remove_where(|other| other == name || (with_index && other == index));
        let (from, to) = (first(&name), first(&names[missing + 1]));
        assert_eq!(
            answer(&harmed, &format!("positions {from}..{to} before it are missing")).await,
            Ok(vec![(from, to)])
        );
    }
    // Without the last one nobody knows how much is gone.
    let last = last_segment(&disk);
    disk.remove_where(|name| name == last);
    let refusal = answer(&disk, "belongs to a full segment").await.unwrap_err();
    assert!(refusal.contains("no later segment is here: restore it from a backup"), "{refusal}");
    disk.remove_where(|name| name.ends_with(".seg"));
    answer(&disk, "belongs to a full segment").await.unwrap_err();
}

#[tokio::test]
async fn copies_under_another_name() {
    let (disk, _) = log_and_older_copy().await;
    let names = segments(&disk);
    for name in ["00000000000000000007.seg", "00000000000000009999.seg"] {
        let harmed = disk.copy();
        harmed.put(name, &disk.bytes(&names[1]));
        let refusal = answer(&harmed, "it was renamed or copied").await.unwrap_err();
        assert!(refusal.contains(name) && refusal.contains("move it away"), "{refusal}");
    }
    for name in
        ["backup.seg", "00000000000000000007.seg.bak", "+0000000000000000007.seg", "7.seg", "notes.txt"]
    {
        let harmed = disk.copy();
        harmed.put(name, &disk.bytes(&names[1]));
        assert_eq!(answer(&harmed, "not a file of the log; ignored").await, Ok(vec![]), "{name}");
        assert_eq!(harmed.bytes(name), disk.bytes(&names[1]));
    }
}

#[tokio::test]
async fn older_copies() {
    let (disk, older) = log_and_older_copy().await;
    let (name, next) = (last_segment(&older), last_segment(&disk));
    let harmed = disk.copy();
    // A full segment as it was when it was half full: its index knows what is gone.
    harmed.put(&name, &older.bytes(&name));
    let lost = answer(&harmed, "it was cut, or is an older copy").await.unwrap();
    assert!(matches!(lost[..], [(32, to)] if to <= first(&next)), "{lost:?}");
    harmed.remove_where(|name| name.ends_with(".idx"));
    assert_eq!(answer(&harmed, "positions 32..").await, Ok(lost));
    // All of an older directory is simply an older log.
    assert_eq!(answer(&older, "positions").await, Ok(vec![]));
    // Two segments that claim the same positions: here the rest of a log that went on differently.
    let other = Rig::on(older, crate::rig::small());
    let log = other.start();
    for _ in 0..60 {
        append(&*log, &[Sent::new("x"), Sent::new("y"), Sent::new("z")]).await;
    }
    other.stop();
    let twice = segments(&other.disk).into_iter().find(|name| !segments(&disk).contains(name)).unwrap();
    disk.put(&twice, &other.disk.bytes(&twice));
    let refusal = answer(&disk, "one of them is a copy from another time").await.unwrap_err();
    assert!(refusal.contains("move the wrong one away"), "{refusal}");
}

#[tokio::test]
async fn segments_without_a_header() {
    let (disk, _) = log_and_older_copy().await;
    for name in [segments(&disk)[0].clone(), segments(&disk)[1].clone(), last_segment(&disk)] {
        for size in [0, 1, 127] {
            let harmed = disk.copy();
            harmed.change(&name, |bytes| bytes.truncate(size));
            let refusal = answer(&harmed, "has no readable header").await.unwrap_err();
            assert!(refusal.contains(&name) && refusal.contains("restore it from a backup"), "{refusal}");
        }
        for copy in [0, 64] {
            let harmed = disk.copy();
            harmed.change(&name, |bytes| bytes[copy + 20] ^= 1);
            assert_eq!(answer(&harmed, "one of the two copies of its header").await, Ok(vec![]));
        }
        let harmed = disk.copy();
        harmed.change(&name, |bytes| bytes[..128].fill(0));
        answer(&harmed, "has no readable header").await.unwrap_err();
    }
}

#[tokio::test]
async fn segments_that_were_cut() {
    let (disk, _) = log_and_older_copy().await;
    let name = segments(&disk)[1].clone();
    let next = first(&segments(&disk)[2]);
    let harmed = disk.copy();
    harmed.change(&name, |bytes| bytes.truncate(1000));
    let lost = answer(&harmed, "its end was cut off").await.unwrap();
    assert!(matches!(lost[..], [(_, to)] if to == next), "{lost:?}");
    harmed.remove_where(|name| name.ends_with(".idx"));
    assert_eq!(answer(&harmed, "its end was cut off").await, Ok(lost));
}

#[tokio::test]
async fn work_in_progress_is_left_to_be_replaced() {
    let (disk, _) = log_and_older_copy().await;
    disk.put("spare.tmp", &[7; 300]);
    disk.put("00000000000000000000.idx.tmp", b"half");
    assert_eq!(answer(&disk, "work in progress").await, Ok(vec![]));
    let fresh = MemoryDisk::default();
    fresh.put("spare.tmp", &[7; 300]);
    fresh.put("LOCK", b"");
    assert_eq!(answer(&fresh, "work in progress").await, Ok(vec![]));
    let torn = "00000000000000000000-128.torn";
    fresh.put(torn, b"x");
    assert_eq!(answer(&fresh, "cut from a torn tail").await, Ok(vec![]));
    assert_eq!((fresh.bytes(torn), Position(0)), (b"x".to_vec(), Position::default()));
}
