//! Accepting connections: a bounded number, each with a time limit on its headers, all told when to stop.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::auth::Peer;
use super::leftover;
use super::patient::Patient;
use super::per_address::PerAddress;
use crate::metrics::Metrics;

/// Room for a request's head, in bytes; larger ones are answered 431.
const HEAD_MAX_BYTES: usize = 128 << 10;
/// Most headers of a request.
const HEADERS_MAX: usize = 100;
/// Pause after a failed accept, for example when file descriptors are used up.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// How connections are served.
#[derive(Clone)]
pub struct Serving {
    /// All routes.
    pub router: Router,
    /// Time in which a request's headers must have come.
    pub header_read_timeout: Duration,
    /// How long a client may take nothing of an answer that is ready for it.
    pub write_timeout: Duration,
    /// Connections that may be open at once.
    pub connections: Arc<Semaphore>,
    /// Connections that one address may have.
    pub per_address: PerAddress,
    /// Requests after which a connection is closed; 0 sets no limit.
    pub max_requests: u64,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Stops accepting, and asks open connections to end after the request at hand.
    pub stop: CancellationToken,
    /// Owns every connection's task.
    pub tasks: TaskTracker,
}

impl Serving {
    /// Accepts until told to stop.
    pub async fn accept(self, listener: TcpListener) {
        loop {
            let permit = tokio::select! {
                () = self.stop.cancelled() => return,
                permit = Arc::clone(&self.connections).acquire_owned() => permit,
            };
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match (accepted, permit) {
                (Ok((stream, peer)), Ok(permit)) => {
                    let Some(place) = self.per_address.enter(peer.ip()) else {
                        self.metrics.connection_refused();
                        continue;
                    };
                    let serving = self.clone();
                    self.tasks.spawn(async move {
                        serving.connection(stream, peer).await;
                        drop((place, permit));
                    });
                }
                (Err(error), _) => {
                    tracing::warn!(error = %error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
                (_, Err(_)) => return,
            }
        }
    }

    async fn connection(self, stream: TcpStream, peer: SocketAddr) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(error = %error, "no TCP_NODELAY");
        }
        let (router, max_requests, served) = (self.router, self.max_requests, AtomicU64::new(0));
        let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            let is_last = served.fetch_add(1, Ordering::Relaxed) + 1 == max_requests;
            answer(router.clone(), request, is_last)
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_read_timeout)
            .max_buf_size(HEAD_MAX_BYTES)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(Patient::new(stream, self.write_timeout)), service);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            // Clients hang up; that is no fault of ours.
            tracing::debug!(error = %error, "a connection ended early");
        }
    }
}

/// Answers one request, and sees to it that a client which is still sending can read the answer. The last one of a
/// connection says so, and the connection ends with it.
async fn answer(
    router: Router,
    request: hyper::Request<Incoming>,
    is_last: bool,
) -> Result<Response, Infallible> {
    // Whoever waits for `100 Continue` sends nothing unless it is asked to, and reading on would ask.
    let waits = request.headers().contains_key(header::EXPECT);
    let (parts, body) = request.into_parts();
    let (body, leftover) = leftover::lend(body);
    let mut response = router.oneshot(hyper::Request::from_parts(parts, body)).await?;
    if is_last {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if !waits {
        leftover.discard().await;
    }
    Ok(response)
}
