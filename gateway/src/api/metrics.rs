//! The metrics' address: what Prometheus and load balancers ask.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::control::Control;
use super::routes::finish;
use super::{ApiError, ErrorKind, Readiness, Request};
use crate::telemetry::prometheus;

/// What the metrics' address answers.
pub(super) const PATHS: &[&str] = &["GET /metrics", "GET /healthz", "GET /readyz"];

/// The routes of the metrics' address.
pub(super) fn router(control: Control) -> Router {
    let router = Router::new()
        .route("/metrics", get(render))
        .route("/healthz", get(health))
        .route("/readyz", get(readiness));
    finish(router, PATHS.iter().copied().map(str::to_owned).collect(), control)
}

async fn render(State(control): State<Control>) -> Result<Response, ApiError> {
    let snapshot = control.ask(Request::Metrics).await?;
    let version = control.version();
    let text = prometheus::render(&snapshot, &version.nvgw, version.dpdk.as_deref())
        .map_err(|error| ApiError::new(ErrorKind::Internal, error.to_string(), "report this as a bug"))?;
    Ok(([(header::CONTENT_TYPE, prometheus::CONTENT_TYPE)], text).into_response())
}

/// What `/healthz` and `/readyz` say.
#[derive(Serialize)]
struct Status<'a> {
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

async fn health(State(control): State<Control>) -> Result<Response, ApiError> {
    control.ask(Request::Readiness).await?;
    Ok(Json(Status { status: "healthy", reason: None }).into_response())
}

async fn readiness(State(control): State<Control>) -> Result<Response, ApiError> {
    Ok(match control.ask(Request::Readiness).await? {
        Readiness::Ready => Json(Status { status: "ready", reason: None }).into_response(),
        Readiness::NotReady(reason) => {
            let status = Status { status: "not ready", reason: Some(reason) };
            (StatusCode::SERVICE_UNAVAILABLE, Json(status)).into_response()
        }
    })
}
