//! Who analyses what, for each project.

use std::collections::HashMap;
use std::sync::Arc;

use tidegate_domain::analysis::AnalysisKind;
use tidegate_domain::ports::ThreatModel;

/// How one project has one kind of analysis.
#[derive(Clone)]
pub struct Rules {
    /// False: none.
    pub is_on: bool,
    /// Who is asked.
    pub model: Arc<dyn ThreatModel>,
}

/// How a project is analysed.
#[derive(Clone)]
pub struct ProjectRules {
    /// Sessions.
    pub session: Rules,
    /// Chains of thought.
    pub cot: Rules,
    /// Share of the sessions that are analysed, 0..=1; which ones follows from their names.
    pub sample_ratio: f64,
    /// Sessions of this risk and above are analysed whatever the share.
    pub sample_risk_min: f64,
    /// Time from one analysis of a session to the next, at least, in ms.
    pub session_interval_min_ms: i64,
    /// The newest events of a session that are read, at least 1.
    pub events_max: usize,
    /// Model calls a minute; 0: no limit. Models that are part of this program are not counted.
    pub calls_per_minute: u32,
}

/// The rules of all projects.
#[derive(Clone)]
pub struct Plan {
    /// Of projects that have none of their own.
    pub default: ProjectRules,
    /// Of single projects.
    pub projects: HashMap<String, ProjectRules>,
    /// How long events gather before they are analysed together, in ms.
    pub coalesce_ms: i64,
}

impl Plan {
    /// The rules of `project`.
    pub fn of(&self, project: &str) -> &ProjectRules {
        self.projects.get(project).unwrap_or(&self.default)
    }

    /// True if any project has analyses of `kind`.
    pub fn has(&self, kind: AnalysisKind) -> bool {
        std::iter::once(&self.default).chain(self.projects.values()).any(|rules| rules.rules(kind).is_on)
    }

    /// True if no analysis of `kind` asks anybody outside.
    pub fn is_built_in(&self, kind: AnalysisKind) -> bool {
        let all = std::iter::once(&self.default).chain(self.projects.values());
        all.map(|rules| rules.rules(kind)).filter(|rules| rules.is_on).all(|rules| rules.model.is_built_in())
    }
}

impl ProjectRules {
    /// The rules of `kind`.
    pub fn rules(&self, kind: AnalysisKind) -> &Rules {
        match kind {
            AnalysisKind::Session => &self.session,
            AnalysisKind::Cot => &self.cot,
        }
    }

    /// True if a session of this name and risk is in the sample.
    pub(super) fn samples(&self, session_hash: u64, risk: f64) -> bool {
        let place = session_hash as f64 / u64::MAX as f64;
        risk >= self.sample_risk_min || place < self.sample_ratio || self.sample_ratio >= 1.0
    }
}
