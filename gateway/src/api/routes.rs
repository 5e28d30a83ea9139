//! The paths of the API, and what each asks of the control thread.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, Query, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use crossbeam::channel::{Sender, TrySendError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::view::VersionView;
use super::{ApiError, ApiOptions, ErrorKind, List, Page, Readiness, Request, Responder};
use crate::telemetry::prometheus;

/// What the admin socket answers.
pub(super) const ADMIN_PATHS: &[&str] = &[
    "GET /v1/ports",
    "GET /v1/workers",
    "GET /v1/vrfs",
    "GET /v1/lookup",
    "GET /v1/routes",
    "GET /v1/neighbors",
    "GET /v1/drops",
    "GET /v1/stats",
    "GET /v1/alarms",
    "GET /v1/version",
    "POST /v1/reload",
];

/// What the metrics' address answers.
pub(super) const METRICS_PATHS: &[&str] = &["GET /metrics", "GET /healthz", "GET /readyz"];

/// The routes of the admin socket.
pub(super) fn admin(control: Control) -> Router {
    let router = Router::new()
        .route("/v1/ports", get(async |c: State<Control>| c.ask(Request::Ports).await.map(Json)))
        .route("/v1/workers", get(async |c: State<Control>| c.ask(Request::Workers).await.map(Json)))
        .route("/v1/drops", get(async |c: State<Control>| c.ask(Request::Drops).await.map(Json)))
        .route("/v1/stats", get(async |c: State<Control>| c.ask(Request::Stats).await.map(Json)))
        .route("/v1/vrfs", paged(Request::Vrfs))
        .route("/v1/lookup", paged(Request::Lookup))
        .route("/v1/routes", paged(Request::Routes))
        .route("/v1/neighbors", paged(Request::Neighbors))
        .route("/v1/alarms", paged(Request::Alarms))
        .route("/v1/version", get(async |c: State<Control>| Json(c.0.version.as_ref().clone())))
        .route("/v1/reload", post(async |c: State<Control>| c.reload().await.map(Json)));
    finish(router, ADMIN_PATHS, control)
}

/// The routes of the metrics' address.
pub(super) fn metrics(control: Control) -> Router {
    let router = Router::new()
        .route("/metrics", get(render_metrics))
        .route("/healthz", get(health))
        .route("/readyz", get(readiness));
    finish(router, METRICS_PATHS, control)
}

fn finish(router: Router<Control>, known: &'static [&'static str], control: Control) -> Router {
    router
        .fallback(async move |uri: Uri| ApiError::no_such_path(uri.path(), known))
        .method_not_allowed_fallback(async |method: Method, uri: Uri| {
            let path = uri.path();
            let other = if method == Method::POST { "GET" } else { "POST" };
            ApiError::new(
                ErrorKind::MethodNotAllowed,
                format!("{path} does not take {method}"),
                format!("use {other}"),
            )
        })
        .with_state(control)
}

/// A handler that reads filter and page from the query string.
fn paged<F, T>(request: fn(F, Page, Responder<List<T>>) -> Request) -> axum::routing::MethodRouter<Control>
where
    F: DeserializeOwned + Send + Sync + 'static,
    T: super::Row + Send + 'static,
{
    get(async move |State(control): State<Control>, Paged { filter, page }: Paged<F>| {
        control.ask(|responder| request(filter, page, responder)).await.map(Json)
    })
}

async fn render_metrics(State(control): State<Control>) -> Result<Response, ApiError> {
    let snapshot = control.ask(Request::Metrics).await?;
    let text = prometheus::render(&snapshot, &control.version.nvgw, control.version.dpdk.as_deref())
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

/// The way to the control thread.
#[derive(Debug, Clone)]
pub(super) struct Control {
    requests: Sender<Request>,
    version: Arc<VersionView>,
    answer_within: Duration,
    reload_within: Duration,
}

impl Control {
    pub(super) fn new(options: ApiOptions, requests: Sender<Request>) -> Self {
        Self {
            requests,
            version: Arc::new(options.version),
            answer_within: options.answer_within,
            reload_within: options.reload_within,
        }
    }

    async fn ask<T>(&self, request: impl FnOnce(Responder<T>) -> Request) -> Result<T, ApiError> {
        self.ask_within(self.answer_within, request).await
    }

    async fn reload(&self) -> Result<super::view::ReloadView, ApiError> {
        self.ask_within(self.reload_within, Request::Reload).await
    }

    async fn ask_within<T>(
        &self,
        limit: Duration,
        request: impl FnOnce(Responder<T>) -> Request,
    ) -> Result<T, ApiError> {
        let (responder, answer) = oneshot::channel();
        self.requests.try_send(request(Responder(responder))).map_err(|error| match error {
            TrySendError::Full(_) => ApiError::new(
                ErrorKind::Unavailable,
                "the control thread has too many questions waiting",
                "ask again in a moment",
            ),
            TrySendError::Disconnected(_) => shutting_down(),
        })?;
        match tokio::time::timeout(limit, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(shutting_down()),
            Err(_) => Err(ApiError::new(
                ErrorKind::Timeout,
                format!("the control thread did not answer within {limit:?}"),
                "see the gateway's log for what it does",
            )),
        }
    }
}

fn shutting_down() -> ApiError {
    ApiError::new(ErrorKind::Unavailable, "the gateway is ending", "start it again")
}

/// Filter and page of a query string. A parameter that neither knows is refused.
struct Paged<F> {
    filter: F,
    page: Page,
}

impl<F: DeserializeOwned, S: Sync> FromRequestParts<S> for Paged<F> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let pairs: Vec<(String, String)> = parse(&parts.uri)?;
        let (page, filter): (Vec<_>, Vec<_>) =
            pairs.into_iter().partition(|(name, _)| name == "offset" || name == "limit");
        let page: Page = parse(&with_query(&page)?)?;
        if !(1..=Page::MAX_ROWS).contains(&page.limit) {
            return Err(ApiError::new(
                ErrorKind::BadRequest,
                format!("limit is {}", page.limit),
                format!("write 1 to {}, and follow `next`", Page::MAX_ROWS),
            ));
        }
        Ok(Self { filter: parse(&with_query(&filter)?)?, page })
    }
}

fn parse<T: DeserializeOwned>(uri: &Uri) -> Result<T, ApiError> {
    Query::try_from_uri(uri).map(|Query(value)| value).map_err(|error| bad_query(&error.body_text()))
}

fn with_query(pairs: &[(String, String)]) -> Result<Uri, ApiError> {
    let query = serde_urlencoded::to_string(pairs).map_err(|error| bad_query(&error.to_string()))?;
    format!("/?{query}").parse().map_err(|error: axum::http::uri::InvalidUri| bad_query(&error.to_string()))
}

fn bad_query(message: &str) -> ApiError {
    ApiError::new(ErrorKind::BadRequest, message, "correct what stands behind the question mark")
}
