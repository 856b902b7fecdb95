//! Sending spans to a collector: OTLP over HTTP, binary protobuf. Each batch is tried once; what does not get through is
//! dropped and counted, for traces are samples and the collector is no part of what we promise.
//!
//! Source: OTLP specification 1.9, section OTLP/HTTP.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use axum::body::Bytes;
use axum::http::{Request, Uri, header};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::span::text;
use crate::metrics::Metrics;

/// Spans sent at once.
const BATCH_MAX: usize = 512;
/// How long a batch gathers.
const GATHERING: Duration = Duration::from_secs(1);
/// How long a collector may take for a batch.
const TIMEOUT: Duration = Duration::from_secs(10);
const PORT: u16 = 4318;

/// Where a collector takes traces.
#[derive(Clone, Debug)]
pub struct Endpoint {
    host: String,
    port: u16,
    authority: String,
    path: String,
}

impl FromStr for Endpoint {
    type Err = String;

    /// Reads the base URL of a collector.
    fn from_str(text: &str) -> Result<Self, String> {
        let rule =
            || "must be http://HOST:PORT of a collector; for TLS, run one beside the server".to_owned();
        let uri: Uri = text.parse().map_err(|_| rule())?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.filter(|_| uri.scheme_str() == Some("http") && uri.query().is_none());
        let authority = authority.ok_or_else(rule)?;
        Ok(Self {
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(PORT),
            authority: authority.to_string(),
            path: format!("{}/v1/traces", uri.path().trim_end_matches('/')),
        })
    }
}

/// Sends spans until it is told to stop.
pub struct Exporter {
    queue: mpsc::Receiver<Span>,
    endpoint: Endpoint,
    metrics: Arc<Metrics>,
    is_failing: bool,
}

impl Exporter {
    pub(super) fn new(queue: mpsc::Receiver<Span>, endpoint: Endpoint, metrics: Arc<Metrics>) -> Self {
        Self { queue, endpoint, metrics, is_failing: false }
    }

    /// Sends what is queued, in batches; what is left when told to stop is sent before it ends.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut batch = Vec::new();
        loop {
            let gathered = tokio::select! {
                gathered = self.queue.recv_many(&mut batch, BATCH_MAX) => gathered,
                () = stop.cancelled() => break,
            };
            self.send(std::mem::take(&mut batch)).await;
            if gathered < BATCH_MAX {
                tokio::select! {
                    () = tokio::time::sleep(GATHERING) => {}
                    () = stop.cancelled() => break,
                }
            }
        }
        self.queue.close();
        while self.queue.recv_many(&mut batch, BATCH_MAX).await > 0 {
            self.send(std::mem::take(&mut batch)).await;
        }
    }

    async fn send(&mut self, spans: Vec<Span>) {
        let count = spans.len() as u64;
        let sent = tokio::time::timeout(TIMEOUT, post(&self.endpoint, message(spans))).await;
        match sent.context("no answer in time").flatten() {
            Ok(()) => {
                self.metrics.spans_sent(count);
                self.is_failing = false;
            }
            Err(error) => {
                self.metrics.spans_dropped(count);
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::warn!(
                        cause = format!("{error:#}"),
                        "traces are dropped: the collector does not take them"
                    );
                }
            }
        }
    }
}

/// Spans as a collector reads them.
fn message(spans: Vec<Span>) -> Bytes {
    let attributes =
        vec![text("service.name", "tidegate"), text("service.version", env!("CARGO_PKG_VERSION"))];
    let scope = InstrumentationScope { name: "tidegate".to_owned(), ..InstrumentationScope::default() };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
    let resource = Some(Resource { attributes, ..Resource::default() });
    let resource_spans = vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
}

async fn post(endpoint: &Endpoint, body: Bytes) -> anyhow::Result<()> {
    let stream =
        TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await.context("cannot connect")?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::post(&endpoint.path)
        .header(header::HOST, &endpoint.authority)
        .header(header::CONTENT_TYPE, "application/x-protobuf")
        .body(Full::new(body))?;
    // The connection ends with the sender.
    let exchange = async move { sender.send_request(request).await.map(|answer| answer.status()) };
    let (status, _) = tokio::join!(exchange, connection);
    let status = status?;
    ensure!(status.is_success(), "answered {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_the_base_of_a_collectors_url() {
        for (text, host, port, path) in [
            ("http://localhost:4318", "localhost", 4318, "/v1/traces"),
            ("http://collector", "collector", 4318, "/v1/traces"),
            ("http://[::1]:99/otlp/", "::1", 99, "/otlp/v1/traces"),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!((endpoint.host.as_str(), endpoint.port, endpoint.path.as_str()), (host, port, path));
        }
        for text in
            ["localhost:4318", "https://collector", "http://", "/v1", "http://u:p@collector", "http://c?x"]
        {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
