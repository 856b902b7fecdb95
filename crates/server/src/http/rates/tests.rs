//! Limits over time, and a rate limiter that fails.

use std::net::SocketAddr;

use async_trait::async_trait;
use axum::http::{HeaderMap, Request};
use tidegate_domain::ports::{RateLimiterError, Scopes};
use tidegate_store_embedded::rates::EmbeddedRateLimiter;
use tidegate_testkit::world::ManualClock;

use super::told::{LIMIT, REMAINING, RESET};
use super::*;
use crate::config::Config;
use crate::http::auth::Peer;

/// A limiter that says it is broken, or says nothing.
struct Broken {
    is_silent: AtomicBool,
}

#[async_trait]
impl RateLimiter for Broken {
    async fn take(&self, _: &[Bucket<'_>]) -> Result<Taken, RateLimiterError> {
        if self.is_silent.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        Err(RateLimiterError::Unavailable("the store is gone".into()))
    }
}

fn rates(limiter: Arc<dyn RateLimiter>, change: impl FnOnce(&mut RateLimits)) -> Rates {
    let mut config = Config::default();
    change(&mut config.rate_limits);
    Rates::new(&config.rate_limits, &config.server, limiter, Arc::new(Metrics::new().unwrap()))
}

fn request(address: &str) -> Parts {
    let peer = Peer(SocketAddr::new(address.parse().unwrap(), 1));
    Request::builder().extension(peer).extension(Told::default()).body(()).unwrap().into_parts().0
}

fn grant(key: &str) -> Grant {
    Grant { project: "p".parse().unwrap(), scopes: Scopes::all(), key_id: key.into() }
}

fn said(parts: &Parts) -> HeaderMap {
    let mut headers = HeaderMap::new();
    parts.extensions.get::<Told>().unwrap().write(&mut headers);
    headers
}

#[tokio::test]
async fn the_preset_lets_a_thousand_a_minute_through_and_says_when_the_next_may_come() {
    let clock = Arc::new(ManualClock::default());
    let limiter = Arc::new(EmbeddedRateLimiter::new(clock.clone(), 10));
    let rates = rates(limiter, |limits| limits.ingest_key_requests_per_minute = 1000);
    let (parts, grant) = (request("203.0.113.5"), grant("a"));
    for _ in 0..1000 {
        assert!(rates.take(Scope::Ingest, &parts, Some(&grant)).await.is_ok());
    }
    let parts = request("203.0.113.5");
    let refused = rates.take(Scope::Ingest, &parts, Some(&grant)).await.unwrap_err();
    assert_eq!((refused.status, refused.kind), (StatusCode::TOO_MANY_REQUESTS, "rate-limited"));
    let named =
        "rate_limits.ingest_key_requests_per_minute, 1000, is used up by this key: at most 1000 at once";
    assert!(refused.detail.starts_with(named), "{}", refused.detail);
    let headers = said(&parts);
    for (names, value) in [(LIMIT, "1000"), (REMAINING, "0"), (RESET, "1")] {
        assert!(names.iter().all(|name| headers[name] == value), "{headers:?}");
    }
    clock.advance_ms(60);
    assert!(rates.take(Scope::Ingest, &parts, Some(&grant)).await.is_ok());
    assert!(rates.take(Scope::Ingest, &parts, Some(&grant)).await.is_err());
    assert!(rates.take(Scope::Read, &parts, Some(&grant)).await.is_ok(), "reading has a budget of its own");
}

#[tokio::test]
async fn without_the_limiters_word_requests_are_admitted_and_counted() {
    let broken = Arc::new(Broken { is_silent: AtomicBool::new(false) });
    let rates = rates(broken.clone(), |limits| {
        limits.query_address_requests_per_minute = 1;
        limits.answer_timeout_ms = 1;
    });
    for is_silent in [false, true, false] {
        broken.is_silent.store(is_silent, Ordering::Relaxed);
        let parts = request("203.0.113.5");
        assert!(rates.take(Scope::Read, &parts, None).await.is_ok());
        assert!(said(&parts).is_empty(), "nothing is known, so nothing is said");
    }
    assert_eq!(rates.metrics.rate_limiter_errors(), 3);
}

#[tokio::test]
async fn without_limits_nobody_is_asked() {
    let rates = rates(Arc::new(Broken { is_silent: AtomicBool::new(true) }), |_| {});
    assert!(rates.told().is_none());
    assert!(rates.take(Scope::Ingest, &request("203.0.113.5"), Some(&grant("a"))).await.is_ok());
}
