//! A client: sends batches one after the other, some again, and some under a key that is taken.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use tidegate_domain::event::Event;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{AppendBatch, AppendError, Appended};
use tidegate_engine::intake::{FingerprintRule, Intake};

use crate::oracle::{Oracle, Planned, Told};
use crate::pause::{Pause, within};
use crate::world::World;

pub(crate) struct Client {
    pub(crate) number: usize,
    pub(crate) world: Arc<World>,
    pub(crate) intake: Rc<Intake>,
    pub(crate) oracle: Rc<RefCell<Oracle>>,
}

/// Project of every event.
pub(crate) const PROJECT: &str = "p";

impl Client {
    /// Sends until dropped.
    pub(crate) async fn run(self) {
        loop {
            Pause(self.world.luck.below(6)).await;
            match self.taken() {
                Some(taken) => self.reuse(&taken).await,
                None => self.send(self.next()).await,
            }
        }
    }

    /// An event of which this client knows that its key is taken; rarely.
    fn taken(&self) -> Option<Planned> {
        let oracle = self.oracle.borrow();
        if oracle.unanswered.contains_key(&self.number) || self.world.luck.below(12) > 0 {
            return None;
        }
        let is_ours = |told: &&Told| told.planned.client == self.number && told.planned.has_key;
        let taken: Vec<_> =
            oracle.events.values().filter(is_ours).filter(|told| !told.receipts.is_empty()).collect();
        let number = self.world.luck.below(taken.len().max(1) as u64) as usize;
        taken.get(number).map(|told| told.planned.clone())
    }

    /// Sends another event under a key that is taken: it must be refused, whatever the disk does.
    async fn reuse(&self, taken: &Planned) {
        let answer = self.intake.append(self.encoded(std::slice::from_ref(taken), "other")).await;
        self.world.note(format_args!("client {} reuses {}: {answer:?}", self.number, taken.marker));
        // A damaged record's key may be forgotten with it.
        if let Ok([Appended::Stored(_) | Appended::Duplicate(_)]) = answer.as_deref()
            && !self.world.is_damaged()
            && self.oracle.borrow().first == Position(0)
        {
            self.oracle
                .borrow_mut()
                .breaks(format!("D2: the key of {} was used twice: {answer:?}", taken.marker));
        }
    }

    /// Sends what has no answer once more, and then nothing.
    pub(crate) async fn finish(self) {
        loop {
            let Some(batch) = self.oracle.borrow().unanswered.get(&self.number).cloned() else { return };
            self.send(batch).await;
            Pause(3).await;
        }
    }

    fn next(&self) -> Vec<Planned> {
        let oracle = self.oracle.borrow();
        if let Some(batch) = oracle.unanswered.get(&self.number) {
            return batch.clone();
        }
        let luck = &self.world.luck;
        // Without a key a second sending is a second event, which no law forbids.
        let sent: Vec<_> = oracle
            .events
            .values()
            .filter(|told| told.planned.client == self.number && told.planned.has_key)
            .map(|told| &told.planned)
            .collect();
        if !sent.is_empty() && luck.below(6) == 0 {
            return vec![sent[luck.below(sent.len() as u64) as usize].clone()];
        }
        let first = oracle.events.len() as u64;
        let all_have_keys = luck.below(2) == 0;
        (0..luck.below(4) + 1).map(|n| self.plan(first + n, all_have_keys)).collect()
    }

    fn plan(&self, number: u64, has_key: bool) -> Planned {
        if self.world.weather.is_uniform {
            return self.plan_alike(number);
        }
        let luck = &self.world.luck;
        let has_key = has_key || luck.below(3) == 0;
        let session = match luck.below(3) {
            0 => "shared".to_owned(),
            n => format!("s{}-{n}", self.number),
        };
        let text = if luck.below(3) == 0 { "you stupid idiot" } else { "hello there" };
        let filler = ".".repeat(luck.below(400) as usize);
        Planned {
            marker: format!("e{number}"),
            client: self.number,
            session,
            has_key,
            window_ms: if luck.below(3) == 0 { 60_000 } else { 0 },
            text: format!("{text} {filler}"),
        }
    }

    fn plan_alike(&self, number: u64) -> Planned {
        Planned {
            marker: format!("e{number:05}"),
            client: self.number,
            session: format!("s{}", self.number),
            has_key: true,
            window_ms: 0,
            text: "hello there".to_owned(),
        }
    }

    async fn send(&self, batch: Vec<Planned>) {
        let markers: Vec<_> = batch.iter().map(|planned| planned.marker.as_str()).collect();
        self.world.note(format_args!("client {} sends {}", self.number, markers.join(" ")));
        self.oracle.borrow_mut().sends(self.number, &batch);
        let patience = if self.world.luck.below(8) == 0 { self.world.luck.below(10) } else { u64::MAX };
        let Some(answer) = within(patience, self.intake.append(self.encoded(&batch, ""))).await else {
            return self.world.note(format_args!("client {} waits no longer", self.number));
        };
        self.world.note(format_args!("client {} hears {answer:?}", self.number));
        match answer {
            Ok(answers) => self.oracle.borrow_mut().answered(self.number, &batch, &answers),
            // Nobody knows whether it was written: it stays unanswered.
            Err(AppendError::Closed | AppendError::NoSpace(_)) => {}
            // Somebody is called, and restarts the process.
            Err(AppendError::Poisoned) if self.world.luck.below(20) == 0 => self.world.die(),
            Err(AppendError::Poisoned) => {}
            Err(AppendError::TooLarge { .. }) => {
                self.oracle.borrow_mut().breaks("a small batch is too large".into());
            }
            // Nothing of it was taken (L5); it is sent again all the same.
            Err(AppendError::Overloaded { .. } | AppendError::Unavailable(_)) => {}
        }
    }

    fn encoded(&self, batch: &[Planned], suffix: &str) -> AppendBatch {
        let mut encoding = self.intake.batch(0);
        for planned in batch {
            let event = Event {
                project_id: PROJECT.into(),
                session_id: Some(planned.session.as_str().into()),
                event_type: "message.user".into(),
                source: "sim".into(),
                content: Some(format!("{} {}{suffix}", planned.marker, planned.text).into()),
                idempotency_key: planned.has_key.then(|| planned.marker.as_str().into()),
                schema_version: 1,
                ..Event::default()
            };
            let rule = match planned.window_ms {
                0 => FingerprintRule::Off,
                window_ms => FingerprintRule::Moderation { window_ms },
            };
            encoding.push(event, rule);
        }
        encoding.finish()
    }
}
