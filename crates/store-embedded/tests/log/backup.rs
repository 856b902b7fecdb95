//! A log that is read out and written anew: nothing changes, whatever goes on meanwhile, and what is lost stays lost.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tidegate_domain::entry::Entry;
use tidegate_domain::filter::Order;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{Appended, EventLog, Retention};
use tidegate_simulator::memory_disk::MemoryDisk;
use tidegate_store_embedded::disk::{Disk, DiskFile, RealDisk};
use tidegate_store_embedded::log::{Export, Restore, SegmentLog, Severity, inspect};
use tidegate_testkit::event_log::{Sent, append, append_one, read_all, store};
use tidegate_testkit::world::{ManualClock, SeededEntropy};

use crate::bytes::{frames, segments};
use crate::every_call::OLDEST;
use crate::rig::{Rig, small};

/// Some number that goes with `number`.
fn mix(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20
}

/// What was read out: its ends, and its records.
struct Copy {
    ends: [Position; 2],
    entries: Vec<Entry>,
}

fn export(disk: &dyn Disk) -> Copy {
    let export = Export::open(disk).unwrap();
    let (ends, mut entries) = ([export.first(), export.tail()], Vec::new());
    let mut keep = |entry| {
        entries.push(entry);
        Ok::<_, std::io::Error>(())
    };
    export.for_each(&mut keep).unwrap();
    Copy { ends, entries }
}

/// A log on a new disk, written anew.
fn restore(copy: &Copy) -> Rig {
    let disk = MemoryDisk::default();
    let (clock, entropy) = (Arc::<ManualClock>::default(), Arc::new(SeededEntropy::new(5)));
    let mut log = Restore::begin(Box::new(disk.clone()), small(), clock, entropy, copy.ends[0]).unwrap();
    copy.entries.iter().for_each(|entry| log.add(entry).unwrap());
    log.finish(copy.ends[1]).unwrap();
    Rig::on(disk, small())
}

/// Records of many sizes, some larger than a segment, with and without sessions, keys and fingerprints.
fn sent(number: u64) -> Sent {
    let size = if number.is_multiple_of(41) { 9000 } else { mix(number) % 300 };
    let sent = Sent::new(vec![number as u8; size as usize]);
    let sent = if number.is_multiple_of(2) { sent.session(number % 5) } else { sent };
    let sent = if number.is_multiple_of(3) { sent.key(number, mix(number)) } else { sent };
    if number.is_multiple_of(7) { sent.fingerprint(number, 60_000) } else { sent }
}

async fn filled() -> Rig {
    let rig = Rig::new();
    let log = rig.start();
    for number in 0..50 {
        rig.clock.advance_ms(number as i64 % 3);
        append(&*log, &[sent(3 * number), sent(3 * number + 1), sent(3 * number + 2)]).await;
    }
    rig
}

#[tokio::test]
async fn a_log_written_anew_is_the_same_and_knows_its_keys() {
    let rig = filled().await;
    let log = rig.start();
    let expected = read_all(&*log, 600).await;
    let copy = export(&rig.disk);
    let restored = restore(&copy);
    let anew = restored.start();
    let read = read_all(&*anew, 600).await;
    let told = |records: &[tidegate_domain::ports::Stored]| {
        records.iter().map(|record| (record.receipt, record.bytes.clone())).collect::<Vec<_>>()
    };
    assert_eq!(told(&read), told(&expected));
    assert_eq!((anew.first(), anew.tail()), (Position(0), Position(150)));
    assert_eq!(anew.status().quarantined, []);
    for number in (0..150).filter(|number| number % 3 == 0) {
        let receipt = expected[number].receipt;
        assert_eq!(append_one(&*anew, &sent(number as u64)).await, Appended::Duplicate(receipt), "{number}");
    }
    assert_eq!(
        append_one(&*anew, &sent(77)).await,
        Appended::Duplicate(expected[77].receipt),
        "by fingerprint"
    );
    let of_session = anew.find(2, Position(0), Order::Asc, 1000).await.unwrap().records;
    assert_eq!(of_session.len(), log.find(2, Position(0), Order::Asc, 1000).await.unwrap().records.len());
    assert_eq!(store(&*anew, Sent::new("next")).await.position, Position(150));
    restored.stop();
    assert!(inspect(&restored.disk).unwrap().findings.iter().all(|f| f.severity <= Severity::Note));
}

#[tokio::test]
async fn what_was_damaged_is_left_out_and_its_positions_are_given_to_nobody() {
    let rig = filled().await;
    rig.stop();
    let names = segments(&rig.disk);
    let mut lost = BTreeSet::new();
    for (name, from_end) in [(&names[1], 2), (&names[2], 1), (names.last().unwrap(), 1)] {
        let records: Vec<_> =
            frames(&rig.disk.bytes(name)).into_iter().filter(|frame| !frame.is_mark).collect();
        let frame = &records[records.len() - from_end];
        rig.disk.change(name, |bytes| bytes[frame.end - 1] ^= 1);
        lost.insert(frame.position);
    }
    assert!(lost.contains(&149), "the last record is one of them: {lost:?}");
    let copy = export(&rig.disk);
    let copied: BTreeSet<u64> = copy.entries.iter().map(|entry| entry.position.0).collect();
    assert_eq!(copied, (0..150).filter(|position| !lost.contains(position)).collect());
    let restored = restore(&copy);
    let anew = restored.start();
    assert_eq!(anew.tail(), Position(150));
    let quarantined: BTreeSet<u64> =
        anew.status().quarantined.iter().flat_map(|range| range.from.0..range.to.0).collect();
    assert_eq!(quarantined, lost);
    assert_eq!(export(&restored.disk).entries, copy.entries);
}

#[tokio::test]
async fn an_empty_log_and_an_empty_rest_are_logs_too() {
    let rig = Rig::new();
    rig.start();
    let copy = export(&rig.disk);
    assert_eq!((copy.ends, copy.entries.len()), ([Position(0); 2], 0));
    let copy = Copy { ends: [Position(7); 2], entries: Vec::new() };
    let restored = restore(&copy);
    let anew = restored.start();
    assert_eq!((anew.first(), anew.tail()), (Position(7), Position(7)));
    assert_eq!(store(&*anew, Sent::new("next")).await.position, Position(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_read_out_whole_while_others_append_and_retention_deletes() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Box::new(RealDisk::open(dir.path()).unwrap());
    let (clock, entropy) = (Arc::<ManualClock>::default(), Arc::new(SeededEntropy::new(1)));
    let log = Arc::new(SegmentLog::open(disk, small(), clock, entropy).unwrap());
    append(&*log, &[sent(0)]).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let (ours, over) = (Arc::clone(&log), Arc::clone(&is_over));
    let mut writer = tokio::task::JoinSet::new();
    writer.spawn(async move {
        for number in 1u64.. {
            append(&*ours, &[Sent::new(vec![1; (mix(number) % 900) as usize]), Sent::new("2")]).await;
            if number.is_multiple_of(5) {
                let (disk_max_bytes, until) = (Some(40_000), Position(u64::MAX));
                ours.retain(Retention { recorded_before: None, disk_max_bytes, until }).await.unwrap();
            }
            if over.load(Ordering::Acquire) {
                return;
            }
        }
    });
    let to_read = RealDisk::to_read(dir.path());
    let mut firsts = BTreeSet::new();
    while firsts.len() < 30 {
        let acknowledged = log.tail();
        let Copy { ends: [first, tail], entries } = export(&to_read);
        let positions: Vec<u64> = entries.iter().map(|entry| entry.position.0).collect();
        assert_eq!(positions, (first.0..tail.0).collect::<Vec<_>>());
        assert!(tail >= acknowledged, "{tail} of {acknowledged}");
        firsts.insert(first);
        tokio::task::yield_now().await;
    }
    is_over.store(true, Ordering::Release);
    writer.join_all().await;
    log.close();
}

/// A disk that lists its files once as they were before.
struct Late {
    disk: MemoryDisk,
    before: Mutex<Option<Vec<String>>>,
}

impl Disk for Late {
    fn list(&self) -> io::Result<Vec<String>> {
        self.before.lock().unwrap().take().map_or_else(|| self.disk.list(), Ok)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.disk.open(name)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.disk.create(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.disk.sync_dir()
    }
}

#[tokio::test]
async fn a_list_of_files_that_retention_has_outdated_is_made_again() {
    let rig = filled().await;
    let log = rig.start();
    let before = rig.disk.list().unwrap();
    log.retain(OLDEST).await.unwrap();
    assert!(log.first() > Position(0));
    // All of it outdated, and only the mark missing.
    let without_mark: Vec<_> =
        rig.disk.list().unwrap().into_iter().filter(|name| !name.ends_with(".first")).collect();
    for before in [before, without_mark] {
        let copy = export(&Late { disk: rig.disk.clone(), before: Mutex::new(Some(before)) });
        assert_eq!(copy.ends, [log.first(), log.tail()]);
        assert_eq!(copy.entries.len() as u64, log.tail().0 - log.first().0);
    }
}
