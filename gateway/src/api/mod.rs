//! The admin API: HTTP and JSON on a Unix socket; metrics and health over TCP.
//!
//! The control thread owns all state. The server runs on a thread of its own and sends every question as a
//! [`Request`] over a channel; the control thread answers it with [`Request::answer`] through its [`Backend`].

mod control;
mod error;
mod extract;
#[cfg(test)]
pub(crate) mod fixture;
mod list;
mod metrics;
mod nat;
mod openapi;
mod route;
mod routes;
mod server;
mod socket;
pub mod view;

pub use error::{ApiError, ErrorBody, ErrorKind};
pub use extract::MAX_BODY;
pub use list::{
    AlarmFilter, CustomerRouteFilter, EventFilter, List, LookupFilter, NeighborFilter, Page,
    ProviderAddressFilter, ProviderRouteFilter, RouteFilter, Row, SubnetFilter, TenantFilter, VrfFilter,
    WholeTable,
};
pub use nat::{NatLookupQuery, NatPoolFilter, NatSessionFilter, PublicPlace};
pub use openapi::document as openapi;
pub use server::{ApiOptions, ApiServer, StartError};

pub(crate) use error::Failure;
pub(crate) use routes::{ChangesQuery, DoctorQuery};

use std::path::PathBuf;

use control::Control;
use nvgw_config::ChangeSet;
use tokio::sync::oneshot;

use crate::diagnosis::{DoctorReport, Event, ExplainRequest, Explanation, ProbeOutcome, ProbeRequest};
use crate::telemetry::prometheus::MetricsSnapshot;
use view::{
    AlarmView, ChangesView, CustomerRouteView, DropView, GenerationView, LookupView, NatAddressView,
    NatLookupView, NatPoolView, NatSessionView, NeighborView, PortView, ProviderAddressView,
    ProviderRouteView, ReloadView, RouteView, StatsView, SubnetView, TenantView, VrfView, WorkerView,
};

/// The way an answer goes back.
#[derive(Debug)]
pub struct Responder<T>(oneshot::Sender<Result<T, ApiError>>);

impl<T> Responder<T> {
    /// Gives the answer. Nobody hears it if the one who asked has gone, which is no error.
    pub fn send(self, answer: Result<T, ApiError>) {
        drop(self.0.send(answer));
    }
}

/// A question to the control thread, each with the way its answer goes back.
#[derive(Debug)]
pub enum Request {
    /// The ports.
    Ports(Responder<List<PortView>>),
    /// The workers.
    Workers(Responder<List<WorkerView>>),
    /// The VRFs.
    Vrfs(VrfFilter, Page, Responder<List<VrfView>>),
    /// The tenants.
    Tenants(TenantFilter, Page, Responder<List<TenantView>>),
    /// Virtual subnets.
    Subnets(SubnetFilter, Page, Responder<List<SubnetView>>),
    /// Customer routes.
    CustomerRoutes(CustomerRouteFilter, Page, Responder<List<CustomerRouteView>>),
    /// The gateway's own provider addresses.
    ProviderAddresses(ProviderAddressFilter, Page, Responder<List<ProviderAddressView>>),
    /// Provider routes.
    ProviderRoutes(ProviderRouteFilter, Page, Responder<List<ProviderRouteView>>),
    /// Lookup records.
    Lookup(LookupFilter, Page, Responder<List<LookupView>>),
    /// Routes.
    Routes(RouteFilter, Page, Responder<List<RouteView>>),
    /// Neighbours.
    Neighbors(NeighborFilter, Page, Responder<List<NeighborView>>),
    /// Packets dropped, for each reason.
    Drops(Responder<List<DropView>>),
    /// What became of all packets.
    Stats(Responder<StatsView>),
    /// Alarms.
    Alarms(AlarmFilter, Page, Responder<List<AlarmView>>),
    /// What has happened lately.
    Events(EventFilter, Page, Responder<List<Event>>),
    /// How often the gateway's objects have changed.
    Generation(Responder<GenerationView>),
    /// A packet's way through the tables.
    Explain(ExplainRequest, Responder<Explanation>),
    /// Sessions of address translation.
    NatSessions(NatSessionFilter, Page, Responder<List<NatSessionView>>),
    /// Pools of public addresses.
    NatPools(NatPoolFilter, Page, Responder<List<NatPoolView>>),
    /// Public addresses.
    NatAddresses(NatPoolFilter, Page, Responder<List<NatAddressView>>),
    /// Whose a public port is.
    NatLookup(NatLookupQuery, Responder<NatLookupView>),
    /// The file that port blocks are logged to.
    NatLogFile(Responder<Option<PathBuf>>),
    /// Everything that `/metrics` shows.
    Metrics(Responder<MetricsSnapshot>),
    /// Whether packets are being forwarded.
    Readiness(Responder<Readiness>),
    /// Read the configuration file again, and apply it if it has no mistakes.
    Reload(Responder<ReloadView>),
    /// Make changes, all or none.
    Changes {
        /// The changes.
        set: ChangeSet,
        /// Only say what would change.
        dry_run: bool,
        /// The way back.
        responder: Responder<ChangesView>,
    },
    /// Send a probe.
    Probe(ProbeRequest, Responder<ProbeOutcome>),
    /// Look for what is wrong.
    Doctor {
        /// Whether probes may be sent.
        probe: bool,
        /// The way back.
        responder: Responder<DoctorReport>,
    },
}

/// Whether packets are being forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// All workers forward.
    Ready,
    /// They do not, for this reason.
    NotReady(String),
}

/// Who answers: the owner of all state.
///
/// The control thread does nothing else while a method runs. Methods with a [`Page`] keep that short:
/// [`Page::gather`] makes such an answer. Methods that are given the [`Responder`] itself may keep it, and answer
/// once the disk or the network has.
pub trait Backend {
    /// The ports.
    fn ports(&mut self) -> Vec<PortView>;
    /// The workers.
    fn workers(&mut self) -> Vec<WorkerView>;
    /// A page of the VRFs.
    ///
    /// # Errors
    /// The filter names something that does not exist.
    fn vrfs(&mut self, filter: &VrfFilter, page: Page) -> Result<List<VrfView>, ApiError>;
    /// A page of the tenants.
    ///
    /// # Errors
    /// The filter names something that does not exist.
    fn tenants(&mut self, filter: &TenantFilter, page: Page) -> Result<List<TenantView>, ApiError>;
    /// A page of the virtual subnets.
    ///
    /// # Errors
    /// The filter names something that does not exist.
    fn subnets(&mut self, filter: &SubnetFilter, page: Page) -> Result<List<SubnetView>, ApiError>;
    /// A page of the customer routes.
    ///
    /// # Errors
    /// The filter names something that does not exist.
    fn customer_routes(
        &mut self,
        filter: &CustomerRouteFilter,
        page: Page,
    ) -> Result<List<CustomerRouteView>, ApiError>;
    /// A page of the gateway's own provider addresses.
    ///
    /// # Errors
    /// The filter names something that does not exist.
    fn provider_addresses(
        &mut self,
        filter: &ProviderAddressFilter,
        page: Page,
    ) -> Result<List<ProviderAddressView>, ApiError>;
    /// A page of the provider routes that have a next hop.
    ///
    /// # Errors
    /// The filter names something that does not exist.
    fn provider_routes(
        &mut self,
        filter: &ProviderRouteFilter,
        page: Page,
    ) -> Result<List<ProviderRouteView>, ApiError>;
    /// A page of the lookup records.
    ///
    /// # Errors
    /// The filter names something that does not exist.
    fn lookup(&mut self, filter: &LookupFilter, page: Page) -> Result<List<LookupView>, ApiError>;
    /// A page of the routes.
    ///
    /// # Errors
    /// The filter names something that does not exist.
    fn routes(&mut self, filter: &RouteFilter, page: Page) -> Result<List<RouteView>, ApiError>;
    /// A page of the neighbours.
    ///
    /// # Errors
    /// The filter names something that does not exist.
    fn neighbors(&mut self, filter: &NeighborFilter, page: Page) -> Result<List<NeighborView>, ApiError>;
    /// Packets dropped, for each reason, those that never happened included.
    fn drops(&mut self) -> Vec<DropView>;
    /// What became of all packets.
    fn stats(&mut self) -> StatsView;
    /// A page of the alarms.
    ///
    /// # Errors
    /// The filter names something that does not exist.
    fn alarms(&mut self, filter: &AlarmFilter, page: Page) -> Result<List<AlarmView>, ApiError>;
    /// Everything that `/metrics` shows.
    fn metrics(&mut self) -> MetricsSnapshot;
    /// Whether packets are being forwarded.
    fn readiness(&mut self) -> Readiness;
    /// A page of the events that are still remembered, the oldest first. Positions are counted among those that the
    /// filter leaves.
    ///
    /// # Errors
    /// The filter names something that does not exist.
    fn events(&mut self, filter: &EventFilter, page: Page) -> Result<List<Event>, ApiError>;
    /// How often the gateway's objects have changed.
    fn generation(&mut self) -> u64;
    /// A packet's way through the tables.
    ///
    /// # Errors
    /// The request names something that does not exist.
    fn explain(&mut self, request: &ExplainRequest) -> Result<Explanation, ApiError>;
    /// A page of the sessions of address translation, of one worker after the other. Positions mean something to the
    /// workers only. Answered once they have.
    fn nat_sessions(&mut self, filter: NatSessionFilter, page: Page, to: Responder<List<NatSessionView>>);
    /// A page of the pools of public addresses.
    ///
    /// # Errors
    /// The filter names something that does not exist.
    fn nat_pools(&mut self, filter: &NatPoolFilter, page: Page) -> Result<List<NatPoolView>, ApiError>;
    /// A page of the public addresses.
    ///
    /// # Errors
    /// The filter names something that does not exist.
    fn nat_addresses(&mut self, filter: &NatPoolFilter, page: Page)
    -> Result<List<NatAddressView>, ApiError>;
    /// Whose a public port is now. Answered once the workers have.
    fn nat_lookup(&mut self, query: NatLookupQuery, to: Responder<NatLookupView>);
    /// The file that port blocks are logged to, where they are.
    fn nat_log_file(&mut self) -> Option<PathBuf>;
    /// Reads the configuration file again, and applies it if it has no mistakes. A file that cannot be read or has
    /// mistakes (`ApiError::from(&load_error)`) changes nothing. Answered once the disk has it.
    fn reload(&mut self, to: Responder<ReloadView>);
    /// Makes changes, all or none: refused with [`ApiError::conflict`] where they are for another generation, with
    /// [`ApiError::refused`] where they do not fit what is there. Answered once the disk has them.
    fn changes(&mut self, set: ChangeSet, dry_run: bool, to: Responder<ChangesView>);
    /// Sends a probe. Answered when its fate is known: at the latest after its own time-out.
    fn probe(&mut self, request: ProbeRequest, to: Responder<ProbeOutcome>);
    /// Looks for what is wrong, with probes if they are wanted. Answered once theirs are.
    fn doctor(&mut self, probe: bool, to: Responder<DoctorReport>);
}

impl Request {
    /// Answers the request.
    pub fn answer(self, backend: &mut (impl Backend + ?Sized)) {
        match self {
            Self::Ports(to) => to.send(Ok(List::whole(backend.ports()))),
            Self::Workers(to) => to.send(Ok(List::whole(backend.workers()))),
            Self::Vrfs(filter, page, to) => to.send(backend.vrfs(&filter, page)),
            Self::Lookup(filter, page, to) => to.send(backend.lookup(&filter, page)),
            Self::Routes(filter, page, to) => to.send(backend.routes(&filter, page)),
            Self::Neighbors(filter, page, to) => to.send(backend.neighbors(&filter, page)),
            Self::Drops(to) => to.send(Ok(List::whole(backend.drops()))),
            Self::Stats(to) => to.send(Ok(backend.stats())),
            Self::Alarms(filter, page, to) => to.send(backend.alarms(&filter, page)),
            Self::NatSessions(filter, page, to) => backend.nat_sessions(filter, page, to),
            Self::NatPools(filter, page, to) => to.send(backend.nat_pools(&filter, page)),
            Self::NatAddresses(filter, page, to) => to.send(backend.nat_addresses(&filter, page)),
            Self::NatLookup(query, to) => backend.nat_lookup(query, to),
            Self::NatLogFile(to) => to.send(Ok(backend.nat_log_file())),
            Self::Metrics(to) => to.send(Ok(backend.metrics())),
            Self::Readiness(to) => to.send(Ok(backend.readiness())),
            Self::Tenants(filter, page, to) => to.send(backend.tenants(&filter, page)),
            Self::Subnets(filter, page, to) => to.send(backend.subnets(&filter, page)),
            Self::CustomerRoutes(filter, page, to) => to.send(backend.customer_routes(&filter, page)),
            Self::ProviderAddresses(filter, page, to) => to.send(backend.provider_addresses(&filter, page)),
            Self::ProviderRoutes(filter, page, to) => to.send(backend.provider_routes(&filter, page)),
            Self::Events(filter, page, to) => to.send(backend.events(&filter, page)),
            Self::Generation(to) => to.send(Ok(GenerationView { generation: backend.generation() })),
            Self::Explain(request, to) => to.send(backend.explain(&request)),
            Self::Reload(to) => backend.reload(to),
            Self::Changes { set, dry_run, responder } => backend.changes(set, dry_run, responder),
            Self::Probe(request, to) => backend.probe(request, to),
            Self::Doctor { probe, responder } => backend.doctor(probe, responder),
        }
    }
}

#[cfg(test)]
mod tests;
