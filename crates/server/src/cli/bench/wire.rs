//! One HTTP/1.1 connection at the price of its system calls: whole requests out, a status and a length in.
//!
//! Only what our servers answer is understood: `content-length`, no chunks. Anything else is an error.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::traffic::PATH;

const BUFFER_BYTES: usize = 64 << 10;
/// Largest head of an answer.
const HEAD_MAX_BYTES: usize = 16 << 10;
/// Largest body of an answer.
const BODY_MAX_BYTES: usize = 16 << 20;
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// A keep-alive connection.
pub(super) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    /// Where the body of the answer last read begins.
    body_at: usize,
}

/// What a server answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// The status.
    pub(super) status: u16,
    /// Events that the body says were rejected.
    pub(super) rejected: u64,
}

/// The head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Its own length.
    bytes: usize,
    body_bytes: usize,
}

impl Wire {
    /// Connects to `address`.
    pub(super) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = timeout(CONNECT_MAX, TcpStream::connect(address)).await;
        let stream = stream
            .context("connecting took too long")?
            .with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; BUFFER_BYTES], filled: 0, body_at: 0 })
    }

    /// Sends `request`, head and body, and reads the whole answer.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Reply> {
        self.write(request).await.context("sending")?;
        self.filled = 0;
        let head = loop {
            self.fill().await?;
            if let Some(head) = head(&self.buffer[..self.filled])? {
                break head;
            }
        };
        self.body_at = head.bytes;
        let all = head.bytes + head.body_bytes;
        if self.buffer.len() < all {
            self.buffer.resize(all, 0);
        }
        while self.filled < all {
            self.fill().await?;
        }
        Ok(Reply { status: head.status, rejected: rejected(&self.buffer[head.bytes..all]) })
    }

    /// Posts a body of events, for benches that count no time for making a request.
    pub(super) async fn post_events(&mut self, body: &str) -> anyhow::Result<Reply> {
        let head =
            format!("POST {PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
        self.exchange(format!("{head}{body}").as_bytes()).await
    }

    /// Head and body of the answer last read.
    pub(super) fn answer(&self) -> (&[u8], &[u8]) {
        self.buffer[..self.filled].split_at(self.body_at)
    }

    /// The body of the answer last read, for an error message.
    pub(super) fn last_answer(&self) -> String {
        let text = String::from_utf8_lossy(&self.buffer[..self.filled.min(1000)]);
        crate::cli::text::escaped(&text).into_owned()
    }

    async fn write(&self, mut bytes: &[u8]) -> std::io::Result<()> {
        while !bytes.is_empty() {
            match self.stream.try_write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.stream.writable().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn fill(&mut self) -> anyhow::Result<()> {
        loop {
            self.stream.readable().await?;
            match self.stream.try_read(&mut self.buffer[self.filled..]) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(read) => {
                    self.filled += read;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error).context("receiving"),
            }
        }
    }
}

/// Reads the head of an answer; `None` if it has not ended. Errors: it is not what our servers send.
fn head(bytes: &[u8]) -> anyhow::Result<Option<Head>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        if bytes.len() > HEAD_MAX_BYTES {
            bail!("the head of the answer has more than {HEAD_MAX_BYTES} bytes");
        }
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end]).context("the head of the answer is no text")?;
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let status =
        status.with_context(|| format!("not an HTTP/1.1 answer: {}", crate::cli::text::escaped(first)))?;
    let lengths = lines
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let body_bytes = lengths
        .map(|(_, value)| value.trim().parse())
        .next()
        .context("the answer has no content-length")??;
    if body_bytes > BODY_MAX_BYTES {
        bail!("the answer has {body_bytes} bytes");
    }
    Ok(Some(Head { status, bytes: end + 4, body_bytes }))
}

/// The number after `"rejected":` near the start of a batch's answer; 0 if there is none.
fn rejected(body: &[u8]) -> u64 {
    const NAME: &[u8] = b"\"rejected\":";
    let start = &body[..body.len().min(128)];
    let Some(at) = start.windows(NAME.len()).position(|window| window == NAME) else { return 0 };
    let digits = start[at + NAME.len()..].iter().take_while(|b| b.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Type: a\r\nContent-Length: 12\r\n\r\nhello";
        assert_eq!(head(answer).unwrap(), Some(Head { status: 200, bytes: 56, body_bytes: 12 }));
        for end in 0..56 {
            assert_eq!(head(&answer[..end]).unwrap(), None, "{end}");
        }
    }

    #[test]
    fn what_our_servers_never_send_is_an_error() {
        for wrong in [
            "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\n",
            "HTTP/1.1 2x0\r\ncontent-length: 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        ] {
            assert!(head(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
        assert!(head(&vec![b'a'; HEAD_MAX_BYTES + 1]).is_err());
    }

    #[test]
    fn rejected_events_are_counted() {
        assert_eq!(rejected(br#"{"ok":false,"accepted":1,"duplicates":0,"rejected":499,"results":["#), 499);
        assert_eq!(rejected(br#"{"ok":true}"#), 0);
        assert_eq!(rejected(b"{\"rejected\":"), 0);
    }

    #[tokio::test]
    async fn answers_in_pieces_and_larger_than_the_buffer_are_read_whole() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = async {
            let (stream, _) = listener.accept().await.unwrap();
            for size in [3, BUFFER_BYTES * 3] {
                let mut request = [0; 4];
                while stream.try_read(&mut request).is_err() {
                    stream.readable().await.unwrap();
                }
                assert_eq!(&request, b"ping");
                let answer =
                    format!("HTTP/1.1 202 Accepted\r\ncontent-length: {size}\r\n\r\n{}", "x".repeat(size));
                for piece in answer.as_bytes().chunks(1 << 15) {
                    let mut piece = piece;
                    while !piece.is_empty() {
                        stream.writable().await.unwrap();
                        piece = &piece[stream.try_write(piece).unwrap_or(0)..];
                    }
                    tokio::task::yield_now().await;
                }
            }
        };
        let client = async {
            let mut wire = Wire::connect(address).await.unwrap();
            for _ in 0..2 {
                assert_eq!(wire.exchange(b"ping").await.unwrap(), Reply { status: 202, rejected: 0 });
            }
        };
        tokio::join!(server, client);
    }
}
