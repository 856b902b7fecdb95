//! Control: projects, API keys and labelled texts. Transactional, never rebuilt.

use std::error::Error;
use std::fmt;

use async_trait::async_trait;

use crate::id::{Position, ProjectId};
use crate::label::{Exemplar, Label};
use crate::time::UnixMs;

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Send events.
    Ingest,
    /// Read events, sessions and screenings.
    Read,
    /// Change settings of the project.
    Write,
    /// Everything, keys included.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Read, Self::Write, Self::Admin];

    /// The name in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Every scope.
    pub fn all() -> Self {
        Scope::ALL.into_iter().fold(Self::default(), Self::with)
    }

    /// This set and `scope`.
    #[must_use]
    pub fn with(self, scope: Scope) -> Self {
        Self(self.0 | 1 << scope as u8)
    }

    /// True if a key with this set may do `scope`; `admin` may do everything.
    pub fn allow(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8 | 1 << Scope::Admin as u8) != 0
    }

    /// Reads `ingest,read`; the error is the first name that is no scope.
    pub fn parse(list: &str) -> Result<Self, String> {
        list.split(',').map(str::trim).filter(|name| !name.is_empty()).try_fold(
            Self::default(),
            |set, name| {
                Scope::ALL
                    .into_iter()
                    .find(|s| s.name() == name)
                    .map(|s| set.with(s))
                    .ok_or_else(|| name.to_owned())
            },
        )
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> =
            Scope::ALL.into_iter().filter(|s| self.0 & 1 << *s as u8 != 0).map(Scope::name).collect();
        f.write_str(&names.join(","))
    }
}

/// A project as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its name.
    pub id: ProjectId,
    /// When it was made.
    pub created_at: UnixMs,
}

/// An API key as kept: never the key itself, only its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Public name of the key, shown in lists; the first part of the key itself.
    pub id: String,
    /// SHA-256 of the whole key.
    pub hash: [u8; 32],
    /// The project it acts for.
    pub project: ProjectId,
    /// What it may do.
    pub scopes: Scopes,
    /// A person's word for it.
    pub label: String,
    /// When it was made.
    pub created_at: UnixMs,
    /// From when on it is refused; `None` for never.
    pub expires_at: Option<UnixMs>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<UnixMs>,
}

impl KeyRecord {
    /// True if the key is accepted at `now`.
    pub fn is_live(&self, now: UnixMs) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// Why Control did not do it.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// There is one already.
    #[error("already exists")]
    Conflict,
    /// The store did not answer. May be retried.
    #[error("control is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

/// Projects, keys and labelled texts.
///
/// Laws, run against every adapter by `testkit::control`:
/// - **C1 kept**: what was answered `Ok` is there after reopening, power cut included.
/// - **C2 seen**: a change made by another process changes `version` by the next call.
/// - **C3 revocation is final**: a revoked key is never live again.
/// - **C4 one project, one name**: creating a project that exists is a conflict and changes nothing.
/// - **C5 labels**: whatever the order in which labels come, and how often, the same exemplars are kept; the first
///   removal in the log counts, and none of another project's.
#[async_trait]
pub trait Control: Send + Sync {
    /// Makes a project.
    async fn create_project(&self, id: &ProjectId, now: UnixMs) -> Result<(), ControlError>;

    /// All projects, by name.
    async fn projects(&self) -> Result<Vec<Project>, ControlError>;

    /// Keeps a new key of an existing project.
    async fn insert_key(&self, key: &KeyRecord) -> Result<(), ControlError>;

    /// All keys, revoked ones too, oldest first.
    async fn keys(&self) -> Result<Vec<KeyRecord>, ControlError>;

    /// Revokes a key from `now` on; false if there is none of this id.
    async fn revoke_key(&self, id: &str, now: UnixMs) -> Result<bool, ControlError>;

    /// Lets a key run out at `at`; false if there is none of this id.
    async fn expire_key(&self, id: &str, at: UnixMs) -> Result<bool, ControlError>;

    /// Keeps what labels say (C5).
    async fn put_labels(&self, labels: &[Label]) -> Result<(), ControlError>;

    /// The exemplars of all projects, removed ones too, by position.
    async fn all_exemplars(&self) -> Result<Vec<Exemplar>, ControlError>;

    /// A project's exemplars, removed ones too, newest first from position `from` down; at most `max`. Only those of one
    /// event, if it is named.
    async fn exemplars(
        &self,
        project: &str,
        event_id: Option<&str>,
        from: Position,
        max: usize,
    ) -> Result<Vec<Exemplar>, ControlError>;

    /// A number that changes whenever anything may have changed. Cheap enough to ask four times a second.
    async fn version(&self) -> Result<u64, ControlError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_may_do_everything_and_ingest_only_its_own() {
        let admin = Scopes::parse("admin").unwrap();
        assert!(Scope::ALL.into_iter().all(|s| admin.allow(s)));
        let ingest = Scopes::parse("ingest").unwrap();
        assert!(ingest.allow(Scope::Ingest) && !ingest.allow(Scope::Read) && !ingest.allow(Scope::Admin));
    }

    #[test]
    fn scopes_are_read_as_they_are_shown() {
        let set = Scopes::parse("read, ingest").unwrap();
        assert_eq!(Scopes::parse(&set.to_string()), Ok(set));
        assert_eq!(Scopes::parse("read,root"), Err("root".to_owned()));
    }
}
