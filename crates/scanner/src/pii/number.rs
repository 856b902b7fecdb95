//! Numbers: runs of digit groups, and which of them is a card, an SSN, a phone number.
//!
//! A number is one to seven groups of digits with signs between them. At each group the longest number that
//! some entity accepts wins, and the walk goes on behind it; so each group is looked at a bounded number of times.

use tidegate_domain::assessment::Span;

use super::{card, note, person, phone};
use crate::finding::{Finding, Severity};

/// Fewest digits of any number that is found.
pub(super) const DIGITS_MIN: usize = 7;
/// Most groups, most digits and most signs between two groups of one number.
const GROUPS_MAX: usize = 7;
const DIGITS_MAX: usize = 19;
const SIGNS_MAX: usize = 3;

/// Digits in a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Group {
    pub(super) fn digits(self) -> usize {
        self.end - self.start
    }
}

/// A candidate: groups that follow each other.
#[derive(Debug)]
pub(super) struct Number<'t> {
    pub(super) text: &'t str,
    pub(super) groups: &'t [Group],
    /// The whole of it, an opening bracket or a plus included.
    pub(super) span: Span,
}

impl Number<'_> {
    /// All digits as values, at most [`DIGITS_MAX`].
    pub(super) fn digits(&self) -> Vec<u8> {
        let bytes = self.text.as_bytes();
        self.groups
            .iter()
            .flat_map(|group| &bytes[group.start..group.end])
            .map(|digit| digit - b'0')
            .collect()
    }

    /// The sign between all groups, if it is the same everywhere and one byte long.
    pub(super) fn sign(&self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        let mut signs = self.groups.windows(2).map(|pair| &bytes[pair[0].end..pair[1].start]);
        let first = *signs.next()?.first()?;
        self.groups.windows(2).all(|pair| bytes[pair[0].end..pair[1].start] == [first]).then_some(first)
    }

    /// Lengths of the groups.
    pub(super) fn shape(&self) -> Vec<usize> {
        self.groups.iter().map(|group| group.digits()).collect()
    }

    /// How the number begins: `+`, `(` or a digit.
    pub(super) fn opening(&self) -> u8 {
        self.text.as_bytes()[self.span.start]
    }
}

/// Every number in `text` that some entity accepts.
pub(super) fn scan(text: &str, found: &mut Vec<Finding>) {
    let bytes = text.as_bytes();
    let mut window: Vec<Group> = Vec::with_capacity(GROUPS_MAX);
    let mut at = 0;
    while let Some(first) = next_group(bytes, at) {
        at = first.end;
        window.clear();
        window.push(first);
        while window.len() < GROUPS_MAX {
            match next_group(bytes, window[window.len() - 1].end) {
                Some(next) if is_joined(bytes, window[window.len() - 1].end, next.start) => window.push(next),
                _ => break,
            }
        }
        for count in (1..=window.len()).rev() {
            if let Some(end) = decide(text, &window[..count], found) {
                at = at.max(end);
                break;
            }
        }
    }
}

/// The next digits from `at` on; the search stops after what could still join.
fn next_group(bytes: &[u8], at: usize) -> Option<Group> {
    let start = at + bytes[at..].iter().position(u8::is_ascii_digit)?;
    let end = start + bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    Some(Group { start, end })
}

fn is_joined(bytes: &[u8], end: usize, start: usize) -> bool {
    let signs = &bytes[end..start];
    (1..=SIGNS_MAX).contains(&signs.len()) && signs.iter().all(|sign| b" -.()/".contains(sign))
}

/// Notes what the groups are together; where it ends if they are something.
fn decide(text: &str, groups: &[Group], found: &mut Vec<Finding>) -> Option<usize> {
    let bytes = text.as_bytes();
    let (first, last) = (groups.first()?, groups.last()?);
    let digits: usize = groups.iter().map(|group| group.digits()).sum();
    let apart = is_start(bytes, first.start) && is_end(bytes, last.end);
    let is_ip = groups.len() == 4 && text[first.start..last.end].parse::<std::net::Ipv4Addr>().is_ok();
    if !apart || is_ip || !(DIGITS_MIN..=DIGITS_MAX).contains(&digits) {
        return None;
    }
    let opening = first.start - usize::from(first.start > 0 && b"+(".contains(&bytes[first.start - 1]));
    let opening = opening - usize::from(bytes[opening] == b'(' && opening > 0 && bytes[opening - 1] == b'+');
    let number = Number { text, groups, span: Span { start: opening, end: last.end } };
    let (entity, rule, severity, span) = entity_of(&number)?;
    note(entity, rule, severity, span, found);
    Some(last.end)
}

type Entity = (&'static str, &'static str, Severity, Span);

fn entity_of(number: &Number<'_>) -> Option<Entity> {
    let bare = Span { start: number.groups[0].start, end: number.span.end };
    if is_card(number) {
        return Some(("CREDIT_CARD", "credit-card", Severity::High, bare));
    }
    if let Some((entity, rule, severity)) = person::identify(number, bare) {
        return Some((entity, rule, severity, bare));
    }
    phone::is_phone(number).then_some(("PHONE_NUMBER", "phone-number", Severity::Medium, number.span))
}

/// A card in one piece, or in groups with one sign between them. If it is called one, the issuer may be new.
fn is_card(number: &Number<'_>) -> bool {
    let shape = number.shape();
    let grouped = matches!(number.sign(), Some(b' ' | b'-'))
        && shape.len() <= 5
        && shape[0] == 4
        && shape.iter().all(|&digits| (2..=6).contains(&digits));
    let digits = number.digits();
    let named = || super::is_named(number.text, number.span, &["card", "visa", "amex", "jcb", "maestro"]);
    digits.len() >= 12
        && (shape.len() == 1 || grouped)
        && (card::is_card(&digits) || card::is_luhn(&digits) && named())
}

/// No letter, digit, mask or decimal point runs into the number. An underscore may (`_: +55`).
fn is_start(bytes: &[u8], start: usize) -> bool {
    let Some(&before) = start.checked_sub(1).map(|at| &bytes[at]) else { return true };
    let decimal = start >= 2 && matches!(before, b'.' | b',') && bytes[start - 2].is_ascii_digit();
    !before.is_ascii_alphanumeric() && before != b'*' && before != b'$' && !decimal
}

fn is_end(bytes: &[u8], end: usize) -> bool {
    let decimal = bytes.get(end).is_some_and(|&next| matches!(next, b'.' | b','))
        && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
    super::ends(bytes, end) && !decimal
}
