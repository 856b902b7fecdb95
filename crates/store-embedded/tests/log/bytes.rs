//! The format of a segment, read a second time from its description in `log/mod.rs`, without the log's own code.

use tidegate_simulator::memory_disk::MemoryDisk;

/// Where a segment's frames begin.
pub(crate) const DATA_START: usize = 128;
/// Bytes of a frame's header.
pub(crate) const HEADER: usize = 32;

/// A frame of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) at: usize,
    pub(crate) end: usize,
    pub(crate) position: u64,
    pub(crate) group_start: usize,
    pub(crate) group_end: bool,
    pub(crate) is_mark: bool,
}

fn number(bytes: &[u8], at: usize, len: usize) -> u64 {
    bytes[at..at + len].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The frames of a segment, up to its zeros.
pub(crate) fn frames(segment: &[u8]) -> Vec<Frame> {
    let (mut frames, mut at) = (Vec::new(), DATA_START);
    while segment.len() >= at + HEADER && segment[at..at + HEADER].iter().any(|b| *b != 0) {
        let len = number(segment, at, 4);
        let payload = (len & 0x7fff_ffff) as usize;
        let (position, group_start) = (number(segment, at + 8, 8), number(segment, at + 24, 4) as usize);
        let end = at + HEADER + payload;
        let frame =
            Frame { at, end, position, group_start, group_end: len >> 31 == 1, is_mark: payload == 0 };
        frames.push(frame);
        at = end;
    }
    frames
}

/// The names of a log's segments, oldest first.
pub(crate) fn segments(disk: &MemoryDisk) -> Vec<String> {
    disk.names().into_iter().filter(|name| name.ends_with(".seg")).collect()
}

/// The name of its last segment.
pub(crate) fn last_segment(disk: &MemoryDisk) -> String {
    segments(disk).pop().unwrap()
}

/// Takes the mark off the end of the last segment, as if the process had died right after its last group.
pub(crate) fn unmark(disk: &MemoryDisk) {
    disk.change(&last_segment(disk), |bytes| {
        if let Some(mark) = frames(bytes).last().filter(|frame| frame.is_mark) {
            bytes[mark.at..mark.end].fill(0);
        }
    });
}
