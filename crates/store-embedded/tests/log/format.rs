//! The format on disk, pinned: logs that were written must stay readable.

use tidegate_testkit::event_log::{Sent, append};

use crate::bytes::{DATA_START, Frame, frames};
use crate::rig::Rig;

/// If this fails, the format has changed: give it another version, and keep reading this one. (An index of another
/// version is made again from its segment.)
#[tokio::test]
async fn the_same_records_give_the_same_bytes() {
    let rig = Rig::new();
    let log = rig.start();
    let keyed = |number: u64| Sent::new([7; 40]).key(number, 3).session(number % 2).fingerprint(number, 1000);
    // One full segment, and one more record.
    append(&*log, &(0..16).map(keyed).collect::<Vec<_>>()).await;
    append(&*log, &[Sent::new("plain")]).await;
    rig.stop();
    let sum = |name: &str| {
        let bytes = rig.disk.bytes(name);
        // Without the mark, which is there only if there was time for it.
        let end = frames(&bytes).iter().rfind(|frame| !frame.is_mark).map_or(0, |frame| frame.end);
        crc32c::crc32c(if name.ends_with(".seg") { &bytes[..end] } else { &bytes })
    };
    let names = ["00000000000000000000.seg", "00000000000000000000.idx", "00000000000000000016.seg"];
    assert_eq!(names.map(sum), [798_399_465, 1_141_107_526, 1_445_431_707]);
}

/// The description in `log/mod.rs`, byte by byte.
#[tokio::test]
async fn a_segment_is_as_described() {
    let rig = Rig::new();
    let log = rig.start();
    append(&*log, &[Sent::new("first").session(5), Sent::new("second")]).await;
    append(&*log, &[Sent::new("third")]).await;
    rig.stop();
    let bytes = rig.disk.bytes("00000000000000000000.seg");
    assert_eq!((&bytes[..8], bytes.len()), (&b"TGSEG\0\0\x01"[..], 2048));
    assert_eq!(bytes[..64], bytes[64..128], "the header, and the header again");
    let frame = |at: usize, payload: usize, position, group_start, group_end| Frame {
        at,
        end: at + 32 + payload,
        position,
        group_start,
        group_end,
        is_mark: payload == 0,
    };
    let first = frame(DATA_START, 17 + 5, 0, DATA_START, false);
    let second = frame(first.end, 9 + 6, 1, DATA_START, true);
    let third = frame(second.end, 9 + 5, 2, second.end, true);
    let mark = frame(third.end, 0, 3, third.end, true);
    assert_eq!(frames(&bytes), [first, second, third, mark]);
    assert_eq!(&bytes[first.end - 5..first.end], b"first");
    assert!(bytes[mark.end..].iter().all(|byte| *byte == 0));
}
