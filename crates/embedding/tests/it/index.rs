//! The laws of the index (N1 to N4), against comparing with every vector.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tidegate_embedding::{Flat, Hnsw, Index, Kernel, KernelChoice, Neighbor, Vector};

const DIMS: usize = 24;

fn kernels() -> Vec<Kernel> {
    KernelChoice::ALL.into_iter().skip(1).filter_map(|choice| Kernel::choose(choice).ok()).collect()
}

/// Vectors of few distinct values: many ties, some zeros.
fn vectors(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Vector>> {
    let coarse =
        prop::collection::vec(-1_i8..=1, DIMS).prop_map(|values| values.into_iter().map(f32::from).collect());
    let fine = prop::collection::vec(-1.0_f32..1.0, DIMS);
    prop::collection::vec(
        prop_oneof![coarse, fine].prop_map(|values| Vector::normalized(values).unwrap()),
        count,
    )
}

fn exact(query: &Vector, vector: &Vector) -> f64 {
    query.iter().zip(vector.iter()).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

fn assert_ordered(found: &[Neighbor]) {
    for pair in found.windows(2) {
        let falling = pair[0].cosine > pair[1].cosine;
        assert!(falling || (pair[0].cosine == pair[1].cosine && pair[0].id < pair[1].id), "N1: {pair:?}");
    }
}

proptest! {
    #[test]
    fn n3_flat_finds_what_comparing_with_every_vector_finds(
        vectors in vectors(0..300), query in vectors(1..2), k in 0_usize..20,
    ) {
        for kernel in kernels() {
            let mut flat = Flat::new(kernel, DIMS);
            vectors.iter().zip(0..).for_each(|(vector, id)| flat.insert(id, vector));
            let found = flat.nearest(&query[0], k);
            prop_assert_eq!(found.len(), k.min(vectors.len()));
            assert_ordered(&found);
            // Ranked by a table of one vector each: the same cosines to the last bit, no bounds at work.
            let alone = |(vector, id): (&Vector, u64)| {
                let mut one = Flat::new(kernel, DIMS);
                one.insert(id, vector);
                one.nearest(&query[0], 1)[0]
            };
            let mut expected: Vec<Neighbor> = vectors.iter().zip(0..).map(alone).collect();
            expected.sort_by(|a, b| b.cosine.total_cmp(&a.cosine).then(a.id.cmp(&b.id)));
            expected.truncate(k);
            prop_assert_eq!(&found, &expected, "{}", kernel.name());
            for neighbor in found {
                let cosine = exact(&query[0], &vectors[neighbor.id as usize]);
                prop_assert!((f64::from(neighbor.cosine) - cosine).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn n2_index_holds_what_a_map_would_hold(
        steps in prop::collection::vec((0_u64..40, any::<bool>(), 0_usize..60), 0..120),
        pool in vectors(60..61),
        flat_max in 0_usize..30,
    ) {
        let mut index = Index::with_flat_max(Kernel::fastest(), DIMS, flat_max);
        let mut model: BTreeMap<u64, usize> = BTreeMap::new();
        for (id, insert, vector) in steps {
            if insert {
                index.insert(id, &pool[vector]);
                model.insert(id, vector);
            } else {
                prop_assert_eq!(index.remove(id), model.remove(&id).is_some());
            }
            prop_assert_eq!(index.len(), model.len());
        }
        let found = index.nearest(&pool[0], 100);
        assert_ordered(&found);
        let ids: Vec<u64> = { let mut ids: Vec<u64> = found.iter().map(|n| n.id).collect(); ids.sort_unstable(); ids };
        prop_assert_eq!(ids, model.keys().copied().collect::<Vec<_>>(), "all, for k is more than there are");
        for neighbor in found {
            let cosine = exact(&pool[0], &pool[model[&neighbor.id]]);
            prop_assert!((f64::from(neighbor.cosine) - cosine).abs() < 1e-5);
        }
    }

    #[test]
    fn n4_l2_is_two_less_twice_the_cosine(pair in vectors(2..3)) {
        let mut flat = Flat::new(Kernel::fastest(), DIMS);
        flat.insert(1, &pair[0]);
        let found = flat.nearest(&pair[1], 1)[0];
        let zero = pair.iter().any(|vector| vector.iter().all(|&value| value == 0.0));
        let l2: f64 = pair[0].iter().zip(pair[1].iter()).map(|(&a, &b)| f64::from(a - b).powi(2)).sum();
        prop_assert!(zero || (f64::from(found.l2_squared()) - l2).abs() < 1e-5);
    }
}

#[test]
fn hnsw_finds_nearly_all_and_forgets_what_is_removed() {
    let mut state = 9_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f32 / 1_073_741_824.0 - 1.0
    };
    let mut vector = || Vector::normalized((0..DIMS).map(|_| random()).collect()).unwrap();
    let (mut hnsw, mut flat) = (Hnsw::new(Kernel::fastest(), DIMS), Flat::new(Kernel::fastest(), DIMS));
    for id in 0..1_500 {
        let vector = vector();
        hnsw.insert(id, &vector);
        flat.insert(id, &vector);
    }
    for id in (0..1_500).filter(|id| id % 3 == 0) {
        assert!(hnsw.remove(id) && flat.remove(id));
    }
    let mut hits = 0;
    for _ in 0..50 {
        let query = vector();
        let (found, expected) = (hnsw.nearest(&query, 10), flat.nearest(&query, 10));
        assert_ordered(&found);
        assert!(found.iter().all(|neighbor| neighbor.id % 3 != 0), "removed ids are gone");
        hits += found.iter().filter(|neighbor| expected.contains(neighbor)).count();
    }
    assert!(hits >= 475, "recall@10 is {}", f64::from(hits as u32) / 500.0);
}
