//! The body of a label: what the text is, and who says so.

use axum::body::Body;
use axum::http::HeaderMap;
use tidegate_domain::assessment::Category;
use tidegate_domain::draft::FieldReader;
use tidegate_domain::fault::FieldError;
use tidegate_domain::label::Exemplar;
use utoipa::ToSchema;

use super::fields;
use crate::app::App;
use crate::http::Problem;
use crate::http::body::{self, Media};

/// Longest note, in characters.
const NOTE_MAX_CHARS: usize = 1000;

/// What a text is.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the request in the OpenAPI document; the route reads raw fields")]
pub(super) struct LabelRequest {
    /// `SPAM`, `TOXIC`, …; `LOW_RISK` approves the text.
    category: String,
    /// For `/v1/exemplars`: the text.
    #[schema(min_length = 1, max_length = 4000)]
    text: Option<String>,
    /// Who says so; the key if absent.
    #[schema(min_length = 1, max_length = 255)]
    labelled_by: Option<String>,
    /// Why.
    #[schema(max_length = 1000)]
    note: Option<String>,
    /// Label it although texts like it were mostly approved.
    confirm: Option<bool>,
}

/// A label as asked for.
pub(super) struct LabelBody {
    pub(super) category: Category,
    pub(super) text: String,
    pub(super) labelled_by: Option<String>,
    pub(super) note: Option<String>,
    pub(super) confirm: bool,
}

/// Reads the body; `with_text`: the text is in it.
pub(super) async fn read(
    app: &App,
    headers: &HeaderMap,
    body: Body,
    with_text: bool,
) -> Result<LabelBody, Problem> {
    let payload = app.bodies.read(headers, body).await?;
    body::media(headers, &[Media::Json])?;
    let text = body::text(&payload.bytes)?;
    let (mut category, mut content, mut labelled_by, mut note, mut confirm) = (None, None, None, None, None);
    let mut is_named = false;
    fields::read(app, text, |reader, name, raw| {
        match name {
            "category" => {
                is_named = true;
                category = fields::category(reader, name, raw);
            }
            "text" if with_text => content = reader.content(name, raw, Exemplar::TEXT_MAX_CHARS),
            "labelledBy" => labelled_by = reader.id(name, raw),
            "note" => note = reader.content(name, raw, NOTE_MAX_CHARS),
            "confirm" => confirm = fields::boolean(reader, name, raw),
            _ => return false,
        }
        true
    })?;
    let mut reader = FieldReader::new(&app.config.event, app.clock.now());
    if !is_named {
        reader.refuse_missing("category");
    }
    if with_text && content.as_deref().is_none_or(|text| text.trim().is_empty()) {
        reader.refuse_missing("text");
    }
    fields::refuse(reader)?;
    Ok(LabelBody {
        category: category.unwrap_or_default(),
        text: content.unwrap_or_default().into_owned(),
        labelled_by: labelled_by.map(Into::into),
        note: note.map(Into::into),
        confirm: confirm.unwrap_or(false),
    })
}

/// The event has no text that could be labelled.
pub(super) fn no_text() -> Problem {
    Problem::field(FieldError::new(
        "/content",
        "required",
        "the event has no content, so there is nothing to label",
    ))
}
