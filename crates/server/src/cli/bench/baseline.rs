//! Baseline A: what the same HTTP and JSON cost when nothing is kept. A bare axum handler that reads every field of
//! every event and answers a constant.

use std::borrow::Cow;
use std::future::Future;
use std::net::SocketAddr;

use anyhow::Context;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::ListenerExt;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::TcpListener;

use super::traffic::PATH;
use crate::cli::out;

/// Largest body; a batch has about 250 KB.
const BODY_MAX_BYTES: usize = 16 << 20;

/// Serves the baseline until standard input ends, so that it never outlives the bench.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
}

/// An event as the traffic has it; strings are borrowed where they hold no escape.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "reading the fields is what is measured")]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    event_type: Cow<'a, str>,
    #[serde(borrow)]
    project_id: Cow<'a, str>,
    #[serde(borrow)]
    session_id: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    actor: Reference<'a>,
    #[serde(borrow)]
    target: Cow<'a, str>,
    #[serde(borrow)]
    content: Cow<'a, str>,
    #[serde(borrow)]
    correlation_id: Cow<'a, str>,
    #[serde(borrow)]
    trace_id: Cow<'a, str>,
    schema_version: u32,
    occurred_at: i64,
    #[serde(borrow)]
    attribution: &'a RawValue,
    #[serde(borrow)]
    metadata: &'a RawValue,
    idempotency_key: Option<&'a str>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "reading the fields is what is measured")]
struct Reference<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

/// Runs the hidden `tidegate bench serve-baseline`: prints its address, serves, ends with standard input.
pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let listener =
        TcpListener::bind(args.listen).await.with_context(|| format!("cannot listen on {}", args.listen))?;
    out::say(&listener.local_addr()?.to_string());
    let ended = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    serve(listener, async {
        let _ = ended.await;
    })
    .await
}

/// Serves the baseline on `listener` until `stop`.
pub(super) async fn serve(
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let router = Router::new().route(PATH, post(take)).layer(DefaultBodyLimit::max(BODY_MAX_BYTES));
    let listener = listener.tap_io(|stream| {
        // Without it answers wait for the client's acknowledgement: a slow baseline would flatter us.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).with_graceful_shutdown(stop).await.context("the baseline server ended")
}

async fn take(body: Bytes) -> Response {
    match read(&body) {
        Ok(()) => ([(header::CONTENT_TYPE, "application/json")], "{\"ok\":true}").into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

/// Reads every event; a batch event by event, as a server must that judges each on its own.
fn read(body: &[u8]) -> serde_json::Result<()> {
    if !body.starts_with(b"{\"events\":") {
        return serde_json::from_slice::<Event<'_>>(body).map(drop);
    }
    let batch: Batch<'_> = serde_json::from_slice(body)?;
    batch.events.iter().try_for_each(|event| serde_json::from_str::<Event<'_>>(event.get()).map(drop))
}

#[cfg(test)]
mod tests {
    use tidegate_domain::time::UnixMs;

    use super::super::traffic::Traffic;
    use super::*;

    #[test]
    fn the_baseline_reads_what_the_generator_sends() {
        for (events, has_keys) in [(1, false), (1, true), (500, false), (500, true)] {
            let mut request = Vec::new();
            Traffic::batches(events, has_keys, UnixMs(0)).write(7, &mut request);
            let body = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
            read(&request[body..]).unwrap();
        }
        assert!(read(b"{\"events\":[{}]}").is_err() && read(b"{}").is_err());
    }
}
