//! Views in SQLite: every law, after a clean close and after a crash, and what happens to a file found at start.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its world fails")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Waker};

use async_trait::async_trait;
use rusqlite::Connection;
use tempfile::TempDir;
use tidegate_domain::assessment::{Assessment, Category, RiskScore};
use tidegate_domain::filter::Order;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{Assessed, Views, ViewsBatch};
use tidegate_domain::risk::HalfLife;
use tidegate_domain::session::{Session, SessionKey};
use tidegate_store_embedded::views::{EmbeddedViews, Start};
use tidegate_testkit::views::{FOLD_VERSION, Fixture, HALF_LIFE, Moment};

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

    async fn fail_commits(&self, at: Option<Moment>) {
        let broken = "CREATE TRIGGER broken BEFORE";
        let sql = match at {
            Some(Moment::Assessment) => {
                format!("{broken} INSERT ON assessments BEGIN SELECT RAISE(ABORT, 'broken'); END")
            }
            Some(Moment::Checkpoint) => {
                format!("{broken} UPDATE ON meta BEGIN SELECT RAISE(ABORT, 'broken'); END")
            }
            None => "DROP TRIGGER broken".to_owned(),
        };
        Connection::open(file(&self.dir)).unwrap().execute_batch(&sql).unwrap();
    }
}

mod closed {
    tidegate_testkit::views_laws!(super::Embedded<false>);
}

mod crashed {
    tidegate_testkit::views_laws!(super::Embedded<true>);
}

#[test]
fn a_new_file_and_a_kept_one_say_so() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(open(&file(&dir)).start(), &Start::New);
    assert_eq!(open(&file(&dir)).start(), &Start::Kept);
}

#[tokio::test]
async fn a_file_folded_by_other_rules_is_emptied() {
    let other_half_life = HalfLife { ms: HALF_LIFE.ms + 1 };
    for (half_life, fold_version) in [(HALF_LIFE, "testkit-2"), (other_half_life, FOLD_VERSION)] {
        let dir = tempfile::tempdir().unwrap();
        let views = open(&file(&dir));
        views.commit(&ViewsBatch { checkpoint: Position(7), ..ViewsBatch::default() }).await.unwrap();
        drop(views);
        let views = EmbeddedViews::open(&file(&dir), half_life, fold_version).unwrap();
        assert_eq!(views.start(), &Start::Outdated);
        assert_eq!(views.checkpoint().await.unwrap(), Position(0));
        drop(views);
        assert_eq!(EmbeddedViews::open(&file(&dir), half_life, fold_version).unwrap().start(), &Start::Kept);
    }
}

#[test]
fn a_damaged_file_is_put_aside_each_time() {
    let dir = tempfile::tempdir().unwrap();
    for n in 1..3 {
        let garbage = vec![b'x'; 10_000 + n];
        std::fs::write(file(&dir), &garbage).unwrap();
        let kept_as = dir.path().join(format!("views.sqlite.corrupt-{n}"));
        assert_eq!(open(&file(&dir)).start(), &Start::Damaged { kept_as: kept_as.clone() });
        assert_eq!(std::fs::read(kept_as).unwrap(), garbage);
        assert_eq!(open(&file(&dir)).start(), &Start::Kept);
    }
}

/// A file with 500 sessions, closed.
async fn filled() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let sessions = (0..500).map(|n| (session_key(n), Session::default())).collect();
    let batch = ViewsBatch { sessions, checkpoint: Position(500), ..ViewsBatch::default() };
    open(&file(&dir)).commit(&batch).await.unwrap();
    dir
}

fn session_key(n: u32) -> SessionKey {
    SessionKey { project: "p".into(), session: format!("session {n}") }
}

#[tokio::test]
async fn damage_met_while_in_use_is_healed_by_a_restart() {
    let dir = filled().await;
    let mut bytes = std::fs::read(file(&dir)).unwrap();
    bytes[40_000..].fill(0xff);
    std::fs::write(file(&dir), &bytes).unwrap();

    let views = open(&file(&dir));
    assert_eq!(views.start(), &Start::Kept, "the damage lies deeper than a start looks");
    assert!(views.dump().await.is_err());
    drop(views);
    let kept_as = dir.path().join("views.sqlite.corrupt-1");
    assert_eq!(open(&file(&dir)).start(), &Start::Damaged { kept_as });
    let views = open(&file(&dir));
    assert_eq!((views.start(), views.checkpoint().await.unwrap()), (&Start::Kept, Position(0)));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_damage_too() {
    let dir = filled().await;
    Connection::open(file(&dir))
        .unwrap()
        .execute("UPDATE sessions SET counts = x'ff' WHERE no = 7", [])
        .unwrap();
    let views = open(&file(&dir));
    assert!(views.load_sessions(&[session_key(6)]).await.is_err());
    drop(views);
    assert!(matches!(open(&file(&dir)).start(), Start::Damaged { .. }));
}

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let views = open(&file(&dir));
    views.dump().await.unwrap();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
    }
}

#[test]
fn the_pipelines_calls_need_no_runtime_and_never_wait() {
    let dir = tempfile::tempdir().unwrap();
    let views = open(&file(&dir));
    let mut context = Context::from_waker(Waker::noop());
    let batch = ViewsBatch { checkpoint: Position(1), ..ViewsBatch::default() };
    assert!(pin!(views.commit(&batch)).poll(&mut context).is_ready());
    assert!(pin!(views.load_sessions(&[])).poll(&mut context).is_ready());
    assert!(pin!(views.checkpoint()).poll(&mut context).is_ready());
}

#[tokio::test]
async fn a_search_for_rare_risk_is_cut_into_bounded_steps() {
    const ROWS: u64 = 50_000;
    let dir = tempfile::tempdir().unwrap();
    let views = open(&file(&dir));
    let assessed = |n| {
        let risk_score = RiskScore::saturating(if n == ROWS - 1 { 0.9 } else { 0.3 });
        let assessment = Assessment { risk_score, category: Category::Spam, ..Assessment::default() };
        Assessed { project: "p".into(), position: Position(n), assessment, contribution: None }
    };
    let batch = ViewsBatch { assessed: (0..ROWS).map(assessed).collect(), ..ViewsBatch::default() };
    views.commit(&batch).await.unwrap();
    let (mut pages, mut next) = (Vec::new(), Some(Position(0)));
    while let Some(from) = next {
        let page = views.risky("p", None, RiskScore::saturating(0.8), from, Order::Asc, 10).await.unwrap();
        next = page.next;
        pages.push(page.positions);
    }
    assert_eq!(pages, [vec![], vec![], vec![Position(ROWS - 1)]]);
}
