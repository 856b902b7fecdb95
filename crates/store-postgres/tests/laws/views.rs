//! Views on PostgreSQL: every law, and leases.

use std::time::Duration;

use async_trait::async_trait;
use tidegate_domain::ports::Views;
use tidegate_store_postgres::database::Database;
use tidegate_store_postgres::views::PostgresViews;
use tidegate_testkit::postgres::TestDatabase;
use tidegate_testkit::views::{FOLD_VERSION, Fixture, HALF_LIFE, Moment};

use crate::rig::config;

struct Postgres {
    test: TestDatabase,
    views: PostgresViews,
}

impl Postgres {
    /// Views of one shard, leased by a worker that is new each time.
    async fn open(test: TestDatabase) -> Self {
        let database = Database::open(&config(&test.url)).await.unwrap();
        let views = PostgresViews::open(database, 1, HALF_LIFE, FOLD_VERSION).await.unwrap();
        views.require_rules().await.unwrap();
        test.execute("UPDATE views.shards SET leased_until = '-infinity'; DELETE FROM views.workers").await;
        let turn = views.leases("a worker", Duration::from_secs(60)).renew().await.unwrap();
        Self { test, views: views.of(turn.leases[0]) }
    }
}

#[async_trait]
impl Fixture for Postgres {
    async fn empty() -> Self {
        Self::open(TestDatabase::create().await).await
    }

    fn views(&self) -> &dyn Views {
        &self.views
    }

    async fn reopen(self) -> Self {
        Self::open(self.test).await
    }

    async fn fail_commits(&self, at: Option<Moment>) {
        let broken = "CREATE FUNCTION public.broken() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'broken'; END $$;
            CREATE TRIGGER broken AFTER";
        let sql = match at {
            Some(Moment::Assessment) => {
                format!("{broken} INSERT ON views.assessments EXECUTE FUNCTION public.broken()")
            }
            Some(Moment::Checkpoint) => {
                format!("{broken} UPDATE ON views.shards EXECUTE FUNCTION public.broken()")
            }
            None => "DROP FUNCTION public.broken CASCADE".to_owned(),
        };
        self.test.execute(&sql).await;
    }
}

tidegate_testkit::views_laws!(Postgres);
