//! What a batch of jobs costs in the store of one file, while few and while many others wait.

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use tidegate_domain::ports::{JobOutcome, Jobs, NewJob, Settled};
use tidegate_domain::time::UnixMs;
use tidegate_store_embedded::jobs::EmbeddedJobs;

use super::super::report::median;
use super::super::scratch::Scratch;
use super::Bench;
use super::table::{Goal, Numbers};

/// Jobs of a call.
pub(super) const BATCH: usize = 2_000;
/// Jobs that wait: the baseline, and a queue of an hour's outage.
pub(super) const WAITING: [usize; 2] = [1_000, 100_000];
const CALLS: usize = 15;
const LEASE_TTL_MS: i64 = 60_000;
/// A call may cost so many times what it costs while few wait.
const TIMES_MAX: f64 = 1.3;
const NOW: UnixMs = UnixMs(1_800_000_000_000);
const KIND: &str = "session_analysis";

/// Median ms of a call to enqueue, lease and settle a batch.
struct Calls([f64; 3]);

const NAMES: [&str; 3] = ["enqueue", "lease", "settle"];

/// One round.
pub(super) async fn round(bench: &Bench, numbers: &mut Numbers) -> anyhow::Result<()> {
    let dir = Scratch::new(&bench.dir)?;
    let few = calls(dir.path(), WAITING[0]).await?;
    let many = calls(dir.path(), WAITING[1]).await?;
    for (number, name) in NAMES.into_iter().enumerate() {
        for (calls, waiting) in [(&few, "1 000"), (&many, "100 000")] {
            let name = format!("jobs: {name} {BATCH} while {waiting} wait");
            numbers.add(&name, "ms", Goal::None, calls.0[number]);
        }
        let times = many.0[number] / few.0[number];
        numbers.add(&format!("… {name}, many / few"), "", Goal::AtMost(TIMES_MAX), times);
    }
    Ok(())
}

fn job(number: usize) -> NewJob {
    NewJob {
        kind: KIND.to_owned(),
        project: format!("project-{}", number % 7),
        // Spread, as the ids of sessions are.
        key: format!("{:016x}", (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        version: 1,
        payload: format!(r#"{{"session":"{number}","until":{number}}}"#),
        priority: (number % 3) as u8 * 4,
        run_at: NOW.plus_ms(-((number * 7919 % 60_000) as i64)),
    }
}

async fn calls(dir: &Path, waiting: usize) -> anyhow::Result<Calls> {
    let jobs = EmbeddedJobs::open(&dir.join(format!("jobs-{waiting}.sqlite")))?;
    let all: Vec<_> = (0..waiting + CALLS * BATCH).map(job).collect();
    let (first, rest) = all.split_at(waiting);
    for part in first.chunks(BATCH) {
        jobs.enqueue(part, NOW).await?;
    }
    let ms = |since: Instant| since.elapsed().as_secs_f64() * 1e3;
    let mut times = [const { Vec::new() }; 3];
    for part in rest.chunks(BATCH) {
        let since = Instant::now();
        jobs.enqueue(part, NOW).await?;
        times[0].push(ms(since));
        let since = Instant::now();
        let held = jobs.lease(&[KIND], BATCH, NOW, LEASE_TTL_MS).await?;
        times[1].push(ms(since));
        let done = |job: &tidegate_domain::ports::LeasedJob| Settled {
            id: job.id,
            lease: job.lease,
            outcome: JobOutcome::Completed,
        };
        let done: Vec<_> = held.iter().map(done).collect();
        let since = Instant::now();
        jobs.settle(&done, NOW).await?;
        times[2].push(ms(since));
    }
    let [enqueue, lease, settle] = times.map(median);
    let all = [enqueue, lease, settle].map(|value| value.context("a call was timed"));
    let [enqueue, lease, settle] = all;
    Ok(Calls([enqueue?, lease?, settle?]))
}
