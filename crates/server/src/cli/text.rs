//! Text from strangers, made safe to print and cut to a width.
//!
//! - **T1** nothing printed can move the cursor, colour the terminal, ring or reorder what stands beside it: control
//!   characters, escape sequences, bidirectional controls and invisible ones are shown as escapes.
//! - **T2** one value never spans two lines.
//!
//! Source: CWE-117 (improper output neutralisation for logs); CVE-2021-42574 (bidirectional controls).

use std::borrow::Cow;

/// True for a character that is shown as an escape (T1).
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// `text` with unsafe characters as escapes: `\n`, `\x1b`, `\u{202e}`. Cost O(n); no copy if all is safe.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    replaced(text, |c, out| match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if c.is_ascii() => out.push_str(&format!("\\x{:02x}", c as u32)),
        c => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
    })
}

/// JSON text with unsafe characters as JSON's own escapes, so that it still says the same.
pub(super) fn escaped_json(json: &str) -> Cow<'_, str> {
    replaced(json, |c, out| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    })
}

fn replaced(text: &str, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    let Some(first) = text.find(is_unsafe) else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..first]);
    for c in text[first..].chars() {
        if is_unsafe(c) { escape(c, &mut out) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Columns a terminal gives `text`. An estimate: wide scripts and emoji take two, combining marks none.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(char_columns).sum()
}

fn char_columns(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' | '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// `text` in at most `max` columns; what was cut is replaced by `…`.
pub(super) fn shortened(text: &str, max: usize) -> Cow<'_, str> {
    // No character has more columns than bytes, and most texts are short.
    if text.len() <= max || columns(text) <= max {
        return Cow::Borrowed(text);
    }
    let mut used = 1;
    let cut = text.char_indices().find(|(_, c)| {
        used += char_columns(*c);
        used > max
    });
    let end = cut.map_or(text.len(), |(at, _)| at);
    Cow::Owned(format!("{}…", &text[..end]))
}

/// `text` shortened to `width` columns and filled up with spaces.
pub(super) fn padded(text: &str, width: usize) -> String {
    let text = shortened(text, width);
    let missing = width.saturating_sub(columns(&text));
    format!("{text}{}", " ".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_is_printed() {
        assert_eq!(escaped("\x1b[31mred\x07\r\nnext\ttab"), "\\x1b[31mred\\x07\\r\\nnext\\ttab");
        assert_eq!(escaped("abc\u{202e}cba\u{2066}\u{200f}"), "abc\\u{202e}cba\\u{2066}\\u{200f}");
        assert_eq!(escaped("\u{9b}31m \u{e0041}"), "\\u{9b}31m \\u{e0041}");
        assert!(matches!(escaped("plain, naïve, 漢字, 👩‍🚀"), Cow::Borrowed(_)));
    }

    #[test]
    fn escaped_json_says_the_same() {
        let json = "{\"a\":\"x\u{202e}y\u{7f}\u{e0041}\"}";
        let safe = escaped_json(json);
        assert_eq!(safe, "{\"a\":\"x\\u202ey\\u007f\\udb40\\udc41\"}");
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(parse(&safe), parse(json));
    }

    #[test]
    fn a_cut_is_shown_and_fits() {
        assert_eq!(shortened("hello", 5), "hello");
        assert_eq!(shortened("hello!", 5), "hell…");
        assert_eq!(shortened("漢字漢字", 5), "漢字…");
        assert_eq!(shortened("anything", 0), "…");
        assert_eq!(padded("ab", 4), "ab  ");
        assert_eq!(padded("abcdef", 4), "abc…");
    }
}
