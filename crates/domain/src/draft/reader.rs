//! Reads single fields under the limits and collects what is wrong with them.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::event::Reference;
use crate::fault::{FieldError, push_token};
use crate::limits::{EventLimits, ID_MAX_BYTES, SESSION_ID_MAX_CHARS, TYPE_MAX_CHARS};
use crate::time::UnixMs;
use crate::{draft::RawFields, json};

/// Most errors of one event that are named: a hostile event must not ask for an endless answer.
const ERRORS_MAX: usize = 32;

/// Reads the fields of one event. Every refusal is kept in [`FieldReader::errors`]; reading goes on.
pub struct FieldReader<'r> {
    limits: &'r EventLimits,
    now: UnixMs,
    /// What was wrong, in the order of the fields.
    pub errors: Vec<FieldError>,
    extra: Vec<(String, String)>,
}

impl<'r> FieldReader<'r> {
    /// A reader under `limits`; `now` is the moment against which `occurredAt` is judged.
    pub fn new(limits: &'r EventLimits, now: UnixMs) -> Self {
        Self { limits, now, errors: Vec::new(), extra: Vec::new() }
    }

    /// The limits this reader holds.
    pub fn limits(&self) -> &'r EventLimits {
        self.limits
    }

    /// Keeps an error. `name` is a member name, put into a pointer.
    pub fn refuse(&mut self, name: &str, code: &'static str, detail: impl Into<Cow<'static, str>>) {
        let mut pointer = String::new();
        push_token(&mut pointer, name);
        self.push(FieldError::new(pointer, code, detail));
    }

    /// Keeps an error about the event as a whole.
    pub fn refuse_whole(&mut self, code: &'static str, detail: impl Into<Cow<'static, str>>) {
        self.push(FieldError::new("", code, detail));
    }

    /// Keeps an error; after [`ERRORS_MAX`] of them one more says that there are others.
    fn push(&mut self, error: FieldError) {
        match self.errors.len() {
            ..ERRORS_MAX => self.errors.push(error),
            ERRORS_MAX => {
                self.errors.push(FieldError::new(
                    "",
                    "too_many_errors",
                    format!("only the first {ERRORS_MAX} are named"),
                ));
            }
            _ => {}
        }
    }

    /// Refuses the event because member `name` is not there.
    pub fn refuse_missing(&mut self, name: &str) {
        self.refuse(name, "required", format!("{name} is required"));
    }

    /// A string of any length.
    pub fn string<'a>(&mut self, name: &str, raw: &'a RawValue) -> Option<Cow<'a, str>> {
        let text = raw.get();
        if !text.starts_with('"') {
            self.refuse(name, "wrong_type", format!("expected a string, got {}", kind_of(text)));
            return None;
        }
        let inner = &text[1..text.len() - 1];
        if !inner.contains('\\') {
            return Some(Cow::Borrowed(inner));
        }
        match serde_json::from_str::<String>(text) {
            Ok(text) => Some(Cow::Owned(text)),
            Err(_) => {
                self.refuse(name, "lone_surrogate", "the string holds half of a UTF-16 surrogate pair");
                None
            }
        }
    }

    /// A string of 1..=[`ID_MAX_BYTES`] bytes without control characters.
    pub fn id<'a>(&mut self, name: &str, raw: &'a RawValue) -> Option<Cow<'a, str>> {
        let text = self.string(name, raw)?;
        self.sized(name, &text, ID_MAX_BYTES)?;
        // Control characters are ASCII ones and those that UTF-8 starts with 0xC2.
        let may_be_control = |b: u8| b < 0x20 || b == 0x7f || b == 0xc2;
        if text.bytes().any(may_be_control) && text.chars().any(char::is_control) {
            self.refuse(name, "invalid_character", "control characters are not allowed in an id");
            return None;
        }
        Some(text)
    }

    /// A session id: 1..=255 of `A-Za-z0-9._:-`.
    pub fn session_id<'a>(&mut self, name: &str, raw: &'a RawValue) -> Option<Cow<'a, str>> {
        self.name(name, raw, SESSION_ID_MAX_CHARS)
    }

    /// An event type or a source: 1..=100 of `A-Za-z0-9._:-`.
    pub fn type_name<'a>(&mut self, name: &str, raw: &'a RawValue) -> Option<Cow<'a, str>> {
        self.name(name, raw, TYPE_MAX_CHARS)
    }

    fn name<'a>(&mut self, name: &str, raw: &'a RawValue, max: usize) -> Option<Cow<'a, str>> {
        let text = self.string(name, raw)?;
        self.sized(name, &text, max)?;
        if !is_name(&text) {
            self.refuse(name, "invalid_character", "only A-Z a-z 0-9 . _ : - are allowed");
            return None;
        }
        Some(text)
    }

    fn sized(&mut self, name: &str, text: &str, max: usize) -> Option<()> {
        if text.is_empty() {
            self.refuse(name, "too_short", "must not be empty");
            return None;
        }
        if text.len() > max {
            self.refuse(name, "too_long", format!("at most {max} bytes, got {}", text.len()));
            return None;
        }
        Some(())
    }

    /// Text to be screened, without white space around it: at most `max_chars` characters of what is left.
    pub fn trimmed_content<'a>(
        &mut self,
        name: &str,
        raw: &'a RawValue,
        max_chars: usize,
    ) -> Option<Cow<'a, str>> {
        let text = match self.string(name, raw)? {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        };
        self.bounded(name, text, max_chars)
    }

    /// Text to be screened: at most `max_chars` characters.
    pub fn content<'a>(&mut self, name: &str, raw: &'a RawValue, max_chars: usize) -> Option<Cow<'a, str>> {
        let text = self.string(name, raw)?;
        self.bounded(name, text, max_chars)
    }

    fn bounded<'a>(&mut self, name: &str, text: Cow<'a, str>, max_chars: usize) -> Option<Cow<'a, str>> {
        // Bytes bound characters from above, so most texts need no count.
        if text.len() > max_chars {
            let chars = text.chars().count();
            if chars > max_chars {
                self.refuse(name, "too_long", format!("at most {max_chars} characters, got {chars}"));
                return None;
            }
        }
        Some(text)
    }

    /// A JSON object under the limits of `data`, on one line.
    pub fn object<'a>(&mut self, name: &str, raw: &'a RawValue) -> Option<Cow<'a, str>> {
        let text = raw.get();
        if !text.starts_with('{') {
            self.refuse(name, "wrong_type", format!("expected an object, got {}", kind_of(text)));
            return None;
        }
        self.raw_json(name, text)?;
        Some(json::compact(text))
    }

    fn raw_json(&mut self, name: &str, text: &str) -> Option<()> {
        let max = self.limits.data_max_bytes;
        if text.len() > max {
            self.refuse(name, "too_long", format!("at most {max} bytes of JSON, got {}", text.len()));
            return None;
        }
        json::check(text, self.limits.data_max_depth)
            .map_err(|error| {
                let mut pointer = String::new();
                push_token(&mut pointer, name);
                self.push(error.under(&pointer));
            })
            .ok()
    }

    /// `{id, type}`, or a bare string as the id.
    pub fn reference<'a>(&mut self, name: &str, raw: &'a RawValue) -> Option<Reference<'a>> {
        if raw.get().starts_with('"') {
            return Some(Reference { id: self.id(name, raw)?, kind: None });
        }
        let fields: RawFields<'a> =
            serde_json::from_str(raw.get()).ok().filter(|f: &RawFields<'a>| f.is_object).or_else(|| {
                self.refuse(
                    name,
                    "wrong_type",
                    format!("expected an object with id and type, got {}", kind_of(raw.get())),
                );
                None
            })?;
        let first_error = self.errors.len();
        let (mut id, mut kind) = (None, None);
        for (member, value) in &fields.members {
            match member.as_ref() {
                "id" if id.is_some() => self.refuse("id", "repeated", "id is given more than once"),
                "id" => id = self.id("id", value),
                "type" if kind.is_some() => self.refuse("type", "repeated", "type is given more than once"),
                "type" => kind = self.id("type", value),
                _ => self.refuse(member, "unknown_field", "only id and type are known here"),
            }
        }
        if id.is_none() && self.errors.len() == first_error {
            self.refuse_missing("id");
        }
        let mut prefix = String::new();
        push_token(&mut prefix, name);
        for error in &mut self.errors[first_error..] {
            error.pointer.insert_str(0, &prefix);
        }
        Some(Reference { id: id?, kind })
    }

    /// A whole number in 1..=`u32::MAX`.
    pub fn version(&mut self, name: &str, raw: &RawValue) -> Option<u32> {
        match raw.get().parse::<u32>() {
            Ok(number) if number > 0 => Some(number),
            _ => {
                self.refuse(name, "out_of_range", format!("expected a whole number from 1 to {}", u32::MAX));
                None
            }
        }
    }

    /// An RFC 3339 string, or Unix milliseconds as number or string, near enough to now.
    /// A time without an offset is read as UTC if `naive_is_utc`.
    pub fn time(&mut self, name: &str, raw: &RawValue, naive_is_utc: bool) -> Option<i64> {
        let text = raw.get();
        let parsed = if text.starts_with('"') {
            let text = self.string(name, raw)?;
            UnixMs::parse(&text)
                .or_else(|| naive_is_utc.then(|| UnixMs::parse(&format!("{text}Z"))).flatten())
        } else {
            text.parse::<i64>().ok().and_then(|_| UnixMs::parse(text))
        };
        let Some(moment) = parsed else {
            self.refuse(
                name,
                "invalid_time",
                "expected an RFC 3339 time with an offset, or Unix milliseconds",
            );
            return None;
        };
        self.near_now(name, moment)
    }

    fn near_now(&mut self, name: &str, moment: UnixMs) -> Option<i64> {
        let (ahead_s, behind_s) = (self.limits.occurred_ahead_max_s, self.limits.occurred_behind_max_s);
        let off_s = moment.0.saturating_sub(self.now.0) / 1000;
        if off_s > 0 && off_s.unsigned_abs() > ahead_s {
            self.refuse(
                name,
                "too_far_ahead",
                format!("at most {ahead_s} s ahead of the server, got {off_s} s"),
            );
            return None;
        }
        if off_s < 0 && off_s.unsigned_abs() > behind_s {
            let off_s = off_s.unsigned_abs();
            self.refuse(
                name,
                "too_far_behind",
                format!("at most {behind_s} s behind the server, got {off_s} s"),
            );
            return None;
        }
        Some(moment.0)
    }

    /// Keeps a field that the door does not know. Nothing is lost: it ends in the envelope's `context.extra`.
    pub fn keep_unknown(&mut self, name: &str, raw: &RawValue) {
        if name.len() > ID_MAX_BYTES {
            self.refuse_whole(
                "name_too_long",
                format!("member names have at most {ID_MAX_BYTES} bytes, got {}", name.len()),
            );
        } else if self.raw_json(name, raw.get()).is_some() {
            self.extra.push((name.to_owned(), json::compact(raw.get()).into_owned()));
        }
    }

    /// The unknown fields as one JSON object; `None` if there were none.
    pub fn take_extra(&mut self) -> Option<String> {
        if self.extra.is_empty() {
            return None;
        }
        let mut object = String::from("{");
        for (name, value) in self.extra.drain(..) {
            if object.len() > 1 {
                object.push(',');
            }
            object.push_str(&serde_json::Value::from(name).to_string());
            object.push(':');
            object.push_str(&value);
        }
        object.push('}');
        let max = self.limits.data_max_bytes;
        if object.len() > max {
            self.refuse_whole(
                "too_long",
                format!("unknown fields: at most {max} bytes together, got {}", object.len()),
            );
        }
        Some(object)
    }
}

/// True for 0..n characters of `A-Za-z0-9._:-`.
pub(crate) fn is_name(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-'))
}

fn kind_of(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Any JSON that a field may hold, rich in what the rules look at.
    fn any_json() -> impl Strategy<Value = String> {
        let text = prop_oneof![
            "\\PC{0,12}",
            "[a-z.:]{1,300}",
            "[a-z\u{0}\u{85} ]{0,4}",
            "20(26|27)-01-1[0-9]T08:00:00(Z|\\+01:00)?"
        ];
        let leaf = prop_oneof![
            text.prop_map(|text| serde_json::Value::from(text).to_string()),
            any::<i64>().prop_map(|n| n.to_string()),
            (-40_000_000_000i64..40_000_000_000).prop_map(|ms| (NOW.0 + ms).to_string()),
            any::<i32>().prop_map(|n| (f64::from(n) / 8.0).to_string()),
            Just("1e400".to_owned()),
            Just("\"\\ud800\"".to_owned()),
            Just("true".to_owned()),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            let name = prop::sample::select(&["id", "type", "a", "b/c"][..]);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
                prop::collection::vec((name, inner), 0..4).prop_map(|members| {
                    let members: Vec<_> = members.into_iter().map(|(n, v)| format!("\"{n}\": {v}")).collect();
                    format!("{{{}}}", members.join(" ,"))
                }),
            ]
        })
    }

    proptest! {
        /// Whatever a field holds, it is taken within its limits or refused by its pointer.
        #[test]
        fn a_field_is_taken_within_its_limits_or_refused_by_name(json in any_json()) {
            let limits = EventLimits { content_max_chars: 8, data_max_bytes: 40, data_max_depth: 2, ..EventLimits::default() };
            let raw: &RawValue = serde_json::from_str(&json).unwrap();
            let lawful = |read: &dyn Fn(&mut FieldReader<'_>) -> Option<bool>| {
                let mut reader = FieldReader::new(&limits, NOW);
                let fits = read(&mut reader);
                let is_named = reader.errors.iter().all(|e| e.pointer.starts_with("/f") && !e.detail.is_empty());
                fits.unwrap_or(!reader.errors.is_empty()) && is_named
            };
            let is_id = |id: &str| (1..=ID_MAX_BYTES).contains(&id.len()) && !id.contains(char::is_control);
            prop_assert!(lawful(&|r| r.id("f", raw).map(|id| is_id(&id))));
            prop_assert!(lawful(&|r| r.session_id("f", raw).map(|id| is_id(&id) && is_name(&id))));
            prop_assert!(lawful(&|r| r.type_name("f", raw).map(|name| name.len() <= TYPE_MAX_CHARS && is_name(&name))));
            prop_assert!(lawful(&|r| r.content("f", raw, 8).map(|text| text.chars().count() <= 8)));
            prop_assert!(lawful(&|r| r.trimmed_content("f", raw, 8).map(|text| text.chars().count() <= 8 && text.trim() == text)));
            prop_assert!(lawful(&|r| r.object("f", raw).map(|data| data.len() <= 40 && json::check(&data, 2).is_ok())));
            prop_assert!(lawful(&|r| r.reference("f", raw).map(|r| is_id(&r.id) && r.kind.as_deref().is_none_or(is_id))));
            let most_s = limits.occurred_behind_max_s;
            prop_assert!(lawful(&|r| r.time("f", raw, true).map(|ms| ms.abs_diff(NOW.0) / 1000 <= most_s)));
            prop_assert!(lawful(&|r| r.version("f", raw).map(|version| version > 0)));
        }

        #[test]
        fn unknown_fields_are_kept_as_one_object_that_says_the_same(members in prop::collection::vec(("\\PC{0,6}", any_json()), 0..6)) {
            let limits = EventLimits { data_max_bytes: 10_000, ..EventLimits::default() };
            let mut reader = FieldReader::new(&limits, NOW);
            let mut kept = Vec::new();
            for (name, json) in &members {
                let before = reader.errors.len();
                reader.keep_unknown(name, serde_json::from_str(json).unwrap());
                if reader.errors.len() == before {
                    kept.push((name.clone(), serde_json::from_str::<serde_json::Value>(json).unwrap()));
                }
            }
            let extra = reader.take_extra();
            prop_assert_eq!(extra.is_some(), !kept.is_empty());
            let extra = extra.unwrap_or_else(|| "{}".to_owned());
            let fields: RawFields<'_> = serde_json::from_str(&extra).unwrap();
            let read = fields.members.iter().map(|(name, raw)| (name.clone().into_owned(), serde_json::from_str(raw.get()).unwrap()));
            prop_assert_eq!(read.collect::<Vec<_>>(), kept);
        }
    }

    const NOW: UnixMs = UnixMs(1_800_000_000_000);

    fn read<T>(
        json: &str,
        f: impl FnOnce(&mut FieldReader<'_>, &RawValue) -> Option<T>,
    ) -> Result<T, FieldError> {
        let limits = EventLimits::default();
        let mut reader = FieldReader::new(&limits, NOW);
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        let value = f(&mut reader, raw);
        value.ok_or_else(|| reader.errors.remove(0))
    }

    #[test]
    fn a_plain_string_is_borrowed_and_an_escaped_one_is_decoded() {
        assert!(matches!(read("\"abc\"", |r, v| r.string("x", v).map(Cow::into_owned)), Ok(s) if s == "abc"));
        assert_eq!(read(r#""a\u00e9\n""#, |r, v| r.string("x", v).map(Cow::into_owned)).unwrap(), "aé\n");
    }

    #[test]
    fn every_refusal_names_its_field_and_limit() {
        let error = read("7", |r, v| r.string("content", v).map(Cow::into_owned)).unwrap_err();
        assert_eq!((error.pointer.as_str(), error.code), ("/content", "wrong_type"));
        let long = format!("\"{}\"", "x".repeat(256));
        let error = read(&long, |r, v| r.session_id("sessionId", v).map(Cow::into_owned)).unwrap_err();
        assert_eq!(error.detail, "at most 255 bytes, got 256");
        assert_eq!(
            read("\"a b\"", |r, v| r.type_name("type", v).map(Cow::into_owned)).unwrap_err().code,
            "invalid_character"
        );
        assert_eq!(
            read("\"\\ud800\"", |r, v| r.string("content", v).map(Cow::into_owned)).unwrap_err().code,
            "lone_surrogate"
        );
        assert_eq!(read("1e400", |r, v| r.version("schemaVersion", v)).unwrap_err().code, "out_of_range");
    }

    #[test]
    fn errors_inside_a_reference_point_inside_it() {
        let error = read(r#"{"type":"user"}"#, |r, v| r.reference("actor", v).map(|_| ())).unwrap_err();
        assert_eq!((error.pointer.as_str(), error.code), ("/actor/id", "required"));
        let error = read(r#"{"id":5}"#, |r, v| r.reference("actor", v).map(|_| ())).unwrap_err();
        assert_eq!((error.pointer.as_str(), error.code), ("/actor/id", "wrong_type"));
    }

    #[test]
    fn times_must_be_near_now() {
        let at = |ms: i64| format!("{}", NOW.0 + ms);
        assert!(read(&at(3_600_000), |r, v| r.time("occurredAt", v, false)).is_ok());
        assert_eq!(
            read(&at(3_602_000), |r, v| r.time("occurredAt", v, false)).unwrap_err().code,
            "too_far_ahead"
        );
        assert_eq!(read("0", |r, v| r.time("occurredAt", v, false)).unwrap_err().code, "too_far_behind");
        assert!(read("\"2027-01-15T08:00:00\"", |r, v| r.time("created_at", v, true)).is_ok());
        assert_eq!(
            read("\"2027-01-15T08:00:00\"", |r, v| r.time("occurredAt", v, false)).unwrap_err().code,
            "invalid_time"
        );
    }

    #[test]
    fn content_is_counted_in_characters() {
        let limits = EventLimits { content_max_chars: 3, ..EventLimits::default() };
        let mut reader = FieldReader::new(&limits, NOW);
        let raw: Box<RawValue> = serde_json::from_str("\"ééé\"").unwrap();
        assert!(reader.content("content", &raw, limits.content_max_chars).is_some());
        let raw: Box<RawValue> = serde_json::from_str("\"éééé\"").unwrap();
        assert!(reader.content("content", &raw, limits.content_max_chars).is_none());
    }

    #[test]
    fn unknown_fields_are_kept() {
        let limits = EventLimits::default();
        let mut reader = FieldReader::new(&limits, NOW);
        let raw: Box<RawValue> = serde_json::from_str("[1, 2]").unwrap();
        reader.keep_unknown("a\"b", &raw);
        assert_eq!(reader.take_extra().unwrap(), r#"{"a\"b":[1,2]}"#);
    }
}
