//! A log that grows in this process, and Views of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use tidegate_domain::filter::{EventCursor, EventFilter, Order};
use tidegate_domain::id::Position;
use tidegate_domain::ports::{AppendBatch, Appended, EventLog, Views};
use tidegate_engine::intake::{FingerprintRule, Intake};
use tidegate_engine::pipeline::{BatchReport, Observer, Parts, Pipeline, WholeLog};
use tidegate_engine::query::{Limits, Query};
use tidegate_store_embedded::disk::RealDisk;
use tidegate_store_embedded::log::SegmentLog;
use tidegate_store_embedded::views::EmbeddedViews;

use super::super::bare_log;
use super::super::report::median;
use super::super::traffic::Said;
use super::cost::{Cost, Stretch};
use crate::app;
use crate::clock::{SystemClock, SystemEntropy};
use crate::config::Config;
use crate::screening;
use crate::stores::{LOG_DIR, VIEWS_FILE, log_config};

/// Events of one append.
const BATCH_EVENTS: u64 = 500;
/// What is measured at each size: as many events as a full segment has, so that the making of one is part of their cost;
/// in stretches that memory has room for.
const STRETCHES: u64 = 5;
const STRETCH_BATCHES: u64 = 100;
/// Sessions whose page is read.
const PAGES: u64 = 300;
const PAGE_EVENTS: usize = 50;
const PROJECT: &str = "proj_dev";

/// Bytes on disk, of each event stored.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Disk {
    pub(super) segments: f64,
    pub(super) indexes: f64,
    pub(super) views: f64,
}

/// A growing log.
pub(super) struct Life {
    data: PathBuf,
    config: Config,
    has_keys: bool,
    log: Arc<SegmentLog>,
    said: Vec<Said>,
}

struct Silent;

impl Observer for Silent {
    fn committed(&self, _: &BatchReport) {}
}

impl Life {
    /// An empty log in `dir/data`, where a server would have it.
    pub(super) fn open(dir: &Path, config: &Config, has_keys: bool) -> anyhow::Result<Self> {
        let data = dir.join("data");
        let disk = Box::new(RealDisk::open(&data.join(LOG_DIR)).context("the log's directory")?);
        let log = SegmentLog::open(disk, log_config(config), Arc::new(SystemClock), Arc::new(SystemEntropy));
        let log = Arc::new(log.context("the log")?);
        Ok(Self { data, config: config.clone(), has_keys, log, said: Said::generation().collect() })
    }

    /// The session of event number `number`: as in all benches, 2000 live at a time, each of 20 events.
    fn session(&self, number: u64) -> String {
        let generation = number / self.said.len() as u64;
        let said = &self.said[(number % self.said.len() as u64) as usize];
        format!("chat-{:04}-{generation:08}", said.session)
    }

    fn batch(&self, intake: &Intake, from: u64) -> AppendBatch {
        let mut batch = intake.batch(BATCH_EVENTS as usize * 600);
        for number in from..from + BATCH_EVENTS {
            let mut event = bare_log::event(&self.said[(number % self.said.len() as u64) as usize]);
            event.session_id = Some(self.session(number).into());
            event.idempotency_key = self.has_keys.then(|| format!("key-{number:016}").into());
            batch.push(event, FingerprintRule::Off);
        }
        batch.finish()
    }

    fn intake(&self) -> Intake {
        Intake::new(Arc::clone(&self.log) as Arc<dyn EventLog>, None)
    }

    /// Appends until `size` events are stored.
    pub(super) async fn fill(&self, size: u64) -> anyhow::Result<()> {
        let intake = self.intake();
        while self.log.tail().0 < size {
            self.log.append(self.batch(&intake, self.log.tail().0)).await?;
        }
        Ok(())
    }

    /// What each of the next 250 000 events costs: batches, prepared before, each appended when the one before is durable.
    pub(super) async fn cost(&self) -> anyhow::Result<Cost> {
        let (intake, mut cost) = (self.intake(), Cost::default());
        for _ in 0..STRETCHES {
            let first = self.log.tail().0;
            let prepared: Vec<_> = (0..STRETCH_BATCHES)
                .map(|number| self.batch(&intake, first + number * BATCH_EVENTS))
                .collect();
            let stretch = Stretch::begin()?;
            for batch in prepared {
                let answers = self.log.append(batch).await?;
                anyhow::ensure!(matches!(answers[..], [Appended::Stored(_), ..]), "an event is not new");
            }
            cost = cost + stretch.end(STRETCHES * STRETCH_BATCHES * BATCH_EVENTS)?;
        }
        Ok(cost)
    }

    async fn views(&self) -> anyhow::Result<(Arc<dyn Views>, Pipeline)> {
        let screener = screening::open(&self.config)?.screener;
        let (half_life, version) = (app::half_life(&self.config), app::fold_version(screener.as_ref()));
        let views: Arc<dyn Views> =
            Arc::new(EmbeddedViews::open(&self.data.join(VIEWS_FILE), half_life, &version)?);
        let log = Arc::new(WholeLog(Arc::clone(&self.log) as Arc<dyn EventLog>));
        let pipeline = Pipeline::open(Parts {
            feed: log,
            views: Arc::clone(&views),
            screener,
            labels: None,
            trigger: None,
            observer: Arc::new(Silent),
            half_life,
            batch_max_bytes: self.config.pipeline.batch_max_bytes,
        })
        .await?;
        Ok((views, pipeline))
    }

    /// Folds all that is in the log and not folded yet; what each of these events costs.
    pub(super) async fn fold(&self) -> anyhow::Result<Cost> {
        let (_, mut pipeline) = self.views().await?;
        let (folded, stretch) = (*pipeline.checkpoint().borrow(), Stretch::begin()?);
        pipeline.catch_up(|_| {}).await.map_err(|error| anyhow::anyhow!(error))?;
        stretch.end(self.log.tail().0 - folded.0)
    }

    /// The median time to read a session's first page, of sessions all over the log, in microseconds: read for the first
    /// time, and read again.
    pub(super) async fn page_us(&self) -> anyhow::Result<[f64; 2]> {
        let (views, pipeline) = self.views().await?;
        let limits = Limits {
            scan_max_records: self.config.query.scan_max_records,
            page_max_bytes: self.config.query.page_max_bytes,
        };
        let log = Arc::clone(&self.log) as Arc<dyn EventLog>;
        let query = Query::new(log, views, pipeline.checkpoint(), app::half_life(&self.config), limits);
        let (tail, mut times) = (self.log.tail(), [Vec::new(), Vec::new()]);
        for number in 0..PAGES {
            let session = self.session(tail.0 / PAGES * number);
            let filter = EventFilter { session: Some(session), ..EventFilter::default() };
            let cursor = EventCursor { order: Order::Asc, position: Position(0) };
            for times in &mut times {
                let begun = Instant::now();
                let page = query.events(PROJECT, &filter, cursor, tail, PAGE_EVENTS).await?;
                times.push(begun.elapsed().as_secs_f64() * 1e6);
                anyhow::ensure!(!page.events.is_empty(), "a session without events");
            }
        }
        Ok(times.map(|times| median(times).unwrap_or_default()))
    }

    /// Bytes on disk.
    pub(super) fn disk(&self) -> anyhow::Result<Disk> {
        let events = self.log.tail().0 as f64;
        let bytes = |dir: &Path, is_one: fn(&str) -> bool| -> anyhow::Result<f64> {
            let mut sum = 0;
            for entry in std::fs::read_dir(dir)? {
                let entry = entry?;
                if is_one(&entry.file_name().to_string_lossy()) {
                    sum += entry.metadata()?.len();
                }
            }
            Ok(sum as f64 / events)
        };
        let log = self.data.join(LOG_DIR);
        Ok(Disk {
            segments: bytes(&log, |name| name.ends_with(".seg"))?,
            indexes: bytes(&log, |name| name.ends_with(".idx"))?,
            views: bytes(&self.data, |name| name.starts_with(VIEWS_FILE))?,
        })
    }

    /// Closes the log.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        Ok(tokio::task::spawn_blocking(move || self.log.close()).await?)
    }
}
