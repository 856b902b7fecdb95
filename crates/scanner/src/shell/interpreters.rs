//! Interpreters: code given as an argument, through a pipe, or in a here-document.

use super::{lexer::Command, words::Words};

const SHELLS: [&str; 9] = ["sh", "bash", "zsh", "dash", "ksh", "ash", "fish", "pwsh", "powershell"];

/// Texts that a shell among `words` would run.
pub(super) fn sources(words: &Words<'_>, command: &Command, writer: Option<&Command>) -> Vec<String> {
    if !SHELLS.contains(&words.program) {
        return Vec::new();
    }
    let inline = words.arguments.iter().position(|word| is_inline(word));
    if let Some(at) = inline {
        return words.arguments.get(at + 1).map(|source| (*source).to_owned()).into_iter().collect();
    }
    let written = writer.filter(|writer| is_echo(writer)).map(|writer| {
        let texts =
            writer.words.iter().skip(1).map(|word| word.text.as_str()).filter(|text| !text.starts_with('-'));
        texts.collect::<Vec<_>>().join(" ")
    });
    [command.here.clone()].into_iter().chain(written).filter(|source| !source.is_empty()).collect()
}

/// `-c`, alone or last among other letters (`-lc`).
fn is_inline(word: &str) -> bool {
    word.starts_with('-') && !word.starts_with("--") && word.ends_with('c') && word.len() <= 5
        || word == "-Command"
}

fn is_echo(command: &Command) -> bool {
    command.words.first().is_some_and(|word| matches!(word.text.as_str(), "echo" | "printf"))
}

/// The rule that an interpreter's code breaks, if any; also a shell that is fed decoded text.
pub(super) fn judge(words: &Words<'_>, command: &Command, writer: Option<&Command>) -> Option<&'static str> {
    if SHELLS.contains(&words.program) {
        let decodes = writer.is_some_and(|writer| {
            let decoder = writer
                .words
                .iter()
                .any(|word| matches!(word.text.as_str(), "base64" | "base32" | "xxd" | "openssl"));
            decoder
                && writer
                    .words
                    .iter()
                    .any(|word| matches!(word.text.as_str(), "-d" | "-D" | "--decode" | "-r" | "-p"))
        });
        return decodes.then_some("shell-of-decoded-text");
    }
    let program = words.program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if !matches!(
        program,
        "python" | "perl" | "ruby" | "node" | "nodejs" | "php" | "deno" | "bun" | "lua" | "osascript"
    ) {
        return None;
    }
    let ended = words.arguments.first() == Some(&"--");
    let code = words.value_of(&["-c", "-e", "-r", "-E", "--eval", "-p"]).filter(|_| !ended);
    let code = code.into_iter().chain([command.here.as_str()]);
    code.into_iter().any(destroys).then_some("code-destructive")
}

/// Calls that remove trees, databases or resources, in the languages people script with.
fn destroys(code: &str) -> bool {
    const CALLS: [&str; 16] = [
        "rm -rf",
        "rm -fr",
        "rm -r -f",
        "shutil.rmtree",
        "rmtree(",
        "rm_rf",
        "remove_entry_secure",
        "rmSync(",
        "rmdirSync(",
        "fs.rm(",
        "removeSync(",
        "git reset --hard",
        "git clean -f",
        "os.removedirs",
        "mkfs",
        "dropDatabase",
    ];
    CALLS.iter().any(|call| code.contains(call)) || deletes_by_call(code)
}

/// Whether `code` calls a method that deletes at a service: `client.customers.delete('…')`.
pub(super) fn deletes_by_call(code: &str) -> bool {
    code.match_indices('.').any(|(at, _)| {
        let name = &code[at + 1..];
        let length =
            name.bytes().take(40).take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let (name, rest) = name.split_at(length);
        rest.starts_with('(')
            && (name.starts_with("delete")
                || name.starts_with("destroy")
                || name == "drop"
                || name == "purge"
                || name == "void"
                || name == "cancel")
    })
}
