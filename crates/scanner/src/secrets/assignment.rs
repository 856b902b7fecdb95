//! Generic secrets: a random-looking value that is assigned to a name such as `api_key` or `password`.

use tidegate_domain::assessment::Span;

use super::context;
use crate::entropy;

/// Words that end a name of a credential.
pub(super) const KEYS: &[&str] =
    &["key", "token", "secret", "passw", "pwd", "credential", "creds", "auth", "apikey", "access"];

/// Longest value that is read.
const VALUE_BYTES_MAX: usize = 150;
/// Least length of the longest piece between signs, and least entropy: together, no word or name passes.
const PIECE_BYTES_MIN: usize = 16;
const ENTROPY_MIN: f64 = 3.5;
/// The same for a password in quotes.
const PASSWORD_BYTES_MIN: usize = 8;
const PASSWORD_ENTROPY_MIN: f64 = 2.8;

/// Names that carry a key word and no credential.
const HARMLESS: [&str; 9] =
    ["public", "primary", "foreign", "keyword", "author", "keyboard", "monkey", "keyframe", "accessib"];
/// What a name ends with if its value is about a credential and none: a name, a place, a count, a kind.
const ABOUT: [&str; 40] = [
    "id",
    "ids",
    "name",
    "url",
    "uri",
    "path",
    "file",
    "size",
    "type",
    "count",
    "event",
    "events",
    "length",
    "len",
    "index",
    "version",
    "mode",
    "format",
    "prefix",
    "suffix",
    "host",
    "port",
    "endpoint",
    "region",
    "scope",
    "scopes",
    "role",
    "group",
    "policy",
    "algorithm",
    "alg",
    "expires",
    "expiry",
    "ttl",
    "label",
    "field",
    "column",
    "header",
    "state",
    "status",
];

/// The value assigned to the name whose key lies at `start..end`, if it looks like a secret.
///
/// Cost: one walk of bounded length.
pub(super) fn find(text: &str, start: usize, end: usize) -> Option<Span> {
    let bytes = text.as_bytes();
    let value = context::value_start(bytes, end)?;
    let name = name_around(text, start, end);
    if HARMLESS.iter().any(|word| name.contains(word)) || ends_about(text, end) {
        return None;
    }
    let quote = value.checked_sub(1).map_or(b' ', |at| bytes[at]);
    let quoted = quote == b'"' || quote == b'\'';
    if let Some(span) = password(text, &name, value, quote).filter(|_| quoted) {
        return Some(span);
    }
    let length = bytes[value..].iter().take(VALUE_BYTES_MAX).take_while(|&&byte| is_value(byte)).count();
    let span = Span { start: value, end: value + length };
    let closed =
        bytes.get(span.end).is_none_or(|&next| !next.is_ascii_alphanumeric() && next != b'(' && next != b'*');
    (closed && looks_random(&text[span.start..span.end])).then_some(span)
}

/// The name that the key is a part of, in lower case, at most 32 bytes to either side.
fn name_around(text: &str, start: usize, end: usize) -> String {
    let bytes = text.as_bytes();
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let before = bytes[..start].iter().rev().take(32).take_while(|byte| is_name(byte)).count();
    let after = bytes[end..].iter().take(32).take_while(|byte| is_name(byte)).count();
    text[start - before..end + after].to_ascii_lowercase()
}

/// Whether the rest of the name says that the value is about the credential only: `jobCredentialsId`,
/// `key_down_event`.
fn ends_about(text: &str, end: usize) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let length = text.as_bytes()[end..].iter().take(32).take_while(|byte| is_name(byte)).count();
    let rest = &text[end..end + length];
    let last = rest.rsplit(['_', '-']).next().unwrap_or(rest).to_ascii_lowercase();
    let is_word = rest.contains(['_', '-']) && ABOUT.contains(&last.as_str());
    is_word || ABOUT.iter().any(|word| last.ends_with(word) && rest.len() <= word.len() + 2)
}

fn is_value(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'=' | b'+' | b'/')
}

fn looks_random(value: &str) -> bool {
    let piece = value.split(['-', '_', '.', '/']).max_by_key(|piece| piece.len()).unwrap_or(value);
    piece.len() >= PIECE_BYTES_MIN
        && value.matches('.').count() < 3
        && entropy::is_mixed(piece.as_bytes())
        && entropy::bits_per_byte(piece.as_bytes()) >= ENTROPY_MIN
        && !entropy::is_placeholder(value)
}

/// A password in quotes: shorter, and any sign may be in it.
fn password(text: &str, name: &str, value: usize, quote: u8) -> Option<Span> {
    if !["passw", "pwd"].iter().any(|word| name.contains(word)) {
        return None;
    }
    let length = text.as_bytes()[value..].iter().take(64).position(|&byte| byte == quote)?;
    let body = text.get(value..value + length)?;
    let random = length >= PASSWORD_BYTES_MIN
        && !body.contains(|c: char| c.is_whitespace() || matches!(c, '$' | '{' | '<' | '%' | '('))
        && entropy::is_mixed(body.as_bytes())
        && entropy::bits_per_byte(body.as_bytes()) >= PASSWORD_ENTROPY_MIN
        && !entropy::is_placeholder(body);
    random.then_some(Span { start: value, end: value + length })
}
