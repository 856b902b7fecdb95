//! The settings, a struct a section. What a key means to an operator stands in `config/default.toml`.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tidegate_domain::id::ProjectId;
use tidegate_domain::limits::EventLimits;
use tidegate_engine::intake::MaskRule;

use super::{Address, Analysis, Jobs, Network, Secret, Vendor};

/// All settings. There is no global one: whoever needs a section is handed it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The door: addresses, time-outs, body sizes.
    pub server: Server,
    /// What is accepted, and how much may wait.
    pub intake: Intake,
    /// Limits on one event.
    pub event: EventLimits,
    /// Where everything is kept.
    pub store: Store,
    /// Redis between processes.
    pub transport: Transport,
    /// The event log.
    pub log: Log,
    /// Deriving views from the log.
    pub pipeline: Pipeline,
    /// Sharing that work out.
    pub worker: Worker,
    /// Risk of sessions.
    pub risk: Risk,
    /// Risk of texts.
    pub screening: Screening,
    /// Likeness of texts.
    pub embedding: Embedding,
    /// Work that is slow, or may fail.
    pub jobs: Jobs,
    /// Sessions and chains of thought, read as a whole.
    pub analysis: Analysis,
    /// OpenAI, or who speaks like it.
    pub openai: Vendor,
    /// Anthropic, or who speaks like it.
    pub anthropic: Vendor,
    /// What is masked before it is kept.
    pub masking: Masking,
    /// Live readers.
    pub stream: Stream,
    /// Queries.
    pub query: Query,
    /// Who may call.
    pub access: Access,
    /// How often.
    pub rate_limits: RateLimits,
    /// Log lines and traces.
    pub telemetry: Telemetry,
}

/// `[server]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// What this process does.
    pub roles: Vec<Role>,
    /// Addresses to listen on; at least one. Only loopback ones when `dev` is set.
    pub listen: Vec<SocketAddr>,
    /// Folder of all durable data.
    pub data_dir: PathBuf,
    /// Development mode.
    pub dev: bool,
    /// How long a stopping server waits for what is under way.
    pub drain_timeout_ms: u64,
    /// How long the head of a request may take.
    pub header_read_timeout_ms: u64,
    /// How long a request may take, live streams exempt.
    pub request_timeout_ms: u64,
    /// How long a client may take nothing of an answer, live streams too.
    pub write_timeout_ms: u64,
    /// Connections open at once.
    pub connections_max: usize,
    /// Connections of one address; 0 sets no limit.
    pub connections_per_address_max: usize,
    /// Requests of one connection; 0 sets no limit.
    pub connection_max_requests: u64,
    /// Proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<Network>,
    /// Largest body as sent.
    pub body_max_bytes: usize,
    /// Largest body after decompression; at least `body_max_bytes`.
    pub decoded_max_bytes: usize,
    /// All bodies being read at once; at least `decoded_max_bytes`.
    pub inflight_max_bytes: usize,
    /// How long ready work may wait for a processor before bodies are refused.
    pub lag_max_ms: u64,
    /// How long requests to store events may take on average before some are refused.
    pub ack_target_ms: u64,
}

impl Server {
    /// True if this process does what `role` does.
    pub fn has_role(&self, role: Role) -> bool {
        self.roles.iter().any(|own| *own == Role::All || *own == role)
    }
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes events in and answers questions.
    Api,
    /// Derives views.
    Worker,
    /// Both.
    All,
}

/// `[store]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// The database; empty for the files in `server.data_dir`.
    pub url: Address,
    /// Most connections for queries.
    pub connections_max: usize,
    /// How long the database may take to connect or to answer.
    pub timeout_ms: u64,
    /// How often is asked what other processes have done.
    pub poll_ms: u64,
    /// Shards of a log that is made now.
    pub shards: u16,
    /// Events of a partition of the log.
    pub partition_max_events: u64,
}

/// `[transport]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transport {
    /// The Redis; empty for none.
    pub url: Address,
    /// How long Redis may take to connect or to answer.
    pub timeout_ms: u64,
    /// Entries of a stream at which nothing more is added.
    pub stream_max_entries: usize,
    /// Bytes of a stream at which nothing more is added.
    pub stream_max_bytes: usize,
    /// Deliveries after which an entry is a dead letter.
    pub deliveries_max: usize,
    /// How far back is routed again if Redis has forgotten.
    pub route_again_max_events: u64,
}

/// `[worker]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    /// How long a shard stays with a worker that says nothing.
    pub lease_ttl_ms: u64,
}

/// `[intake]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intake {
    /// Largest batch of the native door.
    pub batch_max_events: usize,
    /// Largest batch of the moderation door.
    pub moderation_batch_max_events: usize,
    /// Events that may wait for the log.
    pub queue_depth_max: usize,
    /// Bytes that may wait for the log; at least `server.decoded_max_bytes`.
    pub queue_max_bytes: usize,
    /// Refuse above the threshold, not only when full.
    pub backpressure_enabled: bool,
    /// Fill of the queue above which events are refused, in (0, 1].
    pub backpressure_threshold: f64,
    /// `Retry-After` of a refusal.
    pub retry_after_s: u32,
    /// Window of the moderation fingerprint; its milliseconds fit 32 bits. 0: no fingerprint.
    pub dedup_window_s: u64,
    /// Refuse moderation events without an author.
    pub moderation_require_author: bool,
    /// Smallest content of a moderation event, trimmed; may be 0.
    pub moderation_content_min_chars: usize,
}

/// `[log]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Size of one segment file.
    pub segment_max_bytes: u64,
    /// Newest records kept in memory.
    pub recent_max_bytes: usize,
    /// Age at which events are deleted; 0 keeps them.
    pub retention_max_age_s: u64,
    /// Size of the log at which its oldest events are deleted; 0 keeps them.
    pub retention_max_bytes: u64,
    /// How often it is looked for what to delete.
    pub retention_interval_ms: u64,
}

/// `[pipeline]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// Derive views at all.
    pub enabled: bool,
    /// Log read and committed at once.
    pub batch_max_bytes: usize,
}

/// `[risk]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Risk {
    /// After this long without new evidence a session's risk has halved.
    pub half_life_s: u64,
}

/// `[screening]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Screening {
    /// Score from which a text is routed to review, in (0, 1].
    pub threshold: f64,
    /// Rules and word lists.
    pub heuristics: bool,
    /// Trained classifiers.
    pub learned: bool,
    /// Words that offend, besides the built-in ones.
    pub offensive_words: Vec<String>,
    /// Words that address someone, besides the built-in ones.
    pub targeting_words: Vec<String>,
    /// Words of the built-in lists that are permitted.
    pub allowed_words: Vec<String>,
    /// Categories that do not count.
    pub categories_off: Vec<String>,
    /// What single projects have besides.
    pub projects: Vec<ProjectScreening>,
    /// Newest events that a text is compared with.
    pub similar_window_events: usize,
}

/// What a project has besides what all have.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectScreening {
    /// Whose.
    pub project: ProjectId,
    /// Score from which a text is routed to review, in (0, 1].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Words that offend.
    #[serde(default)]
    pub offensive_words: Vec<String>,
    /// Words that address someone.
    #[serde(default)]
    pub targeting_words: Vec<String>,
    /// Words that are permitted.
    #[serde(default)]
    pub allowed_words: Vec<String>,
    /// Categories that do not count.
    #[serde(default)]
    pub categories_off: Vec<String>,
}

/// `[embedding]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embedding {
    /// Folder of a BERT-class model; empty for none.
    pub model_dir: PathBuf,
    /// Put before each text.
    pub prefix: String,
    /// Tokens kept of a text.
    pub max_tokens: usize,
    /// `auto`, or the name of a kernel.
    pub kernel: String,
    /// Where vectors are computed.
    pub device: Device,
    /// ONNX Runtime's library; empty for our own kernels.
    pub onnx_library: PathBuf,
    /// Weight of labelled texts in the score, in (0, 1].
    pub weight: f64,
    /// Cosine from which two texts are like each other, in (0, 1].
    pub similarity_min: f64,
    /// Threads; 0 for one less than the machine has cores.
    pub threads: usize,
    /// Texts in one batch.
    pub batch_max_texts: usize,
    /// Texts that may wait.
    pub queue_max_texts: usize,
    /// How long an answer is waited for.
    pub timeout_ms: u64,
    /// How much later a request is answered for which there was no room or no time.
    pub refused_pause_ms: u64,
    /// Vectors kept.
    pub cache_max_entries: usize,
    /// How long a vector is kept.
    pub cache_ttl_s: u64,
}

/// Where vectors are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// On the processor.
    Cpu,
    /// On the first graphics card.
    Cuda,
}

/// `[masking]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Masking {
    /// What the scanner looks for.
    pub scan: Vec<ScanFamily>,
    /// Findings below this are left.
    pub scan_min_severity: ScanSeverity,
    /// What stands in the place of a finding.
    pub scan_style: ScanStyle,
    /// Rules, in the order applied.
    pub rules: Vec<MaskingRule>,
}

/// What the scanner can look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScanFamily {
    /// Keys, tokens, passwords.
    Secrets,
    /// What names a person.
    Pii,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScanSeverity {
    /// An e-mail address, an IP address.
    Low,
    /// A phone number, an IBAN.
    Medium,
    /// A key, a card, a social security number.
    High,
}

/// What stands in the place of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScanStyle {
    /// `[masked:rule]`
    Named,
    /// The first characters, and `*` for each other.
    Partial,
}

/// One thing to mask.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskingRule {
    /// Its name, unique.
    pub name: String,
    /// What it matches, a regular expression.
    pub pattern: String,
}

impl From<&MaskingRule> for MaskRule {
    fn from(rule: &MaskingRule) -> Self {
        Self { name: rule.name.clone(), pattern: rule.pattern.clone() }
    }
}

/// `[stream]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// How far a reader may fall behind.
    pub lag_max_events: u64,
    /// Silence before a heartbeat.
    pub heartbeat_ms: u64,
    /// Live readers at once.
    pub readers_max: usize,
}

/// `[query]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Rows of a page by default; at most `page_max`.
    pub page_default: usize,
    /// Most rows of a page, at most 1000.
    pub page_max: usize,
    /// Records one query may look at; at least `page_max`.
    pub scan_max_records: usize,
    /// Bytes of the events on one page.
    pub page_max_bytes: usize,
}

/// `[access]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// Keys accepted besides those in Control.
    pub static_keys: Vec<Secret>,
    /// The project they act for.
    pub static_keys_project: ProjectId,
    /// How often Control is asked for changes of keys.
    pub reload_interval_ms: u64,
}

/// `[rate_limits]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimits {
    /// Requests to send events, of one address; 0 sets no limit.
    pub ingest_address_requests_per_minute: u32,
    /// So many of them at once; 0 allows a minute's.
    pub ingest_address_burst_requests: u32,
    /// Requests to send events, of one project; 0 sets no limit.
    pub ingest_project_requests_per_minute: u32,
    /// So many of them at once; 0 allows a minute's.
    pub ingest_project_burst_requests: u32,
    /// Requests to send events, of one key; 0 sets no limit.
    pub ingest_key_requests_per_minute: u32,
    /// So many of them at once; 0 allows a minute's.
    pub ingest_key_burst_requests: u32,
    /// Requests to read, of one address; 0 sets no limit.
    pub query_address_requests_per_minute: u32,
    /// So many of them at once; 0 allows a minute's.
    pub query_address_burst_requests: u32,
    /// Requests to read, of one project; 0 sets no limit.
    pub query_project_requests_per_minute: u32,
    /// So many of them at once; 0 allows a minute's.
    pub query_project_burst_requests: u32,
    /// Requests to read, of one key; 0 sets no limit.
    pub query_key_requests_per_minute: u32,
    /// So many of them at once; 0 allows a minute's.
    pub query_key_burst_requests: u32,
    /// Callers remembered by each limit.
    pub buckets_max: usize,
    /// How long to wait for the rate limiter.
    pub answer_timeout_ms: u64,
}

/// `[telemetry]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// Least severe line written.
    pub log_level: LogLevel,
    /// Form of log lines.
    pub log_format: LogFormat,
    /// Where traces go; empty for nowhere.
    pub otlp_endpoint: String,
    /// Share of traces begun here that is kept, in (0, 1].
    pub otlp_sample_ratio: f64,
}

/// Severity of a log line. Read in any case, and with the name `warning` that other systems use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// What helps to find a fault.
    Debug,
    /// What an operator wants to know.
    Info,
    /// What may need attention.
    Warn,
    /// What went wrong.
    Error,
    /// Nothing.
    Off,
}

impl LogLevel {
    /// This level, or `floor` if that writes fewer lines.
    #[must_use]
    pub fn at_least(self, floor: Self) -> Self {
        self.max(floor)
    }

    /// The name, as filters of log lines know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Off => "off",
        }
    }
}

impl From<LogLevel> for &'static str {
    fn from(level: LogLevel) -> Self {
        level.name()
    }
}

impl TryFrom<String> for LogLevel {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "trace" => Self::Trace,
            "debug" => Self::Debug,
            "info" => Self::Info,
            "warn" | "warning" => Self::Warn,
            "error" => Self::Error,
            "off" => Self::Off,
            _ => return Err(format!("expected trace, debug, info, warn, error or off, found `{text}`")),
        })
    }
}

/// Form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}
