//! URLs and bare host names: RFC 3986. Reported, never masked.

use tidegate_domain::assessment::Span;

use super::{domain, note};
use crate::finding::{Finding, Severity};

/// Longest URL that is read.
const URL_BYTES_MAX: usize = 2_048;
/// Top-level domains that make a bare name a host: without the list, `file.rs` and `e.g` would be one.
const TOP: [&str; 36] = [
    "com", "org", "net", "edu", "gov", "mil", "info", "biz", "io", "ai", "dev", "app", "site", "online",
    "shop", "co", "uk", "de", "fr", "es", "it", "nl", "eu", "ch", "at", "jp", "cn", "ru", "br", "in", "us",
    "ca", "au", "xyz", "tech", "cloud",
];

/// Every URL and host in `text`. Cost: each word is read a bounded number of times.
pub(super) fn scan(text: &str, found: &mut Vec<Finding>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let is_word = |byte: &u8| byte.is_ascii_graphic() && !b"\"'<>()[]{}|,;`".contains(byte);
        let run = bytes[at..].iter().take_while(|byte| is_word(byte)).count();
        let (start, end) = (at, at + run);
        at = end + 1;
        let limit = end.min(start + URL_BYTES_MAX);
        if run >= 4
            && bytes[start..end].contains(&b'.')
            && let Some(end) = end_of(text, start, limit)
        {
            note("URL", "url", Severity::Low, Span { start, end }, found);
        }
    }
}

fn end_of(text: &str, start: usize, end: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let word = &text[start..end];
    let scheme =
        word.find("://").filter(|&at| at <= 10 && word[..at].bytes().all(|b| b.is_ascii_alphabetic()));
    let host = start + scheme.map_or(0, |at| at + 3);
    let host_end = domain::end(bytes, host)?;
    let top = text[host..host_end].rsplit('.').next()?.to_ascii_lowercase();
    let known = scheme.is_some_and(|at| at > 0) || word.starts_with("www.") || TOP.contains(&top.as_str());
    let goes_on = bytes.get(host_end).is_some_and(|&next| host_end < end && !b"/:?#.!".contains(&next));
    if !known || goes_on {
        return None;
    }
    let tail = text[host_end..end].trim_end_matches(['.', ',', '!', '?', ':']);
    Some(host_end + tail.len())
}
