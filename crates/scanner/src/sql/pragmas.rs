//! Settings of SQLite: which are asked for, and which are changed.
//!
//! Source: SQLite 3.46, PRAGMA Statements.

use super::lexer::{Class, Token};

/// Questions: a table, an index or a count may be their argument.
const QUESTIONS: [&str; 16] = [
    "table_info",
    "table_xinfo",
    "table_list",
    "index_list",
    "index_info",
    "index_xinfo",
    "foreign_key_list",
    "foreign_key_check",
    "integrity_check",
    "quick_check",
    "database_list",
    "collation_list",
    "function_list",
    "module_list",
    "pragma_list",
    "compile_options",
];
/// Orders: they act without any argument.
const ORDERS: [&str; 4] = ["incremental_vacuum", "optimize", "shrink_memory", "wal_checkpoint"];

/// Whether the words behind `PRAGMA` only ask: a question with its argument, or a setting without a value.
pub(super) fn asks(rest: &[Token<'_>]) -> bool {
    let rest = match rest {
        [schema, point, rest @ ..] if point.is(".") && is_name(schema) => rest,
        _ => rest,
    };
    let among =
        |names: &[&str], name: &Token<'_>| names.iter().any(|one| name.text.eq_ignore_ascii_case(one));
    match rest {
        [name] => is_name(name) && !among(&ORDERS, name),
        [name, ..] => is_name(name) && among(&QUESTIONS, name),
        [] => false,
    }
}

fn is_name(token: &Token<'_>) -> bool {
    matches!(token.class, Class::Word | Class::Name)
}
