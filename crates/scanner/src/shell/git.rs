//! Git: commands that lose work no commit holds, or rewrite what others have fetched.
//!
//! Source: the manual pages of git 2.45.

use super::words::Words;

/// Options before the subcommand that take a value in the next word.
const VALUED: [&str; 6] = ["-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path"];

/// Letters behind which the name of a new branch stands.
const NAMES: [char; 4] = ['b', 'B', 'c', 'C'];

/// The rule that the words break, if any.
pub(super) fn judge(words: &Words<'_>) -> Option<&'static str> {
    if words.program != "git" {
        return None;
    }
    let words = subcommand(words)?;
    let first = words.operands().first().copied().unwrap_or_default();
    let any = |options: &[&str]| options.iter().any(|option| words.has_long(option));
    let rule = match words.program {
        "reset" => any(&["--hard", "--merge"]).then_some("git-reset-hard"),
        "clean" => {
            let forced = words.has_letter('f') || any(&["--force"]);
            (forced && !words.options().any(|option| option == "-n")).then_some("git-clean-force")
        }
        "push" => judge_push(&words),
        "branch" => {
            let deletes = words.has_letter('d') || any(&["--delete"]);
            let forced = words.has_letter('f') || any(&["--force"]);
            (words.has_letter('D') || (deletes && forced)).then_some("git-branch-force-delete")
        }
        "checkout" => judge_checkout(&words),
        "switch" => (['f', 'C'].iter().any(|&letter| words.has_letter_before(letter, &NAMES))
            || any(&["--force", "--discard-changes"]))
        .then_some("git-switch-discard"),
        "restore" => {
            let index_only = (words.has_letter('S') || any(&["--staged"]))
                && !(words.has_letter('W') || any(&["--worktree"]));
            (!index_only && !words.arguments.is_empty()).then_some("git-restore")
        }
        "stash" => matches!(first, "drop" | "clear").then_some("git-stash-drop"),
        "reflog" => matches!(first, "expire" | "delete").then_some("git-reflog-delete"),
        "gc" => words.value_of(&["--prune"]).is_some_and(|when| when != "never").then_some("git-gc-prune"),
        "update-ref" => words.has_letter('d').then_some("git-ref-delete"),
        "filter-branch" | "filter-repo" => Some("git-rewrite-history"),
        "prune" => Some("git-gc-prune"),
        "submodule" => (first == "deinit" && (words.has_letter('f') || any(&["--force", "--all"])))
            .then_some("git-submodule-deinit"),
        "worktree" => (first == "remove" && (words.has_letter('f') || any(&["--force"])))
            .then_some("git-worktree-remove"),
        _ => None,
    };
    rule.filter(|_| !any(&["--dry-run"]))
}

/// A shell command that is given as an alias: `git -c alias.x='!rm -rf y' x`.
pub(super) fn alias<'w>(words: &Words<'w>) -> Option<&'w str> {
    let given = words.value_of(&["-c"]).filter(|_| words.program == "git")?;
    given.strip_prefix("alias.")?.split_once('=')?.1.strip_prefix('!')
}

/// The subcommand as a program, behind the options of git itself.
fn subcommand<'w>(words: &Words<'w>) -> Option<Words<'w>> {
    let mut at = 0;
    while let Some(argument) = words.arguments.get(at).filter(|argument| argument.starts_with('-')) {
        at += if VALUED.contains(argument) { 2 } else { 1 };
    }
    let rest = words.arguments.get(at..).filter(|rest| !rest.is_empty())?;
    Some(Words { program: rest[0], arguments: rest[1..].to_vec() })
}

fn judge_push(words: &Words<'_>) -> Option<&'static str> {
    let leased = words.options().any(|option| option.starts_with("--force-with-lease"));
    let forced = words.has_letter('f') || words.has_long("--force") || words.has_long("--mirror");
    let operands = words.operands();
    let deletes = words.has_letter('d')
        || words.has_long("--delete")
        || operands.iter().skip(1).any(|refspec| refspec.starts_with(':'));
    let plus = operands.iter().skip(1).any(|refspec| refspec.starts_with('+'));
    if deletes {
        return Some("git-push-delete");
    }
    ((forced || plus) && !leased).then_some("git-push-force")
}

/// Files named after a commit, or behind `--`, are overwritten; so is everything with `--force`.
fn judge_checkout(words: &Words<'_>) -> Option<&'static str> {
    const TAKES_VALUE: [&str; 7] =
        ["--conflict", "--inter-hunk-context", "-U", "--unified", "-b", "-B", "--orphan"];
    let creates = ["--orphan", "--track"].iter().any(|option| words.has_long(option))
        || ['b', 'B', 't'].iter().any(|&letter| words.has_letter_before(letter, &NAMES));
    let forced = words.has_letter_before('f', &NAMES)
        || ["--force", "--pathspec-from-file"].iter().any(|option| words.has_long(option));
    let dashes = words.arguments.iter().position(|argument| *argument == "--");
    let named = dashes.is_some_and(|at| at + 1 < words.arguments.len());
    let mut operands = 0;
    let mut at = 0;
    while let Some(argument) = words.arguments.get(at).filter(|argument| **argument != "--") {
        let valued = TAKES_VALUE.contains(argument);
        operands += usize::from(!argument.starts_with('-'));
        at += if valued { 2 } else { 1 };
    }
    let dot = words.arguments.contains(&".");
    (forced || named || (!creates && (operands >= 2 || dot))).then_some("git-checkout-overwrite")
}
