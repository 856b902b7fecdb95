//! A query put together from pieces, each with its parameters.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

/// SQL text with its parameters, in order.
#[derive(Clone)]
pub(super) struct Sql {
    text: String,
    params: Vec<Value>,
}

impl Sql {
    /// A query of `text`, whose placeholders stand for `params`.
    pub(super) fn new<const N: usize>(text: &str, params: [Value; N]) -> Self {
        Self { text: text.to_owned(), params: params.into() }
    }

    /// The query so far and `text`, whose placeholders stand for `params`.
    pub(super) fn and<const N: usize>(mut self, text: &str, params: [Value; N]) -> Self {
        self.text.push_str(text);
        self.params.extend(params);
        self
    }

    /// The query so far and `other`.
    pub(super) fn then(mut self, other: Self) -> Self {
        self.text.push_str(&other.text);
        self.params.extend(other.params);
        self
    }

    /// The rows of the query, read by `read`.
    pub(super) fn rows<T>(
        &self,
        views: &Connection,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        views.prepare_cached(&self.text)?.query_map(params_from_iter(&self.params), read)?.collect()
    }

    /// How many rows the query has, at most `max`.
    pub(super) fn count(&self, views: &Connection, max: u64) -> rusqlite::Result<u64> {
        let end = Self::new(" LIMIT ?)", [(max as i64).into()]);
        let counted = Self::new("SELECT count(*) FROM (", []).then(self.clone()).then(end);
        let mut select = views.prepare_cached(&counted.text)?;
        let count: i64 = select.query_row(params_from_iter(&counted.params), |row| row.get(0))?;
        Ok(count as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_stops_at_the_maximum() {
        let views = Connection::open_in_memory().unwrap();
        let three = Sql::new("SELECT ? UNION SELECT ? UNION SELECT ?", [1.into(), 2.into(), 3.into()]);
        assert_eq!([0, 2, 3, 4].map(|max| three.count(&views, max).unwrap()), [0, 2, 3, 3]);
    }
}
