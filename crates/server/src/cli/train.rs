//! `tidegate train`: the weights of the classifiers, from labelled sets. The same sets and seed give the same bytes.

use std::path::{Path, PathBuf};

use anyhow::Context;
use tidegate_embedding::{BertEmbedder, Embedder, KernelChoice, ModelSettings};
use tidegate_training::eval::Report;
use tidegate_training::{CrossValidation, train};

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
        let all: Vec<_> = std::iter::once(("0+1", &trained.validation)).chain(sentence).collect();
        show(&all, args.json)?;
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

/// What cross-validation says, by tiers.
fn show(all: &[(&str, &CrossValidation)], json: bool) -> anyhow::Result<()> {
    let reports = all.iter().flat_map(|(tiers, validation)| {
        validation.reports().into_iter().map(move |(set, report)| (*tiers, set, report))
    });
    if json {
        let all: Vec<_> = reports
            .map(|(tiers, set, report)| serde_json::json!({"tiers": tiers, "set": set, "report": report}))
            .collect();
        out::say(&serde_json::to_string_pretty(&all)?);
    } else {
        out::say(&format!(
            "{:<6} {:<22} {:<22} {:>6} {:>7} {:>15} {:>7} {:>7} {:>7} {:>8}",
            "tiers", "set", "detector", "n", "f1", "95 %", "fpr", "auroc", "auprc", "macro f1"
        ));
        reports.for_each(|(tiers, set, report)| out::say(&format!("{tiers:<6} {}", row(set, &report))));
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
