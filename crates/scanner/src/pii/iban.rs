//! Account numbers: ISO 13616. Country, two check digits (modulus 97), a length per country.

use tidegate_domain::assessment::Span;

use super::note;
use crate::finding::{Finding, Severity};

/// Fewest digits of any account number.
pub(super) const DIGITS_MIN: usize = 7;

/// Lengths by country. Source: SWIFT IBAN registry, release 99.
const LENGTHS: [(usize, &[&[u8; 2]]); 18] = [
    (15, &[b"NO"]),
    (16, &[b"BE"]),
    (18, &[b"DK", b"FK", b"FO", b"FI", b"GL", b"NL", b"SD"]),
    (19, &[b"MK", b"SI"]),
    (20, &[b"AT", b"BA", b"EE", b"KZ", b"LT", b"LU", b"XK", b"MN"]),
    (21, &[b"HR", b"LV", b"LI", b"CH"]),
    (22, &[b"BH", b"BG", b"CR", b"GE", b"DE", b"IE", b"ME", b"RS", b"GB", b"VA"]),
    (23, &[b"TL", b"GI", b"IQ", b"IL", b"OM", b"AE", b"SO"]),
    (24, &[b"AD", b"CZ", b"MD", b"PK", b"RO", b"SA", b"SK", b"ES", b"SE", b"TN", b"VG"]),
    (25, &[b"LY", b"PT", b"ST"]),
    (26, &[b"IS", b"TR"]),
    (27, &[b"BI", b"DJ", b"FR", b"GR", b"IT", b"MR", b"MC", b"SM"]),
    (28, &[b"AL", b"AZ", b"BY", b"CY", b"DO", b"GT", b"HU", b"LB", b"NI", b"PL", b"SV"]),
    (29, &[b"BR", b"EG", b"PS", b"QA", b"UA"]),
    (30, &[b"JO", b"KW", b"MU", b"YE"]),
    (31, &[b"MT", b"SC"]),
    (32, &[b"LC"]),
    (33, &[b"RU"]),
];

/// Every account number in `text`, in one piece or with a blank or hyphen after every fourth character.
///
/// Cost: at each word that starts with two letters and two digits a walk of at most 42 bytes.
pub(super) fn scan(text: &str, found: &mut Vec<Finding>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    for start in 0..bytes.len().saturating_sub(14) {
        let opens = bytes[start].is_ascii_alphabetic() && bytes[start + 2].is_ascii_digit();
        if start >= from
            && opens
            && super::starts(bytes, start)
            && let Some(end) = end_of(bytes, start)
        {
            note("IBAN_CODE", "iban", Severity::Medium, Span { start, end }, found);
            from = end;
        }
    }
}

fn end_of(bytes: &[u8], start: usize) -> Option<usize> {
    let country = [bytes[start].to_ascii_uppercase(), bytes[start + 1].to_ascii_uppercase()];
    let length = length_of(country)?;
    let (mut code, mut at) = (Vec::with_capacity(length), start);
    while code.len() < length {
        let byte = *bytes.get(at)?;
        at += 1;
        match byte {
            b' ' | b'-' if code.len().is_multiple_of(4) && bytes[at - 2].is_ascii_alphanumeric() => {}
            _ if byte.is_ascii_alphanumeric() => code.push(byte.to_ascii_uppercase()),
            _ => return None,
        }
    }
    let checked = code[2].is_ascii_digit() && code[3].is_ascii_digit() && remainder(&code) == 1;
    (checked && super::ends(bytes, at)).then_some(at)
}

fn length_of(country: [u8; 2]) -> Option<usize> {
    LENGTHS.iter().find(|(_, countries)| countries.contains(&&country)).map(|(length, _)| *length)
}

/// The code as a number, the first four characters last, letters as 10..=35, modulo 97.
fn remainder(code: &[u8]) -> u32 {
    code[4..].iter().chain(&code[..4]).fold(0, |rest, &byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn count(text: &str) -> usize {
        let mut found = Vec::new();
        scan(text, &mut found);
        found.len()
    }

    proptest! {
        #[test]
        fn check_digits_decide(account in "[0-9]{18}", by in 1_u32..96) {
            let check = 98 - remainder(format!("DE00{account}").as_bytes());
            let text = format!("to DE{check:02}{account}.");
            prop_assert_eq!(count(&text), 1);
            prop_assert_eq!(count(&text.to_lowercase()), 1);
            let wrong = (check + by) % 97;
            prop_assert_eq!(count(&format!("to DE{wrong:02}{account}.")), usize::from(wrong == check));
        }
    }
}
