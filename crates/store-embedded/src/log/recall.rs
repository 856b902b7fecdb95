//! Looking up the keys and fingerprints of whole batches in the segments that no longer grow.
//!
//! Epoch by epoch, and segment by segment where an epoch has a hash, newest first, each asked for all hashes at once: one
//! lock a segment, not one a key, and the filters' cache misses overlap.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::BuildHasherDefault;
use std::io;
use std::sync::Arc;

use tidegate_domain::dedup::window_start;
use tidegate_domain::time::UnixMs;

use super::index::{AsIs, Index, KeyEntry};
use super::queue::Pending;
use super::segment::Segment;

/// What full segments remember of the hashes of some batches: the newest entry of each.
#[derive(Default)]
pub(super) struct Recalled(HashMap<u128, Result<KeyEntry, Arc<io::Error>>, BuildHasherDefault<AsIs>>);

impl Recalled {
    /// What is remembered of `hash`. Errors: the index that would know it could not be read.
    pub(super) fn get(&self, hash: u128) -> Result<Option<KeyEntry>, Arc<io::Error>> {
        match self.0.get(&hash) {
            None => Ok(None),
            Some(Ok(entry)) => Ok(Some(*entry)),
            Some(Err(error)) => Err(Arc::clone(error)),
        }
    }
}

struct Question {
    hash: u128,
    /// Older entries do not count.
    since: UnixMs,
}

/// Asks `full` (oldest first) for every key and fingerprint of `batches` at the time `now`.
///
/// Cost: nothing without full segments; else one cache line for each stranger and epoch, one small read a member.
pub(super) fn recall(full: &[Arc<Segment>], batches: &[Pending], now: UnixMs) -> Recalled {
    let mut recalled = Recalled::default();
    if full.is_empty() {
        return recalled;
    }
    let mut open = questions(batches, now);
    for run in full.chunk_by(|a, b| is_one_epoch(&a.index(), &b.index())).rev() {
        let mut perhaps = take_members(run, &mut open);
        for segment in run.iter().rev() {
            if perhaps.is_empty() {
                break;
            }
            let index = segment.index();
            perhaps.retain(|question| recalled.ask(&index, question));
        }
        open.append(&mut perhaps);
    }
    recalled
}

fn is_one_epoch(a: &Index, b: &Index) -> bool {
    matches!((a.epoch(), b.epoch()), (Some(a), Some(b)) if Arc::ptr_eq(a, b))
}

/// Takes those out of `open` that one of `run`, segments of one epoch, may answer.
fn take_members(run: &[Arc<Segment>], open: &mut Vec<Question>) -> Vec<Question> {
    let Some(newest) = run.last() else { return Vec::new() };
    let index = newest.index();
    // Segments before it are older still.
    open.retain(|question| index.last_recorded_at() >= question.since);
    match index.epoch() {
        Some(epoch) => open.extract_if(.., |question| epoch.may_hold(question.hash as u64)).collect(),
        None => std::mem::take(open),
    }
}

fn questions(batches: &[Pending], now: UnixMs) -> Vec<Question> {
    let metas = batches.iter().flat_map(|batch| &batch.slots).map(|slot| &slot.meta);
    metas
        .flat_map(|meta| {
            let key = meta.key.map(|key| Question { hash: key.hash, since: UnixMs(i64::MIN) });
            let print = meta.fingerprint;
            let print = print.map(|p| Question { hash: p.hash, since: window_start(now, p.window_ms) });
            key.into_iter().chain(print)
        })
        .collect()
}

impl Recalled {
    /// True if the question stays open.
    fn ask(&mut self, index: &Index, question: &Question) -> bool {
        if index.last_recorded_at() < question.since {
            return false;
        }
        match index.key(question.hash) {
            Ok(None) => return true,
            Ok(Some(entry)) => self.learn(question.hash, Ok(entry)),
            Err(error) => self.learn(question.hash, Err(Arc::new(error))),
        }
        false
    }

    // Two questions may ask for one fingerprint with two windows: the newest entry answers both.
    fn learn(&mut self, hash: u128, answer: Result<KeyEntry, Arc<io::Error>>) {
        if let Entry::Vacant(free) = self.0.entry(hash) {
            free.insert(answer);
        }
    }
}
