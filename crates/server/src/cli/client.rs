//! A small HTTP/1.1 client for our own server: one keep-alive connection, bounded answers, streams.
//!
//! No TLS and no redirects: it speaks to a listener of ours, on this machine or behind one's own tunnel.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tidegate_store_embedded::lock::{DirectoryLock, LockError};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::text;
use crate::run::SERVER_FILE;

/// How long a connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long an answer may take, its body included.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// Largest answer.
const BODY_MAX_BYTES: usize = 64 << 20;
/// Most characters of a server's words that are repeated in an error.
const DETAIL_MAX_COLUMNS: usize = 500;

/// Where a server answers: `http://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    host: String,
    port: u16,
}

impl FromStr for BaseUrl {
    type Err = anyhow::Error;

    fn from_str(url: &str) -> anyhow::Result<Self> {
        if url.starts_with("https://") {
            bail!("https is not spoken here: give the server's own http address, or that of a local proxy");
        }
        let authority = url.strip_prefix("http://").unwrap_or(url);
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b);
        if authority.is_empty() || !authority.bytes().all(is_plain) {
            bail!("expected http://host:port, got {}", text::escaped(url));
        }
        let end_of_host = authority.rfind(']').map_or(0, |end| end + 1);
        let (host, port) = match authority[end_of_host..].rfind(':') {
            None => (authority, 80),
            Some(colon) => {
                let (host, port) = authority.split_at(end_of_host + colon);
                (host, port[1..].parse().with_context(|| format!("not a port: {}", &port[1..]))?)
            }
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Ok(Self { host: host.to_owned(), port })
    }
}

impl From<SocketAddr> for BaseUrl {
    /// How to reach a listener on this machine: one that listens everywhere is reached over loopback.
    fn from(address: SocketAddr) -> Self {
        let host = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        Self { host: host.to_string(), port: address.port() }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority())
    }
}

impl BaseUrl {
    fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// What a running server writes into its data directory.
#[derive(Deserialize)]
pub(super) struct ServerFile {
    /// Its process.
    pub(super) pid: u32,
    /// Where it listens.
    pub(super) addresses: Vec<SocketAddr>,
}

impl ServerFile {
    /// Reads the file of `data_dir`; `None` if there is none, or it is being written.
    pub(super) fn read(data_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(data_dir.join(SERVER_FILE)).ok()?).ok()
    }
}

/// The server that works on `data_dir` at this moment; `None` if there is none.
///
/// A file that a killed server left behind does not count: the directory must be locked too.
pub fn running_server(data_dir: &Path) -> Option<BaseUrl> {
    let file = ServerFile::read(data_dir)?;
    match DirectoryLock::take(data_dir) {
        Err(LockError::Taken) => file.addresses.first().map(|address| (*address).into()),
        Ok(_) | Err(LockError::Io(_)) => None,
    }
}

/// `path` with a query string; names and values are percent-encoded.
pub fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut out = path.to_owned();
    for (number, (name, value)) in pairs.iter().enumerate() {
        out.push(if number == 0 { '?' } else { '&' });
        push_encoded(&mut out, name);
        out.push('=');
        push_encoded(&mut out, value);
    }
    out
}

fn push_encoded(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// The words of an error, in the shapes our doors use.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
}

impl Answer {
    /// The body as JSON. Errors: it is something else.
    pub fn json<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_slice(&self.body).with_context(|| {
            format!(
                "the server's answer is not what was expected ({}, {} bytes)",
                self.status,
                self.body.len()
            )
        })
    }

    /// What the server says is wrong, in one safe line.
    pub fn problem(&self) -> String {
        let problem: Problem = serde_json::from_slice(&self.body).unwrap_or_default();
        let words = match (problem.title, problem.detail) {
            (Some(title), Some(detail)) => format!("{title}: {detail}"),
            (Some(words), None) | (None, Some(words)) => words,
            (None, None) => self.status.canonical_reason().unwrap_or("no reason given").to_owned(),
        };
        let words = text::escaped(&words);
        format!("{} {}", self.status.as_u16(), text::shortened(&words, DETAIL_MAX_COLUMNS))
    }

    /// When to try again, if the server says so in seconds.
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    }

    /// This answer if it is a success. Errors: what the server says is wrong, with a hint if it is the key.
    pub fn success(self) -> anyhow::Result<Self> {
        match self.status {
            status if status.is_success() => Ok(self),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(anyhow!("{}", self.problem()).context(
                "the server does not let us in: give a key with --api-key (`tidegate key create` makes one)",
            )),
            _ => bail!("the server answered {}", self.problem()),
        }
    }
}

/// A client of one server.
pub struct Client {
    base: BaseUrl,
    api_key: Option<HeaderValue>,
    connection: Option<Connection>,
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Drives the connection; ends with it.
    _driver: JoinSet<()>,
}

impl Client {
    /// A client of the server at `base`; connects when first used. Errors: the key is no header value.
    pub fn new(base: BaseUrl, api_key: Option<&str>) -> anyhow::Result<Self> {
        let api_key = match api_key {
            None => None,
            Some(key) => {
                let mut value =
                    HeaderValue::from_str(key).ok().context("the API key holds characters no key has")?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        Ok(Self { base, api_key, connection: None })
    }

    /// Where the server is.
    pub fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// Asks for `path`.
    pub async fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        self.send(Method::GET, path, &[], Bytes::new()).await
    }

    /// Sends a request and reads the whole answer, whatever its status.
    ///
    /// Errors: no connection, no answer within a minute, or more than 64 MiB of it. After an error the server may or
    /// may not have acted on the request; the next call connects anew.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, &str)],
        body: Bytes,
    ) -> anyhow::Result<Answer> {
        let mut connection = self.connection().await?;
        let request = self.request(method, path, headers, body)?;
        let answer = timeout(ANSWER_MAX, async {
            let response = connection.sender.send_request(request).await.context("the connection broke")?;
            collect(response, BODY_MAX_BYTES).await
        });
        let answer = answer.await.map_err(|_| anyhow!("no answer within {} s", ANSWER_MAX.as_secs()));
        let answer = answer.and_then(|answer| answer).with_context(|| format!("asking {}", self.base))?;
        self.connection = Some(connection);
        Ok(answer)
    }

    /// Asks for a stream, on a connection of its own. An answer that is not 200 comes back whole.
    pub async fn open(
        &self,
        path: &str,
        headers: &[(HeaderName, &str)],
    ) -> anyhow::Result<Result<Stream, Answer>> {
        let mut connection = connect(&self.base).await?;
        let request = self.request(Method::GET, path, headers, Bytes::new())?;
        let answer = timeout(ANSWER_MAX, connection.sender.send_request(request)).await;
        let answer = answer.map_err(|_| anyhow!("no answer within {} s", ANSWER_MAX.as_secs()))?;
        let response = answer.with_context(|| format!("asking {}", self.base))?;
        if response.status() != StatusCode::OK {
            return Ok(Err(collect(response, BODY_MAX_BYTES).await?));
        }
        Ok(Ok(Stream { body: response.into_body(), _connection: connection }))
    }

    /// The open connection, if it still lives; else a new one.
    async fn connection(&mut self) -> anyhow::Result<Connection> {
        if let Some(mut connection) = self.connection.take()
            && connection.sender.ready().await.is_ok()
        {
            return Ok(connection);
        }
        connect(&self.base).await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, &str)],
        body: Bytes,
    ) -> anyhow::Result<Request<Full<Bytes>>> {
        let agent = concat!("tidegate-cli/", env!("CARGO_PKG_VERSION"));
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.base.authority())
            .header(header::USER_AGENT, agent);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        if let Some(key) = &self.api_key {
            request = request.header("x-api-key", key);
        }
        request.body(Full::new(body)).context("the request cannot be written as HTTP")
    }
}

/// Nobody listens there; nothing was sent.
#[derive(Debug, thiserror::Error)]
#[error("no server answers at {0}")]
pub struct Unreachable(BaseUrl);

async fn connect(base: &BaseUrl) -> anyhow::Result<Connection> {
    let connecting = timeout(CONNECT_MAX, TcpStream::connect((base.host.as_str(), base.port))).await;
    let stream = connecting.map_err(|_| anyhow!("no connection within {} s", CONNECT_MAX.as_secs()));
    let stream =
        stream.and_then(|stream| Ok(stream?)).map_err(|error| error.context(Unreachable(base.clone())))?;
    stream.set_nodelay(true)?;
    let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.context("no HTTP connection")?;
    let mut drivers = JoinSet::new();
    drivers.spawn(async move {
        // A broken connection is seen by whoever waits for its answer.
        let _ = driver.await;
    });
    Ok(Connection { sender, _driver: drivers })
}

async fn collect(response: Response<Incoming>, max_bytes: usize) -> anyhow::Result<Answer> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, max_bytes).collect().await;
    let body =
        body.map_err(|error| anyhow!(error)).with_context(|| format!("reading at most {max_bytes} bytes"))?;
    Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
}

/// A body that comes bit by bit.
pub struct Stream {
    body: Incoming,
    _connection: Connection,
}

impl Stream {
    /// The next bytes; `None` at the end. Cancel-safe. Errors: the connection broke.
    pub async fn next(&mut self) -> anyhow::Result<Option<Bytes>> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(bytes) = frame.context("the connection broke")?.into_data() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> Option<String> {
        url.parse::<BaseUrl>().ok().map(|base| base.to_string())
    }

    #[test]
    fn a_url_is_a_host_and_a_port() {
        assert_eq!(shown("http://127.0.0.1:3001/").as_deref(), Some("http://127.0.0.1:3001"));
        assert_eq!(shown("localhost:80").as_deref(), Some("http://localhost:80"));
        assert_eq!(shown("http://events.example").as_deref(), Some("http://events.example:80"));
        assert_eq!(shown("http://[::1]:3001").as_deref(), Some("http://[::1]:3001"));
        assert_eq!(shown("http://[::1]").as_deref(), Some("http://[::1]:80"));
        for wrong in
            ["", "http://", "https://a:1", "http://a:1/path", "http://a:99999", "http://u@a:1", "http://a b"]
        {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_listener_on_all_addresses_is_reached_over_loopback() {
        let reach = |address: &str| BaseUrl::from(address.parse::<SocketAddr>().unwrap()).to_string();
        assert_eq!(reach("0.0.0.0:3001"), "http://127.0.0.1:3001");
        assert_eq!(reach("[::]:3001"), "http://[::1]:3001");
        assert_eq!(reach("10.0.0.7:80"), "http://10.0.0.7:80");
    }

    #[test]
    fn query_values_are_encoded() {
        assert_eq!(with_query("/v1/events", &[]), "/v1/events");
        assert_eq!(
            with_query("/v1/events", &[("a", "b c&d"), ("e", "ü=")]),
            "/v1/events?a=b%20c%26d&e=%C3%BC%3D"
        );
    }

    #[test]
    fn a_problem_is_one_safe_line() {
        let answer = |body: &'static str| Answer {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        };
        let problem =
            answer("{\"title\":\"Invalid event\",\"detail\":\"/type:\\n\\u001b[2J missing\"}").problem();
        assert_eq!(problem, "422 Invalid event: /type:\\n\\x1b[2J missing");
        assert_eq!(answer("<html>").problem(), "422 Unprocessable Entity");
    }

    #[test]
    fn a_file_left_by_a_killed_server_is_no_running_server() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(running_server(dir.path()), None);
        std::fs::write(dir.path().join(SERVER_FILE), r#"{"pid":1,"addresses":["0.0.0.0:3001"]}"#).unwrap();
        assert_eq!(running_server(dir.path()), None);
        let _lock = DirectoryLock::take(dir.path()).unwrap();
        assert_eq!(running_server(dir.path()).unwrap().to_string(), "http://127.0.0.1:3001");
    }
}
