//! The index of a segment that grows.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use tidegate_domain::filter::Order;
use tidegate_domain::time::UnixMs;

use super::KeyEntry;
use super::keys::Keys;
use crate::log::frame::Meta;

/// Hashes keys that are hashes already: takes their low 64 bits.
#[derive(Default)]
pub(crate) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, value: u128) {
        self.0 = value as u64;
    }
}

/// A map whose keys are cut from SHA-256: uniform, whatever clients choose.
pub(crate) type KeyMap = HashMap<u128, KeyEntry, BuildHasherDefault<AsIs>>;

/// Where everything lies in a segment that grows.
pub(crate) struct LiveIndex {
    first: u64,
    /// Byte of each position's frame; 0 if damaged.
    pub(super) offsets: Vec<u32>,
    /// Positions, less `first`, of each stream.
    // Clients choose session names, so this map keeps the standard, keyed hasher.
    pub(super) postings: HashMap<u64, Vec<u32>>,
    /// Keys and fingerprints.
    pub(super) keys: Keys,
    pub(super) last_recorded_at: UnixMs,
}

impl LiveIndex {
    pub(crate) fn new(first: u64) -> Self {
        Self {
            first,
            offsets: Vec::new(),
            postings: HashMap::new(),
            keys: Keys::default(),
            last_recorded_at: UnixMs(i64::MIN),
        }
    }

    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    pub(crate) fn end(&self) -> u64 {
        self.first + self.offsets.len() as u64
    }

    pub(crate) fn last_recorded_at(&self) -> UnixMs {
        self.last_recorded_at
    }

    /// Takes in the frame of the next position.
    pub(crate) fn push(&mut self, offset: u32, meta: &Meta, entry: KeyEntry) {
        let relative = self.offsets.len() as u32;
        self.offsets.push(offset);
        self.postings.entry(meta.project).or_default().push(relative);
        // A session whose hash is its project's would be listed twice.
        if let Some(session) = meta.session.filter(|session| *session != meta.project) {
            self.postings.entry(session).or_default().push(relative);
        }
        if let Some(key) = meta.key {
            self.keys.insert(key.hash, KeyEntry { digest: key.digest, ..entry });
        }
        if let Some(fingerprint) = meta.fingerprint {
            self.keys.insert(fingerprint.hash, KeyEntry { digest: 0, ..entry });
        }
        self.last_recorded_at = self.last_recorded_at.max(entry.recorded_at);
    }

    /// Counts `count` positions whose frames are damaged.
    pub(crate) fn skip(&mut self, count: u64) {
        self.offsets.extend(std::iter::repeat_n(0, count as usize));
    }

    /// The bytes of the frames at `from..to`, as far as they are here; 0 for damaged ones.
    pub(crate) fn offsets(&self, from: u64, to: u64) -> Vec<u32> {
        let at = |position: u64| (position.clamp(self.first, self.end()) - self.first) as usize;
        self.offsets[at(from)..at(to).max(at(from))].to_vec()
    }

    pub(crate) fn key(&self, hash: u128) -> Option<KeyEntry> {
        self.keys.get(hash)
    }

    /// At most `max` positions of `stream` from `from` on in direction `order`.
    pub(crate) fn find(&self, stream: u64, from: u64, order: Order, max: usize) -> Vec<u64> {
        let Some(list) = self.postings.get(&stream) else { return Vec::new() };
        let absolute = |relative: &u32| self.first + u64::from(*relative);
        match order {
            Order::Asc => {
                let start = list.partition_point(|p| absolute(p) < from);
                list[start..].iter().take(max).map(absolute).collect()
            }
            Order::Desc => {
                let end = list.partition_point(|p| absolute(p) <= from);
                list[..end].iter().rev().take(max).map(absolute).collect()
            }
        }
    }
}
