//! Answers into the log (AL2).

use tidegate_domain::analysis::{COT_ANALYZED, CotAnalyzedData, SESSION_ANALYZED, SessionAnalyzedData};
use tidegate_domain::event::Event;
use tidegate_domain::ports::AppendError;
use tidegate_domain::session::SessionKey;

use super::Parts;
use crate::intake::FingerprintRule;
use crate::jobs::Outcome;

/// An answer on its way into the log.
pub(super) struct Writing {
    event: Event<'static>,
}

/// What a job came to before it is written.
pub(super) enum Found {
    Answer(Box<Writing>),
    Nothing(Outcome),
}

impl Writing {
    /// A session's analysis: one for each last event that was read.
    pub(super) fn session(key: &SessionKey, data: &SessionAnalyzedData) -> Self {
        let covers = format!("analysis:session:{}:{}", key.session, data.until.0);
        Self::new(SESSION_ANALYZED, &key.project, Some(&key.session), covers, json(data))
    }

    /// A chain of thought's analysis: one for each.
    pub(super) fn cot(project: &str, session: Option<&str>, data: &CotAnalyzedData) -> Self {
        let covers = format!("analysis:cot:{}", data.position.0);
        Self::new(COT_ANALYZED, project, session, covers, json(data))
    }

    fn new(kind: &'static str, project: &str, session: Option<&str>, covers: String, data: String) -> Self {
        let event = Event {
            project_id: project.to_owned().into(),
            session_id: session.map(|session| session.to_owned().into()),
            event_type: kind.into(),
            source: "system".into(),
            idempotency_key: Some(covers.into()),
            data: Some(data.into()),
            schema_version: 1,
            context: r#"{"door":"analysis"}"#.into(),
            ..Event::default()
        };
        Self { event }
    }
}

impl Parts {
    /// Writes the answers of a batch of jobs at once; what became of each job, in order.
    pub(super) async fn settle(&self, found: Vec<Found>) -> Vec<Outcome> {
        let (mut outcomes, mut answers) = (Vec::with_capacity(found.len()), Vec::new());
        for found in found {
            match found {
                Found::Answer(writing) => {
                    outcomes.push(Outcome::Done);
                    answers.push(*writing);
                }
                Found::Nothing(outcome) => outcomes.push(outcome),
            }
        }
        if let Err(error) = self.write(answers).await {
            let unwritten = match error {
                AppendError::Overloaded { retry_after_s, .. } => {
                    Outcome::Busy { retry_after_ms: u64::from(retry_after_s) * 1000 }
                }
                error => Outcome::Failed { error: error.to_string() },
            };
            let done = outcomes.iter_mut().filter(|outcome| **outcome == Outcome::Done);
            done.for_each(|outcome| *outcome = unwritten.clone());
        }
        outcomes
    }

    /// Appends answers in one batch. What another one covers already is not stored again: the first one counts.
    async fn write(&self, answers: Vec<Writing>) -> Result<(), AppendError> {
        let mut batch = self.intake.batch(1024 * answers.len());
        answers.into_iter().for_each(|answer| batch.push(answer.event, FingerprintRule::Off));
        self.intake.append(batch.finish()).await.map(drop)
    }
}

/// Texts and numbers are always JSON.
fn json(data: &impl serde::Serialize) -> String {
    serde_json::to_string(data).unwrap_or_default()
}
