//! Reading a request's body: bounded as sent, bounded when decoded, and all bodies together bounded too.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::sync::Semaphore;

use super::Problem;
use super::decode::{self, Encoding};
use super::lag::Lag;
use crate::config::Config;

/// Bodies that are decompressed at the same time.
const DECODERS_MAX: usize = 2;

/// The limits on bodies, and what is read at the moment.
#[derive(Clone)]
pub struct Bodies {
    sent_max_bytes: usize,
    decoded_max_bytes: usize,
    inflight_max_bytes: usize,
    lag_max: Duration,
    retry_after_s: u32,
    inflight: Arc<AtomicUsize>,
    decoders: Arc<Semaphore>,
    lag: Arc<Lag>,
}

/// A body that was read; its bytes count as in flight until it is dropped.
pub struct Payload {
    /// The decoded bytes.
    pub bytes: Bytes,
    held: Held,
}

struct Held {
    inflight: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.inflight.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Bodies {
    /// The limits of these settings.
    pub fn new(config: &Config, lag: Arc<Lag>) -> Self {
        let server = &config.server;
        Self {
            sent_max_bytes: server.body_max_bytes,
            decoded_max_bytes: server.decoded_max_bytes,
            inflight_max_bytes: server.inflight_max_bytes,
            lag_max: Duration::from_millis(server.lag_max_ms),
            retry_after_s: config.intake.retry_after_s,
            inflight: Arc::default(),
            decoders: Arc::new(Semaphore::new(DECODERS_MAX)),
            lag,
        }
    }

    /// Bytes of bodies being read or worked on.
    pub fn inflight_bytes(&self) -> usize {
        self.inflight.load(Ordering::Relaxed)
    }

    /// Reads and decodes `body`. Errors: 400 broken, 413 too large, 415 unknown encoding, 503 too many at once.
    pub async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Payload, Problem> {
        let encoding = decode::encoding(headers)?;
        self.admit()?;
        let mut payload = self.collect(headers, body).await?;
        if !matches!(encoding, Encoding::Identity) {
            let decoded = self.decode_apart(encoding, payload.bytes.clone()).await?;
            self.hold(&mut payload.held, decoded.len())?;
            payload.bytes = decoded.into();
        }
        Ok(payload)
    }

    /// Refuses a body while the processors are too far behind to answer it in time.
    fn admit(&self) -> Result<(), Problem> {
        let behind = self.lag.behind();
        if behind <= self.lag_max {
            return Ok(());
        }
        let (behind_ms, max_ms) = (behind.as_millis(), self.lag_max.as_millis());
        let detail = format!("the server is {behind_ms} ms behind, server.lag_max_ms is {max_ms}");
        Err(Problem::overloaded(detail, self.retry_after_s))
    }

    async fn collect(&self, headers: &HeaderMap, mut body: Body) -> Result<Payload, Problem> {
        let announced =
            headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
        if let Some(length) = announced.filter(|length| *length > self.sent_max_bytes) {
            return Err(self.too_large(length));
        }
        let mut held = Held { inflight: Arc::clone(&self.inflight), bytes: 0 };
        let mut first: Option<Bytes> = None;
        let mut rest = Vec::new();
        let mut total = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                Problem::new(
                    StatusCode::BAD_REQUEST,
                    "broken-body",
                    format!("the body could not be read: {error}"),
                )
            })?;
            let Ok(data) = frame.into_data() else { continue };
            total += data.len();
            if total > self.sent_max_bytes {
                return Err(self.too_large(total));
            }
            self.hold(&mut held, data.len())?;
            match &first {
                None => first = Some(data),
                Some(start) => {
                    if rest.is_empty() {
                        rest.reserve(announced.unwrap_or(0).max(start.len() + data.len()));
                        rest.extend_from_slice(start);
                    }
                    rest.extend_from_slice(&data);
                }
            }
        }
        // Most bodies come in one piece, which needs no copy.
        let bytes = if rest.is_empty() { first.unwrap_or_default() } else { rest.into() };
        Ok(Payload { bytes, held })
    }

    /// Decodes on a thread that may work long, a few bodies at a time: a bomb costs neither requests nor memory.
    async fn decode_apart(&self, encoding: Encoding, sent: Bytes) -> Result<Vec<u8>, Problem> {
        let _turn = self.decoders.acquire().await;
        let max = self.decoded_max_bytes;
        let decoding = tokio::task::spawn_blocking(move || decode::decode(encoding, &sent, max));
        decoding.await.unwrap_or_else(|panic| Err(Problem::internal(&panic)))
    }

    fn hold(&self, held: &mut Held, bytes: usize) -> Result<(), Problem> {
        held.bytes += bytes;
        let inflight = self.inflight.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if inflight > self.inflight_max_bytes {
            let detail = format!(
                "bodies being read hold {inflight} bytes, server.inflight_max_bytes is {}",
                self.inflight_max_bytes
            );
            return Err(Problem::overloaded(detail, 1));
        }
        Ok(())
    }

    fn too_large(&self, bytes: usize) -> Problem {
        let detail =
            format!("the body has at least {bytes} bytes, server.body_max_bytes is {}", self.sent_max_bytes);
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail)
    }
}

/// What a body is, by its content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// JSON, or no content type at all.
    Json,
    /// One JSON value a line.
    Ndjson,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// The media type of a request; 415 for one we do not know, with those in `accepted` named.
pub fn media(headers: &HeaderMap, accepted: &[Media]) -> Result<Media, Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(Media::Json) };
    let essence = value.to_str().unwrap_or("?").split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let media = match essence.as_str() {
        "application/json" | "text/json" => Some(Media::Json),
        json if json.starts_with("application/") && json.ends_with("+json") => Some(Media::Json),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => {
            Some(Media::Ndjson)
        }
        "application/x-www-form-urlencoded" => Some(Media::Form),
        _ => None,
    };
    media.filter(|media| accepted.contains(media)).ok_or_else(|| {
        let names: Vec<_> = accepted.iter().map(|media| media.name()).collect();
        let detail = format!("content-type must be one of {}", names.join(", "));
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
    })
}

impl Media {
    fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Form => "application/x-www-form-urlencoded",
        }
    }
}

/// The body as text: JSON is UTF-8 (RFC 8259), and anything else is refused with the first bad byte's place.
pub fn text(bytes: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(bytes).map_err(|error| {
        let detail = format!("the body is not UTF-8 at byte {}", error.valid_up_to());
        Problem::new(StatusCode::BAD_REQUEST, "invalid-utf8", detail)
    })
}
