//! What all vendors have in common: an address, a key, a time-out; JSON out, JSON in.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{HeaderMap, Uri};
use serde_json::Value;
use tidegate_domain::ports::Clock;
use tokio::time::Instant;

use super::CallError;
use super::failure::Failure;
use crate::http::{HttpClient, HttpError, HttpResponse};

/// One way to one vendor. Not shown by `Debug`: its headers hold a key.
pub struct Vendor {
    /// How it is called.
    pub http: HttpClient,
    /// Where.
    pub uri: Uri,
    /// Headers of every request, the key among them.
    pub headers: HeaderMap,
    /// For one call, from connecting to the last byte.
    pub timeout: Duration,
    /// Tells the time, for answers that name a date.
    pub clock: Arc<dyn Clock>,
}

impl Vendor {
    /// Headers that every vendor is sent.
    pub fn headers() -> HeaderMap {
        let json = HeaderValue::from_static("application/json");
        let agent = HeaderValue::from_static(concat!("tidegate/", env!("CARGO_PKG_VERSION")));
        HeaderMap::from_iter([(ACCEPT, json.clone()), (CONTENT_TYPE, json), (USER_AGENT, agent)])
    }

    /// A header's value that is never shown. Errors: a key with bytes that no header may hold.
    pub fn secret(text: &str) -> Result<HeaderValue, hyper::header::InvalidHeaderValue> {
        let mut value = HeaderValue::from_str(text)?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// When a call that begins now must have ended.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// Sends `body`. The inner error is a failure that the vendor told of.
    pub(super) async fn send(
        &self,
        body: &Value,
        deadline: Instant,
    ) -> Result<Result<HttpResponse, Failure>, CallError> {
        let sent =
            self.http.post(&self.uri, self.headers.clone(), body.to_string().into_bytes(), deadline).await;
        let response = sent.map_err(|error| self.call_error(error))?;
        Ok(match Failure::of(&response, self.clock.now()) {
            Some(failure) => Err(failure),
            None => Ok(response),
        })
    }

    fn call_error(&self, error: HttpError) -> CallError {
        match error {
            HttpError::Timeout => CallError::Timeout { timeout_ms: self.timeout.as_millis() as u64 },
            HttpError::Address(error) => CallError::Refused { reason: error.to_string() },
            HttpError::TooLarge { .. } => CallError::Garbled { reason: error.to_string() },
            error @ HttpError::Broken(_) => CallError::Unavailable(error.into()),
        }
    }
}

/// A vendor's answer, read. Errors: [`CallError::Garbled`], without what stood there.
pub(super) fn read<T: serde::de::DeserializeOwned>(response: &HttpResponse) -> Result<T, CallError> {
    serde_json::from_slice(&response.body).map_err(|error| CallError::Garbled {
        reason: format!("{:?} error at byte {} of {}", error.classify(), error.column(), response.body.len()),
    })
}
