//! The `tidegate` binary as a command that ends.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::store;

/// The binary, with a data directory and no other store.
pub(crate) fn tidegate_plain(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.arg("--data-dir").arg(dir).env("TIDEGATE_TELEMETRY__LOG_LEVEL", "warn");
    command
}

/// The binary, with a data directory, or the database that stands for it.
pub(crate) fn tidegate(dir: &Path) -> Command {
    let mut command = tidegate_plain(dir);
    if let Some(url) = store::address_beside(dir) {
        command.env("TIDEGATE_STORE__URL", url);
    }
    command
}

/// What a run said and how it ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

/// Runs `tidegate` with these arguments to its end.
pub(crate) fn run(dir: &Path, args: &[&str]) -> Ended {
    tidegate(dir).args(args).output().expect("the binary runs").into()
}

/// The standard output of a run that must succeed.
#[track_caller]
pub(crate) fn say(dir: &Path, args: &[&str]) -> String {
    let ended = run(dir, args);
    assert_eq!(ended.code, Some(0), "tidegate {args:?}: {}{}", ended.stdout, ended.stderr);
    ended.stdout
}

/// A key made by a second process.
pub(crate) struct MadeKey {
    pub(crate) id: String,
    pub(crate) key: String,
}

/// Makes a key on the data directory, as an operator does while the server runs.
#[track_caller]
pub(crate) fn make_key(dir: &Path, project: &str, scopes: &str) -> MadeKey {
    made(&say(dir, &["key", "create", "--project", project, "--scopes", scopes, "--json"]))
}

/// Reads what `key create --json` and `key rotate --json` say.
#[track_caller]
pub(crate) fn made(said: &str) -> MadeKey {
    let json: Value = serde_json::from_str(said).expect("JSON");
    let text = |name: &str| json[name].as_str().expect("text").to_owned();
    MadeKey { id: text("id"), key: text("key") }
}
