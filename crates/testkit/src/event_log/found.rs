//! L7: records are found by project and session, in either direction, page by page; and by position.

use tidegate_domain::filter::Order;
use tidegate_domain::id::Position;
use tidegate_domain::ports::EventLog;

use super::Fixture;
use super::sent::{PROJECT, Sent, append};

/// **L7** `find` yields every record of a stream and no other of ours, in order, in pages of any size.
pub async fn every_record_of_a_stream_is_found(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let project = |n: u64| if n.is_multiple_of(5) { 1000 } else { PROJECT };
    for chunk in (0..90u64).collect::<Vec<_>>().chunks(9) {
        let records = chunk.iter().map(|n| Sent::new(vec![1; 20]).project(project(*n)).session(n % 7));
        append(&*log, &records.collect::<Vec<_>>()).await;
    }
    let log = fixture.reopen(log).await;
    for max in [1, 4, 1000] {
        for stream in [1000, PROJECT, 0, 3, 6] {
            let mut expected: Vec<u64> =
                (0..90).filter(|n| project(*n) == stream || n % 7 == stream).collect();
            assert_eq!(found(&*log, stream, 0, Order::Asc, max).await, expected);
            expected.reverse();
            assert_eq!(found(&*log, stream, u64::MAX, Order::Desc, max).await, expected);
        }
    }
    assert!(found(&*log, 12345, 0, Order::Asc, 5).await.is_empty(), "a stream that nobody wrote");
    assert_eq!(found(&*log, 3, 10, Order::Asc, 2).await[0], 10);
    assert_eq!(found(&*log, 3, 9, Order::Desc, 2).await, [3]);
}

/// **L7** a record whose session has its project's hash is found once.
pub async fn one_hash_for_project_and_session_is_found_once(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    append(&*log, &[Sent::new("a").session(PROJECT), Sent::new("b").session(PROJECT)]).await;
    assert_eq!(found(&*log, PROJECT, 0, Order::Asc, 1).await, [0, 1]);
    let log = fixture.reopen(log).await;
    assert_eq!(found(&*log, PROJECT, u64::MAX, Order::Desc, 1).await, [1, 0]);
}

/// `get` brings the records asked for in the order asked for, and leaves out those that are not there.
pub async fn records_are_found_by_position(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    for number in 0..50u8 {
        append(&*log, &[Sent::new(vec![number; 40])]).await;
    }
    let asked = [49, 0, 17, 50, u64::MAX, 17].map(Position);
    for _ in 0..2 {
        let got = log.get(&asked).await.expect("the log can be read");
        assert_eq!(got.iter().map(|r| r.receipt.position.0).collect::<Vec<_>>(), [49, 0, 17, 17]);
        assert!(got.iter().all(|r| r.bytes == vec![r.receipt.position.0 as u8; 40]));
    }
    let log = fixture.reopen(log).await;
    assert_eq!(log.get(&asked).await.expect("the log can be read").len(), 4);
    assert!(log.get(&[]).await.expect("the log can be read").is_empty());
}

/// The positions of a stream, read page by page.
pub(super) async fn found(log: &dyn EventLog, stream: u64, from: u64, order: Order, max: usize) -> Vec<u64> {
    let (mut positions, mut from) = (Vec::new(), Position(from));
    loop {
        let page = log.find(stream, from, order, max).await.expect("the log can be read");
        assert!(page.records.len() <= max);
        positions.extend(page.records.iter().map(|r| r.receipt.position.0));
        let Some(next) = page.next else { return positions };
        let goes_on = positions.last().is_none_or(|last| match order {
            Order::Asc => next.0 > *last,
            Order::Desc => next.0 < *last,
        });
        assert!(goes_on, "the page after {positions:?} starts at {next}");
        from = next;
    }
}
