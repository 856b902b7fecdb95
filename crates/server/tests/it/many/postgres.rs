//! What can happen to the database.

use std::time::Duration;

use super::cluster::Cluster;
use super::database::Postgres;
use super::proxy::Proxy;
use crate::support::nightly;

/// How long servers wait for their database.
const TIMEOUT_MS: u64 = 2000;

/// How long a database stands still; `FREEZE_S=30` for as long as it was promised.
fn freeze() -> Duration {
    Duration::from_secs(nightly::count("FREEZE_S", 6))
}

/// Sends every server away. Who connects again has new settings.
const DISCONNECT: &str =
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'app'";

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stands_still_delays_and_refuses_and_goes_on() {
    let cluster = Cluster::start_with(TIMEOUT_MS).await;
    let load = cluster.load();
    load.goes_on(100).await;
    let refused = load.refused();
    cluster.postgres.freeze(freeze()).await;
    assert!(load.refused() > refused, "while it stood still nothing was acknowledged");
    load.goes_on(100).await;
    cluster.check(load).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_crashes_loses_nothing_and_doubles_nothing() {
    let mut cluster = Cluster::start_with(TIMEOUT_MS).await;
    let load = cluster.load();
    for down_ms in [0, 3 * TIMEOUT_MS, 0] {
        load.goes_on(100).await;
        cluster.postgres.crash(Duration::from_millis(down_ms)).await;
    }
    load.goes_on(100).await;
    assert!(load.refused() > 0, "while it was down nothing was acknowledged");
    cluster.check(load).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_connections_refuse_and_lose_nothing() {
    let cluster = Cluster::start_with(TIMEOUT_MS).await;
    let load = cluster.load();
    load.goes_on(100).await;
    let admin = cluster.postgres.client().await;
    admin.batch_execute("ALTER ROLE app CONNECTION LIMIT 3").await.unwrap();
    admin.query_one(DISCONNECT, &[]).await.unwrap();
    tokio::time::sleep(freeze()).await;
    admin.batch_execute("ALTER ROLE app CONNECTION LIMIT -1").await.unwrap();
    load.goes_on(100).await;
    cluster.check(load).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_cut_at_any_byte_leave_no_doubt() {
    let postgres = Postgres::start().await;
    let proxy = Proxy::start(postgres.port()).await;
    let url = format!("postgres://app@{}/app", proxy.address);
    let cluster = Cluster::start_on(postgres, url, TIMEOUT_MS).await;
    let load = cluster.load();
    let cuts = nightly::count("CUTS", 40);
    for cut in 0..cuts {
        proxy.cut_after((cut as i64 * 97) % 2000);
        load.goes_on(20).await;
    }
    assert!(proxy.cuts() > cuts / 2, "{} of {cuts} connections were cut", proxy.cuts());
    proxy.cut_after(-1);
    cluster.check(load).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_cannot_be_serialized_are_tried_again() {
    let cluster = Cluster::start_with(TIMEOUT_MS).await;
    let load = cluster.load();
    let admin = cluster.postgres.client().await;
    let serializable = "ALTER DATABASE app SET default_transaction_isolation = serializable";
    admin.batch_execute(serializable).await.unwrap();
    admin.query_one(DISCONNECT, &[]).await.unwrap();
    load.goes_on(500).await;
    cluster.check(load).await;
}
