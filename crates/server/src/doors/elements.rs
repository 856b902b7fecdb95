//! Many events of one body: at most as many as a request may hold are kept, the rest is only counted. Otherwise a few
//! kilobytes of compressed `1,1,1,…` would cost half a gigabyte before the batch is found too large.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;
use tidegate_domain::draft::{QuickFields, RawFields};
use tidegate_domain::fault::FieldError;

use super::judge::{Candidate, invalid_json};

/// The events of an array, or of lines.
#[derive(Default)]
pub(super) struct Elements<'a> {
    /// The first of them, no more than asked for.
    pub(super) candidates: Vec<Candidate<'a>>,
    /// How many there are in all.
    pub(super) count: usize,
}

/// The elements of the JSON array `text`. Errors: it is no JSON.
pub(super) fn elements(text: &str, max: usize) -> Result<Elements<'_>, FieldError> {
    match read::<RawFields<'_>>(text, max) {
        Ok((events, count)) => Ok(Elements { candidates: events.into_iter().map(Ok).collect(), count }),
        // One element may be at fault that is valid by JSON's grammar: a number or a text that nothing can hold.
        Err(error) => {
            let (raw, count) = read::<&RawValue>(text, max).map_err(|_| invalid_json(&error))?;
            Ok(Elements { candidates: raw.into_iter().map(|raw| candidate(raw.get())).collect(), count })
        }
    }
}

/// The events of `{"events":[…]}`, in one pass over `text`. `None` for anything else, of which the slower ways say what
/// it is, or what is wrong with it.
pub(super) fn wrapped(text: &str, max: usize) -> Option<Elements<'_>> {
    let mut json = serde_json::Deserializer::from_str(text);
    let (events, count) = json.deserialize_map(Wrapped(max)).ok()?;
    json.end().ok()?;
    Some(Elements { candidates: events.into_iter().map(|QuickFields(fields)| Ok(fields)).collect(), count })
}

struct Wrapped(usize);

impl<'de> Visitor<'de> for Wrapped {
    type Value = (Vec<QuickFields<'de>>, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of events")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let other = || A::Error::custom("not events alone");
        if map.next_key::<Cow<'de, str>>()?.as_deref() != Some("events") {
            return Err(other());
        }
        let events = map.next_value_seed(Bounded { max: self.0, kept: PhantomData })?;
        map.next_key::<IgnoredAny>()?.is_none().then_some(events).ok_or_else(other)
    }
}

/// One event a line; empty lines are skipped, a broken line is one bad event.
pub(super) fn lines(text: &str, max: usize) -> Elements<'_> {
    let mut elements = Elements::default();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if elements.count < max {
            elements.candidates.push(candidate(line));
        }
        elements.count += 1;
    }
    elements
}

fn candidate(text: &str) -> Candidate<'_> {
    serde_json::from_str(text).map_err(|error| invalid_json(&error))
}

fn read<'a, T: Deserialize<'a>>(text: &'a str, max: usize) -> serde_json::Result<(Vec<T>, usize)> {
    let mut json = serde_json::Deserializer::from_str(text);
    let read = Bounded { max, kept: PhantomData }.deserialize(&mut json)?;
    json.end().map(|()| read)
}

struct Bounded<T> {
    max: usize,
    kept: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Bounded<T> {
    type Value = (Vec<T>, usize);

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Bounded<T> {
    type Value = (Vec<T>, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < self.max {
            match seq.next_element()? {
                Some(element) => kept.push(element),
                None => {
                    let count = kept.len();
                    return Ok((kept, count));
                }
            }
        }
        let mut count = kept.len();
        while seq.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok((kept, count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_limit_is_counted_and_not_kept() {
        for text in ["[{},{},{},{},{}]", r#"[{},{},1e400,"\ud800",{}]"#] {
            let found = elements(text, 3).unwrap();
            assert_eq!((found.candidates.len(), found.count), (3, 5), "{text}");
        }
        let found = lines("{}\n\n{}\nnonsense\n{}", 2);
        assert_eq!((found.candidates.len(), found.count), (2, 4));
        assert_eq!(elements("[]", 3).unwrap().count, 0);
        assert!(
            elements("[{}", 3).is_err() && elements("[{}]x", 3).is_err() && elements("[1,,2]", 1).is_err()
        );
    }

    #[test]
    fn only_events_alone_are_read_in_one_pass() {
        for text in
            [r#"{"events":[{},{},7]}"#, " { \"events\" : [ {} , {} , 1 ] } ", r#"{"\u0065vents":[{},{},{}]}"#]
        {
            let found = wrapped(text, 2).unwrap();
            assert_eq!((found.candidates.len(), found.count), (2, 3), "{text}");
        }
        for text in [
            r#"{"events":{}}"#,
            r#"{"events":[],"type":"a"}"#,
            r#"{"type":"a","events":[]}"#,
            r#"{"events":[]}x"#,
            r#"{"events":[1e400]}"#,
            "{}",
            "[]",
            "",
        ] {
            assert!(wrapped(text, 9).is_none(), "{text}");
        }
    }

    #[test]
    fn an_element_that_nothing_can_hold_spoils_no_other() {
        let found = elements(r#"[{"type":"a"},1e400,"\udfff",{"type":"b"}]"#, 9).unwrap();
        let codes: Vec<_> =
            found.candidates.iter().map(|c| c.as_ref().err().map(|error| error.code)).collect();
        assert_eq!(codes, [None, Some("invalid_json"), Some("invalid_json"), None]);
    }
}
