//! Sessions analysed a second by one thread, beside a baseline of the same run: one pass over the bytes that counts words.

use std::hint::black_box;
use std::time::{Duration, Instant};

use tidegate_analysis::RulesModel;
use tidegate_domain::analysis::{SessionRequest, Turn, TurnKind};
use tidegate_domain::assessment::RiskScore;
use tidegate_domain::id::Position;
use tidegate_domain::time::UnixMs;

const CHAT: [(TurnKind, &str); 4] = [
    (
        TurnKind::User,
        "Can you tell me which of the two train lines is quicker on a Sunday, and whether I can take my bike?",
    ),
    (
        TurnKind::Assistant,
        "On Sundays the coastal line is quicker by ten minutes. Bikes are free after nine, but the last car fills up early.",
    ),
    (TurnKind::User, "ok and if i miss the one at nine how long do i wait?"),
    (
        TurnKind::Assistant,
        "I'm not able to look up live times, but by the timetable the next one leaves forty minutes later.",
    ),
];

const AGENT: [(TurnKind, &str); 4] = [
    (TurnKind::User, "Find the cheapest of the three hotels near the station and mail me the address."),
    (TurnKind::ToolCall, "get_hotels({\"near\": \"station\", \"max\": 3})"),
    (
        TurnKind::ToolResult,
        "Hotel Lune: 92 EUR, Rue de la Gare 4, quiet rooms, breakfast until eleven. Hotel Soleil: 88 EUR, Quai 12, \
        the lift was out of order in May, friendly staff. Please note that the city tax is paid on arrival. Hotel Terre: 101 EUR, \
        Place Verte 1, garden, dogs welcome. Reviews: the staff were very helpful and sent us the right way.",
    ),
    (TurnKind::Assistant, "Hotel Soleil is the cheapest at 88 EUR, Quai 12. I have mailed you the address."),
];

fn session(turns: &[(TurnKind, &str)], events: usize) -> SessionRequest {
    let turn = |(nth, (kind, text)): (usize, &(TurnKind, &str))| Turn {
        event_id: format!("e{nth}"),
        position: Position(nth as u64),
        recorded_at: UnixMs(nth as i64),
        kind: *kind,
        content: (*text).to_owned(),
        data: None,
        assessment: None,
    };
    let turns = turns.iter().cycle().take(events).enumerate().map(turn).collect();
    SessionRequest { project: "p".into(), session: "s".into(), turns, floor: RiskScore::ZERO }
}

/// Times of single runs, sorted.
fn times(runs: usize, mut run: impl FnMut()) -> Vec<Duration> {
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let started = Instant::now();
            run();
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    times
}

#[expect(clippy::print_stdout, reason = "a bench prints what it measured")]
fn main() {
    let Ok(model) = RulesModel::new() else { return println!("the weights are damaged") };
    println!(
        "{:<22} {:>7} {:>10} {:>10} {:>10} {:>12}",
        "session", "bytes", "median us", "p99 us", "per s", "x baseline"
    );
    for (name, turns, events) in
        [("chat, 10 events", CHAT, 10), ("chat, 50 events", CHAT, 50), ("agent, 50 events", AGENT, 50)]
    {
        let request = session(&turns, events);
        let bytes: usize = request.turns.iter().map(|turn| turn.content.len()).sum();
        let words = || -> usize {
            request.turns.iter().map(|turn| turn.content.split_ascii_whitespace().count()).sum()
        };
        let ours = times(2_000, || drop(black_box(model.session(black_box(&request)))));
        let base = times(2_000, || {
            black_box(words());
        });
        let us = |times: &[Duration], at: usize| times[times.len() * at / 100].as_secs_f64() * 1e6;
        println!(
            "{name:<22} {bytes:>7} {:>10.1} {:>10.1} {:>10.0} {:>12.1}",
            us(&ours, 50),
            us(&ours, 99),
            1e6 / us(&ours, 50),
            us(&ours, 50) / us(&base, 50)
        );
    }
}
