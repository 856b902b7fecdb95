//! What destroys, what only reads, and the tricks between.

use super::*;
use proptest::prelude::*;

fn rule(query: &str) -> Option<&'static str> {
    assess(query).destructive.map(|(rule, _)| rule)
}

#[test]
fn destruction_is_seen_in_any_dress() {
    for (query, expected) in [
        ("drop table if exists users", "sql-drop"),
        ("SELECT 1; DROP DATABASE x", "sql-drop"),
        ("/*!50000 DROP TABLE users */", "sql-drop"),
        ("DELETE FROM users;", "sql-delete-all"),
        ("DELETE FROM users WHERE 1=1", "sql-delete-all"),
        ("DELETE /* WHERE id = 1 */ FROM users", "sql-delete-all"),
        ("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x WHERE id = 1", "sql-delete-all"),
        ("UPDATE users SET admin = true", "sql-update-all"),
        ("truncate orders", "sql-truncate"),
        ("ALTER TABLE t DROP COLUMN c", "sql-alter-drop"),
        ("EXEC('DROP TABLE users')", "sql-drop"),
        ("EXPLAIN ANALYZE DELETE FROM t", "sql-delete-all"),
        ("GRANT ALL PRIVILEGES ON *.* TO 'x'@'%'", "sql-grant-all"),
        ("SELECT 1 DROP TABLE users", "sql-drop"),
    ] {
        assert_eq!(rule(query), Some(expected), "{query}");
    }
}

#[test]
fn what_is_limited_or_only_said_destroys_nothing() {
    for query in [
        "DELETE FROM users WHERE id = 7",
        "DELETE FROM users WHERE EXISTS (SELECT 1)",
        "UPDATE t SET a = 1 WHERE b = 2",
        "SELECT 'DROP TABLE users'",
        "SELECT 1 -- DROP TABLE users",
        "EXPLAIN DELETE FROM users",
        "SELECT \"drop\" FROM t",
        "drop by my house and truncate nothing",
        "GRANT SELECT ON t TO reader",
        "",
    ] {
        assert_eq!(rule(query), None, "{query}");
    }
}

#[test]
fn reading_is_reading_only_if_nothing_else_happens() {
    for query in [
        "SELECT * FROM t; SELECT 2",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "EXPLAIN DELETE FROM t",
        "EXPLAIN (ANALYZE false) DELETE FROM t",
        "PRAGMA table_info(users)",
        "(SELECT 1) UNION (SELECT replace(a, 'x', 'y') FROM t)",
        "SELECT 'INTO' AS \"into\"",
    ] {
        assert!(assess(query).read_only, "{query}");
    }
    for query in [
        "SELECT * INTO x FROM t",
        "SELECT 1 FOR UPDATE",
        "SELECT pg_sleep(10)",
        "EXPLAIN (ANALYZE, BUFFERS) DELETE FROM t",
        "WITH a AS (UPDATE t SET b = 1 RETURNING *) SELECT * FROM a",
        "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
        "SELECT 1; DROP TABLE t",
        "PRAGMA query_only = OFF",
        "SELECT * FROM OPENQUERY(s, 'x')",
        "ANALYZE t",
        "hello",
    ] {
        assert!(!assess(query).read_only, "{query}");
    }
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in "[a-zA-Z0-9 '\"`$()\\[\\];,*/!#@\n=-]{0,60}") {
        assess(&text);
    }

    #[test]
    fn a_comment_between_words_changes_nothing(note in "[a-z ]{0,9}", upper: bool) {
        let query = format!("drop/*{note}*/table -- {note}\n users");
        let query = if upper { query.to_uppercase() } else { query };
        prop_assert_eq!(rule(&query), Some("sql-drop"));
    }
}
