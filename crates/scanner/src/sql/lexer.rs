//! SQL tokens: strings, names and comments told apart in all dialects at once.
//!
//! Comments vanish, but what MySQL and MariaDB run out of `/*! … */` and `/*M! … */` stays. Strings end as the
//! standard says (`''` is a quote inside); dollar quotes are strings.
//!
//! Source: ISO/IEC 9075-2, section 5; PostgreSQL 17, section 4.1; MySQL 8.4, sections 11.1 and 11.7.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// A name or keyword, not quoted.
    Word,
    /// A name in double quotes, backquotes or square brackets.
    Name,
    /// A number, hexadecimal included.
    Number,
    /// Text in single quotes or dollar quotes.
    Text,
    /// Any other sign, by itself.
    Sign,
}

/// One token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'q> {
    pub(crate) class: Class,
    /// As written; without the quotes for names and texts.
    pub(crate) text: &'q str,
    /// Open brackets around it.
    pub(crate) depth: usize,
}

impl Token<'_> {
    /// Whether this is the keyword `word` (in capitals), not a quoted name of that spelling.
    pub(crate) fn is(&self, word: &str) -> bool {
        matches!(self.class, Class::Word | Class::Sign) && self.text.eq_ignore_ascii_case(word)
    }

    /// Whether this is one of these keywords (in capitals).
    pub(crate) fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }
}

/// The tokens of `query`. Never fails: what is left open ends with the text. Cost O(bytes).
pub(crate) fn lex(query: &str) -> Vec<Token<'_>> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let (mut at, mut depth, mut runs) = (0, 0_usize, 0_usize);
    while let Some(next) = query[at..].chars().next() {
        let rest = &query[at..];
        if next.is_whitespace() {
            at += next.len_utf8();
        } else if let Some(open) = executable(rest) {
            runs += 1;
            at += open;
        } else if runs > 0 && rest.starts_with("*/") {
            runs -= 1;
            at += 2;
        } else if let Some(length) = comment(rest) {
            at += length;
        } else {
            let (class, text, length) =
                token(rest, next, at.checked_sub(1).map(|before| query.as_bytes()[before]));
            depth = if text == ")" && class == Class::Sign { depth.saturating_sub(1) } else { depth };
            tokens.push(Token { class, text, depth });
            depth += usize::from(text == "(" && class == Class::Sign);
            at += length;
        }
    }
    tokens
}

/// Bytes of the opening of a comment that is run: `/*!50000` or `/*M!100100`.
fn executable(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix("/*")?;
    let bang = body.strip_prefix('!').or_else(|| body.strip_prefix("M!"))?;
    let version = bang.bytes().take(6).take_while(u8::is_ascii_digit).count();
    Some(rest.len() - bang.len() + version)
}

/// Bytes of a comment at the start of `rest`.
fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("--") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    let body = rest.strip_prefix("/*")?;
    Some(body.find("*/").map_or(rest.len(), |end| end + 4))
}

/// The token at the start of `rest`, and its bytes.
fn token(rest: &str, next: char, before: Option<u8>) -> (Class, &str, usize) {
    match next {
        '\'' => delimited(rest, '\'', Class::Text),
        '"' => delimited(rest, '"', Class::Name),
        '`' => delimited(rest, '`', Class::Name),
        '[' if !before.is_some_and(is_indexed) => {
            let length = rest.find(']').map_or(rest.len(), |end| end + 1);
            (Class::Name, rest[1..length].trim_end_matches(']'), length)
        }
        '$' => dollar_quoted(rest).unwrap_or((Class::Sign, &rest[..1], 1)),
        _ if next.is_ascii_digit() => {
            let length =
                rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'.').count();
            (Class::Number, &rest[..length], length)
        }
        _ if is_word(next) => {
            let length = rest.find(|c: char| !is_word(c) && !c.is_ascii_digit()).unwrap_or(rest.len());
            (Class::Word, &rest[..length], length)
        }
        _ => (Class::Sign, &rest[..next.len_utf8()], next.len_utf8()),
    }
}

/// Whether a bracket behind this byte is an index: `name[1]`.
fn is_indexed(before: u8) -> bool {
    before.is_ascii_alphanumeric() || matches!(before, b'_' | b'"' | b')' | b']')
}

fn is_word(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | '@' | '#')
}

/// Text up to the next `quote`; a doubled one is part of it.
fn delimited(rest: &str, quote: char, class: Class) -> (Class, &str, usize) {
    let mut at = 1;
    while let Some(found) = rest[at..].find(quote) {
        at += found + 1;
        if !rest[at..].starts_with(quote) {
            return (class, &rest[1..at - 1], at);
        }
        at += 1;
    }
    (class, &rest[1..], rest.len())
}

/// `$$ … $$` and `$tag$ … $tag$`; a tag is at most 63 bytes.
fn dollar_quoted(rest: &str) -> Option<(Class, &str, usize)> {
    let length =
        rest[1..].bytes().take(63).take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    let tag = rest.get(..length + 2).filter(|tag| tag.ends_with('$'))?;
    let body = &rest[tag.len()..];
    let end = body.find(tag).unwrap_or(body.len());
    Some((Class::Text, &body[..end], rest.len().min(tag.len() + end + tag.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(query: &str) -> Vec<&str> {
        lex(query).iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_vanish_but_what_is_run_stays() {
        assert_eq!(texts("a /* b */ c -- d\ne"), ["a", "c", "e"]);
        assert_eq!(texts("/*!50000 drop */ x /*M!100 y*/"), ["drop", "x", "y"]);
        assert_eq!(texts("a /* open"), ["a"]);
    }

    #[test]
    fn quotes_hold_their_text() {
        assert_eq!(
            texts("'it''s' \"a b\" `c` [d e] $$f$$ $t$g$$h$t$ n[1]"),
            ["it''s", "a b", "c", "d e", "f", "g$$h", "n", "[", "1", "]"]
        );
    }
}
