//! Following the stream over broken connections.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use anyhow::Context;
use hyper::{StatusCode, header};
use serde::Deserialize;
use tokio::time::timeout;

use super::sse::{Frame, Parser};
use crate::cli::client::{Answer, Client, Stream};

/// Silence after which the connection counts as broken; the server sends a heartbeat every 15 s.
const SILENCE_MAX: Duration = Duration::from_secs(60);
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What the stream says.
#[derive(Debug)]
pub(super) enum Heard {
    /// An event, as JSON on one line.
    Event(String),
    /// Events were left out: we were too slow.
    Gap(Gap),
    /// Something else that a person should know.
    Notice(String),
}

/// Positions that were left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Gap {
    from: Option<u64>,
    to: Option<u64>,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.from, self.to) {
            (Some(from), Some(to)) => {
                write!(
                    f,
                    "gap: {} positions, {from} up to {to}, were left out: this reader was too slow",
                    to.saturating_sub(from)
                )
            }
            _ => f.write_str("gap: events were left out: this reader was too slow"),
        }
    }
}

/// A place in the stream of a server.
pub(super) struct Follower {
    client: Client,
    /// The stream's path, with its filter.
    path: String,
    /// Where to start, before any event was seen.
    from: Option<u64>,
    parser: Parser,
    stream: Option<Stream>,
    heard: VecDeque<Heard>,
    /// Connections that failed since something was last heard.
    failures: u32,
    was_connected: bool,
}

impl Follower {
    /// A follower of `path`, from position `from` on; `None` for what comes next.
    pub(super) fn new(client: Client, path: String, from: Option<u64>) -> Self {
        Self {
            client,
            path,
            from,
            parser: Parser::default(),
            stream: None,
            heard: VecDeque::new(),
            failures: 0,
            was_connected: false,
        }
    }

    /// What is heard next; waits for it, over as many connections as it takes. Cancel-safe.
    ///
    /// Errors: the first connection fails, or the server refuses for good.
    pub(super) async fn next(&mut self) -> anyhow::Result<Heard> {
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return Ok(heard);
            }
            if let Err(error) = self.read().await {
                self.stream = None;
                self.parser.reset();
                if !self.was_connected || error.is::<Refused>() {
                    return Err(error);
                }
                self.pause(&error).await;
            }
        }
    }

    /// Reads what comes next on the connection; opens one if there is none.
    async fn read(&mut self) -> anyhow::Result<()> {
        if self.stream.is_none() {
            self.connect().await?;
        }
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let bytes = timeout(SILENCE_MAX, stream.next()).await.context("the server fell silent")??;
        let bytes = bytes.context("the server ended the stream")?;
        let mut frames = Vec::new();
        self.parser.feed(&bytes, &mut frames)?;
        self.failures = 0;
        self.heard.extend(frames.into_iter().filter_map(heard));
        Ok(())
    }

    async fn connect(&mut self) -> anyhow::Result<()> {
        let mut headers = vec![(header::ACCEPT, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
        let mut path = self.path.clone();
        if let Some(id) = self.parser.last_id() {
            headers.push((header::HeaderName::from_static("last-event-id"), id));
        } else if let Some(from) = self.from {
            path.push_str(&format!("{}from={from}", if path.contains('?') { '&' } else { '?' }));
        }
        match self.client.open(&path, &headers).await? {
            Ok(stream) => {
                if self.was_connected {
                    let resumes = self.parser.last_id().is_some() || self.from.is_some();
                    let notice =
                        if resumes { "connected again" } else { "connected again, with what comes next" };
                    self.heard.push_back(Heard::Notice(notice.to_owned()));
                }
                (self.stream, self.was_connected) = (Some(stream), true);
                Ok(())
            }
            Err(answer) => Err(refusal(answer)),
        }
    }

    /// Waits before the next connection: longer each time, and not all readers at once.
    async fn pause(&mut self, error: &anyhow::Error) {
        let longest = FIRST_WAIT.saturating_mul(2u32.saturating_pow(self.failures)).min(LONGEST_WAIT);
        let longest = longest.max(self.parser.retry().unwrap_or_default().min(LONGEST_WAIT));
        // Without random bytes all readers wait the longest time.
        let share =
            getrandom::u32().map_or(1.0, |random| 0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0);
        if self.failures == 0 {
            let notice = format!("{error:#}; connecting again");
            self.heard.push_back(Heard::Notice(notice));
        }
        self.failures = self.failures.saturating_add(1);
        tokio::time::sleep(longest.mul_f64(share)).await;
    }
}

/// The server will not let us in, however often we ask.
#[derive(Debug, thiserror::Error)]
#[error("the stream is refused")]
struct Refused;

fn refusal(answer: Answer) -> anyhow::Error {
    let status = answer.status;
    let is_for_now = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
    let error = match answer.success() {
        Err(error) => error,
        Ok(answer) => anyhow::anyhow!("the server answered {}, which is no stream", answer.status),
    };
    if is_for_now { error } else { error.context(Refused) }
}

fn heard(frame: Frame) -> Option<Heard> {
    match frame.event.as_str() {
        "event" | "message" => Some(Heard::Event(frame.data)),
        "gap" => Some(Heard::Gap(serde_json::from_str(&frame.data).unwrap_or_default())),
        "heartbeat" | "ping" => None,
        other => Some(Heard::Notice(format!("{other}: {}", frame.data))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::Router;
    use axum::http::HeaderMap;
    use axum::routing::get;

    use super::*;

    /// What is heard first of a server whose streams end after one event, which tells how it was asked.
    async fn heard(count: usize, from: Option<u64>) -> Vec<String> {
        let asked = Arc::new(AtomicU32::new(6));
        let answer = move |uri: axum::http::Uri, headers: HeaderMap| {
            let id = asked.fetch_add(1, Ordering::Relaxed);
            let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()).unwrap_or("-");
            std::future::ready(format!("id: {id}\nevent: event\ndata: {uri} {resumed}\n\n"))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::new(listener.local_addr().unwrap().into(), None).unwrap();
        let mut follower = Follower::new(client, "/stream?type=a".to_owned(), from);
        let hear = async {
            let mut heard = Vec::new();
            while heard.len() < count {
                heard.push(match follower.next().await.unwrap() {
                    Heard::Event(text) | Heard::Notice(text) => text,
                    Heard::Gap(gap) => gap.to_string(),
                });
            }
            heard
        };
        tokio::select! {
            served = axum::serve(listener, Router::new().route("/stream", get(answer))) => panic!("the server ended: {served:?}"),
            heard = hear => heard,
        }
    }

    #[tokio::test]
    async fn a_broken_stream_is_resumed_after_the_last_event() {
        let expected = [
            "/stream?type=a&from=3 -",
            "the server ended the stream; connecting again",
            "connected again",
            "/stream?type=a 6",
            "the server ended the stream; connecting again",
            "connected again",
            "/stream?type=a 7",
        ];
        assert_eq!(heard(7, Some(3)).await, expected);
    }

    #[tokio::test]
    async fn the_first_connection_must_succeed() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::new(listener.local_addr().unwrap().into(), None).unwrap();
        drop(listener);
        let error = Follower::new(client, "/stream".to_owned(), None).next().await.unwrap_err();
        assert!(format!("{error:#}").contains("no server answers"), "{error:#}");
    }

    #[test]
    fn frames_become_what_is_heard() {
        let frame = |event: &str, data: &str| super::heard(Frame { event: event.into(), data: data.into() });
        assert!(
            matches!(frame("gap", r#"{"from":3,"to":10}"#), Some(Heard::Gap(gap)) if gap.to_string().contains("7 positions"))
        );
        assert!(
            matches!(frame("gap", "?"), Some(Heard::Gap(gap)) if gap.to_string().starts_with("gap: events"))
        );
        assert!(matches!(frame("message", "{}"), Some(Heard::Event(_))));
        assert!(frame("heartbeat", "").is_none());
        assert!(matches!(frame("news", "x"), Some(Heard::Notice(text)) if text == "news: x"));
    }
}
