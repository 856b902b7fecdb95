//! One life of a process: it opens what the disk holds, and its tasks go on step by step, in an order that luck decides,
//! until the process dies or its time is up.

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use anyhow::{Context as _, anyhow};
use tidegate_domain::ports::{EventLog, Retention, Views};
use tidegate_engine::intake::Intake;
use tidegate_engine::pipeline::{BatchReport, Observer, Parts, Pipeline, WholeLog};
use tidegate_screening::{Settings, TextScreener};
use tidegate_store_embedded::log::{SegmentLog, Steps};

use crate::check::check_start;
use crate::client::Client;
use crate::disk::{Files, WeatherDisk};
use crate::memory_disk::MemoryDisk;
use crate::oracle::Oracle;
use crate::pause::Pause;
use crate::reader;
use crate::views::{HALF_LIFE, StormyViews, ViewsFolder};
use crate::world::World;

/// Clients of a seed.
pub(crate) const CLIENTS: usize = 3;
/// A batch of the pipeline, in bytes: a few events.
const BATCH_MAX_BYTES: usize = 1500;
/// Steps after which a calm life must have come to its end.
const LAST_STEPS_MAX: u64 = 200_000;

/// What outlives a process.
pub(crate) struct Machine {
    pub(crate) world: Arc<World>,
    pub(crate) disk: MemoryDisk,
    pub(crate) files: Files,
    pub(crate) views: ViewsFolder,
    pub(crate) oracle: Rc<RefCell<Oracle>>,
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// The tasks of a process.
struct Tasks {
    clients: Vec<Task>,
    reader: Task,
    pipeline: Task,
    views: Arc<StormyViews>,
}

/// Nobody listens to the pipeline.
pub(crate) struct Deaf;

impl Observer for Deaf {
    fn committed(&self, _: &BatchReport) {}
}

impl Machine {
    /// Opens the log. Errors: the start was refused, for a fault or for good.
    pub(crate) fn open(&self) -> anyhow::Result<(Arc<dyn EventLog>, Steps)> {
        let (world, files) = (Arc::clone(&self.world), Arc::clone(&self.files));
        let disk = WeatherDisk { disk: self.disk.clone(), world, files };
        let (clock, config) = (Arc::clone(&self.world.clock), self.world.weather.log);
        let mut salt = [0; 8];
        tidegate_domain::ports::Entropy::fill(&self.world.luck, &mut salt);
        let entropy = Arc::new(tidegate_testkit::world::SeededEntropy::new(u64::from_le_bytes(salt)));
        let (log, steps) = SegmentLog::open_stepped(Box::new(disk), config, clock, entropy)
            .context("the log does not open")?;
        Ok((Arc::new(log), steps))
    }

    /// Lives for `steps` steps, or to the end of all work if that is `None`.
    pub(crate) fn live(&self, steps: Option<u64>) -> anyhow::Result<()> {
        let (log, mut writer) = self.open()?;
        self.world.note(format_args!("starts with tail {}", log.tail()));
        check_start(self, log.as_ref());
        let mut tasks = self.tasks(&log, steps.is_none())?;
        for _ in 0..steps.unwrap_or(LAST_STEPS_MAX) {
            if self.world.is_dead() || self.oracle.borrow().broken.is_some() {
                return Ok(());
            }
            if steps.is_none() && tasks.clients.is_empty() && self.oracle.borrow().checkpoint == log.tail() {
                return Ok(());
            }
            self.step(&mut tasks, &mut writer);
            if self.world.happens(self.world.weather.retention) {
                self.retain(log.as_ref(), &tasks.views)?;
            }
            if self.world.happens(self.world.weather.death_between_steps) {
                self.world.fault(format_args!("the process dies"));
                self.world.die();
            }
        }
        if steps.is_none() {
            self.oracle.borrow_mut().breaks("work does not come to an end".into());
        }
        Ok(())
    }

    fn tasks(&self, log: &Arc<dyn EventLog>, is_last: bool) -> anyhow::Result<Tasks> {
        let intake = Rc::new(Intake::new(Arc::clone(log), None));
        let client = |number| {
            let (world, intake, oracle) =
                (Arc::clone(&self.world), Rc::clone(&intake), Rc::clone(&self.oracle));
            let client = Client { number, world, intake, oracle };
            if is_last { Box::pin(client.finish()) as Task } else { Box::pin(client.run()) }
        };
        let views = self.views.open().context("views do not open")?;
        let folder = self.views.path("");
        let views = Arc::new(StormyViews { views, world: Arc::clone(&self.world), folder });
        let pipeline = Pipeline::open(Parts {
            feed: Arc::new(WholeLog(Arc::clone(log))),
            views: Arc::clone(&views) as Arc<dyn Views>,
            screener: Arc::new(TextScreener::new(&Settings::default())?),
            labels: None,
            trigger: None,
            observer: Arc::new(Deaf),
            half_life: HALF_LIFE,
            batch_max_bytes: BATCH_MAX_BYTES,
        });
        let pipeline = wait_for(pipeline)?.context("the pipeline does not open")?;
        // A process may have died while it deleted.
        {
            let mut oracle = self.oracle.borrow_mut();
            oracle.first = oracle.first.max(log.first());
        }
        let folded = *pipeline.checkpoint().borrow();
        if folded < log.first() {
            self.oracle
                .borrow_mut()
                .breaks(format!("{} was deleted, and views hold only {folded}", log.first()));
        }
        self.oracle.borrow_mut().checkpoint = folded;
        let reader = reader::run(Arc::clone(&self.world), Arc::clone(log), Rc::clone(&self.oracle));
        let folding = fold(Arc::clone(&self.world), pipeline, Arc::clone(log), Rc::clone(&self.oracle));
        Ok(Tasks {
            clients: (0..CLIENTS).map(client).collect(),
            reader: Box::pin(reader),
            pipeline: Box::pin(folding),
            views,
        })
    }

    /// Deletes what is old, as the server does: only what Views hold durably.
    fn retain(&self, log: &dyn EventLog, views: &StormyViews) -> anyhow::Result<()> {
        let disk_max_bytes = Some(self.world.luck.below(20_000));
        let done = wait_for(async {
            let until = views.sync().await?;
            anyhow::Ok(log.retain(Retention { recorded_before: None, disk_max_bytes, until }).await?)
        })?;
        // In words: for people who debug, the error as such holds a backtrace, whose addresses differ.
        let done = done.map_err(|error| format!("{error:#}"));
        self.world.note(format_args!("retention: {done:?}, the log begins at {}", log.first()));
        let mut oracle = self.oracle.borrow_mut();
        oracle.first = oracle.first.max(log.first());
        Ok(())
    }

    fn step(&self, tasks: &mut Tasks, writer: &mut Steps) {
        let luck = &self.world.luck;
        match luck.below(100) {
            0..45 if !tasks.clients.is_empty() => {
                let number = luck.below(tasks.clients.len() as u64) as usize;
                if poll(&mut tasks.clients[number]) {
                    drop(tasks.clients.swap_remove(number));
                }
            }
            45..53 => drop(poll(&mut tasks.reader)),
            53..65 => drop(poll(&mut tasks.pipeline)),
            65..83 => drop(writer.write()),
            83..90 => drop(writer.keep()),
            90..93 => drop(writer.rest()),
            _ => self.world.pass(luck.below(60)),
        }
    }
}

/// Folds until dropped, as the pipeline's own loop does; a failed step is tried again.
async fn fold(
    world: Arc<World>,
    mut pipeline: Pipeline,
    log: Arc<dyn EventLog>,
    oracle: Rc<RefCell<Oracle>>,
) {
    let checkpoint = pipeline.checkpoint();
    loop {
        if let Err(error) = pipeline.catch_up(|_| ()).await {
            world.note(format_args!("pipeline: {error}"));
        }
        let (now, tail) = (*checkpoint.borrow(), log.tail());
        oracle.borrow_mut().checkpoint = now;
        if now > tail {
            oracle.borrow_mut().breaks(format!("the checkpoint {now} is past the tail {tail}"));
        }
        Pause(world.luck.below(8) + 1).await;
    }
}

/// True once `task` has ended.
fn poll(task: &mut Task) -> bool {
    task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// The result of a future that needs nobody else's steps.
pub(crate) fn wait_for<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    let mut future = pin!(future);
    for _ in 0..1_000_000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Ok(value);
        }
    }
    Err(anyhow!("it waits for ever"))
}
