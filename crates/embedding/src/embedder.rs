//! The port: what any engine that turns texts into vectors promises.

use std::error::Error;

use crate::vector::Vector;

/// Turns texts into vectors. The laws E1 to E4 are in the header of the crate.
pub trait Embedder: Send + Sync {
    /// Length of every vector.
    fn dims(&self) -> usize;

    /// Name of all that decides the result; vectors of different versions must not be compared.
    fn version(&self) -> &str;

    /// Digest of all that decides the result but the arithmetic: what stands between `@` and `/` of the version. `None` for
    /// an engine without weights.
    fn weights(&self) -> Option<&str> {
        let (_, rest) = self.version().rsplit_once('@')?;
        rest.split_once('/').map(|(digest, _)| digest)
    }

    /// One vector a text, in order.
    ///
    /// - Errors: as [`EmbedError`] says; none of the texts is embedded then.
    fn embed(&self, texts: &[&str]) -> Result<Vec<Vector>, EmbedError>;
}

/// Why texts were not embedded. The same text fails again, save for [`Self::Engine`].
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// The tokenizer refused the text.
    #[error("text cannot be tokenized")]
    Tokenizer(#[source] Box<dyn Error + Send + Sync>),
    /// The arithmetic overflowed: the model's weights are finite but too large.
    #[error("the vector of text {text} has values that are not finite")]
    NotFinite {
        /// Which of the texts, from 0.
        text: usize,
    },
    /// The engine behind failed; may be retried.
    #[error("the engine failed")]
    Engine(#[source] Box<dyn Error + Send + Sync>),
}
