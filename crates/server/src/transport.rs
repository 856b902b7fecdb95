//! Redis beside the stores: records to workers, folded events to others.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tidegate_stream_redis::connection::{Transport, TransportConfig};
use tidegate_stream_redis::outlet::{self, Publisher};
use tidegate_stream_redis::routes::Routes;
use tidegate_stream_redis::stats::TransportStats;

use crate::config::{Config, Role};
use crate::stores::Stores;

/// A process's transport, if its settings name one.
#[derive(Clone)]
pub struct Streams {
    /// The connection.
    pub transport: Transport,
    /// What it counts.
    pub stats: Arc<TransportStats>,
    /// Streams for other consumers.
    pub routes: Routes,
}

/// The log of a data directory has no other process to be told apart from.
const EMBEDDED_LOG: &str = "embedded";

impl Streams {
    /// The transport of `transport.url`. Errors: the address is none; a Redis that is away is no error.
    pub fn open(config: &Config, stores: &Stores) -> anyhow::Result<Option<Self>> {
        let settings = &config.transport;
        if settings.url.is_empty() {
            return Ok(None);
        }
        let (log, shards) = match stores {
            Stores::Embedded(_) => (EMBEDDED_LOG, 1),
            Stores::Postgres(stores) => (stores.log.id(), stores.log.shards()),
        };
        let transport = Transport::new(TransportConfig {
            url: settings.url.expose().to_owned(),
            log: log.to_owned(),
            timeout: Duration::from_millis(settings.timeout_ms),
            shards,
            entries_max: settings.stream_max_entries,
            bytes_max: settings.stream_max_bytes,
            deliveries_max: settings.deliveries_max,
        });
        let transport = transport.with_context(|| format!("transport.url {}", settings.url))?;
        let routes = Routes::new(transport.clone());
        Ok(Some(Self { transport, stats: Arc::default(), routes }))
    }

    /// Who publishes what this process appends, where other processes fold it.
    pub fn publisher(&self, config: &Config, stores: &Stores) -> Option<Publisher> {
        let Stores::Postgres(stores) = stores else { return None };
        if !config.server.has_role(Role::Api) {
            return None;
        }
        let (outlet, publisher) = outlet::open(self.transport.clone(), Arc::clone(&self.stats));
        stores.log.tell(Arc::new(outlet));
        Some(publisher)
    }
}
