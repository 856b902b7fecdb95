//! Values that have the right type and cannot work: refused with the key, the value and the limit.

use std::collections::HashSet;

use toml::Value;

use super::layers::Origins;
use super::{Config, ConfigError, Origin, print};

/// Whole numbers that may be 0, as `default.toml` says.
const MAY_BE_ZERO: &[&str] =
    &["intake.dedup_window_s", "intake.moderation_content_min_chars", "event.occurred_ahead_max_s"];
/// Longest duration in seconds: 100 years, so that no sum with a time overflows.
const DURATION_MAX_S: i64 = 100 * 366 * 86_400;
/// Longest duration in milliseconds: a day.
const DURATION_MAX_MS: i64 = 86_400_000;
/// Largest count or size: 2^40, so that no product with a unit overflows.
const COUNT_MAX: i64 = 1 << 40;
/// Longest window of a fingerprint, whose milliseconds are kept in 32 bits.
const DEDUP_WINDOW_MAX_S: u64 = (u32::MAX / 1000) as u64;
/// Deepest nesting that common JSON readers still take, with room for what wraps an event.
const DEPTH_MAX: usize = 100;
/// Most rows the log hands out at once.
const PAGE_MAX: usize = 1000;

/// Refuses the first value that cannot work.
pub(super) fn validate(config: &Config, origins: &Origins) -> Result<(), ConfigError> {
    for (section, values) in print::sections(config) {
        for (key, value) in values {
            let key = format!("{section}.{key}");
            if let Some(rule) = range_broken(&key, &value) {
                return Err(ConfigError::Invalid {
                    origin: origin(origins, &key),
                    value: value.to_string(),
                    key,
                    rule,
                });
            }
        }
    }
    match rules(config).into_iter().find(|rule| !rule.holds) {
        Some(rule) => Err(ConfigError::Invalid {
            key: rule.key.into(),
            origin: origin(origins, rule.key),
            value: rule.value,
            rule: rule.text,
        }),
        None => Ok(()),
    }
}

/// The range every whole number must lie in, by the unit in its name; says so if it does not.
fn range_broken(key: &str, value: &Value) -> Option<String> {
    let number = value.as_integer()?;
    let min = i64::from(!MAY_BE_ZERO.contains(&key));
    let max = match key.rsplit('_').next() {
        Some("s") => DURATION_MAX_S,
        Some("ms") => DURATION_MAX_MS,
        _ => COUNT_MAX,
    };
    (!(min..=max).contains(&number)).then(|| format!("must be {min} to {max}"))
}

/// One rule on one key.
struct Rule {
    key: &'static str,
    holds: bool,
    value: String,
    text: String,
}

fn rule(key: &'static str, holds: bool, value: impl ToString, text: impl Into<String>) -> Rule {
    Rule { key, holds, value: value.to_string(), text: text.into() }
}

fn at_most(key: &'static str, value: usize, max: usize, max_name: &str) -> Rule {
    rule(key, value <= max, value, format!("must be at most {max_name} ({max})"))
}

fn share(key: &'static str, value: f64) -> Rule {
    rule(key, value > 0.0 && value <= 1.0, value, "must be above 0 and at most 1")
}

/// Every rule beyond ranges.
fn rules(config: &Config) -> Vec<Rule> {
    let Config { server, intake, event, screening, masking, query, access, .. } = config;
    let loopback = server.listen.iter().find(|address| !address.ip().is_loopback());
    let repeated = first_repeated(server.listen.iter().filter(|address| address.port() != 0));
    let secret_fits = access.static_keys.iter().all(|key| is_key(key.expose()));
    let bad_name = masking.rules.iter().find(|rule| !is_name(&rule.name));
    let repeated_name = first_repeated(masking.rules.iter().map(|rule| &rule.name));
    vec![
        rule("server.listen", !server.listen.is_empty(), "[]", "needs at least one address"),
        rule("server.listen", repeated.is_none(), show(repeated), "an address is listed twice"),
        rule(
            "server.listen",
            !server.dev || loopback.is_none(),
            show(loopback),
            "with server.dev only loopback addresses are allowed",
        ),
        rule("server.data_dir", !server.data_dir.as_os_str().is_empty(), "\"\"", "must not be empty"),
        at_most(
            "server.body_max_bytes",
            server.body_max_bytes,
            server.decoded_max_bytes,
            "server.decoded_max_bytes",
        ),
        at_most(
            "server.decoded_max_bytes",
            server.decoded_max_bytes,
            server.inflight_max_bytes,
            "server.inflight_max_bytes",
        ),
        at_most(
            "server.decoded_max_bytes",
            server.decoded_max_bytes,
            intake.queue_max_bytes,
            "intake.queue_max_bytes",
        ),
        share("intake.backpressure_threshold", intake.backpressure_threshold),
        rule(
            "intake.dedup_window_s",
            intake.dedup_window_s <= DEDUP_WINDOW_MAX_S,
            intake.dedup_window_s,
            format!("must be at most {DEDUP_WINDOW_MAX_S}"),
        ),
        at_most(
            "intake.moderation_content_min_chars",
            intake.moderation_content_min_chars,
            event.moderation_content_max_chars,
            "event.moderation_content_max_chars",
        ),
        at_most("event.data_max_depth", event.data_max_depth, DEPTH_MAX, "what JSON readers take"),
        share("screening.threshold", screening.threshold),
        rule(
            "masking.rules",
            bad_name.is_none(),
            show(bad_name.map(|rule| &rule.name)),
            "a name is 1 to 32 of A-Za-z0-9._-",
        ),
        rule("masking.rules", repeated_name.is_none(), show(repeated_name), "a name is used twice"),
        at_most("query.page_default", query.page_default, query.page_max, "query.page_max"),
        at_most("query.page_max", query.page_max, PAGE_MAX, "what the log hands out at once"),
        at_most("query.page_max", query.page_max, query.scan_max_records, "query.scan_max_records"),
        rule(
            "access.static_keys",
            secret_fits,
            "***",
            "a key is printable ASCII without spaces or commas, at most 255 long",
        ),
    ]
}

/// True for what a client can send in a header and an operator can list: printable ASCII without `,`.
fn is_key(key: &str) -> bool {
    (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic() && b != b',')
}

fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    (1..=32).contains(&name.len()) && name.bytes().all(plain)
}

fn first_repeated<T: Eq + std::hash::Hash + Copy>(items: impl Iterator<Item = T>) -> Option<T> {
    let mut seen = HashSet::new();
    items.into_iter().find(|item| !seen.insert(*item))
}

fn show(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn origin(origins: &Origins, key: &str) -> Origin {
    origins.get(key).cloned().unwrap_or(Origin::Default)
}
