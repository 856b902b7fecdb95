//! Replays the inputs that fuzzing found worth keeping.

use std::fs;
use std::path::{Path, PathBuf};

use tidegate_fuzzing::TARGETS;

/// Kept inputs must stay few and small: they are for coverage, not for a record.
const CORPUS_MAX_BYTES: u64 = 200_000;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

fn inputs(target: &str) -> Vec<PathBuf> {
    let folder = corpus().join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("a readable folder").path()).collect()
}

/// Replays the corpus of `target`; a panic is followed by the name of its input.
fn replay(target: &str) {
    let (_, check) = TARGETS.into_iter().find(|(name, _)| *name == target).expect("a target");
    let inputs = inputs(target);
    assert!(inputs.len() > 10, "{target} has a corpus");
    for input in inputs {
        let bytes = fs::read(&input).expect("a readable input");
        let checked = std::panic::catch_unwind(|| check(&bytes));
        assert!(checked.is_ok(), "{target} fails on {}", input.display());
    }
}

macro_rules! replayed {
    ($($target:ident)*) => {
        $(#[test]
        fn $target() {
            replay(stringify!($target));
        })*

        #[test]
        fn every_target_is_replayed() {
            assert_eq!(TARGETS.map(|(name, _)| name).as_slice(), [$(stringify!($target)),*]);
        }
    };
}

replayed!(chat config envelope frames moderation reading screen);

#[test]
fn the_corpus_stays_small() {
    let files = TARGETS.into_iter().flat_map(|(target, _)| inputs(target));
    let bytes: u64 = files.map(|file| file.metadata().unwrap().len()).sum();
    assert!(bytes < CORPUS_MAX_BYTES, "{bytes} bytes");
}
