//! What is remembered of authors, as rows: one for each shard that an author's events lie in.

use deadpool_postgres::Transaction;
use tidegate_domain::author::{AuthorKey, AuthorPast};
use tidegate_domain::id::Shard;

use super::number;
use crate::database::{Database, DatabaseError};
use crate::value::Moment;

const WRITE: &str = "INSERT INTO authors (shard, project, author, newest, past)
    SELECT $1, * FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::bytea[])
    ON CONFLICT (project, author, shard) DO UPDATE SET newest = excluded.newest, past = excluded.past";
/// Of one shard, or of the shard whose row was written last.
const LOAD: &str = "SELECT DISTINCT ON (n) n, past FROM unnest($1::text[], $2::text[])
        WITH ORDINALITY AS key (project, author, n)
    JOIN authors a USING (project, author) WHERE a.shard = coalesce($3, a.shard)
    ORDER BY n, newest DESC, a.shard";

/// Stores `authors` of `shard`, in one statement.
pub(super) async fn write(
    tx: &Transaction<'_>,
    shard: Shard,
    authors: &[(AuthorKey, AuthorPast)],
) -> Result<(), DatabaseError> {
    if authors.is_empty() {
        return Ok(());
    }
    let projects: Vec<_> = authors.iter().map(|(key, _)| key.project.as_str()).collect();
    let names: Vec<_> = authors.iter().map(|(key, _)| key.author.as_str()).collect();
    let newest: Vec<_> = authors.iter().map(|(_, past)| Moment(past.newest())).collect();
    let pasts: Vec<_> = authors.iter().map(|(_, past)| past.to_bytes()).collect();
    let write = tx.prepare_cached(WRITE).await?;
    tx.execute(&write, &[&number(shard), &projects, &names, &newest, &pasts]).await?;
    Ok(())
}

/// The stored pasts of `keys`, in order.
pub(super) async fn load(
    database: &Database,
    shard: Option<Shard>,
    keys: &[AuthorKey],
) -> Result<Vec<Option<AuthorPast>>, DatabaseError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let client = database.connection().await?;
    let load = client.prepare_cached(LOAD).await?;
    let projects: Vec<_> = keys.iter().map(|key| key.project.as_str()).collect();
    let names: Vec<_> = keys.iter().map(|key| key.author.as_str()).collect();
    let mut pasts = vec![None; keys.len()];
    for row in client.query(&load, &[&projects, &names, &shard.map(number)]).await? {
        let past = AuthorPast::from_bytes(row.get(1));
        let past =
            past.ok_or_else(|| DatabaseError::Unreadable { what: "the past of an author".to_owned() })?;
        pasts[row.get::<_, i64>(0) as usize - 1] = Some(past);
    }
    Ok(pasts)
}
