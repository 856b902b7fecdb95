//! What a worker reads of its shard: from the stream while that follows on from where it is, else from the log.
//!
//! - **RF1 whole**: a page is served from the stream only if its entries follow on without a hole from the position asked
//!   for; so whatever Redis lost, doubled or brought out of order, a page is what the log would say.
//! - **RF2 kept until folded**: an entry is acknowledged and removed once what it brought is folded, or was folded before.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tidegate_domain::id::{Position, Shard};
use tidegate_domain::ports::{Feed, LogError, Page};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use crate::connection::Transport;
use crate::entry::Entry;
use crate::pending;
use crate::receiver::Receiver;
use crate::stats::TransportStats;

/// Bytes of received records that may wait to be folded; then nothing more is received.
const WAITING_MAX_BYTES: usize = 32 << 20;

/// A shard's stream over its part of the log.
pub struct RedisFeed {
    log: Arc<dyn Feed>,
    buffer: Arc<Buffer>,
    done: mpsc::UnboundedSender<Vec<String>>,
    /// The receiver, and whoever acknowledges; both end with this.
    _tasks: JoinSet<()>,
}

/// Received entries.
#[derive(Default)]
pub(crate) struct Buffer {
    state: Mutex<State>,
    news: Notify,
    room: Notify,
    stats: Arc<TransportStats>,
}

#[derive(Default)]
struct State {
    /// By the first position of each.
    entries: BTreeMap<u64, Entry>,
    bytes: usize,
    /// Where each received entry ends, and its name in the stream.
    unacknowledged: VecDeque<(u64, String)>,
    /// Nothing before it is wanted.
    wanted_from: u64,
}

impl RedisFeed {
    /// The stream of `shard`, over `log`, for a worker of this name, which holds the shard's lease.
    #[expect(clippy::disallowed_methods, reason = "what is sent was received, and that is bounded")]
    pub fn open(
        log: Arc<dyn Feed>,
        transport: &Transport,
        shard: Shard,
        worker: &str,
        stats: &Arc<TransportStats>,
    ) -> Self {
        let buffer = Arc::new(Buffer { stats: Arc::clone(stats), ..Buffer::default() });
        let (done, acknowledged) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        let stream = transport.raw(shard);
        tasks.spawn(pending::acknowledge(transport.clone(), stream.clone(), acknowledged, Arc::clone(stats)));
        tasks.spawn(Receiver::new(transport.clone(), stream, worker, Arc::clone(&buffer)).run());
        Self { log, buffer, done, _tasks: tasks }
    }
}

#[async_trait]
impl Feed for RedisFeed {
    async fn read(&self, from: Position, max_bytes: usize) -> Result<Page, LogError> {
        if let Some(page) = self.buffer.read(from, max_bytes) {
            return Ok(page);
        }
        self.log.read(from, max_bytes).await
    }

    async fn wait_past(&self, position: Position) {
        tokio::select! {
            () = self.buffer.wait_past(position) => {}
            () = self.log.wait_past(position) => {}
        }
    }

    async fn folded(&self, position: Position) {
        let done = self.buffer.folded(position);
        if !done.is_empty() {
            // The task ends with this feed only.
            let _ = self.done.send(done);
        }
        self.log.folded(position).await;
    }
}

impl Buffer {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stats(&self) -> &TransportStats {
        &self.stats
    }

    /// Takes an entry in; its name in the stream is `id`.
    pub(crate) fn put(&self, id: String, entry: Entry) {
        let mut state = self.state();
        state.unacknowledged.push_back((entry.to.0, id));
        if entry.to.0 > state.wanted_from {
            state.bytes += weight(&entry);
            if let Some(doubled) = state.entries.insert(entry.from.0, entry) {
                state.bytes -= weight(&doubled);
            }
        }
        self.stats.waiting.store(state.unacknowledged.len() as u64, std::sync::atomic::Ordering::Relaxed);
        drop(state);
        self.news.notify_one();
    }

    /// Waits until there is room for more.
    pub(crate) async fn has_room(&self) {
        loop {
            if self.state().bytes < WAITING_MAX_BYTES {
                return;
            }
            self.room.notified().await;
        }
    }

    /// A page from `from` on, if entries follow on from there. What lies before is no longer wanted.
    fn read(&self, from: Position, max_bytes: usize) -> Option<Page> {
        let mut state = self.state();
        state.forget_before(from.0);
        self.room.notify_one();
        let (mut page, mut next, mut bytes) = (Page::default(), from.0, 0);
        while bytes < max_bytes {
            let Some((_, entry)) = state.entries.range(..=next).next_back().filter(|(_, e)| e.to.0 > next)
            else {
                break;
            };
            let records = entry.records.iter().filter(|record| record.receipt.position.0 >= next);
            page.records.extend(records.inspect(|record| bytes += record.bytes.len()).cloned());
            next = entry.to.0;
        }
        page.next = Some(Position(next));
        (next > from.0).then_some(page)
    }

    async fn wait_past(&self, position: Position) {
        loop {
            let follows = {
                let state = self.state();
                let before = state.entries.range(..=position.0).next_back();
                before.is_some_and(|(_, entry)| entry.to > position)
            };
            if follows {
                return;
            }
            self.news.notified().await;
        }
    }

    /// The names of entries that are done with.
    fn folded(&self, position: Position) -> Vec<String> {
        let mut state = self.state();
        state.forget_before(position.0);
        let (done, rest): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut state.unacknowledged).into_iter().partition(|(to, _)| *to <= position.0);
        self.stats.waiting.store(rest.len() as u64, std::sync::atomic::Ordering::Relaxed);
        state.unacknowledged = rest;
        drop(state);
        self.room.notify_one();
        done.into_iter().map(|(_, id)| id).collect()
    }
}

impl State {
    fn forget_before(&mut self, position: u64) {
        self.wanted_from = self.wanted_from.max(position);
        while let Some(first) = self.entries.first_entry().filter(|first| first.get().to.0 <= position) {
            self.bytes -= weight(&first.remove());
        }
    }
}

/// The bytes of an entry's records, and something for the entry itself.
fn weight(entry: &Entry) -> usize {
    64 + entry.records.iter().map(|record| 64 + record.bytes.len()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use tidegate_domain::id::EventId;
    use tidegate_domain::ports::{Receipt, Stored};
    use tidegate_domain::time::UnixMs;

    use super::*;

    /// Every third position is another shard's.
    fn entry(from: u64, to: u64) -> Entry {
        let record = |position| Stored {
            receipt: Receipt {
                id: EventId::from_u128(u128::from(position)),
                shard: Shard(1),
                position: Position(position),
                recorded_at: UnixMs(0),
            },
            bytes: Bytes::from(vec![0; 10]),
        };
        let records = (from..to).filter(|position| position % 3 > 0).map(record).collect();
        Entry { from: Position(from), to: Position(to), records }
    }

    proptest! {
        /// RF1: whatever arrives, in whatever order, lost or doubled, a page holds just what lies between its ends.
        #[test]
        fn a_page_is_whole(
            arriving in prop::collection::vec((0u64..40, 1u64..6), 0..30), from in 0u64..45, max_bytes in 1usize..200,
        ) {
            let buffer = Buffer::default();
            for (number, (at, length)) in arriving.iter().enumerate() {
                buffer.put(number.to_string(), entry(*at, at + length));
            }
            if let Some(page) = buffer.read(Position(from), max_bytes) {
                let next = page.next.unwrap().0;
                let positions: Vec<_> = page.records.iter().map(|r| r.receipt.position.0).collect();
                prop_assert!(next > from);
                prop_assert_eq!(positions, (from..next).filter(|position| position % 3 > 0).collect::<Vec<_>>());
            } else {
                prop_assert!(!arriving.iter().any(|(at, length)| *at == from && *length > 0));
            }
        }

        /// RF2: an entry is done with once, when all of it is folded, whether it was needed or not.
        #[test]
        fn an_entry_is_done_with_once_it_is_folded(lengths in prop::collection::vec(1u64..6, 1..20), steps in prop::collection::vec(0u64..10, 1..40)) {
            let (buffer, mut at, mut ends) = (Buffer::default(), 0, Vec::new());
            for (number, length) in lengths.iter().enumerate() {
                buffer.put(number.to_string(), entry(at, at + length));
                at += length;
                ends.push(at);
            }
            let (mut position, mut done) = (0, Vec::new());
            for step in steps {
                position += step;
                done.extend(buffer.folded(Position(position)));
                let expected: Vec<_> =
                    ends.iter().enumerate().filter(|(_, end)| **end <= position).map(|(n, _)| n.to_string()).collect();
                prop_assert_eq!(&done, &expected);
            }
            if position >= at {
                prop_assert_eq!(buffer.state().bytes, 0);
            }
        }
    }
}
