//! A log as a `Vec`, and random lives of a log that must agree with it.

use std::collections::HashMap;

use proptest::prelude::*;
use tidegate_domain::filter::Order;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{Appended, Clock, EventLog, Receipt, Retention};
use tidegate_domain::time::UnixMs;

use super::Fixture;
use super::found::found;
use super::sent::{Sent, append, read_all};

/// One moment in the life of a log.
#[derive(Clone, Debug)]
pub enum Step {
    /// A batch comes in.
    Append(Vec<Sent>),
    /// The clock moves, by so many ms.
    Clock(i64),
    /// The process restarts.
    Restart,
    /// A reader reads everything in pages of about so many bytes.
    Read(usize),
    /// A reader lists a stream from a position on, in pages.
    Find {
        /// The stream.
        stream: u64,
        /// Where to start.
        from: u64,
        /// In which direction.
        order: Order,
        /// Largest page.
        max: usize,
    },
    /// A reader asks for some records.
    Get(Vec<u64>),
    /// The oldest are deleted: those older than so many ms, and while the log has more than so many bytes; none from
    /// this position on.
    Retain(Option<i64>, Option<u64>, u64),
}

/// Random lives of up to `count` steps: few keys, fingerprints and streams, so that they meet often.
pub fn steps(count: usize) -> impl Strategy<Value = Vec<Step>> {
    let order = prop_oneof![Just(Order::Asc), Just(Order::Desc)];
    let find = (streams(), 0..80u64, order, 1..9usize).prop_map(|(stream, from, order, max)| Step::Find {
        stream,
        from,
        order,
        max,
    });
    let step = prop_oneof![
        12 => prop::collection::vec(sent(), 1..8).prop_map(Step::Append),
        2 => prop_oneof![
            8 => (-200i64..200).prop_map(Step::Clock),
            2 => Just(Step::Clock(-86_400_000)),
            1 => Just(Step::Clock(366 * 86_400_000)),
        ],
        2 => Just(Step::Restart),
        1 => (0..900usize).prop_map(Step::Read),
        3 => find,
        1 => prop::collection::vec(0..120u64, 0..6).prop_map(Step::Get),
        1 => (prop::option::of(-1..300i64), prop::option::of(0..20_000u64), 0..150u64)
            .prop_map(|(age_ms, bytes, until)| Step::Retain(age_ms, bytes, until)),
    ];
    prop::collection::vec(step, 1..count)
}

fn streams() -> impl Strategy<Value = u64> {
    0..6u64
}

fn sent() -> impl Strategy<Value = Sent> {
    let key = prop::option::of((0..25u64, prop_oneof![9 => Just(0u64), 1 => Just(1)]));
    let print = prop::option::weighted(0.3, (0..6u64, prop_oneof![Just(0u32), Just(50), Just(500)]));
    let body = prop::collection::vec(any::<u8>(), 0..120);
    (streams(), prop::option::of(streams()), key, print, body).prop_map(
        |(project, session, key, print, body)| {
            let sent = Sent { session, ..Sent::new(body).project(project) };
            let sent = key.into_iter().fold(sent, |sent, (number, digest)| sent.key(number, digest));
            print.into_iter().fold(sent, |sent, (number, window_ms)| sent.fingerprint(number, window_ms))
        },
    )
}

#[derive(Default)]
struct Model {
    /// Where the log begins. What was before is remembered, to compare positions, and must not be seen.
    first: usize,
    records: Vec<(Sent, Receipt)>,
    /// Position of the record of each key.
    keys: HashMap<u128, usize>,
    /// Position of the newest record of each fingerprint.
    prints: HashMap<u128, usize>,
}

/// Lives through `life`, comparing every answer with the model's. Panics where they differ.
pub async fn follows_the_model(fixture: &dyn Fixture, life: Vec<Step>) {
    let mut log = fixture.open().await;
    let mut model = Model::default();
    for step in life {
        match step {
            Step::Append(batch) => {
                let outcomes = append(&*log, &batch).await;
                let now = model.now(fixture.clock().now());
                batch.into_iter().zip(outcomes).for_each(|(sent, outcome)| model.take(sent, outcome, now));
            }
            Step::Clock(ms) => fixture.clock().advance_ms(ms),
            Step::Restart => log = fixture.reopen(log).await,
            Step::Read(max_bytes) => model.compare_read(&*log, max_bytes).await,
            Step::Find { stream, from, order, max } => {
                assert_eq!(found(&*log, stream, from, order, max).await, model.find(stream, from, order));
            }
            Step::Get(positions) => model.compare_get(&*log, &positions).await,
            Step::Retain(age_ms, disk_max_bytes, until) => {
                let recorded_before = age_ms.map(|age_ms| fixture.clock().now().plus_ms(-age_ms));
                let retention = Retention { recorded_before, disk_max_bytes, until: Position(until) };
                log.retain(retention).await.expect("the disk works");
                model.retained(log.first().0 as usize, &retention);
            }
        }
        assert_eq!(log.first(), Position(model.first as u64));
        assert_eq!(log.tail(), Position(model.records.len() as u64));
    }
    let log = fixture.reopen(log).await;
    model.compare_read(&*log, 500).await;
    assert!(log.status().quarantined.is_empty());
}

impl Model {
    fn now(&self, clock: UnixMs) -> UnixMs {
        self.records.last().map_or(clock, |(_, last)| last.recorded_at.max(clock))
    }

    fn take(&mut self, sent: Sent, outcome: Appended, now: UnixMs) {
        let position = self.records.len();
        match self.first_of(&sent, now) {
            Some((first, true)) => assert_eq!(outcome, Appended::Duplicate(self.records[first].1)),
            Some((first, false)) => assert_eq!(outcome, Appended::KeyReused(self.records[first].1)),
            None => {
                let Appended::Stored(receipt) = outcome else { panic!("{sent:?} is new, but {outcome:?}") };
                assert_eq!((receipt.position, receipt.recorded_at), (Position(position as u64), now));
                sent.key.and_then(|key| self.keys.insert(key.hash, position));
                sent.fingerprint.and_then(|print| self.prints.insert(print.hash, position));
                self.records.push((sent, receipt));
            }
        }
    }

    /// The record that `sent` repeats, and whether it says the same.
    fn first_of(&self, sent: &Sent, now: UnixMs) -> Option<(usize, bool)> {
        if let Some((first, key)) = sent.key.and_then(|key| Some((*self.keys.get(&key.hash)?, key))) {
            return Some((first, self.records[first].0.key == Some(key)));
        }
        let print = sent.fingerprint?;
        let first = *self.prints.get(&print.hash)?;
        let age_ms = now.0 - self.records[first].1.recorded_at.0;
        (age_ms < i64::from(print.window_ms)).then_some((first, true))
    }

    /// The log begins at `first` now, which `retention` must admit.
    fn retained(&mut self, first: usize, retention: &Retention) {
        let gone = self.first..first;
        assert!(gone.is_empty() || (first < self.records.len() && first as u64 <= retention.until.0));
        if retention.disk_max_bytes.is_none() {
            let is_old = |receipt: &Receipt| Some(receipt.recorded_at) < retention.recorded_before;
            assert!(self.records[gone].iter().all(|(_, receipt)| is_old(receipt)), "too young to go");
        }
        self.first = self.first.max(first);
        self.keys.retain(|_, position| *position >= first);
        self.prints.retain(|_, position| *position >= first);
    }

    async fn compare_read(&self, log: &dyn EventLog, max_bytes: usize) {
        let read = read_all(log, max_bytes).await;
        assert_eq!(read.len(), self.records.len() - self.first);
        for (record, (sent, receipt)) in read.iter().zip(&self.records[self.first..]) {
            assert_eq!((&record.bytes[..], record.receipt), (&sent.body[..], *receipt));
        }
    }

    async fn compare_get(&self, log: &dyn EventLog, positions: &[u64]) {
        let asked: Vec<_> = positions.iter().copied().map(Position).collect();
        let got = log.get(&asked).await.expect("the log can be read");
        let kept = positions.iter().filter(|p| **p >= self.first as u64);
        let expected = kept.filter_map(|p| self.records.get(*p as usize));
        assert_eq!(
            got.iter().map(|r| r.receipt).collect::<Vec<_>>(),
            expected.map(|r| r.1).collect::<Vec<_>>()
        );
    }

    fn find(&self, stream: u64, from: u64, order: Order) -> Vec<u64> {
        let is_in = |(sent, _): &&(Sent, Receipt)| sent.project == stream || sent.session == Some(stream);
        let all = self.records[self.first..].iter().filter(is_in).map(|(_, receipt)| receipt.position.0);
        match order {
            Order::Asc => all.filter(|p| *p >= from).collect(),
            Order::Desc => all.rev().filter(|p| *p <= from).collect(),
        }
    }
}
