//! Following the stream over broken connections.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use anyhow::Context;
use hyper::{StatusCode, header};
use serde::Deserialize;
use tokio::time::timeout;

use super::super::client::{Answer, Client, Stream};
use super::sse::{Frame, Parser};

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
                write!(f, "gap: {} positions, {from} up to {to}, were left out: this reader was too slow", to.saturating_sub(from))
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
                    self.heard.push_back(Heard::Notice("connected again".to_owned()));
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
        let share = getrandom::u32().map_or(1.0, |random| 0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0);
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
