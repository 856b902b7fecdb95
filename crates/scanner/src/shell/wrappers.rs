//! Wrappers: programs that run another one, given as their arguments.

use super::interpreters::decodes_inline;
use super::words::{Words, is_assignment};

/// What a wrapper runs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inner<'w> {
    /// No wrapper.
    None,
    /// These words.
    Words(Vec<&'w str>),
    /// A text that a shell reads.
    Script(String),
    /// A text that a shell on another machine reads.
    Remote(String),
    /// It destroys by itself what it is given.
    Rule(&'static str),
}

/// A wrapper, the options of it that take a value in the next word, and how many words it takes for itself.
const WRAPPERS: &[(&str, &[&str], usize)] = &[
    ("sudo", &["-u", "-g", "-h", "-p", "-C", "-T", "-r", "-t", "-U", "-D", "-R", "--user", "--group"], 0),
    ("doas", &["-u", "-C"], 0),
    ("env", &["-u", "-C", "-P", "--unset", "--chdir"], 0),
    ("command", &[], 0),
    ("builtin", &[], 0),
    ("exec", &["-a"], 0),
    ("nohup", &[], 0),
    ("setsid", &[], 0),
    ("time", &["-o", "-f"], 0),
    ("nice", &["-n", "--adjustment"], 0),
    ("ionice", &["-c", "-n", "-t"], 0),
    ("chrt", &[], 1),
    ("taskset", &[], 1),
    ("timeout", &["-s", "-k", "--signal", "--kill-after"], 1),
    ("stdbuf", &["-i", "-o", "-e"], 0),
    ("strace", &["-e", "-o", "-p", "-s"], 0),
    ("watch", &["-n", "--interval"], 0),
    ("flock", &["-w", "-E"], 1),
    ("chroot", &[], 1),
    ("busybox", &[], 0),
    ("toybox", &[], 0),
    ("unbuffer", &[], 0),
    ("noglob", &[], 0),
    ("caffeinate", &[], 0),
    ("coproc", &[], 0),
    ("pkexec", &["--user"], 0),
    ("fakeroot", &[], 0),
    ("proxychains", &["-f"], 0),
    ("proxychains4", &["-f"], 0),
    ("torsocks", &[], 0),
    ("ltrace", &["-e", "-o", "-p"], 0),
    ("prlimit", &[], 0),
    ("cpulimit", &["-l", "-p"], 0),
    ("numactl", &["-m", "-N", "-C"], 0),
    ("setarch", &[], 1),
    ("unshare", &["-R", "-w", "-S", "-G"], 0),
    ("nsenter", &["-t", "--target"], 0),
    ("systemd-run", &["-p", "-u", "--unit", "--property", "--uid", "-E", "-M"], 0),
    ("firejail", &[], 0),
    ("bwrap", &[], 0),
    ("winpty", &[], 0),
    ("wsl", &["-d", "-u"], 0),
    (
        "xargs",
        &[
            "-I",
            "-J",
            "-n",
            "-P",
            "-L",
            "-s",
            "-d",
            "-a",
            "-E",
            "-R",
            "-S",
            "--max-args",
            "--max-procs",
            "--delimiter",
            "--arg-file",
            "--max-lines",
        ],
        0,
    ),
];

/// Tools that run a command in an environment of theirs, and the verb before it.
const RUNNERS: &[(&str, &str)] = &[
    ("poetry", "run"),
    ("pipenv", "run"),
    ("uv", "run"),
    ("pdm", "run"),
    ("hatch", "run"),
    ("conda", "run"),
    ("mamba", "run"),
    ("bundle", "exec"),
    ("npm", "exec"),
    ("pnpm", "exec"),
    ("yarn", "exec"),
    ("mise", "exec"),
    ("asdf", "exec"),
    ("direnv", "exec"),
    ("doppler", "run"),
    ("op", "run"),
    ("infisical", "run"),
    ("aws-vault", "exec"),
    ("chamber", "exec"),
    ("lxc", "exec"),
    ("nix", "develop"),
    ("nix", "shell"),
];

/// Stands for what a wrapper reads and gives to the program it runs.
const INPUT: &str = "{}";

/// What `words` run, if they are a wrapper with something to run.
pub(super) fn unwrap<'w>(words: &Words<'w>) -> Inner<'w> {
    match words.program {
        "eval" if decodes_inline(words) => Inner::Rule("shell-of-decoded-text"),
        "eval" => Inner::Script(words.arguments.join(" ")),
        "ssh" => remote(words),
        "su" | "runuser" | "script" => words
            .value_of(&["-c", "--command"])
            .map_or(Inner::None, |source| Inner::Script(source.to_owned())),
        "parallel" => parallel(words),
        "ip" => match words.arguments[..] {
            ["netns", "exec", _, ref inner @ ..] if !inner.is_empty() => Inner::Words(inner.to_vec()),
            _ => Inner::None,
        },
        program if RUNNERS.iter().any(|(name, _)| *name == program) => run_by(words),
        "docker" | "podman" | "nerdctl" | "kubectl" | "oc" => in_container(words),
        program => match WRAPPERS.iter().find(|(name, ..)| *name == program) {
            Some((name, valued, own)) => wrapped(words, name, valued, *own),
            None => Inner::None,
        },
    }
}

fn wrapped<'w>(words: &Words<'w>, name: &str, valued: &[&str], own: usize) -> Inner<'w> {
    if let Some(source) = words.value_of(&["-S", "--split-string"]).filter(|_| name == "env") {
        return Inner::Script(source.to_owned());
    }
    let mut at = 0;
    while let Some(&argument) = words.arguments.get(at) {
        match argument {
            "--" => {
                at += 1;
                break;
            }
            _ if valued.contains(&argument) => at += 2,
            _ if argument.starts_with('-') => at += 1,
            _ if is_assignment(argument) && name != "xargs" => at += 1,
            _ => break,
        }
    }
    let mut inner: Vec<&str> = words.arguments.iter().skip(at + own).copied().collect();
    if name == "xargs" && inner.len() > 1 && !inner.ends_with(&["-c"]) {
        // What it reads comes last.
        inner.push(INPUT);
    }
    match inner[..] {
        [] => Inner::None,
        // A shell that is given its script by xargs runs whatever comes.
        [.., "-c"] if name == "xargs" => Inner::Rule("shell-of-input"),
        [one] if name == "watch" => Inner::Script(one.to_owned()),
        _ => Inner::Words(inner),
    }
}

/// `ssh [options] host command…`: the words are joined and read by a shell over there.
fn remote<'w>(words: &Words<'w>) -> Inner<'w> {
    const VALUED: [&str; 16] =
        ["-i", "-p", "-l", "-o", "-F", "-L", "-R", "-D", "-J", "-b", "-c", "-e", "-m", "-E", "-S", "-W"];
    let mut at = 0;
    while let Some(&option) = words.arguments.get(at).filter(|argument| argument.starts_with('-')) {
        at += if VALUED.contains(&option) { 2 } else { 1 };
    }
    let command = words.arguments.iter().skip(at + 1).copied().collect::<Vec<_>>().join(" ");
    if command.is_empty() { Inner::None } else { Inner::Remote(command) }
}

/// `parallel [options] command ::: input…`
fn parallel<'w>(words: &Words<'w>) -> Inner<'w> {
    let options = words.arguments.iter().take_while(|argument| argument.starts_with('-'));
    let mut at = options.count();
    if matches!(words.arguments.first(), Some(&("-j" | "--jobs" | "-n" | "-I"))) {
        at += 1;
    }
    let mut inner: Vec<&str> =
        words.arguments.iter().skip(at).copied().filter(|word| *word != ":::").collect();
    if inner.len() > 1 && !words.arguments.contains(&":::") {
        inner.push(INPUT);
    }
    match inner[..] {
        [] => Inner::None,
        // One word with blanks in it is read by a shell.
        [one] => Inner::Script(one.to_owned()),
        [script, ..] if script.contains(' ') => Inner::Script(script.to_owned()),
        _ => Inner::Words(inner),
    }
}

/// `poetry run command…`, `doppler run -- command…`
fn run_by<'w>(words: &Words<'w>) -> Inner<'w> {
    let verb = |word: &&str| RUNNERS.iter().any(|(name, verb)| *name == words.program && verb == word);
    let Some(at) = words.arguments.iter().take(3).position(verb) else { return Inner::None };
    let rest = &words.arguments[at + 1..];
    let start = rest.iter().position(|word| *word == "--").map(|at| at + 1);
    let start =
        start.or_else(|| rest.iter().position(|word| matches!(*word, "-c" | "--command")).map(|c| c + 1));
    let start = start.unwrap_or_else(|| rest.iter().take_while(|word| word.starts_with('-')).count());
    match &rest[start.min(rest.len())..] {
        [] => Inner::None,
        inner => Inner::Words(inner.to_vec()),
    }
}

/// `docker exec [options] container command…`, `kubectl exec pod -- command…`
fn in_container<'w>(words: &Words<'w>) -> Inner<'w> {
    let runs = |word: &&str| matches!(*word, "exec" | "run");
    let Some(verb) = words.arguments.iter().take(3).position(runs) else { return Inner::None };
    let rest = &words.arguments[verb + 1..];
    let inner = match rest.iter().position(|word| *word == "--") {
        Some(dashes) => &rest[dashes + 1..],
        None => behind_name(rest),
    };
    if inner.is_empty() { Inner::None } else { Inner::Words(inner.to_vec()) }
}

/// What stands behind the name of a container or an image, which is the first operand.
fn behind_name<'a, 'w>(rest: &'a [&'w str]) -> &'a [&'w str] {
    const VALUED: [&str; 16] = [
        "-v",
        "-e",
        "-p",
        "-w",
        "-u",
        "-m",
        "-h",
        "-l",
        "-c",
        "-n",
        "--name",
        "--network",
        "--env",
        "--volume",
        "--user",
        "--workdir",
    ];
    let mut at = 0;
    while let Some(option) = rest.get(at).filter(|word| word.starts_with('-')) {
        at += if VALUED.contains(option) { 2 } else { 1 };
    }
    rest.get(at + 1..).unwrap_or_default()
}
