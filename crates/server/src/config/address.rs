//! Addresses of stores, which may hold a password that is never shown.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// An address such as `postgres://user:password@host/name`; empty for none. `Debug` and serde show it without its
/// password; only [`Address::expose`] gives it whole.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

impl Address {
    /// The address `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The address with its password. Not for logs, errors or prints.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What stands before `://`.
    pub fn scheme(&self) -> &str {
        self.0.split_once("://").map_or("", |(scheme, _)| scheme)
    }

    fn shown(&self) -> String {
        let (address, query) = self.0.split_once('?').unwrap_or((&self.0, ""));
        let hidden = match (address.split_once("://"), address.rsplit_once('@')) {
            (Some((scheme, rest)), Some((_, host))) => {
                let user = rest.split([':', '@']).next().unwrap_or_default();
                let password = if rest.len() > user.len() + 1 + host.len() { ":***" } else { "" };
                format!("{scheme}://{user}{password}@{host}")
            }
            _ => address.to_owned(),
        };
        let query: Vec<_> = query.split('&').filter(|part| !part.is_empty()).map(without_secret).collect();
        if query.is_empty() { hidden } else { format!("{hidden}?{}", query.join("&")) }
    }
}

fn without_secret(part: &str) -> String {
    match part.split_once('=') {
        Some((name, _)) if name.eq_ignore_ascii_case("password") => format!("{name}=***"),
        _ => part.to_owned(),
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&self.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_shown_nowhere() {
        for (address, shown) in [
            ("", ""),
            ("postgres://h/db", "postgres://h/db"),
            ("postgres://me@h:5432/db", "postgres://me@h:5432/db"),
            ("postgres://me:hunter2@h/db?sslmode=require", "postgres://me:***@h/db?sslmode=require"),
            ("postgres://me:hun@ter2@h/db", "postgres://me:***@h/db"),
            ("redis://:hunter2@h:6379", "redis://:***@h:6379"),
            ("postgres://h/db?user=me&password=hunter2", "postgres://h/db?user=me&password=***"),
        ] {
            assert_eq!(Address::new(address).to_string(), shown);
        }
    }
}
