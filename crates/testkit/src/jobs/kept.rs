//! J1 and J2: what is kept, and that one key is one job.

use tidegate_domain::ports::{JobOutcome, NewJob};

use super::{Fixture, KIND, NOW, enqueue, job, lease, lease_one, numbers, retry, settle, stats};

/// J1: what waits, is held, is dead, is paused and was counted.
pub async fn what_was_answered_is_there_after_reopening<F: Fixture>() {
    let fixture = F::empty().await;
    let jobs = fixture.jobs();
    enqueue(jobs, &[job("done", 1), job("dead", 1), job("held", 1)], NOW).await;
    let leased = lease(jobs, 3, NOW).await;
    let of = |key: &str| leased.iter().find(|job| job.key == key).expect("it was leased");
    assert!(settle(jobs, of("done"), JobOutcome::Completed, NOW).await);
    assert!(settle(jobs, of("dead"), super::dead(), NOW).await);
    enqueue(jobs, &[job("waits", 7), job("held", 2)], NOW.plus_ms(1)).await;
    jobs.pause("other", true).await.expect("pause");
    let (before, dead) = (stats(jobs, NOW.plus_ms(1)).await, jobs.dead("p", None, 9).await.expect("dead"));

    let fixture = fixture.reopen().await;
    let jobs = fixture.jobs();
    assert_eq!(stats(jobs, NOW.plus_ms(1)).await, before);
    assert_eq!(numbers(jobs, NOW.plus_ms(1)).await, [2, 1, 0, 1, 1]);
    assert_eq!(jobs.dead("p", None, 9).await.expect("dead"), dead);
    let waits = lease_one(jobs, NOW.plus_ms(2)).await;
    let new = job("waits", 7);
    assert_eq!((waits.kind, waits.project, waits.key), (new.kind, new.project, new.key));
    assert_eq!((waits.version, waits.payload, waits.priority), (new.version, new.payload, new.priority));
    assert_eq!((waits.attempts, waits.enqueued_at), (1, NOW.plus_ms(1)));
    assert!(settle(jobs, of("held"), JobOutcome::Completed, NOW.plus_ms(2)).await, "it is held still");
    assert_eq!(lease_one(jobs, NOW.plus_ms(3)).await.version, 2);
}

/// J2: whether by one call or by several, and whatever comes first.
pub async fn of_one_key_one_waits<F: Fixture>() {
    let asked = [
        NewJob { priority: 3, run_at: NOW.plus_ms(5), ..job("k", 2) },
        NewJob { priority: 7, run_at: NOW.plus_ms(9), ..job("k", 1) },
        NewJob { priority: 1, run_at: NOW.plus_ms(7), payload: "\"later\"".to_owned(), ..job("k", 2) },
        NewJob { project: "q".to_owned(), ..job("k", 9) },
    ];
    for calls in [1, 2, 4] {
        let fixture = F::empty().await;
        let jobs = fixture.jobs();
        for (call, new) in asked.chunks(4 / calls).enumerate() {
            enqueue(jobs, new, NOW.plus_ms(call as i64)).await;
        }
        assert_eq!(numbers(jobs, NOW).await, [1, 0, 1, 0, 0], "{calls} calls");
        assert!(lease(jobs, 9, NOW.plus_ms(4)).await.iter().all(|job| job.project == "q"));
        let one = lease_one(jobs, NOW.plus_ms(5)).await;
        assert_eq!((one.version, &*one.payload), (2, "\"later\""), "{calls} calls");
        assert_eq!((one.priority, one.enqueued_at, one.attempts), (7, NOW, 1), "{calls} calls");
    }
}

/// J2: one more may wait beside a held one, and is leased after it.
pub async fn while_one_is_held_the_next_of_its_key_waits<F: Fixture>() {
    let fixture = F::empty().await;
    let jobs = fixture.jobs();
    enqueue(jobs, &[job("k", 1)], NOW).await;
    let first = lease_one(jobs, NOW).await;
    for version in [2, 3] {
        enqueue(jobs, &[job("k", version)], NOW.plus_ms(1)).await;
    }
    assert_eq!(numbers(jobs, NOW.plus_ms(1)).await, [1, 1, 0, 0, 0]);
    assert_eq!(lease(jobs, 9, NOW.plus_ms(2)).await, []);
    enqueue(jobs, &[job("other", 1)], NOW).await;
    assert_eq!(lease_one(jobs, NOW.plus_ms(2)).await.key, "other", "it keeps nobody else waiting");
    assert!(settle(jobs, &first, JobOutcome::Completed, NOW.plus_ms(3)).await);
    let second = lease_one(jobs, NOW.plus_ms(3)).await;
    assert_eq!((second.version, second.attempts, second.enqueued_at), (3, 1, NOW.plus_ms(1)));
    assert_ne!(second.id, first.id, "it is another job");
    assert!(settle(jobs, &second, super::dead(), NOW.plus_ms(4)).await);
    enqueue(jobs, &[job("k", 4)], NOW.plus_ms(5)).await;
    assert_eq!(lease_one(jobs, NOW.plus_ms(5)).await.version, 4, "a dead one is in nobody's way");
}

/// J2: after a failure, a deferral and a lease that ended.
pub async fn what_is_tried_again_becomes_one_with_what_came_meanwhile<F: Fixture>() {
    let later = NOW.plus_ms(50);
    let outcomes = [
        (Some(retry(later)), 2, later),
        (Some(JobOutcome::Deferred { run_at: later }), 1, later),
        (None, 2, NOW.plus_ms(super::TTL_MS)),
    ];
    for (outcome, attempts, due) in outcomes {
        for comes in [None, Some(1), Some(3), Some(4)] {
            let fixture = F::empty().await;
            let jobs = fixture.jobs();
            enqueue(jobs, &[job("k", 3)], NOW).await;
            let first = lease_one(jobs, NOW).await;
            if let Some(version) = comes {
                let payload = "\"meanwhile\"".to_owned();
                let new = NewJob { payload, run_at: due.plus_ms(5), priority: 9, ..job("k", version) };
                enqueue(jobs, &[new], NOW.plus_ms(1)).await;
            }
            if let Some(outcome) = outcome.clone() {
                assert!(settle(jobs, &first, outcome, NOW.plus_ms(2)).await);
            }
            assert_eq!(jobs.next_due(&[KIND]).await.expect("next"), Some(due));
            assert_eq!(lease(jobs, 9, due.plus_ms(-1)).await, []);
            let again = lease_one(jobs, due).await;
            let is_newer = comes.is_some_and(|version| version >= 3);
            assert_eq!(again.payload == "\"meanwhile\"", is_newer, "{comes:?}");
            assert_eq!(again.version, comes.unwrap_or(3).max(3));
            assert_eq!((again.attempts, again.enqueued_at), (attempts, NOW), "{outcome:?}, {comes:?}");
            assert_eq!(again.priority, if comes.is_some() { 9 } else { 5 });
            assert_eq!(numbers(jobs, due).await, [0, 1, 0, 0, 0]);
            assert!((again.id, again.lease) != (first.id, first.lease));
        }
    }
}
