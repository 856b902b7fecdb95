//! Environment names: the `TIDEGATE_` form of every key, and aliases that other systems' set-ups use.

/// Every alias and the key it sets. A key has at most one alias; `default.toml` names it in the key's comment.
pub(super) const ALIASES: &[(&str, &str)] = &[
    ("ANALYSIS_STRATEGY", "analysis.strategy"),
    ("ANTHROPIC_API_KEY", "anthropic.api_key"),
    ("API_KEYS", "access.static_keys"),
    ("BACKPRESSURE_ENABLED", "intake.backpressure_enabled"),
    ("BACKPRESSURE_THRESHOLD", "intake.backpressure_threshold"),
    ("BATCH_SIZE", "intake.moderation_batch_max_events"),
    ("DATABASE_URL", "store.url"),
    ("DEDUP_WINDOW_SECONDS", "intake.dedup_window_s"),
    ("DEVICE", "embedding.device"),
    ("EMBEDDING_CACHE_TTL", "embedding.cache_ttl_s"),
    ("ENABLE_COT_ANALYSIS", "analysis.cot_enabled"),
    ("ENABLE_SESSION_ANALYSIS", "analysis.session_enabled"),
    ("LOG_LEVEL", "telemetry.log_level"),
    ("MAX_CONTENT_LENGTH", "event.moderation_content_max_chars"),
    ("MAX_EVENTS_TO_ANALYZE", "analysis.events_max"),
    ("MAX_QUEUE_DEPTH", "intake.queue_depth_max"),
    ("MIN_CONTENT_LENGTH", "intake.moderation_content_min_chars"),
    ("MODEL_BATCH_SIZE", "embedding.batch_max_texts"),
    ("OPENAI_API_KEY", "openai.api_key"),
    ("OPENAI_BASE_URL", "openai.base_url"),
    ("OPENAI_MODEL", "openai.model"),
    ("OPENAI_TIMEOUT", "openai.timeout_ms"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "telemetry.otlp_endpoint"),
    ("OTEL_TRACES_SAMPLER_ARG", "telemetry.otlp_sample_ratio"),
    ("REDIS_URL", "transport.url"),
    ("REQUIRE_AUTHOR", "intake.moderation_require_author"),
    ("SCREENING_MODEL", "embedding.model_dir"),
    ("SCREENING_THRESHOLD", "screening.threshold"),
    ("THREAT_MODEL_PROVIDER", "analysis.models"),
];

const PREFIX: &str = "TIDEGATE_";

/// The key that the alias `name` sets.
pub(super) fn key_of_alias(name: &str) -> Option<&'static str> {
    ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, key)| *key)
}

/// The key that a `TIDEGATE_SECTION__KEY` names, known or not; `None` for a name that is not ours.
pub(super) fn key_of_name(name: &str) -> Option<String> {
    let rest = name.strip_prefix(PREFIX)?;
    (!is_service_link(rest)).then(|| rest.replace("__", ".").to_ascii_lowercase())
}

/// True if the variable sets a setting, or looks as if it should.
pub(super) fn concerns_us(name: &str) -> bool {
    key_of_alias(name).is_some() || key_of_name(name).is_some()
}

/// Kubernetes describes a service named `tidegate…` to its pods by variables such as `TIDEGATE_PORT` and
/// `TIDEGATE_SERVICE_HOST`. They are not misspelt settings: no key of ours lacks the double underscore.
fn is_service_link(rest: &str) -> bool {
    let link = format!("_{rest}_");
    !rest.contains("__")
        && (link.contains("_SERVICE_HOST_") || link.contains("_SERVICE_PORT_") || link.contains("_PORT_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_key() {
        assert_eq!(key_of_name("TIDEGATE_SERVER__DATA_DIR").as_deref(), Some("server.data_dir"));
        assert_eq!(key_of_name("TIDEGATE_SERVER_LISTEN").as_deref(), Some("server_listen"));
        assert_eq!(key_of_name("PATH"), None);
    }

    #[test]
    fn kubernetes_service_links_are_not_ours() {
        for link in
            ["PORT", "SERVICE_HOST", "SERVICE_PORT_HTTP", "PORT_3001_TCP_ADDR", "METRICS_SERVICE_PORT"]
        {
            assert!(!concerns_us(&format!("TIDEGATE_{link}")), "{link}");
        }
        assert!(concerns_us("TIDEGATE_SERVER__PORT"));
    }
}
