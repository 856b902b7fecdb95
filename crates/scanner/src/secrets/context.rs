//! Assignments: from a key inside a name to the value that is given to the name.
//!
//! Source code, settings, JSON, YAML, XML and calls write it alike: the rest of the name, maybe a quote, an
//! operator (`=`, `:`, `=>`, `:=`, `>`, `,` …), maybe quotes again, the value. One walk of bounded length.

/// Longest rest of a name after the key.
const NAME_REST_BYTES_MAX: usize = 32;
/// Most quotes and blanks between name and operator, and between operator and value.
const FILL_BYTES_MAX: usize = 12;
/// Longest operator.
const OPERATOR_BYTES_MAX: usize = 5;

/// Where the value starts that is assigned to the name whose key ends at `key_end`; `None` if nothing is.
pub(crate) fn value_start(text: &[u8], key_end: usize) -> Option<usize> {
    let name_end = skip(text, key_end, NAME_REST_BYTES_MAX, is_name);
    let operator = skip_type(text, skip(text, name_end, FILL_BYTES_MAX, is_fill));
    // The rest of a name may have swallowed the dot of `.=`.
    let value = skip(text, operator, OPERATOR_BYTES_MAX, is_operator);
    let assigns = text[operator..value].iter().any(|&byte| matches!(byte, b'=' | b':' | b'>' | b','));
    assigns.then(|| skip(text, value, FILL_BYTES_MAX, is_fill))
}

/// Whether the key at `start..end` is a word of a name, not a piece of another word (`meraki` in `cameraKit`).
///
/// Words of names are set apart by signs or by a capital. A long key may run on (`acmetoken`).
pub(crate) fn is_word(text: &[u8], start: usize, end: usize) -> bool {
    const RUNS_ON_BYTES_MIN: usize = 6;
    let starts = start == 0
        || !text[start - 1].is_ascii_alphabetic()
        || (text[start].is_ascii_uppercase() && text[start - 1].is_ascii_lowercase());
    let next = text.get(end).copied().unwrap_or(b' ');
    let is_one_case = !(text[start].is_ascii_lowercase() && text[end - 1].is_ascii_uppercase());
    let ends = !next.is_ascii_lowercase()
        || (end - start >= RUNS_ON_BYTES_MIN && is_one_case)
        || text[start..end].iter().all(u8::is_ascii_uppercase);
    starts && ends && is_one_case
}

/// Behind a type between name and operator: `var acme string = "…"`.
fn skip_type(text: &[u8], at: usize) -> usize {
    const TYPES: [&[u8]; 4] = [b"string ", b"String ", b"str ", b"&str "];
    at + TYPES.iter().find(|name| text[at..].starts_with(name)).map_or(0, |name| name.len())
}

fn skip(text: &[u8], from: usize, most: usize, is: fn(u8) -> bool) -> usize {
    from + text[from..].iter().take(most).take_while(|&&byte| is(byte)).count()
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

fn is_fill(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b'\\' | b']')
}

fn is_operator(byte: u8) -> bool {
    matches!(byte, b'=' | b':' | b'>' | b'|' | b'?' | b',' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<&str> {
        value_start(text.as_bytes(), 4).map(|at| &text[at..])
    }

    #[test]
    fn every_way_to_assign_leads_to_the_value() {
        for text in [
            "acme=v",
            "acme_token: 'v",
            "acmeToken := `v",
            "acme_TOKEN :::= \"v",
            "acme\" => \"v",
            "acmeToken .= \"v",
            "acme_token>\n    v",
            "acme_key\", \"v",
            "acme ?= v",
            "acme string = \"v",
            "acme.key ||= v",
            "acme\\\": \\\"v",
        ] {
            assert_eq!(value(text), Some("v"), "{text}");
        }
        for text in ["acme v", "acme", "acme(v)", "acme? v", "acme. v"] {
            assert_eq!(value(text), None, "{text}");
        }
    }

    #[test]
    fn a_key_is_a_word_of_the_name() {
        let word = |text: &str, key: &str| {
            let start = text.to_lowercase().find(key).unwrap();
            is_word(text.as_bytes(), start, start + key.len())
        };
        assert!(word("oktaToken", "okta") && word("MY_OKTA_KEY", "okta") && word("myOkta", "okta"));
        assert!(word("discordtoken", "discord"));
        assert!(!word("rookTable", "okta") && !word("CameraKit", "meraki") && !word("sumObj", "sumo"));
    }
}
