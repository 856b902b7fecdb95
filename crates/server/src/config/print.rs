//! `tidegate config print`: the merged settings, each with where it came from. Secrets are `***`.

use std::fmt::Write as _;

use toml::{Table, Value};

use super::Config;
use super::layers::Origins;

/// As TOML, one section after the other, with `# from …` behind each value.
pub(super) fn toml(config: &Config, origins: &Origins) -> String {
    let mut out = String::new();
    for (section, values) in sections(config) {
        let gap = if out.is_empty() { "" } else { "\n" };
        let _ = writeln!(out, "{gap}[{section}]");
        for (key, value) in values {
            let _ = writeln!(out, "{key} = {value}  # from {}", origin(origins, &section, &key));
        }
    }
    out
}

/// As JSON: `{"section": {"key": {"value": …, "from": "…"}}}`.
pub(super) fn json(config: &Config, origins: &Origins) -> String {
    let mut root = serde_json::Map::new();
    for (section, values) in sections(config) {
        let shown = values.iter().map(|(key, value)| {
            (key.clone(), serde_json::json!({"value": value, "from": origin(origins, &section, key)}))
        });
        root.insert(section.clone(), shown.collect::<serde_json::Map<_, _>>().into());
    }
    format!("{:#}\n", serde_json::Value::Object(root))
}

/// The sections as TOML tables, secrets masked by their own serialisation.
pub(super) fn sections(config: &Config) -> Vec<(String, Table)> {
    let root = Table::try_from(config).expect("settings are tables of plain values");
    let table = |(section, value)| match value {
        Value::Table(values) => Some((section, values)),
        _ => None,
    };
    root.into_iter().filter_map(table).collect()
}

fn origin(origins: &Origins, section: &str, key: &str) -> String {
    origins.get(&format!("{section}.{key}")).map(ToString::to_string).unwrap_or_default()
}
