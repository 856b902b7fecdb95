//! Folded events for consumers of any kind: `events:reasoning_queue` for those whose risk reaches the threshold, and
//! `events:low_risk` for the others.
//!
//! - **RO1 whole**: an entry has the whole event with its assessment, as JSON, so that a consumer needs nothing else.
//! - **RO2 each once**: entries and the position up to which a shard is routed are one transaction of Redis. What Redis
//!   forgets (`FLUSHALL`) is routed again as far back as the router goes: a consumer tells events apart by `event_id`.
//! - **RO3 never trimmed**: a stream that is full takes nothing until its consumers have removed what they have done
//!   (`XACK` and `XDEL`); then routing goes on from the log.

use redis::Script;
use tidegate_domain::id::{EventId, Position, Shard};

use crate::connection::{Transport, TransportError};

/// The stream of events whose risk reaches the threshold.
pub const REASONING_QUEUE: &str = "events:reasoning_queue";
/// The stream of all other events.
pub const LOW_RISK: &str = "events:low_risk";

/// Moves the position and adds the entries, if the shard is routed up to where the caller thinks and both streams have
/// room. Keys: position, reasoning queue, low risk. Arguments: position expected (or empty), new one, most entries, most
/// bytes, then stream number (1 or 2), event id, position, risk score and event of each. Answers 1, 0 if full, -1 if moved.
const ROUTE: &str = r"
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return -1 end
for i = 2, 3 do
    if redis.call('XLEN', KEYS[i]) >= tonumber(ARGV[3]) then return 0 end
    if (redis.call('MEMORY', 'USAGE', KEYS[i]) or 0) >= tonumber(ARGV[4]) then return 0 end
end
for i = 5, #ARGV, 5 do
    redis.call('XADD', KEYS[1 + tonumber(ARGV[i])], '*', 'event_id', ARGV[i + 1], 'position', ARGV[i + 2],
        'risk_score', ARGV[i + 3], 'event', ARGV[i + 4])
end
redis.call('SET', KEYS[1], ARGV[2])
return 1";

/// One event on its way to a stream.
#[derive(Clone, Debug)]
pub struct Routed {
    /// Its id.
    pub event_id: EventId,
    /// Its position.
    pub position: Position,
    /// Its risk.
    pub risk_score: f64,
    /// True if it belongs into the reasoning queue.
    pub is_risky: bool,
    /// The event with its assessment, as JSON.
    pub event: String,
}

/// What became of some events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They are in their streams.
    Routed,
    /// A stream is full: try again later.
    Full,
    /// Somebody else has routed the shard meanwhile, or Redis has forgotten: ask for the position again.
    Moved,
}

/// The routed streams.
#[derive(Clone)]
pub struct Routes {
    transport: Transport,
    script: Script,
}

impl Routes {
    /// The routed streams of `transport`.
    pub fn new(transport: Transport) -> Self {
        Self { transport, script: Script::new(ROUTE) }
    }

    /// Up to where a shard is routed; `None` if Redis does not know.
    pub async fn position(&self, shard: Shard) -> Result<Option<Position>, TransportError> {
        let mut get = redis::cmd("GET");
        let known: Option<u64> = get.arg(key(shard)).query_async(&mut self.transport.shared()).await?;
        Ok(known.map(Position))
    }

    /// Routes `events`, which are all of a shard from `from` (its position now) to `to`.
    pub async fn route(
        &self,
        shard: Shard,
        from: Option<Position>,
        to: Position,
        events: &[Routed],
    ) -> Result<Outcome, TransportError> {
        let mut call = self.script.prepare_invoke();
        call.key(key(shard)).key(REASONING_QUEUE).key(LOW_RISK);
        call.arg(from.map(|position| position.to_string()).unwrap_or_default());
        call.arg(to.0).arg(self.transport.config.entries_max).arg(self.transport.config.bytes_max);
        for event in events {
            call.arg(if event.is_risky { 1 } else { 2 }).arg(event.event_id.to_string());
            call.arg(event.position.0).arg(event.risk_score).arg(&event.event);
        }
        let answer: i64 = call.invoke_async(&mut self.transport.shared()).await?;
        Ok(match answer {
            1 => Outcome::Routed,
            0 => Outcome::Full,
            _ => Outcome::Moved,
        })
    }
}

fn key(shard: Shard) -> String {
    format!("tidegate:routed:{}", shard.0)
}
