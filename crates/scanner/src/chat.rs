//! Commands in free text: chat, tool calls, code.
//!
//! Prose names commands without running them, so a line counts only where it looks like one that is run:
//! inside a fenced block, behind a prompt sign, as the command of a tool call, or as a line that starts with a
//! program or statement we judge. Each line is judged by itself and only once; SQL statements may go on to the
//! next blank line.

use tidegate_domain::assessment::Span;

use crate::{
    finding::{Finding, Kind, Severity},
    injection, shell, sql,
};

/// Longest line that is judged.
const LINE_BYTES_MAX: usize = 8_192;
/// Programs whose name at the start of a line makes it a command.
const PROGRAMS: [&str; 31] = [
    "rm",
    "sudo",
    "git",
    "find",
    "dd",
    "mkfs",
    "chmod",
    "chown",
    "kubectl",
    "terraform",
    "aws",
    "gcloud",
    "az",
    "docker",
    "curl",
    "psql",
    "mysql",
    "redis-cli",
    "mongosh",
    "bash",
    "sh",
    "xargs",
    "shred",
    "wipefs",
    "helm",
    "gsutil",
    "ssh",
    "rsync",
    "npm",
    "heroku",
    "vault",
];
/// Statements whose name at the start of a line makes it SQL.
const STATEMENTS: [&str; 8] = ["DROP", "TRUNCATE", "DELETE", "UPDATE", "ALTER", "GRANT", "EXEC", "WITH"];
/// Arguments of tool calls that are run.
const ARGUMENTS: [&str; 8] = [
    "\"command\"",
    "\"cmd\"",
    "\"script\"",
    "\"bash\"",
    "\"shell\"",
    "\"query\"",
    "\"sql\"",
    "\"statement\"",
];

/// Adds the commands in `text` to `found`. Cost O(bytes): each line is judged at most once by each family.
pub(crate) fn scan(text: &str, looks_for: impl Fn(Kind) -> bool, found: &mut Vec<Finding>) {
    let (shell, sql, injection) =
        (looks_for(Kind::Shell), looks_for(Kind::Sql), looks_for(Kind::SqlInjection));
    if !(shell || sql || injection) {
        return;
    }
    let mut fenced = false;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let span = trimmed(line, start);
        start += line.len();
        let body = &text[span.start..span.end];
        if body.starts_with("```") || body.starts_with("~~~") {
            fenced = !fenced;
        } else if body.len() <= LINE_BYTES_MAX && body.len() >= 4 {
            let line = Line { body, span, fenced };
            if shell {
                found.extend(line.shell());
            }
            if sql {
                found.extend(line.sql());
            }
            if injection && injection::is_injection_in_prose(body) {
                let rule = ("sql-injection", "SQL_INJECTION");
                found.push(Finding::new(rule, Kind::SqlInjection, Severity::High, span));
            }
        }
    }
}

/// The line without white space around it.
fn trimmed(line: &str, start: usize) -> Span {
    let body = line.trim_start();
    let start = start + line.len() - body.len();
    Span { start, end: start + body.trim_end().len() }
}

/// One line that may hold a command.
struct Line<'t> {
    body: &'t str,
    span: Span,
    fenced: bool,
}

impl Line<'_> {
    fn shell(&self) -> Option<Finding> {
        let command = self.command()?;
        let rule = *shell::assess_line(&command).rules.first()?;
        Some(Finding::new((rule, "SHELL_COMMAND"), Kind::Shell, Severity::High, self.span))
    }

    fn sql(&self) -> Option<Finding> {
        let statement = self.statement()?;
        let (rule, severity) = sql::destruction(&statement)?;
        Some(Finding::new((rule, "SQL_STATEMENT"), Kind::Sql, severity, self.span))
    }

    /// What a shell would be given, if the line looks like that.
    fn command(&self) -> Option<String> {
        let body = self.body.trim_start_matches('`').trim_end_matches('`');
        if let Some(command) =
            body.strip_prefix("$ ").or_else(|| body.strip_prefix("# ").filter(|_| self.fenced))
        {
            return Some(command.to_owned());
        }
        argument(body).or_else(|| {
            let first = body.split_whitespace().next()?;
            let name = first.rsplit('/').next().unwrap_or(first);
            let quoted = body.len() < self.body.len();
            (PROGRAMS.contains(&name) && (self.fenced || quoted || is_terse(body))).then(|| body.to_owned())
        })
    }

    /// What a database would be given, if the line looks like that.
    fn statement(&self) -> Option<String> {
        let body = self.body.trim_matches('`');
        argument(body).or_else(|| {
            let first = body.split_whitespace().next()?;
            let named = STATEMENTS.iter().any(|statement| first.eq_ignore_ascii_case(statement));
            let shouted = first.chars().all(|c| c.is_ascii_uppercase());
            let ends = body.ends_with(';');
            (named && (self.fenced || shouted || ends) && (self.fenced || ends || is_terse(body)))
                .then(|| body.to_owned())
        })
    }
}

/// The text of a command argument in JSON, its escapes of quotes taken off.
fn argument(body: &str) -> Option<String> {
    let (at, key) = ARGUMENTS.iter().find_map(|key| Some((body.find(key)?, key)))?;
    let rest = body[at + key.len()..].trim_start().strip_prefix(':')?.trim_start();
    let value = rest.strip_prefix('"')?;
    let mut escaped = false;
    let end = value.find(|c: char| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    });
    Some(value[..end.unwrap_or(value.len())].replace("\\\"", "\"").replace("\\n", "\n"))
}

/// Whether the line reads like a command and not like a sentence: it does not end like one, and most of its
/// words are no plain English.
fn is_terse(body: &str) -> bool {
    const PLAIN: [&str; 16] = [
        "the", "a", "an", "is", "are", "was", "will", "you", "your", "it", "this", "that", "can", "should",
        "my", "i",
    ];
    let plain = |word: &str| PLAIN.iter().any(|plain| word.eq_ignore_ascii_case(plain));
    !body.ends_with(['.', '?', '!', ',', ':']) && !body.split_whitespace().any(plain)
}
