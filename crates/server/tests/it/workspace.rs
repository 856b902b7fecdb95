//! The rooms: which of our crates may use which, what `domain` may never reach, and two rules of tidiness.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

/// What tests borrow besides: the simulator's disk, and a log to carry records of.
const LOANS: &[(&str, &str)] = &[("store-embedded", "simulator"), ("stream-redis", "store-postgres")];

/// What each crate may use of ours. Everyone may add `testkit` for its tests; nothing else points up.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("screening", &["domain", "embedding"]),
    ("analysis", &["domain"]),
    ("training", &["analysis", "domain", "embedding", "screening"]),
    ("embedding", &[]),
    ("scanner", &["domain"]),
    ("engine", &["domain"]),
    ("store-embedded", &["domain"]),
    ("store-postgres", &["domain"]),
    ("stream-redis", &["domain"]),
    ("providers", &["domain"]),
    ("testkit", &["domain"]),
    ("simulator", &["domain", "screening", "engine", "store-embedded", "testkit"]),
    (
        "server",
        &[
            "analysis",
            "domain",
            "embedding",
            "engine",
            "providers",
            "scanner",
            "screening",
            "store-embedded",
            "store-postgres",
            "stream-redis",
            "training",
        ],
    ),
    ("fuzzing", &["domain", "engine", "store-embedded", "server", "simulator", "testkit"]),
];

/// What `domain` must not reach, however indirectly: runtimes, sockets, databases.
const NO_IO: &[&str] =
    &["async-std", "axum", "hyper", "mio", "reqwest", "rusqlite", "smol", "socket2", "tokio"];

fn metadata(deps: bool) -> Metadata {
    let mut command = MetadataCommand::new();
    command.cargo_path(env!("CARGO")).manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    // Only this platform's packages, which the build of this test has already fetched.
    command.other_options(vec!["--filter-platform".into(), "host-tuple".into()]);
    if !deps {
        command.no_deps();
    }
    command.exec().expect("cargo metadata answers")
}

#[test]
fn crates_use_only_what_their_room_allows() {
    let may_use: BTreeMap<_, _> = MAY_USE.iter().copied().collect();
    let metadata = metadata(false);
    let names: BTreeSet<_> = metadata.packages.iter().map(|package| room(&package.name)).collect();
    assert_eq!(names, may_use.keys().copied().collect(), "every crate has its line in MAY_USE");
    for package in &metadata.packages {
        let allowed = may_use[room(&package.name)];
        for dependency in package.dependencies.iter().filter(|d| d.path.is_some()) {
            let used = room(&dependency.name);
            let for_tests = dependency.kind == DependencyKind::Development
                && (used == "testkit" || LOANS.contains(&(room(&package.name), used)));
            assert!(allowed.contains(&used) || for_tests, "{} may not use {used}", package.name);
        }
    }
}

#[test]
fn domain_reaches_no_runtime_and_no_io() {
    let metadata = metadata(true);
    let nodes: BTreeMap<_, _> =
        metadata.resolve.as_ref().unwrap().nodes.iter().map(|node| (&node.id, node)).collect();
    let domain = metadata.packages.iter().find(|package| room(&package.name) == "domain").unwrap();
    let (mut reached, mut open) = (BTreeSet::from([&domain.id]), vec![&domain.id]);
    while let Some(id) = open.pop() {
        let normal =
            |d: &&cargo_metadata::NodeDep| d.dep_kinds.iter().any(|k| k.kind == DependencyKind::Normal);
        open.extend(nodes[id].deps.iter().filter(normal).map(|d| &d.pkg).filter(|id| reached.insert(id)));
    }
    let names: BTreeSet<&str> =
        reached.into_iter().map(|id: &PackageId| metadata[id].name.as_str()).collect();
    assert!(names.contains("serde"), "the walk went somewhere: {names:?}");
    assert!(NO_IO.iter().all(|name| !names.contains(name)), "{names:?}");
}

#[test]
fn every_source_file_says_what_it_is_and_leaves_nothing_undone() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let files = rust_files(crates);
    assert!(files.len() > 20, "found only {} files under crates", files.len());
    // Put together, so that this file does not find itself.
    let undone = [concat!("todo", "!("), concat!("unimplemented", "!(")];
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(crates).unwrap().display();
        assert!(text.starts_with("//! "), "crates/{name} does not begin with a `//!` header");
        assert!(!undone.iter().any(|word| text.contains(word)), "crates/{name} leaves something undone");
    }
}

fn room(package: &str) -> &str {
    package.strip_prefix("tidegate-").unwrap_or(package)
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is readable").flatten().map(|entry| entry.path());
    entries
        .flat_map(|path| match path.extension() {
            _ if path.is_dir() => rust_files(&path),
            Some(ending) if ending == "rs" => vec![path],
            _ => vec![],
        })
        .collect()
}
