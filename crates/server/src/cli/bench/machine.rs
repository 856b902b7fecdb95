//! What a measurement was made on and of: without it a number says nothing.

use std::path::Path;
use std::process::Command;

use serde::Serialize;

/// Where and of what a measurement was made. What cannot be found out is `unknown`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Machine {
    cpu: String,
    cores: usize,
    memory_gib: u64,
    kernel: String,
    /// The file system of the data.
    file_system: String,
    /// Load of the last minute before the bench: how busy the machine was with other work.
    load_before: String,
    version: &'static str,
    /// The commit of the sources, `+` if they were changed since.
    commit: String,
    command: String,
    /// False for a debug build, whose numbers are worth nothing.
    optimised: bool,
}

impl Machine {
    /// This machine, with data in `dir`.
    pub(super) fn here(dir: &Path) -> Self {
        let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        Self {
            cpu: known(field(&file("/proc/cpuinfo"), "model name")),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: memory_gib(&file("/proc/meminfo")),
            kernel: known(file("/proc/sys/kernel/osrelease").trim()),
            file_system: known(file_system(&file("/proc/mounts"), dir)),
            load_before: known(file("/proc/loadavg").split(' ').next().unwrap_or_default()),
            version: env!("CARGO_PKG_VERSION"),
            commit: commit(),
            command: std::env::args().collect::<Vec<_>>().join(" "),
            optimised: !cfg!(debug_assertions),
        }
    }

    /// The lines above a report.
    pub(super) fn lines(&self) -> Vec<String> {
        let Self {
            cpu,
            cores,
            memory_gib,
            kernel,
            file_system,
            load_before,
            version,
            commit,
            command,
            optimised,
        } = self;
        let mut lines = vec![
            format!(
                "- Machine: {cpu}, {cores} cores, {memory_gib} GiB, Linux {kernel}, data on {file_system}; load before: {load_before}"
            ),
            format!("- Build: tidegate {version}, commit {commit}"),
            format!("- Command: `{command}`"),
        ];
        if !optimised {
            lines.push("- **A debug build: these numbers are worth nothing.**".to_owned());
        }
        lines
    }
}

fn known(text: &str) -> String {
    if text.is_empty() { "unknown".to_owned() } else { text.to_owned() }
}

/// The value of the first line `name : value`.
fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim()).next().unwrap_or_default()
}

fn memory_gib(meminfo: &str) -> u64 {
    let kib = field(meminfo, "MemTotal").trim_end_matches(" kB").parse::<u64>().unwrap_or(0);
    (kib + (1 << 19)) >> 20
}

/// Type of the file system that holds `dir`: of the longest mount point above it.
fn file_system<'a>(mounts: &'a str, dir: &Path) -> &'a str {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let above = mounts.filter(|(point, _)| dir.starts_with(point));
    above.max_by_key(|(point, _)| point.len()).map_or("", |(_, kind)| kind)
}

/// The commit of the sources this program was built from, if they still lie where they were.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output =
            Command::new("git").arg("-C").arg(env!("CARGO_MANIFEST_DIR")).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".to_owned() };
    let is_changed = git(&["status", "--porcelain"]).is_none_or(|changes| !changes.is_empty());
    format!("{commit}{}", if is_changed { "+" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_point_counts() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\nx /tmpfoo xfs rw 0 0\n";
        assert_eq!(file_system(mounts, Path::new("/no-such/dir")), "ext4");
        assert_eq!(file_system(mounts, Path::new("/tmp/no-such")), "tmpfs");
        assert_eq!(file_system("", Path::new("/")), "");
    }

    #[test]
    fn fields_of_proc_files_are_found() {
        let cpuinfo = "processor\t: 0\nmodel name\t: AMD EPYC\nprocessor\t: 1\nmodel name\t: other\n";
        assert_eq!(field(cpuinfo, "model name"), "AMD EPYC");
        assert_eq!(memory_gib("MemTotal:       24587000 kB\n"), 23);
        assert_eq!(memory_gib(""), 0);
    }
}
