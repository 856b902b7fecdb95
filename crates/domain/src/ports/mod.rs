//! The ports: what the engine needs of the outside, each with numbered laws that `testkit` runs against every
//! adapter. Driver errors are mapped inside an adapter and never shown here.

mod control;
mod event_log;
mod feed;
mod jobs;
mod outlet;
mod queue_limits;
mod rate_limiter;
mod threat_model;
mod views;
mod world;

pub use control::{Control, ControlError, KeyRecord, Project, Scope, Scopes};
pub use event_log::{
    AppendBatch, AppendError, Appended, Deleted, EventLog, LogError, LogStatus, NewRecord, Page,
    QuarantinedRange, Receipt, Retention, Stored,
};
pub use feed::Feed;
pub use jobs::{DeadJob, JobId, JobOutcome, JobStats, Jobs, JobsError, LeasedJob, NewJob, Settled};
pub use outlet::Outlet;
pub use queue_limits::QueueLimits;
pub use rate_limiter::{Bucket, RateLimiter, RateLimiterError, Taken};
pub use threat_model::{ThreatModel, ThreatModelError};
pub use views::{
    Assessed, CotAnalyzed, Parked, RiskyPage, SessionPage, SessionRow, Snapshot, Views, ViewsBatch,
    ViewsError,
};
pub use world::{Clock, Entropy};
