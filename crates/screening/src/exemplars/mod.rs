//! Exemplars: labelled texts, and what they say of a text near them.
//!
//! - **EX1** of the labels learned, those before a text's position count for it and no others (LA1), in whatever order they
//!   were learned, and however often.
//! - **EX2** a project's labels count for that project only (law 6).

mod blend;
mod book;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tidegate_domain::assessment::SimilarExemplar;
use tidegate_domain::id::Position;
use tidegate_domain::label::Label;
use tidegate_embedding::Vector;

pub use blend::Blend;
pub(crate) use blend::FLAG;
use book::Book;

/// The exemplars of all projects.
#[derive(Default)]
pub(crate) struct Exemplars {
    books: RwLock<HashMap<String, Book>>,
}

impl Exemplars {
    /// True if there are none, of any project.
    pub(crate) fn is_empty(&self) -> bool {
        self.books.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Takes labels in; `vector` makes a text's vector, `None` for a text that has none.
    pub(crate) fn learn(&self, labels: &[Label], dims: usize, vector: impl Fn(&str) -> Option<Vector>) {
        for label in labels {
            match label {
                Label::Added(exemplar) => {
                    // Made before the lock: nobody who screens waits for it.
                    let vector = vector(&exemplar.text);
                    let mut books = self.books.write().unwrap_or_else(PoisonError::into_inner);
                    let book = books.entry(exemplar.project.clone()).or_insert_with(|| Book::new(dims));
                    book.add(exemplar.position, exemplar.category, vector.as_ref());
                }
                Label::Removed { project, exemplar, at } => {
                    let mut books = self.books.write().unwrap_or_else(PoisonError::into_inner);
                    let book = books.entry(project.clone()).or_insert_with(|| Book::new(dims));
                    book.remove(*exemplar, *at);
                }
            }
        }
    }

    /// The exemplars of `project` that count at `position` and are at least `similarity_min` like `vector`, the nearest
    /// first; at most [`SimilarExemplar::LISTED_MAX`].
    pub(crate) fn near(
        &self,
        project: &str,
        vector: &Arc<[f32]>,
        position: Position,
        similarity_min: f64,
    ) -> Vec<SimilarExemplar> {
        let Some(query) = Vector::normalized(vector.to_vec()) else { return Vec::new() };
        let books = self.books.read().unwrap_or_else(PoisonError::into_inner);
        books.get(project).map(|book| book.near(&query, position, similarity_min)).unwrap_or_default()
    }
}
