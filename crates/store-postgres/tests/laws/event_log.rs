//! The log on PostgreSQL: every law, the model, and what many processes do at once.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use tidegate_domain::ports::EventLog;
use tidegate_store_postgres::database::Database;
use tidegate_store_postgres::log::{LogConfig, PostgresLog};
use tidegate_testkit::event_log::{Fixture, follows_the_model, steps};
use tidegate_testkit::postgres::TestDatabase;
use tidegate_testkit::world::ManualClock;

use crate::rig::config;

/// Partitions of a few records, so that there are many.
pub(crate) fn small() -> LogConfig {
    LogConfig { partition_events: 16, poll: Duration::from_millis(5), ..LogConfig::default() }
}

struct Rig {
    clock: Arc<ManualClock>,
    test: Mutex<Option<Arc<TestDatabase>>>,
    open: Mutex<Option<Arc<PostgresLog>>>,
}

impl Rig {
    fn new() -> Self {
        Self { clock: Arc::default(), test: Mutex::default(), open: Mutex::default() }
    }

    async fn start(&self) -> Arc<dyn EventLog> {
        let test = self.test.lock().unwrap().clone().unwrap();
        let database = Database::open(&config(&test.url)).await.unwrap();
        let log = Arc::new(PostgresLog::open(database, small(), self.clock.clone()).await.unwrap());
        *self.open.lock().unwrap() = Some(Arc::clone(&log));
        log
    }
}

#[async_trait]
impl Fixture for Rig {
    async fn open(&self) -> Arc<dyn EventLog> {
        let test = Arc::new(TestDatabase::create().await);
        *self.test.lock().unwrap() = Some(test);
        self.start().await
    }

    async fn reopen(&self, log: Arc<dyn EventLog>) -> Arc<dyn EventLog> {
        drop(log);
        let open = self.open.lock().unwrap().take().unwrap();
        open.close().await;
        self.start().await
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// A trigger fails once: a sequence remembers that it has, because a roll-back does not take it back.
    fn break_next_append(&self) -> bool {
        let test = self.test.lock().unwrap().clone().unwrap();
        let sql = "CREATE SEQUENCE IF NOT EXISTS public.broken;
            SELECT setval('public.broken', 1);
            CREATE OR REPLACE FUNCTION public.broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF (SELECT last_value FROM public.broken) = 1 THEN
                    PERFORM setval('public.broken', 2);
                    RAISE EXCEPTION 'broken';
                END IF;
                RETURN NULL;
            END $$;
            CREATE OR REPLACE TRIGGER broken AFTER INSERT ON log.keys EXECUTE FUNCTION public.broken()";
        let breaking = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(test.execute(sql));
        });
        breaking.join().unwrap();
        true
    }

    fn wait_out_refusal(&self) {}
}

tidegate_testkit::event_log_laws!(Rig::new);

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_life_of_a_log_follows_the_model(life in steps(40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(follows_the_model(&Rig::new(), life));
    }
}
