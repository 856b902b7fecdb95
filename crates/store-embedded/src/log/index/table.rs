//! A sorted table of fixed-size entries in a file, with fences in memory: one small read a look-up.

use std::io;

use crate::disk::DiskFile;
use crate::log::frame::u64_at;

/// Entries between two fences.
const STRIDE: u64 = 128;

/// Entries of `entry_bytes` bytes, sorted by the 64-bit prefix at `prefix_at` in each.
pub(crate) struct Table {
    offset: u64,
    count: u64,
    entry_bytes: usize,
    prefix_at: usize,
    /// Prefix of every [`STRIDE`]th entry.
    fences: Vec<u64>,
}

impl Table {
    /// The table at `offset` of a file; `bytes` are its entries, read once to set the fences.
    pub(crate) fn new(offset: u64, bytes: &[u8], entry_bytes: usize, prefix_at: usize) -> Self {
        let fences =
            bytes.chunks_exact(entry_bytes).step_by(STRIDE as usize).map(|e| u64_at(e, prefix_at)).collect();
        Self { offset, count: (bytes.len() / entry_bytes) as u64, entry_bytes, prefix_at, fences }
    }

    /// The first entry with this prefix that `wanted` accepts.
    pub(crate) fn find<T>(
        &self,
        file: &dyn DiskFile,
        prefix: u64,
        wanted: impl Fn(&[u8]) -> Option<T>,
    ) -> io::Result<Option<T>> {
        // The first entry with the prefix may lie in the block before the first fence that has it.
        let mut block = self.fences.partition_point(|fence| *fence < prefix).saturating_sub(1) as u64;
        while block * STRIDE < self.count {
            let entries = (self.count - block * STRIDE).min(STRIDE) as usize;
            let mut bytes = vec![0; entries * self.entry_bytes];
            file.read_exact_at(&mut bytes, self.offset + block * STRIDE * self.entry_bytes as u64)?;
            for entry in bytes.chunks_exact(self.entry_bytes) {
                match u64_at(entry, self.prefix_at) {
                    found if found > prefix => return Ok(None),
                    found if found == prefix => {
                        if let Some(value) = wanted(entry) {
                            return Ok(Some(value));
                        }
                    }
                    _ => {}
                }
            }
            block += 1;
        }
        Ok(None)
    }
}
