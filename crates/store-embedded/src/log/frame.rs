//! Frames: how one record lies in a segment. The format is described in [`super`].

use tidegate_domain::dedup::{Fingerprint, Key};
use tidegate_domain::id::{Position, Shard};
use tidegate_domain::ports::{NewRecord, Receipt};
use tidegate_domain::time::UnixMs;

/// Bytes of a frame's header.
pub(super) const HEADER_BYTES: usize = 32;

/// Bytes of the smallest frame with a record: a header and the shortest payload.
pub(super) const FRAME_MIN_BYTES: u64 = HEADER_BYTES as u64 + 9;

const HAS_SESSION: u8 = 1;
const HAS_KEY: u8 = 2;
const HAS_FINGERPRINT: u8 = 4;
const HAS_BALANCE: u8 = 8;
const BALANCE_BYTES: usize = 4;
/// Top bit of the length field: set for the last frame of a group.
const GROUP_END: u32 = 1 << 31;
/// Largest payload, bounded by that bit.
const LEN_MASK: u32 = GROUP_END - 1;

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes of the payload; 0 for a mark.
    pub(super) len: u32,
    /// CRC32C of the payload.
    pub(super) crc: u32,
    pub(super) position: u64,
    pub(super) recorded_at: UnixMs,
    /// Byte of the segment at which its group begins. A valid frame proves that all bytes before that one were
    /// synced.
    pub(super) group_start: u32,
    /// True for the last frame of its group: without it, the group was not written to its end.
    pub(super) group_end: bool,
}

impl Header {
    /// Reads a header; `None` unless its checksum holds under the segment's `salt`.
    pub(super) fn read(bytes: &[u8], salt: u64) -> Option<Self> {
        let bytes = bytes.get(..HEADER_BYTES)?;
        (checksum(&bytes[..28], salt) == u32_at(bytes, 28)).then(|| Self {
            len: u32_at(bytes, 0) & LEN_MASK,
            group_end: u32_at(bytes, 0) & GROUP_END != 0,
            crc: u32_at(bytes, 4),
            position: u64_at(bytes, 8),
            recorded_at: UnixMs(u64_at(bytes, 16) as i64),
            group_start: u32_at(bytes, 24),
        })
    }

    /// Writes the header to the first [`HEADER_BYTES`] of `out`.
    pub(super) fn write(&self, out: &mut [u8], salt: u64) {
        let len = self.len | if self.group_end { GROUP_END } else { 0 };
        out[0..4].copy_from_slice(&len.to_le_bytes());
        out[4..8].copy_from_slice(&self.crc.to_le_bytes());
        out[8..16].copy_from_slice(&self.position.to_le_bytes());
        out[16..24].copy_from_slice(&self.recorded_at.0.to_le_bytes());
        out[24..28].copy_from_slice(&self.group_start.to_le_bytes());
        let sum = checksum(&out[..28], salt);
        out[28..32].copy_from_slice(&sum.to_le_bytes());
    }

    /// True if it has no record: it only says that all bytes before it were synced.
    pub(super) fn is_mark(&self) -> bool {
        self.len == 0
    }

    /// Bytes of the whole frame.
    pub(super) fn frame_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.len)
    }

    /// The receipt of the frame's record.
    pub(super) fn receipt(&self) -> Receipt {
        receipt(self.position, self.recorded_at, self.crc)
    }
}

/// The receipt of a record of the one shard that a directory holds.
pub(super) fn receipt(position: u64, recorded_at: UnixMs, crc: u32) -> Receipt {
    Receipt::new(Shard(0), Position(position), recorded_at, crc)
}

// The salt keeps a frame that a client hides inside its own event from ever being taken for one of ours.
fn checksum(bytes: &[u8], salt: u64) -> u32 {
    crc32c::crc32c_append(salt as u32 ^ (salt >> 32) as u32, bytes)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

fn u128_at(bytes: &[u8], at: usize) -> u128 {
    u128::from(u64_at(bytes, at)) | u128::from(u64_at(bytes, at + 8)) << 64
}

/// What the log itself must know of a record: the first part of a frame's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) project: u64,
    pub(super) session: Option<u64>,
    pub(super) key: Option<Key>,
    pub(super) fingerprint: Option<Fingerprint>,
}

impl Meta {
    pub(super) fn of(record: &NewRecord) -> Self {
        let NewRecord { project, session, key, fingerprint, .. } = *record;
        Self { project, session, key, fingerprint }
    }

    /// Bytes that it takes in a payload.
    pub(super) fn len(&self) -> usize {
        let part = |there: bool, size| if there { size } else { 0 };
        9 + part(self.session.is_some(), 8)
            + part(self.key.is_some(), 24)
            + part(self.fingerprint.is_some(), 20)
    }

    fn write(&self, out: &mut Vec<u8>, mut flags: u8) {
        flags |= if self.session.is_some() { HAS_SESSION } else { 0 };
        flags |= if self.key.is_some() { HAS_KEY } else { 0 };
        flags |= if self.fingerprint.is_some() { HAS_FINGERPRINT } else { 0 };
        out.push(flags);
        out.extend_from_slice(&self.project.to_le_bytes());
        if let Some(session) = self.session {
            out.extend_from_slice(&session.to_le_bytes());
        }
        if let Some(key) = self.key {
            out.extend_from_slice(&key.hash.to_le_bytes());
            out.extend_from_slice(&key.digest.to_le_bytes());
        }
        if let Some(fingerprint) = self.fingerprint {
            out.extend_from_slice(&fingerprint.hash.to_le_bytes());
            out.extend_from_slice(&fingerprint.window_ms.to_le_bytes());
        }
    }

    /// Reads the meta part of a payload whose checksum holds, and says where the record's bytes start.
    pub(super) fn read(payload: &[u8]) -> Option<(Self, usize)> {
        let flags = *payload.first()?;
        let has = |flag| flags & flag != 0;
        let sizes = [(HAS_SESSION, 8), (HAS_KEY, 24), (HAS_FINGERPRINT, 20), (HAS_BALANCE, BALANCE_BYTES)];
        let len = 9 + sizes.iter().filter(|(flag, _)| has(*flag)).map(|(_, size)| size).sum::<usize>();
        let bytes = payload.get(..len)?;
        let mut at = 9;
        let mut take = |size: usize| {
            at += size;
            at - size
        };
        let session = has(HAS_SESSION).then(|| u64_at(bytes, take(8)));
        let key = has(HAS_KEY)
            .then(|| take(24))
            .map(|at| Key { hash: u128_at(bytes, at), digest: u64_at(bytes, at + 16) });
        let fingerprint = has(HAS_FINGERPRINT)
            .then(|| take(20))
            .map(|at| Fingerprint { hash: u128_at(bytes, at), window_ms: u32_at(bytes, at + 16) });
        Some((Self { project: u64_at(bytes, 1), session, key, fingerprint }, len))
    }
}

/// Appends a frame to `out` with room for its header, which only the writer can fill.
/// Returns the payload's checksum. Done by the caller of `append`, in parallel, off the writer's thread.
pub(super) fn prepare(meta: &Meta, record: &[u8], out: &mut Vec<u8>) -> u32 {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    meta.write(out, 0);
    out.extend_from_slice(record);
    crc32c::crc32c(&out[start + HEADER_BYTES..])
}

/// As [`prepare`], for a record that comes from another log: its id shows the checksum `crc`, so the payload gets it.
///
/// A CRC is linear, so four bytes before the record are enough: the wanted difference, taken back through as many zero
/// bytes as follow. After 2^31 - 1 zero bits a CRC32C is where it was: its polynomial is x + 1 times a primitive one of
/// degree 31. Cost: about 20 us.
pub(super) fn prepare_as(meta: &Meta, record: &[u8], crc: u32, out: &mut Vec<u8>) {
    const PERIOD: usize = (1 << 31) - 1;
    let start = out.len();
    if prepare(meta, record, out) == crc {
        return;
    }
    out.truncate(start + HEADER_BYTES);
    meta.write(out, HAS_BALANCE);
    let balance = out.len();
    out.extend_from_slice(&[0; BALANCE_BYTES]);
    out.extend_from_slice(record);
    let difference = crc32c::crc32c(&out[start + HEADER_BYTES..]) ^ crc;
    let back = PERIOD - (record.len() + BALANCE_BYTES) % PERIOD;
    let bytes = crc32c::crc32c_combine(difference, 0, back).to_le_bytes();
    out[balance..balance + BALANCE_BYTES].copy_from_slice(&bytes);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_frame_comes_back_as_it_went(
            project: u64, session: Option<u64>, key: Option<(u128, u64)>, print: Option<(u128, u32)>, group_end: bool,
            body: Vec<u8>, position: u64, ms: i64, group_start: u32, salt: u64,
        ) {
            let meta = Meta {
                project, session,
                key: key.map(|(hash, digest)| Key { hash, digest }),
                fingerprint: print.map(|(hash, window_ms)| Fingerprint { hash, window_ms }),
            };
            let mut out = Vec::new();
            let crc = prepare(&meta, &body, &mut out);
            let len = (out.len() - HEADER_BYTES) as u32;
            let header = Header { len, crc, position, recorded_at: UnixMs(ms), group_start, group_end };
            header.write(&mut out, salt);
            prop_assert_eq!(Header::read(&out, salt), Some(header));
            prop_assert_eq!(header.frame_bytes(), out.len() as u64);
            prop_assert_eq!(Header::read(&out, salt ^ 1), None);
            let (read, start) = Meta::read(&out[HEADER_BYTES..]).unwrap();
            prop_assert_eq!(read, meta);
            prop_assert_eq!(start, meta.len());
            prop_assert_eq!(&out[HEADER_BYTES + start..], &body[..]);
        }

        #[test]
        fn a_record_of_another_log_keeps_the_checksum_of_its_id(body: Vec<u8>, session: Option<u64>, crc: u32) {
            let meta = Meta { project: 7, session, key: None, fingerprint: None };
            let mut out = vec![1, 2, 3];
            prepare_as(&meta, &body, crc, &mut out);
            let payload = &out[3 + HEADER_BYTES..];
            prop_assert_eq!(crc32c::crc32c(payload), crc);
            let (read, start) = Meta::read(payload).unwrap();
            prop_assert_eq!((read, &payload[start..]), (meta, &body[..]));
            let mut own = Vec::new();
            let crc = prepare(&meta, &body, &mut own);
            let mut again = Vec::new();
            prepare_as(&meta, &body, crc, &mut again);
            prop_assert_eq!(own, again, "one that is right needs no help");
        }

        #[test]
        fn any_bytes_are_a_frame_or_none(bytes: Vec<u8>, salt: u64) {
            let _ = Header::read(&bytes, salt);
            let _ = Meta::read(&bytes);
        }
    }
}
