//! Every route, with what it needs: the list that other tests walk, so that a new route cannot be forgotten.

use axum::http::Method;
use serde_json::Value;

/// What a route asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    Ingest,
    Read,
    Write,
}

/// One route.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) needs: Needs,
    /// A request that the route accepts, as JSON; of any project.
    pub(crate) body: &'static str,
}

const EVENT: &str = r#"{"type":"message.user","sessionId":"s","content":"hello"}"#;
const MESSAGE: &str = r#"{"event_id":"e","event_type":"message_created","platform":"discord","user_id":"u",
    "author_id":"a","content":"hello"}"#;

/// All documented routes.
pub(crate) fn routes() -> Vec<Route> {
    let get = |path, needs| Route { method: Method::GET, path, needs, body: "" };
    let delete = |path, needs| Route { method: Method::DELETE, path, needs, body: "" };
    let post = |path, needs, body| Route { method: Method::POST, path, needs, body };
    vec![
        post("/v1/events", Needs::Ingest, EVENT),
        get("/v1/events", Needs::Read),
        get("/v1/events/stream", Needs::Read),
        get("/v1/events/{id}", Needs::Read),
        get("/v1/events/{id}/similar", Needs::Read),
        post("/v1/events/{id}/label", Needs::Write, r#"{"category":"SPAM"}"#),
        get("/v1/exemplars", Needs::Read),
        post("/v1/exemplars", Needs::Write, r#"{"category":"SPAM","text":"hello","confirm":true}"#),
        get("/v1/exemplars/{id}", Needs::Read),
        delete("/v1/exemplars/{id}", Needs::Write),
        post("/v1/events/ingest", Needs::Ingest, MESSAGE),
        post("/v1/events/ingest-batch", Needs::Ingest, r#"{"events":[]}"#),
        get("/v1/sessions", Needs::Read),
        get("/v1/sessions/{id}", Needs::Read),
        get("/v1/quarantine", Needs::Read),
        post("/v1/quarantine/{id}/retry", Needs::Write, ""),
        get("/v1/jobs/stats", Needs::Read),
        post("/v1/risk/screen", Needs::Read, r#"{"content":"hello"}"#),
        post("/v1/risk/screen-batch", Needs::Read, r#"{"events":[{"content":"hello"}]}"#),
        get("/health", Needs::Nothing),
        get("/ready", Needs::Nothing),
        get("/metrics", Needs::Nothing),
        get("/v1/metrics", Needs::Nothing),
    ]
}

/// The routes of an OpenAPI document, as `METHOD /path`, sorted.
pub(crate) fn documented(openapi: &Value) -> Vec<String> {
    let paths = openapi["paths"].as_object().expect("paths");
    let of_path = |(path, item): (&String, &Value)| {
        let methods = ["get", "post", "put", "patch", "delete", "head", "options"];
        let here: Vec<_> = methods.iter().filter(|method| item.get(**method).is_some()).collect();
        here.into_iter().map(|method| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
    };
    let mut all: Vec<String> = paths.iter().flat_map(of_path).collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_routes_is_whole() {
    let server = crate::support::server::start().await;
    let mut listed: Vec<_> =
        routes().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    listed.sort();
    assert_eq!(documented(&server.read("/openapi.json").await), listed);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_says_which_routes_need_a_key() {
    let server = crate::support::server::start().await;
    let openapi = server.read("/openapi.json").await;
    for route in routes() {
        let operation = &openapi["paths"][route.path][route.method.as_str().to_lowercase()];
        let secured = operation["security"].as_array().is_some_and(|schemes| !schemes.is_empty());
        assert_eq!(secured, route.needs != Needs::Nothing, "{} {}", route.method, route.path);
        assert!(operation["responses"]["200"].is_object(), "{}", route.path);
        assert!(operation["summary"].is_string() || operation["description"].is_string(), "{}", route.path);
    }
}

/// Clients made from the document name their functions by these, and links point to them.
#[tokio::test(flavor = "multi_thread")]
async fn operations_have_names_of_their_own_and_links_lead_to_them() {
    let server = crate::support::server::start().await;
    let openapi = server.read("/openapi.json").await;
    let operations: Vec<Value> = routes()
        .iter()
        .map(|route| openapi["paths"][route.path][route.method.as_str().to_lowercase()].clone())
        .collect();
    let name = |operation: &Value| operation["operationId"].as_str().unwrap_or_default().to_owned();
    let mut names: Vec<String> = operations.iter().map(name).collect();
    names.sort();
    assert!(names.is_sorted_by(|a, b| a < b), "each once: {names:?}");
    let links = |operation: &Value| operation["responses"]["200"]["links"].as_object().cloned();
    let links: Vec<_> = operations.iter().filter_map(links).flatten().collect();
    assert!(links.len() >= 10, "{links:?}");
    for (link, target) in links {
        assert!(names.contains(&name(&target)), "{link}: {target}");
    }
}
