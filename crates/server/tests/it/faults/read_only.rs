//! A file system that turns read-only under a running server, as a kernel does when a disk fails.

use serde_json::json;

use crate::support::account::{Account, Sent, is_sound};
use crate::support::child::Serve;
use crate::support::{command, strace};

/// What a file system refuses when it is read-only.
const CHANGES: &str = "pwrite64,fdatasync,fsync,rename,unlink,ftruncate";

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_turns_read_only_is_read_and_refuses_writes_until_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut account = Account::default();
    let mut server = Serve::dev(dir.path()).start().await;
    assert_eq!(account.send(&server, 3).await, Sent::All);
    let session = server.read("/v1/sessions/s").await;
    {
        let _read_only = strace::Attached::failing(server.pid(), CHANGES, "EROFS").await;
        assert_eq!(account.send(&server, 4).await, Sent::Refused(503, "log-closed".into()));
        for _ in 0..3 {
            let refused = server.post("/v1/events").json(&json!({"type": "a"})).send().await;
            refused.problem(503, "log-closed");
            assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
        }
        account.check(&server, "reads go on").await;
        assert_eq!(server.read("/v1/sessions/s").await, session);
        assert_eq!(server.get("/health").await.status, 200);
        let ready = server.get("/ready").await;
        assert_eq!(ready.status, 503);
    }
    // Writable again: nobody knows what became of the last write, so a restart it is.
    assert_eq!(account.send(&server, 4).await, Sent::Refused(503, "log-closed".into()));
    server.terminate();
    assert!(server.ended().await.success(), "{}", server.stderr());
    assert!(!server.stderr().contains("panicked"), "{}", server.stderr());
    let server = Serve::dev(dir.path()).start().await;
    account.check(&server, "after a restart").await;
    assert_eq!(account.send(&server, 6).await, Sent::All);
    account.check(&server, "and on").await;
    server.stop().await;
    is_sound(dir.path(), "read-only");
}

/// A file system that the kernel made read-only because of an error, with the server's files open.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "mounts a file of ext4: run by make nightly, as root"]
async fn a_file_system_that_stops_for_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let (image, mount) = (dir.path().join("image"), dir.path().join("mount"));
    std::fs::create_dir(&mount).unwrap();
    std::fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
    let (image, mount) = (image.to_str().unwrap(), mount.to_str().unwrap());
    done("mkfs.ext4", &["-q", image]);
    done("mount", &["-o", "loop", image, mount]);
    let data = std::path::Path::new(mount).join("data");
    let mut account = Account::default();
    let mut server = Serve::dev(&data).start().await;
    assert_eq!(account.send(&server, 3).await, Sent::All);
    done("mount", &["-o", "remount,abort", mount]);
    assert_eq!(account.send(&server, 4).await, Sent::Refused(503, "log-closed".into()));
    account.check(&server, "reads go on").await;
    assert_eq!(server.get("/v1/sessions/s").await.status, 200);
    server.terminate();
    server.ended().await;
    assert!(!server.stderr().contains("panicked"), "{}", server.stderr());
    let refused = Serve::dev(&data).try_start().await.err().expect("nothing can be written");
    assert!(refused.plain_words().contains("Read-only file system"), "{}", refused.stderr);
    let doctor = command::run(&data, &["doctor"]);
    assert_eq!(doctor.code, Some(0), "doctor needs no writing: {}{}", doctor.stdout, doctor.stderr);
    done("umount", &[mount]);
    done("mount", &["-o", "loop", image, mount]);
    let server = Serve::dev(&data).start().await;
    account.check(&server, "after a mount").await;
    assert_eq!(account.send(&server, 6).await, Sent::All);
    server.stop().await;
    is_sound(&data, "an aborted file system");
    done("umount", &[mount]);
}

#[track_caller]
fn done(program: &str, arguments: &[&str]) {
    let output = std::process::Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
