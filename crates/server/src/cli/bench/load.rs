//! The load generator: many connections on one thread, closed loop or open loop.
//!
//! - Closed loop: each connection sends its next request when the last one is answered. Says how much can be done.
//! - Open loop: requests are due at fixed times, whatever the answers do, and latency counts from the time a request
//!   was due. Says how long a client waits at a given load, queueing included.
//!
//! Source: Schroeder, Wierman, Harchol-Balter (2006), Open versus closed; G. Tene on coordinated omission.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use hdrhistogram::Histogram;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::traffic::Traffic;
use super::wire::{Reply, Wire};

/// Longest latency told apart, in microseconds.
const LATENCY_MAX_US: u64 = 60_000_000;
/// How long an open loop may go on after its last request was due.
const OVERTIME_MAX: Duration = Duration::from_secs(10);
/// How long a refused connection waits.
const REFUSED_WAIT: Duration = Duration::from_millis(20);

/// How requests follow each other.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// The next one when the last one is answered.
    Closed,
    /// So many requests a second, due at even times.
    Open {
        /// Requests a second, all connections together.
        requests_per_second: u32,
    },
}

/// What to send, where, and for how long.
#[derive(Clone)]
pub(super) struct Plan {
    /// The server.
    pub(super) address: SocketAddr,
    /// The requests.
    pub(super) traffic: Arc<Traffic>,
    /// Number of the first request: a server that got traffic before continues where that ended.
    pub(super) first: u64,
    /// Connections.
    pub(super) connections: usize,
    /// How requests follow each other.
    pub(super) pace: Pace,
    /// Time at the start that is not measured.
    pub(super) warm_up: Duration,
    /// Time that is measured.
    pub(super) measured: Duration,
    /// Ends a closed loop early, once so many requests were sent.
    pub(super) requests_max: u64,
}

/// What came of it.
pub(super) struct Outcome {
    /// Events acknowledged in the measured time, and how long that was.
    pub(super) events: u64,
    /// The measured time, in seconds.
    pub(super) seconds: f64,
    /// Latency in microseconds, of requests in the measured time.
    pub(super) latency_us: Histogram<u64>,
    /// When the first request was sent.
    pub(super) begun: Instant,
    /// Events acknowledged in all.
    pub(super) acked: u64,
    /// Requests refused for now (429, 503).
    pub(super) refused: u64,
    /// Requests of an open loop that were never sent, for the server was too slow.
    pub(super) unsent: u64,
    /// The number of the request after the last one sent.
    pub(super) next: u64,
}

impl Outcome {
    /// Events acknowledged per second of the measured time.
    pub(super) fn events_per_second(&self) -> f64 {
        self.events as f64 / self.seconds
    }

    /// Latency at `quantile` in [0, 1], in milliseconds.
    pub(super) fn latency_ms(&self, quantile: f64) -> f64 {
        self.latency_us.value_at_quantile(quantile) as f64 / 1000.0
    }
}

/// What all connections share.
struct Shared {
    traffic: Arc<Traffic>,
    next: AtomicU64,
    end_number: u64,
    measure_from: Instant,
    measure_until: Instant,
}

/// What one connection saw.
struct Part {
    events: u64,
    acked: u64,
    refused: u64,
    unsent: u64,
    latency_us: Histogram<u64>,
}

/// Runs `plan` on a thread of its own. Errors: a connection broke, or the server refused an event for good.
pub(super) async fn run(plan: Plan) -> anyhow::Result<Outcome> {
    let generator = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(drive(plan))
    };
    tokio::task::spawn_blocking(generator).await.context("the load generator broke")?
}

async fn drive(plan: Plan) -> anyhow::Result<Outcome> {
    let mut wires = Vec::new();
    for _ in 0..plan.connections {
        wires.push(Wire::connect(plan.address).await?);
    }
    let begun = Instant::now();
    let measure_from = begun + plan.warm_up;
    let shared = Arc::new(Shared {
        traffic: Arc::clone(&plan.traffic),
        next: AtomicU64::new(plan.first),
        end_number: plan.first.saturating_add(plan.requests_max),
        measure_from,
        measure_until: measure_from + plan.measured,
    });
    let mut tasks = JoinSet::new();
    let pacer = match plan.pace {
        Pace::Closed => {
            for wire in wires {
                tasks.spawn(closed(Arc::clone(&shared), wire));
            }
            None
        }
        Pace::Open { requests_per_second } => {
            let count = (plan.warm_up + plan.measured).as_secs_f64() * f64::from(requests_per_second);
            let schedule = Schedule { begun, requests_per_second, count: count as u64 };
            let (queues, dues) = queues(wires.len(), schedule.count);
            for (wire, due) in wires.into_iter().zip(dues) {
                tasks.spawn(open(Arc::clone(&shared), wire, due));
            }
            Some(std::thread::Builder::new().name("pacer".into()).spawn(move || schedule.keep(&queues))?)
        }
    };
    let mut all = Part::new()?;
    while let Some(part) = tasks.join_next().await {
        all.add(&part.context("a connection's task broke")??)?;
    }
    if let Some(pacer) = pacer {
        // Its queues are gone by now, so it has ended or does at its next request.
        let _ = pacer.join();
    }
    let next = shared.next.load(Ordering::Relaxed).min(shared.end_number);
    let measured_until = Instant::now().min(shared.measure_until);
    let seconds = measured_until.saturating_duration_since(measure_from).as_secs_f64().max(1e-9);
    let Part { events, acked, refused, unsent, latency_us } = all;
    Ok(Outcome { events, seconds, latency_us, begun, acked, refused, unsent, next })
}

async fn closed(shared: Arc<Shared>, mut wire: Wire) -> anyhow::Result<Part> {
    let (mut part, mut request) = (Part::new()?, Vec::new());
    while Instant::now() < shared.measure_until {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        if number >= shared.end_number {
            break;
        }
        shared.traffic.write(number, &mut request);
        let sent = Instant::now();
        let reply = wire.exchange(&request).await?;
        part.answered(&shared, &wire, reply, sent, Instant::now())?;
        if reply.status != 200 {
            tokio::time::sleep(REFUSED_WAIT).await;
        }
    }
    Ok(part)
}

async fn open(
    shared: Arc<Shared>,
    mut wire: Wire,
    mut dues: mpsc::Receiver<Instant>,
) -> anyhow::Result<Part> {
    let (mut part, mut request) = (Part::new()?, Vec::new());
    let give_up = shared.measure_until + OVERTIME_MAX;
    while let Some(due) = dues.recv().await {
        if Instant::now() > give_up {
            part.unsent += 1;
            continue;
        }
        shared.traffic.write(shared.next.fetch_add(1, Ordering::Relaxed), &mut request);
        let reply = wire.exchange(&request).await?;
        part.answered(&shared, &wire, reply, due, Instant::now())?;
    }
    Ok(part)
}

/// One queue of due times a connection, with room for all of them.
fn queues(connections: usize, requests: u64) -> (Vec<mpsc::Sender<Instant>>, Vec<mpsc::Receiver<Instant>>) {
    let room = requests as usize / connections + 1;
    (0..connections).map(|_| mpsc::channel(room)).unzip()
}

/// When requests are due.
struct Schedule {
    begun: Instant,
    requests_per_second: u32,
    count: u64,
}

impl Schedule {
    /// Hands each request to the next connection when it is due. A thread of its own: the runtime's timers only know
    /// milliseconds.
    fn keep(&self, queues: &[mpsc::Sender<Instant>]) {
        for (number, queue) in (0..self.count).zip(queues.iter().cycle()) {
            let due =
                self.begun + Duration::from_secs_f64(number as f64 / f64::from(self.requests_per_second));
            let wait = due.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                std::thread::sleep(wait);
            }
            if queue.blocking_send(due).is_err() {
                return;
            }
        }
    }
}

impl Part {
    fn new() -> anyhow::Result<Self> {
        let latency_us = Histogram::new_with_max(LATENCY_MAX_US, 3).context("the histogram's bounds")?;
        Ok(Self { events: 0, acked: 0, refused: 0, unsent: 0, latency_us })
    }

    /// Counts an answer; `since` is when its latency began.
    fn answered(
        &mut self,
        shared: &Shared,
        wire: &Wire,
        reply: Reply,
        since: Instant,
        now: Instant,
    ) -> anyhow::Result<()> {
        match reply {
            Reply { status: 200, rejected: 0 } => {}
            Reply { status: 429 | 503, .. } => {
                self.refused += 1;
                return Ok(());
            }
            Reply { .. } => bail!("the server refused: {}", wire.last_answer()),
        }
        let events = shared.traffic.events_per_request();
        self.acked += events;
        if (shared.measure_from..shared.measure_until).contains(&now) {
            self.events += events;
        }
        if (shared.measure_from..shared.measure_until).contains(&since) {
            let us = now.saturating_duration_since(since).as_micros();
            self.latency_us.saturating_record(u64::try_from(us).unwrap_or(u64::MAX).clamp(1, LATENCY_MAX_US));
        }
        Ok(())
    }

    fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.events += other.events;
        self.acked += other.acked;
        self.refused += other.refused;
        self.unsent += other.unsent;
        self.latency_us.add(&other.latency_us).context("adding histograms")
    }
}

#[cfg(test)]
mod tests {
    use tidegate_domain::time::UnixMs;

    use super::super::baseline;
    use super::*;

    fn plan(address: SocketAddr, pace: Pace) -> Plan {
        Plan {
            address,
            traffic: Arc::new(Traffic::singles(false, UnixMs(0))),
            first: 0,
            connections: 4,
            pace,
            warm_up: Duration::from_millis(50),
            measured: Duration::from_millis(200),
            requests_max: u64::MAX,
        }
    }

    /// Runs `pace` against the baseline server.
    async fn outcome(pace: Pace, requests_max: u64) -> Outcome {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::select! {
            served = baseline::serve(listener, std::future::pending()) => panic!("the server ended: {served:?}"),
            outcome = run(Plan { requests_max, ..plan(address, pace) }) => outcome.unwrap(),
        }
    }

    #[tokio::test]
    async fn a_closed_loop_ends_at_its_time_or_its_count() {
        let all = outcome(Pace::Closed, u64::MAX).await;
        assert!(all.events > 0 && all.acked >= all.events && all.refused == 0);
        let few = outcome(Pace::Closed, 10).await;
        assert_eq!((few.acked, few.next), (10, 10));
    }

    #[tokio::test]
    async fn an_open_loop_sends_all_that_is_due_and_counts_from_then() {
        let outcome = outcome(Pace::Open { requests_per_second: 400 }, u64::MAX).await;
        assert_eq!((outcome.acked, outcome.unsent), (100, 0));
        assert!(outcome.latency_us.len() <= 80 && outcome.latency_ms(0.5) < 1000.0);
    }
}
