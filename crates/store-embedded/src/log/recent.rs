//! The newest groups in memory, so that a reader that keeps up never touches the disk.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use tidegate_domain::ports::{Page, Stored};
use tidegate_domain::{id::Position, time::UnixMs};

use super::frame::receipt;

/// A record inside a group's bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordAt {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) crc: u32,
}

/// One durable write.
pub(super) struct Group {
    pub(super) first: u64,
    pub(super) recorded_at: UnixMs,
    pub(super) bytes: Bytes,
    pub(super) records: Vec<RecordAt>,
}

impl Group {
    fn end(&self) -> u64 {
        self.first + self.records.len() as u64
    }

    fn stored(&self, number: usize) -> Stored {
        let at = self.records[number];
        Stored {
            receipt: receipt(self.first + number as u64, self.recorded_at, at.crc),
            bytes: self.bytes.slice(at.start as usize..at.end as usize),
        }
    }
}

/// The newest groups, at most about `bytes_max` bytes of them.
pub(super) struct Recent {
    groups: VecDeque<Arc<Group>>,
    bytes: usize,
    bytes_max: usize,
}

impl Recent {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { groups: VecDeque::new(), bytes: 0, bytes_max }
    }

    pub(super) fn push(&mut self, group: Arc<Group>) {
        self.bytes += group.bytes.len();
        self.groups.push_back(group);
        while self.bytes > self.bytes_max && self.groups.len() > 1 {
            self.bytes -= self.groups.pop_front().map_or(0, |g| g.bytes.len());
        }
    }

    /// The groups that hold `from` and what follows, about `max_bytes` of them; `None` if `from` is older.
    pub(super) fn groups_from(&self, from: u64, max_bytes: usize) -> Option<Vec<Arc<Group>>> {
        if from < self.groups.front()?.first {
            return None;
        }
        let start = self.groups.partition_point(|group| group.end() <= from);
        let mut bytes = 0;
        let taken = self.groups.range(start..).take_while(|group| {
            let wanted = bytes < max_bytes.max(1);
            bytes += group.bytes.len();
            wanted
        });
        Some(taken.cloned().collect())
    }
}

impl Recent {
    /// The records at `positions`, absent ones left out; `None` if one of them is older than what is here.
    pub(super) fn records(&self, positions: &[Position]) -> Option<Vec<Stored>> {
        let oldest = self.groups.front()?.first;
        if positions.iter().any(|position| position.0 < oldest) {
            return None;
        }
        let stored = |position: &Position| {
            let group = self.groups.get(self.groups.partition_point(|group| group.end() <= position.0))?;
            Some(group.stored((position.0 - group.first) as usize))
        };
        Some(positions.iter().filter_map(stored).collect())
    }
}

/// The records of `groups` from position `from` on, about `max_bytes` of them and at least one.
pub(super) fn page(groups: &[Arc<Group>], from: u64, max_bytes: usize) -> Page {
    let mut records = Vec::new();
    let mut bytes = 0;
    'groups: for group in groups {
        let skip = from.saturating_sub(group.first) as usize;
        for number in skip..group.records.len() {
            if bytes >= max_bytes.max(1) {
                break 'groups;
            }
            let stored = group.stored(number);
            bytes += stored.bytes.len();
            records.push(stored);
        }
    }
    let next = records.last().map_or(Position(from), |last: &Stored| last.receipt.position.next());
    Page { records, next: Some(next) }
}
