//! J3, J4 and J5: who may lease what, and when.

use tidegate_domain::ports::{JobOutcome, NewJob, Settled};
use tidegate_domain::time::UnixMs;

use super::{Fixture, KIND, NOW, TTL_MS, as_settled, enqueue, job, lease, lease_one, numbers, retry, settle};

/// J3: until its end, and not a moment longer; by this handle or another.
pub async fn a_job_is_held_by_one_until_its_lease_ends<F: Fixture>() {
    let fixture = F::empty().await;
    let (jobs, other) = (fixture.jobs(), fixture.another().await);
    enqueue(jobs, &[job("k", 1)], NOW).await;
    let first = lease_one(jobs, NOW).await;
    let end = NOW.plus_ms(TTL_MS);
    assert_eq!(lease(&*other, 9, end.plus_ms(-1)).await, []);
    assert!(!settle(jobs, &first, JobOutcome::Completed, end).await, "nobody holds it at its end");
    let second = lease_one(&*other, end).await;
    assert_eq!((second.id, second.attempts), (first.id, 2));
    assert_ne!(second.lease, first.lease);
    for outcome in [JobOutcome::Completed, retry(NOW), JobOutcome::Deferred { run_at: NOW }, super::dead()] {
        assert!(!settle(jobs, &first, outcome, end.plus_ms(1)).await, "under the old lease");
    }
    let wrong = Settled { lease: second.lease + 1, ..as_settled(&second, JobOutcome::Completed) };
    assert_eq!(jobs.settle(&[wrong], end.plus_ms(1)).await.expect("settle"), 0);
    assert_eq!(numbers(jobs, end.plus_ms(1)).await, [0, 1, 0, 0, 0]);
    let twice = [as_settled(&second, JobOutcome::Completed), as_settled(&second, super::dead())];
    assert_eq!(jobs.settle(&twice, end.plus_ms(1)).await.expect("settle"), 1, "the first word counts");
    assert_eq!(numbers(jobs, end.plus_ms(1)).await, [0, 0, 0, 0, 1]);
}

/// J4: over two kinds, whatever was enqueued first, and a few at a time.
pub async fn higher_priority_goes_first_then_what_was_due_longest<F: Fixture>() {
    let new = |number: u64| NewJob {
        kind: if number.is_multiple_of(2) { KIND } else { "cot" }.to_owned(),
        priority: [0, 9, 4][number as usize % 3],
        run_at: NOW.plus_ms(-((number * 37 % 101) as i64)),
        ..job(&format!("k{number}"), number)
    };
    let mut expected: Vec<_> = (0..60).map(new).collect();
    let fixture = F::empty().await;
    let jobs = fixture.jobs();
    for part in expected.chunks(7) {
        enqueue(jobs, part, NOW).await;
    }
    expected.sort_by_key(|job| (std::cmp::Reverse(job.priority), job.run_at));
    let mut seen = Vec::new();
    for max in [1, 2, 0, 30, 60] {
        let leased = jobs.lease(&[KIND, "cot", "none", KIND], max, NOW, TTL_MS).await.expect("lease");
        assert!(leased.len() == max || max == 60);
        seen.extend(leased.into_iter().map(|job| job.key));
    }
    let expected: Vec<_> = expected.into_iter().map(|job| job.key).collect();
    assert_eq!(seen, expected);
}

/// J5, and that `next_due` says when something may be leased.
pub async fn nothing_is_leased_early_or_of_a_paused_kind<F: Fixture>() {
    let fixture = F::empty().await;
    let (jobs, other) = (fixture.jobs(), fixture.another().await);
    let next = async || jobs.next_due(&[KIND]).await.expect("next");
    assert_eq!(next().await, None);
    let due = NOW.plus_ms(10);
    enqueue(jobs, &[NewJob { run_at: due, ..job("k", 1) }], NOW).await;
    enqueue(jobs, &[NewJob { kind: "cot".to_owned(), ..job("k", 1) }], NOW).await;
    assert_eq!(next().await, Some(due));
    assert_eq!(numbers(jobs, due.plus_ms(-1)).await, [0, 0, 1, 0, 0]);
    assert_eq!(lease(jobs, 9, due.plus_ms(-1)).await, []);
    other.pause(KIND, true).await.expect("pause");
    assert_eq!((lease(jobs, 9, due).await, next().await), (vec![], None));
    assert_eq!(numbers(jobs, due).await, [1, 0, 0, 0, 0], "it waits");
    let stats = super::stats(jobs, due).await;
    let shown: Vec<_> = stats.iter().map(|of| (&*of.kind, of.is_paused, of.oldest_due_at)).collect();
    assert_eq!(shown, [("cot", false, Some(NOW)), (KIND, true, Some(due))]);
    other.pause(KIND, false).await.expect("pause");
    assert_eq!(next().await, Some(due));
    let held = lease_one(jobs, due).await;
    assert_eq!(next().await, Some(due.plus_ms(TTL_MS)), "when its lease ends");
    enqueue(jobs, &[job("k", 2)], due).await;
    assert_eq!(next().await, Some(due.plus_ms(TTL_MS)), "the next of its key waits for it");
    assert!(settle(jobs, &held, retry(UnixMs(i64::MAX)), due).await);
    assert_eq!(next().await, Some(NOW), "when either wanted to run");
}
