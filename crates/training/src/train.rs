//! Training: rows in, model out.

use std::path::Path;

use tidegate_embedding::{EmbedError, Embedder};
use tidegate_screening::{Head, Margins, Model, SentenceHeads, SettingsError, norms};

use crate::data::{self, DataError, Row, Turn};
use crate::heads::{self, Lessons};
use crate::own;
use crate::pack;
use crate::recipe::Recipe;
use crate::solver::{self, Example, Target, Weights};
use crate::stack;
use crate::tune;
use crate::vectors::Vectors;
use crate::vocabulary::{Features, Vocabulary};
use crate::{CrossValidation, cross_validation, stacking};

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A set is missing or broken.
    #[error("the labelled sets cannot be read")]
    Data(#[from] DataError),
    /// The model does not screen. A fault of ours: never retried.
    #[error("the trained model does not screen")]
    Screening(#[from] SettingsError),
    /// The encoder refuses a text.
    #[error("the texts cannot be embedded")]
    Embedding(#[from] EmbedError),
}

/// The rows of all sets, with what each teaches.
#[derive(Debug)]
pub(crate) struct Corpus {
    /// Set and row.
    pub(crate) rows: Vec<(&'static str, Row)>,
    pub(crate) lessons: Vec<Lessons>,
    pub(crate) features: Features,
}

impl Corpus {
    pub(crate) fn read(dir: &Path) -> Result<Self, DataError> {
        let mut rows = Vec::new();
        for set in heads::SETS {
            rows.extend(data::read_set(dir, set)?.into_iter().map(|row| (set, row)));
        }
        for set in heads::CHATS {
            rows.extend(data::read_set(dir, set)?.iter().flat_map(user_turns).map(|row| (set, row)));
        }
        rows.extend(own::rows().into_iter().map(|row| (own::SET, row)));
        let lessons = rows.iter().map(|(set, row)| heads::lessons(set, row)).collect();
        let features = Features::of(rows.iter().map(|(_, row)| row.text.as_str()));
        Ok(Self { rows, lessons, features })
    }
}

/// What the user said in a session, each turn a row. Turns of one session are one group.
fn user_turns(session: &Row) -> Vec<Row> {
    let said =
        session.turns.iter().enumerate().filter(|(_, turn)| turn.role == "user" && turn.content != OMITTED);
    let row = |(nth, turn): (usize, &Turn)| Row {
        id: format!("{}-{nth}", session.id),
        text: turn.content.clone(),
        labels: vec!["BENIGN".to_owned()],
        group: session.group.clone().or_else(|| Some(session.id.clone())),
        ..Row::default()
    };
    said.map(row).collect()
}

/// What stands where something was left out.
const OMITTED: &str = "[omitted]";

/// What training gives.
#[derive(Debug)]
pub struct Trained {
    /// The classifiers of tier 1.
    pub model: Model,
    /// What models that were not shown a row say of it.
    pub validation: CrossValidation,
    /// The heads of tier 2 and the same of them, if there was an encoder.
    pub sentence: Option<(SentenceHeads, CrossValidation)>,
}

/// Trains on every row and calibrates by five-fold cross-validation.
///
/// - `dir`: a folder with the sets as `NAME.jsonl` or `NAME.jsonl.gz`.
/// - `encoder`: whose vectors the heads of tier 2 are trained on; without one there are none.
/// - Result: a function of the rows, `seed` and the encoder's version; the same bytes on every machine.
/// - Cost: six trainings, about two minutes on one core, 1 GB. With an encoder ten more, and a vector of each text.
/// - Errors: a set is missing or broken, or the encoder refuses a text.
pub fn train(dir: &Path, seed: u64, encoder: Option<&dyn Embedder>) -> Result<Trained, TrainError> {
    let corpus = Corpus::read(dir)?;
    let texts: Vec<&str> = corpus.rows.iter().map(|(_, row)| row.text.as_str()).collect();
    let vectors = encoder.map(|encoder| Vectors::of(encoder, &texts)).transpose()?;
    let (validation, models) = cross_validation::run(&corpus, seed)?;
    let all: Vec<usize> = (0..corpus.rows.len()).collect();
    let mut model = fit(&corpus, &all, seed);
    model.calibrate(&tune::calibrations(&validation.rows.iter().collect::<Vec<_>>()));
    let sentence =
        vectors.map(|vectors| sentence(&corpus, &vectors, &validation, &models, seed)).transpose()?;
    Ok(Trained { model, validation, sentence })
}

/// The heads of tier 2, calibrated by a cross-validation of their own.
fn sentence(
    corpus: &Corpus,
    vectors: &Vectors,
    validation: &CrossValidation,
    models: &[Model],
    seed: u64,
) -> Result<(SentenceHeads, CrossValidation), SettingsError> {
    let stacked = stacking::run(corpus, vectors, validation, models, seed)?;
    let on: Vec<usize> = validation.rows.iter().map(|row| row.nth).collect();
    let margins: Vec<Margins> = validation.rows.iter().map(|row| row.margins).collect();
    let mut heads = stack::fit(corpus, vectors, &on, &margins, seed);
    heads.calibrations = tune::calibrations(&stacked.rows.iter().collect::<Vec<_>>());
    Ok((heads, stacked))
}

/// Trains on the rows `on`, without calibration.
pub(crate) fn fit(corpus: &Corpus, on: &[usize], seed: u64) -> Model {
    let vocabulary = Vocabulary::of(&corpus.features, on);
    let heads = solve_all(corpus, on, &vocabulary, seed);
    let kept = pack::heaviest(&vocabulary, &heads);
    let kept = Vocabulary::from(kept.into_iter().map(|number| vocabulary.features[number]).collect());
    let heads = solve_all(corpus, on, &kept, seed);
    pack::pack(&kept, &heads)
}

/// One solution a head, on the rows that teach it something.
fn solve_all(corpus: &Corpus, on: &[usize], vocabulary: &Vocabulary, seed: u64) -> Vec<Weights> {
    let examples: Vec<Example> = on
        .iter()
        .map(|&nth| {
            let text = corpus.features.text(nth);
            let counts = std::array::from_fn(|block| text[block].len() as u32);
            Example { features: vocabulary.numbers(text), norms: norms(counts) }
        })
        .collect();
    let solve = |head: Head| {
        let recipe = Recipe::of(head);
        let targets = targets(corpus, on, head, recipe.cost);
        let scales = recipe.scales(vocabulary, &examples, &targets);
        solver::solve(&examples, &targets, &scales, seed ^ head as u64)
    };
    Head::ALL.into_iter().map(solve).collect()
}

/// What the rows `on` teach `head`, and what a mistake costs: `cost` for the commoner kind.
pub(crate) fn targets(corpus: &Corpus, on: &[usize], head: Head, cost: f64) -> Vec<Target> {
    let lesson = |nth: usize| corpus.lessons[nth][head as usize];
    let positives = on.iter().filter(|&&nth| lesson(nth) > 0).count().max(1) as f64;
    let negatives = on.iter().filter(|&&nth| lesson(nth) < 0).count().max(1) as f64;
    // Half way to equal weight of both kinds.
    let more = libm::sqrt(negatives / positives).max(1.0);
    let taught = on.iter().enumerate().filter(|&(_, &nth)| lesson(nth) != 0);
    taught
        .map(|(example, &nth)| {
            let it_is = lesson(nth) > 0;
            let cost = if it_is { cost * more } else { cost };
            Target { example: example as u32, it_is, cost }
        })
        .collect()
}
