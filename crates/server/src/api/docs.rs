//! `/docs`: the API browser. Swagger UI, carried in the binary; nothing is loaded from elsewhere.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use utoipa_swagger_ui::Config;

use crate::http::Problem;

/// The routes of the API browser.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/docs", get(|| std::future::ready(Redirect::permanent("/docs/"))))
        .route("/docs/", get(|| std::future::ready(file(""))))
        .route("/docs/{*path}", get(|path| std::future::ready(page(path))))
}

fn page(path: Result<Path<String>, PathRejection>) -> Response {
    match path {
        Ok(Path(path)) => file(&path),
        Err(_) => Problem::not_found("page").into_response(),
    }
}

fn file(path: &str) -> Response {
    let config = Arc::new(Config::from("/openapi.json"));
    match utoipa_swagger_ui::serve(path, config) {
        Ok(Some(file)) => {
            ([(header::CONTENT_TYPE, file.content_type)], file.bytes.into_owned()).into_response()
        }
        Ok(None) => Problem::not_found("page").into_response(),
        Err(error) => {
            tracing::error!(error = %error, "the API browser could not be served");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the page could not be served")
                .into_response()
        }
    }
}
