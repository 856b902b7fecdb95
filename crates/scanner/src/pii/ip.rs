//! IP addresses, with or without a prefix length: RFC 791, RFC 4291, section 2.2.

use std::net::{Ipv4Addr, Ipv6Addr};

use tidegate_domain::assessment::Span;

use super::note;
use crate::finding::{Finding, Severity};

/// Longest address: IPv6 with an IPv4 tail.
const ADDRESS_BYTES_MAX: usize = 45;

/// Every address in `text`. Cost: each run of hexadecimal digits, dots and colons is read twice at most.
pub(super) fn scan(text: &str, found: &mut Vec<Finding>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !is_address(bytes[at]) {
            at += 1;
            continue;
        }
        let run = bytes[at..].iter().take_while(|&&byte| is_address(byte)).count();
        let (start, end) = (at, at + run);
        at = end;
        let apart = super::starts(bytes, start) && super::ends(bytes, end);
        if !apart || run > ADDRESS_BYTES_MAX + 2 {
            continue;
        }
        if let Some(span) = address(text, start, end) {
            let slash = bytes.get(span.end) == Some(&b'/');
            let prefix = bytes[span.end..].iter().skip(1).take(4).take_while(|b| b.is_ascii_digit()).count();
            let end = if slash && (1..=3).contains(&prefix) { span.end + 1 + prefix } else { span.end };
            note("IP_ADDRESS", "ip-address", Severity::Low, Span { start: span.start, end }, found);
        }
    }
}

fn is_address(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':')
}

/// The address in a run; a colon before it and a dot or colon behind it belong to the sentence.
fn address(text: &str, start: usize, end: usize) -> Option<Span> {
    let run = &text[start..end];
    let lead = if run.starts_with(':') && !run.starts_with("::") { 1 } else { 0 };
    let trail = if run.ends_with('.') || (run.ends_with(':') && !run.ends_with("::")) { 1 } else { 0 };
    let body = run.get(lead..run.len() - trail)?;
    let span = Span { start: start + lead, end: end - trail };
    let written = body.bytes().any(|byte| byte.is_ascii_digit());
    let v6 = || body.len() >= 3 && body.parse::<Ipv6Addr>().is_ok();
    let v4 = |body: &str| body.parse::<Ipv4Addr>().is_ok();
    if written && (v4(body) || v6()) {
        return Some(span);
    }
    // `127.0.0.1:8080`
    let (host, port) = body.split_once(':')?;
    let is_port = !port.is_empty() && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    (v4(host) && is_port).then_some(Span { start: span.start, end: span.start + host.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        scan(text, &mut found);
        found.iter().map(|f| &text[f.span.start..f.span.end]).collect()
    }

    #[test]
    fn both_versions_are_found_with_prefix_and_port() {
        let text = "at 10.0.0.1:80, 10.1.0.0/16, fe80::1. and 64:ff9b::192.0.2.33";
        assert_eq!(addresses(text), ["10.0.0.1", "10.1.0.0/16", "fe80::1", "64:ff9b::192.0.2.33"]);
    }

    #[test]
    fn what_only_looks_like_one_is_not() {
        for text in
            ["1.2.3", "256.1.1.1", "v1.2.3.4", "1.2.3.4.5", "a::b", "std::fmt", "12:30:45", "::", "1::2::3"]
        {
            assert_eq!(addresses(text), [""; 0], "{text}");
        }
    }
}
