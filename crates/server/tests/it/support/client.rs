//! A small HTTP client: one connection a request, whole answers in memory, problems checked in full.

use std::net::SocketAddr;

use axum::http::request::Builder;
use axum::http::{HeaderMap, Method, Request};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// Talks to one server, with a key or without.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    key: Option<String>,
}

/// A request in the making.
pub(crate) struct Call {
    address: SocketAddr,
    request: Builder,
    body: Bytes,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The connection broke before the answer was whole.
pub(crate) type Broken = Box<dyn std::error::Error + Send + Sync>;

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, key: None }
    }

    /// The same client, with `key` on every request.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self.clone() }
    }

    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        if let Some(key) = &self.key {
            request = request.header("x-api-key", key);
        }
        Call { address: self.address, request, body: Bytes::new() }
    }

    pub(crate) fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    /// The answer to a `GET`.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path).send().await
    }

    /// The JSON of a `GET` that must succeed.
    pub(crate) async fn read(&self, path: &str) -> Value {
        self.get(path).await.ok()
    }

    /// The receipt of one event, which must be stored.
    pub(crate) async fn store(&self, event: Value) -> Value {
        self.post("/v1/events").json(&event).send().await.ok()
    }

    /// The answer to events sent at once, which must all be good ones.
    pub(crate) async fn store_all(&self, events: impl IntoIterator<Item = Value>) -> Value {
        let events: Vec<Value> = events.into_iter().collect();
        let answer = self.post("/v1/events").json(&Value::Array(events)).send().await.ok();
        assert_eq!(answer["rejected"], 0, "{answer}");
        answer
    }
}

impl Call {
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        if name.eq_ignore_ascii_case("host") {
            self.request.headers_mut().expect("the request is well formed").remove("host");
        }
        self.request = self.request.header(name, value.as_ref());
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// A body with its content type.
    pub(crate) fn typed(self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.header("content-type", content_type).body(body)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.typed("application/json", body.to_string())
    }

    /// Sends the request; the connection must hold.
    pub(crate) async fn send(self) -> Answer {
        self.try_send().await.expect("the server answers")
    }

    /// Sends the request on a connection that may break.
    pub(crate) async fn try_send(self) -> Result<Answer, Broken> {
        let stream = TcpStream::connect(self.address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request = self.request.body(Full::new(self.body))?;
        let exchange = async move {
            let (parts, body) = sender.send_request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, Broken>(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
        };
        let (answer, _) = tokio::join!(exchange, connection);
        answer
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e} in {}: {}", self.status, self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("headers are ASCII"))
    }

    /// The JSON of an answer that must be 200.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// The body of a refusal, which must be a whole problem of this status and kind.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, kind: &str) -> Value {
        assert_eq!((self.status, self.kind().as_str()), (status, kind), "{}", self.text());
        self.json()
    }

    /// The kind of a refusal, which must be a whole problem.
    #[track_caller]
    pub(crate) fn kind(&self) -> String {
        let text = self.text();
        assert_eq!(self.header("content-type"), "application/problem+json", "{}: {text}", self.status);
        let body = self.json();
        let said = |name: &str| body[name].as_str().filter(|said| !said.is_empty()).map(str::to_owned);
        assert_eq!(body["status"], self.status, "{text}");
        assert!(said("title").is_some() && said("detail").is_some(), "{text}");
        assert_eq!(said("requestId").as_deref(), Some(self.header("x-request-id")), "{text}");
        let kind = said("type").unwrap_or_default();
        kind.strip_prefix("/problems/").unwrap_or_else(|| panic!("a type: {text}")).to_owned()
    }

    /// Pointer and code of the first wrong field.
    pub(crate) fn first_error(&self) -> (String, String) {
        let error = &self.json()["errors"][0];
        let text = |name: &str| error[name].as_str().unwrap_or("-").to_owned();
        (text("pointer"), text("code"))
    }
}
