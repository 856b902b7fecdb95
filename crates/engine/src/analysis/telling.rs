//! What log lines, metrics and traces say of an analysis: who and how long, never content.

use std::time::Instant;

use tidegate_domain::analysis::{AnalysisKind, Answer, Usage};
use tidegate_domain::ports::{ThreatModel, ThreatModelError};

use super::{Observer, Report};

/// One analysis, told of as it goes on.
///
/// A model of this program answers thousands of times a second, so its lines are at debug; those of others, which cost time
/// and money, at info. A failure is a warning; a model that wants to be asked later is none.
pub(super) struct Telling<'a> {
    pub(super) kind: AnalysisKind,
    pub(super) project: &'a str,
    pub(super) session: Option<&'a str>,
    /// The chain of thought's.
    pub(super) event_id: Option<&'a str>,
    pub(super) model: &'a dyn ThreatModel,
    pub(super) observer: &'a dyn Observer,
    pub(super) started: Instant,
}

impl Telling<'_> {
    /// The model is asked about so many events.
    pub(super) fn begun(&self, events: usize) {
        let Self { project, session, event_id, .. } = *self;
        let (kind, model) = (self.kind.name(), self.model.version());
        tracing::debug!(kind, project, session, event_id, events, model, "analysis: begun");
    }

    /// It answered, or an answer was known already.
    pub(super) fn answered<T>(&self, answer: &Answer<T>, risk_score: f64, is_known: bool) {
        let Self { project, session, event_id, .. } = *self;
        let (kind, took_ms, model) = (self.kind.name(), self.took_ms(), answer.model.as_str());
        let Usage { input_tokens, output_tokens, cost_microusd } = answer.usage;
        let outcome = match is_known {
            true => "cached",
            false if self.is_fallback(answer) => "fallback",
            false => "done",
        };
        macro_rules! done {
            ($level:ident) => {
                tracing::$level!(
                    kind,
                    project,
                    session,
                    event_id,
                    model,
                    outcome,
                    took_ms,
                    risk_score,
                    input_tokens,
                    output_tokens,
                    cost_microusd,
                    "analysis: done"
                )
            };
        }
        if is_known || self.model.is_built_in() {
            done!(debug);
        } else {
            done!(info);
        }
        self.report(model, outcome, answer.usage);
    }

    /// It did not answer.
    pub(super) fn failed(&self, error: &ThreatModelError) {
        let Self { project, session, event_id, .. } = *self;
        let (kind, took_ms, model) = (self.kind.name(), self.took_ms(), self.model.version());
        let outcome = outcome_name(error);
        let error: &dyn std::error::Error = error;
        if outcome == "busy" {
            tracing::debug!(error, kind, project, session, event_id, model, took_ms, "analysis: put off");
        } else {
            tracing::warn!(
                error,
                kind,
                project,
                session,
                event_id,
                model,
                outcome,
                took_ms,
                "analysis: failed"
            );
        }
        self.report(model, outcome, Usage::default());
    }

    /// True if another model answered than the one that is asked first.
    pub(super) fn is_fallback<T>(&self, answer: &Answer<T>) -> bool {
        answer.model != self.model.version()
    }

    fn took_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    fn report(&self, model: &str, outcome: &'static str, usage: Usage) {
        let (kind, provider, took) = (self.kind, self.model.provider(), self.started.elapsed());
        self.observer.analyzed(&Report { kind, provider, model, outcome, took, usage });
    }
}

/// The name of `error` in metrics and log lines.
fn outcome_name(error: &ThreatModelError) -> &'static str {
    match error {
        ThreatModelError::Busy { .. } => "busy",
        ThreatModelError::Refused { .. } => "refused",
        _ => "failed",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use tidegate_domain::analysis::{CotAnalysis, CotRequest, SessionAnalysis, SessionRequest};

    use super::*;

    /// A model that is first asked.
    struct First;

    #[async_trait]
    impl ThreatModel for First {
        fn provider(&self) -> &'static str {
            "openai"
        }

        fn version(&self) -> &'static str {
            "openai:m#1"
        }

        async fn analyze_session(
            &self,
            _: &SessionRequest,
        ) -> Result<Answer<SessionAnalysis>, ThreatModelError> {
            Err(ThreatModelError::Timeout { timeout_ms: 1 })
        }

        async fn analyze_cot(&self, _: &CotRequest) -> Result<Answer<CotAnalysis>, ThreatModelError> {
            Err(ThreatModelError::Timeout { timeout_ms: 1 })
        }
    }

    #[derive(Default)]
    struct Heard(Mutex<Vec<(String, &'static str)>>);

    impl Observer for Heard {
        fn analyzed(&self, report: &Report<'_>) {
            self.0.lock().unwrap().push((report.model.to_owned(), report.outcome));
        }
    }

    /// A vendor that fails behind another that answers must be seen, or nobody learns of it.
    #[test]
    fn the_outcome_says_who_answered_and_how_it_failed() {
        let heard = Heard::default();
        let telling = Telling {
            kind: AnalysisKind::Session,
            project: "p",
            session: None,
            event_id: None,
            model: &First,
            observer: &heard,
            started: Instant::now(),
        };
        let by = |model: &str| Answer { analysis: (), usage: Usage::default(), model: model.to_owned() };
        telling.answered(&by("openai:m#1"), 0.5, false);
        telling.answered(&by("rules-1"), 0.5, false);
        telling.answered(&by("openai:m#1"), 0.5, true);
        telling.failed(&ThreatModelError::Timeout { timeout_ms: 1 });
        telling.failed(&ThreatModelError::Refused { reason: "no".to_owned() });
        telling.failed(&ThreatModelError::Busy { retry_after_ms: 1 });
        let heard = heard.0.into_inner().unwrap();
        let heard: Vec<_> = heard.iter().map(|(model, outcome)| (model.as_str(), *outcome)).collect();
        let first = "openai:m#1";
        assert_eq!(
            heard,
            [
                (first, "done"),
                ("rules-1", "fallback"),
                (first, "cached"),
                (first, "failed"),
                (first, "refused"),
                (first, "busy")
            ]
        );
    }
}
