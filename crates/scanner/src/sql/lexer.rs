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

/// The tokens of a query.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lexed<'q> {
    pub(crate) tokens: Vec<Token<'q>>,
    /// Whether every quote, comment and bracket that is opened is closed, and none is closed that was not.
    pub(crate) closed: bool,
}

/// The tokens of `query`. Never fails: what is left open ends with the text. Cost O(bytes).
pub(crate) fn lex(query: &str) -> Lexed<'_> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let (mut at, mut depth, mut runs, mut closed) = (0, 0_usize, 0_usize, true);
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
            closed &= rest.starts_with("--") || rest[..length].ends_with("*/");
            at += length;
        } else {
            let piece = token(&query[..at], rest, next);
            let is_sign = |sign| piece.class == Class::Sign && piece.text == sign;
            let (opens, closes) = (is_sign("("), is_sign(")"));
            closed &= piece.closed && !(closes && depth == 0);
            depth = depth.saturating_sub(usize::from(closes));
            tokens.push(Token { class: piece.class, text: piece.text, depth });
            depth += usize::from(opens);
            at += piece.length;
        }
    }
    Lexed { tokens, closed: closed && depth == 0 && runs == 0 }
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

/// A token as it was read.
struct Piece<'q> {
    class: Class,
    text: &'q str,
    /// Bytes in the query, quotes included.
    length: usize,
    /// Whether its quote ends.
    closed: bool,
}

impl<'q> Piece<'q> {
    /// The first `length` bytes of `rest`, as they are.
    fn plain(class: Class, rest: &'q str, length: usize) -> Self {
        Self { class, text: &rest[..length], length, closed: true }
    }
}

/// The token at the start of `rest`; `before` is the query up to there.
fn token<'q>(before: &str, rest: &'q str, next: char) -> Piece<'q> {
    let last = before.bytes().next_back();
    match next {
        '\'' if is_escape_prefix(before) => escaped(rest),
        '\'' => delimited(rest, '\'', Class::Text),
        '"' => delimited(rest, '"', Class::Name),
        '`' => delimited(rest, '`', Class::Name),
        '[' if !last.is_some_and(is_indexed) => {
            let end = rest.find(']');
            let length = end.map_or(rest.len(), |end| end + 1);
            let text = rest[1..length].trim_end_matches(']');
            Piece { class: Class::Name, text, length, closed: end.is_some() }
        }
        '$' => dollar_quoted(rest).unwrap_or_else(|| Piece::plain(Class::Sign, rest, 1)),
        _ if next.is_ascii_digit() => {
            let length =
                rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'.').count();
            Piece::plain(Class::Number, rest, length)
        }
        _ if is_word(next) => {
            let length = rest.find(|c: char| !is_word(c) && !c.is_ascii_digit()).unwrap_or(rest.len());
            Piece::plain(Class::Word, rest, length)
        }
        _ => Piece::plain(Class::Sign, rest, next.len_utf8()),
    }
}

/// Whether a bracket behind this byte is an index: `name[1]`.
fn is_indexed(before: u8) -> bool {
    before.is_ascii_alphanumeric() || matches!(before, b'_' | b'"' | b')' | b']')
}

fn is_word(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | '@' | '#')
}

/// Whether a text that starts here has escapes in it: PostgreSQL's `E'…'`.
fn is_escape_prefix(before: &str) -> bool {
    before
        .strip_suffix(['e', 'E'])
        .is_some_and(|head| !head.chars().next_back().is_some_and(|c| is_word(c) || c.is_ascii_digit()))
}

/// Text up to the next `quote`; a doubled one is part of it.
fn delimited(rest: &str, quote: char, class: Class) -> Piece<'_> {
    let mut at = 1;
    while let Some(found) = rest[at..].find(quote) {
        at += found + 1;
        if !rest[at..].starts_with(quote) {
            return Piece { class, text: &rest[1..at - 1], length: at, closed: true };
        }
        at += 1;
    }
    Piece { class, text: &rest[1..], length: rest.len(), closed: false }
}

/// Text in single quotes with escapes: `\'` and `''` are part of it.
fn escaped(rest: &str) -> Piece<'_> {
    let mut at = 1;
    while let Some(found) = rest[at..].find(['\'', '\\']) {
        at += found;
        if rest[at..].starts_with('\'') && !rest[at..].starts_with("''") {
            return Piece { class: Class::Text, text: &rest[1..at], length: at + 1, closed: true };
        }
        at += 1 + rest[at + 1..].chars().next().map_or(0, char::len_utf8);
    }
    Piece { class: Class::Text, text: &rest[1..], length: rest.len(), closed: false }
}

/// `$$ … $$` and `$tag$ … $tag$`; a tag is at most 63 bytes and starts with no digit.
fn dollar_quoted(rest: &str) -> Option<Piece<'_>> {
    let length =
        rest[1..].bytes().take(63).take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    let tag = rest.get(..length + 2).filter(|tag| tag.ends_with('$'))?;
    if tag.as_bytes()[1].is_ascii_digit() {
        return None;
    }
    let body = &rest[tag.len()..];
    let found = body.find(tag);
    let end = found.unwrap_or(body.len());
    let length = rest.len().min(tag.len() + end + tag.len());
    Some(Piece { class: Class::Text, text: &body[..end], length, closed: found.is_some() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(query: &str) -> Vec<&str> {
        lex(query).tokens.iter().map(|token| token.text).collect()
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
        assert_eq!(texts(r"E'a\'b' 'c\' $1"), ["E", r"a\'b", r"c\", "$", "1"]);
    }

    #[test]
    fn what_stays_open_is_said_to() {
        for query in ["a 'b", "a \"b", "a (b", "a )", "a /* b", "$$ a", "[a", "/*! a", "('a"] {
            assert!(!lex(query).closed, "{query}");
        }
        for query in ["", "a 'b''' (c) /* d */ -- e", "$1 $a$ ' $a$", "/*!1 a */"] {
            assert!(lex(query).closed, "{query}");
        }
    }
}
