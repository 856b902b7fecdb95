//! The store that a test's server keeps everything in: files, or with `TEST_STORE=postgres` a database of its own.

use tidegate_server::config::Address;
use tidegate_testkit::postgres::TestDatabase;

/// True if this run of the tests is about PostgreSQL.
pub(crate) fn is_postgres() -> bool {
    std::env::var("TEST_STORE").is_ok_and(|store| store == "postgres")
}

/// The address of a new database, or none.
pub(crate) async fn address() -> Address {
    if is_postgres() { Address::new(TestDatabase::create().await.url) } else { Address::default() }
}
