//! The built-in threat models, from outside.

mod builders;
mod laws;
mod mock;
mod patterns;
mod thoughts;
