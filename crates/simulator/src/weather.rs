//! What a seed's disk, clock and process are like. Each fault is absent in about half of the seeds, so that the others
//! get room (swarm testing).

use tidegate_domain::ports::QueueLimits;
use tidegate_store_embedded::log::LogConfig;
use tidegate_testkit::world::SeededEntropy;

/// Rates are out of 10 000 disk calls or steps.
#[derive(Debug)]
pub(crate) struct Weather {
    /// The process dies in the middle of a disk call.
    pub(crate) death_in_call: u64,
    /// The process dies between two steps, wherever its tasks wait.
    pub(crate) death_between_steps: u64,
    /// Share of deaths, in percent, that are power cuts: what was not synced may be lost.
    pub(crate) power_cut_percent: u64,
    /// A write, a sync, a read, or a change of the directory fails.
    pub(crate) broken_write: u64,
    pub(crate) broken_sync: u64,
    pub(crate) broken_read: u64,
    pub(crate) broken_directory: u64,
    /// The disk is full from now on, for some calls.
    pub(crate) full: u64,
    /// A call takes long.
    pub(crate) slow: u64,
    /// The clock jumps.
    pub(crate) clock_jump: u64,
    /// Views refuse a call, or do it and say they did not.
    pub(crate) views_fail: u64,
    /// Share of power cuts, in percent, that take the newest commits of Views.
    pub(crate) views_lost_percent: u64,
    /// Share of restarts, in percent, at which a bit of a file has flipped.
    pub(crate) flip_percent: u64,
    /// Old segments are deleted, once this many steps.
    pub(crate) retention: u64,
    /// All records have one length, so that what one write left behind may look like part of another.
    pub(crate) is_uniform: bool,
    /// How the log is kept.
    pub(crate) log: LogConfig,
}

impl Weather {
    pub(crate) fn of(luck: &SeededEntropy) -> Self {
        let rate = |most: u64| if luck.below(2) == 0 { 0 } else { luck.below(most) + 1 };
        Self {
            death_in_call: rate(60),
            death_between_steps: rate(40),
            power_cut_percent: [0, 50, 100][luck.below(3) as usize],
            broken_write: rate(40),
            broken_sync: rate(40),
            broken_read: rate(60),
            broken_directory: rate(200),
            full: rate(60),
            slow: rate(500),
            clock_jump: rate(60),
            views_fail: rate(800),
            views_lost_percent: rate(100),
            // One seed in five: damage blunts the other checks.
            flip_percent: if luck.below(5) == 0 { 60 } else { 0 },
            // One seed in four: what is deleted cannot be checked any more.
            retention: if luck.below(4) == 0 { 300 } else { 0 },
            is_uniform: luck.below(3) == 0,
            log: log(luck),
        }
    }
}

/// Segments of a few records, so that the log rotates and seals all the time.
fn log(luck: &SeededEntropy) -> LogConfig {
    let one_of = |choices: &[u64]| choices[luck.below(choices.len() as u64) as usize];
    LogConfig {
        segment_first_bytes: one_of(&[2048, 4096, 5000, 16384]),
        segment_max_bytes: one_of(&[8192, 16384, 65536]),
        segment_max_records: one_of(&[8, 16, 64, 100_000]),
        spare_asked_at_part: one_of(&[1, 2, 8]),
        recent_max_bytes: one_of(&[300, 3000, 1 << 20]) as usize,
        queue: QueueLimits {
            depth_max: one_of(&[4, 20, 100_000]) as usize,
            bytes_max: one_of(&[2000, 64 << 20]) as usize,
            ..QueueLimits::default()
        },
    }
}
