//! An event as readers see it.

use serde::Serialize;
use serde_json::value::RawValue;
use tidegate_domain::assessment::{Assessment, CategoryScore, Flag, RiskScore, SimilarExemplar, Span};
use tidegate_domain::event::{Event, Reference};
use tidegate_domain::record;
use tidegate_domain::time::UnixMs;
use tidegate_engine::query::FoundEvent;
use utoipa::ToSchema;

use super::cot_json::CotAnalysisJson;

/// One event with all that is known of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventJson<'e> {
    event_id: String,
    position: u64,
    shard: u16,
    project_id: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'e str>,
    #[serde(rename = "type")]
    event_type: &'e str,
    source: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<ReferenceJson<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<ReferenceJson<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<ReferenceJson<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'e str>,
    /// As it was sent; an empty object if nothing was.
    #[schema(value_type = Object)]
    data: &'e RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    attribution: Option<&'e RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'e str>,
    schema_version: u32,
    #[schema(value_type = String, format = DateTime)]
    occurred_at: UnixMs,
    #[schema(value_type = String, format = DateTime)]
    recorded_at: UnixMs,
    /// What the door saw; under `extra`, fields it did not know.
    #[schema(value_type = Object)]
    context: Box<RawValue>,
    /// `null` until the event was screened.
    assessment: Option<AssessmentJson>,
    /// Of a chain of thought, once it was analysed.
    #[serde(skip_serializing_if = "Option::is_none")]
    cot_analysis: Option<CotAnalysisJson<'e>>,
}

/// `{id, type}`.
#[derive(Serialize, ToSchema)]
pub struct ReferenceJson<'e> {
    id: &'e str,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'e str>,
}

/// What screening said.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssessmentJson {
    /// 0..1.
    pub risk_score: f64,
    /// `LOW_RISK`, `SPAM`, `TOXIC`, `TARGETED_HARASSMENT`, …
    pub category: &'static str,
    /// 0..1.
    pub confidence: f64,
    /// The rules that fired, strongest first.
    pub flags: Vec<FlagJson>,
    /// How likely the text is of each category, the likeliest first: it may be of several.
    pub scores: Vec<CategoryScoreJson>,
    /// What rules and classifiers say alone.
    pub heuristic_score: f64,
    /// What labelled texts near it say; `null` if none is near.
    pub embedding_score: Option<f64>,
    /// Labelled texts near it, the nearest first.
    pub similar: Vec<SimilarExemplarJson>,
    /// True if a tier that is switched on did not answer.
    pub degraded: bool,
    /// The rules' version.
    pub model_version: String,
}

/// How likely a text is of one category.
#[derive(Serialize, ToSchema)]
pub struct CategoryScoreJson {
    /// The category.
    pub category: &'static str,
    /// 0..1, calibrated.
    pub probability: f64,
}

/// A labelled text near another.
#[derive(Serialize, ToSchema)]
pub struct SimilarExemplarJson {
    /// What it was labelled.
    pub category: &'static str,
    /// Where its label lies in the log.
    pub position: u64,
    /// Cosine of the two texts' vectors, -1..1.
    pub similarity: f64,
}

/// A rule that fired.
#[derive(Serialize, ToSchema)]
pub struct FlagJson {
    /// Its name, for example `offensive_language`.
    pub code: String,
    /// What it means, in words.
    pub reason: &'static str,
    /// What it added to the score.
    pub weight: f64,
    /// Where, in characters (Unicode code points) of the content; the first 16 places.
    pub spans: Vec<SpanJson>,
}

/// A stretch of the content.
#[derive(Serialize, ToSchema)]
pub struct SpanJson {
    /// First character.
    pub start: usize,
    /// One past the last.
    pub end: usize,
}

impl AssessmentJson {
    /// The assessment of `content`.
    pub fn new(assessment: &Assessment, content: &str, model_version: &str) -> Self {
        Self {
            risk_score: assessment.risk_score.get(),
            category: assessment.category.name(),
            confidence: assessment.confidence,
            flags: assessment.flags.iter().map(|flag| FlagJson::new(flag, content)).collect(),
            scores: assessment.scores.iter().map(CategoryScoreJson::from).collect(),
            heuristic_score: assessment.heuristic_score.get(),
            embedding_score: assessment.embedding_score.map(RiskScore::get),
            similar: assessment.similar.iter().map(SimilarExemplarJson::from).collect(),
            degraded: assessment.degraded,
            model_version: model_version.to_owned(),
        }
    }
}

impl From<&CategoryScore> for CategoryScoreJson {
    fn from(score: &CategoryScore) -> Self {
        Self { category: score.category.name(), probability: score.probability }
    }
}

impl From<&SimilarExemplar> for SimilarExemplarJson {
    fn from(similar: &SimilarExemplar) -> Self {
        let (category, position) = (similar.category.name(), similar.exemplar.0);
        Self { category, position, similarity: similar.similarity }
    }
}

impl FlagJson {
    fn new(flag: &Flag, content: &str) -> Self {
        let spans = flag.spans.iter().map(|span| SpanJson::new(*span, content)).collect();
        Self {
            reason: tidegate_screening::reason(&flag.code).unwrap_or("a rule of another version fired"),
            code: flag.code.clone().into_owned(),
            weight: flag.weight,
            spans,
        }
    }
}

impl SpanJson {
    /// `span`, in bytes of `content`, in characters.
    pub fn new(span: Span, content: &str) -> Self {
        let chars = |end: usize| content.get(..end).map_or(0, |before| before.chars().count());
        Self { start: chars(span.start), end: chars(span.end) }
    }
}

fn reference<'e>(reference: Option<&'e Reference<'_>>) -> Option<ReferenceJson<'e>> {
    reference.map(|r| ReferenceJson { id: &r.id, kind: r.kind.as_deref() })
}

/// What the door saw, with the fields it did not know under `extra`.
fn context(event: &Event<'_>) -> Option<Box<RawValue>> {
    let seen = event.context.strip_suffix('}')?;
    let json = match &event.extra {
        None => event.context.clone().into_owned(),
        Some(extra) if seen == "{" => format!("{{\"extra\":{extra}}}"),
        Some(extra) => format!("{seen},\"extra\":{extra}}}"),
    };
    RawValue::from_string(json).ok()
}

/// Renders an event to JSON. `None` for a record that cannot be read, which the pipeline parks.
pub fn render(found: &FoundEvent, model_version: &str) -> Option<Box<RawValue>> {
    let event = record::decode(&found.stored.bytes).ok()?;
    let json = view(found, &event, model_version)?;
    serde_json::value::to_raw_value(&json).ok()
}

fn view<'e>(found: &'e FoundEvent, event: &'e Event<'_>, model_version: &str) -> Option<EventJson<'e>> {
    let receipt = found.stored.receipt;
    let raw = |json: &'e str| serde_json::from_str::<&RawValue>(json).ok();
    let content = event.content.as_deref().unwrap_or("");
    let clear = Assessment { confidence: 1.0, ..Assessment::default() };
    let assessment = match &found.assessed {
        Some(assessed) => Some(&assessed.assessment),
        None => found.is_screened.then_some(&clear),
    };
    Some(EventJson {
        event_id: receipt.id.to_string(),
        position: receipt.position.0,
        shard: receipt.shard.0,
        project_id: &event.project_id,
        session_id: event.session_id.as_deref(),
        event_type: &event.event_type,
        source: &event.source,
        actor: reference(event.actor.as_ref()),
        target: reference(event.target.as_ref()),
        object: reference(event.object.as_ref()),
        role: event.role.as_deref(),
        content: event.content.as_deref(),
        data: raw(event.data.as_deref().unwrap_or("{}"))?,
        attribution: event.attribution.as_deref().and_then(raw),
        idempotency_key: event.idempotency_key.as_deref(),
        correlation_id: event.correlation_id.as_deref(),
        trace_id: event.trace_id.as_deref(),
        schema_version: event.schema_version,
        occurred_at: event.occurred_at_ms.map_or(receipt.recorded_at, UnixMs),
        recorded_at: receipt.recorded_at,
        context: context(event)?,
        assessment: assessment.map(|a| AssessmentJson::new(a, content, model_version)),
        cot_analysis: found.cot_analysis.as_ref().map(|analyzed| CotAnalysisJson::new(analyzed, content)),
    })
}
