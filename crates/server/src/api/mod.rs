//! The native reading routes, screening, and what operators ask of a server.

pub mod cot_json;
pub mod docs;
pub mod event_json;
pub mod events;
pub mod exemplars;
mod fields;
pub mod jobs;
mod label_body;
pub mod quarantine;
pub mod screen;
pub mod session_analysis_json;
pub mod sessions;
pub mod similar;
pub mod stream;
pub mod system;
