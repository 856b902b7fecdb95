//! Shell commands: which of them destroy what cannot be had back.
//!
//! A command is lexed, wrappers (`sudo`, `env`, `xargs`, `ssh`, `sh -c` …) are taken off, and the program with
//! its words is judged by a table. What runs inside (substitutions, `-c` texts, here-documents given to a
//! shell) is judged the same way, `DEPTH_MAX` levels deep.
//!
//! Policy: work that no commit holds (`git reset --hard`), history (`push --force`), trees outside of the
//! temporary folders (`rm -rf`), disks, databases, and resources of clouds and services.

mod ansi;
mod databases;
mod disks;
mod files;
mod git;
mod interpreters;
mod lexer;
mod nesting;
mod services;
mod variables;
mod web;
mod windows;
mod words;
mod wrappers;

use crate::finding::Severity;
use lexer::{Command, Script};
use variables::Variables;
use words::Words;

/// How deep commands inside commands are followed: each level reads the text inside it once more.
const DEPTH_MAX: usize = 8;

/// What a command would destroy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assessment {
    /// Names of the rules that fired, in the order of the text, each once.
    pub rules: Vec<&'static str>,
}

impl Assessment {
    /// Whether anything would be destroyed.
    pub fn is_destructive(&self) -> bool {
        !self.rules.is_empty()
    }

    /// High for what is gone at once; there is no lesser destruction here.
    pub fn severity(&self) -> Option<Severity> {
        self.is_destructive().then_some(Severity::High)
    }

    fn note(&mut self, rule: &'static str) {
        if !self.rules.contains(&rule) {
            self.rules.push(rule);
        }
    }
}

/// Judges a command line or a script.
///
/// - `command`: any text, read as POSIX shell; also a line of code that deletes through an API.
/// - Cost: O(bytes × 8), whatever the text.
pub fn assess(command: &str) -> Assessment {
    let mut assessment = assess_line(command);
    if interpreters::deletes_by_call(command) {
        assessment.note("api-delete-call");
    }
    assessment
}

/// Judges what is known to be a command: a call in some language is none.
pub(crate) fn assess_line(command: &str) -> Assessment {
    let mut assessment = Assessment::default();
    judge_script(command, 0, &mut assessment);
    assessment
}

fn judge_script(source: &str, depth: usize, out: &mut Assessment) {
    if depth > DEPTH_MAX {
        return;
    }
    let compact: String = source.chars().take(64).filter(|c| !c.is_whitespace()).collect();
    if compact.starts_with(":(){:|:&};:") {
        out.note("fork-bomb");
    }
    let Script { commands, substitutions } = lexer::lex(source);
    let mut before: Option<&Command> = None;
    let mut variables = Variables::default();
    for command in &commands {
        variables.note(command);
        if let Some(expanded) = variables.expanded(command) {
            judge_script(&expanded, depth + 1, out);
        }
        judge_command(command, before.filter(|_| command.piped), depth, out);
        before = Some(command);
    }
    for inner in &substitutions {
        judge_script(inner, depth + 1, out);
    }
}

fn judge_command(command: &Command, writer: Option<&Command>, depth: usize, out: &mut Assessment) {
    if command.outputs.iter().any(|target| disks::is_disk(target)) {
        out.note("disk-overwrite");
    }
    let texts: Vec<&str> = command.words.iter().map(|word| word.text.as_str()).collect();
    judge_words(&Words::new(&texts), command, writer, depth, out);
    if let Some(lowered) = lowered(&texts) {
        let texts: Vec<&str> =
            lowered.iter().map(String::as_str).chain(texts[lowered.len()..].iter().copied()).collect();
        judge_words(&Words::new(&texts), command, writer, depth, out);
    }
}

/// The words up to the first option in small letters, if they are all in capitals: some file systems know no
/// letter case.
fn lowered(texts: &[&str]) -> Option<Vec<String>> {
    let shouts = |text: &&&str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'/' | b'-'))
    };
    let heads: Vec<String> = texts
        .iter()
        .take_while(|text| !text.starts_with('-'))
        .take_while(shouts)
        .map(|text| text.to_ascii_lowercase())
        .collect();
    (!heads.is_empty()).then_some(heads)
}

/// Judges a program and its words; wrappers come back here with what they run.
fn judge_words(
    words: &Words<'_>,
    command: &Command,
    writer: Option<&Command>,
    depth: usize,
    out: &mut Assessment,
) {
    if depth > DEPTH_MAX || words.program.is_empty() {
        return;
    }
    match wrappers::unwrap(words) {
        wrappers::Inner::Words(inner) => {
            return judge_words(&Words::new(&inner), command, writer, depth + 1, out);
        }
        wrappers::Inner::Script(source) => return judge_script(&source, depth + 1, out),
        wrappers::Inner::Remote(source) => {
            judge_remote(&source, out);
            return judge_script(&source, depth + 1, out);
        }
        wrappers::Inner::Rule(rule) => return out.note(rule),
        wrappers::Inner::None => {}
    }
    for source in interpreters::sources(words, command, writer) {
        judge_script(&source, depth + 1, out);
    }
    let judges: [fn(&Words<'_>) -> Option<&'static str>; 7] = [
        files::judge,
        git::judge,
        disks::judge,
        databases::judge,
        web::judge,
        services::judge,
        windows::judge,
    ];
    let rule = judges.iter().find_map(|judge| judge(words));
    let rule = rule.or_else(|| interpreters::judge(words, command, writer));
    if let Some(rule) = rule.filter(|_| !words.is_rehearsal()) {
        out.note(rule);
    }
    for inner in files::executed(words) {
        judge_words(&Words::new(&inner), command, None, depth + 1, out);
    }
}

/// What counts as temporary here says nothing about another machine: no tree there may be removed.
fn judge_remote(source: &str, out: &mut Assessment) {
    let removes = |command: &Command| {
        let texts: Vec<&str> = command.words.iter().map(|word| word.text.as_str()).collect();
        files::removes_tree(&Words::new(&texts))
    };
    if lexer::lex(source).commands.iter().any(removes) {
        out.note("rm-remote");
    }
}

#[cfg(test)]
mod tests;
