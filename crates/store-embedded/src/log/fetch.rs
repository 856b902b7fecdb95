//! Fetching frames from a segment's file. Every record's checksum is verified on the way; one that does not hold is
//! reported as damaged and left out.

use std::io;

use bytes::Bytes;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{QuarantinedRange, Stored};

use super::frame::{HEADER_BYTES, Header, Meta};
use super::segment::{Segment, segment_name};
use super::shared::Shared;
use crate::disk::DiskFile;

/// Bytes read for a record whose length is not known yet.
pub(super) const GUESS_BYTES: u64 = 4096;

/// True if the frame of `position` at byte `offset` is there and its checksums hold.
pub(super) fn is_whole(file: &dyn DiskFile, salt: u64, offset: u32, position: u64) -> io::Result<bool> {
    let mut need = GUESS_BYTES;
    loop {
        let bytes = read_some(file, u64::from(offset), need)?;
        match frame(&bytes, 0, salt, position) {
            Frame::Whole(_) => return Ok(true),
            Frame::Cut(bytes_needed) if bytes.len() as u64 == need => need = bytes_needed,
            Frame::Cut(_) | Frame::Damaged => return Ok(false),
        }
    }
}

/// Reads the frames at `offsets` (of positions `from`, `from + 1`, …; 0 is known to be damaged) with one read of
/// about `chunk` bytes. Returns the good ones, and the position after the last that was looked at: at least one was.
pub(super) fn fetch(
    shared: &Shared,
    segment: &Segment,
    from: u64,
    offsets: &[u32],
    chunk: u64,
) -> io::Result<(Vec<Stored>, u64)> {
    let end = from + offsets.len() as u64;
    let Some(start) = offsets.iter().find(|o| **o != 0).map(|o| u64::from(*o)) else {
        return Ok((Vec::new(), end));
    };
    let mut need = chunk;
    loop {
        let bytes = read_some(segment.file.as_ref(), start, need)?;
        let (mut records, mut looked_at) = (Vec::new(), 0);
        for (position, offset) in (from..).zip(offsets).filter(|(_, offset)| **offset != 0) {
            match frame(
                &bytes,
                u64::from(*offset).saturating_sub(start) as usize,
                segment.header.salt,
                position,
            ) {
                Frame::Whole(stored) => records.push(stored),
                Frame::Damaged => damaged(shared, segment, position),
                // The file ends in the middle of a record.
                Frame::Cut(_) if (bytes.len() as u64) < need => damaged(shared, segment, position),
                Frame::Cut(bytes_needed) if looked_at == 0 => {
                    need = bytes_needed;
                    break;
                }
                Frame::Cut(_) => return Ok((records, position)),
            }
            looked_at += 1;
        }
        if looked_at > 0 {
            return Ok((records, end));
        }
    }
}

/// The bytes of `file` from `start` on, `wanted` of them or as many as there are.
fn read_some(file: &dyn DiskFile, start: u64, wanted: u64) -> io::Result<Bytes> {
    let available = file.size()?.saturating_sub(start);
    let mut bytes = vec![0; wanted.min(available) as usize];
    file.read_exact_at(&mut bytes, start)?;
    Ok(Bytes::from(bytes))
}

enum Frame {
    Whole(Stored),
    /// Reaches beyond the bytes at hand, which must be this many.
    Cut(u64),
    Damaged,
}

fn frame(bytes: &Bytes, at: usize, salt: u64, position: u64) -> Frame {
    let start = at + HEADER_BYTES;
    if start > bytes.len() {
        return Frame::Cut(start as u64);
    }
    let Some(header) = Header::read(&bytes[at..], salt).filter(|h| h.position == position && !h.is_mark())
    else {
        return Frame::Damaged;
    };
    let end = start + header.len as usize;
    if end > bytes.len() {
        return Frame::Cut(end as u64);
    }
    let payload = &bytes[start..end];
    match Meta::read(payload).filter(|_| crc32c::crc32c(payload) == header.crc) {
        Some((_, body)) => {
            Frame::Whole(Stored { receipt: header.receipt(), bytes: bytes.slice(start + body..end) })
        }
        None => Frame::Damaged,
    }
}

fn damaged(shared: &Shared, segment: &Segment, position: u64) {
    let reason = format!("records of {} read back damaged", segment_name(segment.header.first));
    shared.quarantine(QuarantinedRange { from: Position(position), to: Position(position + 1), reason });
}
