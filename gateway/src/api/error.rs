//! What the API says when it cannot do what was asked.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use nvgw_config::LoadError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::extract::MAX_BODY;
use super::view::ProblemView;

/// Whose fault it is; decides the HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request makes no sense.
    BadRequest,
    /// It names something that does not exist.
    NotFound,
    /// The path exists, but not for that method.
    MethodNotAllowed,
    /// The gateway has changed since the request was thought of.
    Conflict,
    /// The body is bigger than any that makes sense.
    TooLarge,
    /// The configuration file or the changes cannot be applied.
    Invalid,
    /// The control thread has too much to do, or is about to end.
    Unavailable,
    /// The control thread did not answer in time.
    Timeout,
    /// A mistake of nvgw's own.
    Internal,
}

impl ErrorKind {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl ErrorKind {
    /// What the OpenAPI document says of it.
    pub(super) const fn description(self) -> &'static str {
        match self {
            Self::BadRequest => "The request makes no sense",
            Self::NotFound => "It names something that does not exist",
            Self::MethodNotAllowed => "The path does not take the method",
            Self::Conflict => "The gateway is at another generation; nothing has changed",
            Self::TooLarge => "The body is too big; nothing has changed",
            Self::Invalid => "There are mistakes, each with its place; nothing has changed",
            Self::Unavailable => "The gateway has too much to do, or is about to end",
            Self::Timeout => "The gateway did not answer in time",
            Self::Internal => "A mistake of nvgw's own",
        }
    }
}

/// What went wrong, for people and programs: the value of `error` in the JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBody {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// The mistakes of a configuration file or of a batch of changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<ProblemView>,
    /// The paths that exist, where one was asked for that does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
}

/// Why a request was not answered with what it asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}; {}", body.message, body.hint)]
pub struct ApiError {
    kind: ErrorKind,
    body: ErrorBody,
}

impl ApiError {
    /// An error: what is wrong, and what to do about it.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        let body =
            ErrorBody { message: message.into(), hint: hint.into(), problems: Vec::new(), paths: Vec::new() };
        Self { kind, body }
    }

    /// A name that nothing has: `no tenant is named "green"`, and how to find those that exist.
    #[must_use]
    pub fn not_found(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message, hint)
    }

    /// Changes that do not fit what the gateway holds; none of them is made.
    #[must_use]
    pub fn refused(problems: Vec<ProblemView>) -> Self {
        let message = match problems.len() {
            1 => "the changes have a mistake".to_owned(),
            count => format!("the changes have {count} mistakes"),
        };
        let mut error = Self::new(ErrorKind::Invalid, message, "nothing has changed");
        error.body.problems = problems;
        error
    }

    /// Changes that were thought of for the generation `wanted` and meet the generation `current`.
    #[must_use]
    pub fn conflict(wanted: u64, current: u64) -> Self {
        Self::new(
            ErrorKind::Conflict,
            format!("the changes are for generation {wanted}, and the gateway is at generation {current}"),
            "nothing has changed; look at what is there now, then send them for that generation",
        )
    }

    /// A body that is too big.
    pub(super) fn too_large() -> Self {
        Self::new(
            ErrorKind::TooLarge,
            format!("the body has more than {} MiB", MAX_BODY >> 20),
            "nothing has changed; send it in parts",
        )
    }

    /// A path that does not exist, with those that do.
    pub(super) fn no_such_path(path: &str, known: &[String]) -> Self {
        let mut error =
            Self::not_found(format!("there is no {path}"), "ask for one of the paths listed here");
        error.body.paths = known.to_vec();
        error
    }

    /// Whose fault it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl From<&LoadError> for ApiError {
    /// The error of a reload whose file cannot be read or has mistakes.
    fn from(error: &LoadError) -> Self {
        match error {
            LoadError::Read { .. } => Self::new(
                ErrorKind::Invalid,
                error.to_string(),
                "nothing has changed; make the file readable",
            ),
            LoadError::Problems(problems) => {
                let message = format!("{} has mistakes", problems.origin());
                let mut error =
                    Self::new(ErrorKind::Invalid, message, "nothing has changed; correct the file");
                error.body.problems = ProblemView::all(problems);
                error
            }
        }
    }
}

/// The JSON around an [`ErrorBody`].
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Failure {
    /// What went wrong.
    pub(crate) error: ErrorBody,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.kind.status(), Json(Failure { error: self.body })).into_response()
    }
}
