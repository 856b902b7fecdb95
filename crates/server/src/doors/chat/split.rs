//! Splitting a body into events, without reading what is in them.

use serde_json::value::RawValue;
use tidegate_domain::draft::RawFields;
use tidegate_domain::fault::FieldError;

use crate::doors::elements::{Elements, elements, lines, wrapped};
use crate::doors::judge::{Candidate, invalid_json};
use crate::http::body::Media;

/// The events of a body.
pub(super) enum Events<'a> {
    One(Candidate<'a>),
    Many(Elements<'a>),
}

impl Events<'_> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(events) => events.count,
        }
    }
}

/// Splits `text`, of which at most `max` events are kept. Errors: the whole is no JSON, or a JSON value that holds no
/// events.
pub(super) fn split(text: &str, media: Media, max: usize) -> Result<Events<'_>, FieldError> {
    if media == Media::Ndjson {
        return Ok(Events::Many(lines(text, max)));
    }
    match text.trim_start().as_bytes().first() {
        None => Err(FieldError::new("", "invalid_json", "the body is empty")),
        Some(b'[') => elements(text, max).map(Events::Many),
        Some(_) => match wrapped(text, max) {
            Some(events) => Ok(Events::Many(events)),
            None => object(text, max),
        },
    }
}

fn object(text: &str, max: usize) -> Result<Events<'_>, FieldError> {
    let fields: RawFields<'_> = serde_json::from_str(text).map_err(|error| invalid_json(&error))?;
    let list: Option<&RawValue> =
        fields.members.iter().find(|(name, _)| name == "events").map(|(_, value)| *value);
    match list {
        None => Ok(Events::One(Ok(fields))),
        Some(list) if !list.get().starts_with('[') => {
            Err(FieldError::new("/events", "wrong_type", "expected an array"))
        }
        Some(_) if fields.members.len() > 1 => {
            let stranger =
                fields.members.iter().find(|(name, _)| name != "events").map_or("", |(name, _)| name);
            let mut pointer = String::new();
            tidegate_domain::fault::push_token(&mut pointer, stranger);
            Err(FieldError::new(
                pointer,
                "unknown_field",
                "beside `events` nothing is known; put it into each event",
            ))
        }
        Some(list) => elements(list.get(), max).map(Events::Many),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str, media: Media) -> Result<usize, &'static str> {
        split(text, media, 1000).map(|events| events.len()).map_err(|error| error.code)
    }

    #[test]
    fn all_four_shapes_are_split() {
        assert!(matches!(split(r#"{"type":"a"}"#, Media::Json, 9), Ok(Events::One(Ok(_)))));
        assert_eq!(count(r#" [{"type":"a"}, 7]"#, Media::Json), Ok(2));
        assert_eq!(count(r#"{"events":[{},{},{}]}"#, Media::Json), Ok(3));
        assert_eq!(count("{}\n\n{oops\r\n{}", Media::Ndjson), Ok(3));
    }

    #[test]
    fn what_is_no_json_is_refused_whole() {
        for text in ["", "   ", "{", "[{}", "{\"a\":1}x", "nonsense"] {
            assert_eq!(count(text, Media::Json), Err("invalid_json"), "{text}");
        }
        assert_eq!(count(r#"{"events":{}}"#, Media::Json), Err("wrong_type"));
        assert_eq!(count(r#"{"events":[],"type":"a"}"#, Media::Json), Err("unknown_field"));
    }

    #[test]
    fn ten_thousand_levels_do_not_overflow_the_stack() {
        let deep = format!("[{}{}]", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(count(&deep, Media::Json), Ok(1));
        let deep = format!("{{\"data\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(count(&deep, Media::Json), Ok(1));
    }
}
