//! HTTP: connections, bodies, access, problems. What the routes do is in [`crate::doors`] and [`crate::api`].

pub mod admission;
pub mod auth;
pub mod body;
mod decode;
pub mod lag;
mod leftover;
pub mod observe;
pub mod params;
mod patient;
pub mod per_address;
pub mod problem;
pub mod rates;
pub mod router;
pub mod serve;
mod source;
mod strict;

pub use problem::Problem;
