//! E-mail addresses: RFC 5321, section 4.1.2, without quoted local parts and address literals.

use tidegate_domain::assessment::Span;

use super::{domain, note};
use crate::finding::{Finding, Severity};

/// Longest local part: RFC 5321, section 4.5.3.1.1.
const LOCAL_BYTES_MAX: usize = 64;

/// Every address in `text`. Cost: at each `@` a walk of bounded length to either side.
pub(super) fn scan(text: &str, found: &mut Vec<Finding>) {
    let bytes = text.as_bytes();
    for (at, _) in text.match_indices('@') {
        let local =
            bytes[..at].iter().rev().take(LOCAL_BYTES_MAX).take_while(|&&byte| is_local(byte)).count();
        let signs = bytes[at - local..at].iter().take_while(|byte| !byte.is_ascii_alphanumeric()).count();
        let start = at - local + signs;
        let Some(end) = domain::end(bytes, at + 1) else { continue };
        let in_url = bytes[..start].ends_with(b"*") || is_password(bytes, start);
        if start < at && bytes[at - 1] != b'.' && !in_url {
            note("EMAIL_ADDRESS", "email", Severity::Low, Span { start, end }, found);
        }
    }
}

/// Whether what starts at `start` is the user information of a URL: `//` stands before it in the same word.
fn is_password(bytes: &[u8], start: usize) -> bool {
    const USER_BYTES_MAX: usize = 100;
    let before = &bytes[start.saturating_sub(USER_BYTES_MAX)..start];
    let word = before.rsplit(|byte| byte.is_ascii_whitespace()).next().unwrap_or(before);
    matches!(word.last(), Some(b':' | b'/')) && word.windows(2).any(|pair| pair == b"//")
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".!#$%&'+=?^_`{|}~-".contains(&byte)
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
    fn an_address_ends_where_its_domain_does() {
        assert_eq!(addresses("to <a.b+c@x-y.example.org>, please."), ["a.b+c@x-y.example.org"]);
        assert_eq!(addresses("'o@xn--d1acufc.xn--p1ai'."), ["o@xn--d1acufc.xn--p1ai"]);
        for text in
            ["a@b", "@x.com", "a@.com", "a.@x.com", "https://git@host.com/x", "a@1.2", "see you @ 5.30"]
        {
            assert_eq!(addresses(text), [""; 0], "{text}");
        }
    }
}
