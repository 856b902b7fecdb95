//! Databases through their command line clients.

use super::words::Words;
use crate::sql;

/// Clients of SQL databases, and their options that carry a statement.
const CLIENTS: [(&str, &[&str]); 14] = [
    ("psql", &["-c", "--command"]),
    ("mysql", &["-e", "--execute"]),
    ("mariadb", &["-e", "--execute"]),
    ("sqlcmd", &["-Q", "-q"]),
    ("clickhouse-client", &["-q", "--query"]),
    ("clickhouse", &["-q", "--query"]),
    ("cqlsh", &["-e", "--execute"]),
    ("snowsql", &["-q", "--query"]),
    ("snow", &["-q", "--query"]),
    ("cockroach", &["-e", "--execute"]),
    ("usql", &["-c", "--command"]),
    ("duckdb", &["-c"]),
    ("trino", &["--execute"]),
    ("sqlite3", &[]),
];

/// The rule that the words break, if any.
pub(super) fn judge(words: &Words<'_>) -> Option<&'static str> {
    if let Some((_, options)) = CLIENTS.iter().find(|(name, _)| *name == words.program) {
        let given = words.value_of(options).into_iter();
        let joined = words.options().filter_map(|option| option.get(2..)).filter(|_| !options.is_empty());
        let operands = words.operands().into_iter();
        return given.chain(joined).chain(operands).any(destroys).then_some("sql-destructive");
    }
    let text = || words.arguments.join(" ");
    let broken = match words.program {
        "mongo" | "mongosh" => {
            let text = text();
            [
                "dropDatabase",
                "dropCollection",
                "dropIndex",
                "dropUser",
                ".drop(",
                "deleteMany({})",
                ".remove({})",
                "deleteMany( {} )",
            ]
            .iter()
            .any(|c| text.contains(c))
        }
        "redis-cli" | "valkey-cli" => words.arguments.iter().any(|word| {
            let word = word.to_ascii_lowercase();
            matches!(word.as_str(), "flushall" | "flushdb" | "del" | "unlink" | "shutdown" | "debug")
        }),
        "mysqladmin" => {
            words.operands().iter().any(|word| matches!(*word, "drop" | "shutdown" | "flush-privileges"))
        }
        "mysqldump" => words.has_long("--add-drop-database"),
        "pg_dump" => words.has_long("--clean"),
        "mongorestore" => words.has_long("--drop"),
        "pg_restore" => words.has_letter('c') || words.has_long("--clean"),
        "prisma" => text().contains("migrate reset") || text().contains("--force-reset"),
        "rails" | "rake" | "php" | "artisan" => {
            let text = text();
            ["db:drop", "db:reset", "db:wipe", "migrate:fresh", "migrate:reset"]
                .iter()
                .any(|task| text.contains(task))
        }
        "etcdctl" => words.operands().first() == Some(&"del"),
        _ => false,
    };
    broken.then_some("database-destroy")
}

fn destroys(statement: &str) -> bool {
    sql::assess(statement).destructive.is_some()
}
