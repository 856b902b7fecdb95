//! The bytes of counts, patterns and flags: smaller and faster than JSON, and a float comes back to the bit.
//!
//! ```text
//! counts   := (text · varint)*              type, number of events
//! patterns := text*
//! flags    := (text · f64 LE · varint n · (varint start · varint end){n})*
//! text     := varint length · UTF-8         varint := LEB128
//! ```

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Row;
use rusqlite::types::Type;
use tidegate_domain::assessment::{Flag, Span};
use tidegate_domain::varint;

use crate::sqlite::unreadable;

pub(super) fn counts(counts: &BTreeMap<String, u64>) -> Vec<u8> {
    let mut out = Vec::with_capacity(24 * counts.len());
    for (event_type, count) in counts {
        put_text(&mut out, event_type);
        varint::put(&mut out, *count);
    }
    out
}

pub(super) fn patterns(patterns: &BTreeSet<String>) -> Vec<u8> {
    let mut out = Vec::with_capacity(24 * patterns.len());
    patterns.iter().for_each(|pattern| put_text(&mut out, pattern));
    out
}

pub(super) fn flags(flags: &[Flag]) -> Vec<u8> {
    let mut out = Vec::with_capacity(40 * flags.len());
    for flag in flags {
        put_text(&mut out, &flag.code);
        out.extend_from_slice(&flag.weight.to_le_bytes());
        varint::put(&mut out, flag.spans.len() as u64);
        for span in &flag.spans {
            varint::put(&mut out, span.start as u64);
            varint::put(&mut out, span.end as u64);
        }
    }
    out
}

/// Reads column `index` of `row`, a sequence of what `one` takes; an error if the bytes are something else.
pub(super) fn read<T, C: FromIterator<T>>(
    row: &Row<'_>,
    index: usize,
    one: fn(&mut &[u8]) -> Option<T>,
) -> rusqlite::Result<C> {
    let mut rest = row.get_ref(index)?.as_blob()?;
    std::iter::from_fn(|| (!rest.is_empty()).then(|| one(&mut rest)))
        .collect::<Option<C>>()
        .ok_or_else(|| unreadable(index, Type::Blob, "not what this version writes"))
}

pub(super) fn take_count(rest: &mut &[u8]) -> Option<(String, u64)> {
    Some((take_text(rest)?, varint::take(rest)?))
}

pub(super) fn take_text(rest: &mut &[u8]) -> Option<String> {
    let length = varint::take(rest)? as usize;
    let text = rest.split_off(..length)?;
    String::from_utf8(text.to_vec()).ok()
}

pub(super) fn take_flag(rest: &mut &[u8]) -> Option<Flag> {
    let code = Cow::Owned(take_text(rest)?);
    let weight = f64::from_le_bytes(*rest.split_off(..8)?.first_chunk()?);
    let spans = (0..varint::take(rest)?).map(|_| take_span(rest)).collect::<Option<_>>()?;
    Some(Flag { code, weight, spans })
}

fn take_span(rest: &mut &[u8]) -> Option<Span> {
    Some(Span { start: varint::take(rest)? as usize, end: varint::take(rest)? as usize })
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    varint::put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taken<T>(mut bytes: &[u8], one: fn(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
        std::iter::from_fn(|| (!bytes.is_empty()).then(|| one(&mut bytes))).collect()
    }

    prop_compose! {
        fn any_flag()(
            code in "\\PC{0,20}", weight: f64, spans in prop::collection::vec((0usize..1 << 40, any::<usize>()), 0..20),
        ) -> Flag {
            Flag { code: code.into(), weight, spans: spans.into_iter().map(|(start, end)| Span { start, end }).collect() }
        }
    }

    proptest! {
        #[test]
        fn what_was_put_is_taken(
            by_type in prop::collection::btree_map("\\PC{0,200}", any::<u64>(), 0..5),
            codes in prop::collection::btree_set("\\PC{0,20}", 0..5),
            found in prop::collection::vec(any_flag(), 0..4),
        ) {
            prop_assert_eq!(taken(&counts(&by_type), take_count), Some(by_type.into_iter().collect()));
            prop_assert_eq!(taken(&patterns(&codes), take_text), Some(codes.into_iter().collect()));
            prop_assert_eq!(taken(&flags(&found), take_flag), Some(found));
        }

        #[test]
        fn any_bytes_are_taken_or_refused_without_panic(bytes: Vec<u8>) {
            let _ = taken(&bytes, take_count);
            let _ = taken(&bytes, take_flag);
        }
    }
}
