//! Cores apart for the server and for the load generator, so that a server under overload is slow for what it does, and
//! not because the generator takes its time.

use std::process::{Child, Command};

use anyhow::Context;
use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};

/// The cores of servers and of this process.
pub(super) struct Cores {
    server: CpuSet,
    generator: CpuSet,
}

impl Cores {
    /// Keeps this process, all its threads, to the last of its cores, and leaves the others to servers. `None` if it has
    /// only one.
    pub(super) fn split() -> anyhow::Result<Option<Self>> {
        let mut server = sched_getaffinity(None).context("the cores of this process")?;
        let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| server.is_set(*core)).collect();
        let [_, .., last] = cores[..] else { return Ok(None) };
        let mut generator = CpuSet::new();
        generator.set(last);
        server.unset(last);
        for task in std::fs::read_dir("/proc/self/task").context("no /proc")? {
            let thread = task?.file_name().to_string_lossy().parse().ok().and_then(Pid::from_raw);
            sched_setaffinity(thread, &generator).context("a thread cannot be kept to a core")?;
        }
        Ok(Some(Self { server, generator }))
    }

    /// How many cores servers have.
    pub(super) fn of_server(&self) -> u32 {
        self.server.count()
    }

    /// Starts `command` on the cores of servers.
    pub(super) fn spawn(&self, command: &mut Command) -> anyhow::Result<Child> {
        // A child has the cores of the thread that starts it.
        sched_setaffinity(None, &self.server).context("the server's cores")?;
        let child = command.spawn();
        sched_setaffinity(None, &self.generator).context("the generator's core")?;
        child.context("the server cannot be started")
    }
}
