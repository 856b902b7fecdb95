//! `tidegate train`: the weights of the classifiers, from labelled sets. The same sets and seed give the same bytes.

use std::path::{Path, PathBuf};

use anyhow::Context;
use tidegate_embedding::{BertEmbedder, Embedder, KernelChoice, ModelSettings};
use tidegate_training::eval::Report;
use tidegate_training::sessions::{self, judge, slices};
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
    /// Folder of a sentence encoder: heads over its vectors are trained too
    #[arg(long, value_name = "DIR")]
    model_dir: Option<PathBuf>,
    /// Where those heads go
    #[arg(long, value_name = "FILE", requires = "model_dir")]
    heads_out: Option<PathBuf>,
    /// Seed of every choice
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Train the built-in threat model of sessions and chains of thought in place of the classifiers
    #[arg(long)]
    sessions: bool,
    /// Print what models that were not shown a row say of it: five folds
    #[arg(long)]
    cross_validate: bool,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// Trains, and says how good such weights are on rows they have not seen. Errors: a set cannot be read or written, or the
/// model directory cannot be used.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    if args.sessions {
        return run_sessions(args);
    }
    let encoder = args.model_dir.as_deref().map(open).transpose()?;
    let encoder = encoder.as_ref().map(|encoder| encoder as &dyn Embedder);
    let trained = train(&args.data, args.seed, encoder).with_context(|| args.data.display().to_string())?;
    if let Some(file) = &args.out {
        write(file, &trained.model.to_bytes(), &trained.model.fingerprint())?;
    }
    if let (Some(file), Some((heads, _))) = (&args.heads_out, &trained.sentence) {
        write(file, &heads.to_bytes(), &heads.fingerprint())?;
    }
    if args.cross_validate {
        let sentence = trained.sentence.iter().map(|(_, validation)| ("0+1+2", validation));
        let all = std::iter::once(("0+1", &trained.validation)).chain(sentence);
        let reports: Vec<_> = all
            .flat_map(|(tiers, validation)| {
                validation.reports().into_iter().map(move |(set, report)| (tiers, set, report))
            })
            .collect();
        print(args, &reports)?;
    }
    Ok(())
}

/// The encoder whose vectors the heads are trained on: by the kernel that gives the same on every machine with AVX2, so
/// that the weights are the same too.
fn open(dir: &Path) -> anyhow::Result<BertEmbedder> {
    let settings = ModelSettings { kernel: KernelChoice::Avx2, ..ModelSettings::default() };
    BertEmbedder::open(dir, &settings).with_context(|| dir.display().to_string())
}

fn write(file: &Path, bytes: &[u8], fingerprint: &str) -> anyhow::Result<()> {
    std::fs::write(file, bytes).with_context(|| file.display().to_string())?;
    out::note(&format!("wrote {} ({fingerprint})", file.display()));
    Ok(())
}

/// Trains the threat model, and says how good such weights are on sessions that they have not seen.
fn run_sessions(args: &Args) -> anyhow::Result<()> {
    let shown = || args.data.display().to_string();
    if let Some(file) = &args.out {
        let weights = sessions::train_sessions(&args.data, args.seed).with_context(shown)?;
        std::fs::write(file, weights.to_bytes()).with_context(|| file.display().to_string())?;
        out::note(&format!("wrote {}", file.display()));
    }
    if !args.cross_validate {
        return Ok(());
    }
    let validation = sessions::cross_validate_sessions(&args.data, args.seed).with_context(shown)?;
    let mut reports: Vec<_> = slices(&validation.sessions)
        .into_iter()
        .map(|(name, held)| ("rules", "sessions".to_owned(), judge(name, &held)))
        .collect();
    let left_out = [
        ("a template left out", &validation.templates),
        ("a goal left out", &validation.goals),
        ("cot", &validation.thoughts),
    ];
    for (name, held) in left_out {
        let set = held.first().map_or_else(String::new, |held| held.set.clone());
        let of_set: Vec<_> = held.iter().filter(|held| held.set == set).collect();
        reports.push(("rules", set, judge(name, &of_set)));
    }
    print(args, &reports)
}

/// What cross-validation says, by who was asked.
fn print(args: &Args, reports: &[(&str, impl AsRef<str>, Report)]) -> anyhow::Result<()> {
    if args.json {
        let all: Vec<_> = reports
            .iter()
            .map(|(tiers, set, report)| serde_json::json!({"tiers": tiers, "set": set.as_ref(), "report": report}))
            .collect();
        out::say(&serde_json::to_string_pretty(&all)?);
    } else {
        out::say(&format!(
            "{:<6} {:<22} {:<22} {:>6} {:>7} {:>7} {:>7} {:>15} {:>7} {:>7} {:>7} {:>8}",
            "tiers",
            "set",
            "detector",
            "n",
            "prec",
            "recall",
            "f1",
            "95 %",
            "fpr",
            "auroc",
            "auprc",
            "macro f1"
        ));
        for (tiers, set, report) in reports {
            out::say(&format!("{tiers:<6} {}", row(set.as_ref(), report)));
        }
    }
    Ok(())
}

fn row(set: &str, report: &Report) -> String {
    format!(
        "{set:<22} {:<22} {:>6} {:>7.4} {:>7.4} {:>7.4}   {:.4}-{:.4} {:>7.4} {:>7.4} {:>7.4} {:>8.4}",
        report.detector,
        report.n,
        report.precision,
        report.recall,
        report.f1,
        report.f1_interval.low,
        report.f1_interval.high,
        report.fpr,
        report.auroc,
        report.auprc,
        report.macro_f1
    )
}
