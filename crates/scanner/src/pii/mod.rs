//! Personal data: what has a published format, most of it with a checksum.
//!
//! | entity | severity | held by |
//! |---|---|---|
//! | `EMAIL_ADDRESS`, `IP_ADDRESS`, `MAC_ADDRESS`, `URL` | low | RFC 5321, RFC 4291, EUI-48, RFC 3986 |
//! | `PHONE_NUMBER`, `IBAN_CODE`, `CRYPTO`, `ABA_ROUTING_NUMBER`, `UK_NHS`, `US_PASSPORT` | medium | E.164, ISO 13616, Base58Check, checksums |
//! | `CREDIT_CARD`, `US_SSN`, `US_ITIN` | high | ISO/IEC 7812, the authorities' ranges |
//!
//! Names and street addresses have no format and are not found.

mod card;
mod crypto;
mod domain;
mod email;
mod iban;
mod ip;
mod mac;
mod number;
mod passport;
mod person;
mod phone;
mod url;

use tidegate_domain::assessment::Span;

use crate::finding::{Finding, Kind, Severity};

/// Adds all personal data in `text` to `found`, in no order; overlaps stay.
///
/// Cost: one pass to see which signs there are at all, then only the walks that could find something.
pub(crate) fn scan(text: &str, found: &mut Vec<Finding>) {
    let signs = Signs::of(text.as_bytes());
    if signs.at > 0 {
        email::scan(text, found);
    }
    if signs.digits > 0 && (signs.dots >= 3 || signs.colons >= 2) {
        ip::scan(text, found);
    }
    if signs.colons >= 5 || signs.hyphens >= 5 || signs.dots >= 2 {
        mac::scan(text, found);
    }
    if signs.digits >= number::DIGITS_MIN {
        number::scan(text, found);
        passport::scan(text, found);
    }
    if signs.digits >= iban::DIGITS_MIN {
        iban::scan(text, found);
    }
    if signs.digits > 0 {
        crypto::scan(text, found);
    }
    if signs.dots > 0 {
        url::scan(text, found);
    }
}

fn note(entity: &'static str, rule: &'static str, severity: Severity, span: Span, found: &mut Vec<Finding>) {
    found.push(Finding::new((rule, entity), Kind::Pii, severity, span));
}

/// How often each sign occurs that some entity cannot do without.
#[derive(Default)]
struct Signs {
    digits: usize,
    dots: usize,
    colons: usize,
    hyphens: usize,
    at: usize,
}

impl Signs {
    fn of(bytes: &[u8]) -> Self {
        let mut counts = [0_usize; 256];
        for &byte in bytes {
            counts[usize::from(byte)] += 1;
        }
        let of = |byte: u8| counts[usize::from(byte)];
        let digits = (b'0'..=b'9').map(of).sum();
        Self { digits, dots: of(b'.'), colons: of(b':'), hyphens: of(b'-'), at: of(b'@') }
    }
}

/// Whether the byte before `at` lets a number or an address begin there. A mask is no boundary.
fn starts(bytes: &[u8], at: usize) -> bool {
    at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'*' || bytes[at - 1] >= 0x80)
}

/// Whether the byte at `end` lets a number or an address end before it. A mask is no boundary.
fn ends(bytes: &[u8], end: usize) -> bool {
    bytes.get(end).is_none_or(|&byte| !(byte.is_ascii_alphanumeric() || byte == b'*' || byte == b'_'))
}

/// Whether one of `words` occurs in the 48 bytes before `at`, or the text holds nothing else.
///
/// `words` in lower case. Cost bounded.
fn is_named(text: &str, span: Span, words: &[&str]) -> bool {
    const BEFORE_BYTES_MAX: usize = 48;
    let from = text.ceil_char_boundary(span.start.saturating_sub(BEFORE_BYTES_MAX));
    let before = text[from..span.start].to_ascii_lowercase();
    words.iter().any(|word| before.contains(word))
}

/// Whether the text consists of `span` alone: the value of a field.
fn is_alone(text: &str, span: Span) -> bool {
    let bytes = text.as_bytes();
    // Blanks around are few, or it is not a field: the walk stays bounded.
    const BLANKS_MAX: usize = 16;
    let only = |rest: &[u8]| rest.len() <= BLANKS_MAX && rest.iter().all(u8::is_ascii_whitespace);
    only(&bytes[..span.start]) && only(&bytes[span.end..])
}
