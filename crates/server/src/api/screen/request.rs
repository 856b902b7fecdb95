//! What is asked of a screening: JSON, form or query, as seed 002's clients send it.

use tidegate_domain::draft::{FieldReader, RawFields};
use tidegate_domain::fault::FieldError;
use utoipa::ToSchema;

use crate::api::fields;
use crate::app::App;
use crate::http::Problem;
use crate::http::params::Params;

/// A text to screen.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the request in the OpenAPI document; the route reads raw fields")]
pub struct ScreenRequest {
    /// Given back in the answer.
    event_id: Option<String>,
    /// The text.
    content: String,
    /// Who wrote it: their recent past counts.
    author_id: Option<String>,
    /// What the platform knows of the author: `author_reputation`, `account_age_days`, `previous_violations`.
    #[schema(value_type = Option<Object>)]
    metadata: Option<String>,
    /// Keep it as an event.
    store: Option<bool>,
}

/// Texts to screen.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the request in the OpenAPI document; the route reads raw fields")]
pub struct ScreenBatchRequest {
    /// The texts, each as for `/v1/risk/screen`. One that breaks a rule is answered in its place.
    #[schema(value_type = Vec<serde_json::Value>)]
    events: Vec<ScreenRequest>,
}

/// A text as asked for.
#[derive(Default)]
pub(super) struct Text {
    pub(super) event_id: Option<String>,
    pub(super) content: String,
    pub(super) author_id: Option<String>,
    /// One JSON object on one line.
    pub(super) metadata: Option<String>,
    pub(super) store: bool,
}

/// Reads form or query pairs. Content is not bounded by a parameter's size but by an event's.
pub(super) fn from_pairs(mut params: Params, app: &App) -> Result<Text, Problem> {
    let content = params.take_long("content", app.config.event.content_max_chars);
    let (event_id, author_id) = (params.take("event_id"), params.take("author_id"));
    let store = params.parsed("store", "true or false", |text| text.parse().ok());
    if content.is_none() {
        params.refuse("content", "required", "content is required");
    }
    params.finish()?;
    let content = content.unwrap_or_default();
    Ok(Text { event_id, content, author_id, metadata: None, store: store.unwrap_or(false) })
}

/// Reads a JSON object.
pub(super) fn from_json(text: &str, app: &App) -> Result<Text, Problem> {
    let fields: RawFields<'_> = serde_json::from_str(text).map_err(|error| {
        Problem::new(axum::http::StatusCode::BAD_REQUEST, "invalid-json", error.to_string())
    })?;
    from_fields(&fields, app).map_err(|errors| Problem::invalid("invalid-request", errors))
}

/// Reads one text. Fields that are not known are left alone: clients of the seed send all of an event.
pub(super) fn from_fields(fields: &RawFields<'_>, app: &App) -> Result<Text, Vec<FieldError>> {
    let mut reader = FieldReader::new(&app.config.event, app.clock.now());
    let (mut found, mut is_given) = (Text::default(), false);
    for (name, raw) in &fields.members {
        match name.as_ref() {
            "event_id" => found.event_id = reader.id(name, raw).map(Into::into),
            "author_id" => found.author_id = reader.id(name, raw).map(Into::into),
            "metadata" => found.metadata = reader.object(name, raw).map(Into::into),
            "store" => found.store = fields::boolean(&mut reader, name, raw).unwrap_or(false),
            "content" => {
                is_given = true;
                let content = reader.content(name, raw, app.config.event.content_max_chars);
                found.content = content.unwrap_or_default().into_owned();
            }
            _ => {}
        }
    }
    if !fields.is_object {
        reader.refuse_whole("wrong_type", "expected an object");
    } else if !is_given {
        reader.refuse_missing("content");
    }
    if reader.errors.is_empty() { Ok(found) } else { Err(reader.errors) }
}
