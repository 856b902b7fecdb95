//! Looking a database over without changing it.

use crate::database::{Database, DatabaseError};

/// Records whose checksums are compared at once.
const PAGE: i64 = 5000;

/// Something worth saying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Where it is, for example `log.events`.
    pub place: &'static str,
    /// What it is.
    pub detail: String,
    /// False if nothing is wrong.
    pub is_damage: bool,
}

/// Compares what must agree: positions, checksums, keys, checkpoints. Reads every record once.
///
/// Errors: the database does not answer, or has another layout.
pub async fn inspect(database: &Database) -> Result<Vec<Observation>, DatabaseError> {
    let client = database.connection().await?;
    let mut seen = Vec::new();
    let Some(head) = client.query_opt("SELECT first, tail, shards FROM log.head", &[]).await? else {
        seen.push(Observation::of("log.head", "there is no log yet".to_owned(), false));
        return Ok(seen);
    };
    seen.push(jobs(database).await?);
    let (first, tail, shards): (i64, i64, i16) = (head.get(0), head.get(1), head.get(2));
    seen.push(Observation::of("log.head", format!("positions {first} to {tail}, {shards} shards"), false));
    seen.push(events(database, first, tail).await?);
    seen.push(counted(
        "log.keys",
        "point at events that are not there",
        client
            .query_one(
                "SELECT count(*) FROM log.keys WHERE position < $1 OR position >= $2",
                &[&first, &tail],
            )
            .await?
            .get(0),
    ));
    seen.push(counted(
        "views.shards",
        "are folded further than the log goes, or missing",
        client
            .query_one(
                "SELECT count(*) FILTER (WHERE checkpoint > $1) + abs(count(*) - $2::bigint) FROM shards",
                &[&tail, &i64::from(shards)],
            )
            .await?
            .get(0),
    ));
    let free: i64 =
        client.query_one("SELECT count(*) FROM shards WHERE leased_until < now()", &[]).await?.get(0);
    if free > 0 {
        let detail = format!("{free} of {shards} shards are folded by nobody at this moment");
        seen.push(Observation::of("views.shards", detail, false));
    }
    Ok(seen)
}

/// How many jobs wait or are held, and how many were given up.
async fn jobs(database: &Database) -> Result<Observation, DatabaseError> {
    let counts = "SELECT (SELECT count(*) FROM control.jobs), (SELECT count(*) FROM control.dead_jobs)";
    let row = database.connection().await?.query_one(counts, &[]).await?;
    let (open, dead): (i64, i64) = (row.get(0), row.get(1));
    Ok(Observation::of("control.jobs", format!("{open} wait or are held, {dead} in the dead letter"), false))
}

fn counted(place: &'static str, what: &str, count: i64) -> Observation {
    if count == 0 {
        return Observation::of(place, "sound".to_owned(), false);
    }
    Observation::of(place, format!("{count} {what}"), true)
}

/// Every position from `first` to `tail` has a record, whose bytes have its checksum.
async fn events(database: &Database, first: i64, tail: i64) -> Result<Observation, DatabaseError> {
    let client = database.connection().await?;
    let page = "SELECT position, checksum, record FROM log.events
        WHERE position >= $1 AND position < $2 ORDER BY position LIMIT $3";
    let page = client.prepare(page).await?;
    let (mut next, mut missing, mut damaged) = (first, 0, 0);
    while next < tail {
        let rows = client.query(&page, &[&next, &tail, &PAGE]).await?;
        for row in &rows {
            let position: i64 = row.get(0);
            missing += position - next;
            damaged += i64::from(crc32c::crc32c(row.get(2)) as i32 != row.get::<_, i32>(1));
            next = position + 1;
        }
        if rows.is_empty() {
            missing += tail - next;
            next = tail;
        }
    }
    if missing + damaged == 0 {
        let detail = format!("{} events, none missing, all checksums right", tail - first);
        return Ok(Observation::of("log.events", detail, false));
    }
    let detail = format!("{missing} events are missing, {damaged} have wrong checksums");
    Ok(Observation::of("log.events", detail, true))
}

impl Observation {
    fn of(place: &'static str, detail: String, is_damage: bool) -> Self {
        Self { place, detail, is_damage }
    }
}
