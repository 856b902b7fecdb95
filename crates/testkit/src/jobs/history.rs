//! All laws at once: random histories on a clock that a test holds, each step as the model says.

use proptest::prelude::*;
use tidegate_domain::ports::{JobId, JobOutcome, Jobs, NewJob, Settled};
use tidegate_domain::time::UnixMs;

use super::model::Model;
use super::{Fixture, NOW};
use crate::property;

const KINDS: [&str; 2] = ["session", "cot"];
const PROJECTS: [&str; 2] = ["p", "q"];

/// One moment in the life of jobs.
#[derive(Clone, Debug)]
enum Step {
    /// With `run_at` so many milliseconds from now.
    Enqueue(Vec<(NewJob, i64)>),
    Lease {
        kinds: Vec<&'static str>,
        max: usize,
        ttl_ms: i64,
    },
    /// Of all leases that were ever given, counted from the newest, and with `run_at` so many milliseconds from now.
    Settle(Vec<(prop::sample::Index, Said, i64)>),
    Revive(&'static str, prop::sample::Index),
    Pause(&'static str, bool),
    Pass(i64),
    Reopen,
}

#[derive(Clone, Copy, Debug)]
enum Said {
    Completed,
    Retry,
    Deferred,
    Dead,
}

fn new_job() -> impl Strategy<Value = (NewJob, i64)> {
    let names = (prop::sample::select(&KINDS[..]), prop::sample::select(&PROJECTS[..]), 0u8..3);
    let numbers = (0u64..4, any::<u8>(), prop::sample::select(&[0u8, 1, 9][..]), -5i64..12);
    (names, numbers).prop_map(|((kind, project, key), (version, payload, priority, in_ms))| {
        let (kind, project, key) = (kind.to_owned(), project.to_owned(), format!("k{key}"));
        let payload = payload.to_string();
        (NewJob { kind, project, key, version, payload, priority, run_at: NOW }, in_ms)
    })
}

fn step() -> impl Strategy<Value = Step> {
    let said = prop_oneof![
        2 => Just(Said::Completed), 2 => Just(Said::Retry), 1 => Just(Said::Deferred), 2 => Just(Said::Dead)
    ];
    let settled = (any::<prop::sample::Index>(), said, -2i64..10);
    let kind = || prop::sample::select(&KINDS[..]);
    prop_oneof![
        4 => prop::collection::vec(new_job(), 0..4).prop_map(Step::Enqueue),
        5 => (prop::collection::vec(kind(), 0..4), 0usize..4, 1i64..15)
            .prop_map(|(kinds, max, ttl_ms)| Step::Lease { kinds, max, ttl_ms }),
        4 => prop::collection::vec(settled, 0..4).prop_map(Step::Settle),
        2 => (prop::sample::select(&PROJECTS[..]), any::<prop::sample::Index>())
            .prop_map(|(project, which)| Step::Revive(project, which)),
        1 => (kind(), prop::bool::weighted(0.3)).prop_map(|(kind, is_paused)| Step::Pause(kind, is_paused)),
        3 => (0i64..10).prop_map(Step::Pass),
        1 => Just(Step::Reopen),
    ]
}

/// A history, as far as it has gone.
#[derive(Default)]
struct History {
    model: Model,
    now: UnixMs,
    leases: Vec<(JobId, u64)>,
}

impl History {
    /// Does `step` in both; the answers must agree.
    async fn takes(&mut self, jobs: &dyn Jobs, step: Step) {
        let now = self.now;
        match step {
            Step::Enqueue(new) => {
                let at = |(job, in_ms)| NewJob { run_at: now.plus_ms(in_ms), ..job };
                let new: Vec<_> = new.into_iter().map(at).collect();
                jobs.enqueue(&new, now).await.expect("enqueue");
                self.model.enqueue(&new, now);
            }
            Step::Lease { kinds, max, ttl_ms } => {
                let leased = jobs.lease(&kinds, max, now, ttl_ms).await.expect("lease");
                self.model.lease(&kinds, max, now, now.plus_ms(ttl_ms), &leased);
                self.leases.extend(leased.iter().map(|job| (job.id, job.lease)));
            }
            Step::Settle(said) if !self.leases.is_empty() => {
                let settled: Vec<_> = said.into_iter().map(|said| self.settled(said)).collect();
                let count = jobs.settle(&settled, now).await.expect("settle");
                assert_eq!(count, self.model.settle(&settled, now));
            }
            Step::Revive(project, which) if !self.leases.is_empty() => {
                let (id, _) = self.leases[which.index(self.leases.len())];
                let is_revived = jobs.revive(project, id, now).await.expect("revive");
                assert_eq!(is_revived, self.model.revive(project, id, now));
            }
            Step::Pause(kind, is_paused) => {
                jobs.pause(kind, is_paused).await.expect("pause");
                self.model.pause(kind, is_paused);
            }
            Step::Pass(ms) => self.now = now.plus_ms(ms),
            Step::Settle(_) | Step::Revive(..) | Step::Reopen => {}
        }
    }

    /// Mostly of the newest leases: the others are over.
    fn settled(&self, (which, said, in_ms): (prop::sample::Index, Said, i64)) -> Settled {
        let newest = self.leases.len() - self.leases.len().min(5);
        let (id, lease) = self.leases[newest + which.index(self.leases.len() - newest)];
        let run_at = self.now.plus_ms(in_ms);
        let outcome = match said {
            Said::Completed => JobOutcome::Completed,
            Said::Retry => super::retry(run_at),
            Said::Deferred => JobOutcome::Deferred { run_at },
            Said::Dead => super::dead(),
        };
        Settled { id, lease, outcome }
    }

    /// Whatever can be read is as the model has it.
    async fn agrees(&mut self, jobs: &dyn Jobs) {
        for kinds in [&KINDS[..], &KINDS[..1], &KINDS[1..]] {
            // A lease that ended and was not looked at is due since its end, in the model too.
            assert_eq!(jobs.next_due(kinds).await.expect("next"), self.model.next_due(kinds));
        }
        assert_eq!(jobs.stats(self.now).await.expect("stats"), self.model.stats(self.now));
        for project in PROJECTS {
            assert_eq!(jobs.dead(project, None, 99).await.expect("dead"), self.model.dead(project));
        }
    }
}

/// Any history of enqueuing, leasing, settling, reviving, pausing, waiting and reopening.
pub fn any_history_follows_the_model<F: Fixture>() {
    property::holds(48, prop::collection::vec(step(), 1..40), async |steps| {
        let mut fixture = F::empty().await;
        let mut history = History { now: NOW, ..History::default() };
        for step in steps {
            if matches!(step, Step::Reopen) {
                fixture = fixture.reopen().await;
            }
            history.takes(fixture.jobs(), step).await;
            history.agrees(fixture.jobs()).await;
        }
    });
}
