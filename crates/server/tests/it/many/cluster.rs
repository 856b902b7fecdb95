//! One API process and two workers, with a database and a Redis of their own, and load on them.

use serde_json::Value;
use tempfile::TempDir;

use super::database::Postgres;
use super::load::Load;
use super::streams::Redis;
use crate::support::child::{ChildServer, Serve};
use crate::support::command::tidegate_plain;
use crate::support::patience::eventually;

/// How long a shard stays with a worker that says nothing.
const LEASE_TTL_MS: u64 = 1000;

/// How long servers wait for their database where nothing is wrong with it, however busy the machine.
const PATIENCE_MS: u64 = 20_000;

/// All processes of one test.
pub(crate) struct Cluster {
    pub(crate) api: ChildServer,
    pub(crate) workers: Vec<ChildServer>,
    pub(crate) postgres: Postgres,
    pub(crate) redis: Redis,
    homes: Vec<TempDir>,
    url: String,
    timeout_ms: u64,
    is_analysing: bool,
}

impl Cluster {
    /// Starts everything.
    pub(crate) async fn start() -> Self {
        Self::start_with(PATIENCE_MS).await
    }

    /// Starts everything, with servers that analyse sessions.
    pub(crate) async fn start_analysing() -> Self {
        let postgres = Postgres::start().await;
        let url = postgres.url();
        Self::start_as(postgres, url, PATIENCE_MS, true).await
    }

    /// Starts everything, with servers that wait no longer than this for their database.
    pub(crate) async fn start_with(timeout_ms: u64) -> Self {
        let postgres = Postgres::start().await;
        let url = postgres.url();
        Self::start_on(postgres, url, timeout_ms).await
    }

    /// Starts everything, with the API process on `url`, which leads to `postgres`.
    pub(crate) async fn start_on(postgres: Postgres, url: String, timeout_ms: u64) -> Self {
        Self::start_as(postgres, url, timeout_ms, false).await
    }

    async fn start_as(postgres: Postgres, url: String, timeout_ms: u64, is_analysing: bool) -> Self {
        let redis = Redis::start().await;
        let homes: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
        let serve = |home, role, url| serve(home, role, url, &redis, timeout_ms, is_analysing);
        let api = serve(&homes[0], "api", &url).start().await;
        let (mut workers, direct) = (Vec::new(), postgres.url());
        for home in &homes[1..] {
            workers.push(serve(home, "worker", &direct).start().await);
        }
        let cluster = Self { api, workers, postgres, redis, homes, url, timeout_ms, is_analysing };
        cluster.shards_are_held_by(2).await;
        cluster
    }

    /// A worker in place of number `number`, which is gone.
    pub(crate) async fn restart_worker(&mut self, number: usize) {
        let home = &self.homes[1 + number];
        self.workers[number] = self.serve(home, "worker", &self.postgres.url()).start().await;
    }

    /// An API process in place of the one that is gone.
    pub(crate) async fn restart_api(&mut self) {
        self.api = self.serve(&self.homes[0], "api", &self.url).start().await;
    }

    /// One more API process.
    pub(crate) async fn another_api(&self) -> ChildServer {
        let home = tempfile::tempdir().unwrap();
        self.serve(&home, "api", &self.url).start().await
    }

    fn serve(&self, home: &TempDir, role: &str, url: &str) -> Serve {
        serve(home, role, url, &self.redis, self.timeout_ms, self.is_analysing)
    }

    /// Load on the API process.
    pub(crate) fn load(&self) -> Load {
        Load::start(&self.api)
    }

    /// Waits until all shards are held, by so many workers.
    pub(crate) async fn shards_are_held_by(&self, workers: i64) {
        let held = "SELECT count(*) = 4 AND count(DISTINCT worker) = $1 FROM views.shards WHERE leased_until > now()";
        eventually("workers hold all shards", async || {
            let client = self.postgres.client().await;
            client.query_one(held, &[&workers]).await.unwrap().get::<_, bool>(0).then_some(())
        })
        .await;
    }

    /// Waits until everything acknowledged is folded.
    pub(crate) async fn catches_up(&self) {
        eventually("the workers catch up", async || {
            let answer = self.api.call(hyper::Method::GET, "/v1/metrics").try_send().await.ok()?;
            (answer.status == 200 && answer.json()["pipeline_lag_events"] == 0).then_some(())
        })
        .await;
    }

    /// Ends the load, and checks all that must hold after any fault. Stops everything.
    pub(crate) async fn check(self, load: Load) {
        let writers = load.stop().await;
        self.catches_up().await;
        writers.check(&self.api).await;
        self.api.stop().await;
        for worker in self.workers {
            worker.stop().await;
        }
        let said = tidegate_plain(self.homes[0].path())
            .args(["--store", &self.postgres.url(), "rebuild", "--check", "--json"])
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&said.stdout).expect("JSON");
        assert_eq!(report["equal"], true, "{report} {}", String::from_utf8_lossy(&said.stderr));
    }
}

fn serve(home: &TempDir, role: &str, url: &str, redis: &Redis, timeout_ms: u64, is_analysing: bool) -> Serve {
    Serve::on_store(home.path(), url)
        .set("SERVER__ROLES", role)
        .set("SERVER__DEV", "true")
        .set("ANALYSIS__SESSION_ENABLED", is_analysing)
        .set("TRANSPORT__URL", redis.url())
        .set("WORKER__LEASE_TTL_MS", LEASE_TTL_MS)
        .set("STORE__TIMEOUT_MS", timeout_ms)
        .set("STORE__PARTITION_MAX_EVENTS", 500)
}
