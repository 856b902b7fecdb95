//! Control on PostgreSQL: every law.

use async_trait::async_trait;
use tidegate_domain::ports::Control;
use tidegate_store_postgres::control::PostgresControl;
use tidegate_store_postgres::database::Database;
use tidegate_testkit::control::Fixture;
use tidegate_testkit::postgres::TestDatabase;

use crate::rig::{config, database};

struct Postgres {
    test: TestDatabase,
    control: PostgresControl,
}

impl Postgres {
    async fn open(test: TestDatabase) -> Self {
        let database = Database::open(&config(&test.url)).await.unwrap();
        Self { test, control: PostgresControl::new(database) }
    }
}

#[async_trait]
impl Fixture for Postgres {
    async fn empty() -> Self {
        Self::open(database().await.0).await
    }

    fn control(&self) -> &dyn Control {
        &self.control
    }

    async fn another(&self) -> Box<dyn Control> {
        Box::new(PostgresControl::new(Database::open(&config(&self.test.url)).await.unwrap()))
    }

    async fn reopen(self) -> Self {
        Self::open(self.test).await
    }
}

tidegate_testkit::control_laws!(Postgres);
