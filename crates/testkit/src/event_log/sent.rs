//! Records as a test sends them, and the few calls every law makes.

use tidegate_domain::dedup::{Fingerprint, Key};
use tidegate_domain::id::Position;
use tidegate_domain::ports::{AppendBatch, Appended, EventLog, NewRecord, Receipt, Stored};

use crate::world::mix;

/// One record on its way to a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Hash of its project.
    pub project: u64,
    /// Hash of its session.
    pub session: Option<u64>,
    /// Its idempotency key.
    pub key: Option<Key>,
    /// Its fingerprint.
    pub fingerprint: Option<Fingerprint>,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// Project of a record that says nothing else.
pub const PROJECT: u64 = 0x7d9e_11a4;

impl Sent {
    /// A record of [`PROJECT`], without key, fingerprint or session.
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        Self { project: PROJECT, session: None, key: None, fingerprint: None, body: body.into() }
    }

    /// With key number `number`, for a body of digest `digest`.
    pub fn key(self, number: u64, digest: u64) -> Self {
        Self { key: Some(Key { hash: hash(number, 1), digest }), ..self }
    }

    /// With fingerprint number `number`, recognised for `window_ms`.
    pub fn fingerprint(self, number: u64, window_ms: u32) -> Self {
        Self { fingerprint: Some(Fingerprint { hash: hash(number, 2), window_ms }), ..self }
    }

    /// Of this session.
    pub fn session(self, session: u64) -> Self {
        Self { session: Some(session), ..self }
    }

    /// Of this project.
    pub fn project(self, project: u64) -> Self {
        Self { project, ..self }
    }
}

/// Keys are cut from SHA-256, so a log may count on uniform ones.
fn hash(number: u64, kind: u64) -> u128 {
    u128::from(mix(number)) << 64 | u128::from(mix(number ^ kind << 60))
}

/// The batch of `records`.
pub fn batch(records: &[Sent]) -> AppendBatch {
    let mut batch = AppendBatch::default();
    for sent in records {
        let start = batch.bytes.len();
        batch.bytes.extend_from_slice(&sent.body);
        let Sent { project, session, key, fingerprint, .. } = *sent;
        batch.records.push(NewRecord { start, end: batch.bytes.len(), project, session, key, fingerprint });
    }
    batch
}

/// Appends `records` in one batch, which must succeed.
pub async fn append(log: &dyn EventLog, records: &[Sent]) -> Vec<Appended> {
    let outcomes = log.append(batch(records)).await.expect("an append without a fault succeeds");
    assert_eq!(outcomes.len(), records.len(), "one answer per record");
    outcomes
}

/// Appends one record, which must succeed.
pub async fn append_one(log: &dyn EventLog, record: &Sent) -> Appended {
    append(log, std::slice::from_ref(record)).await[0]
}

/// Appends one record, which must be new.
pub async fn store(log: &dyn EventLog, record: Sent) -> Receipt {
    stored(append_one(log, &record).await)
}

/// The receipt of a record that was stored.
pub fn stored(outcome: Appended) -> Receipt {
    match outcome {
        Appended::Stored(receipt) => receipt,
        other => panic!("not stored: {other:?}"),
    }
}

/// Everything that is kept, to the tail, in pages of about `max_bytes`.
pub async fn read_all(log: &dyn EventLog, max_bytes: usize) -> Vec<Stored> {
    let (mut records, mut from) = (Vec::new(), Position(0));
    loop {
        // What is appended while this reads may be missed.
        let tail = log.tail();
        let page = log.read(from, max_bytes).await.expect("the log can be read");
        let next = page.next.expect("a read says where to go on");
        assert!(page.records.iter().all(|r| (from..next).contains(&r.receipt.position)), "inside its page");
        if page.records.is_empty() {
            assert!(next >= from && next >= tail, "an empty page is the tail");
            return records;
        }
        records.extend(page.records);
        from = next;
    }
}
