//! What is read as a whole, as JSON text.

use rusqlite::types::Type;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::sqlite::unreadable;

pub(super) fn of(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// Reads `json`, which lies in column `index`.
pub(super) fn read<T: DeserializeOwned>(index: usize, json: &str) -> rusqlite::Result<T> {
    serde_json::from_str(json).map_err(|error| unreadable(index, Type::Text, error))
}
