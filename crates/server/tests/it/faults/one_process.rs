//! One process per data directory.

use serde_json::json;

use crate::support::child::Serve;
use crate::support::{command, walk};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_directory_is_refused_in_plain_words_and_the_first_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Serve::dev(dir.path()).start().await;
    server.store(json!({"type": "a"})).await;
    for args in [&["serve", "--dev", "--listen", "127.0.0.1:0"][..], &["rebuild"], &["rebuild", "--check"]] {
        let second = command::run(dir.path(), args);
        assert_eq!(second.code, Some(1), "{args:?}");
        assert!(second.stderr.contains("in use by another process"), "{args:?}: {}", second.stderr);
        assert!(
            second.stderr.contains(dir.path().to_str().unwrap()),
            "it names the directory: {}",
            second.stderr
        );
        assert!(
            second.stderr.lines().count() <= 2 && !second.stderr.contains("panicked"),
            "{}",
            second.stderr
        );
    }
    server.store(json!({"type": "b"})).await;
    assert_eq!(walk::count(&server).await, 2);
    // The right is given back by death, too.
    server.kill();
    let server = Serve::dev(dir.path()).start().await;
    assert_eq!(walk::count(&server).await, 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named_and_the_directory_is_free_again() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = command::run(dir.path(), &["serve", "--dev", "--listen", &address]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains(&address), "{}", ended.stderr);
    Serve::dev(dir.path()).start().await.stop().await;
}
