//! Rate limits: how many requests a key, a project and an address may send, for sending and for reading apart. What is
//! above is refused with 429; every answer that a limit applied to says how much is left.
//!
//! Limits protect, and prove nothing: if the rate limiter does not answer, requests are admitted, and it is counted.

mod told;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::request::Parts;
use tidegate_domain::ports::{Bucket, RateLimiter, Scope, Taken};
use tidegate_domain::rate::Quota;
use tidegate_engine::access::Grant;

pub(super) use told::Told;

use super::{Problem, source};
use crate::config::{Network, RateLimits, Server};
use crate::metrics::Metrics;

const INGEST: &str = "ingest";
const QUERY: &str = "query";
const SECOND_US: u64 = 1_000_000;

/// The limits, and who counts.
pub struct Rates {
    limiter: Arc<dyn RateLimiter>,
    ingest: Vec<Limit>,
    query: Vec<Limit>,
    trusted_proxies: Vec<Network>,
    answer_timeout: Duration,
    metrics: Arc<Metrics>,
    is_failing: AtomicBool,
}

/// Whom a limit counts. The order of a budget's limits: a caller whose key is wrong meets the first only.
#[derive(Clone, Copy, Debug)]
enum By {
    Address,
    Project,
    Key,
}

/// One limit of one budget.
struct Limit {
    budget: &'static str,
    by: By,
    requests_per_minute: u32,
    quota: Quota,
}

impl By {
    fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Project => "project",
            Self::Key => "key",
        }
    }
}

impl Limit {
    fn new(budget: &'static str, by: By, requests_per_minute: u32, burst: u32) -> Option<Self> {
        let quota = Quota::per_minute(requests_per_minute, burst)?;
        Some(Self { budget, by, requests_per_minute, quota })
    }

    /// The bucket of this caller; `None` if it is not known who calls.
    fn bucket(&self, address: Option<IpAddr>, grant: Option<&Grant>) -> Option<String> {
        let (budget, by) = (self.budget, self.by.name());
        match self.by {
            By::Address => address.map(|address| format!("{budget}:{by}:{}", source::counted(address))),
            By::Project => grant.map(|grant| format!("{budget}:{by}:{}", grant.project.as_str())),
            By::Key => grant.map(|grant| format!("{budget}:{by}:{}", grant.key_id)),
        }
    }

    fn refusal(&self, taken: &Taken) -> Problem {
        let retry_after_s = seconds(taken.retry_after_us);
        let detail = format!(
            "rate_limits.{budget}_{by}_requests_per_minute, {}, is used up by this {by}: at most {} at once; try again in \
             {retry_after_s} s",
            self.requests_per_minute,
            self.quota.burst(),
            budget = self.budget,
            by = self.by.name(),
        );
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", detail).retry_after(retry_after_s)
    }
}

/// Whole seconds, rounded up: whoever waits so long has waited long enough.
fn seconds(us: u64) -> u32 {
    u32::try_from(us.div_ceil(SECOND_US)).unwrap_or(u32::MAX)
}

impl Rates {
    /// The limits of these settings, counted by `limiter`.
    pub fn new(
        limits: &RateLimits,
        server: &Server,
        limiter: Arc<dyn RateLimiter>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let [ingest, query] = budgets(limits);
        Self {
            limiter,
            ingest,
            query,
            trusted_proxies: server.trusted_proxies.clone(),
            answer_timeout: Duration::from_millis(limits.answer_timeout_ms),
            metrics,
            is_failing: AtomicBool::new(false),
        }
    }

    /// Where an answer is told of its limits; `None` if there is none.
    pub(super) fn told(&self) -> Option<Told> {
        (!self.ingest.is_empty() || !self.query.is_empty()).then(Told::default)
    }

    /// Takes one request that needs `scope` from the buckets of its caller. Without a `grant`, whose key is missing or
    /// wrong, that is the address's bucket: guessing keys is limited like using one. Errors: 429 `rate-limited`.
    pub(super) async fn take(
        &self,
        scope: Scope,
        parts: &Parts,
        grant: Option<&Grant>,
    ) -> Result<(), Problem> {
        let limits = if scope == Scope::Ingest { &self.ingest } else { &self.query };
        if limits.is_empty() {
            return Ok(());
        }
        let address = source::address(parts, &self.trusted_proxies);
        let asked: Vec<(&Limit, String)> =
            limits.iter().filter_map(|limit| Some((limit, limit.bucket(address, grant)?))).collect();
        let buckets: Vec<_> = asked.iter().map(|(limit, name)| Bucket { name, quota: limit.quota }).collect();
        let Some(taken) = self.ask(&buckets).await else { return Ok(()) };
        let Some((limit, _)) = asked.get(taken.bucket) else { return Ok(()) };
        if let Some(told) = parts.extensions.get::<Told>() {
            told.fill(limit.quota, &taken);
        }
        if taken.is_admitted {
            return Ok(());
        }
        self.metrics.rate_limited(limit.budget, limit.by.name());
        Err(limit.refusal(&taken))
    }

    /// The limiter's answer; `None` if it has none in time.
    async fn ask(&self, buckets: &[Bucket<'_>]) -> Option<Taken> {
        let answer = tokio::time::timeout(self.answer_timeout, self.limiter.take(buckets)).await;
        let cause = match answer {
            Ok(Ok(taken)) => {
                if self.is_failing.load(Ordering::Relaxed) && self.is_failing.swap(false, Ordering::Relaxed) {
                    tracing::info!("the rate limiter answers again");
                }
                return Some(taken);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => {
                format!("no answer in rate_limits.answer_timeout_ms, {}", self.answer_timeout.as_millis())
            }
        };
        self.metrics.rate_limiter_failed();
        if !self.is_failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(cause, "the rate limiter does not answer; requests are admitted until it does");
        }
        None
    }
}

/// The limits of both budgets, ingest first; those that are 0 are none.
fn budgets(of: &RateLimits) -> [Vec<Limit>; 2] {
    let ingest = [
        (By::Address, of.ingest_address_requests_per_minute, of.ingest_address_burst_requests),
        (By::Project, of.ingest_project_requests_per_minute, of.ingest_project_burst_requests),
        (By::Key, of.ingest_key_requests_per_minute, of.ingest_key_burst_requests),
    ];
    let query = [
        (By::Address, of.query_address_requests_per_minute, of.query_address_burst_requests),
        (By::Project, of.query_project_requests_per_minute, of.query_project_burst_requests),
        (By::Key, of.query_key_requests_per_minute, of.query_key_burst_requests),
    ];
    [(INGEST, ingest), (QUERY, query)].map(|(budget, limits)| {
        let limit = |(by, requests_per_minute, burst)| Limit::new(budget, by, requests_per_minute, burst);
        limits.into_iter().filter_map(limit).collect()
    })
}

#[cfg(test)]
mod tests;
