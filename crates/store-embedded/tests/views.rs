//! Views in SQLite: every law, after a clean close and after a crash, and what happens to a file found at start.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use rusqlite::Connection;
use tempfile::TempDir;
use tidegate_domain::ports::Views;
use tidegate_store_embedded::views::EmbeddedViews;
use tidegate_testkit::views::{FOLD_VERSION, Fixture, HALF_LIFE};

/// Views in a directory of their own. `CRASH` says how they are left when reopened.
struct Embedded<const CRASH: bool> {
    dir: TempDir,
    views: EmbeddedViews,
}

fn file(dir: &TempDir) -> PathBuf {
    dir.path().join("views.sqlite")
}

fn open(path: &Path) -> EmbeddedViews {
    EmbeddedViews::open(path, HALF_LIFE, FOLD_VERSION).unwrap()
}

#[async_trait]
impl<const CRASH: bool> Fixture for Embedded<CRASH> {
    async fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let views = open(&file(&dir));
        Self { dir, views }
    }

    fn views(&self) -> &dyn Views {
        &self.views
    }

    async fn reopen(self) -> Self {
        if !CRASH {
            drop(self.views);
            return Self { views: open(&file(&self.dir)), dir: self.dir };
        }
        // The files as they lie while the process runs are what a killed process leaves.
        let dir = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(self.dir.path()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), dir.path().join(entry.file_name())).unwrap();
        }
        Self { views: open(&file(&dir)), dir }
    }

    async fn fail_commits(&self, fail: bool) {
        let sql = match fail {
            true => {
                "CREATE TRIGGER broken BEFORE UPDATE OF checkpoint ON meta BEGIN SELECT RAISE(ABORT, 'broken'); END"
            }
            false => "DROP TRIGGER broken",
        };
        Connection::open(file(&self.dir)).unwrap().execute_batch(sql).unwrap();
    }
}

mod closed {
    tidegate_testkit::views_contract!(super::Embedded<false>);
}

mod crashed {
    tidegate_testkit::views_contract!(super::Embedded<true>);
}
