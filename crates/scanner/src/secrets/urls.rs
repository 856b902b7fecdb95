//! Passwords in URLs: `scheme://user:password@host`, connection strings of databases among them.
//!
//! Source: RFC 3986, section 3.2.1: the user information ends at `@` and holds no `/`, `?`, `#`.

use tidegate_domain::assessment::Span;

use crate::{entropy, finding::Severity};

pub(super) const KEYS: &[&str] = &["://"];

const USER_BYTES_MAX: usize = 100;
const PASSWORD_BYTES_MAX: usize = 200;

/// The user information of the URL whose `://` lies at `start..end`, if it holds a password.
///
/// High, but medium if the password is a word of every manual.
pub(super) fn find(text: &str, start: usize, end: usize) -> Option<(Severity, Span)> {
    let bytes = text.as_bytes();
    if start == 0 || !bytes[start - 1].is_ascii_alphanumeric() {
        return None;
    }
    let user = bytes[end..].iter().take(USER_BYTES_MAX).take_while(|&&byte| is_user(byte)).count();
    let colon = end + user;
    if bytes.get(colon) != Some(&b':') {
        return None;
    }
    let length =
        bytes[colon + 1..].iter().take(PASSWORD_BYTES_MAX).take_while(|&&byte| is_password(byte)).count();
    let at = colon + 1 + length;
    let host = bytes.get(at + 1).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'[');
    let password = text.get(colon + 1..at)?;
    let real = bytes.get(at) == Some(&b'@') && host && is_real(password);
    let severity = if is_word(password) { Severity::Medium } else { Severity::High };
    real.then_some((severity, Span { start: end, end: at }))
}

fn is_user(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b':' | b'/' | b'@' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>')
}

fn is_password(byte: u8) -> bool {
    byte != b'@' && !byte.is_ascii_whitespace() && !matches!(byte, b'/' | b'"' | b'\'' | b'<' | b'>' | b'`')
}

/// The word that manuals write for any password.
fn is_word(password: &str) -> bool {
    ["password", "pass", "pwd", "secret", "passwd", "pw"].contains(&password.to_ascii_lowercase().as_str())
}

/// Not a variable, not a place to fill in.
fn is_real(password: &str) -> bool {
    !password.is_empty()
        && !password.starts_with(['$', '{', '%', '['])
        && !password.contains("**")
        && !entropy::is_placeholder(password)
}
