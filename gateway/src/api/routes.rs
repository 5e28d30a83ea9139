//! The paths of the API: one table, of which the router, the list of known paths and the OpenAPI document are made.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, Uri};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::control::Control;
use super::extract::{Changes, Fields, MAX_BODY, NoBody, Nothing, Probe};
use super::route::Route;
use super::{ApiError, ErrorKind, NatLookupQuery, Request, nat, openapi};
use crate::diagnosis::ExplainRequest;

/// How a batch of changes is to be treated.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct ChangesQuery {
    /// Only say what would change.
    pub(crate) dry_run: bool,
    /// The generation that the changes were thought of for, where the document does not say it.
    pub(crate) if_generation: Option<u64>,
}

/// How the doctor works.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DoctorQuery {
    /// Whether it may send probes, and wait for their answers.
    pub(crate) probe: bool,
}

impl Default for DoctorQuery {
    fn default() -> Self {
        Self { probe: true }
    }
}

/// Every route of the admin socket.
pub(super) fn table() -> Vec<Route> {
    vec![
        Route::table("The ports, and what went through them", Request::Ports),
        Route::table("The workers, and how busy they are", Request::Workers),
        Route::list("The routing tables of tenants and external networks", Request::Vrfs),
        Route::list("The tenants", Request::Tenants),
        Route::list("The virtual subnets", Request::Subnets),
        Route::list("The lookup records: where customer addresses live", Request::Lookup),
        Route::list("The customer routes: prefixes behind VMs", Request::CustomerRoutes),
        Route::list("The gateway's own provider addresses", Request::ProviderAddresses),
        Route::list("The provider network's routes with a next hop", Request::ProviderRoutes),
        Route::list("The routes of all tables, as packets take them", Request::Routes),
        Route::list("The neighbours on provider sites and external networks", Request::Neighbors),
        Route::table("Packets dropped, for each reason", Request::Drops),
        Route::value("/v1/stats", "What became of all packets", Request::Stats),
        Route::list("What should be looked at before packets are lost", Request::Alarms),
        Route::list("What has happened lately", Request::Events),
        Route::list("The sessions of address translation, worker by worker", Request::NatSessions),
        Route::list("The pools of public addresses, and how much of them is in use", Request::NatPools),
        Route::list("The public addresses, and how much of each is in use", Request::NatAddresses),
        Route::get(
            "/v1/nat/lookup",
            "Whose a public port is, or was at some time",
            async |control: Control, Fields(query): Fields<NatLookupQuery>| {
                nat::lookup(&control, query).await
            },
        ),
        Route::value("/v1/generation", "How often the gateway's objects have changed", Request::Generation),
        Route::get(
            "/v1/version",
            "The versions of what runs",
            async |control: Control, _: Fields<Nothing>| Ok(control.version().clone()),
        ),
        Route::post(
            "/v1/changes",
            "Make changes, all or none; the answer comes once they are on disk",
            &[ErrorKind::Conflict, ErrorKind::TooLarge, ErrorKind::Invalid],
            async |control: Control, Fields(query): Fields<ChangesQuery>, Changes(mut set): Changes| {
                set.if_generation = generation(query.if_generation, set.if_generation)?;
                let dry_run = query.dry_run;
                control.work(|responder| Request::Changes { set, dry_run, responder }).await
            },
        ),
        Route::post(
            "/v1/reload",
            "Read the configuration file again, and apply it if it has no mistakes",
            &[ErrorKind::Invalid],
            async |control: Control, _: Fields<Nothing>, _: NoBody| control.work(Request::Reload).await,
        ),
        Route::post(
            "/v1/probe",
            "Send an ICMP echo request, and wait for what becomes of it",
            &[],
            async |control: Control, _: Fields<Nothing>, Probe(probe): Probe| {
                let time = Duration::from_millis(probe.timeout_ms.into());
                control.wait(time, |responder| Request::Probe(probe, responder)).await
            },
        ),
        Route::get(
            "/v1/explain",
            "A packet's way through the tables, decision by decision",
            async |control: Control, Fields(request): Fields<ExplainRequest>| {
                control.ask(|responder| Request::Explain(request, responder)).await
            },
        ),
        Route::get(
            "/v1/doctor",
            "What is wrong with the gateway and the networks around it",
            async |control: Control, Fields(DoctorQuery { probe }): Fields<DoctorQuery>| {
                control.work(|responder| Request::Doctor { probe, responder }).await
            },
        ),
        Route::get("/v1/openapi.json", "This document", async |_: Control, _: Fields<Nothing>| {
            Ok(openapi::Document::new())
        }),
    ]
}

/// The generation that a request and its document want together.
fn generation(query: Option<u64>, document: Option<u64>) -> Result<Option<u64>, ApiError> {
    match (query, document) {
        (Some(query), Some(document)) if query != document => Err(ApiError::new(
            ErrorKind::BadRequest,
            format!("the request is for generation {query}, its document for generation {document}"),
            "nothing has changed; name one generation",
        )),
        _ => Ok(query.or(document)),
    }
}

/// The router of the admin socket.
pub(super) fn admin(control: Control) -> Router {
    let table = table();
    let known = table.iter().map(Route::name).collect();
    let router = table.into_iter().fold(Router::new(), |router, route| route.add_to(router));
    finish(router.layer(DefaultBodyLimit::max(MAX_BODY)), known, control)
}

/// Adds the answers to what the router does not know.
pub(super) fn finish(router: Router<Control>, known: Vec<String>, control: Control) -> Router {
    let known: Arc<[String]> = known.into();
    let paths = Arc::clone(&known);
    router
        .fallback(async move |uri: Uri| ApiError::no_such_path(uri.path(), &paths))
        .method_not_allowed_fallback(async move |method: Method, uri: Uri| {
            let path = uri.path();
            let methods = known.iter().filter_map(|known| known.split_once(' '));
            let right = methods.filter(|(_, known)| *known == path).map(|(method, _)| method);
            ApiError::new(
                ErrorKind::MethodNotAllowed,
                format!("{path} does not take {method}"),
                format!("use {}", right.collect::<Vec<_>>().join(" or ")),
            )
        })
        .with_state(control)
}
