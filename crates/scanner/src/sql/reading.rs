//! Reading: whether a query only reads, and nothing it calls does more.
//!
//! What is not known to read counts as writing. Locks, files, sleeping and other servers count as more than
//! reading.

use super::lexer::{Class, Token};
use super::statements::{explained, has_pair, split};

/// Statements that only read, by their first word. SELECT, WITH, PRAGMA and EXPLAIN are looked at closer.
const READS: [&str; 6] = ["SHOW", "DESCRIBE", "DESC", "VALUES", "TABLE", "USE"];
/// Functions that write, lock, wait, read files or reach other servers.
const EFFECTS: [&str; 27] = [
    "set_config",
    "nextval",
    "setval",
    "query_to_xml",
    "database_to_xml",
    "table_to_xml",
    "cursor_to_xml",
    "lowrite",
    "load_file",
    "sleep",
    "benchmark",
    "get_lock",
    "release_lock",
    "release_all_locks",
    "master_pos_wait",
    "sys_exec",
    "sys_eval",
    "openquery",
    "openrowset",
    "opendatasource",
    "load_extension",
    "writefile",
    "readfile",
    "edit",
    "xp_cmdshell",
    "fts3_tokenizer",
    "txid_current",
];
/// Families of such functions, by how their names begin.
const EFFECT_PREFIXES: [&str; 5] = ["lo_", "dblink", "utl_", "dbms_", "xp_"];
/// What a function of PostgreSQL's own does if its name holds one of these.
const EFFECT_PARTS: [&str; 19] = [
    "read_",
    "_ls_",
    "_stat_file",
    "sleep",
    "terminate",
    "cancel",
    "reload",
    "rotate",
    "advisory",
    "notify",
    "switch_",
    "create_",
    "drop_",
    "promote",
    "reset",
    "logical",
    "export",
    "backup",
    "file_",
];
/// Statements that may follow a CTE or a bracket, and then write.
const WRITES: [&str; 12] = [
    "INSERT", "UPDATE", "DELETE", "MERGE", "EXEC", "EXECUTE", "CALL", "DROP", "TRUNCATE", "ALTER", "CREATE",
    "REPLACE",
];
/// Settings of SQLite that are answers, not switches.
const PRAGMAS: [&str; 18] = [
    "table_info",
    "table_xinfo",
    "table_list",
    "index_list",
    "index_info",
    "index_xinfo",
    "foreign_key_list",
    "database_list",
    "collation_list",
    "function_list",
    "module_list",
    "pragma_list",
    "compile_options",
    "user_version",
    "schema_version",
    "page_count",
    "page_size",
    "foreign_key_check",
];

/// Whether all statements only read. An empty query does.
pub(super) fn is_read_only(tokens: &[Token<'_>]) -> bool {
    split(tokens).all(reads)
}

fn reads(statement: &[Token<'_>]) -> bool {
    if let Some((inner, runs)) = explained(statement) {
        return !runs || reads(inner);
    }
    let opening = statement.iter().take_while(|token| token.is("(")).count();
    let Some(first) = statement.get(opening) else { return false };
    if first.is("PRAGMA") {
        return reads_setting(&statement[opening + 1..]);
    }
    (first.is_any(&["SELECT", "WITH", "FROM"]) || first.is_any(&READS)) && selects_only(statement)
}

/// A setting is read: a known name, and no value given to it but the table it is about.
fn reads_setting(rest: &[Token<'_>]) -> bool {
    let names = rest.iter().filter(|token| matches!(token.class, Class::Word | Class::Name));
    let named = names.clone().any(|token| PRAGMAS.iter().any(|name| token.text.eq_ignore_ascii_case(name)));
    let alone = rest.len() == 1;
    let settings =
        ["JOURNAL_MODE", "ENCODING", "CACHE_SIZE", "FOREIGN_KEYS", "INTEGRITY_CHECK", "QUICK_CHECK"];
    (named || (alone && rest[0].is_any(&settings))) && !rest.iter().any(|token| token.is("="))
}

fn selects_only(statement: &[Token<'_>]) -> bool {
    let locks = has_pair(statement, "FOR", &["UPDATE", "SHARE", "NO", "KEY"])
        || has_pair(statement, "LOCK", &["IN"])
        || has_pair(statement, "PROCEDURE", &["ANALYSE"]);
    let stores = statement.iter().any(|token| token.is("INTO"));
    !locks && !stores && !calls_effect(statement) && !goes_on_writing(statement)
}

fn calls_effect(statement: &[Token<'_>]) -> bool {
    statement.windows(2).any(|pair| {
        let name = pair[0].text;
        pair[1].is("(") && matches!(pair[0].class, Class::Word | Class::Name) && has_effect(name)
    }) || statement.iter().any(|token| token.is_any(&["XP_CMDSHELL", "SP_EXECUTESQL"]))
}

fn has_effect(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let own = name.starts_with("pg_") && EFFECT_PARTS.iter().any(|part| name.contains(part));
    own || EFFECTS.contains(&name.as_str()) || EFFECT_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// A writing statement inside a CTE, behind one, or behind a SELECT without a semicolon.
fn goes_on_writing(statement: &[Token<'_>]) -> bool {
    let begins = |at: usize| statement[at].is_any(&["(", ")"]);
    let nested = statement.windows(2).enumerate().any(|(at, pair)| {
        let calls = statement.get(at + 2).is_some_and(|token| token.is("("));
        begins(at) && pair[1].is_any(&WRITES) && !(pair[1].is("REPLACE") && calls)
    });
    nested
        || has_pair(statement, "DELETE", &["FROM"])
        || has_pair(statement, "INSERT", &["INTO"])
        || has_pair(statement, "DROP", &["TABLE", "DATABASE", "SCHEMA", "VIEW", "INDEX"])
        || has_pair(statement, "TRUNCATE", &["TABLE"])
        || has_pair(statement, "ALTER", &["TABLE"])
        || statement
            .windows(2)
            .any(|pair| pair[0].is_any(&["EXEC", "EXECUTE"]) && pair[1].class != Class::Sign)
}
