//! Phone numbers: international (E.164), North American, national with a trunk zero, and others if named.

use super::{is_alone, is_named, number::Number};

/// Words before a number that say it can be called.
const NAMES: [&str; 21] = [
    "call",
    "phone",
    "tel",
    "mobile",
    "cell",
    "fax",
    "whatsapp",
    "sms",
    "dial",
    "number",
    "ring",
    "reach",
    "answering at",
    "messages to",
    "message to",
    "contact",
    "text me",
    "landline",
    "handy",
    "hotline",
    "txt",
];
/// Numbers of these are no phone numbers, whatever stands further left.
const OTHERS: [&str; 8] = ["card", "order", "account", "ssn", "invoice", "tracking", "routing", "iban"];

/// Whether the number is a phone's, by its form alone or by its form and a name before it.
pub(super) fn is_phone(number: &Number<'_>) -> bool {
    let shape = number.shape();
    let digits: usize = shape.iter().sum();
    let lead = number.text.as_bytes()[number.groups[0].start];
    if number.opening() == b'+' {
        return (8..=15).contains(&digits) && lead != b'0';
    }
    if is_north_american(number, &shape) || is_national(&shape, digits, lead) {
        return true;
    }
    let bracketed = number.opening() == b'(' && (8..=11).contains(&digits) && (2..=4).contains(&shape.len());
    if bracketed && number.text.as_bytes().get(number.groups[0].end) == Some(&b')') {
        return true;
    }
    let grouped = (2..=5).contains(&shape.len()) && shape.iter().all(|&group| group >= 2);
    let form = (7..=12).contains(&digits) && (grouped || (shape.len() == 1 && digits >= 9));
    form && is_called(number)
}

/// Three, three, four digits, maybe a one before them; an area code never starts with 0 or 1.
fn is_north_american(number: &Number<'_>, shape: &[usize]) -> bool {
    let shape = shape.strip_prefix(&[1]).unwrap_or(shape);
    let area = number.groups[number.groups.len() - shape.len()];
    let digits = number.text.as_bytes();
    let country = shape.len() == number.groups.len() || digits[number.groups[0].start] == b'1';
    shape == [3, 3, 4] && country && matches!(digits[area.start], b'2'..=b'9')
}

/// A trunk zero and groups of two to eight digits: nine to twelve digits, so that no date is one.
fn is_national(shape: &[usize], digits: usize, lead: u8) -> bool {
    lead == b'0'
        && (9..=13).contains(&digits)
        && (2..=6).contains(&shape.len())
        && shape.iter().all(|&group| (2..=8).contains(&group))
}

fn is_called(number: &Number<'_>) -> bool {
    (is_named(number.text, number.span, &NAMES) && !is_named(number.text, number.span, &OTHERS))
        || (is_alone(number.text, number.span) && number.groups.len() > 1)
}
