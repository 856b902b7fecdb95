//! Credentials in a `curl` command: `-u user:password` and headers that carry a token.

use tidegate_domain::assessment::Span;

use crate::finding::{Finding, Kind, Severity};

pub(super) const KEYS: &[&str] = &["curl"];

/// How far behind `curl` its options are read.
const REACH_BYTES_MAX: usize = 400;
/// Headers whose value is a credential.
const HEADERS: [&str; 10] = [
    "authorization",
    "token",
    "api-key",
    "apikey",
    "x-api-key",
    "x-auth-token",
    "private-token",
    "x-vault-token",
    "access-token",
    "auth-token",
];
/// Words before the credential in `Authorization`.
const SCHEMES: [&str; 6] = ["basic ", "bearer ", "token ", "apikey ", "api-token ", "api-key "];

/// Adds the credentials of the `curl` command whose name ends at `end`. Cost bounded.
pub(super) fn find(text: &str, end: usize, found: &mut Vec<Finding>) {
    if !text.as_bytes().get(end).is_some_and(|next| next.is_ascii_whitespace() || *next == b'.') {
        return;
    }
    let reach = text.floor_char_boundary(text.len().min(end + REACH_BYTES_MAX));
    let mut at = end;
    while let Some((start, word)) = next_word(text, at, reach) {
        at = start + word.len();
        if word.trim_start_matches(['"', '\'']) == "curl" {
            return;
        }
        let behind = || next_word(text, at, reach);
        match word {
            "-u" | "--user" => note("curl-auth-user", behind().and_then(|(s, w)| user(s, w)), found),
            "-H" | "--header" => note("curl-auth-header", behind().and_then(|(s, w)| header(s, w)), found),
            _ => {
                let glued = ["--user=", "-u"]
                    .into_iter()
                    .find_map(|option| Some((option, word.strip_prefix(option)?)));
                note("curl-auth-user", glued.and_then(|(option, w)| user(start + option.len(), w)), found);
            }
        }
    }
}

fn note(rule: &'static str, span: Option<Span>, found: &mut Vec<Finding>) {
    found.extend(span.map(|span| Finding::new((rule, "SECRET"), Kind::Secret, Severity::High, span)));
}

/// The next word after `at` and where it starts; quotes are kept, a quoted word may hold blanks.
fn next_word(text: &str, at: usize, reach: usize) -> Option<(usize, &str)> {
    let rest = text.get(at..reach)?;
    let start = at + rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\\').len();
    let rest = &text[start..reach];
    let first = rest.chars().next()?;
    let length = match first {
        '"' | '\'' => rest[1..].find(first).map_or(rest.len(), |close| close + 2),
        _ => rest.find(char::is_whitespace).unwrap_or(rest.len()),
    };
    Some((start, &rest[..length]))
}

/// Offset and text of a word inside its quotes.
fn unquoted(start: usize, word: &str) -> (usize, &str) {
    let inner = word.trim_start_matches(['"', '\'']);
    (start + word.len() - inner.len(), inner.trim_end_matches(['"', '\'']))
}

/// `user:password`, both written out and not the same.
fn user(start: usize, word: &str) -> Option<Span> {
    let (start, word) = unquoted(start, word);
    let (user, password) = word.split_once(':')?;
    let real = password.len() >= 2 && user != password && is_written_out(password) && is_written_out(user);
    real.then_some(Span { start, end: start + word.len() })
}

/// `Name: value` of a header that carries a credential.
fn header(start: usize, word: &str) -> Option<Span> {
    let (start, word) = unquoted(start, word);
    let (name, value) = word.split_once(':')?;
    let name = name.trim().to_ascii_lowercase();
    if !HEADERS.iter().any(|header| name == *header || name.ends_with(header)) {
        return None;
    }
    let mut body = value.trim_start();
    let lower = body.to_ascii_lowercase();
    if let Some(scheme) = SCHEMES.iter().find(|scheme| lower.starts_with(**scheme)) {
        body = body[scheme.len()..].trim_start();
    }
    let real = body.len() >= 8 && is_written_out(body) && body.bytes().all(|byte| byte.is_ascii_graphic());
    let end = start + word.len();
    real.then_some(Span { start: end - body.len(), end })
}

/// Not a variable, not a place to fill in.
fn is_written_out(value: &str) -> bool {
    !value.starts_with(['$', '<', '{', '%', '[', '*'])
        && !value.contains("...")
        && !value.contains("${")
        && !value.to_ascii_lowercase().contains("xxxx")
        && !["password", "pass", "passwd", "user", "username", "token"]
            .contains(&value.to_ascii_lowercase().as_str())
}
