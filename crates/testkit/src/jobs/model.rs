//! Jobs as three lists, with every law written down in the plainest way.

use std::collections::{BTreeMap, HashSet};

use tidegate_domain::ports::{DeadJob, JobId, JobOutcome, JobStats, LeasedJob, NewJob, Settled};
use tidegate_domain::time::UnixMs;

/// A job, wherever it is.
#[derive(Clone, Debug)]
struct Job {
    new: NewJob,
    attempts: u32,
    enqueued_at: UnixMs,
}

impl Job {
    fn is_of(&self, other: &Job) -> bool {
        let key = |job: &Job| (job.new.kind.clone(), job.new.project.clone(), job.new.key.clone());
        key(self) == key(other)
    }
}

#[derive(Debug)]
struct Held {
    job: Job,
    id: JobId,
    lease: u64,
    until: UnixMs,
}

#[derive(Debug)]
struct Dead {
    job: Job,
    id: JobId,
    error: String,
    failed_at: UnixMs,
}

/// What a store of jobs should hold.
#[derive(Debug, Default)]
pub(super) struct Model {
    waiting: Vec<Job>,
    held: Vec<Held>,
    dead: Vec<Dead>,
    /// Of each kind: whether it is paused, and how many were completed.
    kinds: BTreeMap<String, (bool, u64)>,
    leases: HashSet<(JobId, u64)>,
}

impl Model {
    pub(super) fn enqueue(&mut self, jobs: &[NewJob], now: UnixMs) {
        self.end_leases(now);
        for new in jobs {
            self.kinds.entry(new.kind.clone()).or_default();
            self.wait(Job { new: new.clone(), attempts: 0, enqueued_at: now }, true);
        }
    }

    /// J2. `is_newer`: of equal versions, this payload stays.
    fn wait(&mut self, job: Job, is_newer: bool) {
        let Some(waits) = self.waiting.iter_mut().find(|waits| waits.is_of(&job)) else {
            self.waiting.push(job);
            return;
        };
        if job.new.version > waits.new.version || (is_newer && job.new.version == waits.new.version) {
            waits.new.payload = job.new.payload;
            waits.new.version = job.new.version;
        }
        waits.new.priority = waits.new.priority.max(job.new.priority);
        waits.new.run_at = waits.new.run_at.min(job.new.run_at);
        waits.attempts = waits.attempts.max(job.attempts);
        waits.enqueued_at = waits.enqueued_at.min(job.enqueued_at);
    }

    /// J3: what has ended is due since then.
    fn end_leases(&mut self, now: UnixMs) {
        for ended in self.held.extract_if(.., |held| held.until <= now).collect::<Vec<_>>() {
            let mut job = ended.job;
            job.new.run_at = ended.until;
            self.wait(job, false);
        }
    }

    fn is_running(&self, kind: &str, kinds: &[&str]) -> bool {
        kinds.contains(&kind) && self.kinds.get(kind).is_some_and(|(is_paused, _)| !is_paused)
    }

    fn is_free(&self, job: &Job) -> bool {
        !self.held.iter().any(|held| held.job.is_of(job))
    }

    /// Takes over what was leased, and says whether it was right (J3, J4, J5).
    pub(super) fn lease(
        &mut self,
        kinds: &[&str],
        max: usize,
        now: UnixMs,
        until: UnixMs,
        leased: &[LeasedJob],
    ) {
        self.end_leases(now);
        let order = |job: &Job| (std::cmp::Reverse(job.new.priority), job.new.run_at);
        let is_due =
            |job: &&Job| self.is_running(&job.new.kind, kinds) && job.new.run_at <= now && self.is_free(job);
        let mut due: Vec<_> = self.waiting.iter().filter(is_due).cloned().collect();
        due.sort_by_key(order);
        let expected: Vec<_> = due.iter().take(max).map(order).collect();
        let mut found = Vec::new();
        for lease in leased {
            let is_it = |job: &Job| {
                (&job.new.kind, &job.new.project, &job.new.key) == (&lease.kind, &lease.project, &lease.key)
            };
            let at = due.iter().position(is_it).unwrap_or_else(|| panic!("{lease:?} was not due"));
            let mut job = due.remove(at);
            found.push(order(&job));
            job.attempts += 1;
            let said = (lease.version, &lease.payload, lease.priority, lease.attempts, lease.enqueued_at);
            let new = &job.new;
            assert_eq!(said, (new.version, &new.payload, new.priority, job.attempts, job.enqueued_at));
            assert!(self.leases.insert((lease.id, lease.lease)), "a lease is given once: {lease:?}");
            self.waiting.retain(|waits| !waits.is_of(&job));
            self.held.push(Held { job, id: lease.id, lease: lease.lease, until });
        }
        assert_eq!(found, expected);
    }

    pub(super) fn settle(&mut self, settled: &[Settled], now: UnixMs) -> usize {
        self.end_leases(now);
        let mut count = 0;
        for said in settled {
            let is_it = |held: &Held| held.id == said.id && held.lease == said.lease;
            let Some(at) = self.held.iter().position(is_it) else { continue };
            let Held { mut job, id, .. } = self.held.remove(at);
            count += 1;
            match &said.outcome {
                JobOutcome::Completed => self.kinds.entry(job.new.kind).or_default().1 += 1,
                JobOutcome::Retry { run_at, .. } => {
                    job.new.run_at = *run_at;
                    self.wait(job, false);
                }
                JobOutcome::Deferred { run_at } => {
                    job.new.run_at = *run_at;
                    job.attempts -= 1;
                    self.wait(job, false);
                }
                JobOutcome::Dead { error } => {
                    self.dead.push(Dead { job, id, error: error.clone(), failed_at: now });
                }
            }
        }
        count
    }

    pub(super) fn revive(&mut self, project: &str, id: JobId, now: UnixMs) -> bool {
        self.end_leases(now);
        let is_it = |dead: &Dead| dead.id == id && dead.job.new.project == project;
        let Some(at) = self.dead.iter().position(is_it) else { return false };
        let mut job = self.dead.remove(at).job;
        job.attempts = 0;
        job.new.run_at = now;
        self.wait(job, false);
        true
    }

    pub(super) fn pause(&mut self, kind: &str, is_paused: bool) {
        self.kinds.entry(kind.to_owned()).or_default().0 = is_paused;
    }

    pub(super) fn next_due(&self, kinds: &[&str]) -> Option<UnixMs> {
        let waiting = self.waiting.iter().filter(|job| self.is_free(job));
        let waiting = waiting.map(|job| (&job.new.kind, job.new.run_at));
        let held = self.held.iter().map(|held| (&held.job.new.kind, held.until));
        waiting.chain(held).filter(|(kind, _)| self.is_running(kind, kinds)).map(|(_, at)| at).min()
    }

    pub(super) fn stats(&mut self, now: UnixMs) -> Vec<JobStats> {
        self.end_leases(now);
        let of = |(kind, (is_paused, completed)): (&String, &(bool, u64))| {
            let waiting =
                || self.waiting.iter().filter(|job| job.new.kind == *kind).map(|job| job.new.run_at);
            let count = |number: usize| number as u64;
            JobStats {
                kind: kind.clone(),
                waiting: count(waiting().filter(|at| *at <= now).count()),
                active: count(self.held.iter().filter(|held| held.job.new.kind == *kind).count()),
                delayed: count(waiting().filter(|at| *at > now).count()),
                failed: count(self.dead.iter().filter(|dead| dead.job.new.kind == *kind).count()),
                completed: *completed,
                oldest_due_at: waiting().filter(|at| *at <= now).min(),
                is_paused: *is_paused,
            }
        };
        self.kinds.iter().map(of).collect()
    }

    /// All of them, newest first (J6).
    pub(super) fn dead(&self, project: &str) -> Vec<DeadJob> {
        let mine = self.dead.iter().filter(|dead| dead.job.new.project == project);
        let shown = mine.map(|dead| DeadJob {
            id: dead.id,
            kind: dead.job.new.kind.clone(),
            project: dead.job.new.project.clone(),
            key: dead.job.new.key.clone(),
            payload: dead.job.new.payload.clone(),
            attempts: dead.job.attempts,
            error: dead.error.clone(),
            enqueued_at: dead.job.enqueued_at,
            failed_at: dead.failed_at,
        });
        let mut shown: Vec<_> = shown.collect();
        shown.sort_by_key(|dead| std::cmp::Reverse(dead.id));
        shown
    }
}
