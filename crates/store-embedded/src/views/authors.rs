//! What is remembered of authors, as rows.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, params};
use tidegate_domain::author::{AuthorKey, AuthorPast};

use super::known::Known;
use super::writer::{project, project_no, yield_after};
use crate::sqlite::unreadable;

pub(super) fn write(
    tx: &Connection,
    known: &mut Known,
    authors: &[(AuthorKey, AuthorPast)],
) -> rusqlite::Result<()> {
    let mut insert = tx.prepare_cached("INSERT OR REPLACE INTO authors VALUES (?1, ?2, ?3)")?;
    for (index, (key, past)) in authors.iter().enumerate() {
        yield_after(index);
        let project_no = project(tx, known, &key.project)?.no;
        insert.execute(params![project_no, key.author, past.to_bytes()])?;
    }
    Ok(())
}

/// The stored pasts of `keys`, in order, one search each.
pub(super) fn load(views: &Connection, keys: &[AuthorKey]) -> rusqlite::Result<Vec<Option<AuthorPast>>> {
    let mut select =
        views.prepare_cached("SELECT past FROM authors WHERE project_no = ?1 AND author = ?2")?;
    let mut pasts = Vec::with_capacity(keys.len());
    for run in keys.chunk_by(|a, b| a.project == b.project) {
        let project_no = project_no(views, &run[0].project)?;
        for key in run {
            let find =
                |no| select.query_row(params![no, key.author], |row| row.get::<_, Vec<u8>>(0)).optional();
            let bytes = project_no.map(find).transpose()?.flatten();
            pasts.push(bytes.map(|bytes| read(&bytes)).transpose()?);
        }
    }
    Ok(pasts)
}

fn read(bytes: &[u8]) -> rusqlite::Result<AuthorPast> {
    AuthorPast::from_bytes(bytes).ok_or_else(|| unreadable(0, Type::Blob, "not what this version writes"))
}
