//! Access: who may do what. Keys are looked up by hash in memory; the list is read again when Control changed.
//!
//! - **A1** a key is never kept: only its SHA-256, and it is shown once, when made.
//! - **A2** a revoked or expired key is refused within one reload interval, in every process.
//! - **A3** an unknown key and a revoked key are refused alike.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tidegate_domain::id::ProjectId;
use tidegate_domain::ports::{Clock, Control, ControlError, Entropy, KeyRecord, Scope, Scopes};
use tidegate_domain::time::UnixMs;

/// What a caller may do, and for which project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The tenant of everything the caller does.
    pub project: ProjectId,
    /// What it may do there.
    pub scopes: Scopes,
    /// Public name of the key, for logs.
    pub key_id: Arc<str>,
}

impl Grant {
    /// True if the caller may do `scope`.
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.allow(scope)
    }
}

/// A freshly made key, to be shown once.
#[derive(Debug)]
pub struct IssuedKey {
    /// What is kept.
    pub record: KeyRecord,
    /// The key itself.
    pub key: String,
}

type KeyTable = HashMap<[u8; 32], KeyRecord>;

/// The keys of all projects.
pub struct Access {
    control: Arc<dyn Control>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// Keys from the settings; they cannot be revoked while the process runs.
    fixed: Vec<KeyRecord>,
    keys: RwLock<(u64, Arc<KeyTable>)>,
}

impl Access {
    /// Reads the keys of `control`. `fixed` are keys from the settings, all for one project.
    pub async fn open(
        control: Arc<dyn Control>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        fixed: &[(&str, ProjectId)],
    ) -> Result<Self, ControlError> {
        let now = clock.now();
        let fixed =
            (1..).zip(fixed).map(|(number, (key, project))| fixed_key(number, key, project, now)).collect();
        let access = Self { control, clock, entropy, fixed, keys: RwLock::default() };
        access.reload(true).await?;
        Ok(access)
    }

    /// Reads the keys again if Control changed; to be called several times a second (A2).
    pub async fn refresh(&self) -> Result<(), ControlError> {
        self.reload(false).await
    }

    async fn reload(&self, always: bool) -> Result<(), ControlError> {
        let version = self.control.version().await?;
        let known = self.keys.read().unwrap_or_else(PoisonError::into_inner).0;
        if always || version != known {
            let kept = self.control.keys().await?;
            let table =
                kept.into_iter().chain(self.fixed.iter().cloned()).map(|key| (key.hash, key)).collect();
            *self.keys.write().unwrap_or_else(PoisonError::into_inner) = (version, Arc::new(table));
        }
        Ok(())
    }

    /// What the holder of `key` may do; `None` if it is unknown, revoked or expired (A3).
    pub fn authenticate(&self, key: &str) -> Option<Grant> {
        let hash = hash_of(key);
        let table = Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner).1);
        let record = table.get(&hash)?;
        let same: bool = record.hash.ct_eq(&hash).into();
        (same && record.is_live(self.clock.now())).then(|| Grant {
            project: record.project.clone(),
            scopes: record.scopes,
            key_id: record.id.as_str().into(),
        })
    }

    /// Makes a key for a project, which is made too if it is not there.
    pub async fn issue(
        &self,
        project: &ProjectId,
        scopes: Scopes,
        label: &str,
        expires_at: Option<UnixMs>,
    ) -> Result<IssuedKey, ControlError> {
        let now = self.clock.now();
        match self.control.create_project(project, now).await {
            Ok(()) | Err(ControlError::Conflict) => {}
            Err(error) => return Err(error),
        }
        let issued = self.new_key(project, scopes, label, expires_at, now);
        self.control.insert_key(&issued.record).await?;
        self.reload(true).await?;
        Ok(issued)
    }

    fn new_key(
        &self,
        project: &ProjectId,
        scopes: Scopes,
        label: &str,
        expires_at: Option<UnixMs>,
        now: UnixMs,
    ) -> IssuedKey {
        let (mut name, mut secret) = ([0; 5], [0; 32]);
        self.entropy.fill(&mut name);
        self.entropy.fill(&mut secret);
        let text = |bytes: &[u8]| BASE32_NOPAD.encode(bytes).to_ascii_lowercase();
        let id = format!("tg_{}", text(&name));
        let key = format!("{id}_{}", text(&secret));
        let record = KeyRecord {
            id,
            hash: hash_of(&key),
            project: project.clone(),
            scopes,
            label: label.to_owned(),
            created_at: now,
            expires_at,
            revoked_at: None,
        };
        IssuedKey { record, key }
    }

    /// Makes a new key like `id` and lets the old one run out after `overlap_ms`; `None` if there is no live one.
    pub async fn rotate(&self, id: &str, overlap_ms: i64) -> Result<Option<IssuedKey>, ControlError> {
        let now = self.clock.now();
        let keys = self.control.keys().await?;
        let Some(old) = keys.into_iter().find(|key| key.id == id && key.is_live(now)) else {
            return Ok(None);
        };
        let issued = self.issue(&old.project, old.scopes, &old.label, None).await?;
        self.control.expire_key(id, now.plus_ms(overlap_ms)).await?;
        self.reload(true).await?;
        Ok(Some(issued))
    }

    /// Revokes a key at once; false if there is none of this id.
    pub async fn revoke(&self, id: &str) -> Result<bool, ControlError> {
        let found = self.control.revoke_key(id, self.clock.now()).await?;
        self.reload(true).await?;
        Ok(found)
    }

    /// All kept keys, oldest first.
    pub async fn list(&self) -> Result<Vec<KeyRecord>, ControlError> {
        self.control.keys().await
    }
}

fn fixed_key(number: usize, key: &str, project: &ProjectId, now: UnixMs) -> KeyRecord {
    KeyRecord {
        id: format!("settings-{number}"),
        hash: hash_of(key),
        project: project.clone(),
        scopes: Scopes::default().with(Scope::Ingest).with(Scope::Read),
        label: "access.static_keys".into(),
        created_at: now,
        expires_at: None,
        revoked_at: None,
    }
}

fn hash_of(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}
