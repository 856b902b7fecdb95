//! Checks on raw JSON that we keep as sent.
//!
//! `data` is stored byte for byte, so numbers and strings round-trip exactly. It must still be safe for every
//! later reader, so one linear pass refuses what many parsers cannot hold: nesting that is too deep, numbers
//! beyond a 64-bit float, and escapes that are not Unicode (lone surrogates). The input must already be
//! syntactically valid JSON (a `RawValue`); this pass does not parse it again.

use std::borrow::Cow;

use crate::fault::{FieldError, push_token};

/// What is wrong at one byte of a raw JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fault {
    at: usize,
    code: &'static str,
}

/// Checks a valid raw JSON text.
///
/// - `raw`: syntactically valid JSON of any kind.
/// - `depth_max`: deepest allowed nesting of arrays and objects.
/// - Errors name the innermost field, as a pointer from the top of `raw`. Cost O(n), no allocation when all is well.
pub fn check(raw: &str, depth_max: usize) -> Result<(), FieldError> {
    scan(raw.as_bytes(), depth_max).map_err(|fault| {
        let detail: Cow<'static, str> = match fault.code {
            "too_deep" => format!("nested deeper than {depth_max} levels").into(),
            "number_out_of_range" => "the number does not fit a 64-bit float".into(),
            _ => "the string holds half of a UTF-16 surrogate pair".into(),
        };
        FieldError::new(pointer_at(raw, fault.at), fault.code, detail)
    })
}

fn scan(raw: &[u8], depth_max: usize) -> Result<(), Fault> {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > depth_max {
                    return Err(Fault { at, code: "too_deep" });
                }
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            b'"' => at = string_end(raw, at)?,
            b'-' | b'0'..=b'9' => at = number_end(raw, at)?,
            _ => at += 1,
        }
    }
    Ok(())
}

/// One past the closing quote of the string that opens at `open`.
fn string_end(raw: &[u8], open: usize) -> Result<usize, Fault> {
    let mut at = open + 1;
    while let Some(&byte) = raw.get(at) {
        match byte {
            b'"' => return Ok(at + 1),
            b'\\' if raw.get(at + 1) == Some(&b'u') => at = unicode_escape_end(raw, at, open)?,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    Ok(at)
}

/// One past the `\uXXXX` escape (or pair of them) at `at`.
fn unicode_escape_end(raw: &[u8], at: usize, open: usize) -> Result<usize, Fault> {
    match code_unit(raw, at) {
        Some(0xd800..=0xdbff) if matches!(code_unit(raw, at + 6), Some(0xdc00..=0xdfff)) => Ok(at + 12),
        Some(0xd800..=0xdfff) => Err(Fault { at: open, code: "lone_surrogate" }),
        _ => Ok(at + 6),
    }
}

fn code_unit(raw: &[u8], at: usize) -> Option<u16> {
    let digits = raw.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn number_end(raw: &[u8], start: usize) -> Result<usize, Fault> {
    let len = raw[start..]
        .iter()
        .position(|b| !matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
        .unwrap_or(raw.len() - start);
    let digits = &raw[start..start + len];
    let may_overflow = len > 300 || digits.iter().any(|b| matches!(b, b'e' | b'E'));
    let finite =
        |d| std::str::from_utf8(d).ok().and_then(|d| d.parse::<f64>().ok()).is_some_and(f64::is_finite);
    if may_overflow && !finite(digits) {
        return Err(Fault { at: start, code: "number_out_of_range" });
    }
    Ok(start + len)
}

/// The JSON pointer of the innermost value or member that holds byte `target` of valid JSON.
fn pointer_at(raw: &str, target: usize) -> String {
    enum Level {
        Array(usize),
        /// The member at hand; `None` before its name was read.
        Object(Option<String>),
    }
    // Deep input is the very thing refused here: show the outermost levels only.
    const LEVELS_SHOWN: usize = 32;
    let bytes = raw.as_bytes();
    let mut levels: Vec<Level> = Vec::new();
    let mut at = 0;
    while at < target {
        match bytes[at] {
            b'[' => levels.push(Level::Array(0)),
            b'{' => levels.push(Level::Object(None)),
            b']' | b'}' => {
                levels.pop();
            }
            b',' => match levels.last_mut() {
                Some(Level::Array(index)) => *index += 1,
                Some(Level::Object(name)) => *name = None,
                None => {}
            },
            b'"' => {
                let end = string_end(bytes, at).unwrap_or(bytes.len());
                let is_key = bytes[end..].iter().find(|b| !b.is_ascii_whitespace()) == Some(&b':');
                if let (true, Some(Level::Object(name))) = (is_key, levels.last_mut()) {
                    *name = serde_json::from_str(&raw[at..end]).ok();
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    let mut pointer = String::new();
    for level in levels.iter().take(LEVELS_SHOWN) {
        match level {
            Level::Array(index) => push_token(&mut pointer, &index.to_string()),
            Level::Object(Some(name)) => push_token(&mut pointer, name),
            // The name itself is at fault: the object is the innermost thing with a pointer.
            Level::Object(None) => {}
        }
    }
    pointer
}

/// The same JSON without line breaks or other white space between its tokens.
///
/// `raw` must be valid JSON. Borrowed when there is nothing to remove. Keeps a stored value on one line, which
/// NDJSON and server-sent events need. Cost O(n).
pub fn compact(raw: &str) -> Cow<'_, str> {
    let bytes = raw.as_bytes();
    if !bytes.iter().any(|b| matches!(b, b'\n' | b'\r' | b'\t' | b' ')) {
        return raw.into();
    }
    let mut out = String::with_capacity(raw.len());
    let (mut at, mut copied) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = skip_string(bytes, at),
            b'\n' | b'\r' | b'\t' | b' ' => {
                out.push_str(&raw[copied..at]);
                at += 1;
                copied = at;
            }
            _ => at += 1,
        }
    }
    out.push_str(&raw[copied..]);
    out.into()
}

/// The same JSON with its string values replaced as `change` says; `None` if it changes none.
///
/// `raw` must be valid JSON. Member names, numbers and everything else stay byte for byte. Cost O(n).
pub fn change_strings(raw: &str, mut change: impl FnMut(&str) -> Option<String>) -> Option<String> {
    let bytes = raw.as_bytes();
    let (mut out, mut at, mut copied) = (String::new(), 0, 0);
    while at < bytes.len() {
        if bytes[at] != b'"' {
            at += 1;
            continue;
        }
        let end = skip_string(bytes, at);
        let is_name = bytes[end..].iter().find(|b| !b.is_ascii_whitespace()) == Some(&b':');
        let text = (!is_name).then(|| serde_json::from_str::<Cow<'_, str>>(&raw[at..end]).ok()).flatten();
        if let Some(changed) = text.and_then(|text| change(&text)) {
            out.push_str(&raw[copied..at]);
            out.push_str(&serde_json::Value::from(changed).to_string());
            copied = end;
        }
        at = end;
    }
    (copied > 0).then(|| out + &raw[copied..])
}

fn skip_string(bytes: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(raw: &str) -> (String, &'static str) {
        let error = check(raw, 4).unwrap_err();
        (error.pointer, error.code)
    }

    #[test]
    fn the_pointer_names_the_innermost_field() {
        assert_eq!(
            refused(r#"{"a":{"b/c":[1,2,{"d":"\ud800"}]}}"#),
            ("/a/b~1c/2/d".into(), "lone_surrogate")
        );
        assert_eq!(refused(r#"{"ok":"x","n":[0, -1e400]}"#), ("/n/1".into(), "number_out_of_range"));
        assert_eq!(refused(r#"{"a":[[[[1]]]]}"#).1, "too_deep");
        assert_eq!(refused(r#"{"a":1,"\udc00":1}"#), (String::new(), "lone_surrogate"));
        assert_eq!(refused(r#"{"a":{"b":1,"\udc00":1}}"#).0, "/a");
    }

    #[test]
    fn ten_thousand_levels_are_refused_without_recursion() {
        let raw = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(check(&raw, 32).unwrap_err().code, "too_deep");
    }

    #[test]
    fn a_long_integer_and_a_pair_of_surrogates_are_kept() {
        let raw =
            r#"{"big":123456789012345678901234567890,"smile":"\ud83d\ude00","quote":"\"{[","tiny":1e-400}"#;
        assert_eq!(check(raw, 4), Ok(()));
    }

    #[test]
    fn only_the_string_values_that_change_are_rewritten() {
        let upper = |text: &str| text.contains('x').then(|| text.to_uppercase());
        let raw = r#"{"x": "a\u0078\"", "n": 1.50, "l": ["y", "x"]}"#;
        assert_eq!(change_strings(raw, upper).unwrap(), r#"{"x": "AX\"", "n": 1.50, "l": ["y", "X"]}"#);
        assert_eq!(change_strings(r#"{"x":"y"}"#, upper), None);
    }

    proptest! {
        #[test]
        fn compact_json_means_the_same(value in "[ -~]{0,40}", n: i64) {
            let pretty = serde_json::to_string_pretty(&serde_json::json!({"k": [value, n, {"x": value}]})).unwrap();
            let compacted = compact(&pretty);
            prop_assert!(!compacted.contains('\n'));
            let (a, b): (serde_json::Value, serde_json::Value) =
                (serde_json::from_str(&pretty).unwrap(), serde_json::from_str(&compacted).unwrap());
            prop_assert_eq!(a, b);
        }

        #[test]
        fn any_valid_json_is_scanned_without_panic(text in "\\PC*", depth in 0usize..6) {
            let mut value = serde_json::json!(text);
            for _ in 0..depth { value = serde_json::json!([value]); }
            prop_assert_eq!(check(&value.to_string(), 4).is_ok(), depth <= 4);
        }

        #[test]
        fn a_value_is_refused_only_for_its_depth(value in any_value(), max in 0usize..6) {
            prop_assert_eq!(check(&value.to_string(), max).is_ok(), depth(&value) <= max);
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(check(&pretty, max).is_ok(), depth(&value) <= max);
        }

        #[test]
        fn compact_json_is_what_was_laid_out(value in any_value()) {
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(compact(&pretty), value.to_string());
            prop_assert!(matches!(compact("[1,2]"), Cow::Borrowed(_)));
        }

        #[test]
        fn the_pointer_leads_to_what_is_at_fault(value in any_value(), at: prop::sample::Index) {
            let mut places = Vec::new();
            places_of_strings(&value, String::new(), &mut places);
            prop_assume!(!places.is_empty());
            let pointer = at.get(&places);
            let mut spoiled = value.clone();
            *spoiled.pointer_mut(pointer).unwrap() = "SPOILED".into();
            let raw = spoiled.to_string().replace("SPOILED", "\\ud800");
            let error = check(&raw, 64).unwrap_err();
            prop_assert_eq!((error.pointer.as_str(), error.code), (pointer.as_str(), "lone_surrogate"));
        }

        #[test]
        fn strings_are_changed_and_nothing_else(value in any_value()) {
            let raw = serde_json::to_string_pretty(&value).unwrap();
            let shout = |text: &str| text.contains('a').then(|| format!("{text}!"));
            let changed = change_strings(&raw, shout);
            let mut expected = value.clone();
            change_model(&mut expected, &shout);
            prop_assert_eq!(changed.is_some(), expected != value);
            let changed = changed.unwrap_or(raw);
            prop_assert_eq!(serde_json::from_str::<Value>(&changed).unwrap(), expected);
        }
    }

    use serde_json::Value;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            // Eighths have short decimals, which every reader takes for the same number.
            any::<i32>().prop_map(|n| Value::from(f64::from(n) / 8.0)),
            "[ab\"\\\\\n\t é🤡\u{0}{}\\[\\]:,]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 30, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::hash_map("[ab/~\" :]{0,3}", inner, 0..5)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
            Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    fn places_of_strings(value: &Value, at: String, places: &mut Vec<String>) {
        let below = |token: &str| {
            let mut pointer = at.clone();
            push_token(&mut pointer, token);
            pointer
        };
        match value {
            Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(n, v)| places_of_strings(v, below(&n.to_string()), places));
            }
            Value::Object(members) => {
                members.iter().for_each(|(name, v)| places_of_strings(v, below(name), places));
            }
            Value::String(_) => places.push(at),
            _ => {}
        }
    }

    fn change_model(value: &mut Value, change: &impl Fn(&str) -> Option<String>) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|v| change_model(v, change)),
            Value::Object(members) => members.values_mut().for_each(|v| change_model(v, change)),
            Value::String(text) => *text = change(text).unwrap_or_else(|| text.clone()),
            _ => {}
        }
    }
}
