//! Views in the weather of a seed: the real SQLite file, whose calls fail now and then, and of which a power cut may take
//! the newest commits.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use tempfile::TempDir;
use tidegate_domain::assessment::{Category, RiskScore};
use tidegate_domain::author::{AuthorKey, AuthorPast};
use tidegate_domain::filter::{Order, SessionQuery};
use tidegate_domain::id::Position;
use tidegate_domain::ports::{
    Assessed, CotAnalyzed, Parked, RiskyPage, SessionPage, Snapshot, Views, ViewsBatch, ViewsError,
};
use tidegate_domain::risk::HalfLife;
use tidegate_domain::session::{Session, SessionKey};
use tidegate_store_embedded::views::EmbeddedViews;

use crate::pause::Pause;
use crate::world::World;

/// An hour, so that decay matters in a seed.
pub(crate) const HALF_LIFE: HalfLife = HalfLife { ms: 3_600_000 };
const FILE: &str = "views.sqlite";

/// Where a seed's Views lie.
pub(crate) struct ViewsFolder(TempDir);

impl ViewsFolder {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self(tempfile::tempdir()?))
    }

    pub(crate) fn open(&self) -> Result<EmbeddedViews, ViewsError> {
        EmbeddedViews::open(&self.path(FILE), HALF_LIFE, "simulated")
    }

    /// Puts back what [`StormyViews`] kept of an older commit, if there is any.
    pub(crate) fn lose_newest(&self) -> std::io::Result<()> {
        let kept = self.0.path().join("kept");
        if kept.is_dir() {
            for suffix in ["", "-wal", "-shm"] {
                let _ = fs::remove_file(self.path(&format!("{FILE}{suffix}")));
            }
            copy_all(&kept, self.0.path())?;
        }
        Ok(())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn copy_all(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)?.flatten().filter(|entry| entry.path().is_file()) {
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Views that fail now and then.
pub(crate) struct StormyViews {
    pub(crate) views: EmbeddedViews,
    pub(crate) world: Arc<World>,
    pub(crate) folder: PathBuf,
}

impl StormyViews {
    async fn wait(&self) {
        Pause(self.world.luck.below(3)).await;
    }

    fn refuses(&self, what: &str) -> Result<(), ViewsError> {
        if self.world.is_dead() || self.world.happens(self.world.weather.views_fail) {
            self.world.fault(format_args!("views: {what} fails"));
            return Err(ViewsError(format!("{what} fails").into()));
        }
        Ok(())
    }

    /// Keeps a copy of the file, to which a power cut may go back.
    fn keep(&self) {
        let kept = self.folder.join("kept");
        let _ = fs::remove_dir_all(&kept);
        if let Err(error) = copy_all(&self.folder, &kept) {
            self.world.note(format_args!("views could not be copied: {error}"));
            let _ = fs::remove_dir_all(&kept);
        }
    }
}

#[async_trait]
impl Views for StormyViews {
    async fn checkpoint(&self) -> Result<Position, ViewsError> {
        self.wait().await;
        self.views.checkpoint().await
    }

    async fn load_sessions(&self, keys: &[SessionKey]) -> Result<Vec<Option<Session>>, ViewsError> {
        self.wait().await;
        self.refuses("load_sessions")?;
        self.views.load_sessions(keys).await
    }

    async fn load_authors(&self, keys: &[AuthorKey]) -> Result<Vec<Option<AuthorPast>>, ViewsError> {
        self.wait().await;
        self.refuses("load_authors")?;
        self.views.load_authors(keys).await
    }

    async fn commit(&self, batch: &ViewsBatch) -> Result<(), ViewsError> {
        self.wait().await;
        self.refuses("commit")?;
        self.views.commit(batch).await?;
        self.world.note(format_args!("views: checkpoint {}", batch.checkpoint));
        if self.world.luck.below(4) == 0 {
            self.keep();
        }
        self.wait().await;
        self.refuses("the answer of commit")
    }

    async fn sync(&self) -> Result<Position, ViewsError> {
        self.refuses("sync")?;
        // What a power cut may go back to is this, or later.
        self.keep();
        self.views.checkpoint().await
    }

    async fn session(&self, key: &SessionKey) -> Result<Option<Session>, ViewsError> {
        self.views.session(key).await
    }

    async fn sessions(&self, project: &str, query: &SessionQuery) -> Result<SessionPage, ViewsError> {
        self.views.sessions(project, query).await
    }

    async fn assessments(
        &self,
        project: &str,
        positions: &[Position],
    ) -> Result<HashMap<Position, Assessed>, ViewsError> {
        self.views.assessments(project, positions).await
    }

    async fn risky(
        &self,
        project: &str,
        category: Option<Category>,
        min_risk: RiskScore,
        from: Position,
        order: Order,
        max: usize,
    ) -> Result<RiskyPage, ViewsError> {
        self.views.risky(project, category, min_risk, from, order, max).await
    }

    async fn touched(
        &self,
        project: &str,
        exemplar: Position,
        from: Position,
        max: usize,
    ) -> Result<RiskyPage, ViewsError> {
        self.views.touched(project, exemplar, from, max).await
    }

    async fn snapshots(&self, key: &SessionKey, max: usize) -> Result<Vec<Snapshot>, ViewsError> {
        self.views.snapshots(key, max).await
    }

    async fn cot_analyses(
        &self,
        project: &str,
        positions: &[Position],
    ) -> Result<HashMap<Position, CotAnalyzed>, ViewsError> {
        self.views.cot_analyses(project, positions).await
    }

    async fn parked(&self, project: &str, from: Position, max: usize) -> Result<Vec<Parked>, ViewsError> {
        self.views.parked(project, from, max).await
    }

    async fn dump(&self) -> Result<Vec<String>, ViewsError> {
        self.views.dump().await
    }
}
