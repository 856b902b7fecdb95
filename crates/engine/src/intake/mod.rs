//! Intake: from valid events to receipts. Mask, then encode, then append; nothing else is on the way to an ack.

mod mask;

use std::sync::Arc;

use tidegate_domain::dedup::{self, Fingerprint};
use tidegate_domain::event::Event;
use tidegate_domain::label;
use tidegate_domain::ports::{AppendBatch, AppendError, Appended, EventLog, NewRecord};
use tidegate_domain::record;

pub use mask::{EventMask, Hide, Mask, MaskRule, RegexMask, RuleError};

/// Takes events into the log.
pub struct Intake {
    log: Arc<dyn EventLog>,
    mask: Option<Arc<dyn Mask>>,
}

/// The rule by which a door recognises an event sent again without a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FingerprintRule {
    /// No rule: only keys count.
    Off,
    /// Same source, author and content within the window, in ms.
    Moderation {
        /// Length of the window.
        window_ms: u32,
    },
}

impl Intake {
    /// An intake into `log`; `mask` hides what must not be stored (law 7).
    pub fn new(log: Arc<dyn EventLog>, mask: Option<Arc<dyn Mask>>) -> Self {
        Self { log, mask }
    }

    /// An empty batch with room for about `bytes`.
    pub fn batch(&self, bytes: usize) -> Batch<'_> {
        Batch::with_capacity(bytes, self.mask.as_deref())
    }

    /// Appends the events of `batch` and answers once they are durable, one answer per event in order.
    /// An empty batch is answered at once. Errors: as [`EventLog::append`].
    pub async fn append(&self, batch: AppendBatch) -> Result<Vec<Appended>, AppendError> {
        if batch.records.is_empty() {
            return Ok(Vec::new());
        }
        self.log.append(batch).await
    }
}

/// Events on their way into the log, encoded.
pub struct Batch<'m> {
    append: AppendBatch,
    mask: Option<&'m dyn Mask>,
}

impl<'m> Batch<'m> {
    /// An empty batch with room for about `bytes`, whose events `mask` will mask.
    pub fn with_capacity(bytes: usize, mask: Option<&'m dyn Mask>) -> Self {
        Self { append: AppendBatch { bytes: Vec::with_capacity(bytes), records: Vec::new() }, mask }
    }

    /// Masks, encodes and adds an event. Cost: one copy of its bytes and its hashes.
    pub fn push(&mut self, mut event: Event<'_>, rule: FingerprintRule) {
        if let Some(mask) = self.mask {
            mask.apply(&mut event);
        }
        let bytes = &mut self.append.bytes;
        let encoded = record::encode(&event, bytes);
        let key = event
            .idempotency_key
            .as_deref()
            .map(|key| dedup::key(&event.project_id, key, encoded.sender_bytes(bytes)));
        let project = dedup::stream_hash(&event.project_id, None);
        self.append.records.push(NewRecord {
            start: encoded.start,
            end: encoded.end,
            project,
            session: session(project, &event),
            key,
            fingerprint: fingerprint(&event, rule),
        });
    }

    /// Number of events in it.
    pub fn len(&self) -> usize {
        self.append.records.len()
    }

    /// True if it holds no event.
    pub fn is_empty(&self) -> bool {
        self.append.records.is_empty()
    }

    /// The batch, ready for [`Intake::append`].
    pub fn finish(self) -> AppendBatch {
        self.append
    }
}

/// The stream of its session, of an analysis too; labels of all projects are one.
fn session(project: u64, event: &Event<'_>) -> Option<u64> {
    if label::is_reserved(&event.event_type) {
        return Some(label::stream());
    }
    event.session_id.as_deref().map(|session| dedup::session_hash(project, session))
}

fn fingerprint(event: &Event<'_>, rule: FingerprintRule) -> Option<Fingerprint> {
    match rule {
        FingerprintRule::Off => None,
        FingerprintRule::Moderation { window_ms } => {
            let author = event.actor.as_ref().map_or("", |actor| actor.id.as_ref());
            let content = event.content.as_deref().unwrap_or("");
            Some(dedup::moderation_fingerprint(&event.project_id, &event.source, author, content, window_ms))
        }
    }
}
