//! Redaction: what must not be kept is masked before anything is written.

use std::borrow::Cow;

use tidegate_domain::assessment::Span;

use crate::Finding;

/// How a stretch is masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The first min(4, length / 4) characters stay, each other becomes `*`: people still tell keys apart.
    Partial,
    /// The whole stretch becomes `[masked:rule]`.
    Named,
}

/// Characters of a secret that stay readable, at most.
const SHOWN_CHARS_MAX: usize = 4;

/// `text` with every stretch of `found` masked; stretches that share a byte are masked as one.
///
/// `found` must be sorted by start. Cost O(bytes).
pub(crate) fn mask<'t>(text: &'t str, found: &[Finding], mode: Mode) -> Cow<'t, str> {
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut masked = String::with_capacity(text.len());
    let mut from = 0;
    for (span, rule) in merged(found) {
        masked.push_str(&text[from..span.start]);
        match mode {
            Mode::Partial => partial(&text[span.start..span.end], &mut masked),
            Mode::Named => masked.extend(["[masked:", rule, "]"]),
        }
        from = span.end;
    }
    masked.push_str(&text[from..]);
    Cow::Owned(masked)
}

/// Stretches that share no byte, each with the rule of its longest finding.
fn merged(found: &[Finding]) -> Vec<(Span, &str)> {
    let mut stretches: Vec<(Span, &Finding)> = Vec::new();
    for finding in found {
        match stretches.last_mut() {
            Some((span, longest)) if finding.span.start < span.end => {
                span.end = span.end.max(finding.span.end);
                if finding.bytes() > longest.bytes() {
                    *longest = finding;
                }
            }
            _ => stretches.push((finding.span, finding)),
        }
    }
    stretches.into_iter().map(|(span, finding)| (span, finding.rule.as_ref())).collect()
}

fn partial(secret: &str, masked: &mut String) {
    let chars = secret.chars().count();
    let shown = SHOWN_CHARS_MAX.min(chars / 4);
    masked.extend(secret.chars().take(shown).chain(std::iter::repeat_n('*', chars - shown)));
}
