//! Clients that go on sending: each its own events, in order, again until they are acknowledged.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::client::Client;
use crate::support::patience::eventually;
use crate::support::{INSULT, walk};

const WRITERS: usize = 4;
/// The writer that a test's own events name.
pub(crate) const OTHERS: u64 = 99;
/// How long a client waits before it sends again what was not acknowledged.
const PAUSE: Duration = Duration::from_millis(20);

/// Load that goes on until it is stopped.
pub(crate) struct Load {
    tasks: JoinSet<Writer>,
    is_over: Arc<AtomicBool>,
    acked: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
}

/// One client, and what it was told.
struct Writer {
    name: usize,
    /// Number of its next event.
    next: u64,
    /// Numbers and ids of what was acknowledged.
    acked: Vec<(u64, String)>,
}

/// All clients after the load.
pub(crate) struct Writers(Vec<Writer>);

impl Load {
    pub(crate) fn start(client: &Client) -> Self {
        Self::start_named(client, 0)
    }

    /// Load by clients whose names begin at `first`.
    pub(crate) fn start_named(client: &Client, first: usize) -> Self {
        let (is_over, acked, refused) = (Arc::default(), Arc::default(), Arc::default());
        let mut load = Self { tasks: JoinSet::new(), is_over, acked, refused };
        for name in first..first + WRITERS {
            let (client, is_over) = (client.clone(), Arc::clone(&load.is_over));
            let (acked, refused) = (Arc::clone(&load.acked), Arc::clone(&load.refused));
            let writer = Writer { name, next: 0, acked: Vec::new() };
            load.tasks.spawn(writer.run(client, is_over, acked, refused));
        }
        load
    }

    /// Waits until so many more events are acknowledged.
    pub(crate) async fn goes_on(&self, events: u64) {
        let until = self.acked.load(Ordering::Relaxed) + events;
        eventually("events are acknowledged", async || {
            (self.acked.load(Ordering::Relaxed) >= until).then_some(())
        })
        .await;
    }

    /// Requests that were refused with 503 and told when to come again.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(crate) async fn stop(self) -> Writers {
        self.is_over.store(true, Ordering::Relaxed);
        let mut writers = self.tasks.join_all().await;
        writers.sort_by_key(|writer| writer.name);
        Writers(writers)
    }
}

impl Writer {
    async fn run(
        mut self,
        client: Client,
        is_over: Arc<AtomicBool>,
        acked: Arc<AtomicU64>,
        refused: Arc<AtomicU64>,
    ) -> Self {
        while !is_over.load(Ordering::Relaxed) {
            // Every other client sends batches, which must never be halved.
            let count = if self.name.is_multiple_of(2) { 1 } else { 1 + self.next % 12 };
            let numbers = self.next..self.next + count;
            let events = numbers.clone().map(|number| self.event(number)).collect();
            match client.post("/v1/events").json(&Value::Array(events)).try_send().await {
                Ok(answer) if answer.status == 200 => {
                    let answer = answer.json();
                    assert_eq!(answer["rejected"], 0, "{answer}");
                    let ids = walk::texts(answer["results"].as_array().expect("a verdict each"), "/eventId");
                    acked.fetch_add(ids.len() as u64, Ordering::Relaxed);
                    self.acked.extend(numbers.zip(ids));
                    self.next += count;
                    continue;
                }
                Ok(answer) => {
                    assert_eq!(answer.status, 503, "{}", answer.text());
                    assert!(answer.header("retry-after").parse::<u32>().is_ok(), "{:?}", answer.headers);
                    refused.fetch_add(1, Ordering::Relaxed);
                }
                Err(_) => {}
            }
            if !self.has_keys() {
                // Nobody knows whether these are there. They must not be there twice.
                self.next += count;
            }
            tokio::time::sleep(PAUSE).await;
        }
        self
    }

    /// Whether it may send again what was not acknowledged.
    fn has_keys(&self) -> bool {
        self.name % 4 < 2
    }

    fn event(&self, number: u64) -> Value {
        let content = if number.is_multiple_of(3) { INSULT } else { "hello" };
        let mut event = json!({
            "type": "message.user", "sessionId": format!("w{}-{}", self.name, number % 5), "content": content,
            "data": {"n": number, "writer": self.name},
        });
        if self.has_keys() {
            event["idempotencyKey"] = format!("w{}-{number}", self.name).into();
        }
        event
    }
}

impl Writer {
    /// These are its events, in the order of the log.
    fn check(&self, events: &[&Value]) {
        let name = self.name;
        let number = |event: &&Value| event["data"]["n"].as_u64().expect("a number");
        let numbers: Vec<_> = events.iter().map(number).collect();
        assert!(
            numbers.windows(2).all(|pair| pair[0] < pair[1]),
            "writer {name}: once, in order: {numbers:?}"
        );
        let found: HashMap<_, _> =
            events.iter().map(|event| (number(event), event["eventId"].as_str().expect("an id"))).collect();
        for (number, id) in &self.acked {
            assert_eq!(found.get(number), Some(&id.as_str()), "writer {name}, event {number}");
        }
    }
}

fn positions(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["position"].as_u64().expect("a position")).collect()
}

impl Writers {
    /// These clients and `others`.
    pub(crate) fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Every acknowledged event is there once, under its id, in the order sent, and nothing that nobody sent.
    pub(crate) async fn check(&self, client: &Client) {
        let all = walk::events(client, "order=asc&limit=1000").await;
        let mut positions = positions(&all);
        assert!(positions.is_sorted(), "in order");
        // Analyses have positions too, and are in no list that does not ask for them.
        for kind in ["session.analyzed", "cot.analyzed"] {
            let analyses = walk::events(client, &format!("order=asc&limit=1000&type={kind}")).await;
            positions.extend(self::positions(&analyses));
        }
        positions.sort_unstable();
        assert_eq!(positions, (0..positions.len() as u64).collect::<Vec<_>>(), "dense");
        let mut of_writers: HashMap<u64, Vec<&Value>> = HashMap::new();
        for event in &all {
            of_writers.entry(event["data"]["writer"].as_u64().expect("a writer")).or_default().push(event);
        }
        for writer in &self.0 {
            writer.check(&of_writers.remove(&(writer.name as u64)).unwrap_or_default());
        }
        of_writers.remove(&OTHERS);
        assert!(of_writers.is_empty(), "nothing that nobody sent");
        assert!(self.0.iter().map(|writer| writer.acked.len()).sum::<usize>() > 50, "there was load");
    }
}
