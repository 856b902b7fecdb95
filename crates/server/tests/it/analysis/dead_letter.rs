//! A job that fails for good is kept, shown to its own project, and may be given another chance; a kind may be paused.

use serde_json::json;
use tidegate_testkit::vendor::{Act, Vendor, chat, verdict};

use super::{analysed, session, stats, user};
use crate::support::command::{self, make_key};
use crate::support::patience::eventually;
use crate::support::server::{ask, start_analysing};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_for_good_is_listed_and_revived() {
    let vendor = Vendor::start(|_| Act::ok("no JSON")).await;
    let server = start_analysing(|config| {
        ask(config, &vendor);
        config.jobs.attempts_max = 2;
    })
    .await;
    let stored = server.store(user("s", "hello")).await;
    let dead = eventually("a dead job", async || {
        server.read("/v1/quarantine").await["jobs"].as_array()?.first().cloned()
    })
    .await;
    assert_eq!((&dead["kind"], &dead["key"]), (&json!("session_analysis"), &json!("s")));
    assert_eq!(dead["attempts"], 2);
    assert!(dead["error"].as_str().unwrap().contains("not as asked"), "{dead}");
    assert_eq!(stats(&server, "session_analysis").await["failed"], 1);

    let other = server.with_key(&make_key(server.data_dir(), "other", "read,write").key);
    eventually("the key counts", async || (other.get("/v1/quarantine").await.status == 200).then_some(()))
        .await;
    assert_eq!(other.read("/v1/quarantine").await["jobs"], json!([]), "another project sees none of it");
    let retry = format!("/v1/quarantine/{}/retry", dead["id"].as_str().unwrap());
    assert_eq!(other.post(&retry).send().await.status, 404, "nor can it revive it");

    vendor.now(|seen| Act::ok(chat(&verdict(seen, 0.3).to_string())));
    assert_eq!(server.post(&retry).send().await.ok()["ok"], true);
    analysed(&server, "s", &stored["position"]).await;
    assert_eq!(server.read("/v1/quarantine").await["jobs"], json!([]));
    assert_eq!(server.post(&retry).send().await.status, 404, "once");
    assert_eq!(server.post("/v1/quarantine/nonsense/retry").send().await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_kind_waits_until_it_is_resumed() {
    let server = start_analysing(|_| {}).await;
    command::say(server.data_dir(), &["jobs", "pause", "session_analysis"]);
    let stored = server.store(user("s", "hello")).await;
    let paused = eventually("it waits", async || {
        let stats = stats(&server, "session_analysis").await;
        (stats["waiting"] == 1).then_some(stats)
    })
    .await;
    assert_eq!(paused["isPaused"], true);
    // Jobs are asked for before what they are about is committed.
    server.caught_up().await;
    assert!(session(&server, "s").await["analysis"].is_null());
    let said = command::say(server.data_dir(), &["jobs", "stats"]);
    assert!(said.contains("session_analysis  waiting 1") && said.contains("paused"), "{said}");
    command::say(server.data_dir(), &["jobs", "resume", "session_analysis"]);
    analysed(&server, "s", &stored["position"]).await;
}
