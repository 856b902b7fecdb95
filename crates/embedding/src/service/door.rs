//! The state that callers and workers share: queue, flights, cache and counters, under one lock. Time comes in as a value.
//!
//! Every change is one call here, so between calls: a job is queued only if its flight is listed; a flight is listed
//! from admission until its answer, and a vector is cached before its flight leaves the list. Hence S3.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::batch::{Filling, Job, tokens_of};
use super::flight::Flight;
use super::pace::Pace;
use super::settings::ServiceSettings;
use super::{Answer, Counters, Refused};
use crate::cache::{Cache, CacheKey};

/// What a caller has in hand after it asked.
pub(super) enum Ticket {
    Answered(Answer),
    Waits(Arc<Flight>),
}

/// A flight under way, how many callers still wait for it, and until when the last of them does; `None` is for ever.
struct Listed {
    flight: Arc<Flight>,
    waiters: usize,
    until: Option<Instant>,
}

/// What a worker is at.
#[derive(Clone, Copy)]
struct Running {
    tokens: usize,
    since: Instant,
}

impl Running {
    /// How long it will go on. One that is over its time goes on for as long as it is over.
    fn left(&self, pace: &Pace, now: Instant) -> Duration {
        pace.surely(self.tokens).abs_diff(now.saturating_duration_since(self.since))
    }
}

/// The part of a caller's patience that is planned with. An eighth is left for what the estimate does not know, and so that
/// batches need not be small at the end of the queue.
fn planned(patience: Duration) -> Duration {
    patience - patience / 8
}

pub(super) struct Door {
    settings: ServiceSettings,
    queue: VecDeque<Job>,
    queue_bytes: usize,
    queue_tokens: usize,
    flights: HashMap<CacheKey, Listed>,
    /// By worker.
    running: Vec<Option<Running>>,
    pace: Pace,
    cache: Cache,
    counters: Counters,
    stopped: bool,
}

impl Door {
    pub(super) fn new(settings: &ServiceSettings) -> Self {
        Self {
            settings: settings.clone(),
            queue: VecDeque::new(),
            queue_bytes: 0,
            queue_tokens: 0,
            flights: HashMap::new(),
            running: vec![None; settings.workers()],
            pace: Pace::unmeasured(),
            cache: Cache::new(settings.cache_entries_max, settings.cache_ttl_ms),
            counters: Counters::default(),
            stopped: false,
        }
    }

    /// Answers a text from the cache, lets it join its flight, queues it, or refuses it (S1).
    pub(super) fn admit(
        &mut self,
        key: CacheKey,
        text: &str,
        now_ms: i64,
        now: Instant,
        until: Option<Instant>,
    ) -> Ticket {
        if self.stopped {
            self.counters.refused_stopped += 1;
            return Ticket::Answered(Err(Refused::Stopped));
        }
        if let Some(vector) = self.cache.get(&key, now_ms) {
            self.counters.hits += 1;
            return Ticket::Answered(Ok(vector));
        }
        if let Some(listed) = self.flights.get_mut(&key) {
            self.counters.joined += 1;
            listed.waiters += 1;
            listed.until = listed.until.zip(until).map(|(one, other)| one.max(other));
            return Ticket::Waits(Arc::clone(&listed.flight));
        }
        if until.is_some_and(|until| until <= now) {
            self.counters.deadlines += 1;
            self.counters.unqueued += 1;
            return Ticket::Answered(Err(Refused::Deadline));
        }
        let tokens = tokens_of(text, &self.settings);
        let is_probe = self.is_at_leisure();
        let is_in_time = until.is_none_or(|until| self.takes(tokens, now) <= planned(until - now));
        let bytes = self.queue_bytes.saturating_add(text.len());
        let has_room =
            self.queue.len() < self.settings.queue_texts_max && bytes <= self.settings.queue_bytes_max;
        if !has_room || !(is_in_time || is_probe) {
            self.counters.refused_queue_full += 1;
            return Ticket::Answered(Err(Refused::QueueFull));
        }
        let flight = Arc::new(Flight::default());
        self.counters.misses += 1;
        (self.queue_bytes, self.queue_tokens) = (bytes, self.queue_tokens + tokens);
        self.flights.insert(key, Listed { flight: Arc::clone(&flight), waiters: 1, until });
        let (text, landing) = (text.into(), Arc::clone(&flight));
        self.queue.push_back(Job { key, text, tokens, flight: landing, queued_at: now, now_ms, is_probe });
        self.counters.queue_depth_max = self.counters.queue_depth_max.max(self.queue.len());
        Ticket::Waits(flight)
    }

    /// Nothing waits, and a worker is free.
    fn is_at_leisure(&self) -> bool {
        self.queue.is_empty() && self.running.iter().any(Option::is_none)
    }

    /// How long a new text of `tokens` takes, what is ahead of it included.
    fn takes(&self, tokens: usize, now: Instant) -> Duration {
        let running = self.running.iter().flatten().map(|running| running.left(&self.pace, now));
        let ahead = running.sum::<Duration>() + self.pace.surely(self.queue_tokens);
        ahead / u32::try_from(self.running.len()).unwrap_or(u32::MAX).max(1) + self.pace.surely(tokens)
    }

    /// A caller waits no longer. If it was the last one and no worker has the text, the text leaves the queue (S4).
    pub(super) fn leave(&mut self, key: CacheKey, flight: &Arc<Flight>) -> Answer {
        if let Some(answer) = flight.landed() {
            return answer;
        }
        self.counters.deadlines += 1;
        if let Some(listed) = self.flights.get_mut(&key).filter(|listed| Arc::ptr_eq(&listed.flight, flight))
        {
            listed.waiters -= 1;
            if listed.waiters == 0
                && let Some(at) = self.queue.iter().position(|job| job.key == key)
            {
                self.unqueue(at);
                self.flights.remove(&key);
                self.counters.abandoned += 1;
            }
        }
        Err(Refused::Deadline)
    }

    fn unqueue(&mut self, at: usize) -> Option<Job> {
        let job = self.queue.remove(at)?;
        self.queue_bytes -= job.text.len();
        self.queue_tokens -= job.tokens;
        Some(job)
    }

    /// Whether a worker should look: texts wait, or it should end.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && !self.stopped
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Takes the next batch for `worker` out of the queue; empty if another worker was quicker, or all were late. Who waits
    /// for a text that cannot be in time any more hears so now (S4).
    pub(super) fn take(&mut self, worker: usize, now: Instant) -> Vec<Job> {
        let (mut jobs, mut batch) = (Vec::new(), Filling::default());
        while let Some(job) = self.queue.front() {
            let until = self.flights.get(&job.key).and_then(|listed| listed.until);
            let time = if job.is_probe { Duration::ZERO } else { self.pace.likely(job.tokens) };
            let is_late = until.is_some_and(|until| now + time > until);
            if !is_late && !batch.take(job.tokens, until, now, &self.pace, &self.settings) {
                break;
            }
            let Some(job) = self.unqueue(0) else { break };
            if is_late {
                self.give_up(&job);
            } else {
                self.counters.queued_us_sum +=
                    now.saturating_duration_since(job.queued_at).as_micros() as u64;
                jobs.push(job);
            }
        }
        self.running[worker] = (!jobs.is_empty()).then(|| Running { tokens: batch.tokens(), since: now });
        jobs
    }

    fn give_up(&mut self, job: &Job) {
        let waiters = self.flights.remove(&job.key).map_or(0, |listed| listed.waiters);
        self.counters.deadlines += waiters as u64;
        self.counters.abandoned += 1;
        job.flight.land(Err(Refused::Deadline));
    }

    /// One call of the engine is over.
    pub(super) fn called(&mut self, time: Duration) {
        self.counters.batches += 1;
        self.counters.engine_us_sum += time.as_micros() as u64;
    }

    /// The engine did `tokens` in `time`.
    pub(super) fn measured(&mut self, tokens: usize, time: Duration) {
        self.pace.measured(tokens, time);
    }

    /// `worker` has answered its batch.
    pub(super) fn rested(&mut self, worker: usize) {
        self.running[worker] = None;
    }

    /// A text has its answer: it is cached if good, and its flight is over.
    pub(super) fn finish(&mut self, job: &Job, answer: &Answer) {
        match answer {
            Ok(vector) => {
                self.cache.put(job.key, Arc::clone(vector), job.now_ms);
                self.counters.embedded += 1;
            }
            Err(_) => self.counters.failed += 1,
        }
        self.flights.remove(&job.key);
    }

    /// Refuses what waits, and all that comes.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
        (self.queue_bytes, self.queue_tokens) = (0, 0);
        for job in self.queue.drain(..) {
            self.flights.remove(&job.key);
            self.counters.abandoned += 1;
            job.flight.land(Err(Refused::Stopped));
        }
    }

    pub(super) fn counters(&self) -> Counters {
        Counters { queue_depth: self.queue.len(), cached: self.cache.len(), ..self.counters }
    }
}
