//! What everything in a seed shares: luck, time, history, and whether the process is alive.

use std::fmt::Arguments;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_testkit::world::{ManualClock, SeededEntropy};

use crate::weather::Weather;

/// A day and a year in ms.
const DAY_MS: i64 = 86_400_000;
const YEAR_MS: i64 = 365 * DAY_MS;

/// One seed's world.
pub(crate) struct World {
    pub(crate) luck: SeededEntropy,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) weather: Weather,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_dead: bool,
    is_calm: bool,
    full_for_calls: u64,
    passed_ms: u64,
    calls: u64,
    faults: u64,
    history: u64,
    show: Option<fn(&str)>,
    damaged: bool,
}

/// What becomes of a disk call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is done.
    Done,
    /// It fails with this error of the system, and nothing is done.
    Refused(i32),
    /// It fails half-way.
    Half(i32),
    /// It is done, and an error is reported.
    DoneAndFailed(i32),
    /// The process dies half-way.
    Death,
}

/// Kinds of disk calls, by what fails in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Read,
    Write,
    Sync,
    Directory,
}

const BROKEN: i32 = 5;
const NO_SPACE: i32 = 28;

impl World {
    pub(crate) fn new(seed: u64, show: Option<fn(&str)>) -> Self {
        let luck = SeededEntropy::new(seed);
        let weather = Weather::of(&luck);
        let world = Self {
            luck,
            clock: Arc::default(),
            weather,
            state: Mutex::new(State { show, ..State::default() }),
        };
        world.note(format_args!("seed {seed}: {:?}", world.weather));
        world
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True with a chance of `rate` in 10 000.
    pub(crate) fn happens(&self, rate: u64) -> bool {
        rate > 0 && !self.state().is_calm && self.luck.below(10_000) < rate
    }

    /// Adds a line to the history.
    pub(crate) fn note(&self, line: Arguments<'_>) {
        let text = line.to_string();
        let mut state = self.state();
        // FNV-1a: the history's fingerprint, by which two runs of a seed are compared.
        for byte in text.bytes() {
            state.history = (state.history ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if let Some(show) = state.show {
            show(&format!("{:>12} {text}", state.passed_ms));
        }
    }

    /// Lets time pass. The clock shows it, unless it jumps.
    pub(crate) fn pass(&self, ms: u64) {
        self.clock.advance_ms(ms as i64);
        self.state().passed_ms += ms;
        if self.happens(self.weather.clock_jump) {
            let jumps = [-DAY_MS, YEAR_MS, -YEAR_MS, -1000, 1000, -1, DAY_MS];
            let jump = jumps[self.luck.below(jumps.len() as u64) as usize];
            self.clock.advance_ms(jump);
            self.fault(format_args!("the clock jumps by {jump} ms"));
        }
    }

    /// Notes a fault.
    pub(crate) fn fault(&self, line: Arguments<'_>) {
        self.state().faults += 1;
        self.note(line);
    }

    /// Decides a disk call.
    pub(crate) fn fate(&self, call: Call, name: &str) -> Fate {
        let fate = self.decide(call);
        self.state().calls += 1;
        match fate {
            Fate::Done => self.note(format_args!("{call:?} {name}")),
            Fate::Refused(_) if self.is_dead() => {}
            _ => self.fault(format_args!("{call:?} {name}: {fate:?}")),
        }
        fate
    }

    fn decide(&self, call: Call) -> Fate {
        if self.is_dead() {
            return Fate::Refused(BROKEN);
        }
        if self.happens(self.weather.slow) {
            self.pass(self.luck.below(3000));
        }
        if self.happens(self.weather.death_in_call) {
            self.state().is_dead = true;
            return Fate::Death;
        }
        if call == Call::Write && self.is_full() {
            return if self.luck.below(2) == 0 { Fate::Refused(NO_SPACE) } else { Fate::Half(NO_SPACE) };
        }
        let rate = match call {
            Call::Read => self.weather.broken_read,
            Call::Write => self.weather.broken_write,
            Call::Sync => self.weather.broken_sync,
            Call::Directory => self.weather.broken_directory,
        };
        if !self.happens(rate) {
            return Fate::Done;
        }
        [Fate::Refused(BROKEN), Fate::Half(BROKEN), Fate::DoneAndFailed(BROKEN)][self.luck.below(3) as usize]
    }

    fn is_full(&self) -> bool {
        if self.happens(self.weather.full) {
            self.state().full_for_calls = self.luck.below(30) + 1;
        }
        let mut state = self.state();
        let is_full = state.full_for_calls > 0 && !state.is_calm;
        state.full_for_calls = state.full_for_calls.saturating_sub(1);
        is_full
    }

    /// Ends the process.
    pub(crate) fn die(&self) {
        self.state().is_dead = true;
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.state().is_dead
    }

    /// Starts another process.
    pub(crate) fn revive(&self) {
        let mut state = self.state();
        (state.is_dead, state.full_for_calls) = (false, 0);
    }

    /// From here on nothing fails any more.
    pub(crate) fn calm(&self) {
        self.state().is_calm = true;
    }

    /// Says that a file was damaged by more than a crash.
    pub(crate) fn damage(&self) {
        self.state().damaged = true;
    }

    pub(crate) fn is_damaged(&self) -> bool {
        self.state().damaged
    }

    /// Fingerprint of the history, simulated ms, disk calls, faults.
    pub(crate) fn totals(&self) -> (u64, u64, u64, u64) {
        let state = self.state();
        (state.history, state.passed_ms, state.calls, state.faults)
    }
}
