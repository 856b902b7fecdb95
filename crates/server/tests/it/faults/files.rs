//! Files that are cut, flipped, gone, doubled, old, strange or empty: a start goes on without what is lost, or refuses
//! in plain words; `doctor` says the same before; nothing is deleted.

use std::fs::{copy, read, remove_file, rename, write};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::account::{Account, Sent};
use crate::support::child::Serve;
use crate::support::{command, files, walk};

/// Three segments: positions 0..4, 4..8 and 8..11.
const EVENTS: usize = 11;

/// What is harmed: a sound directory of a server that was stopped.
struct Sound {
    dir: TempDir,
    account: Account,
    /// The last segment as it was two events before.
    older: Vec<u8>,
}

/// What a start on a harmed directory comes to.
enum Start {
    /// It serves all but these positions.
    Without(&'static [usize]),
    /// It refuses, and says this.
    Refused(&'static str),
}
use Start::{Refused, Without};

fn segment(dir: &Path, first: u64) -> PathBuf {
    dir.join("log").join(format!("{first:020}.seg"))
}

fn index(dir: &Path, first: u64) -> PathBuf {
    segment(dir, first).with_extension("idx")
}

fn serve(dir: &Path) -> Serve {
    Serve::dev(dir).set("LOG__SEGMENT_MAX_BYTES", 65_536)
}

impl Sound {
    async fn new() -> Self {
        let (dir, mut account) = (tempfile::tempdir().unwrap(), Account::default());
        let mut older = Vec::new();
        for events in [EVENTS - 2, EVENTS] {
            let server = serve(dir.path()).start().await;
            assert_eq!(account.send(&server, events).await, Sent::All);
            server.stop().await;
            if events < EVENTS {
                older = read(segment(dir.path(), 8)).unwrap();
            }
        }
        Self { dir, account, older }
    }

    fn copy(&self) -> (TempDir, PathBuf) {
        let copy = tempfile::tempdir().unwrap();
        let dir = copy.path().join("data");
        let copied = Command::new("cp").arg("-a").arg(self.dir.path()).arg(&dir).status().unwrap();
        assert!(copied.success());
        (copy, dir)
    }

    /// After `harm`, `doctor` ends with `code` and says `words`, and a start comes to `expected`.
    async fn after(&self, what: &str, harm: impl FnOnce(&Path), (code, words): (i32, &str), expected: Start) {
        let (_copy, dir) = self.copy();
        harm(&dir);
        let harmed = contents(&dir);
        let doctor = command::run(&dir, &["doctor"]);
        let said = format!("{}{}", doctor.stdout, doctor.stderr);
        println!("--- {what}\n{said}");
        assert_eq!(doctor.code, Some(code), "{what}: {said}");
        assert!(said.contains(words), "{what}: {words:?} is not in {said}");
        assert_eq!(contents(&dir), harmed, "{what}: doctor changes nothing");
        let refuses = said.contains("STOP");
        match (serve(&dir).try_start().await, expected) {
            (Err(ended), Refused(words)) => {
                println!("{}", ended.plain_words());
                assert!(ended.stderr.contains(words), "{what}: {}", ended.stderr);
                assert!(refuses, "{what}: doctor said nothing of it: {said}");
            }
            (Ok(mut server), Without(lost)) => {
                assert!(!refuses, "{what}: {said}");
                let kept = |number: &usize| !lost.contains(number);
                let mut ids: Vec<_> =
                    (0..EVENTS).filter(kept).map(|n| self.account.acked[n].clone()).collect();
                let events = walk::events(&server, "order=asc").await;
                assert_eq!(walk::texts(&events, "/eventId"), ids, "{what}");
                let next = server.store(serde_json::json!({"type": "next", "sessionId": "s"})).await;
                ids.push(next["eventId"].as_str().unwrap().to_owned());
                server.terminate();
                assert!(
                    server.ended().await.success() && !server.stderr().contains("panicked"),
                    "{what}: {}",
                    server.stderr()
                );
                let server = serve(&dir).start().await;
                let events = walk::events(&server, "order=asc").await;
                assert_eq!(walk::texts(&events, "/eventId"), ids, "{what}: a second time");
                server.stop().await;
            }
            (Err(ended), Without(_)) => panic!("{what}: refused: {}", ended.stderr),
            (Ok(_), Refused(_)) => panic!("{what}: not refused"),
        }
        nothing_is_gone(what, &dir, &harmed);
    }
}

fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all: Vec<_> =
        files::files(dir).into_iter().map(|path| (path.clone(), read(path).unwrap())).collect();
    all.sort();
    all
}

/// Every segment and every strange file is there, and as it was but for what was appended; what can be derived is
/// there in some form.
fn nothing_is_gone(what: &str, dir: &Path, harmed: &[(PathBuf, Vec<u8>)]) {
    for (path, before) in harmed {
        let name = path.strip_prefix(dir).unwrap().display().to_string();
        if name.ends_with("-wal")
            || name.ends_with("-shm")
            || name == "log/spare.tmp"
            || name == "server.json"
        {
            continue;
        }
        let now = read(path).unwrap_or_else(|error| panic!("{what}: {name} is gone: {error}"));
        let is_derived = name.ends_with(".idx")
            || name.starts_with("views.sqlite")
            || ["control.sqlite", "jobs.sqlite"].contains(&name.as_str());
        let end = before.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        assert!(is_derived || now.starts_with(&before[..end]), "{what}: {name} was changed");
    }
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = read(path).unwrap();
    change(&mut bytes);
    write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn segments() {
    let sound = Sound::new().await;
    let sound = &sound;
    sound.after("nothing", |_| {}, (0, "fine"), Without(&[])).await;
    sound
        .after(
            "a segment in the middle is cut",
            |dir| change(&segment(dir, 4), |bytes| bytes.truncate(40_000)),
            (1, "positions 6..8"),
            Without(&[6, 7]),
        )
        .await;
    sound
        .after(
            "a bit flips",
            |dir| change(&segment(dir, 4), |bytes| bytes[20_000] ^= 4),
            (1, "positions 5..6"),
            Without(&[5]),
        )
        .await;
    sound
        .after(
            "a segment in the middle is gone",
            |dir| remove_file(segment(dir, 4)).unwrap(),
            (1, "positions 4..8 before it are missing"),
            Without(&[4, 5, 6, 7]),
        )
        .await;
    sound
        .after(
            "the last segment is gone",
            |dir| remove_file(segment(dir, 8)).unwrap(),
            (1, "no later segment is here: restore it from a backup"),
            Refused("no later segment is here: restore it from a backup"),
        )
        .await;
    sound
        .after(
            "the last segment is an older copy",
            |dir| write(segment(dir, 8), &sound.older).unwrap(),
            (1, "folded up to position 11, but the log ends at 9"),
            Without(&[9, 10]),
        )
        .await;
    sound
        .after(
            "a segment is doubled under another name",
            |dir| {
                copy(segment(dir, 4), segment(dir, 6)).unwrap();
            },
            (1, "give it that name back, else move it away"),
            Refused("give it that name back, else move it away"),
        )
        .await;
    sound
        .after(
            "a segment is renamed",
            |dir| rename(segment(dir, 4), segment(dir, 5)).unwrap(),
            (1, "it was renamed or copied"),
            Refused("it was renamed or copied"),
        )
        .await;
    for first in [4, 8] {
        sound
            .after(
                "a segment is empty",
                |dir| write(segment(dir, first), "").unwrap(),
                (1, "has no readable header: restore it from a backup"),
                Refused("has no readable header: restore it from a backup"),
            )
            .await;
    }
    sound
        .after(
            "strange files",
            |dir| {
                write(dir.join("log/notes.txt"), "hello").unwrap();
                write(dir.join("log/00000000000000000004.seg.bak"), "").unwrap();
                write(dir.join("log/spare.tmp"), "half a spare").unwrap();
                write(dir.join("log/00000000000000000004.idx.tmp"), "half an index").unwrap();
                write(dir.join("backup.tar"), "").unwrap();
            },
            (0, "not a file of the log; ignored"),
            Without(&[]),
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_derived_again() {
    let sound = Sound::new().await;
    let again = (0, "made again at the next start");
    let none = Without(&[]);
    sound.after("an index is gone", |dir| remove_file(index(dir, 4)).unwrap(), again, none).await;
    let flip = |dir: &Path| change(&index(dir, 4), |bytes| bytes[4200] ^= 1);
    sound.after("an index is damaged", flip, again, Without(&[])).await;
    sound.after("an index is empty", |dir| write(index(dir, 4), "").unwrap(), again, Without(&[])).await;
    let other = |dir: &Path| {
        copy(index(dir, 0), index(dir, 4)).unwrap();
    };
    sound.after("an index is another's", other, again, Without(&[])).await;

    let aside = (0, "a start puts it aside and folds views again from the log");
    let garbage = |dir: &Path| write(dir.join("views.sqlite"), "x".repeat(9000)).unwrap();
    sound.after("views are garbage", garbage, aside, Without(&[])).await;
    let cut = |dir: &Path| change(&dir.join("views.sqlite"), |bytes| bytes.truncate(5000));
    sound.after("views are cut", cut, aside, Without(&[])).await;
    let gone = |dir: &Path| remove_file(dir.join("views.sqlite")).unwrap();
    sound_views_gone(&sound, gone).await;
    let left = |dir: &Path| {
        for name in ["views.sqlite.rebuild", "views.sqlite.corrupt-1", "server.json"] {
            write(dir.join(name), "x").unwrap();
        }
    };
    sound.after("a rebuild that did not finish", left, (0, "safe to delete"), Without(&[])).await;
}

async fn sound_views_gone(sound: &Sound, gone: impl FnOnce(&Path)) {
    let (_copy, dir) = sound.copy();
    gone(&dir);
    let doctor = command::say(&dir, &["doctor"]);
    assert!(doctor.contains("views.sqlite: not there yet"), "{doctor}");
    let server = serve(&dir).start().await;
    sound.account.check(&server, "views are gone").await;
    server.post("/v1/events?wait=screened").json(&serde_json::json!({"type": "a"})).send().await.ok();
    assert_eq!(server.read("/v1/sessions/s").await["session"]["eventCount"], EVENTS);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_and_keys() {
    let sound = Sound::new().await;
    let file = |dir: &Path| dir.join("control.sqlite");
    let garbage = |dir: &Path| write(file(dir), "x".repeat(9000)).unwrap();
    let words = (1, "restore it from a backup: it holds projects and keys");
    sound.after("control is garbage", garbage, words, Refused("control cannot be opened")).await;
    let gone = |dir: &Path| remove_file(file(dir)).unwrap();
    let words = (1, "missing or empty, though the log holds events; restore it from a backup");
    sound.after("control is gone", gone, words, Without(&[])).await;
    let empty = |dir: &Path| write(file(dir), "").unwrap();
    sound.after("control is empty", empty, words, Without(&[])).await;
    // What only the write-ahead log holds, SQLite would delete.
    let orphan = |dir: &Path| {
        rename(file(dir), dir.join("control.sqlite-wal")).unwrap();
    };
    let words = "its write-ahead log control.sqlite-wal is here: restore control.sqlite from a backup";
    sound.after("control is gone but for its log", orphan, (1, words), Refused(words)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs() {
    let sound = Sound::new().await;
    let file = |dir: &Path| dir.join("jobs.sqlite");
    let garbage = |dir: &Path| write(file(dir), "x".repeat(9000)).unwrap();
    let words = (1, "move it away with its -wal, and a start makes a new one");
    sound.after("jobs are garbage", garbage, words, Refused("jobs cannot be opened")).await;
    let gone = |dir: &Path| remove_file(file(dir)).unwrap();
    let words = (0, "missing or empty, though the log holds events; a start makes a new one");
    sound.after("jobs are gone", gone, words, Without(&[])).await;
    let empty = |dir: &Path| write(file(dir), "").unwrap();
    sound.after("jobs are empty", empty, words, Without(&[])).await;
    let orphan = |dir: &Path| {
        rename(file(dir), dir.join("jobs.sqlite-wal")).unwrap();
    };
    let words = "its write-ahead log jobs.sqlite-wal is here: restore jobs.sqlite from a backup";
    sound.after("jobs are gone but for their log", orphan, (1, words), Refused(words)).await;
}

/// Keys that are gone must not go in silence.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_without_its_keys_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let server = Serve::dev(dir.path()).start().await;
    assert!(!server.stderr().contains("projects and keys are missing"), "{}", server.stderr());
    server.store(serde_json::json!({"type": "a"})).await;
    server.stop().await;
    remove_file(dir.path().join("control.sqlite")).unwrap();
    let server = Serve::dev(dir.path()).start().await;
    assert!(server.stderr().contains("projects and keys are missing"), "{}", server.stderr());
    server.stop().await;
}

/// A log that lost its end: what is appended next takes positions that the views have seen already.
#[tokio::test(flavor = "multi_thread")]
async fn views_folded_from_a_longer_log_are_not_taken_for_this_one() {
    let sound = Sound::new().await;
    let (_copy, dir) = sound.copy();
    write(segment(&dir, 8), &sound.older).unwrap();
    let server = serve(&dir).start().await;
    assert!(server.stderr().contains("views are folded again"), "{}", server.stderr());
    let calm = serde_json::json!({"type": "message.user", "sessionId": "calm", "content": "hello"});
    for _ in 0..2 {
        server.post("/v1/events?wait=screened").json(&calm).send().await.ok();
    }
    assert_eq!(server.read("/v1/sessions/calm").await["session"]["eventCount"], 2);
    let events = walk::events(&server, "sessionId=calm").await;
    for event in &events {
        assert_eq!(
            event["screening"]["riskScore"].as_f64().unwrap_or(0.0),
            0.0,
            "judged by another's row: {event}"
        );
    }
    assert_eq!(server.read("/v1/sessions/s").await["session"]["eventCount"], EVENTS - 2);
    server.stop().await;
    let check = command::say(&dir, &["rebuild", "--check", "--json"]);
    assert!(check.contains(r#""equal":true"#), "{check}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_on_a_read_only_file_system_can_be_looked_at() {
    let sound = Sound::new().await;
    let (_copy, dir) = sound.copy();
    let mounted = Command::new("mount").args(["--bind", "-o", "ro"]).arg(&dir).arg(&dir).status().unwrap();
    if !mounted.success() {
        let ci = crate::support::nightly::count("REQUIRE_ALL", 0);
        assert_eq!(ci, 0, "mounting needs root");
        println!("SKIPPED: mounting needs root");
        return;
    }
    let doctor = command::run(&dir, &["doctor"]);
    let refused = serve(&dir).try_start().await.err().map(|ended| ended.plain_words().to_owned());
    let _ = Command::new("umount").arg(&dir).status();
    assert_eq!(doctor.code, Some(0), "{}{}", doctor.stdout, doctor.stderr);
    assert!(refused.is_some_and(|said| said.contains("Read-only file system")));
}
