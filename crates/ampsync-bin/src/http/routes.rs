use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{ALLOW, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;

use super::headers::{self, JSON, TEXT};
use super::readiness::Readiness;
use super::status::Status;
use super::{Scene, metrics, page};

const LISTING: &str = "\
/         the live page
/livez    200 while the process answers
/readyz   200 while every table is kept in step, else 503 with the reasons, as JSON
/healthz  the same
/metrics  for Prometheus
/status   everything there is to tell, as JSON
";

/// What is answered to which path.
pub(super) fn router(scene: Arc<Scene>) -> Router {
    Router::new()
        .route("/", get(live_page))
        .route("/livez", get(async || text(StatusCode::OK, "ok\n")))
        .route("/readyz", get(readyz))
        .route("/healthz", get(readyz))
        .route("/metrics", get(prometheus))
        .route("/status", get(status))
        .fallback(async || {
            text(StatusCode::NOT_FOUND, &format!("not found; there is\n\n{LISTING}"))
        })
        .method_not_allowed_fallback(not_allowed)
        .layer(axum::middleware::map_response(headers::harden))
        .with_state(scene)
}

async fn live_page() -> Response {
    let headers =
        [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, page::policy())];
    (headers, page::HTML).into_response()
}

async fn readyz(State(scene): State<Arc<Scene>>) -> Response {
    let readiness = Readiness::of(&scene.moment());
    let code = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(code, &readiness)
}

async fn status(State(scene): State<Arc<Scene>>) -> Response {
    json(StatusCode::OK, &Status::of(&scene))
}

async fn prometheus(State(scene): State<Arc<Scene>>) -> Response {
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::render(&scene)).into_response()
}

async fn not_allowed() -> Response {
    let text = text(StatusCode::METHOD_NOT_ALLOWED, &format!("only GET; there is\n\n{LISTING}"));
    ([(ALLOW, "GET, HEAD")], text).into_response()
}

fn text(code: StatusCode, text: &str) -> Response {
    (code, [(CONTENT_TYPE, TEXT)], text.to_owned()).into_response()
}

fn json(code: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_string_pretty(value) {
        Ok(body) => (code, [(CONTENT_TYPE, JSON)], body + "\n").into_response(),
        // Only a map whose keys are no texts, or a value that refuses, could fail: there is neither.
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
    }
}
