//! Reading a live stream, frame by frame.

use std::time::Duration;

use axum::http::Request;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use super::client::Client;

/// When a test gives up waiting for a frame.
const DEADLINE: Duration = Duration::from_secs(30);
/// A small window, so that a reader that stops is soon felt by the server.
const RECEIVE_BYTES: u32 = 16 << 10;

/// An open stream.
pub(crate) struct Stream {
    pub(crate) status: u16,
    body: Incoming,
    buffer: Vec<u8>,
    /// Drives the connection while the stream is open.
    _connection: JoinSet<()>,
}

/// One frame: a comment has nothing but its comment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Frame {
    pub(crate) id: Option<u64>,
    pub(crate) event: String,
    pub(crate) data: Value,
    pub(crate) comment: String,
}

/// Opens a stream, from the frame of `last_event_id` on.
pub(crate) async fn open(
    client: &Client,
    key: Option<&str>,
    path: &str,
    last_event_id: Option<u64>,
) -> Stream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(RECEIVE_BYTES).expect("a smaller buffer");
    let stream = socket.connect(client.address).await.expect("the server listens");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a connection");
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let _ = connection.await;
    });
    let mut request = Request::get(path).header("host", "localhost");
    if let Some(key) = key {
        request = request.header("x-api-key", key);
    }
    if let Some(id) = last_event_id {
        request = request.header("last-event-id", id);
    }
    let request = request.body(Empty::<Bytes>::new()).expect("a request");
    let answer = sender.send_request(request).await.expect("an answer");
    let mut stream = Stream {
        status: answer.status().as_u16(),
        body: answer.into_body(),
        buffer: Vec::new(),
        _connection: tasks,
    };
    if stream.status == 200 {
        let first = stream.next().await.expect("a first frame");
        assert!(
            first.id.is_some() && first.event.is_empty(),
            "the first frame says where to resume: {first:?}"
        );
    }
    stream
}

impl Stream {
    /// The next frame; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        tokio::time::timeout(DEADLINE, self.frame()).await.expect("a frame, or the end")
    }

    /// The next frame that dispatches an event; `None` at the end.
    pub(crate) async fn next_event(&mut self) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if !frame.event.is_empty() {
                return Some(frame);
            }
        }
    }

    /// The next `count` frames that are no comments.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Frame> {
        let mut frames = Vec::new();
        while frames.len() < count {
            frames.push(self.next_event().await.expect("the stream goes on"));
        }
        frames
    }

    async fn frame(&mut self) -> Option<Frame> {
        loop {
            // Pieces of the body end anywhere, inside a character too.
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let rest = self.buffer.split_off(end + 2);
                let frame = std::mem::replace(&mut self.buffer, rest);
                return Some(parse(std::str::from_utf8(&frame[..end]).expect("a frame is text")));
            }
            let bytes = self.body.frame().await?.ok()?.into_data().ok()?;
            self.buffer.extend_from_slice(&bytes);
        }
    }
}

fn parse(text: &str) -> Frame {
    let mut frame = Frame::default();
    for line in text.lines() {
        match line.split_once(": ").expect("a field") {
            ("id", id) => frame.id = Some(id.parse().expect("a position")),
            ("event", name) => frame.event = name.to_owned(),
            ("data", data) => frame.data = serde_json::from_str(data).expect("data on one line"),
            ("", comment) => frame.comment = comment.to_owned(),
            (other, _) => panic!("an unknown field: {other}"),
        }
    }
    frame
}
