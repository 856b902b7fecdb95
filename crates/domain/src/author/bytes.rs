//! The bytes of an author's past, for stores (AU3).
//!
//! ```text
//! past  := varint version · ms newest · ring hour · ring day · ring week · times · texts
//! ring  := varint newest · varint n · (varint slot · varint messages · varint risky){n}     slots that are not 0
//! times := varint n · (varint ms before newest){n}
//! texts := varint n · (u64 LE text · u64 LE channel · varint ms before newest){n}
//! ms    := varint
//! ```

use super::{AuthorPast, Ring, Sent};
use crate::time::UnixMs;
use crate::varint::{put, take};

const VERSION: u64 = 1;

impl AuthorPast {
    /// The past as bytes: about 20 for one message, at most about 900.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        put(&mut out, VERSION);
        put(&mut out, self.newest.0 as u64);
        put_ring(&mut out, &self.hour);
        put_ring(&mut out, &self.day);
        put_ring(&mut out, &self.week);
        put(&mut out, self.times.len() as u64);
        self.times.iter().for_each(|at| put(&mut out, self.newest.0.wrapping_sub(at.0) as u64));
        put(&mut out, self.texts.len() as u64);
        for sent in &self.texts {
            out.extend_from_slice(&sent.text.to_le_bytes());
            out.extend_from_slice(&sent.channel.to_le_bytes());
            put(&mut out, self.newest.0.wrapping_sub(sent.at.0) as u64);
        }
        out
    }

    /// The past that [`AuthorPast::to_bytes`] wrote; `None` for any other bytes.
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let rest = &mut bytes;
        if take(rest)? != VERSION {
            return None;
        }
        let newest = UnixMs(take(rest)? as i64);
        let before = |ms: u64| UnixMs(newest.0.wrapping_sub(ms as i64));
        let (hour, day, week) = (take_ring(rest)?, take_ring(rest)?, take_ring(rest)?);
        let count = take(rest).filter(|&count| count <= Self::TIMES_MAX as u64)?;
        let times = (0..count).map(|_| take(rest).map(before)).collect::<Option<_>>()?;
        let count = take(rest).filter(|&count| count <= Self::TEXTS_MAX as u64)?;
        let texts = (0..count)
            .map(|_| Some(Sent { text: take_u64(rest)?, channel: take_u64(rest)?, at: before(take(rest)?) }))
            .collect::<Option<_>>()?;
        rest.is_empty().then_some(Self { newest, hour, day, week, times, texts })
    }
}

fn put_ring<const N: usize>(out: &mut Vec<u8>, ring: &Ring<N>) {
    put(out, ring.newest as u64);
    put(out, ring.slots.iter().filter(|slot| **slot != (0, 0)).count() as u64);
    for (number, slot) in ring.slots.iter().enumerate().filter(|(_, slot)| **slot != (0, 0)) {
        for value in [number as u64, slot.0.into(), slot.1.into()] {
            put(out, value);
        }
    }
}

fn take_ring<const N: usize>(rest: &mut &[u8]) -> Option<Ring<N>> {
    let mut ring = Ring { newest: take(rest)? as i64, ..Ring::default() };
    for _ in 0..take(rest)? {
        let slot = ring.slots.get_mut(take(rest)? as usize)?;
        *slot = (u32::try_from(take(rest)?).ok()?, u32::try_from(take(rest)?).ok()?);
    }
    Some(ring)
}

fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(*rest.split_off(..8)?.first_chunk()?))
}
