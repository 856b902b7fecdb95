//! Walking pages to the end.

use serde_json::Value;

use super::client::Client;

/// All rows of a list, page by page; `rows` is their name in a page. Never ends if the server's cursors do not.
pub(crate) async fn walk(client: &Client, path: &str, rows: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let separator = if path.contains('?') { '&' } else { '?' };
        let page = match &cursor {
            None => client.read(path).await,
            Some(cursor) => client.read(&format!("{path}{separator}cursor={cursor}")).await,
        };
        all.extend(page[rows].as_array().expect("rows").iter().cloned());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return all,
        }
    }
}

/// All events that a query gives.
pub(crate) async fn events(client: &Client, query: &str) -> Vec<Value> {
    walk(client, &format!("/v1/events?{query}"), "events").await
}

/// How many events the project has.
pub(crate) async fn count(client: &Client) -> usize {
    events(client, "limit=1000").await.len()
}

/// A member of each row, as text.
pub(crate) fn texts(rows: &[Value], pointer: &str) -> Vec<String> {
    rows.iter().map(|row| row.pointer(pointer).and_then(Value::as_str).unwrap_or("-").to_owned()).collect()
}
