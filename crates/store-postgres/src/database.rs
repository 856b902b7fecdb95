//! A database that all stores share: its connections, and its layout.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use tokio_postgres::Config;
use tokio_postgres::error::SqlState;

use crate::migrations::{DRAFT, MIGRATIONS, make_draft, migrate};
use crate::tls;

/// Connections that only appends and leases use, so that queries never keep them waiting.
const URGENT_CONNECTIONS: usize = 2;
/// Connections that only the rate limiter uses: neither waits for the other. None is made while no limit is set.
const COUNTING_CONNECTIONS: usize = 2;
/// A transaction whose process stands still is ended by the database after this long: others wait for its locks.
const IDLE_TRANSACTION_MAX_MS: u32 = 2000;

/// How a database is used.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// `postgres://user:password@host:port/name`, with `?sslmode=require` for TLS.
    pub url: String,
    /// Most connections for queries; two more serve appends and leases, and two the rate limiter.
    pub connections_max: usize,
    /// How long a connection or an answer may take.
    pub timeout: Duration,
}

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The address is none. Never retried.
    #[error("not a database address: expected postgres://user:password@host:port/name")]
    Address(#[source] tokio_postgres::Error),
    /// TLS cannot be set up. Never retried.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
    /// It was migrated by a newer program. Never retried.
    #[error("the database has layout {found}, this program knows layouts up to {known}: use a newer program")]
    TooNew {
        /// Its layout.
        found: usize,
        /// The newest layout that this program knows.
        known: usize,
    },
    /// No connection came free or could be made. May be retried.
    #[error("no connection to the database")]
    Connect(#[from] PoolError),
    /// The pool cannot be made. Never retried.
    #[error("the pool of connections cannot be made")]
    Pool(#[from] deadpool_postgres::BuildError),
    /// The database refused, or the connection broke. May be retried.
    #[error("the database did not answer as it should")]
    Answer(#[from] tokio_postgres::Error),
    /// No answer in time. May be retried.
    #[error("no answer from the database after {after_ms} ms")]
    TimedOut {
        /// How long was waited.
        after_ms: u64,
    },
    /// A row holds what this program does not write. Not helped by retrying.
    #[error("the database holds what this program does not write: {what}")]
    Unreadable {
        /// What it is.
        what: String,
    },
    /// The shard is another worker's now, or its checkpoint was moved.
    #[error("shard {shard} is leased to another worker, or was folded by it meanwhile")]
    Fenced {
        /// The shard.
        shard: u16,
    },
}

impl DatabaseError {
    /// True if other transactions got in the way, so that the same may be tried again at once.
    pub(crate) fn is_contention(&self) -> bool {
        let Self::Answer(error) = self else { return false };
        matches!(error.code(), Some(&SqlState::T_R_DEADLOCK_DETECTED | &SqlState::T_R_SERIALIZATION_FAILURE))
    }

    /// True if the database has said no, so that nothing of the transaction remains.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Answer(error) if error.code().is_some_and(|code| !code.code().starts_with("57P")))
    }
}

/// Connections to one database of the newest layout. Clones share them.
#[derive(Clone)]
pub struct Database {
    config: DatabaseConfig,
    queries: Pool,
    urgent: Pool,
    counting: Pool,
    pub(crate) timeout: Duration,
}

/// The schema of Views.
const VIEWS: &str = "views";

impl Database {
    /// Connects, and migrates the database to the newest layout.
    ///
    /// Errors: [`DatabaseError`].
    pub async fn open(config: &DatabaseConfig) -> Result<Self, DatabaseError> {
        let database = Self::connect(config)?;
        database.migrate(MIGRATIONS.len()).await?;
        Ok(database)
    }

    /// As [`Database::open`], of whatever layout the database is.
    pub fn connect(config: &DatabaseConfig) -> Result<Self, DatabaseError> {
        Self::with_views(config, VIEWS)
    }

    fn with_views(config: &DatabaseConfig, views: &str) -> Result<Self, DatabaseError> {
        Ok(Self {
            config: config.clone(),
            queries: pool(config, config.connections_max, views)?,
            urgent: pool(config, URGENT_CONNECTIONS, views)?,
            counting: pool(config, COUNTING_CONNECTIONS, views)?,
            timeout: config.timeout,
        })
    }

    /// The same database with Views of its own, empty at first: to compare with the kept ones.
    pub async fn draft_of_views(&self) -> Result<Self, DatabaseError> {
        make_draft(&mut *self.connection().await?).await?;
        Self::with_views(&self.config, DRAFT)
    }

    /// Removes the Views of [`Database::draft_of_views`].
    pub async fn drop_draft_of_views(&self) -> Result<(), DatabaseError> {
        let client = self.connection().await?;
        Ok(client.batch_execute(&format!("DROP SCHEMA IF EXISTS {DRAFT} CASCADE")).await?)
    }

    /// Number of the newest layout.
    pub fn newest_layout() -> usize {
        MIGRATIONS.len()
    }

    /// Brings the database to layout `to`, at most the newest; 0 is an empty one. What a layout's tables hold is lost
    /// when it is taken back.
    pub async fn migrate(&self, to: usize) -> Result<(), DatabaseError> {
        let mut client = self.queries.get().await?;
        migrate(&mut client, to).await
    }

    /// A connection for a query.
    pub(crate) async fn connection(&self) -> Result<Object, DatabaseError> {
        Ok(self.queries.get().await?)
    }

    /// A connection for the rate limiter.
    pub(crate) async fn counting(&self) -> Result<Object, DatabaseError> {
        Ok(self.counting.get().await?)
    }

    /// A connection for what must not wait for queries.
    pub(crate) async fn urgent(&self) -> Result<Connection, DatabaseError> {
        Ok(Connection { inner: Some(self.urgent.get().await?) })
    }

    /// What `work` gives, if it does within the time-out.
    pub(crate) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, DatabaseError>>,
    ) -> Result<T, DatabaseError> {
        let timed_out = DatabaseError::TimedOut { after_ms: self.timeout.as_millis() as u64 };
        tokio::time::timeout(self.timeout, work).await.unwrap_or(Err(timed_out))
    }
}

/// A connection that is closed when dropped, because nobody knows what it is in the middle of; unless it is given back.
pub(crate) struct Connection {
    inner: Option<Object>,
}

impl Connection {
    /// Gives it back, for the next to use.
    pub(crate) fn give_back(mut self) {
        self.inner = None;
    }
}

impl Deref for Connection {
    type Target = Object;

    fn deref(&self) -> &Object {
        self.inner.as_ref().expect("it is there until it is given back")
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut Object {
        self.inner.as_mut().expect("it is there until it is given back")
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.inner.take().map(Object::take);
    }
}

/// `views`: the schema in which the tables of Views are; all others are named with theirs.
fn pool(config: &DatabaseConfig, connections_max: usize, views: &str) -> Result<Pool, DatabaseError> {
    let mut address: Config = config.url.parse().map_err(DatabaseError::Address)?;
    let timeout_ms = config.timeout.as_millis();
    let options = address.get_options().unwrap_or_default();
    let options = format!(
        "{options} -c statement_timeout={timeout_ms} \
         -c idle_in_transaction_session_timeout={IDLE_TRANSACTION_MAX_MS} -c TimeZone=UTC \
         -c search_path={views}"
    );
    address
        .options(options)
        .connect_timeout(config.timeout)
        .tcp_user_timeout(config.timeout)
        .application_name("tidegate");
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(address, tls::connector()?, recycling);
    let pool = Pool::builder(manager)
        .max_size(connections_max)
        .runtime(Runtime::Tokio1)
        .timeouts(deadpool_postgres::Timeouts {
            wait: Some(config.timeout),
            create: Some(config.timeout),
            recycle: Some(config.timeout),
        })
        .build()?;
    Ok(pool)
}
