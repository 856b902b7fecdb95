//! `tidegate train`: the weights of the classifiers, from labelled sets. The same sets and seed give the same bytes.

use std::path::PathBuf;

use anyhow::Context;
use tidegate_training::eval::Report;
use tidegate_training::train;

use super::out;

/// Flags of `train`.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Folder of labelled sets, `.jsonl` or `.jsonl.gz`
    #[arg(value_name = "DIR")]
    data: PathBuf,
    /// Where the weights go
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Seed of every choice
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print what models that were not shown a row say of it: five folds
    #[arg(long)]
    cross_validate: bool,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// Trains, and says how good such weights are on rows they have not seen. Errors: a set cannot be read or written.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let (model, validation) =
        train(&args.data, args.seed).with_context(|| args.data.display().to_string())?;
    if let Some(file) = &args.out {
        std::fs::write(file, model.to_bytes()).with_context(|| file.display().to_string())?;
        out::note(&format!("wrote {} ({})", file.display(), model.fingerprint()));
    }
    if !args.cross_validate {
        return Ok(());
    }
    let reports = validation.reports();
    if args.json {
        let all: Vec<_> =
            reports.iter().map(|(set, report)| serde_json::json!({"set": set, "report": report})).collect();
        out::say(&serde_json::to_string_pretty(&all)?);
    } else {
        out::say(&format!(
            "{:<22} {:<22} {:>6} {:>7} {:>15} {:>7} {:>7} {:>7} {:>8}",
            "set", "detector", "n", "f1", "95 %", "fpr", "auroc", "auprc", "macro f1"
        ));
        reports.iter().for_each(|(set, report)| out::say(&row(set, report)));
    }
    Ok(())
}

fn row(set: &str, report: &Report) -> String {
    format!(
        "{set:<22} {:<22} {:>6} {:>7.4}   {:.4}-{:.4} {:>7.4} {:>7.4} {:>7.4} {:>8.4}",
        report.detector,
        report.n,
        report.f1,
        report.f1_interval.low,
        report.f1_interval.high,
        report.fpr,
        report.auroc,
        report.auprc,
        report.macro_f1
    )
}
