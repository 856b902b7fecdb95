//! The laws of overload (S1, S4, S7) in time that a test passes: a fake engine, callers who come as they like, no threads.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::door::{Door, Ticket};
use super::{Answer, Refused, ServiceSettings};
use crate::cache::CacheKey;
use crate::vector::Vector;

/// Bytes of a text of ten tokens.
const TEN_TOKENS: usize = 32;
const MS: Duration = Duration::from_millis(1);

/// A service without threads: workers take and finish batches as time passes.
struct House {
    door: Door,
    now: Instant,
    workers: Vec<Option<(Instant, Vec<super::batch::Job>)>>,
    /// Time that a token really takes, and a call.
    token: Duration,
    call: Duration,
    busy: Duration,
    embedded: Vec<CacheKey>,
    waiting: Vec<Waiting>,
    answered: u64,
    late: u64,
    refused: u64,
}

struct Waiting {
    key: CacheKey,
    flight: std::sync::Arc<super::flight::Flight>,
    until: Instant,
}

impl House {
    fn new(workers: usize, token: Duration, call: Duration) -> Self {
        let settings =
            ServiceSettings { workers: std::num::NonZeroUsize::new(workers), ..ServiceSettings::default() };
        Self {
            door: Door::new(&settings),
            now: Instant::now(),
            workers: (0..workers).map(|_| None).collect(),
            token,
            call,
            busy: Duration::ZERO,
            embedded: Vec::new(),
            waiting: Vec::new(),
            answered: 0,
            late: 0,
            refused: 0,
        }
    }

    /// Somebody asks; true if they wait now.
    fn ask(&mut self, number: u64, bytes: usize, patience: Duration) -> bool {
        let key = CacheKey::new("", &number.to_string());
        let until = self.now + patience;
        match self.door.admit(key, &"x".repeat(bytes), 0, self.now, Some(until)) {
            Ticket::Waits(flight) => {
                self.waiting.push(Waiting { key, flight, until });
                true
            }
            Ticket::Answered(Ok(_)) => {
                self.answered += 1;
                false
            }
            Ticket::Answered(Err(_)) => {
                self.refused += 1;
                false
            }
        }
    }

    /// Lets time pass, from one thing that happens to the next.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.work();
            self.hear();
            let batches = self.workers.iter().flatten().map(|(ends, _)| *ends);
            let waits = self.waiting.iter().map(|waiting| waiting.until);
            match batches.chain(waits).min().filter(|next| *next < end) {
                Some(next) => self.now = next,
                None => break,
            }
        }
        self.now = end;
    }

    fn work(&mut self) {
        for worker in 0..self.workers.len() {
            if let Some((_, jobs)) = self.workers[worker].take_if(|(ends, _)| *ends <= self.now) {
                let tokens = jobs.iter().map(|job| job.tokens).sum::<usize>();
                self.door.measured(tokens, self.time(tokens));
                for job in jobs {
                    let answer: Answer = Ok(Vector::normalized(vec![1.0]).unwrap().into());
                    self.door.finish(&job, &answer);
                    self.embedded.push(job.key);
                    job.flight.land(answer);
                }
                self.door.rested(worker);
            }
            if self.workers[worker].is_none() && !self.door.is_idle() {
                let jobs = self.door.take(worker, self.now);
                let time = self.time(jobs.iter().map(|job| job.tokens).sum());
                if !jobs.is_empty() {
                    self.busy += time;
                    self.workers[worker] = Some((self.now + time, jobs));
                }
            }
        }
    }

    fn time(&self, tokens: usize) -> Duration {
        self.call + self.token * tokens as u32
    }

    /// Everybody who waits looks for an answer, or is out of patience.
    fn hear(&mut self) {
        for waiting in std::mem::take(&mut self.waiting) {
            match waiting.flight.landed() {
                Some(Ok(_)) => self.answered += 1,
                Some(Err(_)) => self.late += 1,
                None if waiting.until <= self.now => match self.door.leave(waiting.key, &waiting.flight) {
                    Ok(_) => self.answered += 1,
                    Err(refused) => {
                        assert_eq!(refused, Refused::Deadline);
                        self.late += 1;
                    }
                },
                None => self.waiting.push(waiting),
            }
        }
    }

    /// Calls of ten tokens one after the other, so that the pace is known.
    fn warm_up(&mut self) {
        for number in 0..40 {
            self.ask(u64::MAX - number, TEN_TOKENS, MS * 100_000);
            self.pass(self.time(10) + MS);
        }
        (self.busy, self.answered, self.late, self.refused) = Default::default();
        self.embedded.clear();
    }

    /// Nobody is forgotten: each who waited got an answer or gave up.
    fn settle(&mut self) {
        self.pass(MS * 500);
        assert!(self.waiting.is_empty());
        assert_eq!(self.door.counters().queue_depth, 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// S1: with an engine that keeps its pace, whoever is taken in is answered in time, whatever else comes.
    #[test]
    fn s1_who_is_taken_in_is_answered_in_time(
        comes in prop::collection::vec((0_u64..3_000, 0_usize..2_000, 1_u64..80), 1..300),
        token_us in 5_u64..200,
    ) {
        let mut house = House::new(1, Duration::from_micros(token_us), Duration::ZERO);
        house.warm_up();
        for (number, (pause_us, bytes, patience_ms)) in (0..).zip(comes) {
            let is_at_leisure = house.workers[0].is_none() && house.door.is_idle();
            // A probe may be late; it is taken in for what it teaches.
            let tokens = (bytes / 4 + 2).min(256) as u32;
            let can_be = house.token * tokens < MS * patience_ms as u32;
            if can_be || !is_at_leisure {
                house.ask(number, bytes, MS * patience_ms as u32);
            }
            house.pass(Duration::from_micros(pause_us));
        }
        house.settle();
        prop_assert_eq!(house.late, 0, "{} answered, {} refused", house.answered, house.refused);
        prop_assert_eq!(house.door.counters().abandoned, 0);
    }

    /// S4: callers who leave when they like. What all have left is not embedded; nobody waits for ever.
    #[test]
    fn s4_what_nobody_waits_for_is_not_embedded(
        comes in prop::collection::vec((0_u64..2_000, 0_u64..30, any::<bool>()), 1..200),
    ) {
        let mut house = House::new(1, MS / 20, Duration::ZERO);
        house.warm_up();
        let mut left = Vec::new();
        for (pause_us, number, leaves) in comes {
            let number = number + 1_000 * left.len() as u64;
            if house.ask(number, 200, MS * 40) && leaves {
                let waiting = house.waiting.pop().unwrap();
                let is_last = !house.waiting.iter().any(|other| other.key == waiting.key);
                let is_running = house.workers[0].as_ref().is_some_and(|(_, jobs)| {
                    jobs.iter().any(|job| job.key == waiting.key)
                });
                assert_eq!(house.door.leave(waiting.key, &waiting.flight), Err(Refused::Deadline));
                if is_last && !is_running {
                    left.push(waiting.key);
                }
            }
            house.pass(Duration::from_micros(pause_us));
        }
        house.settle();
        prop_assert!(left.iter().all(|key| !house.embedded.contains(key)));
    }
}

/// The engine gets four times as slow: what was taken in and cannot be in time any more is not embedded, so that what
/// comes after is; and when it is quick again all of its pace is used again.
#[test]
fn s7_a_change_of_pace_is_learnt_both_ways() {
    let mut house = House::new(1, MS / 25, Duration::ZERO);
    house.warm_up();
    let mut number = 0;
    let mut second = |house: &mut House| {
        let before = (house.answered, house.embedded.len());
        for _ in 0..1_000 {
            for _ in 0..3 {
                house.ask(number, 200, MS * 40);
                number += 1;
            }
            house.pass(MS);
        }
        (house.answered - before.0, house.embedded.len() - before.1)
    };
    // 52 tokens of 40 us each: 480 texts a second.
    let (quick, _) = second(&mut house);
    assert!(quick > 430, "{quick}");
    house.token = MS / 6;
    let (slow, embedded) = second(&mut house);
    assert!(slow > 95, "{slow} of 115");
    // No more than wait when the pace changes.
    assert!(slow + 19 >= embedded as u64, "{} embedded for nobody", embedded as u64 - slow);
    house.token = MS / 25;
    second(&mut house);
    let (again, _) = second(&mut house);
    assert!(again > 430, "{again}");
}

/// An estimate that lets nobody in is not for ever: a free worker takes one text all the same.
#[test]
fn s1_a_stall_is_forgotten() {
    let mut house = House::new(1, MS * 100, Duration::ZERO);
    house.warm_up();
    house.token = MS / 25;
    let mut answered_last = 0;
    for number in 0..200 {
        let before = house.answered;
        house.ask(number, TEN_TOKENS, MS * 40);
        house.pass(MS * 2);
        answered_last = house.answered - before;
    }
    assert_eq!((answered_last, house.refused), (1, 0));
    let waits = (1_000..1_060).filter(|&number| house.ask(number, TEN_TOKENS, MS * 40)).count();
    assert_eq!(waits, 60, "a burst that takes 24 ms is taken in");
}

#[test]
fn s1_an_engine_that_hangs_is_seen_before_it_returns() {
    let mut house = House::new(1, MS / 25, Duration::ZERO);
    house.warm_up();
    house.token = MS * 100;
    assert!(house.ask(0, TEN_TOKENS, MS * 40));
    house.pass(MS * 30);
    assert!(!house.ask(1, TEN_TOKENS, MS * 25), "over its time for so long already");
    assert!(house.ask(2, TEN_TOKENS, MS * 60));
}

#[test]
fn s4_a_waiter_of_more_patience_keeps_a_text_in_the_queue() {
    let mut house = House::new(1, MS, Duration::ZERO);
    house.warm_up();
    house.token = MS * 5;
    assert!(house.ask(0, TEN_TOKENS, MS * 100));
    house.pass(MS);
    assert!(house.ask(1, TEN_TOKENS, MS * 25));
    assert!(house.ask(1, TEN_TOKENS, MS * 200), "joins");
    house.settle();
    assert_eq!((house.answered, house.late), (2, 1), "the first of both who wait for it is gone by then");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// S7 with S1: offered many times what it can do, the engine is busy, nearly all that it does is in time, and nearly
    /// all the others hear so at once.
    #[test]
    fn s7_goodput_under_overload_is_the_capacity(
        workers in 1_usize..4,
        token_us in 30_u64..120,
        call_us in 0_u64..500,
        offered in 2_u64..12,
        bytes in 40_usize..400,
    ) {
        let mut house = House::new(workers, Duration::from_micros(token_us), Duration::from_micros(call_us));
        house.warm_up();
        let capacity_us = token_us * (bytes as u64 / 4 + 2) / workers as u64;
        let mut number = 0;
        let ends = house.now + MS * 1_000;
        while house.now < ends {
            house.ask(number, bytes, MS * 40);
            number += 1;
            house.pass(Duration::from_micros((capacity_us / offered).max(20)));
        }
        house.settle();
        let busy = house.busy.as_secs_f64() / workers as f64;
        prop_assert!(busy > 0.93, "busy {busy}");
        prop_assert!(house.answered as f64 > 0.9 * house.embedded.len() as f64);
        prop_assert!(house.late as f64 <= 0.03 * house.answered as f64, "{} late, {} answered", house.late, house.answered);
        prop_assert_eq!(house.answered + house.late + house.refused, number);
    }
}
