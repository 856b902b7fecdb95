//! Calls: which functions a query calls.

use super::{
    functions,
    lexer::{Class, Token},
};

/// Words before a bracket that call nothing.
const KEYWORDS: &str = "\
    ALL AND ANTI ANY APPLY AS ASC BERNOULLI BETWEEN BY CASE CROSS CUBE DESC DISTINCT ELSE END ESCAPE \
    EXCEPT EXISTS EXPLAIN FETCH FILTER FIRST FOR FROM FULL GROUP GROUPS HAVING ILIKE IN INDEX INNER \
    INTERSECT IS JOIN KEEP KEY LATERAL LIKE LIMIT MATERIALIZED MINUS NATURAL NEXT NOT OF OFFSET ON \
    OPTION OR ORDER OUTER OVER PARTITION PERCENT PIVOT PREWHERE QUALIFY RANGE RECURSIVE ROLLUP ROWS \
    SELECT SEMI SETS SOME SYSTEM TABLE TABLESAMPLE THEN TOP UNION UNPIVOT USING WHEN WHERE WINDOW WITH \
    WITHIN XOR ZONE";
/// Longest list of columns of a CTE, in tokens.
const COLUMNS_MAX: usize = 256;
/// Schemas of the servers' own functions.
const OWN_SCHEMAS: [&str; 4] = ["PG_CATALOG", "SYS", "INFORMATION_SCHEMA", "SYSTEM"];

/// Whether everything that is called is known to read.
///
/// A name before a bracket is a call, unless it names the columns of a CTE or of an alias. Cost O(tokens).
pub(super) fn all_read(statement: &[Token<'_>]) -> bool {
    (1..statement.len()).filter(|&at| statement[at].is("(")).all(|at| {
        let name = &statement[at - 1];
        let is_keyword =
            name.class == Class::Word && KEYWORDS.split_ascii_whitespace().any(|word| name.is(word));
        let calls = matches!(name.class, Class::Word | Class::Name) && !is_keyword;
        !calls || reads(statement, at - 1) || names_columns(statement, at - 1)
    })
}

/// Whether the function at `at` reads: its name does, in no schema but the server's.
fn reads(statement: &[Token<'_>], at: usize) -> bool {
    let qualified = at >= 2 && statement[at - 1].is(".");
    let own = |schema: &Token<'_>| OWN_SCHEMAS.iter().any(|name| schema.text.eq_ignore_ascii_case(name));
    functions::only_reads(statement[at].text) && (!qualified || own(&statement[at - 2]))
        || (qualified && is_method(statement, at))
}

/// What SQL Server asks of a column of XML: `doc.value('(/a)[1]', 'int')`.
fn is_method(statement: &[Token<'_>], at: usize) -> bool {
    statement[at].is_any(&["VALUE", "NODES", "QUERY", "EXIST"])
        && statement.get(at + 2).is_some_and(|argument| argument.class == Class::Text)
}

/// `WITH t(a, b) AS (…)`, `… AS t(a, b)`, `unnest(x) t(a)`.
fn names_columns(statement: &[Token<'_>], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| &statement[before]) else { return false };
    if before.is_any(&["WITH", "RECURSIVE", "AS", ")"]) {
        return true;
    }
    let depth = statement[at].depth;
    let close =
        statement[at + 1..].iter().take(COLUMNS_MAX).position(|token| token.is(")") && token.depth == depth);
    let behind = close.map_or(&[][..], |close| &statement[at + 2 + close..]);
    before.is(",")
        && behind.first().is_some_and(|token| token.is("AS"))
        && behind.get(1).is_some_and(|token| token.is_any(&["(", "NOT", "MATERIALIZED"]))
}
