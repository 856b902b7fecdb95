//! The states of recent batches in memory, of sessions or authors: two generations, so that the memory is bounded and the
//! busy ones stay.

use std::collections::HashMap;
use std::hash::Hash;

/// States by key, at most about `capacity` of them.
pub(super) struct Cache<K, S> {
    young: HashMap<K, S>,
    old: HashMap<K, S>,
    capacity: usize,
}

impl<K: Clone + Eq + Hash, S: Default> Cache<K, S> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), capacity }
    }

    /// Those of `keys` that are not here.
    pub(super) fn missing(&self, keys: &[K]) -> Vec<K> {
        keys.iter()
            .filter(|key| !self.young.contains_key(key) && !self.old.contains_key(key))
            .cloned()
            .collect()
    }

    /// Takes the states of `keys` out, in order; those not here come from `loaded`, and new ones are empty.
    pub(super) fn take(&mut self, keys: &[K], loaded: impl Iterator<Item = (K, Option<S>)>) -> Vec<S> {
        let mut loaded: HashMap<K, Option<S>> = loaded.collect();
        keys.iter()
            .map(|key| {
                let cached = self.young.remove(key).or_else(|| self.old.remove(key));
                cached.or_else(|| loaded.remove(key).flatten()).unwrap_or_default()
            })
            .collect()
    }

    /// Puts back what a batch changed.
    pub(super) fn put(&mut self, states: Vec<(K, S)>) {
        self.young.extend(states);
        if self.young.len() * 2 > self.capacity {
            self.old = std::mem::take(&mut self.young);
        }
    }

    pub(super) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tidegate_domain::session::{Session, SessionKey};

    use super::*;

    proptest! {
        /// With what was committed behind it, the cache answers as if it held everything.
        #[test]
        fn a_session_is_never_older_than_its_last_batch(batches in prop::collection::vec(prop::collection::btree_set(0usize..12, 1..5), 1..30)) {
            let mut cache = Cache::<SessionKey, Session>::new(6);
            let mut committed: HashMap<SessionKey, Session> = HashMap::new();
            for batch in batches {
                let keys: Vec<_> = batch.into_iter().map(key).collect();
                let missing = cache.missing(&keys);
                let loaded = missing.into_iter().map(|key| (key.clone(), committed.get(&key).cloned()));
                let taken = cache.take(&keys, loaded);
                let expected: Vec<_> = keys.iter().map(|key| committed.get(key).cloned().unwrap_or_default()).collect();
                prop_assert_eq!(&taken, &expected);
                let counted = taken.into_iter().map(|s| Session { event_count: s.event_count + 1, ..s });
                let changed: Vec<_> = keys.into_iter().zip(counted).collect();
                committed.extend(changed.iter().cloned());
                cache.put(changed);
            }
        }
    }

    fn key(n: usize) -> SessionKey {
        SessionKey { project: "p".into(), session: n.to_string() }
    }

    #[test]
    fn memory_is_bounded_and_the_busy_session_stays() {
        let mut cache = Cache::<SessionKey, Session>::new(100);
        for n in 1..10_000 {
            let busy = cache.take(&[key(0)], std::iter::empty()).remove(0);
            let counted = Session { event_count: busy.event_count + 1, ..busy };
            cache.put(vec![(key(0), counted), (key(n), Session::default())]);
            assert!(cache.young.len() + cache.old.len() <= 102);
        }
        assert_eq!(cache.take(&[key(0)], std::iter::empty())[0].event_count, 9_999);
        assert_eq!(cache.missing(&[key(1), key(9_999)]), [key(1)]);
    }
}
