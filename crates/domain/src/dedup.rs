//! Deduplication: which events are the same one, sent again.
//!
//! The two answers are values computed here; the index that remembers them is the log itself, which decides and
//! appends in one step (law 2).
//!
//! - **D1** the same idempotency key with the same body in a project: the first receipt is returned again.
//! - **D2** the same key with another body: refused, nothing is stored.
//! - **D3** a key or fingerprint is remembered only together with its record, never before.
//! - **D4** the same fingerprint inside its window: answered as the first event's duplicate.
//! - **D5** all of this holds for as long as the log keeps the first event: what retention deletes is forgotten.
//!
//! Keys and fingerprints are SHA-256 cut to 128 bits, so no client can make another's event look like a
//! duplicate. The digest of a body is a fast 64-bit hash: with it a client can only deceive itself.
//!
//! Source: IETF draft-ietf-httpapi-idempotency-key-header-07; API.md, "Duplicates".

use sha2::{Digest, Sha256};
use twox_hash::XxHash3_64;

use crate::ports::{Appended, Receipt};
use crate::time::UnixMs;

/// An idempotency key as the log remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Hash of (project, key).
    pub hash: u128,
    /// Digest of what the sender said; another digest under the same hash is a reuse (D2).
    pub digest: u64,
}

/// A fingerprint of an event's essence and how long it is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Hash of (project, door, the fields of the door's rule).
    pub hash: u128,
    /// Length of the window, in ms; an event this long after the first is a new one.
    pub window_ms: u32,
}

/// What a log remembers of a key or fingerprint: its newest record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// [`Key::digest`]; of no meaning for a fingerprint.
    pub digest: u64,
    /// The record's receipt.
    pub receipt: Receipt,
}

/// The answer to a record that a log holds already (D1, D2, D4), or `None`: it is a new one.
///
/// - `now`: the time at which it would be recorded.
/// - `newest`: what the log remembers of a hash. Asked for the fingerprint only if the key is not known.
/// - Errors: those of `newest`.
pub fn decide<E>(
    key: Option<Key>,
    fingerprint: Option<Fingerprint>,
    now: UnixMs,
    newest: impl Fn(u128) -> Result<Option<Seen>, E>,
) -> Result<Option<Appended>, E> {
    if let Some(key) = key
        && let Some(Seen { digest, receipt }) = newest(key.hash)?
    {
        let is_same = digest == key.digest;
        return Ok(Some(if is_same { Appended::Duplicate(receipt) } else { Appended::KeyReused(receipt) }));
    }
    let Some(print) = fingerprint else { return Ok(None) };
    let since = window_start(now, print.window_ms);
    let seen = newest(print.hash)?.filter(|seen| seen.receipt.recorded_at >= since);
    Ok(seen.map(|seen| Appended::Duplicate(seen.receipt)))
}

/// The earliest moment whose events count as the same one under a window of `window_ms` at `now`: an event exactly
/// one window after the first is a new one.
pub fn window_start(now: UnixMs, window_ms: u32) -> UnixMs {
    now.plus_ms(1 - i64::from(window_ms))
}

/// The key of an event. `sender_bytes` is [`crate::record::Encoded::sender_bytes`]. Cost: about 0.2 us.
pub fn key(project: &str, idempotency_key: &str, sender_bytes: &[u8]) -> Key {
    Key { hash: hash(&["key", project, idempotency_key]), digest: XxHash3_64::oneshot(sender_bytes) }
}

/// The fingerprint of the moderation door: same source, author and content within the window.
pub fn moderation_fingerprint(
    project: &str,
    source: &str,
    author: &str,
    content: &str,
    window_ms: u32,
) -> Fingerprint {
    Fingerprint { hash: hash(&["moderation", project, source, author, content]), window_ms }
}

/// A 64-bit hash that names a session (or, with `None`, a whole project) in postings.
///
/// Not collision-proof: a reader must compare the names in the record it finds. Cost: about 10 ns.
pub fn stream_hash(project: &str, session: Option<&str>) -> u64 {
    let seed = XxHash3_64::oneshot(project.as_bytes());
    session.map_or(seed, |session| session_hash(seed, session))
}

/// [`stream_hash`] of a session in the project whose own hash is `project`.
pub fn session_hash(project: u64, session: &str) -> u64 {
    XxHash3_64::oneshot_with_seed(project, session.as_bytes())
}

/// SHA-256 over length-prefixed parts, so that no two lists of parts look alike; the first 128 bits.
fn hash(parts: &[&str]) -> u128 {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_le_bytes());
        sha.update(part.as_bytes());
    }
    let digest = sha.finalize();
    let mut first = [0u8; 16];
    first.copy_from_slice(&digest[..16]);
    u128::from_le_bytes(first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_is_the_same_for_the_same_project_key_and_body_only(
            a in ("[ab]{0,2}", "[ab]{0,2}", "[ab]{0,2}"), b in ("[ab]{0,2}", "[ab]{0,2}", "[ab]{0,2}"),
        ) {
            let of = |(project, name, body): &(String, String, String)| key(project, name, body.as_bytes());
            prop_assert_eq!(of(&a).hash == of(&b).hash, (&a.0, &a.1) == (&b.0, &b.1));
            prop_assert_eq!(of(&a).digest == of(&b).digest, a.2 == b.2);
            let print = |(source, author, text): &(String, String, String)| moderation_fingerprint("p", source, author, text, 1);
            prop_assert_eq!(print(&a) == print(&b), a == b);
            prop_assert_ne!(print(&a).hash, of(&a).hash, "a key is never taken for a fingerprint");
        }

        #[test]
        fn a_session_has_one_hash_however_it_is_asked_for(project in "\\PC{0,20}", session in "\\PC{0,20}") {
            let of_project = stream_hash(&project, None);
            prop_assert_eq!(stream_hash(&project, Some(&session)), session_hash(of_project, &session));
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(key("a", "bc", b"").hash, key("ab", "c", b"").hash);
        assert_ne!(
            moderation_fingerprint("p", "a", "b", "c", 1).hash,
            moderation_fingerprint("p", "ab", "", "c", 1).hash
        );
    }

    #[test]
    fn one_tenants_key_is_not_anothers() {
        assert_ne!(key("a", "k", b"").hash, key("b", "k", b"").hash);
        assert_ne!(stream_hash("a", Some("s")), stream_hash("b", Some("s")));
    }

    #[test]
    fn another_body_has_another_digest() {
        assert_eq!(key("a", "k", b"x"), key("a", "k", b"x"));
        assert_ne!(key("a", "k", b"x").digest, key("a", "k", b"y").digest);
    }
}
