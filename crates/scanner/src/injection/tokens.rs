//! What a value looks like to an SQL parser: one letter a token, in each context a value can be put into.
//!
//! A value may land bare (`id = …`), inside single quotes or inside double quotes. In quotes the text up to the
//! first quote is the rest of a string, and what follows is code.
//!
//! Source: the idea of contexts is that of libinjection (Galbraith, 2012); classes and words are our own.

/// Where a value is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Context {
    Bare,
    Quoted(char),
}

/// Most tokens of one context that are looked at: an attack shows early.
pub(super) const TOKENS_MAX: usize = 48;

const STATEMENTS: [&str; 24] = [
    "select", "insert", "update", "delete", "drop", "create", "alter", "truncate", "exec", "execute",
    "declare", "waitfor", "shutdown", "merge", "call", "load", "replace", "grant", "if", "begin", "case",
    "set", "handler", "backup",
];
const LOGIC: [&str; 5] = ["or", "and", "xor", "not", "div"];
const OPERATORS: [&str; 13] = [
    "like", "rlike", "regexp", "between", "in", "is", "sounds", "mod", "similar", "collate", "ilike", "glob",
    "escape",
];
const CLAUSES: [&str; 10] =
    ["group", "order", "having", "limit", "offset", "procedure", "into", "outfile", "dumpfile", "returning"];
const KEYWORDS: [&str; 30] = [
    "from", "where", "as", "all", "distinct", "null", "true", "false", "binary", "by", "on", "join", "table",
    "database", "values", "top", "when", "then", "else", "end", "exists", "using", "cast", "convert",
    "delay", "time", "interval", "asc", "desc", "unknown",
];
const FUNCTIONS: [&str; 48] = [
    "concat",
    "concat_ws",
    "group_concat",
    "version",
    "user",
    "database",
    "sleep",
    "benchmark",
    "char",
    "chr",
    "ascii",
    "ord",
    "hex",
    "unhex",
    "substring",
    "substr",
    "mid",
    "left",
    "right",
    "length",
    "load_file",
    "md5",
    "sha1",
    "extractvalue",
    "updatexml",
    "count",
    "ifnull",
    "nullif",
    "coalesce",
    "elt",
    "make_set",
    "cos",
    "sin",
    "pi",
    "rand",
    "floor",
    "exp",
    "conv",
    "xp_cmdshell",
    "pg_sleep",
    "current_user",
    "system_user",
    "session_user",
    "sqlite_version",
    "json_keys",
    "xmltype",
    "utl_inaddr",
    "aes_decrypt",
];
const PLACES: [&str; 12] = [
    "information_schema",
    "sysobjects",
    "syscolumns",
    "sys",
    "mysql",
    "pg_catalog",
    "dual",
    "master",
    "sysibm",
    "all_tables",
    "user_tables",
    "sqlite_master",
];

/// The tokens of `text` in `context`, a letter each, between `^` and `$`. Cost O(bytes).
pub(super) fn classes(text: &str, context: Context) -> Vec<u8> {
    let mut classes = vec![b'^'];
    let mut at = 0;
    if let Context::Quoted(quote) = context {
        at = text.find(quote).map_or(text.len(), |end| end + 1);
        classes.push(if quote == '\'' { b's' } else { b'd' });
    }
    while at < text.len() && classes.len() < TOKENS_MAX {
        let (class, length) = next(&text[at..]);
        classes.extend(class);
        at += length;
    }
    classes.push(b'$');
    classes
}

/// Class and bytes of the token at the start of `rest`; white space has no class.
fn next(rest: &str) -> (Option<u8>, usize) {
    let first = rest.chars().next().unwrap_or(' ');
    match first {
        _ if first.is_whitespace() => (None, first.len_utf8()),
        '\'' | '"' | '`' => string(rest, first),
        '/' if rest.starts_with("/*!") => (Some(b'!'), 3 + digits(&rest[3..]).min(5)),
        '/' if rest.starts_with("/*") => (Some(b'c'), rest[2..].find("*/").map_or(rest.len(), |end| end + 4)),
        '*' if rest.starts_with("*/") => (Some(b'!'), 2),
        '-' if rest.starts_with("--") => (Some(b'c'), line(rest)),
        '#' => (Some(b'c'), line(rest)),
        '(' | ')' | ',' | ';' | '{' | '}' | '[' | ']' | '.' | '?' | '$' | ':' | '\\' => {
            (Some(first as u8), 1)
        }
        '=' | '<' | '>' | '!' | '~' | '^' | '%' | '*' | '/' | '+' | '-' => (Some(b'o'), sign(rest)),
        '|' | '&' => (Some(b'&'), if rest[1..].starts_with(first) { 2 } else { 1 }),
        '@' => (Some(b'v'), 1 + rest[1..].find(|c: char| !is_name(c) && c != '@').unwrap_or(rest.len() - 1)),
        '0'..='9' => number(rest),
        _ if is_name(first) => word(rest),
        _ => (Some(b'x'), first.len_utf8()),
    }
}

fn line(rest: &str) -> usize {
    rest.find('\n').unwrap_or(rest.len())
}

fn digits(rest: &str) -> usize {
    rest.bytes().take_while(u8::is_ascii_digit).count()
}

fn sign(rest: &str) -> usize {
    let pair =
        ["<=>", "<=", ">=", "<>", "!=", "<<", ">>", ":=", "=="].iter().find(|pair| rest.starts_with(**pair));
    pair.map_or(1, |pair| pair.len())
}

/// A string; one that does not end has a class of its own.
fn string(rest: &str, quote: char) -> (Option<u8>, usize) {
    let (closed, open) = match quote {
        '\'' => (b's', b'S'),
        '"' => (b'd', b'D'),
        _ => (b'n', b'x'),
    };
    match rest[1..].find(quote) {
        Some(end) => (Some(closed), end + 2),
        None => (Some(open), rest.len()),
    }
}

/// A number, and whether letters run into it (`48x`, `1union`).
fn number(rest: &str) -> (Option<u8>, usize) {
    if rest.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x")) {
        let hex = rest[2..].bytes().take_while(u8::is_ascii_hexdigit).count();
        if hex > 0 {
            return (Some(b'h'), hex + 2);
        }
    }
    let length = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    (Some(b'1'), length)
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn word(rest: &str) -> (Option<u8>, usize) {
    let length = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
    let word = rest[..length].to_ascii_lowercase();
    let is = |words: &[&str]| words.contains(&word.as_str());
    let called = rest[length..].trim_start().starts_with('(');
    let class = match word.as_str() {
        "union" => b'U',
        _ if is(&FUNCTIONS) && called => b'f',
        _ if is(&STATEMENTS) => b'E',
        _ if is(&LOGIC) => b'&',
        _ if is(&OPERATORS) => b'O',
        _ if is(&CLAUSES) => b'B',
        _ if is(&KEYWORDS) => b'k',
        _ if is(&PLACES) => b'T',
        _ if called => b'F',
        _ => b'n',
    };
    (Some(class), length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(text: &str, context: Context) -> String {
        String::from_utf8(classes(text, context)).unwrap()
    }

    #[test]
    fn a_value_reads_differently_in_each_context() {
        assert_eq!(letters("x' or 1=1 -- a", Context::Quoted('\'')), "^s&1o1c$");
        assert_eq!(letters("1 union select 0xff, version()", Context::Bare), "^1UEh,f()$");
        assert_eq!(letters("it's fine", Context::Bare), "^nS$");
        assert_eq!(letters("", Context::Quoted('"')), "^d$");
    }
}
