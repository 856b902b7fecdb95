//! A reader: reads, finds and gets records anywhere in the log, and remembers all it saw.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use tidegate_domain::dedup::stream_hash;
use tidegate_domain::filter::Order;
use tidegate_domain::id::Position;
use tidegate_domain::ports::{EventLog, Stored};

use crate::client::PROJECT;
use crate::oracle::Oracle;
use crate::pause::Pause;
use crate::world::World;

/// Reads until dropped. A read that fails is tried another time.
pub(crate) async fn run(world: Arc<World>, log: Arc<dyn EventLog>, oracle: Rc<RefCell<Oracle>>) {
    loop {
        Pause(world.luck.below(4)).await;
        let records = look(&world, log.as_ref()).await;
        let tail = log.tail();
        let mut oracle = oracle.borrow_mut();
        if !records.is_sorted_by_key(|record| record.receipt.position)
            && !records.is_sorted_by(|a, b| a.receipt.position > b.receipt.position)
        {
            oracle.breaks("a page is out of order".into());
        }
        records.iter().for_each(|record| oracle.sees(record, tail));
    }
}

async fn look(world: &World, log: &dyn EventLog) -> Vec<Stored> {
    let luck = &world.luck;
    let from = Position(luck.below(log.tail().0 + 1));
    let order = if luck.below(2) == 0 { Order::Asc } else { Order::Desc };
    let page = match luck.below(4) {
        0 => log.read(from, 1000).await,
        1 => log.find(stream_hash(PROJECT, None), from, order, 7).await,
        2 => log.find(stream_hash(PROJECT, Some("shared")), from, order, 7).await,
        _ => {
            return log
                .get(&[from, Position(from.0 / 2)])
                .await
                .unwrap_or_default()
                .into_iter()
                .take(1)
                .collect();
        }
    };
    page.map(|page| page.records).unwrap_or_default()
}
