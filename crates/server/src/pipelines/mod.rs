//! Running pipelines: one over the log of one process, or one for each shard that this worker leases.

mod follow;
mod leased;
mod router;
mod thread;
mod whole;

use std::sync::Arc;
use std::time::Duration;

use tidegate_domain::assessment::Screener;
use tidegate_domain::id::{Position, Shard};
use tidegate_domain::ports::{Entropy, Feed, Views};
use tidegate_domain::risk::HalfLife;
use tidegate_engine::analysis::Trigger;
use tidegate_engine::labels::Labels;
use tidegate_engine::pipeline::{Observer, Parts, Pipeline, WholeLog};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, Role};
use crate::metrics::Metrics;
use crate::screening::Thresholds;
use crate::stores::{Ports, Stores};
use crate::transport::Streams;
use router::Router;

pub use follow::follow_checkpoint;
pub use leased::Worker;
pub use thread::Background;
pub use whole::open as open_whole;

/// What every pipeline of a process folds with.
#[derive(Clone)]
pub struct Folding {
    /// Assesses texts.
    pub screener: Arc<dyn Screener>,
    /// The labels of the log.
    pub labels: Arc<Labels>,
    /// Asks for analyses; `None` where nothing is analysed.
    pub trigger: Option<Arc<Trigger>>,
    /// Hears of each batch.
    pub observer: Arc<dyn Observer>,
    /// How fast session risk fades.
    pub half_life: HalfLife,
    /// Log read and committed at once.
    pub batch_max_bytes: usize,
    /// Streams for others, if there is a transport.
    pub streams: Option<Streams>,
    /// Risk from which an event goes to the reasoning queue, by project.
    pub thresholds: Thresholds,
    /// How far back is routed again.
    pub route_again_max_events: u64,
}

impl Folding {
    /// The parts of a pipeline from `feed` to `views`.
    fn parts(&self, feed: Arc<dyn Feed>, views: Arc<dyn Views>) -> Parts {
        Parts {
            feed,
            views,
            screener: Arc::clone(&self.screener),
            labels: Some(Arc::clone(&self.labels)),
            trigger: self.trigger.clone(),
            observer: Arc::clone(&self.observer),
            half_life: self.half_life,
            batch_max_bytes: self.batch_max_bytes,
        }
    }

    /// Who routes what `pipeline` folds, if there is a transport.
    fn router(
        &self,
        shard: Shard,
        feed: Arc<dyn Feed>,
        views: Arc<dyn Views>,
        pipeline: &Pipeline,
    ) -> Option<Router> {
        Some(Router {
            shard,
            feed,
            views,
            routes: self.streams.as_ref()?.routes.clone(),
            thresholds: self.thresholds.clone(),
            model_version: self.screener.version().to_owned(),
            again_max_events: self.route_again_max_events,
            checkpoint: pipeline.checkpoint(),
        })
    }
}

/// The pipelines of a process, if it runs any.
pub struct Pipelines {
    whole: Option<Background>,
    checkpoint: watch::Receiver<Position>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Pipelines {
    /// Starts what the roles and the stores ask for, and follows how far everything is folded.
    pub async fn start(
        config: &Config,
        all: &Stores,
        ports: &Ports,
        folding: Folding,
        metrics: &Arc<Metrics>,
    ) -> anyhow::Result<Self> {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let is_folding = config.pipeline.enabled && config.server.has_role(Role::Worker);
        let (whole, checkpoint) = match all {
            Stores::Embedded(_) => {
                let pipeline = open_whole(ports.log.clone(), ports.views.clone(), &folding).await?;
                let checkpoint = pipeline.checkpoint();
                let whole = Arc::new(WholeLog(ports.log.clone()));
                if let Some(router) = folding.router(Shard::default(), whole, ports.views.clone(), &pipeline)
                {
                    tasks.spawn(until(stop.clone(), router.run()));
                }
                (is_folding.then(|| Background::pipeline(pipeline)).transpose()?, checkpoint)
            }
            Stores::Postgres(stores) => {
                if let Some(publisher) = folding.streams.as_ref().and_then(|s| s.publisher(config, all)) {
                    tasks.spawn(publisher.run(stop.clone()));
                }
                let (known, checkpoint) = watch::channel(ports.views.checkpoint().await?);
                let every = Duration::from_millis(config.store.poll_ms);
                tasks.spawn(follow_checkpoint(ports.views.clone(), every, known, stop.clone()));
                if is_folding {
                    let ttl = Duration::from_millis(config.worker.lease_ttl_ms);
                    let name = worker_name(ports.entropy.as_ref());
                    let worker =
                        Worker::new(stores.clone(), folding, &name, ttl, Arc::clone(metrics)).await?;
                    tasks.spawn(worker.run(stop.clone()));
                }
                (None, checkpoint)
            }
        };
        Ok(Self { whole, checkpoint, stop, tasks })
    }

    /// Up to where everything is folded, as it moves.
    pub fn checkpoint(&self) -> watch::Receiver<Position> {
        self.checkpoint.clone()
    }

    /// Lets every pipeline finish its batch, and gives leases up.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        if let Some(pipeline) = self.whole {
            pipeline.stop().await;
        }
        self.tasks.wait().await;
    }
}

/// Does `work` until `stop`.
async fn until(stop: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

/// Where it runs, for people; and something that no other worker has.
fn worker_name(entropy: &dyn Entropy) -> String {
    let mut random = [0; 4];
    entropy.fill(&mut random);
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{host}-{}-{}", std::process::id(), data_encoding::HEXLOWER.encode(&random))
}
