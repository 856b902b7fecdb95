//! Labels: what a person said of a text. Each is an event of the log; the text becomes an exemplar for later ones.
//!
//! A label is stored as an event of type [`ADDED`], and taken back by one of type [`REMOVED`]. Both lie in one stream
//! of the log whatever their project ([`stream`]), so that every process finds the labels before a position at once.
//!
//! - **LA1** a label counts for texts after its own position, until the position of its removal; so what screening says
//!   of a log does not depend on when a process heard of a label.
//! - **LA2** of several removals the first counts; a removal of another project's label does nothing (law 6).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::assessment::Category;
use crate::dedup::stream_hash;
use crate::event::Event;
use crate::id::Position;
use crate::ports::Receipt;
use crate::time::UnixMs;

/// Type of an event that labels a text. Reserved: no door takes it.
pub const ADDED: &str = "label.added";
/// Type of an event that takes a label back. Reserved: no door takes it.
pub const REMOVED: &str = "label.removed";

/// True for the types that only the server writes.
pub fn is_reserved(event_type: &str) -> bool {
    event_type == ADDED || event_type == REMOVED
}

/// The stream that holds the labels of all projects.
pub fn stream() -> u64 {
    stream_hash("", Some("labels"))
}

/// True if a label at position `label`, taken back at `removed`, counts for a text at position `text` (LA1).
pub fn counts(label: Position, removed: Option<Position>, text: Position) -> bool {
    label < text && removed.is_none_or(|removed| text <= removed)
}

/// A labelled text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exemplar {
    /// Where its label lies in the log: its identity.
    pub position: Position,
    /// The tenant.
    pub project: String,
    /// The id of the label's event.
    pub id: String,
    /// What the text is; `LOW_RISK`: it was approved.
    pub category: Category,
    /// The text, cut to [`Exemplar::TEXT_MAX_CHARS`].
    pub text: String,
    /// The id of the event that was labelled, if it was an event.
    pub event_id: Option<String>,
    /// Who labelled it, as the caller says.
    pub labelled_by: Option<String>,
    /// Why, as the caller says.
    pub note: Option<String>,
    /// When it was recorded.
    pub created_at: UnixMs,
    /// Where its removal lies in the log.
    pub removed: Option<Position>,
}

impl Exemplar {
    /// More of a text is not kept as an exemplar.
    pub const TEXT_MAX_CHARS: usize = 4000;

    /// The labels that say what is known of it: that it was added, and that it was removed.
    pub fn into_labels(self) -> impl Iterator<Item = Label> {
        let removed = self.removed.map(|at| Label::Removed {
            project: self.project.clone(),
            exemplar: self.position,
            at,
        });
        [Some(Label::Added(Self { removed: None, ..self })), removed].into_iter().flatten()
    }
}

/// What an event of the labels' stream says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Label {
    /// A text was labelled.
    Added(Exemplar),
    /// A label was taken back.
    Removed {
        /// The tenant.
        project: String,
        /// The label's position.
        exemplar: Position,
        /// Where the removal lies in the log.
        at: Position,
    },
}

/// `data` of an event of type [`ADDED`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddedData<'a> {
    /// What the text is.
    pub category: Category,
    /// The text.
    pub text: Cow<'a, str>,
    /// The labelled event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<Cow<'a, str>>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Cow<'a, str>>,
}

/// `data` of an event of type [`REMOVED`].
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct RemovedData {
    /// The label's position.
    pub exemplar: Position,
}

/// Text that every database takes: none of them keeps a NUL.
pub(crate) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

impl Label {
    /// What `event`, stored as `receipt` says, means; `None` if it is no label, or not one that the server wrote.
    pub fn of(event: &Event<'_>, receipt: &Receipt) -> Option<Self> {
        let data = event.data.as_deref()?;
        let project = event.project_id.clone().into_owned();
        match &*event.event_type {
            ADDED => {
                let added: AddedData<'_> = serde_json::from_str(data).ok()?;
                Some(Self::Added(Exemplar {
                    position: receipt.position,
                    project,
                    id: receipt.id.to_string(),
                    category: added.category,
                    text: storable(&added.text),
                    event_id: added.event_id.map(Cow::into_owned),
                    labelled_by: event.actor.as_ref().map(|actor| storable(&actor.id)),
                    note: added.note.map(|note| storable(&note)),
                    created_at: receipt.recorded_at,
                    removed: None,
                }))
            }
            REMOVED => {
                let removed: RemovedData = serde_json::from_str(data).ok()?;
                Some(Self::Removed { project, exemplar: removed.exemplar, at: receipt.position })
            }
            _ => None,
        }
    }
}
