//! What a set's detectors were worth, in one shape for the screener and the scanner.

use std::sync::Arc;

use anyhow::Context;
use serde_json::{Value, json};
use tidegate_embedding::Embedder;
use tidegate_screening::{Settings, TextScreener};
use tidegate_training::data::Row;
use tidegate_training::eval::{Report, evaluate};

use super::read::Set;
use crate::cli::out;
use crate::config::Embedding;
use crate::screening;

/// The reports of one set; the first one is the set's.
pub(super) struct Scored {
    pub(super) set: String,
    pub(super) rows: usize,
    pub(super) reports: Vec<Report>,
}

/// Who scores texts: the built-in screener, and the encoder of the settings if the shipped heads belong to it.
pub(super) struct Judge {
    screener: TextScreener,
    encoder: Option<Arc<dyn Embedder>>,
}

impl Judge {
    /// Errors: a model directory is named and cannot be used.
    pub(super) fn open(embedding: &Embedding) -> anyhow::Result<Self> {
        let screener = TextScreener::new(&Settings::default()).context("the built-in screener")?;
        let Some(encoder) = screening::open_encoder(embedding)? else {
            return Ok(Self { screener, encoder: None });
        };
        match screening::heads_of(&*encoder) {
            Ok(heads) => Ok(Self { screener: screener.with_heads(heads), encoder: Some(encoder) }),
            Err(why) => {
                out::note(&format!("{}: {why}", encoder.version()));
                Ok(Self { screener, encoder: None })
            }
        }
    }
}

/// Scores texts by the screener. Errors: the encoder refuses a text.
pub(super) fn by_screener(judge: &Judge, set: &Set) -> anyhow::Result<Scored> {
    let rows: Vec<Row> = set.rows.iter().map(|labelled| labelled.row.clone()).collect();
    let reports = evaluate(&judge.screener, judge.encoder.as_deref(), &rows)
        .with_context(|| format!("the texts of {}", set.name))?;
    Ok(Scored { set: set.name.clone(), rows: rows.len(), reports })
}

impl Scored {
    /// The set as JSON: the numbers of its first detector; all of them under `detectors`, if there are several.
    pub(super) fn json(&self) -> Value {
        let Some(first) = self.reports.first() else {
            return json!({"set": self.set, "n": self.rows, "detector": null,
                "note": "no detector is for these labels"});
        };
        let mut json = json!(first);
        json["set"] = json!(self.set);
        if self.reports.len() > 1 {
            let rest = &self.reports[1..];
            json["per_label"] = rest.iter().map(per_label).collect();
            json["mean_auprc"] = json!(rest.iter().map(|r| r.auprc).sum::<f64>() / rest.len() as f64);
            json["detectors"] = json!(self.reports);
        }
        json
    }
}

/// A detector of one category, as a label of the set.
fn per_label(report: &Report) -> Value {
    let label = report.per_label.first().map(|first| first.label.clone());
    json!({"label": label, "n": report.per_label.first().map(|first| first.n), "precision": report.precision,
        "recall": report.recall, "f1": report.f1, "auroc": report.auroc, "auprc": report.auprc})
}
