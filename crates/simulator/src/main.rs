//! `simulate`: runs seeds and says what they went through, or which law one broke.

#![expect(clippy::print_stdout, reason = "a command's answer")]

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use tidegate_simulator::{Failure, Report, simulate};

/// Runs the log, dedup, pipeline and checkpoint code over a disk and a clock that fail, and checks the laws.
#[derive(Parser)]
struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first one.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// One seed only, with its history.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    // A panic is a finding like another; its message is in the failure.
    std::panic::set_hook(Box::new(|_| ()));
    if let Some(seed) = args.seed {
        return match simulate(seed, Some(|line| println!("{line}"))) {
            Ok(report) => {
                println!("seed {seed} keeps every law: {report:?}");
                ExitCode::SUCCESS
            }
            Err(failure) => broken(&failure),
        };
    }
    let begun = Instant::now();
    let mut all = Report::default();
    let mut refused = 0;
    for seed in args.from..args.from + args.seeds {
        match simulate(seed, None) {
            Ok(report) => {
                refused += u64::from(report.refused);
                all.passed_ms += report.passed_ms;
                all.disk_calls += report.disk_calls;
                all.faults += report.faults;
                all.lives += report.lives;
                all.acked += report.acked;
            }
            Err(failure) => {
                println!("{} seeds kept every law, then:", seed - args.from);
                return broken(&failure);
            }
        }
    }
    let took = begun.elapsed().as_secs_f64();
    println!(
        "{} seeds keep every law: {} events acknowledged, {} processes, {} disk calls, {} faults, {refused} starts refused \
         for damage",
        args.seeds, all.acked, all.lives, all.disk_calls, all.faults
    );
    let simulated = all.passed_ms as f64 / 1000.0;
    println!(
        "{simulated:.0} s simulated in {took:.1} s: {:.0} times faster than real time",
        simulated / took
    );
    ExitCode::SUCCESS
}

fn broken(failure: &Failure) -> ExitCode {
    println!("{failure}\nShow it: make simulate SEED={}", failure.seed);
    ExitCode::FAILURE
}
