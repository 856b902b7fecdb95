//! Connections to one Redis, and the names of what is in it.

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client};
use tidegate_domain::id::Shard;

/// The consumer group of workers.
pub(crate) const GROUP: &str = "tidegate";

/// How Redis is used.
#[derive(Clone, Debug)]
pub struct TransportConfig {
    /// `redis://user:password@host:port/db`, `rediss://` for TLS.
    pub url: String,
    /// The log whose records are carried: those of another one, left in the same Redis, are not taken for its.
    pub log: String,
    /// How long a connection or an answer may take.
    pub timeout: Duration,
    /// Shards of the log.
    pub shards: u16,
    /// Most entries of a stream; beyond it nothing is added, so that nothing unread is ever trimmed.
    pub entries_max: usize,
    /// Most bytes of a stream, as Redis estimates them; beyond it nothing is added either.
    pub bytes_max: usize,
    /// How often an entry is delivered until it becomes a dead letter.
    pub deliveries_max: usize,
}

/// Why Redis did not do it. May be retried.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The address is none. Never helped by retrying.
    #[error("not an address of Redis: expected redis://user:password@host:port")]
    Address(#[source] redis::RedisError),
    /// It refused, or did not answer.
    #[error("Redis did not answer as it should")]
    Answer(#[from] redis::RedisError),
}

/// One Redis. Clones share its connection.
#[derive(Clone)]
pub struct Transport {
    client: Client,
    manager: ConnectionManager,
    pub(crate) config: TransportConfig,
}

impl Transport {
    /// A transport that connects when it is first used, and again whenever the connection breaks.
    ///
    /// Errors: the address is none. A Redis that does not answer is no error here.
    pub fn new(config: TransportConfig) -> Result<Self, TransportError> {
        let client = Client::open(config.url.as_str()).map_err(TransportError::Address)?;
        let managed = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(config.timeout))
            .set_response_timeout(Some(config.timeout))
            .set_number_of_retries(1);
        let manager = ConnectionManager::new_lazy_with_config(client.clone(), managed)?;
        Ok(Self { client, manager, config })
    }

    /// The shared connection.
    pub(crate) fn shared(&self) -> ConnectionManager {
        self.manager.clone()
    }

    /// A connection whose calls may wait for entries.
    pub(crate) async fn waiting(&self) -> Result<MultiplexedConnection, TransportError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.config.timeout))
            .set_response_timeout(None);
        Ok(self.client.get_multiplexed_async_connection_with_config(&config).await?)
    }

    /// The stream of a shard's records: `events:raw`, or `events:raw:{n}` if there are several.
    pub fn raw(&self, shard: Shard) -> String {
        if self.config.shards > 1 { format!("events:raw:{}", shard.0) } else { "events:raw".to_owned() }
    }

    /// True if Redis answers.
    pub async fn is_up(&self) -> bool {
        redis::cmd("PING").query_async::<String>(&mut self.shared()).await.is_ok()
    }
}
