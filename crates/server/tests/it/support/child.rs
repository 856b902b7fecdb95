//! A server as a process of its own: to be killed, to be stopped by a signal, to have its memory and logs looked at.

use std::ffi::OsStr;
use std::fs::File;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tidegate_server::run::SERVER_FILE;

use super::client::Client;
use super::command::{tidegate, tidegate_plain};
use super::patience::eventually;

/// How a child is started.
pub(crate) struct Serve {
    command: Command,
    dir: PathBuf,
    stderr: Option<File>,
}

/// A running child; killed when dropped.
pub(crate) struct ChildServer {
    client: Client,
    child: Child,
    logs: TempDir,
}

impl Serve {
    /// `tidegate serve` on `dir`, which outlives it.
    pub(crate) fn new(dir: &Path) -> Self {
        Self::of(tidegate(dir), dir)
    }

    /// `tidegate serve` on the database of `url`, with `dir` for what is its own.
    pub(crate) fn on_store(dir: &Path, url: &str) -> Self {
        let mut command = tidegate_plain(dir);
        command.env("TIDEGATE_STORE__URL", url);
        Self::of(command, dir)
    }

    fn of(mut command: Command, dir: &Path) -> Self {
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        command.env("TIDEGATE_LOG__SEGMENT_MAX_BYTES", (1 << 20).to_string());
        // What a killed server leased is soon free.
        command.env("TIDEGATE_WORKER__LEASE_TTL_MS", "1000");
        // A machine full of other tests is no reason to refuse.
        command.env("TIDEGATE_SERVER__LAG_MAX_MS", "60000");
        // Analyses are events too, and would lie between those that a test counts: see `it::analysis`.
        command.env("TIDEGATE_ANALYSIS__SESSION_ENABLED", "false");
        command.env("TIDEGATE_ANALYSIS__COT_ENABLED", "false");
        Self { command, dir: dir.to_owned(), stderr: None }
    }

    /// The same in development mode.
    pub(crate) fn dev(dir: &Path) -> Self {
        let mut serve = Self::new(dir);
        serve.command.arg("--dev");
        serve
    }

    /// Sets a setting by its name in the environment.
    pub(crate) fn set(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.command.env(format!("TIDEGATE_{name}"), value.to_string());
        self
    }

    /// Leaves a setting as it is by default.
    pub(crate) fn unset(mut self, name: &str) -> Self {
        self.command.env_remove(format!("TIDEGATE_{name}"));
        self
    }

    /// Lets `strace` start it, with these options. The child is the server itself; its tracer stands aside.
    pub(crate) fn traced(mut self, options: &[String]) -> Self {
        let mut traced = Command::new("strace");
        // Not with its seccomp filter: under it, calls fail as told, but no signal is sent.
        traced.args(["-D", "-f", "-qq", "-s", "1", "-o", "/dev/null"]).args(options);
        traced.arg(self.command.get_program()).args(self.command.get_args());
        traced.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.command = traced;
        self
    }

    /// Loads a library before all others.
    pub(crate) fn preloaded(mut self, library: &Path) -> Self {
        self.command.env("LD_PRELOAD", library);
        self
    }

    /// Sets a variable of the environment that is no setting.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sends its log lines to `file`.
    pub(crate) fn logging_to(mut self, file: File) -> Self {
        self.stderr = Some(file);
        self
    }

    /// Starts it under a limit of open files, soft and hard.
    pub(crate) fn open_files_max(self, limit: u32) -> Self {
        self.after(&format!("ulimit -n {limit}"))
    }

    /// Starts it under a limit of open files that it may raise.
    pub(crate) fn soft_open_files_max(self, limit: u32) -> Self {
        self.after(&format!("ulimit -S -n {limit}"))
    }

    fn after(mut self, first: &str) -> Self {
        let mut limited = Command::new("sh");
        limited.args(["-c", &format!("{first} && exec \"$0\" \"$@\"")]);
        limited.arg(self.command.get_program()).args(self.command.get_args());
        limited.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.command = limited;
        self
    }

    /// Starts it, and kills it after `delay`, however far it has come.
    pub(crate) async fn killed_after(mut self, delay: Duration) {
        self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = self.command.spawn().expect("the binary runs");
        tokio::time::sleep(delay).await;
        child.kill().expect("a child to kill");
        child.wait().expect("a child that ends");
    }

    /// Starts it, and waits until it listens.
    pub(crate) async fn start(self) -> ChildServer {
        let started = self.try_start().await;
        started.unwrap_or_else(|ended| panic!("the child ended with {}: {}", ended.status, ended.stderr))
    }

    /// Starts it, and waits until it listens or ends.
    pub(crate) async fn try_start(mut self) -> Result<ChildServer, EndedEarly> {
        let logs = tempfile::tempdir().expect("a directory for the logs");
        let file = |name: &str| Stdio::from(File::create(logs.path().join(name)).expect("a log file"));
        self.command.stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr"));
        if let Some(file) = self.stderr.take() {
            self.command.stderr(file);
        }
        let program = self.command.get_program().to_owned();
        let mut child = self
            .command
            .spawn()
            .unwrap_or_else(|error| panic!("{} must be installed: {error}", program.display()));
        let pid = child.id();
        let address = eventually("the child listens", async || match child.try_wait().expect("a child") {
            Some(status) => Some(Err(EndedEarly { status, stderr: read(&logs.path().join("stderr")) })),
            None => address(&self.dir.join(SERVER_FILE), pid).map(Ok),
        });
        let address = address.await?;
        Ok(ChildServer { client: Client::new(address), child, logs })
    }
}

/// A child that ended before it listened.
#[derive(Debug)]
pub(crate) struct EndedEarly {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
}

impl EndedEarly {
    /// What it said, which must be the plain words of a program that knows what it does: a line or two.
    #[track_caller]
    pub(crate) fn plain_words(&self) -> &str {
        let said = self.stderr.trim();
        assert_eq!(self.status.code(), Some(1), "{said}");
        let words = said.lines().filter(|line| !line.starts_with('{'));
        assert!((1..=3).contains(&words.count()) && !said.contains("panicked"), "{said}");
        said
    }
}

/// The first address in a server file that this process wrote.
fn address(file: &Path, pid: u32) -> Option<SocketAddr> {
    let json: Value = serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()?;
    (json["pid"] == pid).then(|| json["addresses"][0].as_str()?.parse().ok())?
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

impl Deref for ChildServer {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl ChildServer {
    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a child to kill");
        self.child.wait().expect("a child that ends");
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, as a supervisor does.
    pub(crate) fn terminate(&self) {
        let sent = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.child.id())]).status();
        assert!(sent.expect("a shell").success(), "the signal is sent");
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        eventually("the child ends", async || self.child.try_wait().expect("a child")).await
    }

    /// Stops it in good order.
    pub(crate) async fn stop(mut self) {
        self.terminate();
        let status = self.ended().await;
        assert!(status.success(), "{status}: {}", self.stderr());
    }

    pub(crate) fn stdout(&self) -> String {
        read(&self.logs.path().join("stdout"))
    }

    pub(crate) fn stderr(&self) -> String {
        read(&self.logs.path().join("stderr"))
    }

    /// The most memory it ever held, in bytes.
    pub(crate) fn peak_memory_bytes(&self) -> u64 {
        let status = read(Path::new(&format!("/proc/{}/status", self.child.id())));
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse().expect("a number");
        kib << 10
    }
}

impl Drop for ChildServer {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill();
        }
    }
}
