//! A seed from its first life to the check of the laws.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use crate::check::check;
use crate::disk::flip_a_bit;
use crate::life::Machine;
use crate::memory_disk::MemoryDisk;
use crate::oracle::Oracle;
use crate::views::ViewsFolder;
use crate::world::World;

/// What a seed went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Fingerprint of its history: the same on every run.
    pub history: u64,
    /// Simulated time, in ms, jumps of the clock not counted.
    pub passed_ms: u64,
    /// Calls of the disk.
    pub disk_calls: u64,
    /// Faults, deaths and jumps.
    pub faults: u64,
    /// Processes.
    pub lives: u64,
    /// Events acknowledged.
    pub acked: u64,
    /// True if damage to its files made the log refuse to start, which ends the seed.
    pub refused: bool,
}

/// A law that a seed broke.
#[derive(Debug, thiserror::Error)]
#[error("seed {seed}: {law}")]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The law, and how it was broken.
    pub law: String,
}

/// Runs a seed; `show` is given its history, line by line. Cost: some ten milliseconds, without optimisation.
pub fn simulate(seed: u64, show: Option<fn(&str)>) -> Result<Report, Failure> {
    let broken = |law| Failure { seed, law };
    match catch_unwind(AssertUnwindSafe(|| run(seed, show))) {
        Ok(Ok(report)) => Ok(report),
        Ok(Err(error)) => Err(broken(format!("{error:#}"))),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("?");
            Err(broken(format!("a panic: {text}")))
        }
    }
}

fn run(seed: u64, show: Option<fn(&str)>) -> anyhow::Result<Report> {
    let world = Arc::new(World::new(seed, show));
    let oracle = Rc::new(RefCell::new(Oracle::default()));
    let mut machine = Machine {
        world: Arc::clone(&world),
        disk: MemoryDisk::default(),
        files: Arc::default(),
        views: ViewsFolder::new()?,
        oracle: Rc::clone(&oracle),
    };
    let lives = world.luck.below(5) + 2;
    for _ in 1..lives {
        // Some die young: before their tasks have written anything over what the one before has left.
        let steps = if world.luck.below(4) == 0 { world.luck.below(20) } else { world.luck.below(700) + 50 };
        if let Err(error) = machine.live(Some(steps)) {
            world.note(format_args!("no start: {error:#}"));
        }
        if let Some(broken) = oracle.borrow_mut().broken.take() {
            anyhow::bail!(broken.0);
        }
        restart(&mut machine)?;
    }
    world.calm();
    let refused = match machine.live(None).and_then(|()| check(&machine)) {
        // A log whose files were damaged by more than a crash may ask for a person.
        Err(error) if world.is_damaged() && error.root_cause().to_string().contains("segment") => {
            world.note(format_args!("damaged: {error:#}"));
            true
        }
        done => done.map(|()| false)?,
    };
    if let Some(broken) = oracle.borrow_mut().broken.take() {
        anyhow::bail!(broken.0);
    }
    let (history, passed_ms, disk_calls, faults) = world.totals();
    let acked = oracle.borrow().events.values().filter(|told| !told.receipts.is_empty()).count() as u64;
    Ok(Report { history, passed_ms, disk_calls, faults, lives, acked, refused })
}

/// What lies between two lives.
fn restart(machine: &mut Machine) -> anyhow::Result<()> {
    let world = &machine.world;
    if world.luck.below(100) < world.weather.power_cut_percent {
        world.fault(format_args!("the power is cut"));
        machine.disk = machine.disk.after_power_loss(&world.luck);
        if world.luck.below(100) < world.weather.views_lost_percent {
            world.note(format_args!("views lose their newest commits"));
            machine.views.lose_newest()?;
        }
    } else {
        machine.disk = machine.disk.copy();
    }
    if world.luck.below(100) < world.weather.flip_percent {
        flip_a_bit(&machine.disk, &machine.files, world);
        machine.oracle.borrow_mut().is_damaged = world.is_damaged();
    }
    world.pass(world.luck.below(100_000));
    world.revive();
    Ok(())
}
