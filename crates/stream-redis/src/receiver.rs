//! The task that receives a shard's entries, for as long as its worker holds the lease.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::Value;
use redis::aio::MultiplexedConnection;
use redis::streams::StreamReadReply;

use crate::connection::{GROUP, Transport, TransportError};
use crate::entry;
use crate::feed::Buffer;
use crate::pending;
use crate::stats::TransportStats;

/// Entries received at once, and how long Redis waits for one.
const COUNT: usize = 100;
const BLOCK_MS: u64 = 1000;
/// How long until a failed call is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// Receives the entries of one stream.
pub(crate) struct Receiver {
    pub(crate) transport: Transport,
    pub(crate) stream: String,
    pub(crate) worker: String,
    buffer: Arc<Buffer>,
}

impl Receiver {
    pub(crate) fn new(transport: Transport, stream: String, worker: &str, buffer: Arc<Buffer>) -> Self {
        Self { transport, stream, worker: worker.to_owned(), buffer }
    }

    /// Receives until dropped. What fails is tried again; meanwhile the worker reads the log.
    pub(crate) async fn run(self) {
        let mut is_well = true;
        loop {
            let Err(error) = self.receive(&mut is_well).await;
            TransportStats::add(&self.buffer.stats().errors, 1);
            if std::mem::take(&mut is_well) {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(
                    error,
                    stream = self.stream,
                    "transport: nothing is received; the log is read"
                );
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Takes over what was delivered to workers before, then what is new. All is well once Redis has answered that.
    async fn receive(&self, is_well: &mut bool) -> Result<std::convert::Infallible, TransportError> {
        let mut connection = self.transport.waiting().await?;
        pending::make_group(&mut connection, &self.stream).await?;
        for (id, fields) in pending::take_over(self, &mut connection).await? {
            self.put(id, &fields).await?;
        }
        loop {
            self.buffer.has_room().await;
            let reply = self.next(&mut connection).await?;
            *is_well = true;
            for entry in reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids) {
                self.put(entry.id, &entry.map).await?;
            }
        }
    }

    async fn next(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> Result<Option<StreamReadReply>, TransportError> {
        let mut read = redis::cmd("XREADGROUP");
        read.arg("GROUP").arg(GROUP).arg(&self.worker).arg("COUNT").arg(COUNT).arg("BLOCK").arg(BLOCK_MS);
        read.arg("STREAMS").arg(&self.stream).arg(">");
        Ok(read.query_async(connection).await?)
    }

    /// Keeps an entry for the worker; one that cannot be read is a dead letter, and the log is read in its place.
    async fn put(&self, id: String, fields: &HashMap<String, Value>) -> Result<(), TransportError> {
        TransportStats::add(&self.buffer.stats().received, 1);
        match entry::decode(fields, &self.transport.config.log) {
            Ok(entry) => self.buffer.put(id, entry),
            Err(error) => {
                TransportStats::add(&self.buffer.stats().dead_letters, 1);
                pending::bury(self, &id, fields, &error.to_string(), 1).await?;
            }
        }
        Ok(())
    }

    pub(crate) fn count_dead_letter(&self) {
        TransportStats::add(&self.buffer.stats().dead_letters, 1);
    }
}
