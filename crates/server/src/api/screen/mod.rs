//! `POST /v1/risk/screen` and `/v1/risk/screen-batch`: assessments of texts, which are stored only if asked for.

mod answer;
mod batch;
mod request;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, StatusCode, Uri};
use tidegate_domain::assessment::{Assessment, Embedded, Embedding, Input};
use tidegate_domain::author::{AuthorKey, AuthorPast, Facts};
use tidegate_domain::event::{Event, Reference};
use tidegate_domain::ports::{Appended, Scope};
use tidegate_engine::intake::FingerprintRule;

use crate::app::App;
use crate::doors::DoorContext;
use crate::http::Problem;
use crate::http::auth::{Caller, ToRead};
use crate::http::body::{self, Media};
use crate::http::params::Params;
use crate::http::problem::BodyRefusals;
pub use answer::{ScreenAnswer, ScreenDetails, StoredText};
pub use batch::{__path_screen_batch, ScreenVerdict, screen_batch};
pub use request::{ScreenBatchRequest, ScreenRequest};
use request::{Text, from_json, from_pairs};

/// The type of an event that a screening stores.
const STORED_TYPE: &str = "message.user";

/// Screens one text. Stores nothing, unless `store` asks for it.
#[utoipa::path(
    post, path = "/v1/risk/screen", operation_id = "screenText", tag = "screening",
    params(
        ("event_id" = Option<String>, Query, description = "Given back in the answer"),
        ("content" = Option<String>, Query, description = "The text, if there is no body"),
        ("author_id" = Option<String>, Query, description = "Who wrote it: their recent past counts"),
        ("store" = Option<String>, Query, description = "true: keep it as an event, if there is no body"),
    ),
    request_body(content((ScreenRequest = "application/json"), (ScreenRequest = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "The assessment", body = ScreenAnswer),
        BodyRefusals,
    ),
    security(("api_key" = []), ("bearer" = []), ("basic" = [])),
)]
pub async fn screen(
    State(app): State<Arc<App>>,
    caller: Caller<ToRead>,
    uri: Uri,
    extensions: Extensions,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ScreenAnswer>, Problem> {
    let payload = app.bodies.read(&headers, body).await?;
    let text = body::text(&payload.bytes)?;
    let text = if text.trim().is_empty() {
        from_pairs(Params::of(&uri), &app)?
    } else if body::media(&headers, &[Media::Json, Media::Form])? == Media::Form {
        from_pairs(Params::parse(text), &app)?
    } else {
        from_json(text, &app)?
    };
    let now = app.clock.now();
    let door = DoorContext::new("screen", caller.project(), &app.config.event, now, &headers, &extensions);
    let assessed = assess(&app, &caller, &door, vec![&text]).await?.pop();
    let assessed = assessed.ok_or_else(|| Problem::overloaded("the text could not be screened", 1))?;
    Ok(Json(assessed.answer(&app, text)))
}

/// A text, assessed.
struct Assessed {
    assessment: Assessment,
    elapsed: Duration,
    stored: Option<StoredText>,
}

impl Assessed {
    fn answer(self, app: &App, text: Text) -> ScreenAnswer {
        app.metrics.screened(self.assessment.risk_score.get(), self.elapsed);
        let mut answer = ScreenAnswer::new(text, &self.assessment, app.screener.version(), self.elapsed);
        answer.stored = self.stored;
        answer
    }
}

/// Assesses texts by all that is known of their authors and of labels, and stores those that ask for it.
async fn assess(
    app: &Arc<App>,
    caller: &Caller<ToRead>,
    door: &DoorContext<'_>,
    texts: Vec<&Text>,
) -> Result<Vec<Assessed>, Problem> {
    if texts.iter().any(|text| text.store) && !caller.grant.allows(Scope::Ingest) {
        let detail = "store needs the scope ingest, and this key lacks it";
        return Err(Problem::new(StatusCode::FORBIDDEN, "insufficient-scope", detail));
    }
    let until = app.log.tail();
    app.labelling.labels.catch_up(until).await?;
    let keys = texts.iter().map(|text| AuthorKey {
        project: caller.project().to_owned(),
        author: text.author_id.clone().unwrap_or_default(),
    });
    let authors: Vec<_> = keys.filter(|key| !key.author.is_empty()).collect();
    // Views are locked by a commit meanwhile: who names no author does not wait for it.
    let pasts = if authors.is_empty() { Vec::new() } else { app.views.load_authors(&authors).await? };
    let mut pasts = pasts.into_iter();
    let events: Vec<_> = texts.iter().map(|text| event(text, caller.project(), door)).collect();
    let now = app.clock.now();
    let mut facts = Vec::with_capacity(texts.len());
    for (text, event) in texts.iter().zip(&events) {
        let past = text.author_id.as_ref().and_then(|_| pasts.next().flatten()).unwrap_or_default();
        facts.push(AuthorPast::facts(&past, event, now));
    }
    let mut assessed = screened(app, caller.project(), &texts, facts).await;
    store(app, &texts, events, &mut assessed).await?;
    Ok(assessed)
}

/// Screens texts. Only for vectors that are being computed does it wait, on a thread that may block.
async fn screened(app: &Arc<App>, project: &str, texts: &[&Text], facts: Vec<Facts>) -> Vec<Assessed> {
    let started = Instant::now();
    let contents: Vec<&str> = texts.iter().map(|text| text.content.as_str()).collect();
    let embedded = match app.screener.embed(&contents, Duration::ZERO) {
        Embedding::Known(embedded) => {
            if embedded.iter().any(|embedded| matches!(embedded, Embedded::Refused)) {
                let pause = Duration::from_millis(app.config.embedding.refused_pause_ms);
                tokio::time::sleep(pause).await;
            }
            embedded
        }
        coming @ Embedding::Coming(_) => {
            let waited = tokio::task::spawn_blocking(move || coming.wait()).await;
            waited.unwrap_or_else(|_| vec![Embedded::Refused; texts.len()])
        }
    };
    let share = started.elapsed() / u32::try_from(texts.len().max(1)).unwrap_or(u32::MAX);
    let all = texts.iter().zip(&facts).zip(&embedded);
    all.map(|((text, facts), embedded)| one(app, project, &text.content, facts, embedded, share)).collect()
}

fn one(
    app: &App,
    project: &str,
    text: &str,
    facts: &Facts,
    embedded: &Embedded,
    share: Duration,
) -> Assessed {
    let started = Instant::now();
    let input = Input { project, text, facts, embedded, position: app.log.tail() };
    let assessment = app.screener.screen(&input);
    Assessed { assessment, elapsed: share + started.elapsed(), stored: None }
}

/// The event that a text is, stored or not.
fn event<'a>(text: &'a Text, project: &'a str, door: &'a DoorContext<'_>) -> Event<'a> {
    let actor = text.author_id.as_deref().map(|id| Reference { id: id.into(), kind: None });
    Event {
        project_id: project.into(),
        event_type: STORED_TYPE.into(),
        source: "api".into(),
        actor,
        content: Some(text.content.as_str().into()),
        data: text.metadata.as_deref().map(Into::into),
        idempotency_key: text.event_id.as_deref().map(Into::into),
        schema_version: 1,
        context: door.json().into(),
        ..Event::default()
    }
}

/// Stores the texts that ask for it, in one batch.
async fn store(
    app: &App,
    texts: &[&Text],
    events: Vec<Event<'_>>,
    assessed: &mut [Assessed],
) -> Result<(), Problem> {
    let mut batch =
        app.intake.batch(texts.iter().filter(|text| text.store).map(|text| text.content.len()).sum());
    let wanted = texts.iter().zip(events).filter(|(text, _)| text.store);
    wanted.for_each(|(_, event)| batch.push(event, FingerprintRule::Off));
    let mut appended = app.intake.append(batch.finish()).await?.into_iter();
    for (_, assessed) in texts.iter().zip(assessed).filter(|(text, _)| text.store) {
        assessed.stored = appended.next().map(stored).transpose()?;
    }
    Ok(())
}

fn stored(appended: Appended) -> Result<StoredText, Problem> {
    let (receipt, duplicate) = match appended {
        Appended::Stored(receipt) => (receipt, false),
        Appended::Duplicate(receipt) => (receipt, true),
        Appended::KeyReused(_) => {
            let detail = "event_id was sent before with another text";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", detail));
        }
    };
    Ok(StoredText { event_id: receipt.id.to_string(), position: receipt.position.0, duplicate })
}
