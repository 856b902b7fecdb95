//! Sending requests, one at a time, until each is answered for good.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use hyper::{Method, StatusCode, header};

use super::batch::Batch;
use super::row::Door;
use super::verdict::{self, Verdict};
use crate::cli::client::{Answer, Client, Unreachable};

/// How long a server may refuse before the import gives up.
const REFUSED_MAX: Duration = Duration::from_secs(300);
/// Longest single wait, whatever the server asks for.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// How often a request is sent again after its connection broke.
const BROKEN_MAX: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// Sends batches to one door.
pub(super) struct Sender {
    client: Client,
    door: Door,
    /// The server has answered before: if it is gone now, it may come back.
    was_answered: bool,
}

impl Sender {
    /// A sender to `door`.
    pub(super) fn new(client: Client, door: Door) -> Self {
        Self { client, door, was_answered: false }
    }

    /// The client, for other questions.
    pub(super) fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Sends `batch`; one verdict per event, in order.
    ///
    /// A server that refuses for now (429, 503, 507) is asked again when it says. A connection that broke is tried
    /// again only if every event has a key: without one, a second copy could not be told from a new event.
    /// Errors: the server refuses for good, or for too long; or nobody knows what became of the batch.
    pub(super) async fn send(&mut self, batch: &Batch) -> anyhow::Result<Vec<Verdict>> {
        let Some(first) = batch.places.first() else { return Ok(Vec::new()) };
        let answer = self.answered(batch).await;
        let verdicts = answer.and_then(|answer| verdict::read(&answer, batch.places.len()));
        verdicts.with_context(|| {
            format!("sending {} events, from {}:{} on", batch.places.len(), first.file, first.line)
        })
    }

    async fn answered(&mut self, batch: &Batch) -> anyhow::Result<Answer> {
        let (started, mut broken) = (Instant::now(), 0);
        loop {
            let json = [(header::CONTENT_TYPE, "application/json")];
            match self.client.send(Method::POST, self.door.path(), &json, batch.body.clone()).await {
                Ok(answer) if is_for_now(answer.status) => {
                    let wait = answer.retry_after().unwrap_or(FIRST_WAIT).clamp(FIRST_WAIT, WAIT_MAX);
                    if started.elapsed() + wait > REFUSED_MAX {
                        bail!(
                            "the server kept refusing for {} s: {}",
                            started.elapsed().as_secs(),
                            answer.problem()
                        );
                    }
                    tokio::time::sleep(wait).await;
                }
                Ok(answer) => {
                    self.was_answered = true;
                    return answer.success();
                }
                Err(error) if error.is::<Unreachable>() && !self.was_answered => return Err(error),
                Err(error) if !error.is::<Unreachable>() && !batch.is_repeatable => {
                    return Err(
                        error.context("these events may or may not be in, and some have no idempotencyKey")
                    );
                }
                Err(error) => {
                    broken += 1;
                    if broken > BROKEN_MAX {
                        return Err(error);
                    }
                    tokio::time::sleep(FIRST_WAIT * 2u32.pow(broken)).await;
                }
            }
        }
    }
}

fn is_for_now(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::Router;
    use axum::routing::post;

    use super::super::batch::Place;
    use super::*;

    /// Sends a batch of one event to a server that answers with `answers` in turn, the last one for ever.
    async fn send(answers: &'static [(u16, &'static str)]) -> (anyhow::Result<Vec<Verdict>>, u32) {
        let asked = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&asked);
        let answer = move || {
            let number = counter.fetch_add(1, Ordering::Relaxed) as usize;
            let (status, body) = answers[number.min(answers.len() - 1)];
            std::future::ready((StatusCode::from_u16(status).unwrap(), [(header::RETRY_AFTER, "0")], body))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = listener.local_addr().unwrap().into();
        let places = vec![Place { file: "f".into(), line: 3 }];
        let batch = Batch { body: "{}".into(), places, ..Batch::default() };
        let mut sender = Sender::new(Client::new(base, None).unwrap(), Door::Chat);
        let router = Router::new().route("/v1/events", post(answer));
        tokio::select! {
            served = axum::serve(listener, router) => panic!("the server ended: {served:?}"),
            verdicts = sender.send(&batch) => (verdicts, asked.load(Ordering::Relaxed)),
        }
    }

    const TAKEN: (u16, &str) = (200, r#"{"results":[{"status":"accepted"}]}"#);

    #[tokio::test]
    async fn a_refusal_for_now_is_tried_again() {
        let (verdicts, asked) = send(&[(503, ""), (429, ""), TAKEN]).await;
        assert_eq!((verdicts.unwrap(), asked), (vec![Verdict::Accepted], 3));
    }

    #[tokio::test]
    async fn a_refusal_for_good_stops_with_place_and_reason() {
        let (verdicts, asked) =
            send(&[(413, r#"{"title":"Batch too large","detail":"at most 1"}"#), TAKEN]).await;
        let error = format!("{:#}", verdicts.unwrap_err());
        assert_eq!(
            error,
            "sending 1 events, from f:3 on: the server answered 413 Batch too large: at most 1"
        );
        assert_eq!(asked, 1);
    }

    #[tokio::test]
    async fn a_batch_without_keys_is_not_sent_twice_over_a_broken_connection() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut sender =
            Sender::new(Client::new(listener.local_addr().unwrap().into(), None).unwrap(), Door::Chat);
        let batch = Batch { places: vec![Place { file: "f".into(), line: 1 }], ..Batch::default() };
        let hang_up = async {
            drop(listener.accept().await.unwrap());
            drop(listener);
        };
        let (sent, ()) = tokio::join!(sender.send(&batch), hang_up);
        let error = format!("{:#}", sent.unwrap_err());
        assert!(error.contains("may or may not be in"), "{error}");
        let error = format!("{:#}", sender.send(&batch).await.unwrap_err());
        assert!(error.contains("no server answers") && !error.contains("may or may not"), "{error}");
    }
}
