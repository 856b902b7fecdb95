//! Every route, and every layer in order.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Problem;
use super::observe::Observe;
use crate::api::{events, exemplars, jobs, quarantine, screen, sessions, similar, stream, system};
use crate::app::App;
use crate::config::Role;
use crate::doors::{chat, moderation};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tidegate",
        description = "Every event of an AI product or a community: kept durably, screened, and read back.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    modifiers(&Keys),
    components(schemas(crate::doors::chat::EventVerdict, crate::http::problem::FieldErrorBody)),
)]
struct Document;

/// The four forms of a key, of which OpenAPI knows three kinds.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Default::default);
        let api_key = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("x-api-key")));
        components.add_security_scheme("api_key", api_key);
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        components.add_security_scheme("basic", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)));
    }
}

/// What a process without the role `api` answers too.
fn worker_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(screen::screen))
        .routes(routes!(screen::screen_batch))
        .routes(routes!(system::health))
        .routes(routes!(system::ready))
        .routes(routes!(system::metrics))
        .routes(routes!(system::metrics_json))
}

fn routes() -> OpenApiRouter<Arc<App>> {
    worker_routes()
        .routes(routes!(events::list, chat::post_events))
        .routes(routes!(stream::follow))
        .routes(routes!(events::one))
        .routes(routes!(similar::similar))
        .routes(routes!(exemplars::label_event))
        .routes(routes!(exemplars::list, exemplars::add_exemplar))
        .routes(routes!(exemplars::one, exemplars::remove))
        .routes(routes!(moderation::ingest))
        .routes(routes!(moderation::ingest_batch))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::one))
        .routes(routes!(quarantine::list))
        .routes(routes!(quarantine::retry))
        .routes(routes!(jobs::stats))
}

/// The OpenAPI document of all routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().into_openapi()
}

/// The routes of `app`'s roles.
pub fn router(app: Arc<App>) -> Router {
    let routes = if app.config.server.has_role(Role::Api) { routes() } else { worker_routes() };
    let (router, document) = routes.split_for_parts();
    let document = Arc::new(document);
    let described = Arc::clone(&document);
    router
        .route("/openapi.json", get(move || std::future::ready(Json(described.as_ref().clone()))))
        .merge(crate::api::docs::routes())
        .fallback(|| std::future::ready(Problem::not_found("route")))
        .method_not_allowed_fallback(|| std::future::ready(wrong_method()))
        // Sees every answer, those of the fallbacks too.
        .layer(Observe(Arc::clone(&app)))
        .with_state(app)
}

fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "this route does not know the method")
}
