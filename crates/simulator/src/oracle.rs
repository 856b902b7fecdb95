//! What clients and readers were told. The laws are judged by nothing else.

use std::collections::BTreeMap;

use tidegate_domain::event::Event;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{Appended, Receipt, Stored};
use tidegate_domain::record;

/// One event as a client means it. Sent again, it is the same to the byte.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    /// Unique in the seed; first word of the content.
    pub(crate) marker: String,
    pub(crate) client: usize,
    pub(crate) session: String,
    /// True if it has an idempotency key: its marker.
    pub(crate) has_key: bool,
    /// Length of the fingerprint's window; 0 for none.
    pub(crate) window_ms: u32,
    pub(crate) text: String,
}

/// A broken law.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) String);

/// What became of an event, as far as its client knows.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) planned: Planned,
    /// How often it was sent.
    pub(crate) attempts: usize,
    /// Receipts of `Stored`; with a key there is at most one.
    pub(crate) receipts: Vec<Receipt>,
}

#[derive(Default)]
pub(crate) struct Oracle {
    pub(crate) events: BTreeMap<String, Told>,
    /// Batches whose every event has a key: all of one is there or nothing.
    pub(crate) batches: Vec<Vec<String>>,
    /// First receipts of each client's events, in the order of the acks.
    pub(crate) acks: BTreeMap<usize, Vec<Receipt>>,
    /// Every record a reader saw.
    pub(crate) seen: BTreeMap<Position, (Receipt, String)>,
    /// What each client sent last and knows no answer to.
    pub(crate) unanswered: BTreeMap<usize, Vec<Planned>>,
    pub(crate) broken: Option<Broken>,
    /// A bit has flipped: the key of a damaged record may be forgotten with it.
    pub(crate) is_damaged: bool,
    /// First position that retention has kept so far.
    pub(crate) first: Position,
    /// A checkpoint that Views gave.
    pub(crate) checkpoint: Position,
}

impl Oracle {
    /// A batch goes out.
    pub(crate) fn sends(&mut self, client: usize, batch: &[Planned]) {
        for planned in batch {
            let told = self.events.entry(planned.marker.clone()).or_insert_with(|| Told {
                planned: planned.clone(),
                attempts: 0,
                receipts: Vec::new(),
            });
            told.attempts += 1;
        }
        let markers: Vec<_> = batch.iter().map(|planned| planned.marker.clone()).collect();
        if batch.iter().all(|planned| planned.has_key) && !self.batches.contains(&markers) {
            self.batches.push(markers);
        }
        self.unanswered.insert(client, batch.to_vec());
    }

    /// Its answer came.
    pub(crate) fn answered(&mut self, client: usize, batch: &[Planned], answers: &[Appended]) {
        self.unanswered.remove(&client);
        if answers.len() != batch.len() {
            return self.breaks(format!("{} answers to {} events", answers.len(), batch.len()));
        }
        for (planned, answer) in batch.iter().zip(answers) {
            if let Err(broken) = self.hears(planned, *answer) {
                self.breaks(broken);
            }
        }
    }

    fn hears(&mut self, planned: &Planned, answer: Appended) -> Result<(), String> {
        let first = self.first;
        let is_kept = |told: &Told| told.receipts.iter().all(|receipt| receipt.position >= first);
        let remembers =
            planned.has_key && !self.is_damaged && self.events.get(&planned.marker).is_some_and(is_kept);
        let Some(told) = self.events.get_mut(&planned.marker) else { return Err("an unknown event".into()) };
        let marker = &planned.marker;
        let receipt = match answer {
            // Another event took a key that was free again.
            Appended::KeyReused(_) if self.is_damaged || first > Position(0) => return Ok(()),
            Appended::KeyReused(receipt) => {
                return Err(format!("{marker} is said to reuse the key of {receipt:?}"));
            }
            Appended::Stored(_) if remembers && !told.receipts.is_empty() => {
                return Err(format!("L4: {marker} was stored twice: {:?}, {answer:?}", told.receipts));
            }
            Appended::Duplicate(receipt) if told.attempts < 2 => {
                return Err(format!("{marker}, sent once, is said to be a duplicate of {receipt:?}"));
            }
            Appended::Duplicate(receipt)
                if remembers && told.receipts.first().is_some_and(|r| *r != receipt) =>
            {
                return Err(format!("L4: {marker} has two receipts: {:?}, {receipt:?}", told.receipts));
            }
            Appended::Stored(receipt) | Appended::Duplicate(receipt) => receipt,
        };
        if !told.receipts.contains(&receipt) {
            told.receipts.push(receipt);
            self.acks.entry(planned.client).or_default().push(receipt);
        }
        Ok(())
    }

    /// A reader saw a record below `tail`.
    pub(crate) fn sees(&mut self, record: &Stored, tail: Position) {
        let position = record.receipt.position;
        let Some(marker) = marker(record) else {
            return self.breaks(format!("the record at {position} is none that was sent"));
        };
        if position >= tail {
            self.breaks(format!("L3: a reader saw {position}, and the tail is {tail}"));
        }
        let told = (record.receipt, marker);
        match self.seen.get(&position) {
            Some(before) if *before != told => {
                let law = format!("{position} was {before:?} and is {told:?}");
                self.breaks(law);
            }
            Some(_) => {}
            None => drop(self.seen.insert(position, told)),
        }
    }

    /// Keeps the first broken law.
    pub(crate) fn breaks(&mut self, law: String) {
        self.broken.get_or_insert(Broken(law));
    }
}

/// The marker of a record; `None` if it is no event of ours.
pub(crate) fn marker(record: &Stored) -> Option<String> {
    let event: Event<'_> = record::decode(&record.bytes).ok()?;
    Some(event.content?.split(' ').next()?.to_owned())
}
