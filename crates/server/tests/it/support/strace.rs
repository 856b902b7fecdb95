//! Disturbing the system calls of a server: a call that fails, is slow, or is its last.
//!
//! `strace` must be installed. It counts the calls of each thread apart, and a fault comes before the call is done.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::patience::eventually;

/// The calls by which a server changes its files.
pub(crate) const CALLS: [&str; 7] =
    ["pwrite64", "write", "fdatasync", "fsync", "rename", "unlink", "ftruncate"];

/// Options that disturb `call` on the files or the directory `paths`: `what` is strace's own `error=EIO:when=3`.
pub(crate) fn inject(paths: &[PathBuf], call: &str, what: &str) -> Vec<String> {
    let mut options =
        vec![format!("-e"), format!("trace={call}"), "-e".into(), format!("inject={call}:{what}")];
    for path in paths {
        options.extend(["-P".into(), path.display().to_string()]);
    }
    options
}

/// Options that write the calls down to `file`.
pub(crate) fn record(file: &Path) -> Vec<String> {
    let calls = format!("trace={}", CALLS.join(","));
    vec!["-y".into(), "-e".into(), calls, "-o".into(), file.display().to_string()]
}

/// A call on a file, named relative to the directory, and how often one thread makes it.
pub(crate) type Counts = BTreeMap<(String, PathBuf), u64>;

/// Counts the calls on files under `dir` that [`record`] wrote down.
pub(crate) fn counts(recorded: &str, dir: &Path) -> Counts {
    let mut by_thread = BTreeMap::<_, u64>::new();
    for line in recorded.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let Some((name, arguments)) = call.trim_start().split_once('(') else { continue };
        let (open, close) = if arguments.starts_with('"') { ('"', '"') } else { ('<', '>') };
        let path = arguments.split_once(open).and_then(|(_, rest)| rest.split_once(close));
        let Some(Ok(path)) = path.map(|(path, _)| Path::new(path).strip_prefix(dir)) else { continue };
        *by_thread.entry((thread, name.to_owned(), path.to_owned())).or_default() += 1;
    }
    let mut most = Counts::new();
    for ((_, call, path), count) in by_thread {
        let known = most.entry((call, path)).or_default();
        *known = count.max(*known);
    }
    most
}

/// A tracer of a server that runs: what it disturbs is disturbed until it is dropped.
pub(crate) struct Attached(Child);

impl Attached {
    /// Fails `calls` (comma-separated) of every thread of process `pid` with `error`.
    pub(crate) async fn failing(pid: u32, calls: &str, error: &str) -> Self {
        let options = ["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}"), "-e"];
        let mut strace = Command::new("strace");
        strace.args(options).arg(format!("inject={calls}:error={error}")).args(["-p", &pid.to_string()]);
        let child = strace.stdin(Stdio::null()).spawn().expect("strace must be installed");
        let attached = Self(child);
        eventually("every thread is traced", async || is_traced(pid).then_some(())).await;
        attached
    }
}

fn is_traced(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("the server runs").flatten();
    threads.map(|thread| std::fs::read_to_string(thread.path().join("status")).unwrap_or_default()).all(
        |status| {
            let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
            tracer.is_none_or(|tracer| tracer.trim() != "0")
        },
    )
}

impl Drop for Attached {
    fn drop(&mut self) {
        // Asked to end, it lets go of the server first.
        let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}
