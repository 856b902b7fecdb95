//! Writes that stop half-way: a limit on the size of files cuts one short and refuses the rest, until it is raised.

use std::process::Command;

use crate::support::account::{Account, Sent, is_sound};
use crate::support::child::{ChildServer, Serve};
use crate::support::patience::eventually;

/// Limits the size of the files that `server` may write; the bytes of a file below the limit can be written.
fn limit_files(server: &ChildServer, bytes: &str) {
    let mut prlimit = Command::new("prlimit");
    let done =
        prlimit.args(["--pid", &server.pid().to_string(), &format!("--fsize={bytes}:unlimited")]).status();
    assert!(done.expect("prlimit must be installed").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_stops_half_way_leaves_nothing_and_is_taken_once_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Serve::dev(dir.path()).set("LOG__SEGMENT_MAX_BYTES", 65_536).start().await;
    let mut account = Account::hasty();
    // In the middle of a group, at the start of a segment (its spare cannot be made), and in an index.
    for (events, limit) in [(2, "35000"), (3, "48000"), (5, "4000"), (9, "40000"), (10, "129")] {
        assert_eq!(account.send(&server, events).await, Sent::All);
        limit_files(&server, limit);
        let refused = account.send(&server, events + 4).await;
        assert_eq!(refused, Sent::Refused(507, "no-space".into()), "{limit}: {}", server.stderr());
        account.check(&server, limit).await;
        assert_eq!(server.get("/ready").await.status, 503);
        limit_files(&server, "unlimited");
        eventually("there is room again", async || {
            let next = account.acked.len() + 1;
            (account.send(&server, next).await == Sent::All).then_some(())
        })
        .await;
        account.check(&server, limit).await;
        assert_eq!(server.get("/ready").await.status, 200);
    }
    // Killed while a half of a group lies at the end.
    limit_files(&server, "20000");
    assert_eq!(account.send(&server, 100).await, Sent::Refused(507, "no-space".into()));
    server.kill();
    let server = Serve::dev(dir.path()).start().await;
    account.check(&server, "after a kill").await;
    let all = account.acked.len() + 3;
    assert_eq!(account.send(&server, all).await, Sent::All);
    account.check(&server, "after a restart").await;
    server.stop().await;
    is_sound(dir.path(), "short writes");
}
