//! What log lines hold: never a key, never content.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tidegate_domain::analysis::TurnKind;
use tidegate_domain::ports::ThreatModel;
use tidegate_providers::fallback::Fallback;
use tidegate_providers::settings::Api;
use tidegate_testkit::threat_model::{session, turn};

use crate::models::{KEY, open, settings};
use tidegate_testkit::vendor::{Act, Vendor, chat, verdict};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// At the finest level, of all crates: a request that succeeds, one that is raised to the floor, and one that fails.
#[tokio::test(flavor = "current_thread")]
async fn log_lines_hold_no_key_and_no_content() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let vendor = Vendor::start(|seen| Act::ok(chat(&verdict(seen, 0.0).to_string()))).await;
    let model = open(&settings(Api::Openai, &vendor));
    let request = session(vec![turn(0, TurnKind::User, "the canary sings")], 0.4);
    model.analyze_session(&request).await.unwrap();
    vendor.now(|seen| Act::Answer(401, vec![], format!("{}{KEY}", seen.body)));
    Fallback::new(model, vec![]).analyze_session(&request).await.unwrap_err();
    drop(guard);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("raised") && text.contains("status 401"), "{text}");
    assert!(!text.contains("hunter2") && !text.contains("canary"), "{text}");
}
