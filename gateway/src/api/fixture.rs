//! A small gateway's state behind a real server, for the tests of the API and of the commands.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::{Duration, UNIX_EPOCH};

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::{Request as HttpRequest, StatusCode};
use hyper_util::rt::TokioIo;
use nvgw_types::{PortId, WorkerId};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::view::*;
use super::*;
use crate::telemetry::counters::{Counters, TrafficTotal};
use crate::telemetry::prometheus::{Tally, VrfMetrics};
use crate::telemetry::view::TableUsage;
use crate::telemetry::{DropReason, Stage};

/// The state: one port, one worker beside the control thread, one tenant with so many lookup records.
pub(crate) struct Fixture {
    worker: Counters,
    control: Counters,
    pub(crate) records: u32,
    pub(crate) neighbors: Vec<NeighborView>,
    pub(crate) readiness: Readiness,
    pub(crate) reload: Result<ReloadView, ApiError>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let (worker, control) = (Counters::new(1, 1), Counters::new(1, 1));
        worker.port(PortId(0)).rx.add(1_500, 150_000);
        worker.port(PortId(0)).tx.add(1_400, 196_000);
        control.port(PortId(0)).tx.add(7, 420);
        for (stage, packets) in [(Stage::Receive, 1_500), (Stage::Decapsulate, 1_000)] {
            worker.stage(stage).calls.add(100);
            worker.stage(stage).packets.add(packets);
            worker.stage(stage).cycles.add(packets * 20);
        }
        worker.bursts.add(100);
        worker.idle_polls.add(300);
        worker.busy_cycles.add(500_000);
        worker.forwarded.add(1_400);
        worker.punted.add(40);
        worker.drops(DropReason::GreNoKey, 60);
        control.consumed.add(38);
        control.drops(DropReason::NeighborUnresolved, 2);
        control.originated.add(7);
        Self {
            worker,
            control,
            records: 3,
            neighbors: Vec::new(),
            readiness: Readiness::Ready,
            reload: Ok(ReloadView { file: "gw.yaml".into(), changes: vec!["1 tenant added".into()] }),
        }
    }

    fn record(number: u32) -> LookupView {
        LookupView {
            tenant: "red".into(),
            vsid: 5001,
            address: IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + number)),
            mac: "02:15:5d:00:00:05".into(),
            provider_address: "100.64.10.2".parse().expect("an address"),
            name: (number == 1).then(|| "web-1".into()),
            next_hop: Some("100.64.20.1".parse().expect("an address")),
            state: PathState::Ready,
        }
    }
}

impl Backend for Fixture {
    fn ports(&mut self) -> Vec<PortView> {
        let rx = self.worker.port(PortId(0)).rx.get();
        let mut tx = self.worker.port(PortId(0)).tx.get();
        tx += self.control.port(PortId(0)).tx.get();
        vec![PortView {
            name: "wire0".into(),
            device: "0000:3b:00.0".into(),
            driver: "net_ice".into(),
            mac: "02:00:00:00:00:01".into(),
            mtu: 1600,
            link: Link::Up,
            speed_mbps: Some(100_000),
            numa_node: None,
            rx_queues: 1,
            tx_queues: 2,
            rx_packets: rx.packets,
            rx_bytes: rx.bytes,
            tx_packets: tx.packets,
            tx_bytes: tx.bytes,
            tx_dropped: 0,
            rx_missed: 12,
            rx_errors: 0,
            rx_no_buffer: 0,
        }]
    }

    fn workers(&mut self) -> Vec<WorkerView> {
        let stats = WorkerStats::read(WorkerId(0), 1, 1, &self.worker);
        vec![WorkerView::new(&stats, vec![QueueView { port: "wire0".into(), queue: 0 }], 2_000_000)]
    }

    fn vrfs(&mut self, filter: &VrfFilter, page: Page) -> Result<List<VrfView>, ApiError> {
        let vrf = VrfView {
            id: 0,
            name: "red".into(),
            kind: VrfKind::Tenant,
            tenant: Some("red".into()),
            routing_domain: None,
            external: Some("internet".into()),
            subnets: 1,
            records: self.records.into(),
            routes: 2,
            rx_packets: 900,
            rx_bytes: 90_000,
            tx_packets: 500,
            tx_bytes: 50_000,
        };
        let vrfs = vec![vrf].into_iter();
        let matches = |vrf: &VrfView| filter.name.as_ref().is_none_or(|name| *name == vrf.name);
        Ok(page.gather(vrfs.skip(page.offset as usize).map(|vrf| matches(&vrf).then_some(vrf))))
    }

    fn lookup(&mut self, filter: &LookupFilter, page: Page) -> Result<List<LookupView>, ApiError> {
        if filter.tenant.as_ref().is_some_and(|tenant| tenant != "red") {
            return Err(ApiError::not_found("there is no such tenant", "see `nvgw show vrfs`"));
        }
        let first = u32::try_from(page.offset).unwrap_or(u32::MAX);
        let rows = (first..self.records).map(|number| Self::record(number + 1));
        let matches = |row: &LookupView| {
            filter.vsid.is_none_or(|vsid| vsid == row.vsid)
                && filter.address.is_none_or(|address| address == row.address)
        };
        Ok(page.gather(rows.map(|row| matches(&row).then_some(row))))
    }

    fn routes(&mut self, filter: &RouteFilter, page: Page) -> Result<List<RouteView>, ApiError> {
        let route = RouteView {
            table: "provider".into(),
            prefix: "100.64.20.0/24".parse().expect("a prefix"),
            owner: "connected".into(),
            target: "site gateway-site".into(),
            next_hop: None,
            interface: Some("gateway-site".into()),
            metric: Some(0),
            state: PathState::Ready,
        };
        let matches = filter.prefix.is_none_or(|prefix| prefix == route.prefix);
        Ok(page.gather(std::iter::once(matches.then_some(route))))
    }

    fn neighbors(&mut self, _filter: &NeighborFilter, page: Page) -> Result<List<NeighborView>, ApiError> {
        Ok(page.gather(self.neighbors.iter().cloned().map(Some)))
    }

    fn drops(&mut self) -> Vec<DropView> {
        DropView::read(&[&self.worker, &self.control])
    }

    fn stats(&mut self) -> StatsView {
        let workers = vec![WorkerStats::read(WorkerId(0), 1, 1, &self.worker)];
        StatsView::read(1_000_000, Duration::from_secs(2), workers, &[&self.worker, &self.control])
    }

    fn alarms(&mut self, _filter: &AlarmFilter, page: Page) -> Result<List<AlarmView>, ApiError> {
        Ok(page.gather(std::iter::once(Some(AlarmView {
            severity: Severity::Critical,
            object: "provider address 100.64.99.9".into(),
            message: "no provider route leads there".into(),
            cure: "add a route to `provider.routes`".into(),
        }))))
    }

    fn metrics(&mut self) -> MetricsSnapshot {
        let mut vrfs = VrfMetrics::default();
        let (rx, tx) =
            (TrafficTotal { packets: 900, bytes: 90_000 }, TrafficTotal { packets: 500, bytes: 50_000 });
        vrfs.add("red", VrfKind::Tenant, rx, tx);
        MetricsSnapshot {
            started: UNIX_EPOCH + Duration::from_millis(1_700_000_000_500),
            ports: self.ports(),
            drops: self.drops(),
            stats: self.stats(),
            vrfs,
            neighbors: self.neighbors.iter().map(|neighbor| neighbor.state).collect(),
            tables: vec![TableUsage { table: "lookup", entries: self.records.into(), capacity: 1_000_000 }],
            alarms: Tally::from_iter([Severity::Critical]),
        }
    }

    fn readiness(&mut self) -> Readiness {
        self.readiness.clone()
    }

    fn reload(&mut self) -> Result<ReloadView, ApiError> {
        self.reload.clone()
    }
}

/// A server over a [`Fixture`], with a thread that answers as the control thread would.
pub(crate) struct Running {
    // The server first: once it is gone, the channel closes and the control thread ends.
    server: Option<ApiServer>,
    control: Option<JoinHandle<()>>,
    dir: TempDir,
}

impl Running {
    pub(crate) fn start(mut fixture: Fixture) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (sender, requests) = crossbeam::channel::bounded(16);
        let control = thread::spawn(move || requests.iter().for_each(|r: Request| r.answer(&mut fixture)));
        let server = ApiServer::spawn(options(&dir), sender).expect("the server starts");
        Self { server: Some(server), control: Some(control), dir }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("admin.sock")
    }

    pub(crate) fn admin(&self, method: &str, path: &str) -> Answer {
        ask_admin(&self.socket(), method, path)
    }

    pub(crate) fn metrics(&self, path: &str) -> Answer {
        let server = self.server.as_ref().expect("it runs");
        let address = server.metrics_address().expect("it serves metrics");
        block_on(async { exchange(TcpStream::connect(address).await.expect("connects"), "GET", path).await })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.server.take());
        if let Some(control) = self.control.take() {
            control.join().expect("the control thread ends well");
        }
    }
}

/// Options for a server in a directory of its own, on any free metrics port.
pub(crate) fn options(dir: &TempDir) -> ApiOptions {
    let version = VersionView { nvgw: "1.2.3".into(), dpdk: Some("DPDK 22.11.7".into()) };
    ApiOptions::new(dir.path().join("admin.sock"), Some(([127, 0, 0, 1], 0).into()), version)
}

/// An HTTP answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content_type: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).expect("JSON")
    }
}

pub(crate) fn ask_admin(socket: &std::path::Path, method: &str, path: &str) -> Answer {
    block_on(async { exchange(UnixStream::connect(socket).await.expect("connects"), method, path).await })
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

async fn exchange<S>(stream: S, method: &str, path: &str) -> Answer
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    let connection = tokio::spawn(connection);
    let request = HttpRequest::builder().method(method).uri(path).header("host", "nvgw");
    let request = request.body(Empty::<Bytes>::new()).expect("a request");
    let response = sender.send_request(request).await.expect("an answer");
    let status = response.status();
    let content_type =
        response.headers().get("content-type").map_or("", |v| v.to_str().expect("text")).to_owned();
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    drop(sender);
    connection.await.expect("no panic").expect("a clean end");
    Answer { status, content_type, text: String::from_utf8(body.to_vec()).expect("text") }
}
