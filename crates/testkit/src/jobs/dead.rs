//! J6: the dead letter.

use tidegate_domain::ports::{JobId, NewJob};

use super::{Fixture, KIND, NOW, TTL_MS, enqueue, job, lease, lease_one, numbers, settle};

/// J6: and then with no attempts behind it, as one with what waits.
pub async fn a_dead_job_is_leased_again_only_when_it_is_revived<F: Fixture>() {
    let fixture = F::empty().await;
    let jobs = fixture.jobs();
    enqueue(jobs, &[job("k", 2)], NOW).await;
    let first = lease_one(jobs, NOW).await;
    assert!(settle(jobs, &first, super::dead(), NOW.plus_ms(1)).await);
    let late = NOW.plus_ms(10 * TTL_MS);
    assert_eq!((lease(jobs, 9, late).await, numbers(jobs, late).await), (vec![], [0, 0, 0, 1, 0]));

    assert!(!jobs.revive("q", first.id, late).await.expect("revive"), "it is another project's");
    assert!(!jobs.revive("p", JobId(first.id.0 + 99), late).await.expect("revive"));
    assert!(jobs.revive("p", first.id, late).await.expect("revive"));
    assert!(!jobs.revive("p", first.id, late).await.expect("revive"), "it is not dead any longer");
    assert_eq!(lease(jobs, 9, late.plus_ms(-1)).await, []);
    let again = lease_one(jobs, late).await;
    assert_eq!((&*again.payload, again.version, again.attempts), (&*job("k", 2).payload, 2, 1));
    assert_eq!((again.priority, again.enqueued_at), (5, NOW));
    assert!(!settle(jobs, &first, super::dead(), late).await, "under the lease it died under");
    assert!(settle(jobs, &again, super::dead(), late).await);

    let new = NewJob { run_at: late.plus_ms(50), priority: 1, ..job("k", 1) };
    enqueue(jobs, &[new], late).await;
    assert!(jobs.revive("p", again.id, late.plus_ms(1)).await.expect("revive"));
    assert_eq!(numbers(jobs, late.plus_ms(1)).await, [1, 0, 0, 0, 0]);
    let merged = lease_one(jobs, late.plus_ms(1)).await;
    assert_eq!((merged.version, merged.priority, merged.enqueued_at), (2, 5, NOW));
    assert_eq!(jobs.dead("p", None, 9).await.expect("dead"), []);
    assert_eq!(jobs.next_due(&[KIND]).await.expect("next"), Some(late.plus_ms(1 + TTL_MS)));
}

/// J6: newest first, a page at a time, with all that is said of them.
pub async fn the_dead_are_listed_for_their_own_project<F: Fixture>() {
    let fixture = F::empty().await;
    let jobs = fixture.jobs();
    let of = |number: u64| NewJob {
        project: if number.is_multiple_of(3) { "q" } else { "p" }.to_owned(),
        ..job(&format!("k{number}"), number)
    };
    for number in 0..9 {
        enqueue(jobs, &[of(number)], NOW.plus_ms(number as i64)).await;
        let held = lease_one(jobs, NOW.plus_ms(20)).await;
        assert!(settle(jobs, &held, super::dead(), NOW.plus_ms(30 + number as i64)).await);
    }
    let (mut before, mut listed) = (None, Vec::new());
    loop {
        let page = jobs.dead("p", before, 2).await.expect("dead");
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2);
        before = Some(last.id);
        listed.extend(page);
    }
    let expected: Vec<_> = (0..9).rev().filter(|number| number % 3 != 0).collect();
    assert_eq!(listed.len(), expected.len());
    for (dead, number) in listed.iter().zip(expected) {
        let new = of(number);
        assert_eq!((&dead.kind, &dead.project, &dead.key), (&new.kind, &new.project, &new.key));
        assert_eq!((&dead.payload, dead.attempts, &*dead.error), (&new.payload, 1, "refused"));
        let times = (NOW.plus_ms(number as i64), NOW.plus_ms(30 + number as i64));
        assert_eq!((dead.enqueued_at, dead.failed_at), times);
    }
    assert_eq!(jobs.dead("q", None, 99).await.expect("dead").len(), 3);
    assert_eq!(jobs.dead("r", None, 99).await.expect("dead"), []);
}
