//! The feed of shards over streams and a log: every law, with a Redis that works, forgets, and is away.
//! Needs a server: see `.ci/servers`.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its world fails")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_domain::id::Shard;
use tidegate_domain::ports::{EventLog, Feed};
use tidegate_store_postgres::database::{Database, DatabaseConfig};
use tidegate_store_postgres::log::{LogConfig, PostgresLog};
use tidegate_stream_redis::connection::{Transport, TransportConfig};
use tidegate_stream_redis::feed::RedisFeed;
use tidegate_stream_redis::outlet;
use tidegate_testkit::event_log::{Sent, append};
use tidegate_testkit::feed::Fixture;
use tidegate_testkit::postgres::TestDatabase;
use tidegate_testkit::world::ManualClock;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

#[expect(clippy::disallowed_methods, reason = "a test's own setting, which the server knows nothing of")]
fn redis_url() -> String {
    std::env::var("TEST_REDIS_URL").unwrap_or_else(|_| {
        panic!("this test needs a Redis: run `make test`, or `.ci/servers cargo test …`, which start one")
    })
}

/// A log on a database of its own, and streams of its own: each has its own database number in Redis.
struct Redis {
    url: String,
    entries_max: usize,
    bytes_max: usize,
    transport: Mutex<Option<Transport>>,
    tasks: Mutex<JoinSet<()>>,
}

impl Redis {
    fn at(url: String) -> Self {
        let (transport, tasks) = (Mutex::default(), Mutex::default());
        Self { url, entries_max: 10_000, bytes_max: 100 << 20, transport, tasks }
    }

    /// A log that tells the streams, which nobody reads.
    async fn log_alone(&self) -> Arc<PostgresLog> {
        let test = TestDatabase::create().await;
        let config = DatabaseConfig { url: test.url, connections_max: 4, timeout: Duration::from_secs(10) };
        let database = Database::open(&config).await.unwrap();
        // The log itself is asked rarely, so that it is the streams that are read.
        let config = LogConfig { poll: Duration::from_millis(300), ..LogConfig::default() };
        let log = Arc::new(PostgresLog::open(database, config, Arc::<ManualClock>::default()).await.unwrap());
        let transport = Transport::new(TransportConfig {
            url: self.url.clone(),
            log: log.id().to_owned(),
            timeout: Duration::from_millis(500),
            shards: log.shards(),
            entries_max: self.entries_max,
            bytes_max: self.bytes_max,
            deliveries_max: 5,
        });
        let transport = transport.unwrap();
        let (told, publisher) = outlet::open(transport.clone(), Arc::default());
        log.tell(Arc::new(told));
        self.tasks.lock().unwrap().spawn(publisher.run(CancellationToken::new()));
        *self.transport.lock().unwrap() = Some(transport);
        log
    }
}

/// Streams that work.
fn working() -> Redis {
    // Tests of one binary may run at once in one process or in many: a database of Redis each.
    let number = std::process::id() % 15 + 1;
    Redis::at(format!("{}/{number}", redis_url()))
}

/// Streams that take next to nothing: what does not fit is read from the log.
fn full() -> Redis {
    Redis { entries_max: 2, ..working() }
}

fn away() -> Redis {
    Redis::at("redis://127.0.0.1:1".to_owned())
}

#[async_trait]
impl Fixture for Redis {
    async fn open(&self) -> (Arc<dyn EventLog>, Vec<Arc<dyn Feed>>) {
        let log = self.log_alone().await;
        let (transport, stats) = (self.transport.lock().unwrap().clone().unwrap(), Arc::default());
        let feed = |shard| {
            let inner: Arc<dyn Feed> = Arc::new(log.feed(shard));
            Arc::new(RedisFeed::open(inner, &transport, shard, "a worker", &stats)) as Arc<dyn Feed>
        };
        let feeds = (0..log.shards()).map(|shard| feed(Shard(shard))).collect();
        (log, feeds)
    }

    async fn forget(&self) {
        let Ok(client) = redis::Client::open(self.url.as_str()) else { return };
        if let Ok(mut connection) = client.get_multiplexed_async_connection().await {
            redis::cmd("FLUSHDB").query_async::<()>(&mut connection).await.unwrap();
        }
    }
}

mod with_a_redis_that_works {
    tidegate_testkit::feed_laws!(super::working);
}

mod with_streams_that_are_full {
    tidegate_testkit::feed_laws!(super::full);
}

mod with_a_redis_that_is_away {
    tidegate_testkit::feed_laws!(super::away);
}

/// A stream that nobody reads stops growing, by number and by bytes, and what came after is in the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_nobody_reads_stops_growing() {
    const APPENDS: u64 = 200;
    for (entries_max, bytes_max) in [(2, 100 << 20), (10_000, 1)] {
        // The one database that no other test here has.
        let fixture = Redis { entries_max, bytes_max, ..Redis::at(redis_url()) };
        fixture.forget().await;
        let log = fixture.log_alone().await;
        for n in 0..APPENDS {
            append(&*log, &[Sent::new("x").session(n)]).await;
            // Each in a trip of its own.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let client = redis::Client::open(fixture.url.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let length: u64 = redis::cmd("XLEN").arg("events:raw:0").query_async(&mut connection).await.unwrap();
        assert!((1..APPENDS / 2).contains(&length), "{length} entries of {APPENDS}");
        assert_eq!(log.tail().0, APPENDS);
    }
}
