//! Consumer groups: what was delivered and not acknowledged, by whom, how often.

use std::collections::HashMap;
use std::sync::Arc;

use redis::Value;
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamAutoClaimReply, StreamInfoConsumersReply, StreamPendingCountReply};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::connection::{GROUP, Transport, TransportError};
use crate::receiver::Receiver;
use crate::stats::TransportStats;

/// Entries taken over at once.
const COUNT: usize = 100;

type Fields = HashMap<String, Value>;

/// Makes the stream and its group, unless they are there.
pub(crate) async fn make_group(
    connection: &mut MultiplexedConnection,
    stream: &str,
) -> Result<(), TransportError> {
    let mut make = redis::cmd("XGROUP");
    make.arg("CREATE").arg(stream).arg(GROUP).arg("0").arg("MKSTREAM");
    match make.query_async::<Value>(connection).await {
        Err(error) if error.code() != Some("BUSYGROUP") => Err(error.into()),
        _ => Ok(()),
    }
}

/// Everything that was delivered to this shard's workers and not acknowledged. The caller holds the shard's lease, so
/// nobody else works on it, however short ago it was delivered. What was delivered too often is a dead letter.
pub(crate) async fn take_over(
    receiver: &Receiver,
    connection: &mut MultiplexedConnection,
) -> Result<Vec<(String, Fields)>, TransportError> {
    let (mut taken, mut from) = (Vec::new(), "0-0".to_owned());
    loop {
        let mut claim = redis::cmd("XAUTOCLAIM");
        claim
            .arg(&receiver.stream)
            .arg(GROUP)
            .arg(&receiver.worker)
            .arg(0)
            .arg(&from)
            .arg("COUNT")
            .arg(COUNT);
        let reply: StreamAutoClaimReply = claim.query_async(connection).await?;
        let deliveries = deliveries(receiver, connection, &reply).await?;
        for entry in reply.claimed {
            let count = deliveries.get(&entry.id).copied().unwrap_or_default();
            if count > receiver.transport.config.deliveries_max {
                receiver.count_dead_letter();
                bury(receiver, &entry.id, &entry.map, "delivered too often", count).await?;
            } else {
                taken.push((entry.id, entry.map));
            }
        }
        if reply.next_stream_id == "0-0" {
            forget_others(receiver, connection).await?;
            return Ok(taken);
        }
        from = reply.next_stream_id;
    }
}

/// How often each claimed entry was delivered.
async fn deliveries(
    receiver: &Receiver,
    connection: &mut MultiplexedConnection,
    claimed: &StreamAutoClaimReply,
) -> Result<HashMap<String, usize>, TransportError> {
    let (Some(first), Some(last)) = (claimed.claimed.first(), claimed.claimed.last()) else {
        return Ok(HashMap::new());
    };
    let mut ask = redis::cmd("XPENDING");
    ask.arg(&receiver.stream).arg(GROUP).arg(&first.id).arg(&last.id).arg(COUNT).arg(&receiver.worker);
    let reply: StreamPendingCountReply = ask.query_async(connection).await?;
    Ok(reply.ids.into_iter().map(|entry| (entry.id, entry.times_delivered)).collect())
}

/// Removes the names of workers that hold nothing any more.
async fn forget_others(
    receiver: &Receiver,
    connection: &mut MultiplexedConnection,
) -> Result<(), TransportError> {
    let reply: StreamInfoConsumersReply =
        redis::cmd("XINFO").arg("CONSUMERS").arg(&receiver.stream).arg(GROUP).query_async(connection).await?;
    let others =
        reply.consumers.into_iter().filter(|other| other.name != receiver.worker && other.pending == 0);
    for other in others {
        let mut forget = redis::cmd("XGROUP");
        forget.arg("DELCONSUMER").arg(&receiver.stream).arg(GROUP).arg(other.name);
        let _: Value = forget.query_async(connection).await?;
    }
    Ok(())
}

/// Moves an entry to the stream of dead letters, whole, with why.
pub(crate) async fn bury(
    receiver: &Receiver,
    id: &str,
    fields: &Fields,
    error: &str,
    attempts: usize,
) -> Result<(), TransportError> {
    let stream = &receiver.stream;
    tracing::error!(stream, id, error, attempts, "transport: a dead letter; the log is read in its place");
    let mut bury = redis::pipe();
    bury.atomic().cmd("XADD").arg(format!("{stream}:dlq")).arg("*");
    bury.arg("orig_id").arg(id).arg("stream").arg(stream).arg("error").arg(error);
    bury.arg("attempts").arg(attempts);
    for (name, value) in fields {
        if let Value::BulkString(bytes) = value {
            bury.arg(format!("payload.{name}")).arg(bytes);
        }
    }
    bury.cmd("XACK").arg(stream).arg(GROUP).arg(id).cmd("XDEL").arg(stream).arg(id);
    let _: Value = bury.query_async(&mut receiver.transport.shared()).await?;
    Ok(())
}

/// Acknowledges and removes entries that are done with, until their feed is gone. One that is not removed is taken over
/// by the next worker, who finds it folded.
pub(crate) async fn acknowledge(
    transport: Transport,
    stream: String,
    mut done: UnboundedReceiver<Vec<String>>,
    stats: Arc<TransportStats>,
) {
    let mut all = Vec::new();
    while done.recv_many(&mut all, COUNT).await > 0 {
        let ids: Vec<_> = all.drain(..).flatten().collect();
        let mut remove = redis::pipe();
        remove.cmd("XACK").arg(&stream).arg(GROUP).arg(&ids).ignore();
        remove.cmd("XDEL").arg(&stream).arg(&ids).ignore();
        if remove.query_async::<()>(&mut transport.shared()).await.is_err() {
            TransportStats::add(&stats.errors, 1);
        }
    }
}
