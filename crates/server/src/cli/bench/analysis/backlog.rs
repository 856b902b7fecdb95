//! How fast `rules` works off sessions that wait, beside the model alone on one thread of this process.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tidegate_analysis::RulesModel;
use tidegate_domain::analysis::{SessionRequest, Turn, TurnKind};
use tidegate_domain::assessment::{Embedded, Input, RiskScore, Screener};
use tidegate_domain::author::Facts;
use tidegate_domain::id::Position;
use tidegate_domain::time::UnixMs;
use tidegate_engine::analysis::SESSION_ANALYSIS;

use super::super::child::Server;
use super::super::scratch::Scratch;
use super::super::traffic::Said;
use super::super::wire::Wire;
use super::Bench;
use super::counts::{Counts, wait_until_idle};
use super::table::{Goal, Numbers};
use crate::config::Config;
use crate::screening;
use crate::stores::open_jobs;

/// Sessions that wait.
pub(super) const SESSIONS: usize = 5_000;
/// Events of each.
pub(super) const EVENTS: usize = 50;
/// Events of a request.
const BATCH: usize = 500;
/// How often the server is asked how far it is: rarely, for that costs it time.
const POLL: Duration = Duration::from_millis(20);
const CATCH_UP_MAX: Duration = Duration::from_secs(120);
const ANALYSES_PER_SECOND_MIN: f64 = 5_000.0;
/// Cores that the goal is for.
const CORES: f64 = 2.0;
const P99_MS_MAX: f64 = 1.0;
const PERCENT_WITHIN_1_MS_MIN: f64 = 99.0;
/// Longest analysis told apart, in ns.
const TIME_MAX_NS: u64 = 1_000_000_000;

/// What a server did with its backlog.
struct Served {
    /// Analyses a second.
    rate: f64,
    /// Processor time of the server for each analysis: reading, the model, the log, the fold of the answer.
    cpu_us: f64,
    /// The share of analyses that took at most a millisecond.
    within_1_ms: f64,
}

/// One round: the model alone, then a server.
pub(super) async fn round(bench: &Bench, numbers: &mut Numbers) -> anyhow::Result<()> {
    let alone = alone(bench).await?;
    let rate = 1e9 / alone.mean();
    let ms = |quantile| alone.value_at_quantile(quantile) as f64 / 1e6;
    numbers.add("rules alone, one thread, sessions of 50 events", "a second", Goal::None, rate);
    numbers.add("… p50", "ms", Goal::None, ms(0.5));
    numbers.add("… p99", "ms", Goal::AtMost(P99_MS_MAX), ms(0.99));
    let Served { rate: served, cpu_us, within_1_ms } = served(bench).await?;
    let goal = Goal::AtLeast(ANALYSES_PER_SECOND_MIN);
    numbers.add("a server works off 5 000 sessions of 50 events", "a second", goal, served);
    numbers.add("… of the model alone", "", Goal::None, served / rate);
    let goal = Goal::AtLeast(PERCENT_WITHIN_1_MS_MIN);
    numbers.add("… analyses within 1 ms", "%", goal, 100.0 * within_1_ms);
    let goal = Goal::AtMost(1e6 * CORES / ANALYSES_PER_SECOND_MIN);
    numbers.add("… processor time of the server, all of it", "µs an analysis", goal, cpu_us);
    Ok(())
}

/// Times of the model alone, in ns, over sessions as a server hands them on.
async fn alone(bench: &Bench) -> anyhow::Result<Histogram<u64>> {
    let screener = screening::open(&Config::default())?.screener;
    let requests: Vec<_> = (0..200).map(|session| request(&bench.said, session, screener.as_ref())).collect();
    let measured = bench.measured;
    let run = move || {
        let model = RulesModel::new()?;
        let mut times = Histogram::new_with_max(TIME_MAX_NS, 3)?;
        let begun = Instant::now();
        for request in requests.iter().cycle() {
            let started = Instant::now();
            black_box(model.session(black_box(request)));
            times.saturating_record(started.elapsed().as_nanos().min(u128::from(TIME_MAX_NS)) as u64);
            if begun.elapsed() > measured {
                break;
            }
        }
        anyhow::Ok(times)
    };
    tokio::task::spawn_blocking(run).await.context("the model broke")?
}

fn request(said: &[Said], session: usize, screener: &dyn Screener) -> SessionRequest {
    let facts = Facts::default();
    let turn = |turn: usize| {
        let (text, position) = (content(said, session, turn), Position(turn as u64));
        let input = Input { project: "proj_dev", text, facts: &facts, embedded: &Embedded::Off, position };
        let assessment = screener.screen(&input);
        Turn {
            event_id: turn.to_string(),
            position,
            recorded_at: UnixMs(turn as i64 * 1000),
            kind: if turn.is_multiple_of(2) { TurnKind::User } else { TurnKind::Assistant },
            content: text.to_owned(),
            data: None,
            assessment: (!assessment.is_clear()).then_some(assessment),
        }
    };
    SessionRequest {
        project: "proj_dev".to_owned(),
        session: session.to_string(),
        turns: (0..EVENTS).map(turn).collect(),
        floor: RiskScore::ZERO,
    }
}

fn content(said: &[Said], session: usize, turn: usize) -> &str {
    &said[(session * EVENTS + turn) % said.len()].content
}

/// Fills a server whose jobs are paused, lets them go, and waits for the last: analyses a second.
async fn served(bench: &Bench) -> anyhow::Result<Served> {
    let dir = Scratch::new(&bench.dir)?;
    let server = Server::tidegate(dir.path(), &[]).await?;
    let mut config = Config::default();
    config.server.data_dir = dir.path().join("data");
    let jobs = open_jobs(&config).await?;
    jobs.pause(SESSION_ANALYSIS, true).await?;
    fill(&server, &bench.said).await?;
    server.wait_until_caught_up(CATCH_UP_MAX).await?;
    let before = Counts::of(&server).await?;
    jobs.pause(SESSION_ANALYSIS, false).await?;
    let begun = Instant::now();
    let after = loop {
        let counts = Counts::of(&server).await?;
        if counts.answered() - before.answered() >= SESSIONS as f64 {
            break counts;
        }
        if begun.elapsed() > CATCH_UP_MAX {
            bail!("after {} s {} sessions are analysed", CATCH_UP_MAX.as_secs(), counts.answered());
        }
        tokio::time::sleep(POLL).await;
    };
    let took_s = begun.elapsed().as_secs_f64();
    wait_until_idle(&server, CATCH_UP_MAX).await?;
    let all = after.answered() - before.answered();
    Ok(Served {
        rate: all / took_s,
        cpu_us: 1e6 * (after.cpu_s - before.cpu_s) / all,
        within_1_ms: after.within_1_ms,
    })
}

/// All sessions side by side, a turn of each after the other.
async fn fill(server: &Server, said: &[Said]) -> anyhow::Result<()> {
    let mut wire = Wire::connect(server.address).await?;
    let all: Vec<_> =
        (0..EVENTS).flat_map(|turn| (0..SESSIONS).map(move |session| (session, turn))).collect();
    for part in all.chunks(BATCH) {
        let event = |(session, turn): &(usize, usize)| {
            let event_type = if turn.is_multiple_of(2) { "message.user" } else { "message.assistant" };
            json!({
                "type": event_type, "projectId": "proj_dev", "sessionId": format!("long-{session:06}"),
                "content": content(said, *session, *turn),
            })
        };
        let body = Value::Array(part.iter().map(event).collect()).to_string();
        let reply = wire.post_events(&body).await?;
        if reply.status != 200 || reply.rejected > 0 {
            bail!("the server refused: {}", wire.last_answer());
        }
    }
    Ok(())
}
