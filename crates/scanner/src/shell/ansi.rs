//! ANSI-C quoting: `$'…'`, in which escapes stand for bytes.
//!
//! Source: the Bash manual, section 3.1.2.4; POSIX.1-2024, section 2.2.4.

/// What the quote at the start of `source` (`$'`) holds, and its bytes in the source. Cost O(bytes).
pub(super) fn unquoted(source: &str) -> (String, usize) {
    let mut text = String::new();
    let mut at = 2;
    while let Some(next) = source[at..].chars().next() {
        at += next.len_utf8();
        match next {
            '\'' => return (text, at),
            '\\' => {
                let (byte, length) = escape(&source[at..]);
                text.extend(byte);
                at += length;
            }
            _ => text.push(next),
        }
    }
    (text, at)
}

/// What the escape behind a backslash stands for, and its bytes.
fn escape(rest: &str) -> (Option<char>, usize) {
    let Some(first) = rest.chars().next() else { return (None, 0) };
    match first {
        'x' => numeric(&rest[1..], 16, 2, 1),
        'u' => numeric(&rest[1..], 16, 4, 1),
        'U' => numeric(&rest[1..], 16, 8, 1),
        '0'..='7' => numeric(rest, 8, 3, 0),
        'n' => (Some('\n'), 1),
        't' => (Some('\t'), 1),
        'r' => (Some('\r'), 1),
        _ => (Some(first), first.len_utf8()),
    }
}

fn numeric(digits: &str, radix: u32, most: usize, before: usize) -> (Option<char>, usize) {
    let length = digits.chars().take(most).take_while(|c| c.is_digit(radix)).count();
    let code = u32::from_str_radix(&digits[..length], radix).ok();
    (code.and_then(char::from_u32), before + length)
}
