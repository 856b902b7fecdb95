//! Statements: which ones destroy, and which ones only read.

use super::lexer::{Class, Token};

/// Split at semicolons.
pub(super) fn split<'t, 'q>(tokens: &'t [Token<'q>]) -> impl Iterator<Item = &'t [Token<'q>]> {
    tokens.split(|token| token.class == Class::Sign && token.text == ";").filter(|one| !one.is_empty())
}

/// What EXPLAIN is given, and whether that is run: `EXPLAIN ANALYZE …`, `EXPLAIN (ANALYZE, …) …`.
pub(super) fn explained<'t, 'q>(statement: &'t [Token<'q>]) -> Option<(&'t [Token<'q>], bool)> {
    let first = statement.first().filter(|token| token.is_any(&["EXPLAIN", "DESCRIBE", "DESC"]))?;
    let mut rest = &statement[1..];
    let mut runs = false;
    if first.is("EXPLAIN") && rest.first().is_some_and(|token| token.is("(")) {
        let close = rest.iter().position(|token| token.is(")")).unwrap_or(rest.len() - 1);
        runs = rest[..close]
            .windows(2)
            .any(|pair| pair[0].is_any(&["ANALYZE", "ANALYSE"]) && !pair[1].is_any(&["FALSE", "OFF", "0"]))
            || rest[..close].last().is_some_and(|token| token.is("ANALYZE"));
        rest = &rest[close + 1..];
    }
    while let Some(option) = rest.first().filter(|token| {
        token.is_any(&["ANALYZE", "ANALYSE", "VERBOSE", "EXTENDED", "PARTITIONS", "QUERY", "PLAN"])
    }) {
        runs |= option.is_any(&["ANALYZE", "ANALYSE"]);
        rest = &rest[1..];
    }
    Some((rest, runs))
}

/// Whether the words `first` and `second` follow each other anywhere.
pub(super) fn has_pair(tokens: &[Token<'_>], first: &str, second: &[&str]) -> bool {
    tokens.windows(2).any(|pair| pair[0].is(first) && pair[1].is_any(second))
}
