//! Where a bracket closes: quotes and brackets inside are skipped.

/// Bytes from an opening bracket up to and with the one that closes it; `None` if none does.
///
/// `text` starts with `open`. Cost O(bytes).
pub(super) fn bracketed(text: &str, open: char, close: char) -> Option<usize> {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for (at, next) in text.char_indices() {
        match (quote, next) {
            _ if escaped => escaped = false,
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('\''), _) => {}
            (_, '\\') => escaped = true,
            (None, '\'' | '"') => quote = Some(next),
            _ if next == open => depth += 1,
            _ if next == close => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + close.len_utf8());
                }
            }
            _ => {}
        }
    }
    None
}

/// Bytes from a backquote up to and with the next one; `None` if there is none.
pub(super) fn backquoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().skip(1).find_map(|(at, next)| {
        let closes = next == '`' && !escaped;
        escaped = next == '\\' && !escaped;
        closes.then_some(at + 1)
    })
}
