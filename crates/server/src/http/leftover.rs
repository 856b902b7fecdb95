//! What a refused request had still to send: read and thrown away for a moment before the answer goes out. A client
//! that is still sending when its connection is closed sees a reset instead of the answer.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Most bytes that are thrown away.
const BYTES_MAX: usize = 64 << 20;
/// Longest time that is spent on it.
const TIME_MAX: Duration = Duration::from_secs(3);
/// A client that sends nothing for so long is waiting for its answer.
const SILENCE_MAX: Duration = Duration::from_millis(250);

/// A request's body, which comes back to its lender if it is dropped before its end.
pub(super) struct Lent {
    body: Option<Incoming>,
    back: Option<oneshot::Sender<Incoming>>,
}

/// Where an unread body comes back.
pub(super) struct Leftover(oneshot::Receiver<Incoming>);

/// Lends `body`.
pub(super) fn lend(body: Incoming) -> (Lent, Leftover) {
    let (back, leftover) = oneshot::channel();
    (Lent { body: Some(body), back: Some(back) }, Leftover(leftover))
}

impl Leftover {
    /// Throws away what was not read, within limits. To be called once the request was answered.
    pub(super) async fn discard(mut self) {
        let Ok(mut body) = self.0.try_recv() else { return };
        let reading = async {
            let mut left = BYTES_MAX;
            while let Ok(Some(Ok(frame))) = timeout(SILENCE_MAX, body.frame()).await {
                left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
                if left == 0 {
                    return;
                }
            }
        };
        // Past the limit the client has to live with a reset.
        let _ = timeout(TIME_MAX, reading).await;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take())
            && !body.is_end_stream()
        {
            let _ = back.send(body);
        }
    }
}

impl Body for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
