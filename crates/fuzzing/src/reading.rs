//! Readers: any filter, cursor, id or time is answered, pages neither repeat nor invent, and what is parsed is written
//! back the same.

use std::collections::BTreeSet;

use serde_json::json;
use tidegate_domain::assessment::Category;
use tidegate_domain::filter::{EventCursor, SessionCursor};
use tidegate_domain::id::{EventId, ProjectId};
use tidegate_domain::time::UnixMs;

use crate::house::House;

/// Pages of one list that are read.
const PAGES_MAX: usize = 4;
/// Events that there are to read.
const EVENTS: usize = 14;

thread_local! {
    static HOUSE: House = furnished();
}

/// The first byte chooses the route; the rest is its query, or the id in its path.
pub fn reading(data: &[u8]) {
    let Some((route, rest)) = data.split_first() else { return };
    if let Ok(text) = std::str::from_utf8(rest) {
        parsed(text);
    }
    let asked = in_uri(rest);
    HOUSE.with(|house| match route % 6 {
        0 => pages(house, "/v1/events", &asked, "/events", "eventId"),
        1 => pages(house, "/v1/sessions", &asked, "/sessions", "sessionId"),
        2 => drop(house.get(&format!("/v1/events/{}", asked.replace(['?', '/'], "")))),
        3 => drop(house.get(&format!("/v1/sessions/{}", asked.replace(['?', '/'], "")))),
        4 => drop(house.get(&format!("/v1/quarantine?{asked}"))),
        _ => drop(house.get(&format!("/v1/events/stream?{asked}"))),
    });
}

/// What is read from text is written to text that is read the same.
fn parsed(text: &str) {
    if let Some(cursor) = EventCursor::decode(text) {
        assert_eq!(EventCursor::decode(&cursor.encode()), Some(cursor));
    }
    if let Some(cursor) = SessionCursor::decode(text) {
        assert_eq!(SessionCursor::decode(&cursor.encode()), Some(cursor));
    }
    if let Some(time) = UnixMs::parse(text) {
        assert_eq!(UnixMs::parse(&time.to_rfc3339()), Some(time), "{text}");
    }
    if let Ok(id) = text.parse::<EventId>() {
        assert_eq!(id.to_string().parse::<EventId>().ok(), Some(id));
    }
    if let Ok(id) = text.parse::<ProjectId>() {
        assert_eq!(id.as_str(), text);
    }
    if let Some(category) = Category::parse(text) {
        assert!(category.name().eq_ignore_ascii_case(text));
    }
}

/// Reads a list page by page.
fn pages(house: &House, path: &str, query: &str, rows: &str, id: &str) {
    let mut seen = BTreeSet::new();
    let mut page = house.get(&format!("{path}?{query}"));
    for _ in 0..PAGES_MAX {
        if page.status != 200 {
            return;
        }
        for row in page.json.pointer(rows).and_then(|rows| rows.as_array()).expect("a page has rows") {
            let id = row[id].as_str().expect("a row has an id").to_owned();
            assert!(seen.insert(id), "twice on the list of {query}: {row}");
        }
        assert!(seen.len() <= EVENTS, "more than there are");
        let Some(next) = page.json["nextCursor"].as_str() else { return };
        let others = query.split('&').filter(|pair| !pair.contains("cursor") && !pair.contains('%'));
        let others = others.collect::<Vec<_>>().join("&");
        if query.contains('%') && others.split('&').count() != query.split('&').count() {
            // A name or value in percents may be the cursor's, or a filter's: who knows what the next page would be.
            return;
        }
        page = house.get(&format!("{path}?{others}&cursor={next}"));
        assert_eq!(page.status, 200, "its own cursor is taken: {}", page.json);
    }
}

/// The bytes as a part of a URI: what may not stand there in percents, all else as it is.
fn in_uri(bytes: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%&=+/?:@!$'()*,;".contains(byte);
    bytes.iter().map(|b| if plain(b) { char::from(*b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// A house with events in three sessions, some of them risky, all folded.
fn furnished() -> House {
    let mut house = House::open();
    for number in 0..EVENTS {
        let event = json!({
            "type": if number % 2 == 0 { "message.user" } else { "cot" },
            "sessionId": format!("s{}", number % 3),
            "actor": {"id": format!("u{}", number % 2), "type": "user"},
            "source": if number % 5 == 0 { "web" } else { "api" },
            "content": if number % 4 == 0 { "You are such a stupid idiot!!!" } else { "hello" },
            "occurredAt": 1_763_640_000_000_i64 - number as i64 * 1000,
        });
        assert_eq!(house.post("/v1/events", "application/json", event.to_string().as_bytes()).status, 200);
    }
    house.catch_up();
    house
}
