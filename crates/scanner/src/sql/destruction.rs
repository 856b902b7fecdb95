//! Destruction: statements that remove tables, all rows, or guards.

use super::lexer::{self, Class, Token};
use super::statements::{explained, split};
use crate::finding::Severity;

/// What one statement destroys: name of the rule and how much it matters.
pub(super) type Destruction = (&'static str, Severity);

/// How deep text that is run as a statement is followed.
const DEPTH_MAX: usize = 3;
/// What `DROP` is followed by when it is a statement.
const OBJECTS: [&str; 22] = [
    "TABLE",
    "DATABASE",
    "SCHEMA",
    "VIEW",
    "INDEX",
    "USER",
    "ROLE",
    "COLUMN",
    "FUNCTION",
    "PROCEDURE",
    "TRIGGER",
    "SEQUENCE",
    "TYPE",
    "EXTENSION",
    "MATERIALIZED",
    "TABLESPACE",
    "OWNED",
    "KEYSPACE",
    "TEMPORARY",
    "IF",
    "EVENT",
    "POLICY",
];

/// The worst of what the statements of `tokens` destroy.
pub(super) fn worst(tokens: &[Token<'_>], depth: usize) -> Option<Destruction> {
    split(tokens).filter_map(|statement| of_statement(statement, depth)).max_by_key(|(_, severity)| *severity)
}

fn of_statement(statement: &[Token<'_>], depth: usize) -> Option<Destruction> {
    if let Some((inner, runs)) = explained(statement) {
        return if runs { of_statement_itself(inner, depth) } else { None };
    }
    of_statement_itself(statement, depth)
}

fn of_statement_itself(statement: &[Token<'_>], depth: usize) -> Option<Destruction> {
    // Every place where a statement may begin: the start, an opening bracket, the end of a CTE, a block.
    let begins = |at: usize| {
        at == 0 || statement[at - 1].is_any(&["(", ")", "BEGIN", "THEN", "DO", "ELSE", "LOOP", "AS", "GO"])
    };
    let at_begin = (0..statement.len()).filter(|&at| begins(at)).find_map(|at| verb(&statement[at..]));
    at_begin.or_else(|| stacked(statement)).or_else(|| executed(statement, depth))
}

/// What the statement that starts here destroys.
fn verb(rest: &[Token<'_>]) -> Option<Destruction> {
    let next = |at: usize, words: &[&str]| rest.get(at).is_some_and(|token| token.is_any(words));
    let first = rest.first()?;
    if first.is("DROP") && next(1, &OBJECTS) {
        return Some(("sql-drop", Severity::High));
    }
    if first.is("TRUNCATE")
        && rest.get(1).is_some_and(|token| matches!(token.class, Class::Word | Class::Name))
    {
        return Some(("sql-truncate", Severity::High));
    }
    if first.is("ALTER") && rest.iter().any(|token| token.is("DROP")) {
        return Some(("sql-alter-drop", Severity::High));
    }
    if first.is("DELETE") && next(1, &["FROM"]) && !is_limited(rest) {
        return Some(("sql-delete-all", Severity::High));
    }
    if first.is("UPDATE") && rest.iter().take(8).any(|token| token.is("SET")) && !is_limited(rest) {
        return Some(("sql-update-all", Severity::High));
    }
    let all = first.is("GRANT")
        && (next(1, &["ALL", "SUPER"]) || rest.windows(2).any(|p| p[0].is("GRANT") && p[1].is("OPTION")));
    if all {
        return Some(("sql-grant-all", Severity::Medium));
    }
    let reset =
        (first.is("RESET") && next(1, &["MASTER"])) || (first.is("PURGE") && next(1, &["BINARY", "MASTER"]));
    (reset || (first.is("SHUTDOWN") && rest.len() <= 3)).then_some(("sql-server-reset", Severity::High))
}

/// Whether a condition that can be false limits the rows: a WHERE on the statement's own level.
fn is_limited(rest: &[Token<'_>]) -> bool {
    let depth = rest[0].depth;
    let own = rest.iter().take_while(|token| token.depth >= depth);
    let own: Vec<_> = own.filter(|token| token.depth == depth).collect();
    let Some(at) = own.iter().position(|token| token.is("WHERE")) else { return false };
    let condition: Vec<&str> = own[at + 1..].iter().take(3).map(|token| token.text).collect();
    let ends = own.len() <= at + 4;
    let always = match condition[..] {
        [one] => one.eq_ignore_ascii_case("true") || one == "1",
        [left, "=", right] => left == right && ends,
        _ => false,
    };
    !always
}

/// Statements that follow each other without a semicolon, as SQL Server takes them.
fn stacked(statement: &[Token<'_>]) -> Option<Destruction> {
    let reads = statement.first()?.is_any(&["SELECT", "INSERT", "UPDATE", "DELETE", "EXEC", "IF", "DECLARE"]);
    let drops = (1..statement.len().saturating_sub(1)).find(|&at| {
        statement[at].depth == 0
            && (statement[at].is("DROP") || statement[at].is("TRUNCATE"))
            && statement[at + 1].is_any(&["TABLE", "DATABASE", "SCHEMA"])
    });
    drops.filter(|_| reads).map(|_| ("sql-drop", Severity::High))
}

/// Texts that are run as statements: `EXEC('…')`, `sp_executesql N'…'`, `EXECUTE IMMEDIATE '…'`, OPENQUERY.
fn executed(statement: &[Token<'_>], depth: usize) -> Option<Destruction> {
    const RUNS: [&str; 8] =
        ["EXEC", "EXECUTE", "IMMEDIATE", "SP_EXECUTESQL", "OPENQUERY", "OPENROWSET", "PREPARE", "DO"];
    if depth >= DEPTH_MAX || !statement.iter().any(|token| token.is_any(&RUNS)) {
        return None;
    }
    let texts = statement.iter().filter(|token| token.class == Class::Text);
    texts
        .filter_map(|token| worst(&lexer::lex(token.text).tokens, depth + 1))
        .max_by_key(|(_, severity)| *severity)
}
