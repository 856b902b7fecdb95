//! The use cases over ports: intake, pipeline, jobs, analysis, labels, query, live, access. Knows no store, no HTTP and no clock of its own.

pub mod access;
pub mod analysis;
pub mod intake;
pub mod jobs;
pub mod labelling;
pub mod labels;
pub mod live;
pub mod pipeline;
pub mod query;
pub mod similar;
