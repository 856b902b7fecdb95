//! `[jobs]` and `[analysis]`.

use serde::{Deserialize, Serialize};
use tidegate_domain::id::ProjectId;

/// `[jobs]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    /// How long a worker holds a job before another may take it.
    pub lease_ttl_ms: u64,
    /// Attempts before a job goes to the dead letter.
    pub attempts_max: u32,
    /// Delay after the first failure.
    pub backoff_min_ms: u64,
    /// Longest delay.
    pub backoff_max_ms: u64,
}

/// When a request that stores an event is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// Once the event is durable.
    Async,
    /// Once its session is analysed, or the time for that is over.
    Sync,
}

/// `[analysis]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Analysis {
    /// When requests are answered.
    pub strategy: Strategy,
    /// Analyses of sessions.
    pub session_enabled: bool,
    /// Analyses of chains of thought.
    pub cot_enabled: bool,
    /// Threat models, in the order in which they are asked.
    pub models: Vec<String>,
    /// The same for sessions alone; empty for `models`.
    pub session_models: Vec<String>,
    /// The same for chains of thought alone; empty for `models`.
    pub cot_models: Vec<String>,
    /// Newest events of a session that are read.
    pub events_max: usize,
    /// How long events gather.
    pub coalesce_ms: u64,
    /// How long a request waits for an analysis.
    pub sync_timeout_ms: u64,
    /// Share of sessions that are analysed.
    pub sample_ratio: f64,
    /// Sessions of this risk and above are analysed whatever the share.
    pub sample_risk_min: f64,
    /// Time between two analyses of one session.
    pub session_interval_min_ms: u64,
    /// Model calls of one project; 0 sets no limit.
    pub project_calls_per_minute: u32,
    /// Answers kept for sessions that read alike.
    pub answers_cached_max: usize,
    /// Calls to vendors at once.
    pub concurrency: usize,
    /// What single projects have instead.
    pub projects: Vec<ProjectAnalysis>,
}

/// What a project has instead of what all have.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectAnalysis {
    /// Whose.
    pub project: ProjectId,
    /// When requests are answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// Analyses of sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_enabled: Option<bool>,
    /// Analyses of chains of thought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cot_enabled: Option<bool>,
    /// Threat models for sessions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub session_models: Vec<String>,
    /// Threat models for chains of thought.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cot_models: Vec<String>,
    /// Newest events of a session that are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_max: Option<usize>,
    /// Share of sessions that are analysed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_ratio: Option<f64>,
    /// Time between two analyses of one session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_interval_min_ms: Option<u64>,
    /// Model calls of the project; 0 sets no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_minute: Option<u32>,
}

impl Analysis {
    /// The models for sessions, or for chains of thought.
    pub fn models_of(&self, kind: tidegate_domain::analysis::AnalysisKind) -> &[String] {
        let own = match kind {
            tidegate_domain::analysis::AnalysisKind::Session => &self.session_models,
            tidegate_domain::analysis::AnalysisKind::Cot => &self.cot_models,
        };
        if own.is_empty() { &self.models } else { own }
    }

    /// What `project` has of its own, if anything.
    pub fn of_project(&self, project: &str) -> Option<&ProjectAnalysis> {
        self.projects.iter().find(|own| own.project.as_str() == project)
    }

    /// When requests of `project` are answered.
    pub fn strategy_of(&self, project: &str) -> Strategy {
        self.of_project(project).and_then(|own| own.strategy).unwrap_or(self.strategy)
    }
}
