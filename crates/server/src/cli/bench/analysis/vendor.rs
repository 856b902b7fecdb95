//! A vendor that costs nothing: OpenAI's chat completions with one answer, which comes after a while and is counted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use axum::extract::State;
use axum::response::Json;
use axum::routing::post;
use axum::{Router, serve};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Characters of a token, as vendors say of English.
const TOKEN_CHARS: u64 = 4;

/// The vendor; ends when dropped.
pub(super) struct Vendor {
    /// Where it answers.
    pub(super) address: SocketAddr,
    counted: Arc<Counted>,
    _serving: JoinSet<()>,
}

/// What it counts.
#[derive(Default)]
struct Counted {
    answer_after: Duration,
    calls: AtomicU64,
    tokens: AtomicU64,
}

impl Vendor {
    /// A vendor that answers each call `answer_after` it came. Errors: no port.
    pub(super) async fn open(answer_after: Duration) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a port for the vendor")?;
        let address = listener.local_addr()?;
        let counted = Arc::new(Counted { answer_after, ..Counted::default() });
        let router =
            Router::new().route("/v1/chat/completions", post(answer)).with_state(Arc::clone(&counted));
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            // It ends with the bench; a vendor that is gone shows as failed calls.
            let _ = serve(listener, router).await;
        });
        Ok(Self { address, counted, _serving: serving })
    }

    /// Calls and tokens, both ways together, so far.
    pub(super) fn taken(&self) -> (u64, u64) {
        (self.counted.calls.load(Ordering::Relaxed), self.counted.tokens.load(Ordering::Relaxed))
    }
}

async fn answer(State(counted): State<Arc<Counted>>, Json(request): Json<Value>) -> Json<Value> {
    let verdict = json!({
        "risk_score": 0.1, "patterns": [], "events": [],
        "explanation": "An everyday conversation; nothing in how it moves speaks of an attack.",
    });
    let verdict = verdict.to_string();
    let messages = request["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let chars: usize = messages.iter().filter_map(|message| message["content"].as_str()).map(str::len).sum();
    let (input, output) = (chars as u64 / TOKEN_CHARS, verdict.len() as u64 / TOKEN_CHARS);
    counted.calls.fetch_add(1, Ordering::Relaxed);
    counted.tokens.fetch_add(input + output, Ordering::Relaxed);
    tokio::time::sleep(counted.answer_after).await;
    let message = json!({"role": "assistant", "content": verdict});
    Json(json!({
        "id": "chatcmpl-bench", "object": "chat.completion", "model": request["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output},
    }))
}
