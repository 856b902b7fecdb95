//! HTTP: connections, bodies, access, problems. What the routes do is in [`crate::doors`] and [`crate::api`].

pub mod auth;
pub mod body;
mod decode;
mod leftover;
pub mod observe;
pub mod params;
pub mod problem;
pub mod router;
pub mod serve;

pub use problem::Problem;
