//! A PostgreSQL of a test's own, which may be stopped, killed and started again.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::support::patience::eventually;

/// A server process and its data.
pub(crate) struct Postgres {
    home: TempDir,
    port: u16,
    server: Child,
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A program of PostgreSQL; not as root, which it refuses.
fn program(name: &str) -> Command {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folder = installed.map(|version| version.path().join("bin")).max();
    let path = folder.map_or_else(|| PathBuf::from(name), |folder| folder.join(name));
    if !rustix::process::geteuid().is_root() {
        return Command::new(path);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(path);
    command
}

impl Postgres {
    /// Makes a server and starts it.
    pub(crate) async fn start() -> Self {
        Self::start_set(&[]).await
    }

    /// Makes a server that has the certificate in `dir`, and starts it.
    pub(crate) async fn start_with_tls(dir: &Path) -> Self {
        Self::start_set(&[("server.crt", dir), ("server.key", dir)]).await
    }

    /// Makes a server with these files of its own, and starts it.
    async fn start_set(files: &[(&str, &Path)]) -> Self {
        let home = tempfile::Builder::new().prefix("postgres").tempdir_in("/dev/shm").unwrap();
        if rustix::process::geteuid().is_root() {
            let given = Command::new("chown").arg("nobody:nogroup").arg(home.path()).status().unwrap();
            assert!(given.success(), "the folder is given away");
        }
        let data = home.path().join("data");
        let made = program("initdb")
            .args(["--username=tidegate", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"])
            .arg("--pgdata")
            .arg(&data)
            .output()
            .expect("install the package postgresql");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        for (name, from) in files {
            let key = data.join(name);
            std::fs::copy(from.join(name), &key).unwrap();
            std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
            std::os::unix::fs::chown(&key, Some(owner(&data)), None).unwrap();
        }
        let port = free_port();
        let server = spawn(&home, port);
        let postgres = Self { home, port, server };
        postgres.answers().await;
        let admin = postgres.connect("postgres").await.unwrap();
        admin.batch_execute("CREATE ROLE app LOGIN").await.unwrap();
        admin.batch_execute("CREATE DATABASE app OWNER app").await.unwrap();
        postgres
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its address, for servers.
    pub(crate) fn url(&self) -> String {
        format!("postgres://app@127.0.0.1:{}/app", self.port)
    }

    /// The connection of a person who may do everything, past all that stands between.
    pub(crate) async fn client(&self) -> Client {
        self.connect("app").await.expect("the database answers")
    }

    #[expect(clippy::disallowed_methods, reason = "the connection ends with its client")]
    async fn connect(&self, database: &str) -> Result<Client, tokio_postgres::Error> {
        let url = format!("postgres://tidegate@127.0.0.1:{}/{database}", self.port);
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Waits until it answers.
    pub(crate) async fn answers(&self) {
        eventually("the database answers", async || self.connect("postgres").await.ok()).await;
    }

    /// Ends it as a crash would, and starts it again after `down`.
    pub(crate) async fn crash(&mut self, down: Duration) {
        signal("QUIT", &self.processes()[..1]);
        self.server.wait().unwrap();
        tokio::time::sleep(down).await;
        self.server = spawn(&self.home, self.port);
        self.answers().await;
    }

    /// Lets all its processes stand still for `pause`.
    pub(crate) async fn freeze(&self, pause: Duration) {
        let processes = self.processes();
        signal("STOP", &processes);
        tokio::time::sleep(pause).await;
        signal("CONT", &processes);
    }

    /// Its processes, the first one first.
    fn processes(&self) -> Vec<u32> {
        let first = std::fs::read_to_string(self.home.path().join("data/postmaster.pid")).unwrap();
        let first: u32 = first.lines().next().unwrap().trim().parse().unwrap();
        let children = Command::new("pgrep").arg("-P").arg(first.to_string()).output().unwrap();
        let children = String::from_utf8_lossy(&children.stdout).into_owned();
        std::iter::once(first).chain(children.lines().filter_map(|line| line.trim().parse().ok())).collect()
    }
}

fn owner(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().uid()
}

fn spawn(home: &TempDir, port: u16) -> Child {
    let mut command = program("postgres");
    if home.path().join("data/server.key").exists() {
        command.args(["-c", "ssl=on"]);
    }
    command.arg("-D").arg(home.path().join("data")).arg("-k").arg(home.path());
    command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-c", "log_min_messages=fatal"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("install the package postgresql")
}

/// Sends a signal.
pub(crate) fn signal(name: &str, processes: &[u32]) {
    let mut kill = Command::new("kill");
    kill.arg(format!("-{name}")).args(processes.iter().map(u32::to_string));
    // One that has ended meanwhile is no failure.
    let _ = kill.stderr(Stdio::null()).status();
}

impl Drop for Postgres {
    fn drop(&mut self) {
        signal("CONT", &self.processes());
        signal("QUIT", &self.processes()[..1]);
        let _ = self.server.wait();
    }
}
