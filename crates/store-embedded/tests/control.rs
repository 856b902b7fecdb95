//! Control in SQLite: every law, after a clean close and after a crash, and how the file is kept.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its world fails")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use rusqlite::Connection;
use tempfile::TempDir;
use tidegate_domain::ports::{Control, ControlError};
use tidegate_domain::time::UnixMs;
use tidegate_store_embedded::control::EmbeddedControl;
use tidegate_testkit::control::Fixture;

/// Control in a directory of its own. `CRASH` says how it is left when reopened.
struct Embedded<const CRASH: bool> {
    dir: TempDir,
    control: EmbeddedControl,
}

fn file(dir: &TempDir) -> PathBuf {
    dir.path().join("control.sqlite")
}

fn open(path: &Path) -> EmbeddedControl {
    EmbeddedControl::open(path).unwrap()
}

#[async_trait]
impl<const CRASH: bool> Fixture for Embedded<CRASH> {
    async fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let control = open(&file(&dir));
        Self { dir, control }
    }

    fn control(&self) -> &dyn Control {
        &self.control
    }

    async fn another(&self) -> Box<dyn Control> {
        Box::new(open(&file(&self.dir)))
    }

    async fn reopen(self) -> Self {
        if !CRASH {
            drop(self.control);
            return Self { control: open(&file(&self.dir)), dir: self.dir };
        }
        // The files as they lie while the process runs are what a killed process leaves.
        let dir = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(self.dir.path()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), dir.path().join(entry.file_name())).unwrap();
        }
        Self { control: open(&file(&dir)), dir }
    }
}

mod closed {
    tidegate_testkit::control_laws!(super::Embedded<false>);
}

mod crashed {
    tidegate_testkit::control_laws!(super::Embedded<true>);
}

#[tokio::test]
async fn reading_does_not_change_the_version() {
    let fixture = Embedded::<false>::empty().await;
    let control = fixture.control();
    let version = control.version().await.unwrap();
    control.keys().await.unwrap();
    control.projects().await.unwrap();
    assert_eq!(control.version().await.unwrap(), version);
}

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    let fixture = Embedded::<false>::empty().await;
    fixture.control().create_project(&"p".parse().unwrap(), UnixMs(0)).await.unwrap();
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
    let Err(ControlError::Unavailable(cause)) = EmbeddedControl::open(&file(&dir)) else {
        panic!("it was opened")
    };
    assert!(cause.to_string().contains("layout 99"), "{cause}");
}

#[test]
fn a_damaged_file_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let garbage = vec![b'x'; 8192];
    std::fs::write(file(&dir), &garbage).unwrap();
    assert!(matches!(EmbeddedControl::open(&file(&dir)), Err(ControlError::Unavailable(_))));
    assert_eq!(std::fs::read(file(&dir)).unwrap(), garbage);
}

#[test]
fn processes_may_make_the_file_at_the_same_time() {
    let dir = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| open(&file(&dir)));
        }
    });
    let control = Connection::open(file(&dir)).unwrap();
    let count = |sql| control.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM organizations WHERE id = 'default-org'"), 1);
    assert_eq!(count("SELECT count(*) FROM organizations"), 1);
}
