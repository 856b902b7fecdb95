//! Vectors: the corpus by a sentence encoder, for the heads of tier 2.

use std::num::NonZeroUsize;
use std::thread;

use tidegate_embedding::{EmbedError, Embedder, Vector};

/// Texts embedded at once.
const BATCH: usize = 32;

/// One vector a text, and whose they are.
#[derive(Debug)]
pub(crate) struct Vectors {
    /// The encoder, as `name@digest`.
    pub(crate) encoder: String,
    texts: Vec<Vector>,
}

impl Vectors {
    /// Embeds `texts` on as many threads as the machine has cores.
    ///
    /// - A vector is a function of its text and the encoder's version (E1): threads and batches change nothing.
    /// - Errors: the encoder refuses a text.
    pub(crate) fn of(encoder: &dyn Embedder, texts: &[&str]) -> Result<Self, EmbedError> {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let share = texts.len().div_ceil(threads).max(1);
        let embed = |texts: &[&str]| -> Result<Vec<Vector>, EmbedError> {
            let batches = texts.chunks(BATCH).map(|batch| encoder.embed(batch));
            Ok(batches.collect::<Result<Vec<_>, _>>()?.concat())
        };
        let parts = thread::scope(|scope| {
            let workers: Vec<_> =
                texts.chunks(share).map(|texts| scope.spawn(move || embed(texts))).collect();
            let done = workers.into_iter().map(|worker| {
                worker.join().unwrap_or_else(|_| Err(EmbedError::Engine("a thread panicked".into())))
            });
            done.collect::<Result<Vec<_>, _>>()
        })?;
        let version = encoder.version();
        let encoder = version.rsplit_once('/').map_or(version, |(encoder, _)| encoder).to_owned();
        Ok(Self { encoder, texts: parts.concat() })
    }

    pub(crate) fn text(&self, nth: usize) -> &[f32] {
        &self.texts[nth]
    }
}

#[cfg(test)]
mod tests {
    use tidegate_embedding::HashedEmbedder;

    use super::*;

    #[test]
    fn every_text_has_its_own_vector_whatever_the_threads() {
        let texts: Vec<String> = (0..101).map(|n| format!("text number {n}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let vectors = Vectors::of(&HashedEmbedder, &texts).unwrap();
        for (nth, text) in texts.iter().enumerate() {
            assert_eq!(vectors.text(nth), &*HashedEmbedder::vector(text));
        }
        assert!(Vectors::of(&HashedEmbedder, &[]).unwrap().texts.is_empty());
    }
}
