//! Torn tails: whatever a write that never finished left behind, what was acknowledged before it stays.

use std::time::{Duration, Instant};

use tidegate_domain::id::Position;
use tidegate_domain::ports::EventLog;
use tidegate_testkit::event_log::{Sent, read_all, store};
use tidegate_testkit::world::SeededEntropy;

use crate::bytes::{DATA_START, Frame, frames, last_segment, unmark};
use crate::checker::Witness;
use crate::faulty_disk::Call;
use crate::rig::{Rig, roomy};
use tidegate_simulator::memory_disk::MemoryDisk;

/// A log of some groups of `count` records, as a process leaves it that dies right after the last one.
async fn killed(groups: usize, count: usize) -> (MemoryDisk, Vec<Frame>) {
    let (rig, mut witness) = (Rig::with(roomy()), Witness::default());
    let log = rig.start();
    for group in 0..groups {
        witness.send(&*log, count, 20 + group * 3).await.unwrap();
    }
    rig.stop();
    unmark(&rig.disk);
    let all = frames(&rig.disk.bytes(&last_segment(&rig.disk)));
    assert_eq!(all.iter().filter(|frame| !frame.is_mark).count(), groups * count);
    (rig.disk.copy(), all)
}

/// Opens the log on `disk` and checks that of `frames` those of `whole` groups are there and no other, that nothing
/// is lost of the cut bytes, and that the log goes on from there.
async fn opens_with(disk: MemoryDisk, frames: &[Frame], whole: impl Fn(&Frame) -> bool) {
    let before = disk.bytes(&last_segment(&disk));
    let rig = Rig::on(disk, roomy());
    let log = rig.start();
    let expected = frames.iter().filter(|frame| !frame.is_mark && whole(frame)).count();
    assert_eq!(log.tail(), Position(expected as u64));
    assert_eq!(read_all(&*log, 10_000).await.len(), expected);
    assert_eq!(log.status().quarantined, []);
    let end = frames.iter().filter(|frame| whole(frame)).map(|frame| frame.end).max().unwrap_or(DATA_START);
    assert_eq!(aside(&rig.disk), before[end..].trim_ascii_end_zeros(), "what is cut is kept aside");
    store(&*log, tidegate_testkit::event_log::Sent::new("after")).await;
    let log = rig.start();
    assert_eq!(log.tail(), Position(expected as u64 + 1));
    assert_eq!(read_all(&*log, 10_000).await.len(), expected + 1);
}

trait TrimZeros {
    fn trim_ascii_end_zeros(&self) -> Vec<u8>;
}

impl TrimZeros for [u8] {
    fn trim_ascii_end_zeros(&self) -> Vec<u8> {
        let used = self.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        self[..used].to_vec()
    }
}

/// The bytes in `.torn` files.
fn aside(disk: &MemoryDisk) -> Vec<u8> {
    let torn = disk.names().into_iter().filter(|name| name.ends_with(".torn"));
    torn.flat_map(|name| disk.bytes(&name)).collect()
}

#[tokio::test]
async fn a_tail_cut_at_any_byte_of_the_last_three_records() {
    for (groups, count) in [(6, 1), (3, 2)] {
        let (disk, frames) = killed(groups, count).await;
        let [.., third_last, _, last] = frames[..] else { panic!("too few") };
        for cut in third_last.at..=last.end {
            // A group is whole if its last frame is.
            let whole = |frame: &Frame| {
                let last = frames.iter().rfind(|other| other.group_start == frame.group_start).unwrap();
                last.end <= cut
            };
            // Cut off, as a file system does it, and never written, as in our preallocated file.
            let (shorter, zeroed) = (disk.copy(), disk.copy());
            shorter.change(&last_segment(&disk), |bytes| bytes.truncate(cut));
            zeroed.change(&last_segment(&disk), |bytes| bytes[cut..].fill(0));
            opens_with(shorter, &frames, whole).await;
            opens_with(zeroed, &frames, whole).await;
        }
    }
}

#[tokio::test]
async fn any_part_of_the_last_group_never_written() {
    let (disk, frames) = killed(3, 3).await;
    let last = *frames.last().unwrap();
    let whole = |frame: &Frame| frame.group_start < last.group_start;
    let luck = SeededEntropy::new(1);
    for _ in 0..150 {
        let torn = disk.copy();
        let mut holes = 0;
        torn.change(&last_segment(&disk), |bytes| {
            let from = last.group_start + luck.below((last.end - last.group_start) as u64) as usize;
            let to = (from + 1 + luck.below(60) as usize).min(last.end);
            holes = bytes[from..to].iter().filter(|byte| **byte != 0).count();
            bytes[from..to].fill(0);
        });
        if holes > 0 {
            opens_with(torn, &frames, whole).await;
        }
    }
}

#[tokio::test]
async fn garbage_after_the_tail() {
    let (disk, frames) = killed(3, 2).await;
    let end = frames.last().unwrap().end;
    for seed in 0..60 {
        let luck = SeededEntropy::new(seed);
        let dirty = disk.copy();
        dirty.change(&last_segment(&disk), |bytes| {
            let from = end + luck.below(3) as usize * luck.below(5000) as usize;
            let to = from + 1 + luck.below(3000) as usize;
            bytes.resize(bytes.len().max(to), 0);
            bytes[from..to].iter_mut().for_each(|byte| *byte = luck.next() as u8);
            bytes[to - 1] |= 1;
        });
        opens_with(dirty, &frames, |_| true).await;
    }
}

/// A crash between two cuts at one byte, or a second torn tail there: neither copy replaces the other.
#[tokio::test]
async fn two_tails_torn_at_one_byte_are_both_kept() {
    let (disk, frames) = killed(2, 1).await;
    let end = frames.last().unwrap().end;
    for text in [&b"first"[..], b"first", b"second"] {
        disk.change(&last_segment(&disk), |bytes| bytes[end..end + text.len()].copy_from_slice(text));
        let rig = Rig::on(disk.clone(), roomy());
        assert_eq!(rig.start().tail(), Position(2));
        rig.stop();
        unmark(&disk);
    }
    assert_eq!(aside(&disk), b"second".iter().chain(b"first").copied().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_quiet_log_marks_its_last_group() {
    let (rig, mut witness) = (Rig::with(roomy()), Witness::default());
    let log = rig.start();
    for count in 1..4 {
        witness.send(&*log, 1, 30).await.unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while rig.faults.count(Call::Mark) < count {
            assert!(Instant::now() < until, "no mark");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let marks =
        |disk: &MemoryDisk| frames(&disk.bytes(&last_segment(disk))).iter().filter(|f| f.is_mark).count();
    rig.stop();
    assert_eq!(marks(&rig.disk), 3, "one for each spell, none at the end of a log that has one");
    witness.check(&*rig.start()).await;
}

#[tokio::test]
async fn a_marked_group_is_never_taken_for_torn() {
    let (rig, mut witness) = (Rig::with(roomy()), Witness::default());
    let log = rig.start();
    for _ in 0..3 {
        witness.send(&*log, 2, 30).await.unwrap();
    }
    rig.stop();
    let all = frames(&rig.disk.bytes(&last_segment(&rig.disk)));
    let mark = *all.last().unwrap();
    assert!(mark.is_mark && mark.position == 6);
    let last = all[all.len() - 2];
    for at in last.at..last.end {
        let damaged = Rig::on(rig.disk.copy(), roomy());
        damaged.disk.change(&last_segment(&rig.disk), |bytes| bytes[at] ^= 0x40);
        let log = damaged.start();
        let ranges: Vec<_> = log.status().quarantined.iter().map(|r| (r.from.0, r.to.0)).collect();
        assert_eq!((log.tail(), &ranges[..]), (Position(6), &[(5, 6)][..]), "byte {at}");
        assert_eq!(read_all(&*log, 500).await.len(), 5);
        assert_eq!(damaged.disk.names(), rig.disk.names(), "nothing is cut");
    }
}

#[tokio::test]
async fn a_last_record_that_ends_in_zeros_is_no_torn_tail() {
    for zeros in 1..40 {
        let rig = Rig::new();
        let log = rig.start();
        let mut body = b"ends in zeros".to_vec();
        body.resize(body.len() + zeros, 0);
        let receipt = store(&*log, Sent::new(body.clone())).await;
        // No mark follows: the process dies at once.
        rig.faults.kill();
        rig.stop();
        let log = Rig::on(rig.disk.copy(), rig.config).start();
        let read = read_all(&*log, 1000).await;
        assert_eq!(
            read.iter().map(|r| (r.receipt, &r.bytes[..])).collect::<Vec<_>>(),
            [(receipt, &body[..])]
        );
    }
}
