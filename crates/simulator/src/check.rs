//! The laws, checked on what a calm process finds after the last crash.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use tidegate_domain::dedup::stream_hash;
use tidegate_domain::filter::Order;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{EventLog, LogError, QuarantinedRange, Stored, Views};
use tidegate_engine::pipeline::{Parts, Pipeline, WholeLog};
use tidegate_screening::{Settings, TextScreener};

use crate::client::PROJECT;
use crate::life::{Deaf, Machine, wait_for};
use crate::oracle::{Oracle, marker};
use crate::views::{HALF_LIFE, ViewsFolder};

/// All that is in the log.
struct Found {
    records: BTreeMap<Position, Stored>,
    /// Positions by marker.
    places: BTreeMap<String, Vec<Position>>,
    /// First position that retention has kept.
    first: Position,
    damaged: Vec<QuarantinedRange>,
    /// False if any bit ever flipped, be it in what was deleted since.
    is_sound: bool,
}

/// Checks the laws; the first broken one is the error.
pub(crate) fn check(machine: &Machine) -> anyhow::Result<()> {
    let (log, _steps) = machine.open()?;
    let found = read_all(log.as_ref(), !machine.world.is_damaged())?;
    let oracle = machine.oracle.borrow();
    ensure!(
        machine.world.is_damaged() || found.damaged.is_empty(),
        "damage without a flip: {:?}",
        found.damaged
    );
    durable(&oracle, &found)?;
    once(&oracle, &found)?;
    whole(&oracle, &found)?;
    streams(log.as_ref(), &found)?;
    if found.is_sound {
        ordered(&oracle)?;
    }
    if found.is_all() {
        rebuilt(machine, &log)?;
    }
    Ok(())
}

/// Checks what a new process finds, before anything is sent again: a retry would complete half a batch.
pub(crate) fn check_start(machine: &Machine, log: &dyn EventLog) {
    let mut oracle = machine.oracle.borrow_mut();
    let checked = read_all(log, !machine.world.is_damaged()).and_then(|found| {
        durable(&oracle, &found)?;
        whole(&oracle, &found)?;
        Ok(found)
    });
    match checked {
        // Whoever reads now sees all of it.
        Ok(found) => found.records.values().for_each(|record| oracle.sees(record, log.tail())),
        // A read that fails is no breach.
        Err(error) if error.is::<LogError>() => {}
        Err(law) => oracle.breaks(format!("at a start: {law:#}")),
    }
}

fn read_all(log: &dyn EventLog, is_sound: bool) -> anyhow::Result<Found> {
    let first = log.first();
    let (mut records, mut from) = (BTreeMap::new(), first);
    while from < log.tail() {
        let page = wait_for(log.read(from, 5000))??;
        records.extend(page.records.into_iter().map(|record| (record.receipt.position, record)));
        from = page.next.context("a read says where to go on")?;
    }
    let damaged = log.status().quarantined;
    for position in (first.0..log.tail().0).map(Position) {
        let is_known = records.contains_key(&position) || is_in(&damaged, position);
        ensure!(is_known, "L3: position {position} is missing");
    }
    let times: Vec<_> = records.values().map(|record| record.receipt.recorded_at).collect();
    ensure!(times.is_sorted(), "L6: recorded_at goes back");
    let mut places: BTreeMap<String, Vec<Position>> = BTreeMap::new();
    for (position, record) in &records {
        let marker =
            marker(record).with_context(|| format!("the record at {position} is none that was sent"))?;
        places.entry(marker).or_default().push(*position);
    }
    Ok(Found { records, places, first, damaged, is_sound })
}

impl Found {
    /// True if nothing was damaged or deleted.
    fn is_all(&self) -> bool {
        self.is_sound && self.first == Position(0)
    }
}

fn is_in(ranges: &[QuarantinedRange], position: Position) -> bool {
    ranges.iter().any(|range| (range.from..range.to).contains(&position))
}

/// L1: what was acknowledged, or seen by a reader, is there.
fn durable(oracle: &Oracle, found: &Found) -> anyhow::Result<()> {
    let acked = oracle.events.values().flat_map(|told| {
        told.receipts.iter().map(|receipt| (*receipt, told.planned.marker.clone(), "acknowledged"))
    });
    let seen = oracle.seen.values().map(|(receipt, marker)| (*receipt, marker.clone(), "seen"));
    for (receipt, expected, how) in acked.chain(seen) {
        match found.records.get(&receipt.position) {
            Some(record) => {
                let is_same = record.receipt == receipt && marker(record).as_ref() == Some(&expected);
                ensure!(is_same, "L1: {expected}, {how} as {receipt:?}, reads back as {:?}", record.receipt);
            }
            None if is_in(&found.damaged, receipt.position) || receipt.position < found.first => {}
            None => bail!("L1: {expected} was {how} at {} and is gone", receipt.position),
        }
    }
    Ok(())
}

/// L4: an event with a key is there once; another at most as often as it was sent, and never twice in its window.
fn once(oracle: &Oracle, found: &Found) -> anyhow::Result<()> {
    for (marker, places) in &found.places {
        let told = oracle.events.get(marker).with_context(|| format!("nobody sent {marker}"))?;
        let at_most = if told.planned.has_key && found.is_sound { 1 } else { told.attempts };
        ensure!(places.len() <= at_most, "L4: {marker} is there {} times: {places:?}", places.len());
        let times: Vec<_> = places.iter().map(|place| found.records[place].receipt.recorded_at.0).collect();
        let window = i64::from(told.planned.window_ms);
        let apart = times.windows(2).all(|pair| pair[1] - pair[0] > window);
        ensure!(window == 0 || apart || !found.is_all(), "D4: {marker} twice in its window: {times:?}");
    }
    Ok(())
}

/// L2: a batch is there whole or not at all.
fn whole(oracle: &Oracle, found: &Found) -> anyhow::Result<()> {
    for batch in oracle.batches.iter().filter(|_| found.is_all()) {
        let there = batch.iter().filter(|marker| found.places.contains_key(*marker)).count();
        ensure!(there == 0 || there == batch.len(), "L2: {there} of the batch {batch:?}");
    }
    Ok(())
}

/// The events of one client, sent one after the other's ack, lie in that order.
fn ordered(oracle: &Oracle) -> anyhow::Result<()> {
    let keyed: BTreeSet<_> = oracle
        .events
        .values()
        .filter(|told| told.planned.has_key)
        .flat_map(|told| told.receipts.iter().map(|receipt| receipt.position))
        .collect();
    for (client, receipts) in &oracle.acks {
        let places: Vec<_> =
            receipts.iter().map(|r| r.position).filter(|place| keyed.contains(place)).collect();
        ensure!(places.is_sorted(), "order: client {client} was answered {places:?}");
    }
    Ok(())
}

/// L7: each stream yields exactly its records, in either direction.
fn streams(log: &dyn EventLog, found: &Found) -> anyhow::Result<()> {
    let all: Vec<_> = found.records.keys().copied().collect();
    for order in [Order::Asc, Order::Desc] {
        let mut places = find_all(log, stream_hash(PROJECT, None), order)?;
        if order == Order::Desc {
            places.reverse();
        }
        ensure!(places == all, "L7: {order:?} finds {} of {} records", places.len(), all.len());
    }
    Ok(())
}

fn find_all(log: &dyn EventLog, stream: u64, order: Order) -> anyhow::Result<Vec<Position>> {
    let mut places = Vec::new();
    let mut from = Some(if order == Order::Asc { Position(0) } else { log.tail() });
    while let Some(at) = from {
        let page = wait_for(log.find(stream, at, order, 9))??;
        places.extend(page.records.iter().map(|record| record.receipt.position));
        from = page.next;
    }
    Ok(places)
}

/// V1, V5: Views after all crashes are Views folded anew, byte for byte.
fn rebuilt(machine: &Machine, log: &Arc<dyn EventLog>) -> anyhow::Result<()> {
    let folder = ViewsFolder::new()?;
    let rebuilt = Arc::new(folder.open()?);
    let views: Arc<dyn Views> = rebuilt.clone();
    let screener = Arc::new(TextScreener::new(&Settings::default())?);
    let pipeline = Pipeline::open(Parts {
        feed: Arc::new(WholeLog(Arc::clone(log))),
        views,
        screener,
        labels: None,
        trigger: None,
        observer: Arc::new(Deaf),
        half_life: HALF_LIFE,
        batch_max_bytes: 1 << 20,
    });
    let mut pipeline = wait_for(pipeline)??;
    wait_for(pipeline.catch_up(|_| ()))?.map_err(|error| anyhow::anyhow!(error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (lived, anew) = runtime
        .block_on(async { anyhow::Ok((machine.views.open()?.dump().await?, rebuilt.dump().await?)) })?;
    if lived != anew {
        let differing = lived.iter().zip(&anew).find(|(lived, anew)| lived != anew);
        bail!("V1: views differ from a rebuild ({} and {} rows): {differing:?}", lived.len(), anew.len());
    }
    Ok(())
}
