//! A server as a process of its own: to be killed, to be stopped by a signal, to have its memory and logs looked at.

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
use super::command::tidegate;
use super::patience::eventually;

/// How a child is started.
pub(crate) struct Serve {
    command: Command,
    dir: PathBuf,
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
        let mut command = tidegate(dir);
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        command.env("TIDEGATE_LOG__SEGMENT_MAX_BYTES", (1 << 20).to_string());
        Self { command, dir: dir.to_owned() }
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

    /// Starts it, and kills it after `delay`, however far it has come.
    pub(crate) async fn killed_after(mut self, delay: Duration) {
        self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = self.command.spawn().expect("the binary runs");
        tokio::time::sleep(delay).await;
        child.kill().expect("a child to kill");
        child.wait().expect("a child that ends");
    }

    /// Starts it, and waits until it listens.
    pub(crate) async fn start(mut self) -> ChildServer {
        let logs = tempfile::tempdir().expect("a directory for the logs");
        let file = |name: &str| Stdio::from(File::create(logs.path().join(name)).expect("a log file"));
        self.command.stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr"));
        let mut child = self.command.spawn().expect("the binary runs");
        let pid = child.id();
        let address = eventually("the child listens", async || {
            if let Some(status) = child.try_wait().expect("a child") {
                panic!("the child ended with {status}: {}", read(&logs.path().join("stderr")));
            }
            address(&self.dir.join(SERVER_FILE), pid)
        });
        let address = address.await;
        ChildServer { client: Client::new(address), child, logs }
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
