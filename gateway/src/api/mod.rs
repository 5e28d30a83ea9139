//! The admin API: HTTP and JSON on a Unix socket; metrics and health over TCP.
//!
//! The control thread owns all state. The server runs on a thread of its own and sends every question as a
//! [`Request`] over a channel; the control thread answers it with [`Request::answer`] through its [`Backend`].

mod error;
#[cfg(test)]
pub(crate) mod fixture;
mod list;
mod routes;
mod server;
mod socket;
pub mod view;

pub use error::{ApiError, ErrorBody, ErrorKind};
pub use list::{
    AlarmFilter, List, LookupFilter, NeighborFilter, Page, RouteFilter, Row, VrfFilter, WholeTable,
};
pub use server::{ApiOptions, ApiServer, StartError};

pub(crate) use error::Failure;

use tokio::sync::oneshot;

use crate::telemetry::prometheus::MetricsSnapshot;
use view::{
    AlarmView, DropView, LookupView, NeighborView, PortView, ReloadView, RouteView, StatsView, VrfView,
    WorkerView,
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
    /// Everything that `/metrics` shows.
    Metrics(Responder<MetricsSnapshot>),
    /// Whether packets are being forwarded.
    Readiness(Responder<Readiness>),
    /// Read the configuration file again, and apply it if it has no mistakes.
    Reload(Responder<ReloadView>),
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
/// [`Page::gather`] makes such an answer.
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
    /// Reads the configuration file again, and applies it if it has no mistakes.
    ///
    /// # Errors
    /// The file cannot be read or has mistakes (`ApiError::from(&load_error)`); nothing has changed then.
    fn reload(&mut self) -> Result<ReloadView, ApiError>;
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
            Self::Metrics(to) => to.send(Ok(backend.metrics())),
            Self::Readiness(to) => to.send(Ok(backend.readiness())),
            Self::Reload(to) => to.send(backend.reload()),
        }
    }
}

#[cfg(test)]
mod tests;
