//! J2 and J3 where several handles work on one store at once, as processes would.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tidegate_domain::ports::{JobOutcome, Jobs, LeasedJob};
use tokio::task::JoinSet;

use super::{Fixture, KIND, NOW, as_settled, enqueue, job, lease, numbers, retry};
use crate::world::SeededEntropy;

const HANDLES: u64 = 4;
const MANY: usize = 300;

async fn handles<F: Fixture>(fixture: &F) -> Vec<Arc<dyn Jobs>> {
    let mut handles: Vec<Arc<dyn Jobs>> = Vec::new();
    for _ in 0..HANDLES {
        handles.push(Arc::from(fixture.another().await));
    }
    handles
}

/// J3: every job is leased, and none by two.
pub async fn handles_never_hold_the_same_job<F: Fixture>() {
    let fixture = F::empty().await;
    let new: Vec<_> = (0..MANY).map(|number| job(&format!("k{number}"), 1)).collect();
    enqueue(fixture.jobs(), &new, NOW).await;
    let mut workers = JoinSet::new();
    for jobs in handles(&fixture).await {
        workers.spawn(async move {
            let mut held = Vec::new();
            // Of a few that another one holds at this moment, this one may see none.
            while numbers(&*jobs, NOW).await[0] > 0 {
                held.extend(lease(&*jobs, 7, NOW).await);
            }
            held
        });
    }
    let held: Vec<LeasedJob> = workers.join_all().await.into_iter().flatten().collect();
    let keys: HashSet<_> = held.iter().map(|job| &job.key).collect();
    assert_eq!((held.len(), keys.len()), (MANY, MANY));
    assert_eq!(numbers(fixture.jobs(), NOW).await, [0, MANY as u64, 0, 0, 0]);
}

/// Versions of keys.
type Versions = Vec<(String, u64)>;

/// What one handle does: enqueues versions of a few keys, leases, settles. Gives what it enqueued and completed.
async fn work(jobs: Arc<dyn Jobs>, number: u64) -> (Versions, Versions) {
    let (chance, mut enqueued, mut completed) = (SeededEntropy::new(number), Vec::new(), Vec::new());
    for round in 0..40 {
        let version = round * HANDLES + number;
        let new: Vec<_> = (0..3).map(|_| job(&format!("k{}", chance.below(4)), version)).collect();
        enqueue(&*jobs, &new, NOW).await;
        enqueued.extend(new.into_iter().map(|job| (job.key, version)));
        let mut settled = Vec::new();
        for held in lease(&*jobs, 2, NOW).await {
            let is_done = chance.below(2) == 0;
            settled.push(as_settled(&held, if is_done { JobOutcome::Completed } else { retry(NOW) }));
            completed.extend(is_done.then_some((held.key, held.version)));
        }
        let count = jobs.settle(&settled, NOW).await.expect("settle");
        assert_eq!(count, settled.len(), "nobody else settles what this one holds");
    }
    (enqueued, completed)
}

/// J2: of every key the newest version that was enqueued is done in the end, and nothing is left behind.
pub async fn nothing_is_lost_while_handles_race<F: Fixture>() {
    let fixture = F::empty().await;
    let mut workers = JoinSet::new();
    for (jobs, number) in handles(&fixture).await.into_iter().zip(0..) {
        workers.spawn(work(jobs, number));
    }
    let (enqueued, completed): (Vec<_>, Vec<_>) = workers.join_all().await.into_iter().unzip();
    let (enqueued, mut completed) = (enqueued.concat(), completed.concat());
    let jobs = fixture.jobs();
    loop {
        let left = lease(jobs, 9, NOW).await;
        if left.is_empty() {
            break;
        }
        completed.extend(left.iter().map(|held| (held.key.clone(), held.version)));
        let settled: Vec<_> = left.iter().map(|held| as_settled(held, JobOutcome::Completed)).collect();
        assert_eq!(jobs.settle(&settled, NOW).await.expect("settle"), left.len());
    }
    assert_eq!(numbers(jobs, NOW).await, [0, 0, 0, 0, completed.len() as u64]);
    assert_eq!(jobs.next_due(&[KIND]).await.expect("next"), None);
    let newest = |of: &[(String, u64)]| {
        let mut newest: HashMap<String, u64> = HashMap::new();
        for (key, version) in of {
            newest.entry(key.clone()).and_modify(|newest| *newest = *version.max(newest)).or_insert(*version);
        }
        newest
    };
    assert_eq!(newest(&completed), newest(&enqueued));
}
