//! Vectors of texts seen lately, by digest. Bounded in entries and in age; time comes in as a value.
//!
//! - **K1** a vector found was put under the same text and version.
//! - **K2** a vector older than the time to live is never found.
//! - **K3** never more than `entries_max` vectors; the one unused longest leaves first.

use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use sha2::{Digest, Sha256};

use crate::vector::Vector;

/// The first 128 bits of SHA-256 over version and text. Senders choose texts, so the hash must not be one for which
/// two texts of the same digest can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheKey([u8; 16]);

impl CacheKey {
    /// The key of a text under an embedder's version.
    pub fn new(version: &str, text: &str) -> Self {
        let digest = Sha256::new().chain_update(version).chain_update([0]).chain_update(text).finalize();
        Self(std::array::from_fn(|i| digest[i]))
    }
}

/// A cache of vectors, least recently used out first.
#[derive(Debug)]
pub struct Cache {
    entries: LruCache<CacheKey, Entry>,
    ttl_ms: i64,
}

#[derive(Debug)]
struct Entry {
    vector: Arc<Vector>,
    put_at_ms: i64,
}

impl Cache {
    /// Seven days.
    pub const TTL_MS: i64 = 604_800_000;

    /// An empty cache of at most `entries_max` vectors, each for `ttl_ms` milliseconds.
    pub fn new(entries_max: NonZeroUsize, ttl_ms: i64) -> Self {
        Self { entries: LruCache::new(entries_max), ttl_ms }
    }

    /// The vector put under `key` less than the time to live before `now_ms`. O(1).
    pub fn get(&mut self, key: &CacheKey, now_ms: i64) -> Option<Arc<Vector>> {
        let entry = self.entries.get(key)?;
        if now_ms.saturating_sub(entry.put_at_ms) >= self.ttl_ms {
            self.entries.pop(key);
            return None;
        }
        Some(Arc::clone(&entry.vector))
    }

    /// Puts a vector under `key`, as of `now_ms`. O(1).
    pub fn put(&mut self, key: CacheKey, vector: Arc<Vector>, now_ms: i64) {
        self.entries.put(key, Entry { vector, put_at_ms: now_ms });
    }

    /// How many vectors it holds, too old ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cache(entries_max: usize, ttl_ms: i64) -> Cache {
        Cache::new(NonZeroUsize::new(entries_max).unwrap(), ttl_ms)
    }

    fn vector(value: u8) -> Arc<Vector> {
        Arc::new(Vector::normalized(vec![1.0, f32::from(value)]).unwrap())
    }

    #[test]
    fn k1_key_tells_version_and_text_apart() {
        let keys = [("a", "bc"), ("ab", "c"), ("a", "bd"), ("", "abc")].map(|(v, t)| CacheKey::new(v, t));
        let distinct: std::collections::HashSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
        assert_eq!(CacheKey::new("a", "bc"), keys[0]);
    }

    #[test]
    fn k2_vector_is_found_until_the_very_millisecond_of_its_age() {
        let (mut cache, key) = (cache(9, 1_000), CacheKey::new("v", "t"));
        cache.put(key, vector(1), 50);
        assert!(cache.get(&key, 1_049).is_some());
        assert!(cache.get(&key, 0).is_some(), "a clock set back ages nothing");
        assert!(cache.get(&key, 1_050).is_none());
        assert!(cache.is_empty());
    }

    proptest! {
        #[test]
        fn k3_cache_never_holds_more_than_its_bound(texts in prop::collection::vec(0_u8..40, 1..200)) {
            let mut cache = cache(7, 1_000);
            for (now_ms, &text) in (0_i64..).zip(&texts) {
                let key = CacheKey::new("v", &text.to_string());
                let found = cache.get(&key, now_ms);
                let lately: std::collections::HashSet<u8> =
                    texts[..now_ms as usize].iter().rev().copied().take_while(|&other| other != text).collect();
                let seen = texts[..now_ms as usize].contains(&text);
                prop_assert_eq!(found.is_some(), seen && lately.len() < 7, "the seven used last are there");
                prop_assert!(found.is_none_or(|found| found == vector(text)));
                cache.put(key, vector(text), now_ms);
                prop_assert!(cache.len() <= 7);
            }
        }
    }
}
