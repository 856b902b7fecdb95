//! A Redis of a test's own, which may be stopped, killed and emptied.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::database::{free_port, signal};
use crate::support::patience::eventually;

/// A server process. It keeps nothing on a disk.
pub(crate) struct Redis {
    port: u16,
    server: Child,
}

impl Redis {
    /// Starts one.
    pub(crate) async fn start() -> Self {
        let port = free_port();
        let redis = Self { port, server: spawn(port) };
        redis.answers().await;
        redis
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// What a command prints.
    pub(crate) fn ask(&self, command: &[&str]) -> String {
        let asked = Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(command).output();
        String::from_utf8_lossy(&asked.expect("install the package redis-server").stdout).trim().to_owned()
    }

    /// A number that a command prints.
    pub(crate) fn number(&self, command: &[&str]) -> u64 {
        let said = self.ask(command);
        said.parse().unwrap_or_else(|_| panic!("{command:?}: {said}"))
    }

    async fn answers(&self) {
        eventually("Redis answers", async || (self.ask(&["PING"]) == "PONG").then_some(())).await;
    }

    /// Kills it, and starts an empty one after `down`.
    pub(crate) async fn crash(&mut self, down: Duration) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
        tokio::time::sleep(down).await;
        self.server = spawn(self.port);
        self.answers().await;
    }

    /// Lets it stand still for `pause`.
    pub(crate) async fn freeze(&self, pause: Duration) {
        signal("STOP", &[self.server.id()]);
        tokio::time::sleep(pause).await;
        signal("CONT", &[self.server.id()]);
    }
}

fn spawn(port: u16) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command.args(["--dir", "/tmp"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("install the package redis-server")
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
