//! Prometheus' usual metrics of the process itself, read from the system at each scrape.
//!
//! What a system does not tell is left out: memory is known on Linux only.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, IntGauge};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Where control groups are mounted, of either version.
const GROUPS: &str = "/sys/fs/cgroup";

/// The process, as a collector of a registry.
pub(super) struct Process {
    resident: IntGauge,
    memory_limit: IntGauge,
    open_fds: IntGauge,
    max_fds: IntGauge,
    cpu: Counter,
    /// A counter cannot be set, so one scrape at a time resets it and adds what is so far.
    one_scrape: Mutex<()>,
}

impl Process {
    pub(super) fn new() -> prometheus::Result<Self> {
        let gauge = |name: &str, help: &str| IntGauge::new(name, help);
        Ok(Self {
            resident: gauge("process_resident_memory_bytes", "Memory that the process holds.")?,
            memory_limit: gauge(
                "process_memory_limit_bytes",
                "Memory that the process may hold: its control groups' smallest limit, or all there is.",
            )?,
            open_fds: gauge("process_open_fds", "Open files.")?,
            max_fds: gauge("process_max_fds", "Files that may be open.")?,
            cpu: Counter::new("process_cpu_seconds_total", "Processor time used.")?,
            one_scrape: Mutex::new(()),
        })
    }
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        let gauges = [&self.resident, &self.memory_limit, &self.open_fds, &self.max_fds];
        gauges.iter().flat_map(|gauge| gauge.desc()).chain(self.cpu.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let _one = self.one_scrape.lock().unwrap_or_else(PoisonError::into_inner);
        let mut families = Vec::new();
        for (gauge, value) in [
            (&self.resident, resident_bytes("self")),
            (&self.memory_limit, memory_limit_bytes()),
            (&self.open_fds, open_fds()),
            (&self.max_fds, getrlimit(Resource::Nofile).current),
        ] {
            if let Some(value) = value {
                gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
                families.extend(gauge.collect());
            }
        }
        self.cpu.reset();
        self.cpu.inc_by(cpu_seconds());
        families.extend(self.cpu.collect());
        families
    }
}

/// Resident memory of a process, by its number or `self`; `None` if it is gone, or on a system without /proc.
pub(crate) fn resident_bytes(process: &str) -> Option<u64> {
    kibibytes(&std::fs::read_to_string(format!("/proc/{process}/status")).ok()?, "VmRSS:")
}

fn memory_limit_bytes() -> Option<u64> {
    let all = kibibytes(&std::fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")?;
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    Some(smallest_limit(Path::new(GROUPS), &own).map_or(all, |limit| limit.min(all)))
}

/// The smallest memory limit of the groups that `own`, a /proc/self/cgroup, names, and of those around them.
fn smallest_limit(mounted: &Path, own: &str) -> Option<u64> {
    own.lines().filter_map(|line| limit_around(mounted, line)).min()
}

/// The smallest limit along one line: `0::/group` of version 2, or `4:memory:/group` of version 1.
fn limit_around(mounted: &Path, line: &str) -> Option<u64> {
    let (controllers, group) = line.split_once(':')?.1.split_once(":/")?;
    let (root, file) = match controllers {
        "" => (mounted.to_owned(), "memory.max"),
        _ if controllers.split(',').any(|name| name == "memory") => {
            (mounted.join("memory"), "memory.limit_in_bytes")
        }
        _ => return None,
    };
    let group = root.join(group);
    let around = group.ancestors().take_while(|dir| dir.starts_with(&root));
    around.filter_map(|dir| std::fs::read_to_string(dir.join(file)).ok()?.trim().parse().ok()).min()
}

/// Processor time that all threads used so far.
fn cpu_seconds() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

/// Open files, less the one that lists them.
fn open_fds() -> Option<u64> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as u64)
}

/// The bytes of a line such as `VmRSS:   123 kB`.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tightest_group_limits_memory() {
        let mounted = tempfile::tempdir().unwrap();
        let inner = mounted.path().join("pod/app");
        std::fs::create_dir_all(&inner).unwrap();
        assert_eq!(smallest_limit(mounted.path(), "0::/pod/app\n"), None, "no group says anything");
        std::fs::write(inner.join("memory.max"), "max\n").unwrap();
        std::fs::write(mounted.path().join("pod/memory.max"), "4096\n").unwrap();
        assert_eq!(smallest_limit(mounted.path(), "0::/pod/app\n"), Some(4096));
        std::fs::write(inner.join("memory.max"), "1024\n").unwrap();
        assert_eq!(smallest_limit(mounted.path(), "0::/pod/app\n"), Some(1024));
        assert_eq!(smallest_limit(mounted.path(), "0::/\n"), None);
        let first = "5:cpu,cpuacct:/pod\n4:memory:/pod\n0::/\n";
        assert_eq!(smallest_limit(mounted.path(), first), None);
        std::fs::create_dir_all(mounted.path().join("memory")).unwrap();
        // In a container the group's own folder is not seen, and its limit stands at the root.
        std::fs::write(mounted.path().join("memory/memory.limit_in_bytes"), "2048\n").unwrap();
        assert_eq!(smallest_limit(mounted.path(), first), Some(2048));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_measured() {
        let process = Process::new().unwrap();
        let names: Vec<_> = process.collect().iter().map(|family| family.name().to_owned()).collect();
        assert_eq!(names.len(), 5, "{names:?}");
        let resident = process.resident.get();
        assert!((1 << 20..process.memory_limit.get()).contains(&resident), "{resident}");
        assert!((1..=process.max_fds.get()).contains(&process.open_fds.get()));
        let first = process.cpu.get();
        process.collect();
        let (second, now) = (process.cpu.get(), cpu_seconds());
        assert!(0.0 < first && first <= second && second <= now, "not added twice: {first}, {second}, {now}");
    }
}
