//! How fast jobs come in, are leased and settled while many others wait.
//!
//! ```text
//! cargo run --release -p tidegate-store-embedded --example jobs -- DIR [WAITING]
//! ```
//!
//! Medians of a batch, in milliseconds. DIR is a folder on the disk to measure; `jobs.sqlite` in it is made anew.

#![expect(clippy::print_stdout, reason = "a table is what it is for")]

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use tidegate_domain::ports::{JobOutcome, Jobs, NewJob, Settled};
use tidegate_domain::time::UnixMs;
use tidegate_store_embedded::jobs::EmbeddedJobs;

const NOW: UnixMs = UnixMs(1_763_640_000_000);
const BATCH: usize = 2000;
const LEASED: usize = 100;
const ROUNDS: usize = 20;

fn job(number: usize) -> NewJob {
    NewJob {
        kind: if number.is_multiple_of(2) { "session" } else { "cot" }.to_owned(),
        project: format!("project-{}", number % 7),
        // Spread, as the ids of sessions are.
        key: format!("{:016x}", (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        version: 1,
        payload: format!(r#"{{"session":"{number}","until":{number}}}"#),
        priority: (number % 3) as u8 * 4,
        run_at: NOW.plus_ms(-((number * 7919 % 60_000) as i64)),
    }
}

fn report(what: &str, jobs: usize, mut ms: Vec<f64>) {
    ms.sort_by(f64::total_cmp);
    let median = ms[ms.len() / 2];
    println!("{what:24} {median:8.2} ms  {:10.0} jobs/s", jobs as f64 / median * 1000.0);
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let dir = PathBuf::from(args.next().ok_or("say a folder")?);
    let waiting: usize = args.next().map_or(Ok(100_000), |count| count.parse())?;
    for name in ["jobs.sqlite", "jobs.sqlite-wal", "jobs.sqlite-shm"] {
        let _ = std::fs::remove_file(dir.join(name));
    }
    let jobs = EmbeddedJobs::open(&dir.join("jobs.sqlite"))?;
    let all: Vec<_> = (0..waiting + ROUNDS * BATCH).map(job).collect();
    let (first, rest) = all.split_at(waiting);
    for part in first.chunks(BATCH) {
        jobs.enqueue(part, NOW).await?;
    }
    println!("{waiting} jobs wait");
    let ms = |since: Instant| since.elapsed().as_secs_f64() * 1000.0;
    let [mut enqueued, mut leased, mut settled, mut counted, mut next] = [const { Vec::new() }; 5];
    for part in rest.chunks(BATCH) {
        let since = Instant::now();
        jobs.enqueue(part, NOW).await?;
        enqueued.push(ms(since));
        let since = Instant::now();
        let held = jobs.lease(&["session", "cot"], LEASED, NOW, 60_000).await?;
        leased.push(ms(since));
        let outcome = JobOutcome::Completed;
        let done: Vec<_> = held
            .iter()
            .map(|job| Settled { id: job.id, lease: job.lease, outcome: outcome.clone() })
            .collect();
        let since = Instant::now();
        jobs.settle(&done, NOW).await?;
        settled.push(ms(since));
        let since = Instant::now();
        jobs.stats(NOW).await?;
        counted.push(ms(since));
        let since = Instant::now();
        jobs.next_due(&["session", "cot"]).await?;
        next.push(ms(since));
    }
    report("enqueue 2000", BATCH, enqueued);
    report("lease 100", LEASED, leased);
    report("settle 100", LEASED, settled);
    report("stats", 1, counted);
    report("next_due", 1, next);
    Ok(())
}
