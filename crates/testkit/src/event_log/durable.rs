//! L1, L2, L5: what is acknowledged stays, what is refused leaves nothing.

use tidegate_domain::ports::Appended;

use super::Fixture;
use super::sent::{Sent, append, append_one, batch, read_all, store};

/// **L1** what was acknowledged is there after a restart, byte for byte and under the same receipt.
pub async fn what_was_stored_survives_a_restart(fixture: &dyn Fixture) {
    let mut log = fixture.open().await;
    let mut receipts = Vec::new();
    for number in 0..40u64 {
        let body = vec![number as u8; number as usize * 7 % 90];
        receipts.push(store(&*log, Sent::new(body).key(number, number).session(number % 3)).await);
        if number % 16 == 15 {
            log = fixture.reopen(log).await;
        }
    }
    let read = read_all(&*log, 300).await;
    assert_eq!(read.iter().map(|r| r.receipt).collect::<Vec<_>>(), receipts);
    for (number, record) in read.iter().enumerate() {
        assert_eq!(record.bytes, vec![number as u8; number * 7 % 90]);
    }
}

/// **L1** a duplicate's answer promises the first record as much as its own answer did.
pub async fn what_was_a_duplicate_survives_a_restart(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let record = Sent::new("a").key(1, 1);
    let first = store(&*log, record.clone()).await;
    assert_eq!(append_one(&*log, &record).await, Appended::Duplicate(first));
    let log = fixture.reopen(log).await;
    assert_eq!(read_all(&*log, 1).await[0].receipt, first);
}

/// **L2** of a batch that failed half-way nothing is readable, before and after a restart.
pub async fn a_batch_that_failed_is_not_there_in_part(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let before = store(&*log, Sent::new("before")).await;
    let records = (0..8).map(|n| Sent::new(vec![n; 60]).key(u64::from(n), 0)).collect::<Vec<_>>();
    if !fixture.break_next_append() {
        return;
    }
    log.append(batch(&records)).await.expect_err("the fixture broke it");
    assert_eq!(log.tail(), before.position.next());
    assert_eq!(read_all(&*log, 1000).await.len(), 1);
    let log = fixture.reopen(log).await;
    assert_eq!(read_all(&*log, 1000).await.len(), 1);
}

/// **L5**, **D3** of a batch that was refused nothing is remembered: it may be sent again as if it were new.
pub async fn a_refused_batch_may_be_sent_again_as_new(fixture: &dyn Fixture) {
    let log = fixture.open().await;
    let records = [Sent::new("a").key(1, 1), Sent::new("b").fingerprint(1, 60_000), Sent::new("c").key(2, 1)];
    for _ in 0..3 {
        if !fixture.break_next_append() {
            return;
        }
        log.append(batch(&records)).await.expect_err("the fixture broke it");
        fixture.wait_out_refusal();
    }
    let outcomes = append(&*log, &records).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Appended::Stored(_))), "{outcomes:?}");
    let log = fixture.reopen(log).await;
    assert_eq!(read_all(&*log, 1000).await.len(), records.len());
}
