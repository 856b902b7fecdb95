//! Control in schema `control`: projects, keys and labelled texts.
//!
//! Every change moves `control.version` in its transaction, by triggers: so does one made by hand.

mod exemplars;

pub(crate) use exemplars::add_all as add_labels;

use async_trait::async_trait;
use deadpool_postgres::Object;
use tidegate_domain::id::{Position, ProjectId};
use tidegate_domain::label::{Exemplar, Label};
use tidegate_domain::ports::{Control, ControlError, KeyRecord, Project, Scopes};
use tidegate_domain::time::UnixMs;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use crate::database::{Database, DatabaseError};
use crate::value::Moment;

/// The organisation of every project, until there are others.
const DEFAULT_ORGANIZATION: &str = "default-org";

/// Projects and keys of one database.
pub struct PostgresControl {
    database: Database,
}

impl PostgresControl {
    /// Control in `database`.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn execute(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<u64, ControlError> {
        let client = self.database.connection().await.map_err(unavailable)?;
        execute(&client, sql, params).await
    }

    async fn query(&self, sql: &str) -> Result<Vec<Row>, ControlError> {
        let client = self.database.connection().await.map_err(unavailable)?;
        let statement = client.prepare_cached(sql).await.map_err(refused)?;
        client.query(&statement, &[]).await.map_err(refused)
    }
}

async fn execute(client: &Object, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<u64, ControlError> {
    let statement = client.prepare_cached(sql).await.map_err(refused)?;
    client.execute(&statement, params).await.map_err(refused)
}

/// Makes a project, in whatever transaction `client` is.
pub(crate) async fn add_project(client: &Object, project: &Project) -> Result<(), ControlError> {
    let sql = "INSERT INTO control.projects (id, organization_id, created_at) VALUES ($1, $2, $3)";
    let created_at = Moment(project.created_at);
    execute(client, sql, &[&project.id.as_str(), &DEFAULT_ORGANIZATION, &created_at]).await.map(drop)
}

/// Keeps a key, in whatever transaction `client` is.
pub(crate) async fn add_key(client: &Object, key: &KeyRecord) -> Result<(), ControlError> {
    let sql = "INSERT INTO control.api_keys
            (id, hash, project_id, scopes, label, created_at, expires_at, revoked_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let scopes = key.scopes.to_string();
    let scopes: Vec<_> = scopes.split(',').filter(|scope| !scope.is_empty()).collect();
    let (hash, project) = (key.hash.as_slice(), key.project.as_str());
    let [created, expires, revoked] =
        [Some(key.created_at), key.expires_at, key.revoked_at].map(|at| at.map(Moment));
    execute(client, sql, &[&key.id, &hash, &project, &scopes, &key.label, &created, &expires, &revoked])
        .await
        .map(drop)
}

fn unavailable(error: DatabaseError) -> ControlError {
    ControlError::Unavailable(error.into())
}

fn refused(error: Error) -> ControlError {
    match error.code() {
        Some(&SqlState::UNIQUE_VIOLATION) => ControlError::Conflict,
        _ => unavailable(error.into()),
    }
}

#[async_trait]
impl Control for PostgresControl {
    async fn create_project(&self, id: &ProjectId, now: UnixMs) -> Result<(), ControlError> {
        let client = self.database.connection().await.map_err(unavailable)?;
        add_project(&client, &Project { id: id.clone(), created_at: now }).await
    }

    async fn projects(&self) -> Result<Vec<Project>, ControlError> {
        let rows = self.query("SELECT id, created_at FROM control.projects ORDER BY id").await?;
        let made = |row: &Row| {
            let Moment(created_at) = row.get(1);
            Ok(Project { id: project(row, 0)?, created_at })
        };
        rows.iter().map(made).collect()
    }

    async fn insert_key(&self, key: &KeyRecord) -> Result<(), ControlError> {
        let client = self.database.connection().await.map_err(unavailable)?;
        add_key(&client, key).await
    }

    async fn keys(&self) -> Result<Vec<KeyRecord>, ControlError> {
        let sql = "SELECT id, hash, project_id, scopes, label, created_at, expires_at, revoked_at
            FROM control.api_keys ORDER BY created_at, no";
        self.query(sql).await?.iter().map(key).collect()
    }

    /// Keeps the first revocation: a later one, or an earlier clock, moves nothing (C3).
    async fn revoke_key(&self, id: &str, now: UnixMs) -> Result<bool, ControlError> {
        let sql = "UPDATE control.api_keys SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1";
        Ok(self.execute(sql, &[&id, &Moment(now)]).await? > 0)
    }

    async fn expire_key(&self, id: &str, at: UnixMs) -> Result<bool, ControlError> {
        let sql = "UPDATE control.api_keys SET expires_at = $2 WHERE id = $1";
        Ok(self.execute(sql, &[&id, &Moment(at)]).await? > 0)
    }

    async fn put_labels(&self, labels: &[Label]) -> Result<(), ControlError> {
        let mut client = self.database.connection().await.map_err(unavailable)?;
        exemplars::put(&mut client, labels).await.map_err(refused)
    }

    async fn all_exemplars(&self) -> Result<Vec<Exemplar>, ControlError> {
        let client = self.database.connection().await.map_err(unavailable)?;
        let rows = exemplars::all(&client).await.map_err(refused)?;
        rows.iter().map(|row| exemplars::read(row).map_err(unavailable)).collect()
    }

    async fn exemplars(
        &self,
        project: &str,
        event_id: Option<&str>,
        from: Position,
        max: usize,
    ) -> Result<Vec<Exemplar>, ControlError> {
        let client = self.database.connection().await.map_err(unavailable)?;
        let rows = exemplars::list(&client, project, event_id, from, max).await.map_err(refused)?;
        rows.iter().map(|row| exemplars::read(row).map_err(unavailable)).collect()
    }

    async fn version(&self) -> Result<u64, ControlError> {
        let rows = self.query("SELECT version FROM control.version").await?;
        Ok(rows.first().map_or(0, |row| row.get::<_, i64>(0) as u64))
    }
}

fn project(row: &Row, index: usize) -> Result<ProjectId, ControlError> {
    let id: &str = row.get(index);
    id.parse().map_err(|_| unreadable(format!("the project id `{id}`")))
}

fn key(row: &Row) -> Result<KeyRecord, ControlError> {
    let scopes: Vec<&str> = row.get(3);
    let moment = |index| row.get::<_, Option<Moment>>(index).map(|Moment(at)| at);
    let Moment(created_at) = row.get(5);
    Ok(KeyRecord {
        id: row.get(0),
        hash: row.get::<_, &[u8]>(1).try_into().map_err(|_| unreadable("the hash of a key".to_owned()))?,
        project: project(row, 2)?,
        scopes: Scopes::parse(&scopes.join(","))
            .map_err(|scope| unreadable(format!("the scope `{scope}`")))?,
        label: row.get(4),
        created_at,
        expires_at: moment(6),
        revoked_at: moment(7),
    })
}

fn unreadable(what: String) -> ControlError {
    unavailable(DatabaseError::Unreadable { what })
}
