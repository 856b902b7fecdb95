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
        "SELECT * FROM t; SELECT 2;",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "WITH a(x, y) AS (SELECT 1, 2), b(z) AS NOT MATERIALIZED (SELECT 3) SELECT * FROM a, b",
        "EXPLAIN DELETE FROM t",
        "EXPLAIN UPDATE t SET a = f(b)",
        "EXPLAIN (ANALYZE false) DELETE FROM t",
        "EXPLAIN ANALYZE SELECT count(*) FROM t",
        "EXPLAIN FORMAT=JSON SELECT 1",
        "(SELECT 1) UNION (SELECT replace(a, 'x', 'y') FROM t)",
        "SELECT 'INTO' AS \"into\", t.update, t.delete AS insert FROM t ORDER BY t.drop",
        "SELECT [update], `delete`, \"insert\" FROM t",
        "SELECT $$; DROP TABLE t$$, $a$ INTO $a$, E'it\\'s; drop table t'",
        "SELECT /* INTO x */ 1 -- FOR UPDATE",
        "SELECT TRUNCATE(1.5, 0), LEFT(a, 2) FROM t",
        "SELECT * FROM unnest(ARRAY[1, 2]) u(x) WHERE x IN (1, 2) AND EXISTS (SELECT 1)",
        "SELECT sum(a) FILTER (WHERE b) OVER (PARTITION BY c) FROM t GROUP BY ROLLUP (c)",
        "SELECT pg_catalog.now(), CAST(a AS numeric(10, 2)), b::varchar(9) FROM t",
        "SELECT * FROM pg_stat_activity WHERE state = 'idle' FOR XML AUTO",
        "SELECT d.value('(/a)[1]', 'int') FROM t CROSS APPLY string_split(t.a, ',')",
        "VALUES (1, 2)",
        "TABLE t",
        "SHOW CREATE TABLE t",
        "DESC t",
        "DECLARE c CURSOR FOR SELECT 1; FETCH 5 FROM c; CLOSE c",
        "PREPARE q (int) AS SELECT $1",
    ] {
        assert!(assess(query).read_only, "{query}");
    }
}

#[test]
fn what_writes_locks_waits_or_is_not_known_is_no_reading() {
    for query in [
        "SELECT * INTO x FROM t",
        "SELECT a FROM t INTO OUTFILE '/tmp/x'",
        "SELECT @a := 1",
        "SELECT 1 FOR UPDATE",
        "SELECT * FROM t FOR NO KEY UPDATE SKIP LOCKED",
        "SELECT * FROM t WITH (UPDLOCK)",
        "SELECT pg_sleep(10)",
        "SELECT pg_catalog.pg_read_file('x')",
        "SELECT \"pg_terminate_backend\"(1)",
        "SELECT count(*) FROM t WHERE lo_import('x') > 0",
        "SELECT public.count(1)",
        "SELECT my_function(1)",
        "SELECT nextval('s'), 1",
        "SELECT s.NEXTVAL FROM dual",
        "SELECT NEXT VALUE FOR s",
        "SELECT query_to_xml('DROP TABLE t', true, true, '')",
        "EXPLAIN SELECT dblink('x', 'y')",
        "EXPLAIN (ANALYZE, BUFFERS) DELETE FROM t",
        "EXPLAIN ANALYZE EXECUTE p",
        "EXPLAIN PLAN FOR SELECT 1 FROM dual",
        "WITH a AS (UPDATE t SET b = 1 RETURNING *) SELECT * FROM a",
        "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
        "WITH a AS (SELECT 1) DELETE t",
        "WITH a AS (SELECT 1) EXEC ('x')",
        "SELECT 1; DROP TABLE t",
        "SELECT 1 DROP TABLE t",
        "SELECT 1 SHUTDOWN",
        "SELECT 1 WAITFOR DELAY '0:0:9'",
        "SELECT * FROM OPENQUERY(s, 'x')",
        "SELECT /*! INTO OUTFILE 'x' */ 1",
        "/*!50000 DELETE FROM t */",
        "DECLARE c CURSOR FOR DELETE FROM t",
        "DECLARE @a int = 1",
        "PREPARE q AS DELETE FROM t",
        "ANALYZE t",
        "VACUUM",
        "SET x = 1",
        "USE other",
        "BEGIN",
        "COPY t TO '/tmp/x'",
        "CALL p()",
        "DO $$ BEGIN END $$",
        "ATTACH 'x' AS y",
        "hello",
        "SELECT 'open",
        "SELECT (1",
        "",
        "-- nothing",
    ] {
        assert!(!assess(query).read_only, "{query}");
    }
}

#[test]
fn a_setting_is_asked_for_or_changed() {
    for query in [
        "PRAGMA table_info(users)",
        "PRAGMA main.index_list('t')",
        "PRAGMA journal_mode",
        "PRAGMA user_version",
    ] {
        assert!(assess(query).read_only, "{query}");
    }
    for query in [
        "PRAGMA query_only = OFF",
        "PRAGMA user_version(1)",
        "PRAGMA main.journal_mode = DELETE",
        "PRAGMA wal_checkpoint",
        "PRAGMA optimize",
        "PRAGMA",
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
