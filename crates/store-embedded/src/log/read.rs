//! Reading records from segments by position and by stream. Every record's checksum is verified on the way.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tidegate_domain::filter::Order;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{Page, QuarantinedRange, Stored};

use super::frame::{HEADER_BYTES, Header, Meta};
use super::index::Index;
use super::segment::{DATA_START, Segment, segment_name};
use super::shared::Shared;

/// Most bytes read at once: a page may be shorter than asked for.
const CHUNK_MAX_BYTES: u64 = 4 << 20;

/// Records from position `from` on, about `max_bytes` of them.
pub(super) fn read(shared: &Shared, from: u64, max_bytes: usize) -> io::Result<Page> {
    let segments = shared.segments();
    let mut from = from;
    while let Some(segment) = segments.iter().find(|s| s.end() > from) {
        from = from.max(segment.header.first);
        let until = segment.end();
        let offsets = offsets(segment, from, until)?;
        let records = read_run(shared, segment, from, &offsets, max_bytes)?;
        let next = records.last().map_or(until, |r: &Stored| r.receipt.position.0 + 1);
        if !records.is_empty() {
            return Ok(Page { records, next: Some(Position(next)) });
        }
        // Everything left of this segment is damaged.
        from = next;
    }
    Ok(Page { records: Vec::new(), next: Some(Position(from.min(shared.tail()))) })
}

/// The records at `positions`; damaged and absent ones are left out.
pub(super) fn get(shared: &Shared, positions: impl Iterator<Item = u64>) -> io::Result<Vec<Stored>> {
    let segments = shared.segments();
    let mut found = Vec::new();
    for position in positions {
        let holder = segments.iter().find(|s| s.end() > position && s.header.first <= position);
        if let Some(segment) = holder {
            let offsets = offsets(segment, position, position + 2)?;
            found.extend(read_run(shared, segment, position, &offsets[..1], 1)?);
        }
    }
    Ok(found)
}

/// At most `max` records of `stream` from `from` on.
pub(super) fn find(shared: &Shared, stream: u64, from: u64, order: Order, max: usize) -> io::Result<Page> {
    let segments = shared.segments();
    let mut positions: Vec<u64> = Vec::new();
    let mut visit = |segment: &Arc<Segment>| -> io::Result<bool> {
        let wanted = (max + 1).saturating_sub(positions.len());
        positions.extend(match &*segment.index() {
            Index::Live(live) => live.find(stream, from, order, wanted),
            Index::Sealed(sealed) => sealed.find(stream, from, order, wanted)?,
        });
        Ok(positions.len() > max)
    };
    match order {
        Order::Asc => {
            for segment in segments.iter().filter(|s| s.end() > from) {
                if visit(segment)? {
                    break;
                }
            }
        }
        Order::Desc => {
            for segment in segments.iter().rev().filter(|s| s.header.first <= from) {
                if visit(segment)? {
                    break;
                }
            }
        }
    }
    // A record is indexed a moment before it is visible.
    let tail = shared.tail();
    positions.retain(|position| *position < tail);
    let next = positions.get(max).map(|position| Position(*position));
    positions.truncate(max);
    Ok(Page { records: get(shared, positions.into_iter())?, next })
}

/// The bytes of the frames at `from..to`, as far as the segment holds them.
fn offsets(segment: &Segment, from: u64, to: u64) -> io::Result<Vec<u32>> {
    match &*segment.index() {
        Index::Live(live) => Ok((from..to.min(live.end())).map(|p| live.offset(p).unwrap_or(0)).collect()),
        Index::Sealed(sealed) => sealed.offsets(from, to),
    }
}

/// Reads the frames at `offsets` (of positions `from`, `from + 1`, …) with one read, about `max_bytes` of them.
fn read_run(shared: &Shared, segment: &Segment, from: u64, offsets: &[u32], max_bytes: usize) -> io::Result<Vec<Stored>> {
    let Some(start) = offsets.iter().find(|o| **o != 0).map(|o| u64::from(*o)) else { return Ok(Vec::new()) };
    let mut header = [0; HEADER_BYTES];
    segment.file.read_exact_at(&mut header, start)?;
    let first_len = Header::read(&header, segment.header.salt).map_or(0, |h| HEADER_BYTES as u64 + u64::from(h.len));
    let wanted = (max_bytes as u64).clamp(first_len, CHUNK_MAX_BYTES.max(first_len));
    let available = segment.file.size()?.saturating_sub(start);
    let mut bytes = vec![0; wanted.min(available) as usize];
    segment.file.read_exact_at(&mut bytes, start)?;
    let bytes = Bytes::from(bytes);

    let mut records = Vec::new();
    for (position, offset) in (from..).zip(offsets) {
        if *offset == 0 {
            continue;
        }
        match record(&bytes, u64::from(*offset) - start, segment.header.salt, position) {
            Frame::Whole(stored) => records.push(stored),
            Frame::Cut if records.is_empty() => damaged(shared, segment, position),
            Frame::Cut => break,
            Frame::Damaged => damaged(shared, segment, position),
        }
    }
    Ok(records)
}

enum Frame {
    Whole(Stored),
    /// Reaches beyond the bytes at hand.
    Cut,
    Damaged,
}

fn record(bytes: &Bytes, at: u64, salt: u64, position: u64) -> Frame {
    let at = at as usize;
    if at + HEADER_BYTES > bytes.len() {
        return Frame::Cut;
    }
    let Some(header) = Header::read(&bytes[at..], salt).filter(|h| h.position == position) else {
        return Frame::Damaged;
    };
    let (start, end) = (at + HEADER_BYTES, at + HEADER_BYTES + header.len as usize);
    if end > bytes.len() {
        return Frame::Cut;
    }
    let payload = &bytes[start..end];
    if crc32c::crc32c(payload) != header.crc {
        return Frame::Damaged;
    }
    match Meta::read(payload) {
        Some((_, body)) => Frame::Whole(Stored { receipt: header.receipt(), bytes: bytes.slice(start + body..end) }),
        None => Frame::Damaged,
    }
}

fn damaged(shared: &Shared, segment: &Segment, position: u64) {
    let reason = format!("a record of {} reads back damaged (data starts at byte {DATA_START})", segment_name(segment.header.first));
    shared.quarantine(QuarantinedRange { from: Position(position), to: Position(position + 1), reason });
}
