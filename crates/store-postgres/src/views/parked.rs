//! Parked events: which event, which step gave up, and why.

use deadpool_postgres::Transaction;
use tidegate_domain::id::Position;
use tidegate_domain::ports::Parked;

use crate::database::{Database, DatabaseError};
use crate::value::{Moment, bound};

const WRITE: &str = "INSERT INTO parked (project, position, step, reason, recorded_at)
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[])
    ON CONFLICT (project, position) DO UPDATE SET step = excluded.step, reason = excluded.reason";
const LIST: &str = "SELECT position, step, reason, recorded_at FROM parked
    WHERE project = $1 AND position >= $2 ORDER BY position LIMIT $3";

/// Stores `parked`; an event is parked once, by the last step that says so.
pub(super) async fn write(tx: &Transaction<'_>, parked: &[Parked]) -> Result<(), DatabaseError> {
    if parked.is_empty() {
        return Ok(());
    }
    let texts = |of: fn(&Parked) -> &str| parked.iter().map(of).collect::<Vec<_>>();
    let (projects, steps, reasons) = (texts(|p| &p.project), texts(|p| &p.step), texts(|p| &p.reason));
    let positions: Vec<_> = parked.iter().map(|p| bound(p.position)).collect();
    let recorded: Vec<_> = parked.iter().map(|p| Moment(p.recorded_at)).collect();
    let write = tx.prepare_cached(WRITE).await?;
    tx.execute(&write, &[&projects, &positions, &steps, &reasons, &recorded]).await?;
    Ok(())
}

/// A project's parked events from position `from` on.
pub(super) async fn list(
    database: &Database,
    project: &str,
    from: Position,
    max: usize,
) -> Result<Vec<Parked>, DatabaseError> {
    let client = database.connection().await?;
    let list = client.prepare_cached(LIST).await?;
    let limit = i64::try_from(max).unwrap_or(i64::MAX);
    let rows = client.query(&list, &[&project, &bound(from), &limit]).await?;
    let parked = rows.iter().map(|row| Parked {
        project: project.to_owned(),
        position: Position(row.get::<_, i64>(0) as u64),
        step: row.get(1),
        reason: row.get(2),
        recorded_at: row.get::<_, Moment>(3).0,
    });
    Ok(parked.collect())
}
