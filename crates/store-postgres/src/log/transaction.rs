//! One group as one transaction: lock and look; write and commit.

use std::collections::HashMap;

use deadpool_postgres::Object;
use tidegate_domain::dedup::Seen;
use tidegate_domain::id::{Position, Shard};
use tidegate_domain::ports::Appended;
use tokio_postgres::types::ToSql;

use super::decision::{Decision, Place, decide_group, hashes};
use super::partitions::make_room;
use super::queue::Pending;
use super::shared::Shared;
use crate::database::DatabaseError;
use crate::value::{Moment, receipt};

const LOCK: &str = "SELECT tail, last_recorded_at FROM log.head FOR UPDATE";
const KNOWN: &str =
    "SELECT hash, digest, shard, position, recorded_at, checksum FROM log.keys WHERE hash = ANY($1)";
const ADD_EVENTS: &str =
    "INSERT INTO log.events (position, shard, recorded_at, project, session, checksum, record)
    SELECT $1 + n - 1, shard, $2, project, session, checksum, record
    FROM unnest($3::smallint[], $4::bigint[], $5::bigint[], $6::integer[], $7::bytea[])
        WITH ORDINALITY AS new (shard, project, session, checksum, record, n)";
// A hash that is there already is a fingerprint whose window has passed.
const ADD_KEYS: &str = "INSERT INTO log.keys (hash, digest, position, shard, recorded_at, checksum)
    SELECT hash, digest, position, shard, $1, checksum
    FROM unnest($2::bytea[], $3::bigint[], $4::bigint[], $5::smallint[], $6::integer[])
        AS new (hash, digest, position, shard, checksum)
    ON CONFLICT (hash) DO UPDATE SET digest = excluded.digest, position = excluded.position,
        shard = excluded.shard, recorded_at = excluded.recorded_at, checksum = excluded.checksum";
const MARK: &str = "INSERT INTO log.writers (writer, group_number) VALUES ($1, $2)
    ON CONFLICT (writer) DO UPDATE SET group_number = excluded.group_number, appended_at = now()";
const MOVE_TAIL: &str = "UPDATE log.head SET tail = $1, last_recorded_at = $2";

/// What became of one attempt at a group.
pub(super) enum Attempt {
    /// It is committed; the answers, batch by batch.
    Done(Vec<Vec<Appended>>),
    /// Nothing of it was committed.
    Failed(DatabaseError),
    /// The connection failed while it was committed.
    InDoubt(Doubt, DatabaseError),
}

/// A transaction that may have been committed, and the answers if it was.
pub(super) struct Doubt {
    pub(super) group: i64,
    pub(super) tail: u64,
    pub(super) answers: Vec<Vec<Appended>>,
}

/// The shard's ends and what is known of a group's hashes, under the lock.
struct Locked {
    place: Place,
    known: HashMap<u128, Seen>,
}

/// Appends `group` in one transaction.
pub(super) async fn try_append(shared: &Shared, group: &[Pending]) -> Attempt {
    let mut doubt = None;
    let outcome = shared.database.in_time(append(shared, group, &mut doubt)).await;
    match (outcome, doubt) {
        (Ok((answers, tail)), _) => {
            shared.publish(tail);
            Attempt::Done(answers)
        }
        // Whatever the database refused by name, it rolled back.
        (Err(error), Some(doubt)) if !error.is_refusal() => Attempt::InDoubt(doubt, error),
        (Err(error), _) => Attempt::Failed(error),
    }
}

type Answers = (Vec<Vec<Appended>>, u64);

async fn append(
    shared: &Shared,
    group: &[Pending],
    doubt: &mut Option<Doubt>,
) -> Result<Answers, DatabaseError> {
    let mut client = shared.database.urgent().await?;
    let records = group.iter().map(|pending| pending.batch.records.len() as u64).sum();
    let mut locked = lock(shared, group, &client).await?;
    while !shared.has_room(locked.place.tail + records) {
        client.batch_execute("ROLLBACK").await?;
        make_room(shared, &mut client, records).await?;
        locked = lock(shared, group, &client).await?;
    }
    let decision = decide_group(group, locked.place, &locked.known);
    let tail = locked.place.tail + decision.len() as u64;
    if decision.len() == 0 {
        client.batch_execute("ROLLBACK").await?;
        client.give_back();
        return Ok((decision.answers, tail));
    }
    let answers = decision.answers.clone();
    let number = shared.next_group();
    *doubt = Some(Doubt { group: number, tail, answers });
    write(&client, locked.place, &decision, tail, (&shared.writer, number)).await?;
    client.give_back();
    if let Some(outlet) = shared.outlet.get() {
        outlet.appended(Position(locked.place.tail), decision.stored());
    }
    Ok((decision.answers, tail))
}

/// Begins, locks the log, and reads what is known of the group's hashes: one round trip.
async fn lock(shared: &Shared, group: &[Pending], client: &Object) -> Result<Locked, DatabaseError> {
    let hashes: Vec<_> = hashes(group).iter().map(|hash| hash.to_be_bytes()).collect();
    let hashes: Vec<&[u8]> = hashes.iter().map(<[u8; 16]>::as_slice).collect();
    let (lock, known) = (client.prepare_cached(LOCK).await?, client.prepare_cached(KNOWN).await?);
    let known_params: [&(dyn ToSql + Sync); 1] = [&hashes];
    let (_, row, known) = tokio::try_join!(
        client.batch_execute("BEGIN"),
        client.query_one(&lock, &[]),
        client.query(&known, &known_params),
    )?;
    let Moment(last) = row.get(1);
    let recorded_at = shared.clock.now().max(last);
    let place = Place { shards: shared.shards, tail: row.get::<_, i64>(0) as u64, recorded_at };
    Ok(Locked { place, known: known.iter().filter_map(seen).collect() })
}

fn seen(row: &tokio_postgres::Row) -> Option<(u128, Seen)> {
    let hash = u128::from_be_bytes(row.get::<_, &[u8]>(0).try_into().ok()?);
    let (shard, position) = (Shard(row.get::<_, i16>(2) as u16), Position(row.get::<_, i64>(3) as u64));
    let Moment(recorded_at) = row.get(4);
    let receipt = receipt(shard, position, recorded_at, row.get::<_, i32>(5) as u32);
    Some((hash, Seen { digest: row.get::<_, i64>(1) as u64, receipt }))
}

/// Writes what was decided, and commits: one round trip. A statement that fails turns the commit into a roll-back.
async fn write(
    client: &Object,
    place: Place,
    decision: &Decision<'_>,
    tail: u64,
    (writer, group): (&String, i64),
) -> Result<(), DatabaseError> {
    let (first, recorded_at, tail) = (place.tail as i64, Moment(place.recorded_at), tail as i64);
    let keys: Vec<_> = decision.keys.iter().collect();
    let index = |seen: &Seen| (seen.receipt.position.0 - place.tail) as usize;
    let hashes: Vec<_> = keys.iter().map(|(hash, _)| hash.to_be_bytes().to_vec()).collect();
    let digests: Vec<_> = keys.iter().map(|(_, seen)| seen.digest as i64).collect();
    let positions: Vec<_> = keys.iter().map(|(_, seen)| seen.receipt.position.0 as i64).collect();
    let shards: Vec<_> = keys.iter().map(|(_, seen)| seen.receipt.shard.0 as i16).collect();
    let checksums: Vec<_> = keys.iter().map(|(_, seen)| decision.checksum[index(seen)]).collect();
    let Decision { shard, project, session, checksum, record, .. } = decision;
    let event_params: [&(dyn ToSql + Sync); 7] =
        [&first, &recorded_at, shard, project, session, checksum, record];
    let key_params: [&(dyn ToSql + Sync); 6] =
        [&recorded_at, &hashes, &digests, &positions, &shards, &checksums];
    let head_params: [&(dyn ToSql + Sync); 2] = [&tail, &recorded_at];
    let mark_params: [&(dyn ToSql + Sync); 2] = [writer, &group];

    let add_events = client.prepare_cached(ADD_EVENTS).await?;
    let (add_keys, move_tail) =
        (client.prepare_cached(ADD_KEYS).await?, client.prepare_cached(MOVE_TAIL).await?);
    let mark = client.prepare_cached(MARK).await?;
    tokio::try_join!(
        client.execute(&add_events, &event_params),
        client.execute(&add_keys, &key_params),
        client.execute(&move_tail, &head_params),
        client.execute(&mark, &mark_params),
        client.batch_execute("COMMIT"),
    )?;
    Ok(())
}
