//! The log over damaged files: it opens or refuses in plain words, gives back only what was written, and goes on.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use tidegate_domain::id::Position;
use tidegate_simulator::memory_disk::MemoryDisk;
use tidegate_store_embedded::log::inspect;
use tidegate_testkit::event_log::{Sent, append, read_all, store};

use crate::place::Choices;
use crate::stepped_log::{LogSizes, SteppedLog};

/// So small that a few records go through several segments, each full one with its index.
const SMALL: LogSizes = LogSizes { segment_bytes: 2048, segment_records: 16 };
/// Records of the log before it is damaged.
const RECORDS: u64 = 44;
/// Most changes to the files.
const CHANGES_MAX: usize = 12;
/// Bytes of a segment before its first frame, and of a frame's header: `log/mod.rs`.
const DATA_START: usize = 128;
const HEADER: usize = 32;

thread_local! {
    static WHOLE: MemoryDisk = whole();
}

/// The log's records by position.
type Records = BTreeMap<u64, Vec<u8>>;

/// Opens a log after the changes that the input names.
pub fn frames(data: &[u8]) {
    let disk = WHOLE.with(MemoryDisk::copy);
    let is_forged = change(&disk, &mut Choices(data));
    inspect(&disk).expect("memory can be read");
    let log = match SteppedLog::open(disk.clone(), SMALL) {
        Ok(log) => log,
        Err(refused) => return assert!(!refused.to_string().is_empty()),
    };
    let found = records(&log);
    if !is_forged {
        for (position, bytes) in &found {
            assert_eq!(*bytes, body(*position), "position {position} holds what was written there");
        }
    }
    if data.is_empty() {
        assert_eq!(found.len() as u64, RECORDS, "nothing is lost without damage");
    }
    let added = now(store(&log, Sent::new("added").key(7000, 1)));
    drop(log);
    let log = SteppedLog::open(disk.clone(), SMALL).expect("a log that opened opens again");
    let mut expected = found;
    expected.insert(added.position.0, b"added".to_vec());
    assert_eq!(records(&log), expected, "the same records after another start");
    assert!(log_tail(&log) > added.position);
    inspect(&disk).expect("memory can be read");
}

fn log_tail(log: &SteppedLog) -> Position {
    tidegate_domain::ports::EventLog::tail(log)
}

/// The result of a future that never waits: all is in memory, and every step is done by who asks for it.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing to wait for")
}

fn records(log: &SteppedLog) -> Records {
    let all = now(read_all(log, 700));
    assert!(all.is_sorted_by(|a, b| a.receipt.position < b.receipt.position), "in order, none twice");
    all.into_iter().map(|record| (record.receipt.position.0, record.bytes.to_vec())).collect()
}

fn body(position: u64) -> Vec<u8> {
    format!("record {position} ").repeat(1 + position as usize % 9).into_bytes()
}

/// A log of several full segments and one that is being written.
fn whole() -> MemoryDisk {
    let disk = MemoryDisk::default();
    let log = SteppedLog::open(disk.clone(), SMALL).expect("an empty directory is a log");
    let all: Vec<_> = (0..RECORDS).map(|n| Sent::new(body(n)).session(n % 3).key(n, 1)).collect();
    for group in all.chunks(3) {
        now(append(&log, group));
    }
    log.rest();
    disk
}

/// Makes the changes; true if bytes may now say anything, checksums included.
fn change(disk: &MemoryDisk, from: &mut Choices<'_>) -> bool {
    let mut is_forged = false;
    for _ in 0..CHANGES_MAX {
        let names = disk.names();
        if from.is_at_end() || names.is_empty() {
            break;
        }
        let (kind, name) = (from.byte() % 9, &names[from.below(names.len())]);
        match kind {
            0 => disk.change(name, |bytes| flip(bytes, from)),
            1 => disk.change(name, |bytes| bytes.truncate(from.below(bytes.len() + 1))),
            2 => disk.change(name, |bytes| zero(bytes, from)),
            3 => disk.change(name, |bytes| copy_within(bytes, from)),
            4 => disk.change(name, |bytes| bytes.resize(bytes.len() + from.below(4096), 0)),
            5 => {
                let other = names[from.below(names.len())].clone();
                disk.put(&other, &disk.bytes(name));
            }
            6 => drop(tidegate_store_embedded::disk::Disk::remove(disk, name)),
            7 => {
                is_forged = true;
                disk.change(name, |bytes| overwrite(bytes, from));
            }
            _ => {
                is_forged = true;
                disk.change(name, |bytes| forge(bytes, from));
            }
        }
    }
    is_forged
}

fn flip(bytes: &mut [u8], from: &mut Choices<'_>) {
    let at = from.below(bytes.len());
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= from.byte();
    }
}

fn zero(bytes: &mut [u8], from: &mut Choices<'_>) {
    let start = from.below(bytes.len());
    let end = (start + from.below(1024)).min(bytes.len());
    bytes[start..end].fill(0);
}

fn copy_within(bytes: &mut [u8], from: &mut Choices<'_>) {
    let (start, to) = (from.below(bytes.len()), from.below(bytes.len()));
    let len = from.below(512).min(bytes.len() - start).min(bytes.len() - to);
    bytes.copy_within(start..start + len, to);
}

fn overwrite(bytes: &mut [u8], from: &mut Choices<'_>) {
    let (at, len) = (from.below(bytes.len()), from.byte());
    let new = from.bytes(len.into());
    let end = (at + new.len()).min(bytes.len());
    bytes[at..end].copy_from_slice(&new[..end - at]);
}

/// Changes a field of a frame's header and makes its checksum right again.
fn forge(bytes: &mut [u8], from: &mut Choices<'_>) {
    let Some(salt) = bytes.get(16..24).map(|salt| u64::from_le_bytes(salt.try_into().unwrap_or_default()))
    else {
        return;
    };
    let mut at = DATA_START;
    for _ in 0..from.below(16) {
        let Some(len) = bytes.get(at..at + 4) else { return };
        let len = u32::from_le_bytes(len.try_into().unwrap_or_default()) & (u32::MAX >> 1);
        at = at.saturating_add(HEADER + len as usize);
    }
    let Some(header) = at.checked_add(HEADER).and_then(|end| bytes.get_mut(at..end)) else { return };
    let (field, len) = (from.below(28), usize::from(from.byte() % 8));
    let new = from.bytes(len.min(28 - field));
    header[field..field + new.len()].copy_from_slice(new);
    let sum = crc32c::crc32c_append(salt as u32 ^ (salt >> 32) as u32, &header[..28]);
    header[28..].copy_from_slice(&sum.to_le_bytes());
}
