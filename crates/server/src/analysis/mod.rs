//! Analyses of a server: who is asked, who asks, and what requests wait for.

mod models;
mod wait;

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use tidegate_domain::analysis::AnalysisKind;
use tidegate_domain::id::Position;
use tidegate_domain::ports::JobsError;
use tidegate_domain::session::SessionKey;
use tidegate_engine::analysis::{
    AnswerCache, CotRunner, Limits, Observer, Parts, Plan, ProjectRules, Rules, SessionRunner, Trigger,
};
use tidegate_engine::intake::Intake;
use tidegate_engine::jobs::{Backoff, Doorbell, JobObserver, Runner, Worker};
use tokio::sync::watch;

use crate::app::half_life;
use crate::config::{Config, ProjectAnalysis, Role};
use crate::masking;
use crate::pipelines::Background;
use crate::stores::Ports;

use models::Models;
pub use models::NAMES as MODEL_NAMES;
pub use wait::{Waited, Waiting, sessions_of, wait, wait_for_all};

/// Added to the thread's niceness: below the pipeline's, which others wait for.
const NICENESS: i32 = 10;
/// Sessions analysed together by the models of this program, which answer at once.
const BUILT_IN_BATCH: usize = 64;

/// What a process knows of analyses.
pub struct Analyses {
    plan: Arc<Plan>,
    trigger: Arc<Trigger>,
    /// Calls a minute to each provider.
    provider_calls_per_minute: Arc<HashMap<String, u32>>,
}

impl Analyses {
    /// The analyses that the settings ask for. Errors: a model cannot be set up.
    pub fn open(config: &Config, ports: &Ports) -> anyhow::Result<Self> {
        let models = Models::open(config, ports)?;
        let plan = Arc::new(plan(config, &models));
        let trigger = Trigger {
            plan: Arc::clone(&plan),
            jobs: Arc::clone(&ports.jobs),
            doorbell: Doorbell::default(),
            clock: Arc::clone(&ports.clock),
        };
        let provider_calls_per_minute = Arc::new(models::calls_per_minute(config));
        Ok(Self { plan, trigger: Arc::new(trigger), provider_calls_per_minute })
    }

    /// What asks for analyses; `None` if there are none in any project.
    pub fn trigger(&self) -> Option<Arc<Trigger>> {
        let has_any = AnalysisKind::ALL.into_iter().any(|kind| self.plan.has(kind));
        has_any.then(|| Arc::clone(&self.trigger))
    }

    /// Asks for the analysis of a session up to `until`, ahead of others. Errors: may be retried.
    pub async fn hurry(&self, key: &SessionKey, until: Position) -> Result<(), JobsError> {
        self.trigger.hurry(key, until).await
    }

    /// Jobs were revived: the workers of this process need not wait to find them.
    pub fn ring(&self) {
        self.trigger.doorbell.ring();
    }

    /// Who analyses, in words.
    pub fn describe(&self) -> String {
        let of = |kind: AnalysisKind| {
            let rules = self.plan.default.rules(kind);
            let who = if rules.is_on { rules.model.version() } else { "off" };
            format!("{}: {who}", kind.name())
        };
        AnalysisKind::ALL.map(of).join(", ")
    }

    /// True if sessions of `project` are analysed.
    pub fn has_sessions(&self, project: &str) -> bool {
        self.plan.of(project).session.is_on
    }

    /// Starts the workers of this process, on a thread of their own; `None` if it has none.
    pub fn start<O>(
        &self,
        config: &Config,
        ports: &Ports,
        checkpoint: watch::Receiver<Position>,
        observer: &Arc<O>,
    ) -> anyhow::Result<Option<Background>>
    where
        O: Observer + JobObserver + 'static,
    {
        if !config.server.has_role(Role::Worker) || !config.pipeline.enabled || self.trigger().is_none() {
            return Ok(None);
        }
        let parts = Parts {
            plan: Arc::clone(&self.plan),
            log: Arc::clone(&ports.log),
            intake: Arc::new(Intake::new(Arc::clone(&ports.log), masking::open(config)?)),
            views: Arc::clone(&ports.views),
            checkpoint,
            limits: Limits {
                limiter: Arc::clone(&ports.rate_limiter),
                provider_calls_per_minute: Arc::clone(&self.provider_calls_per_minute),
            },
            half_life: half_life(config),
            clock: Arc::clone(&ports.clock),
            observer: Arc::clone(observer) as _,
        };
        let workers: Vec<_> = self
            .runners(config, parts)
            .into_iter()
            .map(|runner| self.worker(config, ports, runner, Arc::clone(observer) as _))
            .collect();
        let run = move |stop: tokio_util::sync::CancellationToken| async move {
            join_all(workers.into_iter().map(|worker| worker.run(stop.clone()))).await;
        };
        Ok(Some(Background::start("jobs", NICENESS, run)?))
    }

    /// One that asks vendors runs jobs singly, several at once; one that does not, in batches.
    fn runners(&self, config: &Config, parts: Parts) -> Vec<Arc<dyn Runner>> {
        let shape = |kind| {
            let is_built_in = self.plan.is_built_in(kind);
            if is_built_in { (BUILT_IN_BATCH, 1) } else { (1, config.analysis.concurrency) }
        };
        let (batch_max, concurrency) = shape(AnalysisKind::Session);
        let answers = AnswerCache::new(config.analysis.answers_cached_max);
        let session = SessionRunner { parts: parts.clone(), answers, batch_max, concurrency };
        let (batch_max, concurrency) = shape(AnalysisKind::Cot);
        vec![Arc::new(session), Arc::new(CotRunner { parts, batch_max, concurrency })]
    }

    fn worker(
        &self,
        config: &Config,
        ports: &Ports,
        runner: Arc<dyn Runner>,
        observer: Arc<dyn JobObserver>,
    ) -> Worker {
        Worker {
            jobs: Arc::clone(&ports.jobs),
            runner,
            doorbell: self.trigger.doorbell.clone(),
            clock: Arc::clone(&ports.clock),
            entropy: Arc::clone(&ports.entropy),
            observer,
            backoff: Backoff {
                min_ms: config.jobs.backoff_min_ms,
                max_ms: config.jobs.backoff_max_ms,
                attempts_max: config.jobs.attempts_max,
            },
            lease_ttl_ms: ms(config.jobs.lease_ttl_ms),
        }
    }
}

fn plan(config: &Config, models: &Models) -> Plan {
    let all = &config.analysis;
    let projects = all.projects.iter().map(|own| {
        let name = own.project.as_str().to_owned();
        (name, rules(config, models, Some(own)))
    });
    Plan {
        default: rules(config, models, None),
        projects: projects.collect(),
        coalesce_ms: ms(all.coalesce_ms),
    }
}

fn rules(config: &Config, models: &Models, own: Option<&ProjectAnalysis>) -> ProjectRules {
    let all = &config.analysis;
    let of = |kind, enabled: Option<bool>, default: bool, names: Option<&[String]>| {
        let names = names.filter(|names| !names.is_empty()).unwrap_or_else(|| all.models_of(kind));
        Rules { is_on: enabled.unwrap_or(default), model: models.of(names) }
    };
    let session = own.map(|own| own.session_models.as_slice());
    let cot = own.map(|own| own.cot_models.as_slice());
    let session_enabled = own.and_then(|own| own.session_enabled);
    let cot_enabled = own.and_then(|own| own.cot_enabled);
    ProjectRules {
        session: of(AnalysisKind::Session, session_enabled, all.session_enabled, session),
        cot: of(AnalysisKind::Cot, cot_enabled, all.cot_enabled, cot),
        sample_ratio: own.and_then(|own| own.sample_ratio).unwrap_or(all.sample_ratio),
        sample_risk_min: all.sample_risk_min,
        session_interval_min_ms: ms(own
            .and_then(|own| own.session_interval_min_ms)
            .unwrap_or(all.session_interval_min_ms)),
        events_max: own.and_then(|own| own.events_max).unwrap_or(all.events_max),
        calls_per_minute: own.and_then(|own| own.calls_per_minute).unwrap_or(all.project_calls_per_minute),
    }
}

fn ms(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
