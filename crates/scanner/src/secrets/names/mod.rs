//! Secrets without a format of their own: known by the name of the provider they are assigned to.
//!
//! Most are letters and digits of one length. Two keys of one provider with the same shape are one rule.
//!
//! Source: each provider's own documentation of its keys.

mod infrastructure;
mod markets;
mod media;
mod people;

use super::rule::Rule;

/// Every rule of this sort.
pub(super) fn all() -> impl Iterator<Item = &'static Rule> {
    [infrastructure::RULES, markets::RULES, media::RULES, people::RULES].into_iter().flatten()
}

/// Eight, four, four, four, twelve: RFC 9562.
const UUID: &str = r"(?i-u:[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12})";
