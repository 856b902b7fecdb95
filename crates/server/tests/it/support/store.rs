//! The store that a test's servers keep everything in: files, or with `TEST_STORE=postgres` a database of their own.

use std::path::{Path, PathBuf};

use tidegate_server::config::Address;
use tidegate_testkit::postgres::TestDatabase;

/// True if this run of the tests is about PostgreSQL.
#[expect(clippy::disallowed_methods, reason = "a setting of the tests, which the server knows nothing of")]
pub(crate) fn is_postgres() -> bool {
    std::env::var("TEST_STORE").is_ok_and(|store| store == "postgres")
}

/// A new database for the servers of `home`, a folder of the test's own, or no address.
pub(crate) async fn address(home: &Path) -> Address {
    if !is_postgres() {
        return Address::default();
    }
    let url = TestDatabase::create().await.url;
    std::fs::write(note(home), &url).expect("the folder is there");
    Address::new(url)
}

/// The database of the folder in which the data directory `dir` lies, made if this is the first who asks.
pub(crate) fn address_beside(dir: &Path) -> Option<String> {
    if !is_postgres() {
        return None;
    }
    let around = dir.parent().expect("a folder around it");
    if let Some(url) = [dir, around].into_iter().find_map(|home| std::fs::read_to_string(note(home)).ok()) {
        return Some(url);
    }
    let home = if dir.exists() { dir } else { around };
    let making = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(TestDatabase::create()).url
    });
    let url = making.join().expect("a database");
    std::fs::write(note(home), &url).expect("the folder is there");
    Some(url)
}

/// Where the address is noted, for the next process of the same test.
fn note(home: &Path) -> PathBuf {
    home.join("store-url")
}
