//! The server: HTTP, auth, config, wiring and the command line. The only crate that knows all the others.
//!
//! - [`doors`]: wire shapes in; [`api`]: what is read back; [`http`]: connections, bodies, access, problems.
//! - [`app`]: what handlers work with; [`run`]: a server from start to stop; `retention`: what is deleted meanwhile.
//! - [`stores`]: files or a database; [`transport`]: Redis beside them; [`pipelines`]: who folds what.
//! - [`screening`]: the tiers that texts are screened by; [`masking`]: what is hidden before.
//! - [`backup`]: all that is not derived, in one file.
//! - [`config`]: settings; [`open_files`]: their limit; [`metrics`]; [`telemetry`]: log lines; [`otlp`]: traces; [`cli`]: the commands.

pub mod analysis;
pub mod api;
pub mod app;
pub mod backup;
pub mod cli;
pub mod clock;
pub mod config;
pub mod doors;
pub mod http;
pub mod masking;
pub mod metrics;
pub mod open_files;
pub mod otlp;
pub mod pipelines;
mod retention;
pub mod run;
pub mod screening;
pub mod stores;
pub mod telemetry;
pub mod transport;
