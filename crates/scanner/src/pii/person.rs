//! Numbers that name a person or an account: US SSN and ITIN, UK NHS number, US routing number.
//!
//! Source: SSA POMS RM 10201.030 (ranges never issued); IRS Publication 1915 (ITIN ranges); NHS data dictionary
//! (modulus 11); ABA routing number policy (modulus 10).

use tidegate_domain::assessment::Span;

use super::{is_alone, is_named, number::Number};
use crate::finding::Severity;

/// Numbers that were printed in advertisements and manuals and are nobody's.
const PRINTED: [[u8; 9]; 3] =
    [[0, 7, 8, 0, 5, 1, 1, 2, 0], [2, 1, 9, 0, 9, 9, 9, 9, 9], [1, 2, 3, 4, 5, 6, 7, 8, 9]];

/// Which number it is. Without signs in it a name must stand before it, or nothing else in the text.
pub(super) fn identify(number: &Number<'_>, span: Span) -> Option<(&'static str, &'static str, Severity)> {
    let (digits, shape) = (number.digits(), number.shape());
    let named = |words: &[&str]| is_named(number.text, span, words) || is_alone(number.text, span);
    let grouped = number.groups.len() == 3 && matches!(number.sign(), Some(b'-' | b' ' | b'.'));
    let (ssn, itin) = match shape[..] {
        [3, 2, 4] if grouped => (true, true),
        [9] => (named(&["ssn", "social sec", "social-sec"]), named(&["itin", "taxpayer", "individual tax"])),
        _ => (false, false),
    };
    if ssn && is_ssn(&digits) {
        return Some(("US_SSN", "us-ssn", Severity::High));
    }
    if itin && is_itin(&digits) {
        return Some(("US_ITIN", "us-itin", Severity::High));
    }
    let routing = matches!(shape[..], [9] | [4, 4, 1]) && named(&["routing", "aba", "rtn", "bank"]);
    if routing && is_routing(&digits) {
        return Some(("ABA_ROUTING_NUMBER", "us-routing-number", Severity::Medium));
    }
    let nhs = matches!(shape[..], [10] | [3, 3, 4]) && named(&["nhs", "national health", "health service"]);
    (nhs && is_nhs(&digits)).then_some(("UK_NHS", "uk-nhs-number", Severity::Medium))
}

fn value(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |n, &digit| n * 10 + u32::from(digit))
}

fn is_ssn(digits: &[u8]) -> bool {
    let (area, group, serial) = (value(&digits[..3]), value(&digits[3..5]), value(&digits[5..]));
    let issued = (1..900).contains(&area) && area != 666 && group != 0 && serial != 0;
    issued && PRINTED.iter().all(|printed| digits != printed) && digits.iter().any(|&d| d != digits[0])
}

fn is_itin(digits: &[u8]) -> bool {
    digits[0] == 9 && matches!(value(&digits[3..5]), 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

fn is_routing(digits: &[u8]) -> bool {
    let sum: u32 = digits.iter().zip([3, 7, 1].into_iter().cycle()).map(|(&d, w)| u32::from(d) * w).sum();
    let bank = value(&digits[..2]);
    sum.is_multiple_of(10) && matches!(bank, 1..=12 | 21..=32 | 61..=72 | 80)
}

fn is_nhs(digits: &[u8]) -> bool {
    let sum: u32 = digits.iter().zip((1..=10).rev()).map(|(&d, weight)| u32::from(d) * weight).sum();
    sum.is_multiple_of(11) && digits.iter().any(|&digit| digit != digits[0])
}
