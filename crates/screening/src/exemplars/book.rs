//! The exemplars of one project, searched by vector.

use std::collections::HashMap;

use tidegate_domain::assessment::{Category, SimilarExemplar};
use tidegate_domain::id::Position;
use tidegate_domain::label;
use tidegate_embedding::{Index, Kernel, Vector};

/// Neighbours asked for first; twice as many while some of them do not count and there may be more.
const ASKED_FIRST: usize = 8;

/// What is known of an exemplar beside its vector.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// `None` while only its removal is known.
    category: Option<Category>,
    removed: Option<Position>,
}

/// Exemplars by position. Removed ones stay: a rebuild screens texts from before their removal.
pub(super) struct Book {
    index: Index,
    entries: HashMap<Position, Entry>,
}

impl Book {
    pub(super) fn new(dims: usize) -> Self {
        Self { index: Index::new(Kernel::fastest(), dims), entries: HashMap::new() }
    }

    /// Adds an exemplar; one that is there already stays as it is.
    pub(super) fn add(&mut self, position: Position, category: Category, vector: Option<&Vector>) {
        let entry = self.entries.entry(position).or_default();
        if entry.category.is_none() {
            entry.category = Some(category);
            if let Some(vector) = vector {
                self.index.insert(position.0, vector);
            }
        }
    }

    /// Notes a removal; the first one in the log counts (LA2).
    pub(super) fn remove(&mut self, position: Position, at: Position) {
        let entry = self.entries.entry(position).or_default();
        entry.removed = Some(entry.removed.map_or(at, |before| before.min(at)));
    }

    fn category_at(&self, exemplar: Position, position: Position) -> Option<Category> {
        let entry = self.entries.get(&exemplar)?;
        entry.category.filter(|_| label::counts(exemplar, entry.removed, position))
    }

    pub(super) fn near(
        &self,
        query: &Vector,
        position: Position,
        similarity_min: f64,
    ) -> Vec<SimilarExemplar> {
        let mut asked = ASKED_FIRST;
        loop {
            let neighbors = self.index.nearest(query, asked);
            let is_all = neighbors.len() < asked
                || neighbors.last().is_some_and(|last| f64::from(last.cosine) < similarity_min);
            let similar = neighbors.iter().filter_map(|neighbor| {
                let (exemplar, similarity) = (Position(neighbor.id), f64::from(neighbor.cosine));
                let category =
                    self.category_at(exemplar, position).filter(|_| similarity >= similarity_min)?;
                Some(SimilarExemplar { exemplar, category, similarity })
            });
            let near: Vec<_> = similar.take(SimilarExemplar::LISTED_MAX).collect();
            if is_all || near.len() == SimilarExemplar::LISTED_MAX {
                return near;
            }
            asked *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vector(angle: f64) -> Vector {
        Vector::normalized(vec![angle.cos() as f32, angle.sin() as f32]).unwrap()
    }

    /// A label of an exemplar at a position, or a removal of it.
    #[derive(Clone, Debug)]
    enum Step {
        Add(u64),
        Remove(u64, u64),
    }

    proptest! {
        /// EX1 against a list of everything that was said.
        #[test]
        fn ex1_those_before_a_text_count_in_any_order(
            steps in prop::collection::vec(prop_oneof![(0u64..30).prop_map(Step::Add), (0u64..30, 30u64..60).prop_map(|(at, by)| Step::Remove(at, by))], 0..60),
            position in 0u64..70, min in 0.5f64..1.0,
        ) {
            let mut book = Book::new(2);
            for step in &steps {
                match *step {
                    Step::Add(at) => book.add(Position(at), Category::Spam, Some(&vector(at as f64 / 30.0))),
                    Step::Remove(at, by) => book.remove(Position(at), Position(by)),
                }
            }
            let near = book.near(&vector(0.0), Position(position), min);
            let is_added = |at| steps.iter().any(|step| matches!(step, Step::Add(a) if *a == at));
            let removed = |at| steps.iter().filter_map(|step| match step { Step::Remove(a, by) if *a == at => Some(*by), _ => None }).min();
            let expected: Vec<u64> = (0..30)
                .filter(|&at| is_added(at) && at < position && removed(at).is_none_or(|by| position <= by))
                .filter(|&at| f64::from(vector(at as f64 / 30.0).cosine(&vector(0.0))) >= min)
                .take(SimilarExemplar::LISTED_MAX)
                .collect();
            prop_assert_eq!(near.iter().map(|s| s.exemplar.0).collect::<Vec<_>>(), expected);
        }
    }
}
