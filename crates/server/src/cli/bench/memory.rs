//! Memory under load: what the settings allow a server to hold, and what it holds over time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::child::resident_bytes;
use crate::config::Config;

/// How often memory is looked at.
const PERIOD: Duration = Duration::from_millis(100);
/// What a connection may cost: buffers for its head and its answer, and its task.
const CONNECTION_BYTES: u64 = 64 << 10;
/// What the pipeline holds of each byte it reads at once: the batch, its decoded events, the rows on their way to Views.
const PIPELINE_COPIES: u64 = 4;
/// For everything else: Views' page cache, the index of the segment being written, the allocator's slack.
const REST_BYTES: u64 = 128 << 20;

/// Most memory a server may take: what it takes when idle, and what its limits allow. Each term has a name.
pub(super) fn allowed(config: &Config, idle_bytes: u64, connections: usize) -> Vec<(String, u64)> {
    let Config { server, intake, log, pipeline, .. } = config;
    vec![
        ("idle".to_owned(), idle_bytes),
        ("server.inflight_max_bytes".to_owned(), server.inflight_max_bytes as u64),
        ("intake.queue_max_bytes".to_owned(), intake.queue_max_bytes as u64),
        ("log.recent_max_bytes".to_owned(), log.recent_max_bytes as u64),
        (
            format!("{PIPELINE_COPIES} × pipeline.batch_max_bytes"),
            PIPELINE_COPIES * pipeline.batch_max_bytes as u64,
        ),
        (
            format!("{connections} connections × {} KiB", CONNECTION_BYTES >> 10),
            connections as u64 * CONNECTION_BYTES,
        ),
        ("a constant".to_owned(), REST_BYTES),
    ]
}

/// Looks at a process's memory until told to stop; dropped, it stops too.
pub(super) struct Watch {
    is_done: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<Vec<(Duration, u64)>>>,
}

impl Watch {
    /// Starts to look at process `pid`. A thread of its own, so that load does not keep it from looking.
    pub(super) fn start(pid: u32) -> anyhow::Result<Self> {
        let is_done = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&is_done);
        let look = move || {
            let (begun, mut seen) = (Instant::now(), Vec::new());
            while !done.load(Ordering::Relaxed) {
                match resident_bytes(pid) {
                    Ok(bytes) => seen.push((begun.elapsed(), bytes)),
                    // The process has ended.
                    Err(_) => break,
                }
                std::thread::sleep(PERIOD);
            }
            seen
        };
        let thread = std::thread::Builder::new().name("memory".into()).spawn(look)?;
        Ok(Self { is_done, thread: Some(thread) })
    }

    /// Stops, and returns what was seen: times and bytes.
    pub(super) fn stop(mut self) -> Vec<(Duration, u64)> {
        self.is_done.store(true, Ordering::Relaxed);
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.is_done.store(true, Ordering::Relaxed);
    }
}

/// The largest values of `count` equal parts of the time.
pub(super) fn course(seen: &[(Duration, u64)], count: usize) -> Vec<u64> {
    let size = seen.len().div_ceil(count).max(1);
    seen.chunks(size).filter_map(|part| part.iter().map(|(_, bytes)| *bytes).max()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_course_keeps_the_peak_of_each_part() {
        let seen: Vec<_> = [1, 5, 2, 9, 3].into_iter().map(|bytes| (Duration::ZERO, bytes)).collect();
        assert_eq!(course(&seen, 2), [5, 9]);
        assert_eq!(course(&seen, 99), [1, 5, 2, 9, 3]);
        assert_eq!(course(&[], 3), [0_u64; 0]);
    }
}
