//! A crash, a full disk or a broken one at every call by which a server changes its files.
//!
//! One run is written down call by call; then it is done again, once for each of them, with the fault at that call.
//! In every run of the tests some calls of each kind are tried, in `make nightly` all of them.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::account::{Account, Sent, is_sound};
use crate::support::child::Serve;
use crate::support::patience::eventually;
use crate::support::{files, nightly, strace};

/// Events of the script: three segments, the first two of which are sealed.
const EVENTS: usize = 9;
/// Segments of four events.
const SEGMENT_BYTES: u64 = 65_536;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The process dies before the call.
    Kill,
    /// There is no space, for three calls.
    Full,
    /// The call fails once; later ones succeed.
    Broken,
}

impl Fault {
    fn at(self, number: u64) -> String {
        match self {
            Self::Kill => format!("signal=KILL:when={number}"),
            Self::Full => format!("error=ENOSPC:when={number}..{}", number + 2),
            Self::Broken => format!("error=EIO:when={number}"),
        }
    }
}

/// One call of the script: the `number`-th of its name on a file, counted from 1.
#[derive(Clone, Debug)]
struct Point {
    call: String,
    path: PathBuf,
    number: u64,
}

fn serve(dir: &Path) -> Serve {
    Serve::dev(dir).set("LOG__SEGMENT_MAX_BYTES", SEGMENT_BYTES)
}

/// A directory on which every run begins: an empty one, or one that needs mending.
struct Beginning {
    account: Account,
    dir: TempDir,
}

impl Beginning {
    fn empty() -> Self {
        Self { account: Account::default(), dir: tempfile::tempdir().unwrap() }
    }

    /// What a killed server left, and harm that the next start mends: a torn tail, an index and the views damaged, a
    /// spare that is no segment.
    async fn harmed() -> Self {
        let mut beginning = Self::empty();
        let dir = beginning.dir.path().join("data");
        let mut server = serve(&dir).start().await;
        assert_eq!(beginning.account.send(&server, EVENTS - 2).await, Sent::All);
        server.kill();
        let log = dir.join("log");
        let (first, second) = (log.join(name(0)), log.join(name(4)));
        let mut bytes = std::fs::read(&second).unwrap();
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        bytes[end..end + 3000].fill(7);
        std::fs::write(&second, bytes).unwrap();
        std::fs::write(first.with_extension("idx"), "no index").unwrap();
        std::fs::write(log.join("spare.tmp"), "no segment").unwrap();
        std::fs::write(dir.join("views.sqlite"), "no database, and long enough to be looked at".repeat(40))
            .unwrap();
        beginning
    }

    /// A copy of it, and what was acknowledged in it.
    fn copy(&self) -> (TempDir, PathBuf, Account) {
        let copy = tempfile::tempdir().unwrap();
        let dir = copy.path().canonicalize().unwrap().join("data");
        let from = self.dir.path().join("data");
        if from.exists() {
            let copied = Command::new("cp").arg("-a").arg(&from).arg(&dir).status().unwrap();
            assert!(copied.success());
        }
        (copy, dir, self.account.clone())
    }

    /// The calls of a run without a fault.
    async fn calls(&self) -> strace::Counts {
        let (copy, dir, mut account) = self.copy();
        let written = copy.path().join("calls");
        let mut server = serve(&dir).traced(&strace::record(&written)).start().await;
        assert_eq!(account.send(&server, EVENTS).await, Sent::All);
        server.terminate();
        assert!(server.ended().await.success());
        let recorded = eventually("all is written down", async || {
            let recorded = std::fs::read_to_string(&written).unwrap();
            recorded.contains("server.json\")").then_some(recorded)
        });
        strace::counts(&recorded.await, &dir)
    }

    /// The calls to try, of those that `wanted` chooses: of each kind of call on each kind of file `usual` ones
    /// and one in twelve, spread evenly, or as many as `POINTS` says.
    async fn points(&self, usual: u64, wanted: impl Fn(&str, &str) -> bool) -> Vec<Point> {
        let mut kinds = BTreeMap::<_, Vec<Point>>::new();
        for ((call, path), count) in self.calls().await {
            let kind: String = path.display().to_string().replace(|c: char| c.is_ascii_digit(), "");
            if wanted(&call, &kind) {
                let point = |number| Point { call: call.clone(), path: path.clone(), number };
                kinds.entry((call.clone(), kind)).or_default().extend((1..=count).map(point));
            }
        }
        let spread = |points: Vec<Point>| {
            // A commit is more than ten calls, and each place in it is another one to die at.
            let most = nightly::count("POINTS", usual + points.len() as u64 / 12) as usize;
            let every = points.len().div_ceil(most).max(1);
            points.into_iter().skip(every / 2).step_by(every)
        };
        kinds.into_values().flat_map(spread).collect()
    }

    /// Runs the script with `fault` at `point`. What was acknowledged before is there afterwards, once and in order;
    /// the script can be finished, and then all is as if there had been no fault. True if the fault came.
    async fn survives(&self, fault: Fault, point: &Point) -> bool {
        let context = format!("{fault:?} at {point:?}");
        let (_copy, dir, mut account) = self.copy();
        let options = strace::inject(&[dir.join(&point.path)], &point.call, &fault.at(point.number));
        let came = match serve(&dir).traced(&options).try_start().await {
            Err(ended) if fault == Fault::Kill => {
                assert_eq!(ended.status.signal(), Some(9), "{context}: {}", ended.stderr);
                true
            }
            Err(ended) => {
                println!("{context}: {}", ended.plain_words());
                true
            }
            Ok(mut server) => {
                match account.send(&server, EVENTS).await {
                    Sent::Refused(status, kind) => {
                        let known = [(507, "no-space"), (503, "log-closed")];
                        assert!(
                            fault != Fault::Kill && known.contains(&(status, kind.as_str())),
                            "{context}: {status} {kind}"
                        );
                        account.check(&server, &context).await;
                    }
                    Sent::Broken => assert_eq!(fault, Fault::Kill, "{context}: {}", server.stderr()),
                    Sent::All => {}
                }
                server.terminate();
                let status = server.ended().await;
                assert!(!server.stderr().contains("panicked"), "{context}: {}", server.stderr());
                if fault != Fault::Kill {
                    assert!(status.code().is_some(), "{context}: {status}: {}", server.stderr());
                }
                status.signal().is_some() || server.stderr().contains("os error")
            }
        };
        let server = serve(&dir).start().await;
        account.check(&server, &context).await;
        assert_eq!(account.send(&server, EVENTS).await, Sent::All, "{context}");
        account.check(&server, &context).await;
        let session = server.read("/v1/sessions/s").await;
        assert_eq!(session["session"]["eventCount"], EVENTS, "{context}");
        server.stop().await;
        is_sound(&dir, &context);
        came
    }

    async fn survives_all(&self, fault: Fault, points: &[Point]) {
        let mut came = 0;
        for point in points {
            came += usize::from(self.survives(fault, point).await);
        }
        println!("{fault:?}: {} calls tried, {came} came as a death or an error", points.len());
        if fault == Fault::Kill {
            assert!(
                came * 10 >= points.len() * 8,
                "most calls are made in every run: {came} of {}",
                points.len()
            );
        }
    }
}

fn name(first: u64) -> String {
    format!("{first:020}.seg")
}

fn in_log(_: &str, file: &str) -> bool {
    file.starts_with("log")
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_change_of_the_log() {
    let beginning = Beginning::empty();
    let points = beginning.points(2, in_log).await;
    let kinds: Vec<_> = points.iter().map(|point| (point.call.as_str(), point.path.extension())).collect();
    for (call, ending) in
        [("pwrite64", "seg"), ("fdatasync", "seg"), ("rename", "tmp"), ("pwrite64", "tmp"), ("unlink", "tmp")]
    {
        assert!(kinds.contains(&(call, Some(ending.as_ref()))), "{call} {ending}: {kinds:?}");
    }
    beginning.survives_all(Fault::Kill, &points).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_change_of_the_databases_and_the_rest() {
    let beginning = Beginning::empty();
    let points = beginning.points(1, |call, file| !in_log(call, file)).await;
    assert!(points.iter().any(|point| point.path == Path::new("views.sqlite-wal")), "{points:?}");
    beginning.survives_all(Fault::Kill, &points).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_change_of_a_start_that_mends() {
    let beginning = Beginning::harmed().await;
    let points = beginning.points(1, |_, _| true).await;
    assert!(
        points.iter().any(|point| point.path.extension().is_some_and(|ending| ending == "torn")),
        "{points:?}"
    );
    beginning.survives_all(Fault::Kill, &points).await;
    let kept = files::files(&beginning.dir.path().join("data"));
    assert!(kept.iter().any(|path| path.ends_with("views.sqlite")), "the beginning is never touched");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_write_may_find_the_disk_full() {
    let beginning = Beginning::empty();
    let points = beginning.points(1, |call, _| matches!(call, "pwrite64" | "write" | "rename")).await;
    beginning.survives_all(Fault::Full, &points).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_change_may_fail_once() {
    let beginning = Beginning::empty();
    let points = beginning.points(1, |_, _| true).await;
    beginning.survives_all(Fault::Broken, &points).await;
}
