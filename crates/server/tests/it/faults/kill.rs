//! `kill -9` at random moments under load, again and again on one directory.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::child::Serve;
use crate::support::client::{Broken, Client};
use crate::support::{INSULT, command, nightly, walk};

/// Rounds in every run of the tests; `KILL_ROUNDS` asks for more.
const ROUNDS: u64 = 20;
/// How long a round lasts at most.
const ROUND_MAX_MS: u64 = 300;
/// How long a start that is killed lasts at most: some are killed while they mend the log, some soon after.
const START_MAX_MS: u64 = 60;
const WRITERS: usize = 4;
/// All that was ever acknowledged is read again after so many rounds: what one of them lost stays lost.
const ROUNDS_BETWEEN_CHECKS: u64 = 5;

/// Random moments, another seed each time.
struct Moments(u64);

impl Moments {
    fn next(&mut self, below_ms: u64) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis((self.0 >> 33) % below_ms)
    }
}

/// One client: sends its events in order, and keeps what was acknowledged. Ends a round when the server dies.
struct Writer {
    name: usize,
    /// First number not yet acknowledged.
    next: u64,
    /// Acknowledged ids, by number.
    acked: Vec<String>,
}

impl Writer {
    fn event(&self, number: u64) -> Value {
        let content = if number.is_multiple_of(3) { INSULT } else { "hello" };
        json!({
            "type": "message.user", "sessionId": format!("w{}", self.name), "content": content,
            "data": {"n": number, "pad": "x".repeat((number % 50) as usize * 20)},
            "idempotencyKey": format!("w{}-{number}", self.name),
        })
    }

    /// Sends until the connection breaks. What was not acknowledged is sent again in the next round.
    async fn round(mut self, client: Client) -> Self {
        while let Ok(()) = self.send(&client).await {}
        self
    }

    async fn send(&mut self, client: &Client) -> Result<(), Broken> {
        // Every other writer sends batches, which must never be halved.
        let count = if self.name.is_multiple_of(2) { 1 } else { 1 + self.next % 12 };
        let events: Vec<Value> = (self.next..self.next + count).map(|number| self.event(number)).collect();
        let answer = client.post("/v1/events").json(&Value::Array(events)).try_send().await?.ok();
        let results = answer["results"].as_array().expect("a verdict each");
        let statuses: HashSet<_> = walk::texts(results, "/status").into_iter().collect();
        assert!(
            statuses.len() == 1 && !statuses.contains("rejected"),
            "a batch is stored whole or not at all: {answer}"
        );
        self.acked.extend(walk::texts(results, "/eventId"));
        self.next += count;
        Ok(())
    }
}

/// Every acknowledged event is there once, under its id, in the order sent; and what is there beyond is what was on
/// its way when the server died.
async fn check(client: &Client, writers: &[Writer], round: u64) {
    let all = walk::events(client, "order=asc&limit=1000").await;
    let positions: Vec<_> = all.iter().map(|event| event["position"].as_u64().expect("a position")).collect();
    assert_eq!(positions, (0..all.len() as u64).collect::<Vec<_>>(), "round {round}: dense");
    let mut sessions: HashMap<String, Vec<&Value>> = HashMap::new();
    for event in &all {
        sessions.entry(event["sessionId"].as_str().expect("a session").to_owned()).or_default().push(event);
    }
    for writer in writers {
        let events = sessions.remove(&format!("w{}", writer.name)).unwrap_or_default();
        let numbers: Vec<_> =
            events.iter().map(|event| event["data"]["n"].as_u64().expect("a number")).collect();
        assert_eq!(
            numbers,
            (0..numbers.len() as u64).collect::<Vec<_>>(),
            "round {round}: once each, in order"
        );
        assert!(
            numbers.len() as u64 >= writer.next,
            "round {round}: {} of {} acked",
            numbers.len(),
            writer.next
        );
        for (event, id) in events.iter().zip(&writer.acked) {
            assert_eq!(event["eventId"], *id, "round {round}");
        }
    }
    assert!(sessions.is_empty(), "nothing that nobody sent");
}

fn equals_a_rebuild(dir: &Path) {
    let said = command::say(dir, &["rebuild", "--check", "--json"]);
    let report: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(report["equal"], true, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_under_load_every_acknowledged_event_is_there_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut writers: Vec<Writer> =
        (0..WRITERS).map(|name| Writer { name, next: 0, acked: Vec::new() }).collect();
    let mut moments = Moments(u64::from(std::process::id()) << 20 | 0x9e37);
    println!("seed: {}", moments.0);
    let rounds = nightly::count("KILL_ROUNDS", ROUNDS);
    for round in 0..rounds {
        let mut server = Serve::dev(dir.path()).start().await;
        if round % ROUNDS_BETWEEN_CHECKS == 0 {
            check(&server, &writers, round).await;
        }
        let mut tasks = JoinSet::new();
        for writer in writers.drain(..) {
            tasks.spawn(writer.round(Client::new(server.address)));
        }
        tokio::time::sleep(moments.next(ROUND_MAX_MS)).await;
        server.kill();
        if round % 2 == 1 {
            Serve::dev(dir.path()).killed_after(moments.next(START_MAX_MS)).await;
        }
        writers = tasks.join_all().await;
        writers.sort_by_key(|writer| writer.name);
    }
    let server = Serve::dev(dir.path()).start().await;
    check(&server, &writers, rounds).await;
    let acked: u64 = writers.iter().map(|writer| writer.next).sum();
    assert!(acked > rounds * 10, "there was load: {acked}");
    // The views catch up with all of it, and equal what the log alone gives.
    let last = json!({"type": "last", "sessionId": "w0"});
    server.post("/v1/events?wait=screened").json(&last).send().await.ok();
    let counted = server.read("/v1/sessions/w0").await["session"]["eventCount"].as_u64().unwrap();
    assert_eq!(counted as usize, walk::events(&server, "sessionId=w0&limit=1000").await.len());
    server.stop().await;
    equals_a_rebuild(dir.path());
    let doctor = command::say(dir.path(), &["doctor"]);
    assert!(!doctor.contains("DAMAGE"), "{doctor}");
}
