//! How many analyses a burst of events costs, and a session that goes on for many windows.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::super::child::Server;
use super::super::scratch::Scratch;
use super::super::wire::Wire;
use super::Bench;
use super::counts::{Counts, wait_until_idle};
use super::table::{Goal, Numbers};

/// Coalescing windows, in ms.
pub(super) const WINDOWS_MS: [u64; 3] = [100, 300, 1000];
/// Sessions that burst at once.
pub(super) const SESSIONS: usize = 20;
/// Events of a burst, in requests of ten.
pub(super) const BURST_EVENTS: usize = 100;
const REQUEST_EVENTS: usize = 10;
/// A session that goes on does so for this many windows.
pub(super) const LASTING_WINDOWS: u32 = 10;
const IDLE_WITHIN: Duration = Duration::from_secs(60);

/// One round over all windows.
pub(super) async fn round(bench: &Bench, numbers: &mut Numbers) -> anyhow::Result<()> {
    for window_ms in WINDOWS_MS {
        let window = Duration::from_millis(window_ms);
        let burst = analyses(bench, window_ms, window / 2).await?;
        let name = format!("analyses of a burst, window of {window_ms} ms");
        numbers.add(&name, "a session", Goal::AtMost(1.0), burst);
        let lasting = analyses(bench, window_ms, window * LASTING_WINDOWS).await?;
        let name = format!("… of a session of {LASTING_WINDOWS} windows");
        let name = format!("{name}, window of {window_ms} ms");
        // One more when the last events come after the last window began.
        let at_most = 1.0 + 1.0 / f64::from(LASTING_WINDOWS);
        let a_window = lasting / f64::from(LASTING_WINDOWS);
        numbers.add(&name, "a window", Goal::AtMost(at_most), a_window);
    }
    let every_batch = analyses(bench, 0, Duration::from_millis(WINDOWS_MS[1] / 2)).await?;
    numbers.add("analyses of a burst, no window", "a session", Goal::None, every_batch);
    Ok(())
}

/// Analyses a session of [`BURST_EVENTS`] events that come evenly within `within`. Errors: they came later than that.
async fn analyses(bench: &Bench, window_ms: u64, within: Duration) -> anyhow::Result<f64> {
    let dir = Scratch::new(&bench.dir)?;
    let window = window_ms.to_string();
    let server = Server::tidegate(dir.path(), &[("TIDEGATE_ANALYSIS__COALESCE_MS", &window)]).await?;
    let mut tasks = JoinSet::new();
    for session in 0..SESSIONS {
        let wire = Wire::connect(server.address).await?;
        tasks.spawn(burst(wire, session, within));
    }
    let mut longest = Duration::ZERO;
    while let Some(took) = tasks.join_next().await {
        longest = longest.max(took.context("a connection's task broke")??);
    }
    if window_ms > 0 && longest > within + Duration::from_millis(window_ms / 2) {
        bail!("a burst took {} ms: the machine is too busy to measure", longest.as_millis());
    }
    wait_until_idle(&server, IDLE_WITHIN).await?;
    Ok(Counts::of(&server).await?.answered() / SESSIONS as f64)
}

/// Sends one session's events; how long that took.
async fn burst(mut wire: Wire, session: usize, within: Duration) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let requests = BURST_EVENTS / REQUEST_EVENTS;
    for request in 0..requests {
        let due = within.mul_f64(request as f64 / requests as f64);
        tokio::time::sleep(due.saturating_sub(begun.elapsed())).await;
        let event = |turn| json!({"type": "message.user", "sessionId": format!("burst-{session}"), "content": format!("and then, number {turn}?")});
        let first = request * REQUEST_EVENTS;
        let body = Value::Array((first..first + REQUEST_EVENTS).map(event).collect());
        let reply = wire.post_events(&body.to_string()).await?;
        if reply.status != 200 || reply.rejected > 0 {
            bail!("the server refused: {}", wire.last_answer());
        }
    }
    Ok(begun.elapsed())
}
