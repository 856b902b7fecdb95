//! Sending requests, one at a time, until each is answered for good.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use hyper::{Method, StatusCode, header};

use super::super::client::{Answer, Client};
use super::batch::Batch;
use super::row::Door;
use super::verdict::{self, Verdict};

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
}

impl Sender {
    /// A sender to `door`.
    pub(super) fn new(client: Client, door: Door) -> Self {
        Self { client, door }
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
                Ok(answer) => return answer.success(),
                Err(error) if !batch.is_repeatable => {
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
