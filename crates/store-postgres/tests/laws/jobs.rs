//! Jobs on PostgreSQL: every law.

use async_trait::async_trait;
use tidegate_domain::ports::Jobs;
use tidegate_store_postgres::database::Database;
use tidegate_store_postgres::jobs::PostgresJobs;
use tidegate_testkit::jobs::Fixture;
use tidegate_testkit::postgres::TestDatabase;

use crate::rig::{config, database};

struct Postgres {
    test: TestDatabase,
    jobs: PostgresJobs,
}

impl Postgres {
    async fn open(test: TestDatabase) -> Self {
        let database = Database::open(&config(&test.url)).await.unwrap();
        Self { test, jobs: PostgresJobs::new(database) }
    }
}

#[async_trait]
impl Fixture for Postgres {
    async fn empty() -> Self {
        Self::open(database().await.0).await
    }

    fn jobs(&self) -> &dyn Jobs {
        &self.jobs
    }

    async fn another(&self) -> Box<dyn Jobs> {
        Box::new(PostgresJobs::new(Database::open(&config(&self.test.url)).await.unwrap()))
    }

    async fn reopen(self) -> Self {
        Self::open(self.test).await
    }
}

tidegate_testkit::jobs_laws!(Postgres);
