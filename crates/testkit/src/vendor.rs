//! A model vendor in this process: takes requests on a port of its own, keeps them, and answers as it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Request line and headers, names in small letters.
    pub head: String,
    /// Its JSON.
    pub body: Value,
}

impl Seen {
    /// The value of a header; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        let of = |line: &'_ str| line.split_once(": ").is_some_and(|(found, _)| found == name);
        self.head
            .lines()
            .find(|line| of(line))
            .and_then(|line| line.split_once(": "))
            .map_or("", |(_, value)| value)
    }
}

/// What the vendor does with a request.
#[derive(Clone, Debug)]
pub enum Act {
    /// Answers by status, headers and body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Sends half of a body and closes.
    Half(String),
    /// Sends a head, then a byte now and then, without an end.
    Drip,
    /// Says nothing.
    Hang,
    /// Sends so many bytes of body.
    Huge(usize),
    /// Closes without a word.
    Close,
    /// Sends these bytes, which are no HTTP.
    Raw(&'static str),
}

impl Act {
    /// 200 with `body`.
    pub fn ok(body: impl std::fmt::Display) -> Self {
        Self::Answer(200, vec![], format!("{body}"))
    }

    /// An error without a word.
    pub fn status(status: u16) -> Self {
        Self::Answer(status, vec![], "{}".into())
    }
}

type Behaviour = dyn Fn(&Seen) -> Act + Send + Sync;

/// The vendor; it ends with this value.
pub struct Vendor {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    behaviour: Arc<Mutex<Arc<Behaviour>>>,
    connections: Arc<Mutex<u32>>,
    _accepting: JoinSet<()>,
}

impl Vendor {
    /// Starts one that answers by `behaviour`.
    pub async fn start(behaviour: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("the vendor works");
        let vendor = Self {
            address: listener.local_addr().expect("the vendor works"),
            seen: Arc::default(),
            behaviour: Arc::new(Mutex::new(Arc::new(behaviour))),
            connections: Arc::default(),
            _accepting: JoinSet::new(),
        };
        vendor.accepting(listener)
    }

    fn accepting(mut self, listener: TcpListener) -> Self {
        let (seen, behaviour) = (Arc::clone(&self.seen), Arc::clone(&self.behaviour));
        let connections = Arc::clone(&self.connections);
        self._accepting.spawn(async move {
            let mut serving = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                *connections.lock().expect("the vendor works") += 1;
                serving.spawn(serve(stream, Arc::clone(&seen), Arc::clone(&behaviour)));
            }
        });
        self
    }

    /// Answers so from here on.
    pub fn now(&self, behaviour: impl Fn(&Seen) -> Act + Send + Sync + 'static) {
        *self.behaviour.lock().expect("the vendor works") = Arc::new(behaviour);
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("the vendor works").clone()
    }

    /// Connections taken so far.
    pub fn connections(&self) -> u32 {
        *self.connections.lock().expect("the vendor works")
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Mutex<Vec<Seen>>>, behaviour: Arc<Mutex<Arc<Behaviour>>>) {
    let mut bytes = Vec::new();
    while let Some(request) = next(&mut stream, &mut bytes).await {
        seen.lock().expect("the vendor works").push(request.clone());
        let behaviour = Arc::clone(&*behaviour.lock().expect("the vendor works"));
        if !act(&mut stream, behaviour(&request)).await {
            return;
        }
    }
}

async fn next(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Seen> {
    loop {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8(bytes[..end].to_vec()).expect("the vendor works");
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .expect("the vendor works");
            let whole = end + 4 + length.parse::<usize>().expect("the vendor works");
            if bytes.len() >= whole {
                let body = serde_json::from_slice(&bytes[end + 4..whole]).expect("the vendor works");
                bytes.drain(..whole);
                return Some(Seen { head, body });
            }
        }
        if stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// True if the connection is still good.
async fn act(stream: &mut TcpStream, act: Act) -> bool {
    let text = match act {
        Act::Answer(status, headers, body) => {
            let headers: String =
                headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let length = body.len();
            format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}"
            )
        }
        Act::Half(body) => {
            let half = &body[..body.len() / 2];
            let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{half}", body.len());
            let _ = stream.write_all(text.as_bytes()).await;
            return false;
        }
        Act::Drip => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await;
            while stream.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            return false;
        }
        Act::Hang => std::future::pending().await,
        Act::Huge(bytes) => {
            format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n{}", "x".repeat(bytes))
        }
        Act::Close => return false,
        Act::Raw(text) => text.to_owned(),
    };
    stream.write_all(text.as_bytes()).await.is_ok()
}

/// An answer of OpenAI's with `content`.
pub fn chat(content: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content, "refusal": null},
            "logprobs": null, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1200, "completion_tokens": 300, "total_tokens": 1500},
    })
}

/// An answer of Anthropic's that calls the tool that `seen` offers, with `input`.
pub fn message(seen: &Seen, input: &Value) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": [{"type": "text", "text": "Let me see."},
            {"type": "tool_use", "id": "toolu_1", "name": seen.body["tools"][0]["name"], "input": input}],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {"input_tokens": 1000, "output_tokens": 300, "cache_read_input_tokens": 200,
            "cache_creation_input_tokens": null},
    })
}

/// A right verdict on what `seen` asks about: a session or a chain of thought.
pub fn verdict(seen: &Seen, risk: f64) -> Value {
    if seen.body.to_string().contains("reasoning_verdict") {
        return json!({"risk_score": risk, "labels": ["deception"], "indicators": [], "summary": "Because."});
    }
    json!({"risk_score": risk, "patterns": ["policy_probing"], "explanation": "Because.", "events": []})
}
