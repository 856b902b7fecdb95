//! Values that have the right type and cannot work: refused with the key, the value and the limit.

use std::collections::{BTreeMap, HashSet};
use std::error::Error as _;
use std::hash::Hash;

use tidegate_domain::assessment::Category;
use tidegate_embedding::KernelChoice;
use tidegate_engine::intake::RegexMask;
use tidegate_providers::settings::Api;
use tidegate_screening::Settings;
use toml::Value;

use super::layers::Origins;
use super::{
    Access, Address, Analysis, Config, ConfigError, Device, Embedding, Masking, Origin, Role, Screening,
    Server, Telemetry, Vendor, print,
};
use crate::analysis::MODEL_NAMES;
use crate::otlp::Endpoint;
use crate::screening::of_project;

/// Whole numbers that may be 0, as `default.toml` says.
const MAY_BE_ZERO: &[&str] = &[
    "intake.dedup_window_s",
    "intake.moderation_content_min_chars",
    "event.occurred_ahead_max_s",
    "log.retention_max_age_s",
    "log.retention_max_bytes",
    "server.connections_per_address_max",
    "server.connection_max_requests",
    "embedding.threads",
    "analysis.coalesce_ms",
    "analysis.session_interval_min_ms",
];

/// Calls and prices may be 0, in any section.
const MAY_BE_ZERO_UNITS: [&str; 2] = ["calls_per_minute", "_microusd_per_mtok"];

/// Numbers with a fraction that are no share above 0 and up to 1: their range.
const RANGES: &[(&str, f64, f64)] = &[
    ("analysis.sample_ratio", 0.0, 1.0),
    ("analysis.sample_risk_min", 0.0, 1.0),
    // Negative: the model's own way.
    ("openai.temperature", -1.0, 2.0),
    ("anthropic.temperature", -1.0, 1.0),
];

/// Rates and bursts may be 0, and have a largest value: a bucket counts whole microseconds.
const RATE_LIMIT: [&str; 2] = [REQUESTS_PER_MINUTE, BURST_REQUESTS];
const REQUESTS_PER_MINUTE: &str = "_requests_per_minute";
const BURST_REQUESTS: &str = "_burst_requests";
const RATE_LIMIT_MAX: i64 = 1_000_000;

/// Largest values of single keys.
const LARGEST: &[(&str, i64)] = &[
    // The log takes no larger batch at once.
    ("server.decoded_max_bytes", 256 << 20),
    // Places in a segment are kept in 31 bits.
    ("log.segment_max_bytes", 1 << 31),
    // A fingerprint keeps its window in 32 bits of milliseconds.
    ("intake.dedup_window_s", u32::MAX as i64 / 1000),
    // Common JSON readers stop at 128 levels; an answer wraps an event in a few.
    ("event.data_max_depth", 100),
    // The log hands out so many records at once.
    ("query.page_max", 1000),
    // What positions such models have.
    ("embedding.max_tokens", 512),
    // Kept in 15 bits.
    ("store.shards", 1024),
    // So many records of a session are looked up at once.
    ("analysis.events_max", 1000),
];

/// Largest values by unit, so that no sum with a time and no product with a unit overflows: 100 years, a day, 2^40.
const LARGEST_OF_UNIT: &[(&str, i64)] = &[
    ("_s", 100 * 366 * 86_400),
    ("_ms", 86_400_000),
    (REQUESTS_PER_MINUTE, RATE_LIMIT_MAX),
    (BURST_REQUESTS, RATE_LIMIT_MAX),
    ("", 1 << 40),
];

/// Keys whose value may not be above that of another, or the larger could never be used.
const AT_MOST: &[(&str, &str)] = &[
    ("server.body_max_bytes", "server.decoded_max_bytes"),
    ("server.decoded_max_bytes", "server.inflight_max_bytes"),
    ("server.decoded_max_bytes", "intake.queue_max_bytes"),
    ("intake.moderation_content_min_chars", "event.moderation_content_max_chars"),
    ("query.page_default", "query.page_max"),
    ("query.page_max", "query.scan_max_records"),
    ("jobs.backoff_min_ms", "jobs.backoff_max_ms"),
];

/// A value that cannot work: its key, the value, and the rule it breaks.
struct Broken {
    key: String,
    value: String,
    rule: String,
}

impl Broken {
    fn new(key: &str, value: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into(), rule: rule.into() }
    }
}

/// Refuses the first value that cannot work.
pub(super) fn validate(config: &Config, origins: &Origins) -> Result<(), ConfigError> {
    let values: BTreeMap<String, Value> = print::sections(config)
        .into_iter()
        .flat_map(|(section, table)| {
            table.into_iter().map(move |(key, value)| (format!("{section}.{key}"), value))
        })
        .collect();
    let broken = values
        .iter()
        .find_map(|(key, value)| out_of_range(key, value))
        .or_else(|| AT_MOST.iter().find_map(|(key, other)| above(&values, key, other)))
        .or_else(|| values.iter().find_map(|(key, value)| burst_of_nothing(&values, key, value)))
        .or_else(|| addresses(&config.server))
        .or_else(|| roles(config))
        .or_else(|| address("store.url", &config.store.url, DATABASES))
        .or_else(|| address("transport.url", &config.transport.url, REDISES))
        .or_else(|| words(&config.screening))
        .or_else(|| categories("screening.categories_off", &config.screening.categories_off))
        .or_else(|| projects(&config.screening))
        .or_else(|| embedding(&config.embedding))
        .or_else(|| analysis(&config.analysis))
        .or_else(|| vendor("openai", Api::Openai, &config.openai))
        .or_else(|| vendor("anthropic", Api::Anthropic, &config.anthropic))
        .or_else(|| masking(&config.masking))
        .or_else(|| keys(&config.access))
        .or_else(|| collector(&config.telemetry));
    match broken {
        Some(Broken { key, value, rule }) => {
            let origin = origins.get(&key).cloned().unwrap_or(Origin::Default);
            Err(ConfigError::Invalid { key, origin, value, rule })
        }
        None => Ok(()),
    }
}

/// Whole numbers have a range; every other number is a share of 1.
fn out_of_range(key: &str, value: &Value) -> Option<Broken> {
    match *value {
        Value::Integer(number) => {
            let has_unit = |units: &[&str]| units.iter().any(|unit| key.ends_with(unit));
            let may_be_zero =
                MAY_BE_ZERO.contains(&key) || has_unit(&RATE_LIMIT) || has_unit(&MAY_BE_ZERO_UNITS);
            let min = i64::from(!may_be_zero);
            let own = LARGEST.iter().find(|(name, _)| *name == key);
            let of_unit = LARGEST_OF_UNIT.iter().find(|(unit, _)| key.ends_with(unit));
            let max = own.or(of_unit).map_or(i64::MAX, |(_, max)| *max);
            let fits = (min..=max).contains(&number);
            (!fits).then(|| Broken::new(key, number.to_string(), format!("must be {min} to {max}")))
        }
        Value::Float(number) if RANGES.iter().any(|(name, ..)| *name == key) => {
            let (_, min, max) = RANGES.iter().find(|(name, ..)| *name == key)?;
            let fits = (*min..=*max).contains(&number);
            (!fits).then(|| Broken::new(key, number.to_string(), format!("must be {min} to {max}")))
        }
        Value::Float(share) => {
            let fits = share > 0.0 && share <= 1.0;
            (!fits).then(|| Broken::new(key, share.to_string(), "must be above 0 and at most 1"))
        }
        _ => None,
    }
}

fn above(values: &BTreeMap<String, Value>, key: &str, other: &str) -> Option<Broken> {
    let (value, max) = (values.get(key)?.as_integer()?, values.get(other)?.as_integer()?);
    (value > max).then(|| Broken::new(key, value.to_string(), format!("must be at most {other} ({max})")))
}

/// A burst without a rate would limit nothing.
fn burst_of_nothing(values: &BTreeMap<String, Value>, key: &str, burst: &Value) -> Option<Broken> {
    let rate = format!("{}{REQUESTS_PER_MINUTE}", key.strip_suffix(BURST_REQUESTS)?);
    let is_off = values.get(&rate)?.as_integer() == Some(0);
    let burst = burst.as_integer().filter(|burst| is_off && *burst > 0)?;
    Some(Broken::new(key, burst.to_string(), format!("has no effect while {rate} is 0")))
}

fn addresses(server: &Server) -> Option<Broken> {
    let key = "server.listen";
    if server.data_dir.as_os_str().is_empty() {
        return Some(Broken::new("server.data_dir", "\"\"", "must not be empty"));
    }
    if server.listen.is_empty() {
        return Some(Broken::new(key, "[]", "needs at least one address"));
    }
    if let Some(twice) = first_repeated(server.listen.iter().filter(|address| address.port() != 0)) {
        return Some(Broken::new(key, twice.to_string(), "an address is listed twice"));
    }
    let open = server.listen.iter().find(|address| server.dev && !address.ip().is_loopback())?;
    Some(Broken::new(key, open.to_string(), "with server.dev only loopback addresses are allowed"))
}

fn roles(config: &Config) -> Option<Broken> {
    let (key, server) = ("server.roles", &config.server);
    if server.roles.is_empty() {
        return Some(Broken::new(key, "[]", "needs at least one of api, worker, all"));
    }
    let needs_others = !server.has_role(Role::Api) && config.store.url.is_empty();
    needs_others.then(|| {
        Broken::new(key, "[\"worker\"]", "a worker shares a database with others, so it needs store.url")
    })
}

/// What an address may begin with, and an example.
type Schemes = (&'static [&'static str], &'static str);
const DATABASES: Schemes = (&["postgres", "postgresql"], "postgres://user:password@host:port/name");
const REDISES: Schemes = (&["redis", "rediss"], "redis://user:password@host:port");

fn address(key: &str, url: &Address, (schemes, example): Schemes) -> Option<Broken> {
    let is_known = url.is_empty() || schemes.contains(&url.scheme());
    (!is_known).then(|| Broken::new(key, url.to_string(), format!("expected {example}, or nothing")))
}

/// Each list as the screener will take it.
fn words(screening: &Screening) -> Option<Broken> {
    let lists = [
        ("screening.offensive_words", &screening.offensive_words, "offensive"),
        ("screening.targeting_words", &screening.targeting_words, "targeting"),
        ("screening.allowed_words", &screening.allowed_words, "allowed"),
    ];
    lists.into_iter().find_map(|(key, words, list)| {
        let fault = only(list, words).check().err()?;
        Some(Broken::new(key, format!("a list of {}", words.len()), fault.to_string()))
    })
}

/// Settings with nothing but one list.
fn only(list: &str, words: &[String]) -> Settings {
    let of = |name| if name == list { words.to_vec() } else { Vec::new() };
    let (offensive, targeting, allowed) = (of("offensive"), of("targeting"), of("allowed"));
    Settings { offensive, targeting, allowed, ..Settings::default() }
}

/// Names of categories that can be switched off.
fn categories(key: &str, names: &[String]) -> Option<Broken> {
    let is_risk = |name: &&String| Category::parse(name).is_none_or(|category| category == Category::LowRisk);
    let name = names.iter().find(is_risk)?;
    let known: Vec<_> = Category::ALL[1..].iter().map(|category| category.name()).collect();
    Some(Broken::new(key, name.as_str(), format!("expected one of {}", known.join(", "))))
}

/// What single projects have besides.
fn projects(screening: &Screening) -> Option<Broken> {
    let key = "screening.projects";
    if let Some(twice) = first_repeated(screening.projects.iter().map(|own| own.project.as_str())) {
        return Some(Broken::new(key, twice, "a project is listed twice"));
    }
    screening.projects.iter().find_map(|own| {
        let named = |rule: String| Broken::new(key, own.project.as_str(), rule);
        let threshold = own.threshold.filter(|share| !(*share > 0.0 && *share <= 1.0));
        threshold
            .map(|share| named(format!("threshold {share} must be above 0 and at most 1")))
            .or_else(|| categories(key, &own.categories_off))
            .or_else(|| of_project(screening, own).check().err().map(|fault| named(fault.to_string())))
    })
}

/// Who analyses, and what single projects have instead.
fn analysis(analysis: &Analysis) -> Option<Broken> {
    if analysis.models.is_empty() {
        return Some(Broken::new("analysis.models", "[]", "needs at least one model"));
    }
    let unknown = |key: &str, names: &[String]| {
        let name = names.iter().find(|name| !MODEL_NAMES.contains(&name.as_str()))?;
        Some(Broken::new(key, name.as_str(), format!("expected one of {}", MODEL_NAMES.join(", "))))
    };
    let key = "analysis.projects";
    if let Some(twice) = first_repeated(analysis.projects.iter().map(|own| own.project.as_str())) {
        return Some(Broken::new(key, twice, "a project is listed twice"));
    }
    unknown("analysis.models", &analysis.models)
        .or_else(|| unknown("analysis.session_models", &analysis.session_models))
        .or_else(|| unknown("analysis.cot_models", &analysis.cot_models))
        .or_else(|| {
            analysis.projects.iter().find_map(|own| {
                let named = |rule: String| Broken::new(key, own.project.as_str(), rule);
                let ratio = own.sample_ratio.filter(|ratio| !(0.0..=1.0).contains(ratio));
                let events = own.events_max.filter(|events| !(1..=1000).contains(events));
                ratio
                    .map(|ratio| named(format!("sample_ratio {ratio} must be 0 to 1")))
                    .or_else(|| events.map(|events| named(format!("events_max {events} must be 1 to 1000"))))
                    .or_else(|| unknown(key, &own.session_models))
                    .or_else(|| unknown(key, &own.cot_models))
            })
        })
}

/// A vendor as whoever calls it will take it.
fn vendor(section: &str, api: Api, vendor: &Vendor) -> Option<Broken> {
    let settings = match vendor.settings(api) {
        Ok(settings) => settings,
        Err(fault) => {
            let key = format!("{section}.base_url");
            return Some(Broken::new(&key, vendor.base_url.as_str(), fault));
        }
    };
    let fault = settings.check().err()?;
    Some(Broken::new(&format!("{section}.{}", fault.key), "", fault.rule))
}

/// What the embedding tier can be told.
fn embedding(embedding: &Embedding) -> Option<Broken> {
    if let Err(fault) = embedding.kernel.parse::<KernelChoice>() {
        return Some(Broken::new("embedding.kernel", embedding.kernel.as_str(), fault.to_string()));
    }
    let library = &embedding.onnx_library;
    if embedding.device == Device::Cuda && library.as_os_str().is_empty() {
        return Some(Broken::new("embedding.device", "cuda", "a graphics card needs embedding.onnx_library"));
    }
    let is_lacking = !cfg!(feature = "ort") && !library.as_os_str().is_empty();
    let rule = "this program was built without ONNX Runtime: build it with --features ort";
    is_lacking.then(|| Broken::new("embedding.onnx_library", library.display().to_string(), rule))
}

/// Each rule as its user will compile it, so that a bad one stops the start here.
fn masking(masking: &Masking) -> Option<Broken> {
    let key = "masking.rules";
    if let Some(twice) = first_repeated(masking.rules.iter().map(|rule| rule.name.as_str())) {
        return Some(Broken::new(key, twice, "a name is used twice"));
    }
    masking.rules.iter().find_map(|rule| {
        let fault = RegexMask::new(&[rule.into()]).err()?;
        let cause = fault.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        Some(Broken::new(key, rule.pattern.as_str(), format!("{fault}{cause}")))
    })
}

/// A static key must be one that a client can send in a header and an operator can list.
fn keys(access: &Access) -> Option<Broken> {
    let is_key =
        |key: &str| (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic() && b != b',');
    let fits = access.static_keys.iter().all(|key| is_key(key.expose()));
    let rule = "a key is 1 to 255 printable ASCII characters without spaces or commas";
    (!fits).then(|| Broken::new("access.static_keys", "***", rule))
}

/// The URL as its user will read it.
fn collector(telemetry: &Telemetry) -> Option<Broken> {
    let endpoint = &telemetry.otlp_endpoint;
    let rule = endpoint.parse::<Endpoint>().err().filter(|_| !endpoint.is_empty())?;
    Some(Broken::new("telemetry.otlp_endpoint", endpoint, rule))
}

fn first_repeated<T: Copy + Eq + Hash>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let mut seen = HashSet::new();
    items.find(|item| !seen.insert(*item))
}
