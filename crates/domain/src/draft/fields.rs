//! The fields of a JSON object, each as raw JSON: one pass, nothing copied but escaped names.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The members of a JSON object in their order, or the fact that the value is no object.
#[derive(Debug, Default)]
pub struct RawFields<'a> {
    /// Name and raw value of each member; `null` members are left out, for they say nothing.
    pub members: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// False if the value was something else than an object.
    pub is_object: bool,
    /// True if a member's name is no Unicode text; the member was left out, so the event must be refused.
    pub has_broken_name: bool,
    /// True if there were more than [`MEMBERS_MAX`] members; the rest was left out, so the event must be refused.
    pub is_cut: bool,
}

/// Most members of one event's object: bounds the memory that a hostile body can ask for.
pub const MEMBERS_MAX: usize = 256;

impl<'de: 'a, 'a> Deserialize<'de> for RawFields<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(FieldsVisitor::<&'de RawValue>(PhantomData))
    }
}

/// [`RawFields`], read faster: a member's name that is no Unicode text is an error here, of the whole text. For bodies
/// that are most likely fine and are read again, slowly, if they are not.
pub struct QuickFields<'a>(pub RawFields<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for QuickFields<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(FieldsVisitor::<Plain<'de>>(PhantomData)).map(Self)
    }
}

/// How a member's name is read.
trait Name<'de>: Deserialize<'de> {
    /// The name; `None` if it is no Unicode text.
    fn name(self) -> Option<Cow<'de, str>>;
}

// Names are read raw: half a surrogate pair in one must not sink the whole request.
impl<'de> Name<'de> for &'de RawValue {
    fn name(self) -> Option<Cow<'de, str>> {
        let raw = self.get();
        let inner = raw.get(1..raw.len() - 1)?;
        if inner.contains('\\') {
            serde_json::from_str::<String>(raw).ok().map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(inner))
        }
    }
}

/// A name that is borrowed where it holds no escape.
#[derive(Deserialize)]
#[serde(transparent)]
struct Plain<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Name<'de> for Plain<'de> {
    fn name(self) -> Option<Cow<'de, str>> {
        Some(self.0)
    }
}

struct FieldsVisitor<N>(PhantomData<N>);

impl<'de, N: Name<'de>> Visitor<'de> for FieldsVisitor<N> {
    type Value = RawFields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawFields<'de>, A::Error> {
        let mut members = Vec::with_capacity(12);
        let mut has_broken_name = false;
        while let Some((name, value)) = map.next_entry::<N, &'de RawValue>()? {
            let Some(name) = name.name() else {
                has_broken_name = true;
                continue;
            };
            if members.len() == MEMBERS_MAX {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(RawFields { members, is_object: true, has_broken_name, is_cut: true });
            }
            if value.get() != "null" {
                members.push((name, value));
            }
        }
        Ok(RawFields { members, is_object: true, has_broken_name, is_cut: false })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawFields<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(RawFields::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<RawFields<'de>, E> {
        Ok(RawFields::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<RawFields<'de>, E> {
        Ok(RawFields::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<RawFields<'de>, E> {
        Ok(RawFields::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<RawFields<'de>, E> {
        Ok(RawFields::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<RawFields<'de>, E> {
        Ok(RawFields::default())
    }

    fn visit_unit<E>(self) -> Result<RawFields<'de>, E> {
        Ok(RawFields::default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    type Members = Vec<(String, Value)>;

    fn members(fields: &RawFields<'_>) -> Members {
        let read = |raw: &RawValue| serde_json::from_str(raw.get()).unwrap();
        fields.members.iter().map(|(name, raw)| (name.clone().into_owned(), read(raw))).collect()
    }

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::from), "\\PC{0,6}".prop_map(Value::from)]
    }

    proptest! {
        #[test]
        fn members_come_in_order_without_nulls_and_both_ways_to_read_agree(
            sent in prop::collection::vec(("[ab\"\\\\é\n]{0,4}", any_value()), 0..12),
        ) {
            let text: Vec<_> = sent.iter().map(|(name, value)| format!("{}: {value}", Value::from(name.as_str()))).collect();
            let text = format!("{{{}}}", text.join(" , "));
            let expected: Members = sent.into_iter().filter(|(_, value)| !value.is_null()).collect();
            let fields: RawFields<'_> = serde_json::from_str(&text).unwrap();
            prop_assert!(fields.is_object && !fields.has_broken_name && !fields.is_cut);
            prop_assert_eq!(&members(&fields), &expected);
            let QuickFields(quick) = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&members(&quick), &expected);
        }

        #[test]
        fn more_members_than_allowed_are_cut_and_said_so(count in 0usize..2 * MEMBERS_MAX) {
            let text: Vec<_> = (0..count).map(|n| format!("\"m{n}\":{n}")).collect();
            let text = format!("{{{}}}", text.join(","));
            let fields: RawFields<'_> = serde_json::from_str(&text).unwrap();
            prop_assert_eq!((fields.members.len(), fields.is_cut), (count.min(MEMBERS_MAX), count > MEMBERS_MAX));
        }

        #[test]
        fn what_is_no_object_says_so(value in any_value()) {
            let text = value.to_string();
            let fields: RawFields<'_> = serde_json::from_str(&text).unwrap();
            prop_assert!(!fields.is_object && fields.members.is_empty());
        }
    }
}
