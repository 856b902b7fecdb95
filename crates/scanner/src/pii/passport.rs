//! Passports: a letter and eight digits, if named or alone. Source: 22 CFR 51 (US passports since 2021).

use tidegate_domain::assessment::Span;

use super::{is_alone, is_named, note};
use crate::finding::{Finding, Severity};

/// Every passport number in `text`. Cost O(bytes).
pub(super) fn scan(text: &str, found: &mut Vec<Finding>) {
    let bytes = text.as_bytes();
    for start in 0..bytes.len().saturating_sub(8) {
        let span = Span { start, end: start + 9 };
        let form = bytes[start].is_ascii_uppercase()
            && bytes[start + 1..span.end].iter().all(u8::is_ascii_digit)
            && super::starts(bytes, start)
            && super::ends(bytes, span.end);
        if form && (is_named(text, span, &["passport", "travel document"]) || is_alone(text, span)) {
            note("US_PASSPORT", "us-passport", Severity::Medium, span, found);
        }
    }
}
