//! A route of the admin API: what it answers, and all that its description needs, from the same types.

use axum::extract::State;
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::control::Control;
use super::extract::{Body, Content, Fields, Nothing, Paged, Parameters, Params};
use super::list::WholeTable;
use super::{ApiError, ErrorKind, List, Page, Request, Responder, Row};

/// A path and what it does.
pub(super) struct Route {
    /// `GET` or `POST`.
    pub(super) method: &'static str,
    /// The path.
    pub(super) path: String,
    /// What it does, in a few words.
    pub(super) summary: &'static str,
    /// Objects whose properties are the query parameters.
    pub(super) parameters: fn(&mut SchemaGenerator) -> Vec<Schema>,
    /// The body, where one is read.
    pub(super) body: Option<Content>,
    /// The answer.
    pub(super) answer: fn(&mut SchemaGenerator) -> Schema,
    /// How it may be refused beside the ways that all paths share.
    pub(super) refusals: &'static [ErrorKind],
    handler: MethodRouter<Control>,
}

impl Route {
    /// A question with parameters.
    pub(super) fn get<P, A, F, Fut>(path: impl Into<String>, summary: &'static str, answer: F) -> Self
    where
        P: Parameters,
        A: Serialize + JsonSchema + Send + 'static,
        F: FnOnce(Control, P) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<A, ApiError>> + Send + 'static,
    {
        Self {
            method: "GET",
            path: path.into(),
            summary,
            parameters: P::schemas,
            body: None,
            answer: SchemaGenerator::subschema_for::<A>,
            refusals: &[],
            handler: get(move |State(control): State<Control>, Params(parameters): Params<P>| async move {
                answer(control, parameters).await.map(Json)
            }),
        }
    }

    /// Something to be done, with parameters and a body.
    pub(super) fn post<P, B, A, F, Fut>(
        path: impl Into<String>,
        summary: &'static str,
        refusals: &'static [ErrorKind],
        answer: F,
    ) -> Self
    where
        P: Parameters,
        B: Body,
        A: Serialize + JsonSchema + Send + 'static,
        F: FnOnce(Control, P, B) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<A, ApiError>> + Send + 'static,
    {
        Self {
            method: "POST",
            path: path.into(),
            summary,
            parameters: P::schemas,
            body: B::CONTENT,
            answer: SchemaGenerator::subschema_for::<A>,
            refusals,
            handler: post(
                move |State(control): State<Control>, Params(parameters): Params<P>, body: B| async move {
                    answer(control, parameters, body).await.map(Json)
                },
            ),
        }
    }

    /// A question without parameters.
    pub(super) fn value<A>(
        path: impl Into<String>,
        summary: &'static str,
        request: fn(Responder<A>) -> Request,
    ) -> Self
    where
        A: Serialize + JsonSchema + Send + 'static,
    {
        Self::get(path, summary, async move |control: Control, _: Fields<Nothing>| control.ask(request).await)
    }

    /// A list that the control thread gives page by page.
    pub(super) fn list<F, T>(
        summary: &'static str,
        request: fn(F, Page, Responder<List<T>>) -> Request,
    ) -> Self
    where
        F: DeserializeOwned + JsonSchema + Send + 'static,
        T: Row + JsonSchema + Send + 'static,
    {
        Self::get(T::path(), summary, async move |control: Control, Paged { filter, page }: Paged<F>| {
            control.ask(|responder| request(filter, page, responder)).await
        })
    }

    /// A list that is short, and comes whole.
    pub(super) fn table<T>(summary: &'static str, request: fn(Responder<List<T>>) -> Request) -> Self
    where
        T: Row + JsonSchema + Send + 'static,
    {
        Self::get(T::path(), summary, async move |control: Control, Paged { page, .. }: Paged<WholeTable>| {
            let rows = control.ask(request).await?.rows.into_iter();
            Ok(page.gather(rows.skip(usize::try_from(page.offset).unwrap_or(usize::MAX)).map(Some)))
        })
    }

    /// Method and path, as in `GET /v1/ports`.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Adds the route to a router.
    pub(super) fn add_to(self, router: Router<Control>) -> Router<Control> {
        router.route(&self.path, self.handler)
    }
}
