//! V5: the same log, cut into other batches and interrupted by restarts, gives the same dump.

use proptest::prelude::*;

use super::Fixture;
use super::story::{Fold, Step, any_step};
use crate::property;

/// V5 for random stories and cuts.
pub fn how_the_log_was_cut_does_not_show<F: Fixture>() {
    let story = prop::collection::vec(any_step(), 1..40);
    let cuts = prop::collection::vec((1usize..9, prop::bool::weighted(0.2)), 0..8);
    property::holds(32, (story, cuts), async |(steps, cuts): (Vec<Step>, Vec<(usize, bool)>)| {
        let whole = F::empty().await;
        whole.views().commit(&Fold::default().batch(&steps)).await.expect("commit");
        let pieces = in_pieces::<F>(&steps, &cuts).await;
        let dump = pieces.views().dump().await.expect("dump");
        assert_eq!(dump, whole.views().dump().await.expect("dump"));
        assert!(!dump.is_empty(), "a dump of nothing says nothing");
    });
}

async fn in_pieces<F: Fixture>(steps: &[Step], cuts: &[(usize, bool)]) -> F {
    let (mut fixture, mut fold, mut rest) = (F::empty().await, Fold::default(), steps);
    for (length, reopen) in cuts {
        let (piece, left) = rest.split_at((*length).min(rest.len()));
        fixture.views().commit(&fold.batch(piece)).await.expect("commit");
        rest = left;
        if *reopen {
            fixture = fixture.reopen().await;
        }
    }
    fixture.views().commit(&fold.batch(rest)).await.expect("commit");
    fixture
}
