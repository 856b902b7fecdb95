//! What the settings promise: precedence, provenance, refusals, secrets, and a default file that is the manual.

use std::io::Write as _;
use std::path::Path;

use serde_json::json;
use tidegate_domain::limits::EventLimits;
use toml::{Table, Value};

use super::layers::DEFAULTS;
use super::{Config, ConfigError, Flag, Loaded, Sources, aliases, load};

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn with_env(vars: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let env = vars.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    load(Sources { env, ..Sources::default() })
}

fn with_file(text: &str) -> Result<Loaded, ConfigError> {
    load(Sources { file: Some(file(text).path()), ..Sources::default() })
}

/// The refusal of a settings file, with the file's own name taken out.
fn refusal(text: &str) -> String {
    let file = file(text);
    let error = load(Sources { file: Some(file.path()), ..Sources::default() }).unwrap_err();
    error.to_string().replace(&file.path().display().to_string(), "FILE")
}

fn shown(loaded: &Loaded) -> serde_json::Value {
    serde_json::from_str(&loaded.print(true)).unwrap()
}

/// Every `section.key` of the default file with the comment lines above it.
fn manual() -> Vec<(String, Vec<&'static str>)> {
    let (mut keys, mut section, mut comment) = (Vec::new(), "", Vec::new());
    for line in DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
            comment.clear();
        } else if line.starts_with('#') {
            comment.push(line);
        } else if let Some((key, _)) = line.split_once(" = ") {
            keys.push((format!("{section}.{key}"), std::mem::take(&mut comment)));
        }
    }
    keys
}

#[test]
fn defaults_load_and_agree_with_the_domains() {
    assert_eq!(Config::default().event, EventLimits::default());
}

#[test]
fn every_key_of_the_default_file_has_its_comment() {
    let manual = manual();
    let bare: Vec<_> = manual.iter().filter(|(_, comment)| comment.is_empty()).collect();
    assert!(bare.is_empty(), "without comment: {bare:?}");
    let keys: usize =
        DEFAULTS.parse::<Table>().unwrap().values().map(|section| section.as_table().unwrap().len()).sum();
    assert_eq!(manual.len(), keys);
}

#[test]
fn every_alias_stands_in_the_comment_of_its_key() {
    let manual = manual();
    for (alias, key) in aliases::ALIASES {
        let (_, comment) = manual.iter().find(|(name, _)| name == key).unwrap_or_else(|| panic!("{key}"));
        assert!(comment.concat().contains(&format!("Alias: {alias}.")), "{alias}: {comment:?}");
    }
    let named: usize = manual.iter().map(|(_, comment)| comment.concat().matches("Alias: ").count()).sum();
    assert_eq!(named, aliases::ALIASES.len());
}

#[test]
fn every_alias_sets_its_key() {
    for (alias, key) in aliases::ALIASES {
        let (section, name) = key.split_once('.').unwrap();
        let text = match &DEFAULTS.parse::<Table>().unwrap()[section][name] {
            Value::Boolean(default) => (!default).to_string(),
            Value::Integer(_) => "7".into(),
            Value::Float(_) => "0.25".into(),
            Value::String(_) if *key == "transport.url" => "redis://cache:6379".into(),
            Value::String(_) if *key == "store.url" => "postgres://me@database/tidegate".into(),
            Value::String(_) if name == "base_url" => "http://localhost:11434/v1".into(),
            Value::String(_) if name == "strategy" => "sync".into(),
            Value::Array(_) if *key == "analysis.models" => "mock".into(),
            Value::String(_) if name == "otlp_endpoint" => "http://localhost:4318".into(),
            // Refused without a library for it; what an alias sets is seen by the refusal's origin.
            Value::String(_) if name == "device" => {
                let refused = with_env(&[(alias, "cuda")]).unwrap_err().to_string();
                assert!(refused.contains("DEVICE"), "{refused}");
                continue;
            }
            Value::String(_) => "WARNING".into(),
            _ => "one,two".into(),
        };
        let loaded = with_env(&[(alias, &text)]).unwrap();
        assert_eq!(loaded.origin(key).unwrap().to_string(), format!("env {alias}"));
        let default = shown(&load(Sources::default()).unwrap())[section][name]["value"].clone();
        // A secret is shown the same whether it is set or not.
        if name != "api_key" {
            assert_ne!(shown(&loaded)[section][name]["value"], default, "{alias}");
        }
    }
}

#[test]
fn later_layers_win_and_each_value_says_where_it_came_from() {
    let file = file(
        "[intake]\nqueue_depth_max = 1\nretry_after_s = 2\nbatch_max_events = 3\n[server]\ndata_dir = \"f\"\n",
    );
    let env = [
        ("TIDEGATE_INTAKE__QUEUE_DEPTH_MAX", "5"),
        ("MAX_QUEUE_DEPTH", "4"),
        ("TIDEGATE_INTAKE__RETRY_AFTER_S", "6"),
        ("HOME", "/home/x"),
    ];
    let loaded = load(Sources {
        file: Some(file.path()),
        env: env.map(|(name, value)| (name.into(), value.into())).into(),
        flags: vec![Flag::new("intake.retry_after_s", 7, "--retry"), Flag::new("server.dev", true, "--dev")],
    })
    .unwrap();
    let intake = &loaded.config.intake;
    assert_eq!((intake.queue_depth_max, intake.retry_after_s, intake.batch_max_events), (5, 7, 3));
    let from = |key| loaded.origin(key).unwrap().to_string();
    assert_eq!(from("intake.queue_depth_max"), "env TIDEGATE_INTAKE__QUEUE_DEPTH_MAX");
    assert_eq!(from("intake.retry_after_s"), "flag --retry");
    assert_eq!(from("server.data_dir"), format!("file {}", file.path().display()));
    assert_eq!(from("server.listen"), "default");
    assert!(loaded.print(false).contains("\ndev = true  # from flag --dev\n"));
}

#[test]
fn unknown_keys_stop_the_start_with_their_name() {
    assert_eq!(
        refusal("[intake]\nqueue_depht_max = 1"),
        "unknown setting `intake.queue_depht_max` (from file FILE)"
    );
    assert_eq!(refusal("[intak]"), "unknown setting `intak` (from file FILE)");
    assert_eq!(refusal("queue_depth_max = 1"), "unknown setting `queue_depth_max` (from file FILE)");
    assert_eq!(refusal("[server.listen]\na = 1"), "unknown setting `server.listen.a` (from file FILE)");
    for name in
        ["TIDEGATE_SERVER__LISTEM", "TIDEGATE_SERVER_LISTEN", "TIDEGATE_", "TIDEGATE_SERVER__LISTEN__0"]
    {
        let error = with_env(&[(name, "x")]).unwrap_err().to_string();
        assert!(
            error.starts_with("unknown setting `") && error.ends_with(&format!("(from env {name})")),
            "{error}"
        );
    }
}

#[test]
fn a_section_without_keys_changes_nothing() {
    assert!(with_file("[intake]\n").is_ok());
}

#[test]
fn a_wrong_type_names_the_key_and_the_type() {
    assert_eq!(
        refusal("[intake]\nqueue_depth_max = \"many\""),
        "setting `intake.queue_depth_max` (from file FILE): expected a whole number, found text"
    );
    assert_eq!(
        refusal("server = 1"),
        "setting `server` (from file FILE): expected a table, found a whole number"
    );
    for (name, value, part) in [
        ("BATCH_SIZE", "auto", "env BATCH_SIZE): expected a whole number, found `auto`"),
        (
            "LOG_LEVEL",
            "loud",
            "env LOG_LEVEL): expected trace, debug, info, warn, error or off, found `loud`",
        ),
        ("TIDEGATE_INTAKE__BACKPRESSURE_ENABLED", "", "expected true or false, found ``"),
        (
            "TIDEGATE_SERVER__LISTEN",
            "localhost",
            "`server.listen` (from env TIDEGATE_SERVER__LISTEN): invalid socket",
        ),
        ("TIDEGATE_MASKING__RULES", "[{ name = \"a\" }]", "missing field `pattern`"),
        ("TIDEGATE_TELEMETRY__LOG_FORMAT", "xml", "expected `json` or `text`"),
        ("TIDEGATE_INTAKE__RETRY_AFTER_S", "-1", "expected u32"),
        ("TIDEGATE_SERVER", "x", "expected a table"),
    ] {
        let error = with_env(&[(name, value)]).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn an_empty_alias_counts_as_unset() {
    let loaded = with_env(&[("LOG_LEVEL", ""), ("BATCH_SIZE", " "), ("API_KEYS", "")]).unwrap();
    assert_eq!(loaded.origin("telemetry.log_level").unwrap().to_string(), "default");
}

#[test]
fn values_that_cannot_work_are_refused_with_key_value_and_limit() {
    for (text, expected) in [
        (
            "[intake]\nqueue_depth_max = 0",
            "setting `intake.queue_depth_max` (from file FILE) is 0: must be 1 to",
        ),
        ("[stream]\nheartbeat_ms = 86400001", "is 86400001: must be 1 to 86400000"),
        ("[intake]\nbackpressure_threshold = 0", "is 0: must be above 0 and at most 1"),
        ("[screening]\nthreshold = nan", "is NaN: must be above 0"),
        ("[screening]\nthreshold = 1.01", "is 1.01: must be above 0"),
        ("[intake]\ndedup_window_s = 4294968", "must be 0 to 4294967"),
        ("[server]\nlisten = []", "needs at least one address"),
        ("[server]\nlisten = [\"[::1]:1\", \"[::1]:1\"]", "is [::1]:1: an address is listed twice"),
        ("[server]\ndev = true\nlisten = [\"0.0.0.0:1\"]", "is 0.0.0.0:1: with server.dev only loopback"),
        ("[server]\nbody_max_bytes = 40000000", "must be at most server.decoded_max_bytes (33554432)"),
        ("[server]\ndecoded_max_bytes = 70000000", "must be at most intake.queue_max_bytes (67108864)"),
        ("[event]\ndata_max_depth = 101", "is 101: must be 1 to 100"),
        ("[query]\npage_default = 60\npage_max = 55", "must be at most query.page_max (55)"),
        ("[masking]\nrules = [{ name = \"a b\", pattern = \"x\" }]", "is x: masking rule \"a b\": a name is"),
        ("[masking]\nrules = [{ name = \"a\", pattern = \"(\" }]", "is (: masking rule a: regex parse error"),
        ("[access]\nstatic_keys = [\"hunter2\", \"\"]", "is ***: a key is"),
        ("[rate_limits]\nquery_key_requests_per_minute = 1000001", "is 1000001: must be 0 to 1000000"),
        (
            "[rate_limits]\nquery_key_burst_requests = 5",
            "is 5: has no effect while rate_limits.query_key_requests_per_minute is 0",
        ),
        ("[telemetry]\notlp_endpoint = \"https://x\"", "is https://x: must be http://HOST:PORT"),
        ("[server]\ntrusted_proxies = [\"10.0.0.0/33\"]", "found `10.0.0.0/33`"),
    ] {
        let error = refusal(text);
        assert!(error.contains(expected) && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn limits_whose_comment_allows_zero_take_zero() {
    let zeros =
        "[intake]\ndedup_window_s = 0\nmoderation_content_min_chars = 0\n[event]\noccurred_ahead_max_s = 0";
    assert!(with_file(zeros).is_ok());
}

#[test]
fn a_secret_is_printed_nowhere() {
    let loaded = with_env(&[("API_KEYS", "hunter2, hunter3")]).unwrap();
    assert_eq!(loaded.config.access.static_keys[1].expose(), "hunter3");
    assert!(loaded.print(false).contains("static_keys = [\"***\", \"***\"]  # from env API_KEYS"));
    for text in [loaded.print(false), loaded.print(true), format!("{loaded:?}")] {
        assert!(!text.contains("hunter"), "{text}");
    }
    for text in [
        "static_keys = \"hunter2\"",
        "static_keys = [\"hunter2",
        "static_keys = [[\"hunter2\"]]",
        "static_keys = hunter2",
    ] {
        let error = refusal(&format!("[access]\n{text}\n"));
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn what_is_printed_can_be_read_back() {
    let rules = r#"[{ name = "card", pattern = '\b"\d{16}\b' }]"#;
    let first = with_env(&[("TIDEGATE_MASKING__RULES", rules), ("SCREENING_THRESHOLD", "1")]).unwrap();
    let second = with_file(&first.print(false)).unwrap();
    assert_eq!(second.config.masking.rules[0].pattern, r#"\b"\d{16}\b"#);
    assert_eq!(shown(&second)["screening"]["threshold"]["value"], json!(1.0));
    assert_eq!(format!("{:?}", first.config), format!("{:?}", second.config));
}

#[test]
fn a_broken_or_absent_file_is_named() {
    assert!(refusal("[server]\nlisten = [\n").starts_with("FILE is not TOML: line "));
    let error = load(Sources { file: Some(Path::new("no/such.toml")), ..Sources::default() }).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the settings file no/such.toml");
}

#[cfg(unix)]
#[test]
fn only_our_own_variables_must_be_text() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;
    let raw = || OsString::from_vec(vec![0xff]);
    let vars = [("LANG".into(), raw()), (raw(), "x".into()), ("API_KEYS".into(), "k".into())];
    assert_eq!(super::readable(vars.into_iter()).unwrap(), [("API_KEYS".into(), "k".into())]);
    let error = super::readable([("API_KEYS".into(), raw())].into_iter()).unwrap_err();
    assert_eq!(error.to_string(), "environment variable API_KEYS is not UTF-8");
}

/// Such a list was taken, and the start failed later without naming the key.
#[test]
fn words_that_no_screener_takes_are_refused_with_their_key() {
    for (key, word, rule) in [
        ("offensive_words", "  ", "offensive word 1 is empty"),
        ("targeting_words", &*"x".repeat(65), "targeting word 1 has 65 characters, at most 64"),
    ] {
        let refused = refusal(&format!("[screening]\n{key} = [\"fine\", \"{word}\"]"));
        assert_eq!(refused, format!("setting `screening.{key}` (from file FILE) is a list of 2: {rule}"));
    }
}
