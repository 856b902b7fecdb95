//! What a client knows: what it sent, and what was acknowledged. The log must agree.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_domain::filter::Order;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{AppendError, Appended, EventLog, Receipt, Stored};
use tidegate_testkit::event_log::{PROJECT, Sent, append, batch, read_all};

/// Keeps account of what is sent. Every record it sends has a body and a key of its own.
#[derive(Default)]
pub(crate) struct Witness {
    batches: Vec<Vec<Sent>>,
    acked: Vec<(Sent, Receipt)>,
    count: u64,
    /// Records before this position may be deleted.
    may_go: u64,
}

impl Witness {
    /// A batch of `count` new records of about `bytes` bytes each.
    pub(crate) fn draft(&mut self, count: usize, bytes: usize) -> Vec<Sent> {
        let records = (0..count).map(|_| {
            self.count += 1;
            let mut body = format!("record {} ", self.count).into_bytes();
            body.resize(body.len().max(bytes), b'.');
            Sent::new(body).key(self.count, self.count).session(self.count % 3)
        });
        records.collect()
    }

    /// Sends a new batch.
    pub(crate) async fn send(
        &mut self,
        log: &dyn EventLog,
        count: usize,
        bytes: usize,
    ) -> Result<(), AppendError> {
        let records = self.draft(count, bytes);
        self.send_these(log, records).await
    }

    /// Sends `records`.
    pub(crate) async fn send_these(
        &mut self,
        log: &dyn EventLog,
        records: Vec<Sent>,
    ) -> Result<(), AppendError> {
        self.batches.push(records.clone());
        let outcomes = log.append(batch(&records)).await?;
        for (sent, outcome) in records.into_iter().zip(outcomes) {
            self.acknowledge(sent, outcome);
        }
        Ok(())
    }

    fn acknowledge(&mut self, sent: Sent, outcome: Appended) {
        match outcome {
            Appended::Stored(receipt) | Appended::Duplicate(receipt) => self.acked.push((sent, receipt)),
            Appended::KeyReused(_) => panic!("no key is used twice"),
        }
    }

    /// From now on records before `until` may be deleted.
    pub(crate) fn forget(&mut self, until: Position) {
        self.may_go = self.may_go.max(until.0);
    }

    /// What was acknowledged.
    pub(crate) fn acked(&self) -> &[(Sent, Receipt)] {
        &self.acked
    }

    /// Checks L1 to L4, L7 and L8 on a log that was opened again, undamaged.
    pub(crate) async fn check(&self, log: &dyn EventLog) {
        assert_eq!(log.status().quarantined, [], "nothing was damaged");
        let read = read_all(log, 700).await;
        let first = log.first().0;
        assert!(first <= self.may_go, "L8: the log begins at {first}, only {} may go", self.may_go);
        assert_eq!(log.tail(), Position(first + read.len() as u64));
        for (record, expected) in read.iter().zip(first..) {
            assert_eq!(record.receipt.position, Position(expected), "L3 dense");
        }
        assert!(read.is_sorted_by_key(|r| r.receipt.recorded_at), "L6 monotone time");
        self.check_acked(&read, first);
        self.check_batches(&read);
        self.check_found(log, &read).await;
    }

    fn check_acked(&self, read: &[Stored], first: u64) {
        for (sent, receipt) in self.acked.iter().filter(|(_, receipt)| receipt.position.0 >= first) {
            let record = read.get((receipt.position.0 - first) as usize);
            let record = record.unwrap_or_else(|| panic!("L1: {receipt:?} is gone"));
            assert_eq!((record.receipt, &record.bytes[..]), (*receipt, &sent.body[..]), "L1 durable");
        }
    }

    /// Nothing is there twice or from nowhere, and each batch is there whole or not at all; but the one at the log's
    /// beginning may have lost its first records.
    fn check_batches(&self, read: &[Stored]) {
        let bodies: BTreeSet<&[u8]> = read.iter().map(|r| &r.bytes[..]).collect();
        assert_eq!(bodies.len(), read.len(), "L4 once");
        let mut known = BTreeSet::new();
        for records in &self.batches {
            let there = records.iter().filter(|sent| bodies.contains(&sent.body[..])).count();
            let is_whole = there == 0 || there == records.len();
            assert!(is_whole || self.is_cut(records, read), "L2: {there} of {} records", records.len());
            known.extend(records.iter().map(|sent| &sent.body[..]));
        }
        assert!(bodies.is_subset(&known), "a record that nobody sent");
    }

    /// True if retention has deleted a part of the batch `records`, of which some are among `read`.
    fn is_cut(&self, records: &[Sent], read: &[Stored]) -> bool {
        let Some(first) = read.first() else { return false };
        let gone = self.acked.iter().filter(|(_, receipt)| receipt.position < first.receipt.position);
        let mut gone = gone.map(|(sent, _)| &sent.body);
        let was_acked = gone.any(|body| records.iter().any(|sent| sent.body == *body));
        let is_oldest = records.iter().any(|sent| sent.body == first.bytes);
        was_acked || (is_oldest && first.receipt.position > Position(0))
    }

    async fn check_found(&self, log: &dyn EventLog, read: &[Stored]) {
        let mut from = Position(0);
        let mut found = 0;
        loop {
            let page = log.find(PROJECT, from, Order::Asc, 9).await.unwrap();
            found += page.records.len();
            match page.next {
                Some(next) => from = next,
                None => break,
            }
        }
        assert_eq!(found, read.len(), "L7 found");
    }

    /// Sends every batch once more: what is there must be recognised, what is not must be taken.
    pub(crate) async fn resend_all(&mut self, log: &dyn EventLog) {
        let read = read_all(log, 10_000).await;
        let there: BTreeMap<Vec<u8>, Receipt> = read.iter().map(|r| (r.bytes.to_vec(), r.receipt)).collect();
        for records in self.batches.clone() {
            for (sent, outcome) in records.iter().zip(append(log, &records).await) {
                match (there.get(&sent.body), outcome) {
                    (Some(first), Appended::Duplicate(receipt)) if *first == receipt => {}
                    (None, Appended::Stored(_)) => {}
                    (first, outcome) => panic!("{first:?} is answered with {outcome:?}"),
                }
                self.acknowledge(sent.clone(), outcome);
            }
        }
        let sent: usize = self.batches.iter().map(Vec::len).sum();
        assert_eq!(log.tail().0 - log.first().0, sent as u64, "every record once");
    }
}
