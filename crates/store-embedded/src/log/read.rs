//! What readers ask for: records from a position on, at some positions, or of a stream.

use std::io;

use tidegate_domain::filter::Order;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{Page, Stored};

use super::fetch::{GUESS_BYTES, fetch};
use super::frame::FRAME_MIN_BYTES;
use super::segment::Segment;
use super::shared::Shared;

/// Most bytes read at once: a page may be shorter than asked for.
const CHUNK_MAX_BYTES: u64 = 4 << 20;

/// Records from position `from` on, about `max_bytes` of them.
pub(super) fn read(shared: &Shared, from: u64, max_bytes: usize) -> io::Result<Page> {
    // Taken first: every position below it lies in the segments seen next.
    let tail = shared.tail();
    let segments = shared.segments();
    let chunk = (max_bytes as u64).clamp(FRAME_MIN_BYTES, CHUNK_MAX_BYTES);
    let mut at = from;
    let mut number = segments.partition_point(|s| s.header.first <= from).saturating_sub(1);
    while let Some(segment) = segments.get(number).filter(|_| at < tail) {
        let until = segment.end().min(tail);
        at = at.max(segment.header.first);
        if at >= until {
            number += 1;
            continue;
        }
        let offsets = segment.index().offsets(at, until.min(at + 1 + chunk / FRAME_MIN_BYTES))?;
        let (records, next) = fetch(shared, segment, at, &offsets, chunk)?;
        if !records.is_empty() {
            return Ok(Page { records, next: Some(Position(next)) });
        }
        at = next;
    }
    Ok(Page { records: Vec::new(), next: Some(Position(at)) })
}

/// The records at `positions`; damaged and absent ones are left out.
pub(super) fn get(shared: &Shared, positions: &[Position]) -> io::Result<Vec<Stored>> {
    let tail = shared.tail();
    let segments = shared.segments();
    let mut places = Vec::with_capacity(positions.len());
    for position in positions.iter().map(|position| position.0).filter(|position| *position < tail) {
        let number = segments.partition_point(|s| s.header.first <= position);
        if let Some(number) = number.checked_sub(1) {
            places.extend(Place::find(&segments[number], position)?);
        }
    }
    // What lies far apart on a disk is fetched together, not one after the other.
    if places.len() > 1 {
        places.iter().for_each(|place| place.segment.file.will_need(u64::from(place.offset), place.bytes));
    }
    let mut found = Vec::with_capacity(places.len());
    for place in places {
        found.extend(fetch(shared, place.segment, place.position, &[place.offset], place.bytes)?.0);
    }
    Ok(found)
}

/// Where a record lies, and about how many bytes it has.
struct Place<'a> {
    segment: &'a Segment,
    position: u64,
    offset: u32,
    bytes: u64,
}

impl<'a> Place<'a> {
    /// `None` for a record that is absent or known to be damaged.
    fn find(segment: &'a Segment, position: u64) -> io::Result<Option<Self>> {
        let (offset, bytes) = match segment.index().offsets(position, position + 2)?[..] {
            [] | [0, ..] => return Ok(None),
            [this, next] if next > this => (this, u64::from(next - this)),
            [this, ..] => (this, GUESS_BYTES),
        };
        Ok(Some(Self { segment, position, offset, bytes }))
    }
}

/// At most `max` records of `stream` from `from` on.
pub(super) fn find(shared: &Shared, stream: u64, from: u64, order: Order, max: usize) -> io::Result<Page> {
    // A record is indexed a moment before it is visible.
    let Some(newest) = shared.tail().checked_sub(1) else { return Ok(Page::default()) };
    let segments = shared.segments();
    let after = segments.partition_point(|s| s.header.first <= from.min(newest));
    let mut positions: Vec<Position> = Vec::new();
    let mut visit = |segment: &Segment, from| -> io::Result<bool> {
        let wanted = (max.saturating_add(1)).saturating_sub(positions.len());
        let found = segment.index().find(stream, from, order, wanted)?;
        positions.extend(found.into_iter().filter(|position| *position <= newest).map(Position));
        Ok(positions.len() > max)
    };
    match order {
        Order::Asc => {
            for segment in &segments[after.saturating_sub(1)..] {
                if visit(segment, from)? {
                    break;
                }
            }
        }
        Order::Desc => {
            for segment in segments[..after].iter().rev() {
                if visit(segment, from.min(newest))? {
                    break;
                }
            }
        }
    }
    let next = positions.get(max).copied();
    positions.truncate(max);
    Ok(Page { records: get(shared, &positions)?, next })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tidegate_domain::ports::EventLog;
    use tidegate_testkit::event_log::{PROJECT, Sent, append};
    use tidegate_testkit::world::{ManualClock, SeededEntropy};

    use super::*;
    use crate::disk::RealDisk;
    use crate::log::frame::Meta;
    use crate::log::index::{Index, KeyEntry};
    use crate::log::{LogConfig, SegmentLog};

    #[tokio::test]
    async fn a_record_that_is_indexed_but_not_visible_changes_no_answer() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Box::new(RealDisk::open(dir.path()).unwrap());
        let entropy = Arc::new(SeededEntropy::new(1));
        let log =
            SegmentLog::open(disk, LogConfig::default(), Arc::<ManualClock>::default(), entropy).unwrap();
        let stored = append(&log, &[Sent::new("0"), Sent::new("1"), Sent::new("2")]).await;
        assert_eq!(stored.len(), 3);
        if let Index::Live(live) = &mut *log.shared.segments()[0].index_mut() {
            let meta = Meta { project: PROJECT, session: None, key: None, fingerprint: None };
            let recorded_at = live.last_recorded_at();
            live.push(4000, &meta, KeyEntry { digest: 0, position: 3, recorded_at, crc: 0 });
        }
        let positions = |page: &Page| page.records.iter().map(|r| r.receipt.position.0).collect::<Vec<_>>();
        let newest = log.find(PROJECT, Position(u64::MAX), Order::Desc, 1).await.unwrap();
        assert_eq!((positions(&newest), newest.next), (vec![2], Some(Position(1))));
        let all = log.find(PROJECT, Position(0), Order::Asc, 3).await.unwrap();
        assert_eq!((positions(&all), all.next), (vec![0, 1, 2], None));
        let page = read(&log.shared, 0, 1000).unwrap();
        assert_eq!((positions(&page), page.next), (vec![0, 1, 2], Some(Position(3))));
        assert_eq!(get(&log.shared, &[Position(3)]).unwrap().len(), 0);
        assert!(log.status().quarantined.is_empty());
    }
}
