//! Reading: whether a query only reads, and nothing it calls does more.
//!
//! What is not known to read counts as writing: a statement that is not listed, a function that is not listed
//! (see `functions`), a text whose quotes, brackets or comments stay open. Row locks, files, sleeping, sequences,
//! settings of the session and other servers count as more than reading.
//!
//! Source: what PostgreSQL 17 refuses in a transaction that is `READ ONLY`, and the statements of MySQL 8.4,
//! SQLite 3.46, SQL Server 2022 and Oracle 23 that match.

use super::{
    calls,
    lexer::{Class, Token},
    pragmas,
    statements::{explained, has_pair, split},
};

/// Statements that only read and call nothing.
const SHOWS: [&str; 5] = ["SHOW", "DESCRIBE", "DESC", "FETCH", "CLOSE"];
/// Statements that select.
const SELECTS: [&str; 5] = ["SELECT", "WITH", "FROM", "VALUES", "TABLE"];
/// Words that begin a statement that does more; in a query they stand only where one begins.
const STARTERS: [&str; 24] = [
    "INSERT",
    "UPDATE",
    "DELETE",
    "MERGE",
    "REPLACE",
    "TRUNCATE",
    "DROP",
    "ALTER",
    "CREATE",
    "GRANT",
    "REVOKE",
    "DENY",
    "RENAME",
    "EXEC",
    "EXECUTE",
    "CALL",
    "BACKUP",
    "RESTORE",
    "RECONFIGURE",
    "SHUTDOWN",
    "KILL",
    "DBCC",
    "WAITFOR",
    "BULK",
];
/// Words behind which a value or a name stands: what follows them begins no statement.
const OPENERS: [&str; 26] = [
    "SELECT", "DISTINCT", "ALL", "TOP", "FROM", "JOIN", "ON", "WHERE", "AND", "OR", "NOT", "IN", "IS",
    "LIKE", "BETWEEN", "BY", "HAVING", "CASE", "WHEN", "THEN", "ELSE", "AS", "USING", "SHOW", "LIMIT",
    "COLUMN",
];
/// Hints of SQL Server that take the locks of a writer.
const LOCK_HINTS: [&str; 3] = ["UPDLOCK", "XLOCK", "TABLOCKX"];

/// Whether there is a statement and all of them only read.
pub(super) fn is_read_only(tokens: &[Token<'_>]) -> bool {
    let mut statements = split(tokens).peekable();
    statements.peek().is_some() && statements.all(reads)
}

fn reads(statement: &[Token<'_>]) -> bool {
    if let Some((inner, runs)) = explained(statement) {
        return explains(inner, runs);
    }
    let opening = statement.iter().take_while(|token| token.is("(")).count();
    let Some(first) = statement.get(opening) else { return false };
    let rest = &statement[opening + 1..];
    if first.is("PRAGMA") {
        return pragmas::asks(rest);
    }
    if first.is("DECLARE") || first.is("PREPARE") {
        return prepares(first, rest);
    }
    first.is_any(&SHOWS) || (first.is_any(&SELECTS) && selects_only(statement))
}

/// What is only planned may be anything, but planning a query may call what it calls.
fn explains(inner: &[Token<'_>], runs: bool) -> bool {
    let selects = inner.first().is_some_and(|first| first.is_any(&SELECTS) || first.is("("));
    // `EXPLAIN PLAN FOR …` stores the plan in a table.
    let stores = inner.first().is_some_and(|first| first.is_any(&["FOR", "SET", "INTO"]))
        && !has_pair(inner, "FOR", &["CONNECTION"]);
    match (runs, selects) {
        (true, _) => reads(inner),
        (false, true) => calls::all_read(inner),
        (false, false) => !stores,
    }
}

/// `DECLARE name CURSOR FOR …` and `PREPARE name AS …` do what the query does that they keep.
fn prepares(first: &Token<'_>, rest: &[Token<'_>]) -> bool {
    let behind = if first.is("DECLARE") { "FOR" } else { "AS" };
    let cursor = first.is("PREPARE") || rest.iter().any(|token| token.is("CURSOR"));
    let query = rest.iter().position(|token| token.is(behind)).map(|at| &rest[at + 1..]);
    cursor && query.is_some_and(|query| !query.is_empty() && reads(query))
}

fn selects_only(statement: &[Token<'_>]) -> bool {
    let locks = has_pair(statement, "FOR", &["UPDATE", "SHARE", "NO", "KEY"])
        || has_pair(statement, "LOCK", &["IN"])
        || statement.iter().any(|token| token.is_any(&LOCK_HINTS))
        || has_pair(statement, "PROCEDURE", &["ANALYSE"]);
    let counts = has_pair(statement, "NEXT", &["VALUE"])
        || statement.windows(2).any(|pair| pair[0].is(".") && pair[1].is("NEXTVAL"));
    !(locks || counts || stores(statement)) && calls::all_read(statement) && !goes_on(statement)
}

/// A result kept in a table, a file or a variable: `INTO`, `@x := …`.
fn stores(statement: &[Token<'_>]) -> bool {
    let assigns = |at: usize| {
        statement[at].text.starts_with('@')
            && statement.get(at + 1).is_some_and(|token| token.is(":"))
            && statement.get(at + 2).is_some_and(|token| token.is("="))
    };
    (0..statement.len()).any(|at| (statement[at].is("INTO") && !is_name(statement, at)) || assigns(at))
}

/// Whether the word at `at` is only a name there: behind a point or AS.
fn is_name(statement: &[Token<'_>], at: usize) -> bool {
    at > 0 && statement[at - 1].is_any(&[".", "AS"])
}

/// A writing statement inside a CTE, behind one, or behind a SELECT without a semicolon.
fn goes_on(statement: &[Token<'_>]) -> bool {
    let common = statement[0].is("WITH");
    (1..statement.len()).any(|at| {
        let word = &statement[at];
        if !word.is_any(&STARTERS) || is_name(statement, at) {
            return false;
        }
        let before = &statement[at - 1];
        let ends_value = before.is_any(&["(", ")"])
            || before.class != Class::Sign && !(before.class == Class::Word && before.is_any(&OPENERS));
        // `delete AS d`, `update, …`, `replace(…)` in a list of columns are names and functions.
        let goes_on = statement.get(at + 1).is_none_or(|next| {
            !(next.class == Class::Sign) && !next.is_any(&["AS", "IS", "AND", "OR", "ASC", "DESC"])
        });
        (ends_value && goes_on)
            || (common && before.is(")") && statement.get(at + 1).is_some_and(|t| t.is("(")))
    })
}
