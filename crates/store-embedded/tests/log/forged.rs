//! Bytes inside an event never become an event.

use tidegate_domain::id::Position;
use tidegate_domain::ports::EventLog;
use tidegate_testkit::event_log::{Sent, append, read_all, store};

use crate::bytes::{DATA_START, frames, last_segment, unmark};
use crate::rig::{Rig, roomy};

/// The frames that another log, with another salt, wrote for records at positions 0 to 19.
async fn foreign_frames() -> Vec<u8> {
    let rig = Rig::with(roomy());
    rig.disk.put("x", b"");
    let rig = Rig::on(rig.disk, roomy());
    let log = rig.start();
    for _ in 0..20 {
        store(&*log, Sent::new("forged")).await;
    }
    rig.stop();
    let bytes = rig.disk.bytes(&last_segment(&rig.disk));
    let end = frames(&bytes).last().unwrap().end;
    bytes[DATA_START..end].to_vec()
}

/// A client puts frames of another log, with the positions that come next, into its event. Then the event's own
/// header is damaged, so that the search for the next frame walks through them.
#[tokio::test]
async fn frames_inside_an_event_are_never_taken_for_frames() {
    let forged = foreign_frames().await;
    for torn in [true, false] {
        let rig = Rig::with(roomy());
        let log = rig.start();
        store(&*log, Sent::new("before")).await;
        append(&*log, &[Sent::new(forged.clone())]).await;
        if !torn {
            append(&*log, &[Sent::new("after")]).await;
        }
        rig.stop();
        unmark(&rig.disk);
        let name = last_segment(&rig.disk);
        let hidden = frames(&rig.disk.bytes(&name))[1];
        rig.disk.change(&name, |bytes| bytes[hidden.at + 28] ^= 1);
        let log = rig.start();
        let read: Vec<_> = read_all(&*log, 10_000).await.into_iter().map(|r| r.bytes).collect();
        if torn {
            assert_eq!(read, ["before"]);
            assert_eq!(log.tail(), Position(1));
        } else {
            assert_eq!(read, ["before", "after"]);
            let damaged: Vec<_> = log.status().quarantined.iter().map(|r| (r.from.0, r.to.0)).collect();
            assert_eq!(damaged, [(1, 2)]);
        }
    }
}

/// The same, with frames copied from the very segment: right salt, right checksums, but of a place in the file that
/// is not theirs.
#[tokio::test]
async fn frames_copied_from_the_same_segment_are_not_frames_elsewhere() {
    let rig = Rig::with(roomy());
    let log = rig.start();
    for number in 0..4u8 {
        store(&*log, Sent::new(vec![number; 50])).await;
    }
    rig.stop();
    unmark(&rig.disk);
    let name = last_segment(&rig.disk);
    let all = frames(&rig.disk.bytes(&name));
    // The last record is followed by a copy of each; none continues the log.
    for copied in &all {
        let harmed = Rig::on(rig.disk.copy(), roomy());
        harmed.disk.change(&name, |bytes| bytes.copy_within(copied.at..copied.end, all[3].end));
        assert_eq!(read_all(&*harmed.start(), 1000).await.len(), 4);
    }
}
