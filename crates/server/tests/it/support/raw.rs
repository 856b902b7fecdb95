//! A bare connection, for what no HTTP client would send.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use tokio::task::block_in_place;

/// When a test gives up waiting for bytes.
const DEADLINE: Duration = Duration::from_secs(30);

/// An open connection. Its calls block the test, not the server.
pub(crate) struct Raw(TcpStream);

impl Raw {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a time limit");
        stream.set_write_timeout(Some(DEADLINE)).expect("a time limit");
        Self(stream)
    }

    /// Sends all of `bytes`; false if the server closed before.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        block_in_place(|| self.0.write_all(bytes.as_ref())).is_ok()
    }

    /// All that comes until the server closes.
    pub(crate) fn rest(&mut self) -> String {
        let mut answer = Vec::new();
        // A reset after the answer is as good as an end.
        let _ = block_in_place(|| self.0.read_to_end(&mut answer));
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// All that comes until the server closes; what came so far, as an error, if it does not within `limit`.
    pub(crate) fn rest_within(&mut self, limit: Duration) -> Result<String, String> {
        self.0.set_read_timeout(Some(limit)).expect("a time limit");
        let mut answer = Vec::new();
        let ended = block_in_place(|| self.0.read_to_end(&mut answer));
        let answer = String::from_utf8_lossy(&answer).into_owned();
        match ended {
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => Err(answer),
            _ => Ok(answer),
        }
    }

    /// The next answer, which must have a length; `None` if nothing comes within `limit`.
    pub(crate) fn answer_within(&mut self, limit: Duration) -> Option<String> {
        self.0.set_read_timeout(Some(limit)).expect("a time limit");
        let mut byte = [0];
        let came = block_in_place(|| self.0.peek(&mut byte));
        self.0.set_read_timeout(Some(DEADLINE)).expect("a time limit");
        match came {
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => None,
            _ => Some(self.answer()),
        }
    }

    /// The next answer, which must have a length.
    pub(crate) fn answer(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push_str(&self.take(1));
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        let body = self.take(length.parse().expect("a number"));
        head + &body
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> String {
        let mut bytes = vec![0; count];
        block_in_place(|| self.0.read_exact(&mut bytes)).expect("bytes");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Sends bytes and reads until the server closes.
pub(crate) fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    let mut connection = Raw::connect(address);
    connection.send(bytes);
    connection.rest()
}
