//! Log lines that cannot be written: standard error is a full disk, or nobody reads it any more.

use std::fs::File;

use serde_json::json;

use crate::support::child::Serve;
use crate::support::walk;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_log_lines_cannot_be_written_serves_on() {
    let dir = tempfile::tempdir().unwrap();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let server = Serve::dev(dir.path()).set("TELEMETRY__LOG_LEVEL", "debug").logging_to(full).start().await;
    for n in 0..5 {
        server.store(json!({"type": "a", "data": {"n": n}})).await;
        server.post("/v1/events").body("{").send().await.problem(400, "invalid-json");
    }
    assert_eq!(walk::count(&server).await, 5);
    server.stop().await;
}
