//! A server that is killed at any moment leaves no session without its analysis, and none with two of the same.

use std::collections::HashMap;

use serde_json::Value;
use tempfile::TempDir;

use super::user;
use crate::support::child::{ChildServer, Serve};
use crate::support::nightly;
use crate::support::patience::eventually;

const SESSIONS: usize = 8;

async fn start(dir: &TempDir) -> ChildServer {
    let serve = Serve::dev(dir.path()).set("ANALYSIS__SESSION_ENABLED", true);
    // What a killed worker of a database held is soon free.
    serve.set("ANALYSIS__COALESCE_MS", 5).set("JOBS__LEASE_TTL_MS", 1000).start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_between_a_batch_and_its_jobs() {
    let dir = TempDir::new().unwrap();
    let mut last: HashMap<String, u64> = HashMap::new();
    for round in 0..nightly::count("ANALYSIS_KILLS", 6) as usize {
        let mut server = start(&dir).await;
        for n in 0..SESSIONS * 3 {
            let name = format!("s{}", (n + round) % SESSIONS);
            let stored = server.store(user(&name, &format!("round {round} message {n}"))).await;
            last.insert(name, stored["position"].as_u64().unwrap());
        }
        // Sooner or later: while jobs wait, run, are written, or are settled.
        tokio::time::sleep(std::time::Duration::from_millis(7 * round as u64)).await;
        server.kill();
    }
    let server = start(&dir).await;
    for (name, position) in last {
        let analysis = eventually(&format!("{name} analysed up to {position}"), async || {
            let session = server.read(&format!("/v1/sessions/{name}")).await["session"].clone();
            (session["analysis"]["until"].as_u64()? >= position).then(|| session["analysis"].clone())
        })
        .await;
        assert_eq!(analysis["until"], position);
        let path = format!("/v1/events?sessionId={name}&type=session.analyzed&limit=1000");
        let events = server.read(&path).await["events"].as_array().unwrap().clone();
        let mut until: Vec<&Value> = events.iter().map(|event| &event["data"]["until"]).collect();
        let all = until.len();
        until.dedup();
        assert_eq!(until.len(), all, "{name} was analysed twice up to one event");
    }
}
