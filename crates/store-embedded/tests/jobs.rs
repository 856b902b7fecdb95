//! Jobs in SQLite: every law, after a clean close and after a crash, and how the file is kept.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its world fails")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use rusqlite::Connection;
use tempfile::TempDir;
use tidegate_domain::ports::Jobs;
use tidegate_store_embedded::jobs::EmbeddedJobs;
use tidegate_testkit::jobs::Fixture;

/// Jobs in a directory of their own. `CRASH` says how it is left when reopened.
struct Embedded<const CRASH: bool> {
    dir: TempDir,
    jobs: EmbeddedJobs,
}

fn file(dir: &TempDir) -> PathBuf {
    dir.path().join("jobs.sqlite")
}

fn open(path: &Path) -> EmbeddedJobs {
    EmbeddedJobs::open(path).unwrap()
}

#[async_trait]
impl<const CRASH: bool> Fixture for Embedded<CRASH> {
    async fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let jobs = open(&file(&dir));
        Self { dir, jobs }
    }

    fn jobs(&self) -> &dyn Jobs {
        &self.jobs
    }

    async fn another(&self) -> Box<dyn Jobs> {
        Box::new(open(&file(&self.dir)))
    }

    async fn reopen(self) -> Self {
        if !CRASH {
            drop(self.jobs);
            return Self { jobs: open(&file(&self.dir)), dir: self.dir };
        }
        // The files as they lie while the process runs are what a killed process leaves.
        let dir = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(self.dir.path()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), dir.path().join(entry.file_name())).unwrap();
        }
        Self { jobs: open(&file(&dir)), dir }
    }
}

mod closed {
    tidegate_testkit::jobs_laws!(super::Embedded<false>);
}

mod crashed {
    tidegate_testkit::jobs_laws!(super::Embedded<true>);
}

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    let fixture = Embedded::<false>::empty().await;
    fixture.jobs().pause("session", true).await.unwrap();
    for entry in std::fs::read_dir(fixture.dir.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
    }
}

#[test]
fn a_file_of_a_newer_program_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(&file(&dir)));
    Connection::open(file(&dir)).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = EmbeddedJobs::open(&file(&dir)).map(drop).unwrap_err();
    assert!(error.0.to_string().contains("layout 99"), "{error:?}");
}

#[test]
fn a_damaged_file_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let garbage = vec![b'x'; 8192];
    std::fs::write(file(&dir), &garbage).unwrap();
    assert!(EmbeddedJobs::open(&file(&dir)).is_err());
    assert_eq!(std::fs::read(file(&dir)).unwrap(), garbage);
}
