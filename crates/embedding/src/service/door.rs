//! The state that callers and workers share: queue, flights, cache and counters, under one lock.
//!
//! Every change is one call here, so between calls: a job is queued only if its flight is listed; a flight is listed
//! from admission until its answer, and a vector is cached before its flight leaves the list. Hence S3.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::batch::{self, Job};
use super::flight::Flight;
use super::settings::ServiceSettings;
use super::{Answer, Counters, Refused};
use crate::cache::{Cache, CacheKey};

/// What a caller has in hand after it asked.
pub(super) enum Ticket {
    Answered(Answer),
    Waits(Arc<Flight>),
}

/// A flight under way, and how many callers still wait for it.
struct Listed {
    flight: Arc<Flight>,
    waiters: usize,
}

pub(super) struct Door {
    queue: VecDeque<Job>,
    queue_bytes: usize,
    queue_texts_max: usize,
    queue_bytes_max: usize,
    flights: HashMap<CacheKey, Listed>,
    cache: Cache,
    counters: Counters,
    stopped: bool,
}

impl Door {
    pub(super) fn new(settings: &ServiceSettings) -> Self {
        Self {
            queue: VecDeque::new(),
            queue_bytes: 0,
            queue_texts_max: settings.queue_texts_max,
            queue_bytes_max: settings.queue_bytes_max,
            flights: HashMap::new(),
            cache: Cache::new(settings.cache_entries_max, settings.cache_ttl_ms),
            counters: Counters::default(),
            stopped: false,
        }
    }

    /// Answers a text from the cache, lets it join its flight, queues it, or refuses it.
    pub(super) fn admit(&mut self, key: CacheKey, text: &str, now_ms: i64) -> Ticket {
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
            return Ticket::Waits(Arc::clone(&listed.flight));
        }
        let bytes = self.queue_bytes.saturating_add(text.len());
        if self.queue.len() >= self.queue_texts_max || bytes > self.queue_bytes_max {
            self.counters.refused_queue_full += 1;
            return Ticket::Answered(Err(Refused::QueueFull));
        }
        let flight = Arc::new(Flight::default());
        self.counters.misses += 1;
        self.queue_bytes = bytes;
        self.flights.insert(key, Listed { flight: Arc::clone(&flight), waiters: 1 });
        self.queue.push_back(Job {
            key,
            text: text.into(),
            flight: Arc::clone(&flight),
            queued_at: Instant::now(),
            now_ms,
        });
        self.counters.queue_depth_max = self.counters.queue_depth_max.max(self.queue.len());
        Ticket::Waits(flight)
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
            if listed.waiters == 0 {
                self.abandon(key);
            }
        }
        Err(Refused::Deadline)
    }

    fn abandon(&mut self, key: CacheKey) {
        if let Some(at) = self.queue.iter().position(|job| job.key == key)
            && let Some(job) = self.queue.remove(at)
        {
            self.queue_bytes -= job.text.len();
            self.flights.remove(&key);
            self.counters.abandoned += 1;
        }
    }

    /// Whether a worker should look: texts wait, or it should end.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && !self.stopped
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// When the batch that gathers must leave; `None` if it is full, or there is none.
    pub(super) fn gathers_until(&self, settings: &ServiceSettings) -> Option<Instant> {
        let (_, full) = batch::next(&self.queue, settings);
        let first = self.queue.front().filter(|_| !full && !self.stopped)?;
        first.queued_at.checked_add(settings.gather_max)
    }

    /// Takes the next batch out of the queue; empty if another worker was quicker.
    pub(super) fn take(&mut self, settings: &ServiceSettings) -> Vec<Job> {
        let (count, _) = batch::next(&self.queue, settings);
        let jobs: Vec<Job> = self.queue.drain(..count).collect();
        for job in &jobs {
            self.queue_bytes -= job.text.len();
            self.counters.queued_us_sum += job.queued_at.elapsed().as_micros() as u64;
        }
        jobs
    }

    /// One call of the engine is over, after `engine_us` microseconds.
    pub(super) fn called(&mut self, engine_us: u64) {
        self.counters.batches += 1;
        self.counters.engine_us_sum += engine_us;
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
        self.queue_bytes = 0;
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_lone_text_waits_for_others_only_if_told_to() {
        let by_default = ServiceSettings::default();
        let gathering =
            ServiceSettings { gather_max: Duration::from_secs(3_600), ..ServiceSettings::default() };
        let mut door = Door::new(&by_default);
        assert!(matches!(door.admit(CacheKey::new("", ""), "text", 0), Ticket::Waits(_)));
        let queued_at = door.queue[0].queued_at;
        assert_eq!(door.gathers_until(&by_default), Some(queued_at), "leaves at once");
        assert!(door.gathers_until(&gathering) > Some(queued_at));
    }
}
