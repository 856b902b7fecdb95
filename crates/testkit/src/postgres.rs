//! A database for one test, on the server that `TEST_POSTGRES_URL` names (`.ci/servers` starts one).

use tokio_postgres::{Client, NoTls};

/// A new, empty database. It stays until its server goes.
pub struct TestDatabase {
    /// Its address.
    pub url: String,
}

/// The address of the server that tests use. Panics if there is none: these tests do not pass without it.
#[expect(clippy::disallowed_methods, reason = "a test's own setting, which the server knows nothing of")]
pub fn server_url() -> String {
    std::env::var("TEST_POSTGRES_URL").unwrap_or_else(|_| {
        panic!(
            "this test needs a PostgreSQL: run `make test`, or `.ci/servers cargo test …`, which start one"
        )
    })
}

impl TestDatabase {
    /// Makes one.
    pub async fn create() -> Self {
        let server = server_url();
        let client = connect(&server).await;
        let name = client.query_one("SELECT 'test_' || replace(gen_random_uuid()::text, '-', '')", &[]).await;
        let name: String = name.expect("the server names it").get(0);
        client.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("the server makes it");
        let (base, _) = server.rsplit_once('/').expect("an address with a database");
        Self { url: format!("{base}/{name}") }
    }

    /// Runs statements on it.
    pub async fn execute(&self, sql: &str) {
        self.client().await.batch_execute(sql).await.expect("the database does it");
    }

    /// A connection to it.
    pub async fn client(&self) -> Client {
        connect(&self.url).await
    }
}

#[expect(clippy::disallowed_methods, reason = "the connection ends with its client")]
async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the server answers");
    tokio::spawn(connection);
    client
}
