//! A disk that fails when it is told to: the k-th call of a kind, and how.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use tidegate_store_embedded::disk::{Disk, DiskFile};

/// Kinds of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    Create,
    Open,
    List,
    Rename,
    Remove,
    SyncDir,
    Read,
    Write,
    /// A write of a mark.
    Mark,
    Sync,
    Size,
}

/// Every kind.
pub(crate) const CALLS: [Call; 11] = [
    Call::Create,
    Call::Open,
    Call::List,
    Call::Rename,
    Call::Remove,
    Call::SyncDir,
    Call::Read,
    Call::Write,
    Call::Mark,
    Call::Sync,
    Call::Size,
];

/// `ENOSPC`.
pub(crate) const NO_SPACE: i32 = 28;
/// `EMFILE`.
pub(crate) const TOO_MANY_FILES: i32 = 24;
/// `ENFILE`.
pub(crate) const TOO_MANY_FILES_IN_SYSTEM: i32 = 23;
/// `EIO`.
pub(crate) const BROKEN: i32 = 5;

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// With this error of the system; nothing is done.
    Before(i32),
    /// With this error, half-way: a write brings half of its bytes, not counting the zeros at their end.
    Half(i32),
    /// With this error, but all was done.
    After(i32),
    /// Like `Half`, and so do all later calls: the process has died.
    Death,
    /// With a panic.
    Panic,
    /// It waits until [`Faults::release`].
    Wait,
}

#[derive(Clone, Copy)]
struct Rule {
    call: Call,
    /// Part of the file's name.
    name: &'static str,
    /// Calls that still go well.
    spared: usize,
    /// Calls that then fail.
    failing: usize,
    fault: Fault,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    counts: HashMap<Call, usize>,
    fired: usize,
    dead: bool,
    waiting: usize,
}

/// The faults of a disk, kept by the test. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<(Mutex<State>, Condvar)>);

impl Faults {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap()
    }

    /// Lets the `k`-th `call` from now on (0 is the next one) on a file with `name` in its name fail.
    pub(crate) fn fail(&self, call: Call, name: &'static str, k: usize, fault: Fault) {
        self.state().rules.push(Rule { call, name, spared: k, failing: 1, fault });
    }

    /// Lets every `call` on such a file fail until [`Faults::heal`].
    pub(crate) fn fail_all(&self, call: Call, name: &'static str, fault: Fault) {
        self.state().rules.push(Rule { call, name, spared: 0, failing: usize::MAX, fault });
    }

    /// Lets nothing more fail; a dead process stays dead.
    pub(crate) fn heal(&self) {
        self.state().rules.clear();
    }

    /// Lets the calls that wait go on, and later ones not wait.
    pub(crate) fn release(&self) {
        self.state().rules.retain(|rule| rule.fault != Fault::Wait);
        self.0.1.notify_all();
    }

    /// Lets every call fail from now on: the process has died.
    pub(crate) fn kill(&self) {
        self.state().dead = true;
    }

    /// Number of calls that have failed.
    pub(crate) fn fired(&self) -> usize {
        self.state().fired
    }

    /// Number of calls of this kind so far.
    pub(crate) fn count(&self, call: Call) -> usize {
        self.state().counts.get(&call).copied().unwrap_or(0)
    }

    /// Waits until a call waits.
    pub(crate) async fn until_one_waits(&self) {
        let faults = self.clone();
        let waiting = tokio::task::spawn_blocking(move || {
            let (mutex, changed) = &*faults.0;
            drop(changed.wait_while(mutex.lock().unwrap(), |state| state.waiting == 0).unwrap());
        });
        tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap().unwrap();
    }

    fn next(&self, call: Call, name: &str) -> Option<Fault> {
        let mut state = self.state();
        *state.counts.entry(call).or_default() += 1;
        if state.dead {
            return Some(Fault::Before(BROKEN));
        }
        let is_for = |rule: &&mut Rule| rule.failing > 0 && rule.call == call && name.contains(rule.name);
        let rule = state.rules.iter_mut().find(is_for)?;
        if rule.spared > 0 {
            rule.spared -= 1;
            return None;
        }
        rule.failing -= 1;
        let fault = rule.fault;
        state.fired += 1;
        state.dead = fault == Fault::Death;
        Some(fault)
    }

    fn wait(&self) {
        let (mutex, changed) = &*self.0;
        let mut state = mutex.lock().unwrap();
        state.waiting += 1;
        changed.notify_all();
        state =
            changed.wait_while(state, |state| state.rules.iter().any(|r| r.fault == Fault::Wait)).unwrap();
        state.waiting -= 1;
    }

    /// Makes a call: `done` does all of it, `half` a part of it.
    fn call<T>(
        &self,
        call: Call,
        name: &str,
        done: impl FnOnce() -> io::Result<T>,
        half: impl FnOnce(),
    ) -> io::Result<T> {
        let error = io::Error::from_raw_os_error;
        match self.next(call, name) {
            None => done(),
            Some(Fault::Before(code)) => Err(error(code)),
            Some(Fault::Half(code)) => {
                half();
                Err(error(code))
            }
            Some(Fault::After(code)) => done().and_then(|_| Err(error(code))),
            Some(Fault::Death) => {
                half();
                Err(error(BROKEN))
            }
            Some(Fault::Panic) => panic!("the disk was told to panic"),
            Some(Fault::Wait) => {
                self.wait();
                done()
            }
        }
    }
}

/// Where a half-done write of `bytes` stops.
fn half_of(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(bytes.len(), |last| last + 1) / 2
}

/// A disk with faults. Files keep their faults when they are renamed.
pub(crate) struct FaultyDisk<D> {
    inner: D,
    faults: Faults,
    names: Mutex<HashMap<String, Arc<Mutex<String>>>>,
}

impl<D: Disk> FaultyDisk<D> {
    pub(crate) fn new(inner: D, faults: Faults) -> Self {
        Self { inner, faults, names: Mutex::default() }
    }

    fn file(&self, name: &str, inner: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        let mut names = self.names.lock().unwrap();
        let shown = names.entry(name.to_owned()).or_insert_with(|| Arc::new(Mutex::new(name.to_owned())));
        Box::new(FaultyFile { inner, name: Arc::clone(shown), faults: self.faults.clone() })
    }

    fn renamed(&self, from: &str, to: &str) {
        let mut names = self.names.lock().unwrap();
        if let Some(shown) = names.remove(from) {
            to.clone_into(&mut shown.lock().unwrap());
            names.insert(to.to_owned(), shown);
        }
    }
}

impl<D: Disk> Disk for FaultyDisk<D> {
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = self.faults.call(Call::Create, name, || self.inner.create(name), || ())?;
        self.names.lock().unwrap().remove(name);
        Ok(self.file(name, file))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.faults.call(Call::Open, name, || self.inner.open(name), || ()).map(|file| self.file(name, file))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.faults.call(Call::List, "", || self.inner.list(), || ())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let rename = || self.inner.rename(from, to).inspect(|()| self.renamed(from, to));
        self.faults.call(Call::Rename, to, rename, || ())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.faults.call(Call::Remove, name, || self.inner.remove(name), || ())
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.faults.call(Call::SyncDir, "", || self.inner.sync_dir(), || ())
    }
}

struct FaultyFile {
    inner: Box<dyn DiskFile>,
    name: Arc<Mutex<String>>,
    faults: Faults,
}

impl FaultyFile {
    fn call<T>(
        &self,
        call: Call,
        done: impl FnOnce() -> io::Result<T>,
        half: impl FnOnce(),
    ) -> io::Result<T> {
        let name = self.name.lock().unwrap().clone();
        self.faults.call(call, &name, done, half)
    }
}

/// Bytes of a mark; no other write is so short.
const MARK_BYTES: usize = 32;

impl DiskFile for FaultyFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.call(Call::Read, || self.inner.read_exact_at(buffer, offset), || ())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let call = if bytes.len() == MARK_BYTES { Call::Mark } else { Call::Write };
        let half = || self.inner.write_all_at(&bytes[..half_of(bytes)], offset).unwrap();
        self.call(call, || self.inner.write_all_at(bytes, offset), half)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.call(Call::Sync, || self.inner.sync_data(), || ())
    }

    fn size(&self) -> io::Result<u64> {
        self.call(Call::Size, || self.inner.size(), || ())
    }
}
