//! Open files: as many as the system allows, and some kept back from connections, so that the log never lacks one.

use anyhow::bail;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Least number kept for new segments, their indexes and the stores' own files while the server runs.
const RESERVE_MIN: usize = 32;
/// Share of the limit that is kept as well: a log keeps each of its segments open.
const RESERVE_PART: usize = 8;
/// Lists a process's own open files, on Linux and on macOS.
const OPEN_FILES_DIR: &str = "/dev/fd";
/// What is assumed to be open where that cannot be listed.
const OPEN_ASSUMED: usize = 64;

/// Raises this process's limit of open files to what it may have at most. Common soft limits are far too low for a
/// server with thousands of readers. A failure leaves the limit as it was.
pub fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::debug!(error = %error, "the limit of open files stays as it is");
    }
}

/// How many connections may be open at once: `wanted`, or as many as the limit of open files leaves room for beside
/// the files that are open now and a reserve. Errors: it leaves room for none.
pub fn connections(wanted: usize) -> anyhow::Result<usize> {
    let Some(limit) = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok())
    else {
        return Ok(wanted);
    };
    let open = std::fs::read_dir(OPEN_FILES_DIR).map_or(OPEN_ASSUMED, Iterator::count);
    let places = places(limit, open);
    if places == 0 {
        bail!("the limit of open files, {limit}, leaves no room for connections: {open} are open already");
    }
    if places < wanted {
        tracing::warn!(
            open_files_max = limit,
            connections_max = wanted,
            connections = places,
            "fewer connections than server.connections_max: raise the limit of open files (ulimit -n)"
        );
    }
    Ok(wanted.min(places))
}

/// Places for connections under `limit` when `open` files are open already.
fn places(limit: usize, open: usize) -> usize {
    limit.saturating_sub(open).saturating_sub(RESERVE_MIN.max(limit / RESERVE_PART))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_the_log() {
        assert_eq!(places(64, 20), 12);
        assert_eq!(places(1024, 24), 872);
        assert_eq!(places(20_000, 100), 17_400);
        assert_eq!((places(40, 20), places(0, 0)), (0, 0));
    }
}
