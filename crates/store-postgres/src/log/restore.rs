//! The stores written anew from what another one held: what `tidegate restore` does, in one transaction.
//!
//! Positions, times and ids stay as they were. The row `log.head` is locked from the beginning: servers that wait for
//! events meanwhile cannot append, and see all at once or nothing.

use std::collections::HashMap;

use tidegate_domain::entry::Entry;
use tidegate_domain::id::Position;
use tidegate_domain::label::Label;
use tidegate_domain::ports::{ControlError, KeyRecord, Project};
use tidegate_domain::time::UnixMs;
use tokio_postgres::types::ToSql;

use super::decision::shard_of;
use super::partitions;
use crate::control::{add_key, add_labels, add_project};
use crate::database::{Connection, Database, DatabaseError};
use crate::value::Moment;

const LOCK: &str = "SELECT shards, first = 0 AND tail = 0
        AND NOT EXISTS (SELECT FROM control.projects) AND NOT EXISTS (SELECT FROM control.api_keys)
    FROM log.head FOR UPDATE";
const ADD_EVENTS: &str =
    "INSERT INTO log.events (position, shard, recorded_at, project, session, checksum, record)
    SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::integer[],
        $7::bytea[])";
const ADD_KEYS: &str = "INSERT INTO log.keys (hash, digest, position, shard, recorded_at, checksum)
    SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::smallint[], $5::timestamptz[], $6::integer[])
    ON CONFLICT (hash) DO UPDATE SET digest = excluded.digest, position = excluded.position,
        shard = excluded.shard, recorded_at = excluded.recorded_at, checksum = excluded.checksum";
const MOVE_ENDS: &str = "UPDATE log.head SET first = $1, tail = $2, last_recorded_at = $3";

/// Why the stores could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Something is there already, and stays.
    #[error("the database is not empty: it holds events, projects or keys")]
    NotEmpty,
    /// The database did not do it; nothing of it remains.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// It did not take a project or a key; nothing remains.
    #[error("a project or key was not taken")]
    Control(#[from] ControlError),
}

/// Stores in the making. Dropped before [`Restore::finish`], nothing of them remains.
pub struct Restore {
    client: Connection,
    shards: u16,
    partition_events: u64,
    first: u64,
    /// Up to where there are partitions.
    room_until: u64,
    last_recorded_at: UnixMs,
}

impl Restore {
    /// Begins a log at `first`, of `shards` shards unless a server has made an empty one, in partitions of
    /// `partition_events` positions.
    ///
    /// Errors: [`RestoreError::NotEmpty`], or the database's.
    pub async fn begin(
        database: &Database,
        shards: u16,
        partition_events: u64,
        first: Position,
    ) -> Result<Self, RestoreError> {
        let client = database.urgent().await?;
        let begin =
            "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";
        client.batch_execute(begin).await.map_err(DatabaseError::from)?;
        let insert = "INSERT INTO log.head (shards) VALUES ($1) ON CONFLICT DO NOTHING";
        client.execute(insert, &[&(shards as i16)]).await.map_err(DatabaseError::from)?;
        let row = client.query_one(LOCK, &[]).await.map_err(DatabaseError::from)?;
        if !row.get::<_, bool>(1) {
            return Err(RestoreError::NotEmpty);
        }
        // An append that failed may have made partitions; they are empty.
        for partition in partitions::list(database).await? {
            let drop = format!("DROP TABLE log.{}", partition.name);
            client.batch_execute(&drop).await.map_err(DatabaseError::from)?;
        }
        let (shards, first) = (row.get::<_, i16>(0) as u16, first.0);
        let room_until = first / partition_events * partition_events;
        let last_recorded_at = UnixMs(i64::MIN);
        Ok(Self { client, shards, partition_events, first, room_until, last_recorded_at })
    }

    /// Takes in the next records, in order; their positions must be above those before.
    ///
    /// Cost: two statements a call, so that many at once are better. Errors: the database's.
    pub async fn add(&mut self, entries: &[Entry]) -> Result<(), DatabaseError> {
        let Some(last) = entries.last() else { return Ok(()) };
        self.make_room(last.position.0 + 1).await?;
        self.last_recorded_at = last.recorded_at;
        self.add_events(entries).await?;
        self.add_keys(entries).await
    }

    async fn make_room(&mut self, until: u64) -> Result<(), DatabaseError> {
        while self.room_until < until {
            let to = self.room_until + self.partition_events;
            self.client.batch_execute(&partitions::make(self.room_until, to)).await?;
            self.room_until = to;
        }
        Ok(())
    }

    async fn add_events(&self, entries: &[Entry]) -> Result<(), DatabaseError> {
        let positions: Vec<_> = entries.iter().map(|entry| entry.position.0 as i64).collect();
        let shards: Vec<_> = entries.iter().map(|entry| self.shard(entry)).collect();
        let times: Vec<_> = entries.iter().map(|entry| Moment(entry.recorded_at)).collect();
        let projects: Vec<_> = entries.iter().map(|entry| entry.project as i64).collect();
        let sessions: Vec<_> = entries.iter().map(|entry| entry.session.map(|hash| hash as i64)).collect();
        let checksums: Vec<_> = entries.iter().map(|entry| entry.checksum as i32).collect();
        let records: Vec<_> = entries.iter().map(|entry| entry.record.as_ref()).collect();
        let params: [&(dyn ToSql + Sync); 7] =
            [&positions, &shards, &times, &projects, &sessions, &checksums, &records];
        let add = self.client.prepare_cached(ADD_EVENTS).await?;
        self.client.execute(&add, &params).await?;
        Ok(())
    }

    async fn add_keys(&self, entries: &[Entry]) -> Result<(), DatabaseError> {
        // Of one fingerprint the newest record counts, and one statement may name a row only once.
        let mut newest = HashMap::new();
        for entry in entries {
            newest.extend(entry.key.map(|key| (key.hash, (key.digest, entry))));
            newest.extend(entry.fingerprint.map(|hash| (hash, (0, entry))));
        }
        let keys: Vec<_> = newest.into_iter().collect();
        let hashes: Vec<_> = keys.iter().map(|(hash, _)| hash.to_be_bytes().to_vec()).collect();
        let digests: Vec<_> = keys.iter().map(|(_, (digest, _))| *digest as i64).collect();
        let positions: Vec<_> = keys.iter().map(|(_, (_, entry))| entry.position.0 as i64).collect();
        let shards: Vec<_> = keys.iter().map(|(_, (_, entry))| self.shard(entry)).collect();
        let times: Vec<_> = keys.iter().map(|(_, (_, entry))| Moment(entry.recorded_at)).collect();
        let checksums: Vec<_> = keys.iter().map(|(_, (_, entry))| entry.checksum as i32).collect();
        let params: [&(dyn ToSql + Sync); 6] = [&hashes, &digests, &positions, &shards, &times, &checksums];
        let add = self.client.prepare_cached(ADD_KEYS).await?;
        self.client.execute(&add, &params).await?;
        Ok(())
    }

    fn shard(&self, entry: &Entry) -> i16 {
        shard_of(entry.project, entry.session, self.shards).0 as i16
    }

    /// Adds projects, keys and labels, and commits everything: a log that ends at `tail`. Errors: [`RestoreError`].
    pub async fn finish(
        mut self,
        tail: Position,
        projects: &[Project],
        keys: &[KeyRecord],
        labels: &[Label],
    ) -> Result<(), RestoreError> {
        self.make_room(tail.0).await?;
        for project in projects {
            add_project(&self.client, project).await?;
        }
        for key in keys {
            add_key(&self.client, key).await?;
        }
        add_labels(&*self.client, labels).await.map_err(DatabaseError::from)?;
        let (first, tail, last) = (self.first as i64, tail.0 as i64, Moment(self.last_recorded_at));
        self.client.execute(MOVE_ENDS, &[&first, &tail, &last]).await.map_err(DatabaseError::from)?;
        self.client.batch_execute("COMMIT").await.map_err(DatabaseError::from)?;
        self.client.give_back();
        Ok(())
    }
}
