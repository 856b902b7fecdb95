//! Secrets with a format of their own, by what their providers do.
//!
//! Source: each provider's own documentation of its keys; the formats are public so that they can be found.

mod cloud;
mod code;
mod hosts;
mod messaging;
mod models;
mod payment;
mod services;

use super::rule::Rule;

/// Every token rule.
pub(super) fn all() -> impl Iterator<Item = &'static Rule> {
    [
        cloud::RULES,
        code::RULES,
        hosts::RULES,
        messaging::RULES,
        models::RULES,
        payment::RULES,
        services::RULES,
    ]
    .into_iter()
    .flatten()
}
