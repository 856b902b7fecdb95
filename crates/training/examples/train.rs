//! Trains the shipped weights: `cargo run --release -p tidegate-training --example train -- DATA_DIR MODEL_FILE [OOF_FILE]`.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(data), Some(out)) = (args.next(), args.next()) else {
        return Err("usage: train DATA_DIR MODEL_FILE".into());
    };
    let (model, validation) = tidegate_training::train(&data, 1)?;
    std::fs::write(&out, model.to_bytes())?;
    for (set, r) in validation.reports() {
        println!(
            "{set:20} {:20} n={:5} P={:.4} R={:.4} F1={:.4} [{:.3} {:.3}] fpr={:.4} auroc={:.4} auprc={:.4} [{:.3} {:.3}] acc={:.4} macro={:.4} [{:.3} {:.3}]",
            r.detector, r.n, r.precision, r.recall, r.f1, r.f1_interval.low, r.f1_interval.high, r.fpr, r.auroc, r.auprc, r.auprc_interval.low, r.auprc_interval.high, r.accuracy, r.macro_f1, r.macro_f1_interval.low, r.macro_f1_interval.high
        );
    }
    if let Some(oof) = args.next() {
        let lines: Vec<String> = validation
            .rows
            .iter()
            .map(|r| serde_json::json!({"set": r.set, "id": r.row.id, "fold": r.fold, "lessons": r.lessons, "margins": r.margins, "labels": r.row.labels}).to_string())
            .collect();
        std::fs::write(oof, lines.join("\n"))?;
    }
    Ok(())
}
