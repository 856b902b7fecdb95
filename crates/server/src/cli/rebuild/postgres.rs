//! Rebuilding the views in a database.
//!
//! A rebuild empties them and folds, beside the workers that run. A comparison needs views that stand still: it leases all
//! shards, folds what is left, folds everything again into tables of its own, and compares.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tidegate_domain::assessment::Screener;
use tidegate_domain::ports::{EventLog, Views};
use tidegate_store_postgres::views::{Lease, Leases, PostgresViews};

use super::{Rules, can_be_compared, differences, fold, say_compared, say_rebuilt};
use crate::app;
use crate::cli::command::RebuildArgs;
use crate::config::Config;
use crate::screening;
use crate::stores::{PostgresStores, open_postgres};

/// The name under which this command leases shards.
const WORKER: &str = "tidegate rebuild";
/// If this command is killed, workers go on after so long.
const LEASE_TTL: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn run(args: &RebuildArgs, config: &Config) -> anyhow::Result<()> {
    let screener = screening::open(config)?.screener;
    let stores = open_postgres(config, screener.as_ref()).await?;
    let done = Box::pin(rebuild(args, config, &stores, screener)).await;
    stores.log.close().await;
    done
}

async fn rebuild(
    args: &RebuildArgs,
    config: &Config,
    stores: &PostgresStores,
    screener: Arc<dyn Screener>,
) -> anyhow::Result<()> {
    let rules = &Rules::open(screener, stores.log.clone(), stores.control.clone()).await?;
    let (first, events) = (stores.log.first(), stores.log.tail().0 - stores.log.first().0);
    stores.views.require_rules().await?;
    if !args.check {
        stores.views.empty().await.context("the views cannot be emptied")?;
        with_leases(&stores.views, stores, rules, config, false).await?;
        while stores.views.checkpoint().await? < stores.log.tail() {
            tokio::time::sleep(PAUSE).await;
        }
        say_rebuilt(args, events, first);
        return Ok(());
    }
    can_be_compared(first)?;
    let kept = with_leases(&stores.views, stores, rules, config, true);
    let leases = kept.await?;
    let renewed = stores.views.leases(WORKER, LEASE_TTL);
    let compared = renewing(&renewed, Box::pin(compare(stores, rules, config))).await;
    give_up(&stores.views, &leases).await?;
    stores.database.drop_draft_of_views().await?;
    say_compared(args, events, &compared?)
}

async fn compare(stores: &PostgresStores, rules: &Rules, config: &Config) -> anyhow::Result<Vec<String>> {
    let (draft, version) =
        (stores.database.draft_of_views().await?, app::fold_version(rules.screener.as_ref()));
    let draft = PostgresViews::open(draft, stores.log.shards(), app::half_life(config), &version).await?;
    draft.require_rules().await?;
    with_leases(&draft, stores, rules, config, true).await.context("the log could not be folded")?;
    differences(stores.views.as_ref(), &draft).await
}

/// Leases what shards are free and folds them; all of them, or an error, if `all`.
async fn with_leases(
    views: &PostgresViews,
    stores: &PostgresStores,
    rules: &Rules,
    config: &Config,
    all: bool,
) -> anyhow::Result<Vec<Lease>> {
    let (leases, shards) = (views.leases(WORKER, LEASE_TTL), usize::from(stores.log.shards()));
    let mut held = leases.renew().await?.leases;
    // What a worker held that was killed is free by then.
    let patience = Duration::from_millis(config.worker.lease_ttl_ms) + LEASE_TTL / 10;
    let deadline = Instant::now() + patience;
    while all && held.len() < shards && Instant::now() < deadline {
        tokio::time::sleep(PAUSE).await;
        held = leases.renew().await?.leases;
    }
    if all && held.len() < shards {
        give_up(views, &held).await?;
        let others = shards - held.len();
        bail!(
            "the views are in use by another process: workers hold {others} of {shards} shards; stop them first"
        );
    }
    let folding = async {
        for lease in &held {
            let feed = Arc::new(stores.log.feed(lease.shard));
            fold(feed, Arc::new(views.of(*lease)), rules, config).await?;
        }
        anyhow::Ok(())
    };
    renewing(&leases, folding).await?;
    if !all {
        give_up(views, &held).await?;
    }
    Ok(held)
}

/// Does `work` while the leases are renewed.
async fn renewing<T>(leases: &Leases, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(LEASE_TTL / 6) => {}
        }
        if let Err(error) = leases.renew().await {
            tracing::warn!(error = %error, "leases were not renewed");
        }
    }
}

async fn give_up(views: &PostgresViews, held: &[Lease]) -> anyhow::Result<()> {
    let leases = views.leases(WORKER, LEASE_TTL);
    for lease in held {
        leases.release(*lease).await?;
    }
    Ok(leases.leave().await?)
}
