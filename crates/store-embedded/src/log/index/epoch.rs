//! Filters over the keys of many full segments at once, so that a stranger costs a few questions, not one a segment.
//!
//! An epoch takes in the hashes of segments' keys, as they are sealed or opened, until it is full; each has room for twice
//! as many as the one before, up to a limit. So a small log stays small, and a log of ten million events has six
//! epochs where it has forty segments. An epoch says only "none of mine has it"; else its segments are asked.

use std::sync::{Arc, Mutex, PoisonError};

use super::filter::Filter;

/// Hashes that the first epoch has room for, and the most that any has: 400 kB and 25 MB of memory.
const ROOM_FIRST: usize = 1 << 18;
const ROOM_MAX: usize = 1 << 24;

/// The hashes of some full segments.
pub(crate) struct Epoch(Filter);

impl Epoch {
    /// False only if none of its segments knows `hash`.
    pub(crate) fn may_hold(&self, hash: u64) -> bool {
        self.0.may_hold(hash)
    }
}

/// The epoch that takes in segments now.
#[derive(Default)]
pub(crate) struct Epochs(Mutex<Current>);

#[derive(Default)]
struct Current {
    epoch: Option<Arc<Epoch>>,
    room: usize,
    used: usize,
}

impl Epochs {
    /// Takes in the hashes of a segment, all into the epoch that is returned.
    pub(crate) fn enter(&self, hashes: impl ExactSizeIterator<Item = u64>) -> Arc<Epoch> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let epoch = current.with_room_for(hashes.len());
        hashes.for_each(|hash| epoch.0.insert(hash));
        epoch
    }
}

impl Current {
    fn with_room_for(&mut self, count: usize) -> Arc<Epoch> {
        if let Some(epoch) = self.epoch.as_ref().filter(|_| self.used + count <= self.room) {
            self.used += count;
            return Arc::clone(epoch);
        }
        self.room = (self.room * 2).clamp(ROOM_FIRST, ROOM_MAX).max(count);
        self.used = count;
        let epoch = Arc::new(Epoch(Filter::with_room(self.room)));
        self.epoch = Some(Arc::clone(&epoch));
        epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_segment_is_in_one_epoch_and_epochs_grow() {
        let epochs = Epochs::default();
        let segment = |number: usize| -> Vec<u64> {
            (0..100_000)
                .map(|n| (number * 100_000 + n) as u64)
                .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
                .collect()
        };
        let entered: Vec<_> = (0..30).map(|number| epochs.enter(segment(number).into_iter())).collect();
        for (number, epoch) in entered.iter().enumerate() {
            assert!(segment(number).iter().all(|hash| epoch.may_hold(*hash)), "segment {number}");
        }
        let mut sizes = vec![1];
        for pair in entered.windows(2) {
            match Arc::ptr_eq(&pair[0], &pair[1]) {
                true => *sizes.last_mut().unwrap() += 1,
                false => sizes.push(1),
            }
        }
        assert_eq!(sizes, [2, 5, 10, 13]);
        let strangers = segment(77);
        let false_alarms = strangers.iter().filter(|hash| entered[0].may_hold(**hash)).count();
        assert!(false_alarms < 1_500, "{false_alarms} of 100000");
    }

    #[test]
    fn a_segment_larger_than_any_epoch_gets_one_of_its_size() {
        let mut current = Current::default();
        current.with_room_for(ROOM_MAX + 1);
        assert_eq!(current.room, ROOM_MAX + 1);
    }
}
