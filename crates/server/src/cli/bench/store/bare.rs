//! The baseline: rows into tables like the log's, with the same indexes, and nothing else.

use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls, Statement};

use super::batches::Batches;

const TABLES: &str = "DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench;
    CREATE TABLE bench.events (LIKE log.events INCLUDING ALL);
    CREATE TABLE bench.keys (LIKE log.keys INCLUDING ALL)";
const EVENTS: &str = "INSERT INTO bench.events (position, shard, recorded_at, project, session, checksum, record)
    SELECT $1 + n - 1, 0, now(), project, session, 0, record
    FROM unnest($2::bigint[], $3::bigint[], $4::bytea[]) WITH ORDINALITY AS new (project, session, record, n)";
const KEYS: &str = "INSERT INTO bench.keys (hash, digest, position, shard, recorded_at, checksum)
    SELECT hash, 0, $1 + n - 1, 0, now(), 0 FROM unnest($2::bytea[]) WITH ORDINALITY AS new (hash, n)
    ON CONFLICT DO NOTHING RETURNING position";

/// A connection with its statements.
pub(super) struct Bare {
    client: Client,
    events: Statement,
    keys: Statement,
    connection: JoinHandle<()>,
}

impl Bare {
    pub(super) async fn open(url: &str) -> anyhow::Result<Self> {
        let (client, connection) =
            tokio_postgres::connect(url, NoTls).await.context("the bench connects without TLS")?;
        #[expect(clippy::disallowed_methods, reason = "aborted when the bench ends")]
        let connection = tokio::spawn(async move {
            // What breaks it breaks the measurement, which says so.
            let _ = connection.await;
        });
        client.batch_execute(TABLES).await?;
        let (events, keys) = (client.prepare(EVENTS).await?, client.prepare(KEYS).await?);
        Ok(Self { client, events, keys, connection })
    }

    /// Inserts transactions of `rows` rows for `measured`; rows per second.
    pub(super) async fn rate(
        &self,
        batches: &mut Batches,
        rows: usize,
        measured: Duration,
    ) -> anyhow::Result<f64> {
        let (begun, mut inserted) = (Instant::now(), 0u64);
        let first: i64 = self
            .client
            .query_one("SELECT coalesce(max(position) + 1, 0) FROM bench.events", &[])
            .await?
            .get(0);
        while begun.elapsed() < measured {
            let batch = batches.next(rows);
            let position = first + inserted as i64;
            let records = || batch.records.iter();
            let projects: Vec<_> = records().map(|r| r.project as i64).collect();
            let sessions: Vec<_> = records().map(|r| r.session.map(|session| session as i64)).collect();
            let bytes: Vec<_> = records().map(|r| &batch.bytes[r.start..r.end]).collect();
            let hashes: Vec<_> = records().filter_map(|r| Some(r.key?.hash.to_be_bytes().to_vec())).collect();
            let events: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
                [&position, &projects, &sessions, &bytes];
            let keys: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&position, &hashes];
            tokio::try_join!(
                self.client.batch_execute("BEGIN"),
                self.client.execute(&self.events, &events),
                self.client.query(&self.keys, &keys),
                self.client.batch_execute("COMMIT"),
            )?;
            inserted += batch.records.len() as u64;
        }
        Ok(inserted as f64 / begun.elapsed().as_secs_f64())
    }

    pub(super) async fn drop_tables(self) -> anyhow::Result<()> {
        self.client.batch_execute("DROP SCHEMA bench CASCADE").await?;
        self.connection.abort();
        Ok(())
    }
}
