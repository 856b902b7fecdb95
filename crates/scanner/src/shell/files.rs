//! Files and folders: `rm`, `find`, `shred`, `chmod` and their kin.

use super::words::Words;

/// Folders that the system cannot do without.
const SYSTEM: [&str; 14] = [
    "/etc", "/usr", "/bin", "/sbin", "/boot", "/lib", "/lib64", "/dev", "/proc", "/sys", "/root", "/var/lib",
    "/System", "/Library",
];
/// Folders whose content nobody counts on.
const TEMPORARY: [&str; 6] = ["/tmp", "/var/tmp", "$TMPDIR", "${TMPDIR}", "/private/tmp", "/dev/shm"];

/// Stands for the file that `fd` puts behind the command it runs.
const FOUND: &str = "{}";

/// The rule that the words break, if any.
pub(super) fn judge(words: &Words<'_>) -> Option<&'static str> {
    match words.program {
        "rm" => judge_rm(words),
        "find" | "fd" => deletes(words).then_some("find-delete"),
        "shred" | "wipe" | "srm" | "scrub" => (!words.arguments.is_empty()).then_some("file-shred"),
        "chmod" | "chown" | "chgrp" => judge_rights(words),
        "mv" => words.operands().last().is_some_and(|to| *to == "/dev/null").then_some("move-to-nowhere"),
        "truncate" => (!words.operands().is_empty()).then_some("file-truncate"),
        "rsync" => judge_rsync(words),
        "scp" | "cp" | "install" | "ln" => judge_copy(words),
        "crontab" => words.has_letter('r').then_some("crontab-remove"),
        "ssh-keygen" => words.has_letter('R').then_some("known-host-remove"),
        _ => None,
    }
}

fn judge_rm(words: &Words<'_>) -> Option<&'static str> {
    let recursive = words.has_letter('r') || words.has_letter('R') || long(words, "--recursive");
    let targets = words.operands();
    if targets.iter().any(|target| is_system(target) || (recursive && is_root_or_home(target))) {
        return Some("rm-system");
    }
    let kept = !targets.is_empty() && targets.iter().all(|target| is_temporary(target));
    (removes_tree(words) && !targets.is_empty() && !kept).then_some("rm-recursive-force")
}

/// Whether a tree is removed, wherever it lies.
pub(super) fn removes_tree(words: &Words<'_>) -> bool {
    let recursive = words.has_letter('r') || words.has_letter('R') || long(words, "--recursive");
    words.program == "rm" && recursive && (words.has_letter('f') || long(words, "--force"))
}

/// A long option may be cut short as long as nothing else starts like it.
fn long(words: &Words<'_>, name: &str) -> bool {
    words.options().any(|option| option.len() > 4 && name.starts_with(option))
}

fn is_root_or_home(path: &str) -> bool {
    let body = path.trim_end_matches(['*', '/']);
    (body.is_empty() && path.starts_with('/')) || matches!(body, "~" | "$HOME" | "${HOME}")
}

/// A folder that others count on: of the system, the root, a home.
pub(super) fn is_broad(path: &str) -> bool {
    is_system(path) || is_root_or_home(path)
}

fn is_system(path: &str) -> bool {
    within(path, &SYSTEM)
}

/// Below a temporary folder, and no way up and out of it.
fn is_temporary(path: &str) -> bool {
    within(path, &TEMPORARY) && !path.split('/').any(|part| part == "..") && !path.contains("$(")
}

fn within(path: &str, folders: &[&str]) -> bool {
    folders
        .iter()
        .any(|folder| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// `-delete` as a test of its own, not as the pattern of another one.
fn deletes(words: &Words<'_>) -> bool {
    let pattern =
        |at: usize| at > 0 && matches!(words.arguments[at - 1], "-name" | "-iname" | "-path" | "-regex");
    words.arguments.iter().enumerate().any(|(at, argument)| *argument == "-delete" && !pattern(at))
}

/// What `find` runs for each file.
pub(super) fn executed<'w>(words: &Words<'w>) -> Vec<Vec<&'w str>> {
    if !matches!(words.program, "find" | "fd") {
        return Vec::new();
    }
    let runs = |word: &str| matches!(word, "-exec" | "-execdir" | "-ok" | "-okdir" | "-x" | "--exec" | "-X");
    let starts = words.arguments.iter().enumerate().filter(|(_, word)| runs(word)).map(|(at, _)| at + 1);
    let mut from = 0;
    let mut inner = Vec::new();
    for start in starts {
        // Each word belongs to one command only.
        if start >= from {
            let command: Vec<&str> = words.arguments[start..]
                .iter()
                .copied()
                .take_while(|word| !matches!(*word, ";" | "+"))
                .collect();
            from = start + command.len();
            let command = if words.program == "fd" { [command, vec![FOUND]].concat() } else { command };
            inner.push(command);
        }
    }
    inner
}

fn judge_rights(words: &Words<'_>) -> Option<&'static str> {
    let recursive = words.has_letter('R') || long(words, "--recursive");
    let operands = words.operands();
    let open =
        operands.first().is_some_and(|mode| matches!(*mode, "777" | "0777" | "000" | "a+rwx" | "-rwx"));
    let system = operands.iter().skip(1).any(|path| is_system(path));
    let broad = operands.iter().skip(1).any(|path| is_broad(path));
    let opens = open && words.program == "chmod";
    ((recursive && (broad || opens)) || (opens && system)).then_some("rights-broad")
}

fn judge_rsync(words: &Words<'_>) -> Option<&'static str> {
    let removes = |option: &str| {
        option == "--del" || option.starts_with("--delete") || option == "--remove-source-files"
    };
    (words.options().any(removes) && !words.has_letter('n')).then_some("rsync-delete")
}

/// Writing over the system's files, here or on another machine.
fn judge_copy(words: &Words<'_>) -> Option<&'static str> {
    let operands = words.operands_behind(&["-o", "-i", "-P", "-c", "-F", "-J", "-l", "-S", "-m", "-g"]);
    let [_, .., target] = operands[..] else { return None };
    let path = target.split_once(':').map_or(target, |(_, path)| path);
    let remote = words.program == "scp" && operands.iter().any(|operand| operand.contains(':'));
    ((remote || target.starts_with("/dev/")) && is_system(path) && !path.starts_with("/dev/null"))
        .then_some("system-overwrite")
}
