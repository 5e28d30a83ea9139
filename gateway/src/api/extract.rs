//! What a request brings along: query parameters and bodies, and how the document describes them.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use nvgw_config::ChangeSet;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::view::ProblemView;
use super::{ApiError, ErrorKind, Page};
use crate::diagnosis::ProbeRequest;

/// The biggest body that is read, in bytes.
pub const MAX_BODY: usize = 64 << 20;

/// Something in a query string that the document can describe.
pub(super) trait Parameters: Sized + Send + 'static {
    /// Reads it. A parameter that it does not know is refused.
    fn read(uri: &Uri) -> Result<Self, ApiError>;

    /// Objects whose properties are the parameters.
    fn schemas(generator: &mut SchemaGenerator) -> Vec<Schema>;
}

/// Parameters that are one value's fields.
pub(super) struct Fields<T>(pub(super) T);

impl<T: DeserializeOwned + JsonSchema + Send + 'static> Parameters for Fields<T> {
    fn read(uri: &Uri) -> Result<Self, ApiError> {
        parse(uri).map(Self)
    }

    fn schemas(generator: &mut SchemaGenerator) -> Vec<Schema> {
        vec![T::json_schema(generator)]
    }
}

/// No parameters.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// A list's filter and page.
pub(super) struct Paged<F> {
    pub(super) filter: F,
    pub(super) page: Page,
}

impl<F: DeserializeOwned + JsonSchema + Send + 'static> Parameters for Paged<F> {
    fn read(uri: &Uri) -> Result<Self, ApiError> {
        let pairs: Vec<(String, String)> = parse(uri)?;
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

    fn schemas(generator: &mut SchemaGenerator) -> Vec<Schema> {
        vec![F::json_schema(generator), Page::json_schema(generator)]
    }
}

/// What takes [`Parameters`] from a request.
pub(super) struct Params<P>(pub(super) P);

impl<P: Parameters, S: Sync> FromRequestParts<S> for Params<P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        P::read(&parts.uri).map(Self)
    }
}

fn parse<T: DeserializeOwned>(uri: &Uri) -> Result<T, ApiError> {
    Query::try_from_uri(uri).map(|Query(value)| value).map_err(|error| {
        let text = error.body_text();
        bad_query(text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text))
    })
}

fn with_query(pairs: &[(String, String)]) -> Result<Uri, ApiError> {
    let query = serde_urlencoded::to_string(pairs).map_err(|error| bad_query(&error.to_string()))?;
    format!("/?{query}").parse().map_err(|error: axum::http::uri::InvalidUri| bad_query(&error.to_string()))
}

fn bad_query(message: &str) -> ApiError {
    let hint = "correct what stands behind the question mark; /v1/openapi.json names the parameters";
    ApiError::new(ErrorKind::BadRequest, format!("query: {message}"), hint)
}

/// What a body may be, for the document.
pub(super) struct Content {
    /// The media types that it comes in.
    pub(super) types: &'static [&'static str],
    /// Its schema.
    pub(super) schema: fn(&mut SchemaGenerator) -> Schema,
}

/// Something that a request's body is read as.
pub(super) trait Body: FromRequest<super::Control, Rejection = ApiError> + Send + 'static {
    /// What the document says about it; `None`: the body is not looked at.
    const CONTENT: Option<Content>;
}

/// No body.
pub(super) struct NoBody;

impl<S: Sync> FromRequest<S> for NoBody {
    type Rejection = ApiError;

    async fn from_request(_request: axum::extract::Request, _state: &S) -> Result<Self, ApiError> {
        Ok(Self)
    }
}

impl Body for NoBody {
    const CONTENT: Option<Content> = None;
}

/// A change document.
pub(super) struct Changes(pub(super) ChangeSet);

impl<S: Send + Sync> FromRequest<S> for Changes {
    type Rejection = ApiError;

    async fn from_request(request: axum::extract::Request, state: &S) -> Result<Self, ApiError> {
        let body = read_body(request, state).await?;
        // A big document takes seconds: health and metrics are answered meanwhile.
        tokio::task::spawn_blocking(move || changes(&body)).await.map_err(|error| {
            ApiError::new(
                ErrorKind::Internal,
                format!("the changes cannot be read: {error}"),
                "report this as a bug",
            )
        })?
    }
}

impl Body for Changes {
    const CONTENT: Option<Content> = Some(Content {
        types: &["application/json", "application/yaml"],
        schema: super::openapi::change_document,
    });
}

fn changes(body: &[u8]) -> Result<Changes, ApiError> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let message = format!("the changes are not UTF-8 text after byte {}", error.valid_up_to());
        ApiError::new(ErrorKind::BadRequest, message, "nothing has changed; send YAML or JSON in UTF-8")
    })?;
    let set = nvgw_config::parse_changes(text, ProblemView::CHANGES);
    set.map(Changes).map_err(|problems| ApiError::refused(ProblemView::all(&problems)))
}

/// A probe to be sent.
pub(super) struct Probe(pub(super) ProbeRequest);

/// How long an answer to a probe may be waited for at most, in milliseconds.
const MAX_PROBE_MS: u32 = 60_000;

impl<S: Send + Sync> FromRequest<S> for Probe {
    type Rejection = ApiError;

    async fn from_request(request: axum::extract::Request, state: &S) -> Result<Self, ApiError> {
        let body = read_body(request, state).await?;
        let bad = |message: String, hint: &str| Err(ApiError::new(ErrorKind::BadRequest, message, hint));
        let probe: ProbeRequest = match serde_json::from_slice(&body) {
            Ok(probe) => probe,
            Err(error) => {
                return bad(format!("no probe: {error}"), "see /v1/openapi.json for what it is made of");
            }
        };
        match probe {
            ProbeRequest { size: 0..28, .. } => bad(
                format!("size is {}", probe.size),
                "write 28 or more: an IPv4 header has 20 bytes and an ICMP header 8",
            ),
            ProbeRequest { ttl: 0, .. } => bad("ttl is 0".to_owned(), "write 1 to 255"),
            ProbeRequest { timeout_ms, .. } if !(1..=MAX_PROBE_MS).contains(&timeout_ms) => {
                bad(format!("timeout-ms is {timeout_ms}"), "write 1 to 60000")
            }
            probe => Ok(Self(probe)),
        }
    }
}

impl Body for Probe {
    const CONTENT: Option<Content> = Some(Content {
        types: &["application/json"],
        schema: SchemaGenerator::subschema_for::<ProbeRequest>,
    });
}

async fn read_body<S: Send + Sync>(request: axum::extract::Request, state: &S) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state).await.map_err(|rejection: BytesRejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            ApiError::too_large()
        } else {
            ApiError::new(ErrorKind::BadRequest, rejection.body_text(), "send the whole body")
        }
    })
}
