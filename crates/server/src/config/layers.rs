//! Layers: TOML tables laid one over the other, each value remembering where it came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

use super::{Config, ConfigError, aliases, scalar};

/// The compiled-in defaults.
pub(super) const DEFAULTS: &str = include_str!("../../../../config/default.toml");

/// Where the value of each key came from, by its dotted key.
pub(super) type Origins = BTreeMap<String, Origin>;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The compiled-in `default.toml`.
    Default,
    /// The file named by `--config`.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Env(name) => write!(f, "env {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// The layers merged so far. The defaults say which keys exist and of which type they are.
pub(super) struct Layers {
    table: Table,
    origins: Origins,
}

impl Layers {
    /// The lowest layer.
    pub(super) fn from_defaults() -> Result<Self, ConfigError> {
        let table = parse(DEFAULTS, Path::new("config/default.toml"))?;
        let origins = leaves(&table).into_iter().map(|(key, _)| (key, Origin::Default)).collect();
        Ok(Self { table, origins })
    }

    /// Lays the settings file at `path` over what there is.
    pub(super) fn apply_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        for (key, value) in leaves(&parse(&text, path)?) {
            let is_bare_section =
                value.is_table() && place(&mut self.table, &key).is_some_and(|p| p.is_table());
            if !is_bare_section {
                self.set(&key, value.clone(), Origin::File(path.to_owned()))?;
            }
        }
        Ok(())
    }

    /// Lays environment variables over what there is: first aliases, then `TIDEGATE_` names.
    pub(super) fn apply_env(&mut self, vars: &[(String, String)]) -> Result<(), ConfigError> {
        for (name, text) in vars.iter().filter(|(_, text)| !text.trim().is_empty()) {
            if let Some(key) = aliases::key_of_alias(name) {
                self.set_text(key, text, name)?;
            }
        }
        for (name, text) in vars {
            if let Some(key) = aliases::key_of_name(name) {
                self.set_text(&key, text, name)?;
            }
        }
        Ok(())
    }

    /// Sets `key`; refused at once, with its origin, if it is unknown or the value does not fit.
    pub(super) fn set(&mut self, key: &str, value: Value, origin: Origin) -> Result<(), ConfigError> {
        let Some(place) = place(&mut self.table, key) else {
            return Err(ConfigError::Unknown { key: key.into(), origin });
        };
        let wrong_type = |detail, origin| ConfigError::WrongType { key: key.into(), origin, detail };
        *place = match (&*place, value) {
            (Value::Float(_), Value::Integer(whole)) => Value::Float(whole as f64),
            (old, value) if old.same_type(&value) => value,
            (old, value) => {
                let detail = format!("expected {}, found {}", scalar::kind(old), scalar::kind(&value));
                return Err(wrong_type(detail, origin));
            }
        };
        // All before this one fitted, so a failure is this key's.
        Config::deserialize(self.table.clone())
            .map_err(|e| wrong_type(e.message().into(), origin.clone()))?;
        self.origins.insert(key.into(), origin);
        Ok(())
    }

    /// The merged settings.
    pub(super) fn finish(self) -> Result<(Config, Origins), ConfigError> {
        let config = Config::deserialize(self.table).map_err(|e| ConfigError::WrongType {
            key: "config/default.toml".into(),
            origin: Origin::Default,
            detail: e.message().into(),
        })?;
        Ok((config, self.origins))
    }

    fn set_text(&mut self, key: &str, text: &str, name: &str) -> Result<(), ConfigError> {
        let origin = Origin::Env(name.into());
        let Some(like) = place(&mut self.table, key) else {
            return Err(ConfigError::Unknown { key: key.into(), origin });
        };
        match scalar::parse(text, like) {
            Ok(value) => self.set(key, value, origin),
            Err(detail) => Err(ConfigError::WrongType { key: key.into(), origin, detail }),
        }
    }
}

/// Parses a settings file. Unlike TOML's own, the error shows none of its text, which may hold secrets.
fn parse(text: &str, path: &Path) -> Result<Table, ConfigError> {
    text.parse::<Table>().map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let before = text.get(..at).unwrap_or_default();
        ConfigError::Syntax {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.chars().rev().take_while(|c| *c != '\n').count() + 1,
            detail: error.message().into(),
        }
    })
}

/// Every value that is not a table with values of its own, with its dotted key.
fn leaves(table: &Table) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) if !inner.is_empty() => {
                found.extend(leaves(inner).into_iter().map(|(rest, value)| (format!("{key}.{rest}"), value)));
            }
            _ => found.push((key.clone(), value)),
        }
    }
    found
}

/// The value, or the section, at a dotted key.
fn place<'a>(table: &'a mut Table, key: &str) -> Option<&'a mut Value> {
    match key.split_once('.') {
        None => table.get_mut(key),
        Some((section, rest)) => place(table.get_mut(section)?.as_table_mut()?, rest),
    }
}
