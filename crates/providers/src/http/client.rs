//! A pool of connections, and one way to use it: a POST with a deadline and a limit.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{HeaderMap, Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout_at};

use super::connect::Connector;
use super::{AddressError, Connecting};

/// How long an idle connection is kept. Vendors close theirs after a minute or more.
const IDLE: Duration = Duration::from_secs(30);
/// Idle connections kept for one server.
const IDLE_MAX: usize = 8;

/// Why there is no answer. Nothing here repeats a header or a body.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The deadline passed: connecting, waiting or reading.
    #[error("no answer in time")]
    Timeout,
    /// The address may not be called. It stays so until the settings change, or the name.
    #[error(transparent)]
    Address(AddressError),
    /// Nobody could be reached, or the answer broke off.
    #[error("the connection failed")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
    /// The answer is larger than its limit.
    #[error("the answer is larger than {bytes_max} bytes (response_bytes_max)")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
}

/// A whole answer, of any status. Not shown by `Debug`: it may repeat what it was asked.
pub struct HttpResponse {
    /// Its status; 3xx too, for no redirect is followed.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Calls servers, and keeps connections for the next call.
pub struct HttpClient {
    pool: Client<Connector, Full<Bytes>>,
    response_bytes_max: usize,
}

impl HttpClient {
    /// A client that connects as said, and reads at most `response_bytes_max` bytes of a body.
    pub fn new(connecting: Connecting, response_bytes_max: usize) -> Self {
        let pool = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_MAX)
            .pool_timer(TokioTimer::new())
            .build(Connector(Arc::new(connecting)));
        Self { pool, response_bytes_max }
    }

    /// Sends `body` to `uri` and reads the whole answer, both before `deadline`.
    ///
    /// Errors: see [`HttpError`]. A request may have been received although it errs.
    pub async fn post(
        &self,
        uri: &Uri,
        headers: HeaderMap,
        body: Vec<u8>,
        deadline: Instant,
    ) -> Result<HttpResponse, HttpError> {
        let mut request = Request::post(uri.clone())
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| HttpError::Broken(error.into()))?;
        *request.headers_mut() = headers;
        timeout_at(deadline, self.exchange(request)).await.map_err(|_| HttpError::Timeout)?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<HttpResponse, HttpError> {
        let answer = self.pool.request(request).await.map_err(|error| connect_error(error.into()))?;
        let (head, body) = answer.into_parts();
        let read = Limited::new(body, self.response_bytes_max).collect().await;
        let body = read.map_err(|error| self.body_error(error))?.to_bytes();
        Ok(HttpResponse { status: head.status, headers: head.headers, body })
    }

    fn body_error(&self, error: Box<dyn Error + Send + Sync>) -> HttpError {
        if error.is::<LengthLimitError>() {
            return HttpError::TooLarge { bytes_max: self.response_bytes_max };
        }
        HttpError::Broken(error)
    }
}

/// What is at the root of `error`: an address of ours, a time-out of connecting, or anything else.
fn connect_error(error: Box<dyn Error + Send + Sync>) -> HttpError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&*error);
    while let Some(at) = cause {
        if let Some(address) = at.downcast_ref::<AddressError>() {
            return HttpError::Address(address.clone());
        }
        if at.is::<tokio::time::error::Elapsed>() {
            return HttpError::Timeout;
        }
        cause = at.source();
    }
    HttpError::Broken(error)
}
