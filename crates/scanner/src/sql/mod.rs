//! SQL: whether a query destroys, whether it only reads, and whether a value is made to break out of one.
//!
//! One lexer for all dialects; see `lexer` for what comments and quotes mean.

mod calls;
mod destruction;
mod functions;
pub(crate) mod lexer;
mod pragmas;
mod reading;
mod statements;

use crate::{finding::Severity, injection};

/// What a query or a value would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// The worst that is destroyed: the rule and how much it matters. `DELETE … WHERE` destroys nothing here.
    pub destructive: Option<(&'static str, Severity)>,
    /// Whether there is a statement and every one only reads: no lock, no file, no other server, no stored
    /// result, no function that is not known to read.
    pub read_only: bool,
    /// Whether the text, put into a query as a value, would change what the query does.
    pub injection: bool,
}

/// Judges `query`, a text in any dialect of SQL; for `injection`, also a bare value.
///
/// - Result: pure; a text that is no SQL destroys nothing and is not read-only.
/// - Cost: O(bytes), whatever the text.
pub fn assess(query: &str) -> Assessment {
    let lexed = lexer::lex(query);
    Assessment {
        destructive: destruction::worst(&lexed.tokens, 0),
        read_only: lexed.closed && reading::is_read_only(&lexed.tokens),
        injection: injection::is_injection(query),
    }
}

/// What `query` destroys; the part of [`assess`] that free text needs.
pub(crate) fn destruction(query: &str) -> Option<(&'static str, Severity)> {
    destruction::worst(&lexer::lex(query).tokens, 0)
}

#[cfg(test)]
mod tests;
