//! A database of a test's own.

use std::time::Duration;

use tidegate_store_postgres::database::{Database, DatabaseConfig};
use tidegate_testkit::postgres::TestDatabase;

/// How tests use the database of `url`.
pub(crate) fn config(url: &str) -> DatabaseConfig {
    DatabaseConfig { url: url.to_owned(), connections_max: 4, timeout: Duration::from_secs(10) }
}

/// A new database of the newest layout.
pub(crate) async fn database() -> (TestDatabase, Database) {
    let test = TestDatabase::create().await;
    let database = Database::open(&config(&test.url)).await.unwrap();
    (test, database)
}
