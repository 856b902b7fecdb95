//! L4, D1, D2, D4: one key, or one fingerprint within its window, is stored once.

use std::sync::Arc;

use tidegate_domain::id::Position;
use tidegate_domain::ports::Appended;
use tokio::task::JoinSet;

use super::Fixture;
use super::sent::{Sent, append, append_one, read_all, store, stored};

/// Tasks that send the same at once.
const TASKS: usize = 64;

/// **D1** the same key with the same body is answered with the first receipt: in its batch, later, after a restart.
pub async fn the_same_key_gets_the_first_receipt(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let record = Sent::new("a").key(1, 7);
    let outcomes = append(&*log, &[record.clone(), record.clone()]).await;
    let first = stored(outcomes[0]);
    assert_eq!(outcomes[1], Appended::Duplicate(first));
    assert_eq!(append_one(&*log, &record).await, Appended::Duplicate(first));
    for number in 10..60 {
        store(&*log, Sent::new(vec![0; 50]).key(number, 0)).await;
    }
    let log = fixture.reopen(log).await;
    assert_eq!(append_one(&*log, &record).await, Appended::Duplicate(first));
    assert_eq!(log.tail(), Position(51));
}

/// **D2** the same key with another body is refused with the first receipt, and nothing is stored.
pub async fn the_same_key_with_another_body_is_refused(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let first = store(&*log, Sent::new("a").key(1, 7).fingerprint(1, 1000)).await;
    let other = Sent::new("b").key(1, 8).fingerprint(2, 1000);
    assert_eq!(append_one(&*log, &other).await, Appended::KeyReused(first));
    let log = fixture.reopen(log).await;
    assert_eq!(append_one(&*log, &other).await, Appended::KeyReused(first));
    assert_eq!(read_all(&*log, 1000).await.len(), 1);
    // What was refused left no fingerprint either.
    store(&*log, Sent { key: None, ..other }).await;
}

/// **D4** the same fingerprint is a duplicate until its window has passed; at its edge it is a new event.
pub async fn a_fingerprint_is_recognised_within_its_window(fixture: &dyn Fixture) {
    let mut log = fixture.open().await;
    let record = Sent::new("a").fingerprint(1, 1000);
    let mut first = store(&*log, record.clone()).await;
    for _ in 0..3 {
        for step in [1, 998] {
            fixture.clock().advance_ms(step);
            assert_eq!(append_one(&*log, &record).await, Appended::Duplicate(first), "inside the window");
            log = fixture.reopen(log).await;
        }
        fixture.clock().advance_ms(1);
        first = store(&*log, record.clone()).await;
    }
    // The window is the sender's at hand: a longer one reaches back further, to the newest; none recognises nothing.
    fixture.clock().advance_ms(1500);
    let longer = Sent::new("a").fingerprint(1, 1501);
    assert_eq!(append_one(&*log, &longer).await, Appended::Duplicate(first));
    store(&*log, Sent::new("a").fingerprint(1, 0)).await;
}

/// **D4** a record that is a duplicate by its fingerprint does not leave its key behind (D3).
pub async fn a_duplicate_leaves_no_key_behind(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let first = store(&*log, Sent::new("a").fingerprint(1, 1000)).await;
    let keyed = Sent::new("a").key(1, 1).fingerprint(1, 1000);
    assert_eq!(append_one(&*log, &keyed).await, Appended::Duplicate(first));
    store(&*log, Sent::new("b").key(1, 2)).await;
}

/// **L4** of many tasks with one key one stores; all others get its receipt, once it is readable.
pub async fn one_key_from_many_tasks_is_stored_once(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    for key in 0..5 {
        let mut tasks = JoinSet::new();
        for _ in 0..TASKS {
            let log = Arc::clone(&log);
            tasks.spawn(async move {
                let outcome = append_one(&*log, &Sent::new("same").key(key, 1)).await;
                let (Appended::Stored(receipt) | Appended::Duplicate(receipt)) = outcome else {
                    panic!("{outcome:?}")
                };
                let found = log.get(&[receipt.position]).await.expect("the log can be read");
                assert_eq!(found[0].receipt, receipt, "an answer before its record can be read");
                outcome
            });
        }
        let outcomes = tasks.join_all().await;
        let winners: Vec<_> = outcomes.iter().filter(|o| matches!(o, Appended::Stored(_))).collect();
        assert_eq!(winners.len(), 1);
        let first = stored(*winners[0]);
        let losers = outcomes.iter().filter(|o| **o == Appended::Duplicate(first)).count();
        assert_eq!(losers, TASKS - 1, "a duplicate of another record");
    }
    assert_eq!(read_all(&*log, 1000).await.len(), 5);
}
