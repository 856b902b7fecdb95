//! Labelling: a person says what a text is, and takes it back.
//!
//! - **LG1** a label is an event of the log before anybody counts it (law 5), and counts when this returns.
//! - **LG2** an event has one label: another one takes the one before back.
//! - **LG3** poison guard: a label of risk for a text whose neighbours were mostly approved needs a confirmation, so that
//!   one click cannot make a project's everyday texts risky.

use std::borrow::Cow;
use std::sync::Arc;

use tidegate_domain::assessment::{Category, Screener};
use tidegate_domain::event::{Event, Reference};
use tidegate_domain::id::Position;
use tidegate_domain::label::{ADDED, AddedData, Exemplar, REMOVED, RemovedData};
use tidegate_domain::ports::{AppendError, Appended, Control, ControlError, Receipt};

use crate::intake::{FingerprintRule, Intake};
use crate::labels::{Labels, LabelsError};
use crate::query::{Query, QueryError};
use crate::similar::{self, Like, SimilarEvent};

/// Neighbours that the guard asks.
const NEIGHBOURS: usize = 10;
/// Fewer neighbours than this say nothing.
const NEIGHBOURS_MIN: usize = 3;

/// Why a label was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LabellingError {
    /// Its neighbours were mostly approved (LG3). Send it again with a confirmation.
    #[error("{approved} of the {} texts most like this one were approved", neighbours.len())]
    NeedsConfirmation {
        /// Neighbours that were `LOW_RISK`.
        approved: usize,
        /// The neighbours, the likest first.
        neighbours: Vec<SimilarEvent>,
    },
    /// The log did not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The neighbours could not be read. May be retried.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// It is stored, and could not be followed yet. May be retried.
    #[error(transparent)]
    Labels(#[from] LabelsError),
    /// Exemplars could not be read. May be retried.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The log took the event and gave no receipt.
    #[error("the log gave no receipt of a label")]
    NoReceipt,
}

/// What a label is made of.
#[derive(Clone, Debug)]
pub struct NewLabel<'a> {
    /// The tenant.
    pub project: &'a str,
    /// The text; more than [`Exemplar::TEXT_MAX_CHARS`] of it is cut off.
    pub text: &'a str,
    /// What it is.
    pub category: Category,
    /// The event it is of, and its place.
    pub event: Option<(String, Position)>,
    /// Who says so.
    pub labelled_by: &'a str,
    /// Why.
    pub note: Option<&'a str>,
    /// What the door saw, as JSON.
    pub context: &'a str,
}

/// Takes labels.
pub struct Labelling {
    /// Who follows them.
    pub labels: Arc<Labels>,
    /// Where exemplars are kept.
    pub control: Arc<dyn Control>,
    /// Compares texts.
    pub screener: Arc<dyn Screener>,
    /// How like a neighbour is at least, -1..1.
    pub neighbour_similarity_min: f64,
    /// So many of the newest events may be neighbours.
    pub window_events: usize,
}

impl Labelling {
    /// Stores a label and makes it count; the exemplar that it made.
    ///
    /// `confirmed`: the caller has seen the guard's warning (LG3). Errors: see [`LabellingError`].
    pub async fn add(
        &self,
        intake: &Intake,
        query: &Query,
        label: &NewLabel<'_>,
        until: Position,
        confirmed: bool,
    ) -> Result<Exemplar, LabellingError> {
        if label.category != Category::LowRisk && !confirmed {
            self.guard(query, label, until).await?;
        }
        let before = self.of_event(label).await?;
        let text: String = label.text.chars().take(Exemplar::TEXT_MAX_CHARS).collect();
        let event_id = label.event.as_ref().map(|(id, _)| Cow::Borrowed(id.as_str()));
        let note = label.note.map(Cow::Borrowed);
        let data = AddedData { category: label.category, text: text.into(), event_id, note };
        let mut events = vec![event(ADDED, label.project, label.labelled_by, label.context, json(&data))];
        events.extend(before.iter().map(|exemplar| removal(exemplar, label.labelled_by, label.context)));
        let receipt = self.store(intake, events).await?;
        let kept = self.control.exemplars(label.project, None, receipt.position, 1).await?;
        kept.into_iter().next().ok_or(LabellingError::NoReceipt)
    }

    /// Takes a label back; it counts for no text after this returns.
    pub async fn remove(
        &self,
        intake: &Intake,
        exemplar: &Exemplar,
        by: &str,
        context: &str,
    ) -> Result<(), LabellingError> {
        self.store(intake, vec![removal(exemplar, by, context)]).await.map(drop)
    }

    /// The labels that the event has (LG2).
    async fn of_event(&self, label: &NewLabel<'_>) -> Result<Vec<Exemplar>, ControlError> {
        let Some((id, _)) = &label.event else { return Ok(Vec::new()) };
        let mut all = self.control.exemplars(label.project, Some(id), Position::MAX, 1000).await?;
        all.retain(|exemplar| exemplar.removed.is_none());
        Ok(all)
    }

    async fn guard(
        &self,
        query: &Query,
        label: &NewLabel<'_>,
        until: Position,
    ) -> Result<(), LabellingError> {
        let like = Like {
            project: label.project,
            text: label.text,
            except: label.event.as_ref().map(|(_, position)| *position),
            until,
            window_events: self.window_events,
        };
        let mut neighbours = similar::nearest(query, &self.screener, like, NEIGHBOURS).await?;
        neighbours.retain(|near| near.similarity >= self.neighbour_similarity_min && near.found.is_screened);
        let is_approved = |near: &&SimilarEvent| {
            near.found.assessed.as_ref().is_none_or(|assessed| !assessed.assessment.is_risky())
        };
        let approved = neighbours.iter().filter(is_approved).count();
        if neighbours.len() >= NEIGHBOURS_MIN && approved * 2 > neighbours.len() {
            return Err(LabellingError::NeedsConfirmation { approved, neighbours });
        }
        Ok(())
    }

    /// Appends the events and follows them; the first one's receipt.
    async fn store(&self, intake: &Intake, events: Vec<Event<'_>>) -> Result<Receipt, LabellingError> {
        let mut batch = intake.batch(1024);
        events.into_iter().for_each(|event| batch.push(event, FingerprintRule::Off));
        let appended = intake.append(batch.finish()).await?;
        let receipts: Vec<_> = appended
            .iter()
            .map(|appended| match appended {
                Appended::Stored(receipt) | Appended::Duplicate(receipt) | Appended::KeyReused(receipt) => {
                    *receipt
                }
            })
            .collect();
        let end = receipts.iter().map(|receipt| receipt.position.next()).max().unwrap_or_default();
        self.labels.catch_up(end).await?;
        receipts.first().copied().ok_or(LabellingError::NoReceipt)
    }
}

fn removal<'a>(exemplar: &'a Exemplar, by: &'a str, context: &'a str) -> Event<'a> {
    event(REMOVED, &exemplar.project, by, context, json(&RemovedData { exemplar: exemplar.position }))
}

fn event<'a>(kind: &'a str, project: &'a str, by: &'a str, context: &'a str, data: String) -> Event<'a> {
    Event {
        project_id: project.into(),
        event_type: kind.into(),
        source: "system".into(),
        actor: Some(Reference { id: by.into(), kind: None }),
        data: Some(data.into()),
        schema_version: 1,
        context: context.into(),
        ..Event::default()
    }
}

/// Texts and numbers are always JSON.
fn json(data: &impl serde::Serialize) -> String {
    serde_json::to_string(data).unwrap_or_default()
}
