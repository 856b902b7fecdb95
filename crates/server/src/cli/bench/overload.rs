//! `tidegate bench overload`: what becomes of a server that is offered three times what it can do.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tidegate_domain::ports::Clock;

use super::child::Server;
use super::cores::Cores;
use super::load::{self, Pace};
use super::machine::Machine;
use super::memory::{self, Watch};
use super::report::shown;
use super::scratch::Scratch;
use super::storm::{self, Outcome, Signals};
use super::traffic::Traffic;
use super::wire::Wire;
use crate::cli::interrupt::Interrupt;
use crate::cli::out;
use crate::clock::SystemClock;
use crate::config::Config;

/// How long capacity is measured.
const CAPACITY_TIME: Duration = Duration::from_secs(5);
const WARM_UP: Duration = Duration::from_millis(500);
/// Parts of the time whose peak memory is shown.
const COURSE_PARTS: usize = 12;
/// A drain may take so long.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// Offers a server three times what it can do, for a minute, and stops it in the middle of that.
///
/// Capacity is measured first, in a closed loop. The storm is an open loop over many connections: memory, refusals,
/// latency of what is admitted, the drain on SIGTERM. Then the server is started again, and every acknowledged request
/// is looked up. The load generator has a core of its own, if there are two. Settings are those of this command.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tidegate bench overload --seconds 10 --json > numbers.json")]
pub struct Args {
    /// Seconds of the storm
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub seconds: u32,
    /// How much more than its capacity the server is offered
    #[arg(long, default_value_t = 3.0)]
    pub factor: f64,
    /// Connections of the storm
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u16).range(1..=20_000))]
    pub connections: u16,
    /// Connections with which capacity is measured
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub capacity_connections: u16,
    /// Events of a request
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub batch: u16,
    /// Where servers keep their data; the system's temporary directory if absent
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print the numbers as JSON
    #[arg(long)]
    pub json: bool,
}

/// What the closed loop gave.
struct Capacity {
    requests_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
}

/// What the storm left.
struct Storm {
    outcome: Outcome,
    allowed: Vec<(String, u64)>,
    course: Vec<u64>,
    peak_bytes: u64,
    drained_in: Duration,
}

/// What a server that was started again holds.
struct Kept {
    events: u64,
    unreadable: u64,
}

/// Runs `tidegate bench overload`. Errors: a server does not start, breaks a connection, or refuses for good.
pub(super) async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    let dir = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let machine = Machine::here(&dir);
    let cores = Cores::split()?;
    let mut interrupt = Interrupt::listen()?;
    let measured = async {
        let traffic = Arc::new(Traffic::batches(args.batch.into(), false, SystemClock.now()));
        let capacity = capacity(&args, &dir, &traffic, cores.as_ref()).await?;
        out::note(&format!("capacity: {} requests/s", shown(capacity.requests_per_second)));
        let scratch = Scratch::new(&dir)?;
        let storm = storm(&args, &config, &scratch, &traffic, &capacity, cores.as_ref()).await?;
        let kept = kept(&scratch, &storm.outcome).await?;
        anyhow::Ok(Report { args: &args, cores: cores.as_ref(), capacity, storm, kept })
    };
    let report = tokio::select! {
        report = measured => report?,
        () = interrupt.wait() => bail!("interrupted"),
    };
    let said = if args.json { report.json(&machine).to_string() } else { report.markdown(&machine) };
    out::say(&said);
    Ok(())
}

async fn capacity(
    args: &Args,
    dir: &std::path::Path,
    traffic: &Arc<Traffic>,
    cores: Option<&Cores>,
) -> anyhow::Result<Capacity> {
    let scratch = Scratch::new(dir)?;
    let server = Server::tidegate_on(cores, scratch.path(), &[]).await?;
    let plan = load::Plan {
        address: server.address,
        traffic: Arc::clone(traffic),
        first: 0,
        connections: args.capacity_connections.into(),
        pace: Pace::Closed,
        warm_up: WARM_UP,
        measured: CAPACITY_TIME.min(Duration::from_secs(args.seconds.into())),
        requests_max: u64::MAX,
    };
    let outcome =
        load::run(plan).await.with_context(|| format!("its log ends with: {}", server.log_end()))?;
    let requests_per_second = outcome.events_per_second() / f64::from(args.batch);
    if requests_per_second <= 0.0 {
        bail!("nothing was answered: the machine is too busy to measure");
    }
    Ok(Capacity { requests_per_second, p50_ms: outcome.latency_ms(0.5), p99_ms: outcome.latency_ms(0.99) })
}

/// The storm, and SIGTERM in the middle of it.
async fn storm(
    args: &Args,
    config: &Config,
    scratch: &Scratch,
    traffic: &Arc<Traffic>,
    capacity: &Capacity,
    cores: Option<&Cores>,
) -> anyhow::Result<Storm> {
    let server = Server::tidegate_on(cores, scratch.path(), &[]).await?;
    let allowed = memory::allowed(config, server.resident_bytes()?, args.connections.into());
    let time = Duration::from_secs(args.seconds.into());
    let plan = storm::Plan {
        address: server.address,
        traffic: Arc::clone(traffic),
        connections: args.connections.into(),
        requests_per_second: capacity.requests_per_second * args.factor,
        // The drain is under load too.
        time: time + DRAIN_MAX,
    };
    let signals = Arc::new(Signals::default());
    let watch = Watch::start(server.pid())?;
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(storm::run(plan, Arc::clone(&signals)));
    let early = tokio::time::timeout(time, tasks.join_next()).await;
    if let Ok(Some(ended)) = early {
        let log = server.log_end();
        ended?.with_context(|| format!("the server's log ends with: {log}"))?;
        bail!("the storm ended before its time");
    }
    signals.stopping.store(true, Ordering::Relaxed);
    let drained_in = server.stop().await?;
    let seen = watch.stop();
    let outcome = tasks.join_next().await.context("the storm is gone")???;
    let peak_bytes = seen.iter().map(|(_, bytes)| *bytes).max().unwrap_or(0);
    Ok(Storm { outcome, allowed, course: memory::course(&seen, COURSE_PARTS), peak_bytes, drained_in })
}

/// Starts the server again and looks up each acknowledged request by its last event.
async fn kept(scratch: &Scratch, outcome: &Outcome) -> anyhow::Result<Kept> {
    let server = Server::tidegate(scratch.path(), &[]).await?;
    let mut wire = Wire::connect(server.address).await?;
    let mut unreadable = 0;
    for id in &outcome.ids {
        let request =
            format!("GET /v1/events/{id} HTTP/1.1\r\nhost: localhost\r\nx-api-key: dev-key-12345\r\n\r\n");
        let reply = wire.exchange(request.as_bytes()).await?;
        unreadable += u64::from(reply.status != 200);
    }
    let events = server.metrics().await?.log_tail;
    server.stop().await?;
    Ok(Kept { events, unreadable })
}

struct Report<'a> {
    args: &'a Args,
    cores: Option<&'a Cores>,
    capacity: Capacity,
    storm: Storm,
    kept: Kept,
}

impl Report<'_> {
    fn allowed_bytes(&self) -> u64 {
        self.storm.allowed.iter().map(|(_, bytes)| bytes).sum()
    }

    /// Events of acknowledged requests.
    fn acked_events(&self) -> u64 {
        self.storm.outcome.acked * u64::from(self.args.batch)
    }

    /// Events that may be there without an acknowledgement.
    fn unknown_events(&self) -> u64 {
        self.storm.outcome.unanswered * u64::from(self.args.batch)
    }

    /// All that was acknowledged is there, and no more than was sent.
    fn is_whole(&self) -> bool {
        let (least, most) = (self.acked_events(), self.acked_events() + self.unknown_events());
        self.kept.unreadable == 0 && (least..=most).contains(&self.kept.events)
    }

    fn json(&self, machine: &Machine) -> Value {
        let Self { args, capacity, storm, kept, .. } = self;
        let o = &storm.outcome;
        json!({
            "machine": machine,
            "seconds": args.seconds, "connections": args.connections, "batch": args.batch, "factor": args.factor,
            "capacity": {
                "requestsPerSecond": capacity.requests_per_second, "p50Ms": capacity.p50_ms, "p99Ms": capacity.p99_ms,
            },
            "due": o.due, "sent": o.sent, "acked": o.acked, "refused": o.refused,
            "refusedWithoutRetryAfter": o.silent_refusals, "unanswered": o.unanswered,
            "ackedP50Ms": ms(o, 0.5), "ackedP99Ms": ms(o, 0.99),
            "peakBytes": storm.peak_bytes, "allowedBytes": self.allowed_bytes(), "courseBytes": storm.course,
            "drainedMs": storm.drained_in.as_secs_f64() * 1e3,
            "stored": kept.events, "unreadable": kept.unreadable, "isWhole": self.is_whole(),
        })
    }

    fn markdown(&self, machine: &Machine) -> String {
        let Self { args, cores, capacity, storm, kept } = self;
        let o = &storm.outcome;
        let mut lines = machine.lines();
        lines.push(format!(
            "- Capacity in a closed loop over {} connections, then {} s of an open loop at {} times that over {}, requests of {} events; SIGTERM under load",
            args.capacity_connections, args.seconds, args.factor, args.connections, args.batch
        ));
        lines.push(match cores {
            Some(cores) => format!(
                "- The server has {} of the cores, the load generator the last one",
                cores.of_server()
            ),
            None => "- The server and the load generator share one core".to_owned(),
        });
        let terms: Vec<_> =
            storm.allowed.iter().map(|(name, bytes)| format!("{name} {}", mib(*bytes))).collect();
        lines.push(format!("- Memory allowed, in MiB: {}", terms.join(" + ")));
        let course: Vec<_> = storm.course.iter().map(|bytes| mib(*bytes)).collect();
        lines.push(format!("- Memory over time, in MiB: {}", course.join(", ")));
        lines.push(String::new());
        let share = |part: u64, of: u64| 100.0 * part as f64 / of.max(1) as f64;
        let time = f64::from(args.seconds);
        let rows = [
            ("capacity", format!("{} requests/s", shown(capacity.requests_per_second)), String::new()),
            (
                "… p50, p99",
                format!("{}, {} ms", shown(capacity.p50_ms), shown(capacity.p99_ms)),
                String::new(),
            ),
            ("sent", format!("{} requests/s", shown(o.sent as f64 / time)), String::new()),
            (
                "… not sent, for every connection waited",
                format!("{:.1} %", share(o.due - o.sent, o.due)),
                String::new(),
            ),
            ("acknowledged", format!("{} requests/s", shown(o.acked as f64 / time)), String::new()),
            (
                "… p50, p99 from sending",
                format!("{}, {} ms", shown(ms(o, 0.5)), shown(ms(o, 0.99))),
                String::new(),
            ),
            ("refused (429, 503)", format!("{:.1} % of sent", share(o.refused, o.sent)), String::new()),
            ("… without Retry-After", o.silent_refusals.to_string(), met(o.silent_refusals == 0)),
            (
                "peak memory",
                format!("{} of {} MiB allowed", mib(storm.peak_bytes), mib(self.allowed_bytes())),
                met(storm.peak_bytes <= self.allowed_bytes()),
            ),
            (
                "drained in",
                format!("{} s", shown(storm.drained_in.as_secs_f64())),
                met(storm.drained_in < DRAIN_MAX),
            ),
            ("acknowledged events", self.acked_events().to_string(), String::new()),
            (
                "… stored, of them unreadable requests",
                format!("{}, {}", kept.events, kept.unreadable),
                met(self.is_whole()),
            ),
        ];
        lines.push("| | | met |".to_owned());
        lines.push("|---|---:|---|".to_owned());
        lines.extend(rows.iter().map(|(name, value, met)| format!("| {name} | {value} | {met} |")));
        lines.join("\n")
    }
}

fn met(holds: bool) -> String {
    if holds { "yes" } else { "**no**" }.to_owned()
}

fn ms(outcome: &Outcome, quantile: f64) -> f64 {
    outcome.acked_us.value_at_quantile(quantile) as f64 / 1000.0
}

fn mib(bytes: u64) -> String {
    format!("{:.0}", bytes as f64 / f64::from(1 << 20))
}
