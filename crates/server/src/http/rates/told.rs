//! What an answer says of its limits: how many requests, how many are left, and for how long.

use std::sync::{Arc, OnceLock};

use axum::http::{HeaderMap, HeaderName};
use tidegate_domain::ports::Taken;
use tidegate_domain::rate::Quota;

use super::seconds;

/// The three fields of draft-ietf-httpapi-ratelimit-headers-03 and their elder spelling: what clients in use read. Later
/// drafts have put them into two structured fields, `RateLimit` and `RateLimit-Policy`, which few know yet.
pub(super) const LIMIT: [HeaderName; 2] =
    [HeaderName::from_static("ratelimit-limit"), HeaderName::from_static("x-ratelimit-limit")];
pub(super) const REMAINING: [HeaderName; 2] =
    [HeaderName::from_static("ratelimit-remaining"), HeaderName::from_static("x-ratelimit-remaining")];
pub(super) const RESET: [HeaderName; 2] =
    [HeaderName::from_static("ratelimit-reset"), HeaderName::from_static("x-ratelimit-reset")];

/// What the answer to a request will say of its limits; filled while the request is worked on.
#[derive(Clone, Default)]
pub(in crate::http) struct Told(Arc<OnceLock<Level>>);

#[derive(Clone, Copy)]
struct Level {
    limit: u32,
    remaining: u32,
    reset_s: u32,
}

impl Told {
    /// A request was counted: this is what its deciding bucket said.
    pub(super) fn fill(&self, quota: Quota, taken: &Taken) {
        // The draft wants a refusal's two times to be the same; after success, the bucket's refill is what there is to say.
        let reset_us = if taken.is_admitted { taken.full_after_us } else { taken.retry_after_us };
        let level = Level { limit: quota.burst(), remaining: taken.remaining, reset_s: seconds(reset_us) };
        // A request is counted once, so nobody has filled it before.
        let _ = self.0.set(level);
    }

    /// Writes what was told to an answer's `headers`.
    pub(in crate::http) fn write(&self, headers: &mut HeaderMap) {
        let Some(level) = self.0.get() else { return };
        for (names, value) in [(LIMIT, level.limit), (REMAINING, level.remaining), (RESET, level.reset_s)] {
            for name in names {
                headers.insert(name, value.into());
            }
        }
    }
}
