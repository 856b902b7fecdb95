//! One row of a file as events of a door.
//!
//! | row | chat | moderation |
//! |---|---|---|
//! | the door's own event | as it is (it has `type`) | as it is (it has `event_type`) |
//! | `{id, text or input, …}` | one `message.user`; `cot` if the id or the file starts with `cot_` | one `message_created` |
//! | `{id, turns: [{role, content}], …}` | one event a turn, of one session | one `message_created` a turn |
//!
//! The row's id is the session; `import:<id>` (and `:<n>` for turn n, from 0) is the idempotency key. What else a row
//! holds (labels, kind, licence, spans, …) goes into the event's data, for turns into that of the first one; `source`,
//! which names the data set there, is called `dataset`. Texts are copied as raw JSON and judged by the door.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::cli::text;

/// The `source` of events made from rows.
const SOURCE: &str = "import";
/// The platform of moderation events made from rows: the one of seed 002 that is no company's.
const PLATFORM: &str = "web_chat";
/// Longest session id made of a row's id, leaving room for key prefixes under 255 bytes.
const SESSION_MAX_BYTES: usize = 200;
/// Prefix of data sets and ids of chain-of-thought texts.
const COT_PREFIX: &str = "cot_";

/// A door that rows can be imported through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Door {
    /// The native door, `POST /v1/events`.
    Chat,
    /// The moderation door, `POST /v1/events/ingest-batch`.
    Moderation,
}

impl Door {
    /// Where its batches go.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/events",
            Self::Moderation => "/v1/events/ingest-batch",
        }
    }

    /// Most events of a batch, by its defaults.
    pub(super) fn batch_max_events(self) -> usize {
        match self {
            Self::Chat => 1000,
            Self::Moderation => 500,
        }
    }

    /// The member that makes a row an event of this door, and the one that is its key.
    fn marks(self) -> (&'static str, [&'static str; 2]) {
        match self {
            Self::Chat => ("type", ["idempotencyKey", "id"]),
            Self::Moderation => ("event_type", ["event_id", "event_id"]),
        }
    }
}

/// An event of a door, ready to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// Its JSON, on one line.
    pub(super) json: String,
    /// True if the server will know it when it comes again.
    pub(super) is_keyed: bool,
}

type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// What a row is translated with.
pub(super) struct Translator<'t> {
    pub(super) door: Door,
    /// A project to name in each event, so that the server checks it.
    pub(super) project: Option<&'t str>,
    /// The name of the file's data set.
    pub(super) stem: &'t str,
    /// The number of the row's line, for rows without an id.
    pub(super) line: u64,
}

impl Translator<'_> {
    /// The events of a row. Errors: what is wrong with it, as pointer and detail.
    pub(super) fn events(&self, row: &str) -> Result<Vec<Event>, (String, String)> {
        let fields: Fields<'_> = serde_json::from_str(row)
            .map_err(|error| (String::new(), format!("not a JSON object: {error}")))?;
        let (mark, keys) = self.door.marks();
        if present(&fields, mark).is_some() {
            let is_keyed = keys.iter().any(|key| present(&fields, key).is_some());
            return Ok(vec![Event { json: self.native(row, &fields), is_keyed }]);
        }
        if let Some(turns) = present(&fields, "turns") {
            return self.session(&fields, turns);
        }
        let Some(name) = ["text", "input"].into_iter().find(|name| present(&fields, name).is_some()) else {
            return Err((String::new(), format!("expected `{mark}`, `text`, `input` or `turns`")));
        };
        let content = fields[name];
        if !content.get().starts_with('"') {
            return Err((format!("/{name}"), "expected a string".to_owned()));
        }
        Ok(vec![self.text(&fields, name, content)])
    }

    /// A row that is an event already: as it is, but for the project to check.
    fn native(&self, row: &str, fields: &Fields<'_>) -> String {
        match self.project {
            Some(project) if self.door == Door::Chat && !fields.contains_key("projectId") => {
                // The row is an object, and not an empty one.
                let members = row.trim_start().strip_prefix('{').unwrap_or_default();
                format!("{{\"projectId\":{},{members}", quoted(project))
            }
            _ => row.to_owned(),
        }
    }

    fn text(&self, fields: &Fields<'_>, name: &str, content: &RawValue) -> Event {
        let id = self.id(fields);
        let is_cot = id.starts_with(COT_PREFIX) || self.stem.starts_with(COT_PREFIX);
        let (kind, role) = if is_cot { ("cot", "assistant") } else { ("message.user", "user") };
        let data = data(fields, &[name]);
        self.event(&id, &Said { key: format!("import:{id}"), kind, role, content: Some(content), data })
    }

    fn session(&self, fields: &Fields<'_>, turns: &RawValue) -> Result<Vec<Event>, (String, String)> {
        let turns: Vec<Fields<'_>> = serde_json::from_str(turns.get())
            .map_err(|_| ("/turns".to_owned(), "expected an array of objects".to_owned()))?;
        if turns.is_empty() {
            return Err(("/turns".to_owned(), "expected at least one turn".to_owned()));
        }
        let id = self.id(fields);
        let event = |(number, turn): (usize, &Fields<'_>)| {
            let role =
                present(turn, "role").and_then(|role| serde_json::from_str::<Cow<'_, str>>(role.get()).ok());
            let (kind, role) = role.as_deref().and_then(kind_of).ok_or_else(|| {
                let detail = format!(
                    "expected user, assistant, system or tool, got {}",
                    role.as_deref().unwrap_or("none")
                );
                (format!("/turns/{number}/role"), text::escaped(&detail).into_owned())
            })?;
            let mut members = data(turn, &["role", "content"]);
            if number == 0 {
                members.extend(data(fields, &["turns"]));
            }
            let content = present(turn, "content");
            let said = Said { key: format!("import:{id}:{number}"), kind, role, content, data: members };
            Ok(self.event(&id, &said))
        };
        turns.iter().enumerate().map(event).collect()
    }

    fn event(&self, session: &str, said: &Said<'_>) -> Event {
        let mut object = Object::default();
        match self.door {
            Door::Chat => {
                object.text("type", said.kind);
                if let Some(project) = self.project {
                    object.text("projectId", project);
                }
                object.text("sessionId", session);
                object.text("source", SOURCE);
                object.text("role", said.role);
            }
            Door::Moderation => {
                object.text("event_type", "message_created");
                object.text("platform", PLATFORM);
                object.text("session_id", session);
                // Its own author, so that the same words in another session are no duplicate.
                object.text("author_id", &format!("{session}:{}", said.role));
                object.text("user_id", SOURCE);
            }
        }
        if let Some(content) = said.content {
            object.raw("content", content.get());
        }
        let (data, key) = match self.door {
            Door::Chat => ("data", "idempotencyKey"),
            Door::Moderation => ("metadata", "event_id"),
        };
        if !said.data.is_empty() {
            object.object(data, &said.data);
        }
        object.text(key, &said.key);
        Event { json: object.finish(), is_keyed: true }
    }

    /// The row's id as a session id; data set and line if it has none.
    fn id(&self, fields: &Fields<'_>) -> String {
        let id = present(fields, "id").map(|id| match serde_json::from_str::<String>(id.get()) {
            Ok(id) => id,
            Err(_) => id.get().to_owned(),
        });
        session_id(&id.filter(|id| !id.is_empty()).unwrap_or_else(|| format!("{}:{}", self.stem, self.line)))
    }
}

/// What one event says, whatever the door.
struct Said<'a> {
    key: String,
    kind: &'static str,
    role: &'static str,
    content: Option<&'a RawValue>,
    data: Vec<(String, &'a str)>,
}

/// Event type and role of a turn, by the names that data sets use.
fn kind_of(role: &str) -> Option<(&'static str, &'static str)> {
    Some(match role {
        "user" | "human" => ("message.user", "user"),
        "assistant" | "ai" | "bot" | "gpt" | "model" => ("message.assistant", "assistant"),
        "system" | "developer" => ("message.system", "system"),
        "tool" | "function" | "tool_call" => ("tool_call", "tool"),
        _ => return None,
    })
}

fn present<'a>(fields: &Fields<'a>, name: &str) -> Option<&'a RawValue> {
    fields.get(name).copied().filter(|value| value.get() != "null")
}

/// The members that are kept as data, `except` those that became the event.
fn data<'a>(fields: &Fields<'a>, except: &[&str]) -> Vec<(String, &'a str)> {
    let kept = fields.iter().filter(|(name, _)| !except.contains(&name.as_ref()));
    let renamed = |name: &str| {
        if name == "source" && !fields.contains_key("dataset") { "dataset" } else { name }.to_owned()
    };
    kept.map(|(name, value)| (renamed(name), value.get())).collect()
}

/// `id` as a session id: 1..=200 of `A-Za-z0-9._:-`. What had to be changed gets a hash, so that no two ids meet.
fn session_id(id: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    if id.len() <= SESSION_MAX_BYTES && id.chars().all(is_plain) {
        return id.to_owned();
    }
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(id.as_bytes())[..4]);
    let plain: String =
        id.chars().map(|c| if is_plain(c) { c } else { '_' }).take(SESSION_MAX_BYTES - 9).collect();
    format!("{plain}-{hash}")
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A JSON object being written; values are raw JSON.
#[derive(Default)]
struct Object(String);

impl Object {
    fn raw(&mut self, name: &str, json: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(&quoted(name));
        self.0.push(':');
        self.0.push_str(json);
    }

    fn text(&mut self, name: &str, value: &str) {
        self.raw(name, &quoted(value));
    }

    fn object(&mut self, name: &str, members: &[(String, &str)]) {
        let mut object = Self::default();
        for (name, json) in members {
            object.raw(name, json);
        }
        self.raw(name, &object.finish());
    }

    fn finish(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push('}');
        self.0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn translate(door: Door, stem: &str, row: &str) -> Result<Vec<Value>, (String, String)> {
        let events = Translator { door, project: None, stem, line: 7 }.events(row)?;
        Ok(events.iter().map(|event| serde_json::from_str(&event.json).unwrap()).collect())
    }

    fn chat(row: &str) -> Result<Vec<Value>, (String, String)> {
        translate(Door::Chat, "set", row)
    }

    #[test]
    fn an_event_is_left_as_it_is() {
        let row = r#"{"type":"message.user","n":1.50,"content":"\ud83d\ude00"}"#;
        let translator = |project| Translator { door: Door::Chat, project, stem: "s", line: 1 };
        let event = translator(None).events(row).unwrap().remove(0);
        assert_eq!((event.json.as_str(), event.is_keyed), (row, false));
        let event = translator(Some("p1")).events(row).unwrap().remove(0);
        assert_eq!(
            event.json,
            r#"{"projectId":"p1","type":"message.user","n":1.50,"content":"\ud83d\ude00"}"#
        );
        assert!(translator(None).events(r#"{"type":"a","idempotencyKey":"k"}"#).unwrap()[0].is_keyed);
    }

    #[test]
    fn a_labelled_text_becomes_one_user_message() {
        let row = r#"{"id":"set-1","text":"hi \"you\"","labels":["SPAM"],"source":"a/b","license":"MIT","raw":{"V":0}}"#;
        let expected = json!({
            "type": "message.user", "sessionId": "set-1", "source": "import", "role": "user", "content": "hi \"you\"",
            "data": {"id": "set-1", "labels": ["SPAM"], "dataset": "a/b", "license": "MIT", "raw": {"V": 0}},
            "idempotencyKey": "import:set-1"
        });
        assert_eq!(chat(row).unwrap(), [expected]);
        assert_eq!(chat(r#"{"input":"x"}"#).unwrap()[0]["sessionId"], "set:7");
        assert_eq!(chat(r#"{"id":12,"input":"x"}"#).unwrap()[0]["idempotencyKey"], "import:12");
    }

    #[test]
    fn a_chain_of_thought_is_known_by_its_file_or_its_id() {
        let type_of = |stem, row| translate(Door::Chat, stem, row).unwrap()[0]["type"].clone();
        assert_eq!(type_of("cot_rhw", r#"{"id":"1","text":"x"}"#), "cot");
        assert_eq!(type_of("other", r#"{"id":"cot_1","text":"x"}"#), "cot");
        assert_eq!(type_of("cotton", r#"{"id":"1","text":"x"}"#), "message.user");
    }

    #[test]
    fn a_session_becomes_one_event_a_turn() {
        let row = r#"{"id":"s","turns":[{"role":"user","content":"a","at":1},{"role":"tool","content":"b"},
            {"role":"assistant","content":null}],"labels":["ATTACK"],"source":"x"}"#;
        let events = chat(row).unwrap();
        let summary: Vec<_> = events.iter().map(|e| (&e["type"], &e["role"], &e["idempotencyKey"])).collect();
        let expected = [
            ("message.user", "user", "import:s:0"),
            ("tool_call", "tool", "import:s:1"),
            ("message.assistant", "assistant", "import:s:2"),
        ];
        for (found, expected) in summary.iter().zip(expected) {
            assert_eq!(
                (found.0.as_str(), found.1.as_str(), found.2.as_str()),
                (Some(expected.0), Some(expected.1), Some(expected.2))
            );
        }
        assert_eq!(events[0]["data"], json!({"at": 1, "id": "s", "labels": ["ATTACK"], "dataset": "x"}));
        assert!(events[1].get("data").is_none() && events[2].get("content").is_none());
    }

    #[test]
    fn the_moderation_door_has_its_own_shape() {
        let row = r#"{"id":"s-1","text":"hi","kind":"k"}"#;
        let expected = json!({
            "event_type": "message_created", "platform": "web_chat", "session_id": "s-1", "author_id": "s-1:user",
            "user_id": "import", "content": "hi", "metadata": {"id": "s-1", "kind": "k"}, "event_id": "import:s-1"
        });
        assert_eq!(translate(Door::Moderation, "set", row).unwrap(), [expected]);
        let native = r#"{"event_type":"message_created","event_id":"1"}"#;
        assert_eq!(translate(Door::Moderation, "set", native).unwrap()[0]["event_id"], "1");
    }

    #[test]
    fn what_is_no_row_is_refused_with_its_reason() {
        let refused = |row| chat(row).unwrap_err();
        assert!(refused("[1]").1.starts_with("not a JSON object"));
        assert!(refused("{\"text\":\"x\"").1.starts_with("not a JSON object"));
        assert_eq!(refused("{}").1, "expected `type`, `text`, `input` or `turns`");
        assert_eq!(refused(r#"{"text":7}"#), ("/text".into(), "expected a string".into()));
        assert_eq!(refused(r#"{"turns":[]}"#).0, "/turns");
        let (pointer, detail) = refused(r#"{"turns":[{"role":"user"},{"role":"narr\u001bator"}]}"#);
        assert_eq!(
            (pointer.as_str(), detail.as_str()),
            ("/turns/1/role", "expected user, assistant, system or tool, got narr\\x1bator")
        );
    }

    #[test]
    fn no_two_ids_share_a_session() {
        assert_eq!(session_id("a.b_c:d-1"), "a.b_c:d-1");
        let (spaced, slashed) = (session_id("a b"), session_id("a/b"));
        assert!(spaced.starts_with("a_b-") && slashed.starts_with("a_b-") && spaced != slashed);
        assert_eq!(session_id(&"é".repeat(300)).len(), SESSION_MAX_BYTES);
    }
}
