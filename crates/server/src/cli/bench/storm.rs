//! A storm: an open loop over many connections, whatever the answers do, until the server is told to stop.
//!
//! Requests are due at fixed times. One that is due while every connection waits for an answer is not sent, as a client
//! with a full pool would do, and counted. Latency counts from sending.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use hdrhistogram::Histogram;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::traffic::Traffic;
use super::wire::Wire;

/// Longest latency told apart, in microseconds.
const LATENCY_MAX_US: u64 = 60_000_000;
/// How often due requests are counted.
const TICK: Duration = Duration::from_millis(2);
const RETRY_AFTER: &[u8] = b"\r\nretry-after:";
const EVENT_ID: &[u8] = b"\"eventId\":\"";

/// A storm under way, shared with whoever started it.
#[derive(Default)]
pub(super) struct Signals {
    /// The server was told to stop: from now on connections may break.
    pub(super) stopping: AtomicBool,
    /// Requests sent so far.
    pub(super) sent: AtomicU64,
}

/// What to send, where, and how fast.
#[derive(Clone)]
pub(super) struct Plan {
    /// The server.
    pub(super) address: SocketAddr,
    /// The requests.
    pub(super) traffic: Arc<Traffic>,
    /// Connections: as many requests may wait for answers.
    pub(super) connections: usize,
    /// Requests that become due a second.
    pub(super) requests_per_second: f64,
    /// How long requests become due; the storm goes on until the server has closed all connections.
    pub(super) time: Duration,
}

/// What came of it.
pub(super) struct Outcome {
    /// Requests that became due.
    pub(super) due: u64,
    /// Requests sent.
    pub(super) sent: u64,
    /// Requests acknowledged.
    pub(super) acked: u64,
    /// Requests refused for now (429, 503).
    pub(super) refused: u64,
    /// Of those, without `Retry-After`.
    pub(super) silent_refusals: u64,
    /// Requests without an answer: the server closed the connection when it stopped.
    pub(super) unanswered: u64,
    /// Latency of acknowledged requests before the server was told to stop, in microseconds.
    pub(super) acked_us: Histogram<u64>,
    /// Latency of refused requests, in microseconds.
    pub(super) refused_us: Histogram<u64>,
    /// The last event id of each acknowledged request.
    pub(super) ids: Vec<String>,
}

impl Outcome {
    fn new() -> anyhow::Result<Self> {
        let histogram = || Histogram::new_with_max(LATENCY_MAX_US, 3).context("the histogram's bounds");
        let (acked_us, refused_us) = (histogram()?, histogram()?);
        Ok(Self {
            due: 0,
            sent: 0,
            acked: 0,
            refused: 0,
            silent_refusals: 0,
            unanswered: 0,
            acked_us,
            refused_us,
            ids: Vec::new(),
        })
    }
}

/// Runs `plan` on a thread of its own. Errors: a connection broke before the server was told to stop, or the server
/// refused an event for good.
pub(super) async fn run(plan: Plan, signals: Arc<Signals>) -> anyhow::Result<Outcome> {
    let generator = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(drive(plan, signals))
    };
    tokio::task::spawn_blocking(generator).await.context("the load generator broke")?
}

async fn drive(plan: Plan, signals: Arc<Signals>) -> anyhow::Result<Outcome> {
    let (due, seen) = (Arc::new(Semaphore::new(0)), Arc::new(Mutex::new(Outcome::new()?)));
    let mut tasks = JoinSet::new();
    for _ in 0..plan.connections {
        let wire = Wire::connect(plan.address).await?;
        let connection = Connection {
            wire,
            traffic: Arc::clone(&plan.traffic),
            due: Arc::clone(&due),
            signals: Arc::clone(&signals),
            seen: Arc::clone(&seen),
        };
        tasks.spawn(connection.run());
    }
    let paced = pace(&plan, &due, &mut tasks).await;
    due.close();
    while let Some(ended) = tasks.join_next().await {
        ended.context("a connection's task broke")??;
    }
    let mut all = std::mem::replace(&mut *locked(&seen), Outcome::new()?);
    all.due = paced?;
    Ok(all)
}

/// Lets requests become due for the time of the plan, or until all connections have ended; returns how many. What no
/// connection took by the next tick is not sent.
async fn pace(plan: &Plan, due: &Semaphore, connections: &mut Connections) -> anyhow::Result<u64> {
    let (begun, mut count) = (Instant::now(), 0);
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    while begun.elapsed() < plan.time {
        tick.tick().await;
        while let Some(ended) = connections.try_join_next() {
            ended.context("a connection's task broke")??;
        }
        if connections.is_empty() {
            break;
        }
        due.forget_permits(due.available_permits());
        let by_now = (begun.elapsed().as_secs_f64() * plan.requests_per_second) as u64;
        due.add_permits((by_now - count) as usize);
        count = by_now;
    }
    Ok(count)
}

type Connections = JoinSet<anyhow::Result<()>>;

struct Connection {
    wire: Wire,
    traffic: Arc<Traffic>,
    due: Arc<Semaphore>,
    signals: Arc<Signals>,
    seen: Arc<Mutex<Outcome>>,
}

impl Connection {
    async fn run(mut self) -> anyhow::Result<()> {
        let mut request = Vec::new();
        while self.is_due().await {
            self.traffic.write(self.signals.sent.fetch_add(1, Ordering::Relaxed), &mut request);
            locked(&self.seen).sent += 1;
            let sent = Instant::now();
            let reply = match self.wire.exchange(&request).await {
                Ok(reply) => reply,
                Err(_) if self.signals.stopping.load(Ordering::Relaxed) => {
                    locked(&self.seen).unanswered += 1;
                    return Ok(());
                }
                Err(error) => return Err(error.context("a connection broke under load")),
            };
            let us = u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX).clamp(1, LATENCY_MAX_US);
            match (reply.status, reply.rejected) {
                (200, 0) => self.acknowledged(us),
                (429 | 503, _) => self.refused(us),
                _ => bail!("the server refused for good: {}", self.wire.last_answer()),
            }
        }
        Ok(())
    }

    /// Waits until a request is due; false once none will be.
    async fn is_due(&self) -> bool {
        self.due.acquire().await.map(tokio::sync::SemaphorePermit::forget).is_ok()
    }

    fn acknowledged(&self, us: u64) {
        let mut seen = locked(&self.seen);
        seen.acked += 1;
        if !self.signals.stopping.load(Ordering::Relaxed) {
            seen.acked_us.saturating_record(us);
        }
        seen.ids.extend(last_id(self.wire.answer().1));
    }

    fn refused(&self, us: u64) {
        let mut seen = locked(&self.seen);
        seen.refused += 1;
        seen.refused_us.saturating_record(us);
        let head = self.wire.answer().0.to_ascii_lowercase();
        if !head.windows(RETRY_AFTER.len()).any(|window| window == RETRY_AFTER) {
            seen.silent_refusals += 1;
        }
    }
}

fn locked(seen: &Mutex<Outcome>) -> MutexGuard<'_, Outcome> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The id of the last event that a receipt names.
fn last_id(body: &[u8]) -> Option<String> {
    let at = body.windows(EVENT_ID.len()).rposition(|window| window == EVENT_ID)? + EVENT_ID.len();
    let id = body[at..].split(|b| *b == b'"').next()?;
    String::from_utf8(id.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_id_of_a_receipt_is_found() {
        let body = br#"{"results":[{"eventId":"a"},{"eventId":"b","position":7}]}"#;
        assert_eq!(last_id(body).as_deref(), Some("b"));
        assert_eq!(last_id(b"{}"), None);
    }
}
