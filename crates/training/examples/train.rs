//! Trains the weights that ship with screening, and prints what cross-validation says of them.
//!
//! `cargo run --release -p tidegate-training --example train -- DATA_DIR MODEL_FILE [ENCODER_DIR HEADS_FILE]`

use std::path::{Path, PathBuf};

use tidegate_embedding::{BertEmbedder, Embedder, KernelChoice, ModelSettings};
use tidegate_training::CrossValidation;
use tidegate_training::eval::Report;

/// The seed of the shipped weights.
const SEED: u64 = 1;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let (data, model, sentence) = match &args[..] {
        [data, model] => (data, model, None),
        [data, model, encoder, heads] => (data, model, Some((encoder, heads))),
        _ => return Err("usage: train DATA_DIR MODEL_FILE [ENCODER_DIR HEADS_FILE]".into()),
    };
    let encoder = sentence.map(|(encoder, _)| open(encoder)).transpose()?;
    let encoder = encoder.as_ref().map(|encoder| encoder as &dyn Embedder);
    let trained = tidegate_training::train(data, SEED, encoder)?;
    std::fs::write(model, trained.model.to_bytes())?;
    print(&trained.validation);
    if let (Some((_, file)), Some((heads, validation))) = (sentence, trained.sentence) {
        std::fs::write(file, heads.to_bytes())?;
        print(&validation);
    }
    Ok(())
}

/// The kernel whose vectors are the same on every machine that has AVX2.
fn open(dir: &Path) -> Result<BertEmbedder, Box<dyn std::error::Error>> {
    let settings = ModelSettings { kernel: KernelChoice::Avx2, ..ModelSettings::default() };
    Ok(BertEmbedder::open(dir, &settings)?)
}
#[expect(clippy::print_stdout, reason = "an example reports on stdout")]
fn print(validation: &CrossValidation) {
    println!(
        "| set | detector | n | precision | recall | F1 | false alarms | AUROC | AUPRC | accuracy | macro F1 |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for (set, report) in validation.reports() {
        println!("{}", line(set, &report));
    }
    println!("\n| head | said / are (n), by tenth of probability |\n|---|---|");
    for (head, bins) in validation.reliability() {
        let bins = bins
            .iter()
            .filter(|bin| bin.n > 0)
            .map(|bin| format!("{:.2}/{:.2} ({})", bin.said, bin.are, bin.n));
        println!("| {} | {} |", head.name(), bins.collect::<Vec<_>>().join(", "));
    }
    println!("\n| harmless rows of | n | risk above 0.5 |\n|---|---:|---:|");
    for alarms in validation.false_alarms() {
        println!("| {} | {} | {:.2} % |", alarms.set, alarms.n, alarms.share * 100.0);
    }
}

fn line(set: &str, r: &Report) -> String {
    format!(
        "| {set} | {} | {} | {:.3} | {:.3} | {:.3} [{:.3}, {:.3}] | {:.3} | {:.3} [{:.3}, {:.3}] | {:.3} [{:.3}, {:.3}] | {:.3} | {:.3} [{:.3}, {:.3}] |",
        r.detector,
        r.n,
        r.precision,
        r.recall,
        r.f1,
        r.f1_interval.low,
        r.f1_interval.high,
        r.fpr,
        r.auroc,
        r.auroc_interval.low,
        r.auroc_interval.high,
        r.auprc,
        r.auprc_interval.low,
        r.auprc_interval.high,
        r.accuracy,
        r.macro_f1,
        r.macro_f1_interval.low,
        r.macro_f1_interval.high,
    )
}
