//! Every row of Views as text, in an order that does not depend on how the log was cut into batches, or by how many
//! workers it was folded (V5). The number of a session is left out: it depends on both.

use crate::database::{Database, DatabaseError};

const TABLES: [&str; 9] = [
    "SELECT 'rules ' || to_json(r)::text FROM rules r",
    "SELECT 'shard ' || shard || ' ' || checkpoint FROM shards ORDER BY shard",
    "SELECT 'session ' || (to_jsonb(s) - 'no')::text FROM sessions s ORDER BY project, id",
    "SELECT 'assessment ' || to_jsonb(a)::text FROM assessments a ORDER BY project, position",
    "SELECT 'exemplar_hit ' || to_jsonb(h)::text FROM exemplar_hits h ORDER BY project, exemplar, position",
    "SELECT 'author ' || to_jsonb(a)::text FROM authors a ORDER BY project, author, shard",
    "SELECT 'snapshot ' || to_jsonb(s)::text FROM snapshots s ORDER BY project, session, position",
    "SELECT 'cot_analysis ' || to_jsonb(c)::text FROM cot_analyses c ORDER BY project, position",
    "SELECT 'parked ' || to_jsonb(p)::text FROM parked p ORDER BY project, position",
];

/// The lines, as one moment shows them.
pub(super) async fn lines(database: &Database) -> Result<Vec<String>, DatabaseError> {
    let mut client = database.connection().await?;
    let tx = client
        .build_transaction()
        .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    let mut lines = Vec::new();
    for table in TABLES {
        lines.extend(tx.query(table, &[]).await?.iter().map(|row| row.get::<_, String>(0)));
    }
    Ok(lines)
}
