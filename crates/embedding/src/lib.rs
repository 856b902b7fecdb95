//! Sentence embeddings: text in, vector out, and the search for its nearest exemplars. CPU only, no stores.
//!
//! | module | what it is |
//! |---|---|
//! | [`BertEmbedder`] | a BERT-class encoder over a local model directory, by kernels of our own |
//! | [`HashedEmbedder`] | character n-grams and words hashed into 256 dimensions: no model needed |
//! | `OnnxEmbedder` | the same directory by ONNX Runtime, if the feature `ort` is on |
//! | [`Index`] | exemplars by id, and the nearest of them to a vector |
//! | [`Cache`] | vectors of texts seen lately |
//! | [`service`] | a bounded queue, worker threads, one flight a text; the way callers embed |
//!
//! Laws of every [`Embedder`]:
//! - **E1 pure**: a vector is a function of (text, version): not of the batch, the thread or the call.
//! - **E2 ordered**: one vector a text, in order, each of [`Embedder::dims`] finite values.
//! - **E3 unit**: a vector has length 1, or is all zeros where a text has nothing to embed.
//! - **E4 bounded**: work is bounded by the token limit, whatever the text; no text makes it panic.
//!

mod cache;
mod embedder;
mod hashed;
mod index;
mod kernel;
mod model;
#[cfg(feature = "ort")]
mod onnx;
pub mod service;
mod vector;

pub use cache::{Cache, CacheKey};
pub use embedder::{EmbedError, Embedder};
pub use hashed::HashedEmbedder;
pub use index::{Flat, Hnsw, Index, Neighbor};
pub use kernel::{Kernel, KernelChoice, KernelError};
pub use model::{BertEmbedder, ModelError, ModelSettings};
#[cfg(feature = "ort")]
pub use onnx::{OnnxDevice, OnnxEmbedder, OnnxRuntime};
pub use vector::Vector;
