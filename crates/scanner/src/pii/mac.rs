//! Hardware addresses: EUI-48 in pairs with `:` or `-`, or in three groups with dots.

use tidegate_domain::assessment::Span;

use super::note;
use crate::finding::{Finding, Severity};

/// Every address in `text`. Cost: each run of hexadecimal digits and signs is read twice at most.
pub(super) fn scan(text: &str, found: &mut Vec<Finding>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let run = bytes[at..].iter().take_while(|&&byte| is_address(byte)).count();
        let (start, end) = (at, at + run);
        at = end + 1;
        let trail = usize::from(run > 0 && matches!(bytes[end - 1], b'.' | b':' | b'-'));
        let span = Span { start, end: end - trail };
        if super::starts(bytes, start) && super::ends(bytes, end) && is_mac(&bytes[start..span.end]) {
            note("MAC_ADDRESS", "mac-address", Severity::Low, span, found);
        }
    }
}

fn is_address(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b':' | b'-' | b'.')
}

fn is_mac(body: &[u8]) -> bool {
    let grouped = |sign: u8, groups: usize, digits: usize| {
        body.len() == groups * (digits + 1) - 1
            && body.iter().enumerate().all(|(at, &byte)| match (at + 1) % (digits + 1) {
                0 => byte == sign,
                _ => byte.is_ascii_hexdigit(),
            })
    };
    grouped(b':', 6, 2) || grouped(b'-', 6, 2) || (grouped(b'.', 3, 4) && body.iter().any(u8::is_ascii_digit))
}
