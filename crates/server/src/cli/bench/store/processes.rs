//! Servers on the database: what they take over HTTP, and how fast two workers fold.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_domain::ports::Clock;

use super::super::child::Server;
use super::super::load::{self, Pace, Plan};
use super::super::scratch::Scratch;
use super::super::traffic::Traffic;
use super::batches::{self, Batches};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::screening;
use crate::stores::{Stores, open_postgres};
use crate::transport::Streams;

const WARM_UP: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(600);

/// Single events over HTTP for `measured`; events per second.
pub(super) async fn singles(
    dir: &Path,
    config: &Config,
    connections: usize,
    measured: Duration,
) -> anyhow::Result<f64> {
    let scratch = Scratch::new(dir)?;
    let env = [("TIDEGATE_STORE__URL", config.store.url.expose()), ("TIDEGATE_SERVER__ROLES", "api")];
    let server = Server::tidegate(scratch.path(), &env).await?;
    let plan = Plan {
        address: server.address,
        traffic: Arc::new(Traffic::singles(false, SystemClock.now())),
        first: 0,
        connections,
        pace: Pace::Closed,
        warm_up: WARM_UP,
        measured,
        requests_max: u64::MAX,
    };
    let outcome = load::run(plan).await?;
    server.stop().await?;
    Ok(outcome.events_per_second())
}

/// Appends `events`, told to `stream` if there is one, then starts two workers; events they fold per second, together.
pub(super) async fn folded_by_two(
    dir: &Path,
    config: &Config,
    stream: Option<&str>,
    batches: &mut Batches,
    events: u64,
) -> anyhow::Result<f64> {
    let (first, second) = (Scratch::new(dir)?, Scratch::new(dir)?);
    let mut env =
        vec![("TIDEGATE_STORE__URL", config.store.url.expose()), ("TIDEGATE_SERVER__ROLES", "worker")];
    env.extend(stream.map(|url| ("TIDEGATE_TRANSPORT__URL", url)));
    // What lies in the log before is folded first.
    let server = Server::tidegate(first.path(), &env).await?;
    server.wait_until_caught_up(PATIENCE).await?;
    server.stop().await?;

    append(config, stream, batches, events).await?;
    let begun = Instant::now();
    let workers =
        tokio::try_join!(Server::tidegate(first.path(), &env), Server::tidegate(second.path(), &env))?;
    workers.0.wait_until_caught_up(PATIENCE).await?;
    let rate = events as f64 / begun.elapsed().as_secs_f64();
    workers.0.stop().await?;
    workers.1.stop().await?;
    Ok(rate)
}

/// Appends as an API process does.
async fn append(
    config: &Config,
    stream: Option<&str>,
    batches: &mut Batches,
    events: u64,
) -> anyhow::Result<()> {
    let screener = screening::open(config)?.screener;
    let stores = Stores::Postgres(open_postgres(config, screener.as_ref()).await?);
    let mut config = config.clone();
    config.transport.url = crate::config::Address::new(stream.unwrap_or_default());
    let streams = Streams::open(&config, &stores)?;
    let publisher = streams.as_ref().and_then(|streams| streams.publisher(&config, &stores));
    let stop = tokio_util::sync::CancellationToken::new();
    let publishing = publisher.map(|publisher| {
        #[expect(clippy::disallowed_methods, reason = "awaited below")]
        tokio::spawn(publisher.run(stop.clone()))
    });
    let Stores::Postgres(postgres) = &stores else { return Ok(()) };
    let size = tidegate_domain::ports::EventLog::tail(postgres.log.as_ref()).0 + events;
    batches::fill(postgres.log.as_ref(), batches, size).await?;
    // What waits to be published is on its way within this time.
    tokio::time::sleep(WARM_UP).await;
    stop.cancel();
    if let Some(publishing) = publishing {
        publishing.await?;
    }
    stores.close().await;
    Ok(())
}
