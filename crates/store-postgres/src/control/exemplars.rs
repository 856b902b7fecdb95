//! Labelled texts as rows.

use deadpool_postgres::{GenericClient, Object};
use tidegate_domain::assessment::Category;
use tidegate_domain::id::Position;
use tidegate_domain::label::{Exemplar, Label};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use crate::database::DatabaseError;
use crate::value::{Moment, bound};

const SELECT: &str =
    "SELECT e.position, e.project, e.id, e.category, e.text, e.event_id, e.labelled_by, e.note,
        e.created_at, r.removed
    FROM control.exemplars e
    LEFT JOIN control.exemplar_removals r ON r.exemplar = e.position AND r.project = e.project";
const ADD: &str = "INSERT INTO control.exemplars
        (position, project, id, category, text, event_id, labelled_by, note, created_at)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
        $8::text[], $9::timestamptz[])
    ON CONFLICT DO NOTHING";
const REMOVE: &str = "INSERT INTO control.exemplar_removals AS kept (exemplar, project, removed)
    SELECT exemplar, project, min(at) FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS new (exemplar, project, at)
    GROUP BY exemplar, project
    ON CONFLICT (exemplar, project) DO UPDATE SET removed = least(kept.removed, excluded.removed)";

/// Keeps labels in one transaction. What is kept never changes but for an earlier removal (C5).
pub(super) async fn put(client: &mut Object, labels: &[Label]) -> Result<(), Error> {
    let tx = client.transaction().await?;
    add_all(&tx, labels).await?;
    tx.commit().await
}

/// Keeps labels in whatever transaction `client` is.
pub(crate) async fn add_all(client: &impl GenericClient, labels: &[Label]) -> Result<(), Error> {
    let (mut added, mut removed) = (Vec::new(), Vec::new());
    for label in labels {
        match label {
            Label::Added(exemplar) => added.push(exemplar),
            Label::Removed { project, exemplar, at } => {
                removed.push((bound(*exemplar), project.as_str(), bound(*at)));
            }
        }
    }
    if !added.is_empty() {
        add(client, &added).await?;
    }
    if !removed.is_empty() {
        remove(client, &removed).await?;
    }
    Ok(())
}

async fn add(tx: &impl GenericClient, added: &[&Exemplar]) -> Result<(), Error> {
    let texts = |of: fn(&Exemplar) -> &str| added.iter().map(|e| of(e)).collect::<Vec<_>>();
    let options = |of: fn(&Exemplar) -> Option<&str>| added.iter().map(|e| of(e)).collect::<Vec<_>>();
    let positions: Vec<_> = added.iter().map(|e| bound(e.position)).collect();
    let (projects, ids) = (texts(|e| &e.project), texts(|e| &e.id));
    let (categories, contents) = (texts(|e| e.category.name()), texts(|e| &e.text));
    let (events, by) = (options(|e| e.event_id.as_deref()), options(|e| e.labelled_by.as_deref()));
    let notes = options(|e| e.note.as_deref());
    let created: Vec<_> = added.iter().map(|e| Moment(e.created_at)).collect();
    let values: [&(dyn ToSql + Sync); 9] =
        [&positions, &projects, &ids, &categories, &contents, &events, &by, &notes, &created];
    tx.execute(ADD, &values).await.map(drop)
}

async fn remove(tx: &impl GenericClient, removed: &[(i64, &str, i64)]) -> Result<(), Error> {
    let exemplars: Vec<_> = removed.iter().map(|(exemplar, ..)| *exemplar).collect();
    let projects: Vec<_> = removed.iter().map(|(_, project, _)| *project).collect();
    let at: Vec<_> = removed.iter().map(|(.., at)| *at).collect();
    tx.execute(REMOVE, &[&exemplars, &projects, &at]).await.map(drop)
}

/// The exemplars of all projects, by position.
pub(super) async fn all(client: &Object) -> Result<Vec<Row>, Error> {
    let select = client.prepare_cached(&format!("{SELECT} ORDER BY e.position")).await?;
    client.query(&select, &[]).await
}

/// A project's exemplars, newest first.
pub(super) async fn list(
    client: &Object,
    project: &str,
    event_id: Option<&str>,
    from: Position,
    max: usize,
) -> Result<Vec<Row>, Error> {
    let of_event = if event_id.is_some() { "e.event_id = $4" } else { "$4::text IS NULL" };
    let sql = format!(
        "{SELECT} WHERE e.project = $1 AND e.position <= $2 AND {of_event} ORDER BY e.position DESC LIMIT $3"
    );
    let select = client.prepare_cached(&sql).await?;
    let limit = i64::try_from(max).unwrap_or(i64::MAX);
    client.query(&select, &[&project, &bound(from), &limit, &event_id]).await
}

/// Reads a row of [`SELECT`].
pub(super) fn read(row: &Row) -> Result<Exemplar, DatabaseError> {
    let position = |value: i64| Position(value as u64);
    let name: &str = row.get(3);
    let unknown = || DatabaseError::Unreadable { what: format!("the category `{name}`") };
    let Moment(created_at) = row.get(8);
    Ok(Exemplar {
        position: position(row.get(0)),
        project: row.get(1),
        id: row.get(2),
        category: Category::parse(name).ok_or_else(unknown)?,
        text: row.get(4),
        event_id: row.get(5),
        labelled_by: row.get(6),
        note: row.get(7),
        created_at,
        removed: row.get::<_, Option<i64>>(9).map(position),
    })
}
