//! The `k` best neighbours seen so far.

use std::cmp::Ordering;

use super::Neighbor;

/// At most `k` neighbours, best first (N1).
#[derive(Debug)]
pub(super) struct Best {
    k: usize,
    kept: Vec<Neighbor>,
}

impl Best {
    pub(super) fn new(k: usize) -> Self {
        Self { k, kept: Vec::with_capacity(k.min(1024)) }
    }

    /// The cosine that a neighbour must reach to be kept; anything does while there is room.
    pub(super) fn floor(&self) -> f32 {
        match self.kept.last() {
            Some(worst) if self.kept.len() >= self.k => worst.cosine,
            _ if self.k == 0 => f32::INFINITY,
            _ => f32::NEG_INFINITY,
        }
    }

    pub(super) fn offer(&mut self, neighbor: Neighbor) {
        let at = self.kept.partition_point(|kept| nearer(kept, &neighbor).is_lt());
        if at < self.k {
            self.kept.truncate(self.k - 1);
            self.kept.insert(at, neighbor);
        }
    }

    pub(super) fn into_neighbors(self) -> Vec<Neighbor> {
        self.kept
    }
}

/// Order of neighbours: by falling cosine, then by rising id.
pub(super) fn nearer(a: &Neighbor, b: &Neighbor) -> Ordering {
    b.cosine.total_cmp(&a.cosine).then(a.id.cmp(&b.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn best_are_the_first_of_all_sorted(
            scores in prop::collection::vec((0_i8..6, any::<u16>()), 0..60),
            k in 0_usize..12,
        ) {
            let all = scores.iter().map(|&(score, id)| Neighbor { id: id.into(), cosine: f32::from(score) / 5.0 });
            let mut sorted: Vec<Neighbor> = all.collect();
            let mut best = Best::new(k);
            sorted.iter().for_each(|&neighbor| best.offer(neighbor));
            sorted.sort_by(nearer);
            sorted.truncate(k);
            prop_assert_eq!(best.into_neighbors(), sorted);
        }
    }
}
