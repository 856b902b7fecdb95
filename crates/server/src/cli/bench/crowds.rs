//! `tidegate bench crowds`: many of a kind, where cost must not grow with their number.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use hyper::Method;
use serde_json::{Value, json};

use super::child::Server;
use super::machine::Machine;
use super::readers::{self, Readers};
use super::report::{median, shown};
use super::scratch::Scratch;
use super::wire::Wire;
use crate::cli::client::Client;
use crate::cli::interrupt::Interrupt;
use crate::cli::out;

/// Events of a request.
const BATCH: u64 = 500;
/// Events of the session that the large one is compared with.
const SMALL_EVENTS: u64 = 100;
/// How often a page is read; the median is shown.
const READS: usize = 201;
/// How long the pipeline may take for what was sent to it.
const CATCH_UP_MAX: Duration = Duration::from_secs(600);

/// Measures one session with nine of ten events, many sessions, and many idle live readers.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  tidegate bench crowds --events 100000 --sessions 10000 --readers 1000")]
pub struct Args {
    /// Events of the large session
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1000..=100_000_000))]
    pub events: u64,
    /// Sessions that share the other tenth
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub sessions: u64,
    /// Idle live readers; the limit of open files must leave room for them
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub readers: u32,
    /// Where the server keeps its data; the system's temporary directory if absent
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print the numbers as JSON
    #[arg(long)]
    pub json: bool,
}

/// Reading one session's first and last page.
struct Pages {
    first_us: f64,
    last_us: f64,
}

/// Listing all sessions.
struct Listing {
    sessions: u64,
    first_page_ms: f64,
    last_page_ms: f64,
    all_s: f64,
}

struct Numbers {
    events: u64,
    taken_in_s: f64,
    small: Pages,
    large: Pages,
    listing: Listing,
    readers: Readers,
}

/// Runs `tidegate bench crowds`. Errors: a server does not start, or refuses what it should take.
pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let dir = args.dir.clone().unwrap_or_else(std::env::temp_dir);
    let machine = Machine::here(&dir);
    let mut interrupt = Interrupt::listen()?;
    let scratch = Scratch::new(&dir)?;
    let numbers = tokio::select! {
        numbers = measure(&args, &scratch) => numbers?,
        () = interrupt.wait() => bail!("interrupted"),
    };
    let report =
        if args.json { numbers.json(&machine, &args).to_string() } else { numbers.markdown(&machine, &args) };
    out::say(&report);
    Ok(())
}

async fn measure(args: &Args, scratch: &Scratch) -> anyhow::Result<Numbers> {
    let readers = args.readers.to_string();
    let server = Server::tidegate(scratch.path(), &[("TIDEGATE_STREAM__READERS_MAX", &readers)]).await?;
    let readers = readers::measure(&server, args.readers as usize).await?;
    out::note("readers: done");
    let (begun, events) = (Instant::now(), fill(&server, args).await?);
    server.wait_until_caught_up(CATCH_UP_MAX).await?;
    let taken_in_s = begun.elapsed().as_secs_f64();
    out::note(&format!("{events} events are there"));
    let (small, large) = (pages(&server, "small").await?, pages(&server, "large").await?);
    let listing = list(&server).await?;
    server.stop().await?;
    Ok(Numbers { events, taken_in_s, small, large, listing, readers })
}

/// Nine of ten events are the large session's, the small one's are spread among them, the rest goes round.
async fn fill(server: &Server, args: &Args) -> anyhow::Result<u64> {
    let total = (args.events + args.events / 9).next_multiple_of(BATCH);
    let between_small = total / SMALL_EVENTS;
    let session = |number: u64| match number {
        n if n % between_small == 1 => "small".to_owned(),
        n if n % 10 == 0 => format!("s-{}", n / 10 % args.sessions),
        _ => "large".to_owned(),
    };
    let mut wire = Wire::connect(server.address).await?;
    for first in (0..total).step_by(BATCH as usize) {
        let event = |n| json!({"type": "a", "sessionId": session(n), "content": "What is the difference between a lease and a loan?"});
        let body = Value::Array((first..first + BATCH).map(event).collect()).to_string();
        let reply = wire.post_events(&body).await?;
        if reply.status != 200 || reply.rejected > 0 {
            bail!("the server refused: {}", wire.last_answer());
        }
    }
    Ok(total)
}

/// The median time of a session's first page and of its last one.
async fn pages(server: &Server, session: &str) -> anyhow::Result<Pages> {
    let mut wire = Wire::connect(server.address).await?;
    let mut medians = Vec::new();
    for order in ["asc", "desc"] {
        let request = format!(
            "GET /v1/events?sessionId={session}&order={order}&limit=50 HTTP/1.1\r\nhost: localhost\r\n\r\n"
        );
        let mut times = Vec::with_capacity(READS);
        for _ in 0..READS {
            let sent = Instant::now();
            let reply = wire.exchange(request.as_bytes()).await?;
            times.push(sent.elapsed().as_secs_f64() * 1e6);
            if reply.status != 200 {
                bail!("a page was refused: {}", wire.last_answer());
            }
        }
        medians.push(median(times).context("a page is read")?);
    }
    Ok(Pages { first_us: medians[0], last_us: medians[1] })
}

/// Walks the list of sessions to its end.
async fn list(server: &Server) -> anyhow::Result<Listing> {
    let mut client = Client::new(server.address.into(), None)?;
    let (begun, mut cursor, mut times, mut sessions) = (Instant::now(), String::new(), Vec::new(), 0);
    loop {
        let sent = Instant::now();
        let path = format!("/v1/sessions?limit=1000{cursor}");
        let page: Value =
            client.send(Method::GET, &path, &[], bytes::Bytes::new()).await?.success()?.json()?;
        times.push(sent.elapsed().as_secs_f64() * 1e3);
        sessions += page["sessions"].as_array().map_or(0, Vec::len) as u64;
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    // The very last page may hold a few rows only.
    let last_whole = times.len().saturating_sub(2);
    let (first, last) = times.first().zip(times.get(last_whole)).context("a list has a page")?;
    Ok(Listing { sessions, first_page_ms: *first, last_page_ms: *last, all_s: begun.elapsed().as_secs_f64() })
}

impl Numbers {
    fn json(&self, machine: &Machine, args: &Args) -> Value {
        let pages = |pages: &Pages| json!({"firstPageUs": pages.first_us, "lastPageUs": pages.last_us});
        json!({
            "machine": machine, "events": self.events, "takenInS": self.taken_in_s,
            "small": pages(&self.small), "large": pages(&self.large),
            "sessions": self.listing.sessions, "firstPageMs": self.listing.first_page_ms,
            "lastPageMs": self.listing.last_page_ms, "listedInS": self.listing.all_s,
            "readers": args.readers, "readerBytes": self.readers.bytes_each,
            "readersIdleShare": self.readers.idle_share, "allReadersSawInMs": self.readers.all_saw_in.as_secs_f64() * 1e3,
        })
    }

    fn markdown(&self, machine: &Machine, args: &Args) -> String {
        let Self { small, large, listing, readers, .. } = self;
        let mut lines = machine.lines();
        lines.push(format!(
            "- {} events in batches of {BATCH} on one connection, visible after {} s: {} of one session, {SMALL_EVENTS} of a small one, the rest of {} sessions",
            self.events, shown(self.taken_in_s), args.events, args.sessions
        ));
        lines.push(String::new());
        let ratio = |large: f64, small: f64| format!("{:.2}", large / small);
        let rows = [
            (
                "first page of the small session, of the large one".to_owned(),
                format!("{} µs, {} µs", shown(small.first_us), shown(large.first_us)),
                ratio(large.first_us, small.first_us),
            ),
            (
                "last page of the small session, of the large one".to_owned(),
                format!("{} µs, {} µs", shown(small.last_us), shown(large.last_us)),
                ratio(large.last_us, small.last_us),
            ),
            (
                format!("first page of 1000 of {} sessions, last", listing.sessions),
                format!("{} ms, {} ms", shown(listing.first_page_ms), shown(listing.last_page_ms)),
                ratio(listing.last_page_ms, listing.first_page_ms),
            ),
            ("all of these pages".to_owned(), format!("{} s", shown(listing.all_s)), String::new()),
            (
                format!("memory for each of {} idle readers", args.readers),
                format!("{} KiB", shown(readers.bytes_each / 1024.0)),
                String::new(),
            ),
            (
                "processor while they idle".to_owned(),
                format!("{:.1} % of one", readers.idle_share * 100.0),
                String::new(),
            ),
            (
                "one event, seen by all of them after".to_owned(),
                format!("{} ms", shown(readers.all_saw_in.as_secs_f64() * 1e3)),
                String::new(),
            ),
        ];
        lines.push("| | | ratio |".to_owned());
        lines.push("|---|---:|---:|".to_owned());
        lines.extend(rows.iter().map(|(name, value, ratio)| format!("| {name} | {value} | {ratio} |")));
        lines.join("\n")
    }
}
