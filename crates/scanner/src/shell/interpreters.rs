//! Interpreters: code given as an argument, through a pipe, or in a here-document.

use super::{git, lexer::Command, words::Words};

const SHELLS: [&str; 11] =
    ["sh", "bash", "zsh", "dash", "ksh", "ash", "fish", "pwsh", "powershell", "at", "batch"];

/// Programs that are told over their input what to end: zones of DNS, servers behind HAProxy's socket.
const LISTENERS: [(&str, &[&str]); 3] = [
    ("nsupdate", &["delete"]),
    ("socat", &["disable ", "shutdown ", "del ", "clear "]),
    ("nc", &["disable server", "disable frontend", "shutdown s", "shutdown f"]),
];

/// Texts that a shell among `words` would run.
pub(super) fn sources(words: &Words<'_>, command: &Command, writer: Option<&Command>) -> Vec<String> {
    if !SHELLS.contains(&words.program) {
        return carried(words).into_iter().collect();
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

/// Texts that other programs hand to a shell.
fn carried(words: &Words<'_>) -> Option<String> {
    let value = |names: &[&str]| words.value_of(names).map(str::to_owned);
    let behind = |at: usize| Some(words.arguments.get(at..)?.join(" ")).filter(|text| !text.is_empty());
    match words.program {
        "git" => git::alias(words).map(str::to_owned),
        "trap" => words.operands().first().map(|text| (*text).to_owned()),
        "cmd" | "cmd.exe" => {
            let at = words.arguments.iter().position(|word| matches!(*word, "/c" | "/C" | "/k" | "/K"))?;
            behind(at + 1)
        }
        "ansible" => ansible(words),
        "nix-shell" => value(&["--run", "--command"]),
        "vagrant" => value(&["-c", "--command"]),
        "gcloud" => value(&["--command"]),
        "awk" | "gawk" | "mawk" | "nawk" => words.operands().iter().find_map(|code| system_call(code)),
        "vim" | "vi" | "nvim" | "ex" => {
            let given = words.arguments.iter().find_map(|word| word.split_once('!'));
            given.map(|(_, command)| command.to_owned())
        }
        "tmux" | "screen" | "entr" | "hyperfine" => {
            words.operands().iter().find(|word| word.contains(' ')).map(|word| (*word).to_owned())
        }
        _ => None,
    }
}

/// `ansible hosts -m shell -a '…'`
fn ansible(words: &Words<'_>) -> Option<String> {
    let module = words.value_of(&["-m", "--module-name"]).unwrap_or("command");
    let runs = matches!(module.rsplit('.').next(), Some("shell" | "command" | "raw"));
    words.value_of(&["-a", "--args"]).filter(|_| runs).map(str::to_owned)
}

/// The text inside `system("…")` of a program in awk.
fn system_call(code: &str) -> Option<String> {
    let body = code.split_once("system(")?.1.trim_start();
    let quote = body.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    body[1..].split(quote).next().map(str::to_owned)
}

/// Whether a shell is given text that was written to be unreadable: `bash -c "$(… | base64 -d)"`.
pub(super) fn decodes_inline(words: &Words<'_>) -> bool {
    words.arguments.iter().any(|word| {
        let decodes = ["base64 -d", "base64 -D", "base64 --decode", "xxd -r", "base32 -d"];
        word.contains("$(") && decodes.iter().any(|decoder| word.contains(decoder))
    })
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
        return (decodes || decodes_inline(words)).then_some("shell-of-decoded-text");
    }
    if let Some((_, orders)) = LISTENERS.iter().find(|(name, _)| *name == words.program) {
        let written = writer.filter(|writer| is_echo(writer)).into_iter().flat_map(|writer| &writer.words);
        let mut texts = written.map(|word| word.text.as_str()).chain([command.here.as_str()]);
        return texts
            .any(|text| orders.iter().any(|order| text.contains(order)))
            .then_some("order-destructive");
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
    const CALLS: [&str; 17] = [
        "rm -rf",
        "rm -fr",
        "rm -r -f",
        "shutil.rmtree",
        "rmtree(",
        "remove_tree(",
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
    // `['rm', '-rf', path]` is the same as a line.
    let plain = || code.replace(['"', '\'', ','], " ").split_whitespace().collect::<Vec<_>>().join(" ");
    CALLS.iter().any(|call| code.contains(call))
        || (code.contains("rm") && plain().contains("rm -rf "))
        || deletes_by_call(code)
}

/// How methods are named that end something at a service.
const ENDS: [&str; 11] = [
    "delete",
    "destroy",
    "purge",
    "dropIndex",
    "dropCollection",
    "dropDatabase",
    "clearIndex",
    "clearObjects",
    "clearRules",
    "clearSynonyms",
    "terminate",
];

/// Whether `code` calls a method that deletes at a service: `client.customers.delete('…')`.
pub(super) fn deletes_by_call(code: &str) -> bool {
    code.match_indices('.').any(|(at, _)| {
        let name = &code[at + 1..];
        let length =
            name.bytes().take(40).take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let (name, rest) = name.split_at(length);
        rest.starts_with('(')
            && (ENDS.iter().any(|verb| name.starts_with(verb)) || matches!(name, "drop" | "void" | "cancel"))
    })
}
