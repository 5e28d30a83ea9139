//! Answers to the admin API, from what the control thread owns.

use dpdk_bindings::clock;
use nvgw_types::PortId;

use super::gateway::{Gateway, Refused};
use crate::api::view::{
    AlarmView, DropView, Link, LookupView, NeighborState, NeighborView, PathState, PortView, QueueView,
    ReloadView, RouteView, Severity, StatsView, VrfKind, VrfView, WorkerStats, WorkerView,
};
use crate::api::{
    AlarmFilter, ApiError, Backend, ErrorKind, List, LookupFilter, NeighborFilter, Page, Readiness,
    RouteFilter, VrfFilter,
};
use crate::control::Applied;
use crate::control::neighbors::State;
use crate::control::view as control;
use crate::telemetry::counters::TrafficTotal;
use crate::telemetry::prometheus::MetricsSnapshot;

impl Gateway {
    /// Packets and bytes of a port and a direction, all workers together.
    fn traffic(&self, port: PortId) -> (TrafficTotal, TrafficTotal, u64) {
        let (mut rx, mut tx, mut dropped) = Default::default();
        for counters in self.counters() {
            let port = counters.port(port);
            rx += port.rx.get();
            tx += port.tx.get();
            dropped += port.tx_dropped.get();
        }
        (rx, tx, dropped)
    }

    fn worker_stats(&self) -> Vec<WorkerStats> {
        let ports = self.ports.len() as u16;
        let stats =
            self.worker_ids().map(|(id, worker)| WorkerStats::read(id, worker.core, ports, &worker.counters));
        stats.collect()
    }

    fn vrf_views(&self) -> Vec<VrfView> {
        self.control.vrfs().into_iter().map(|vrf| self.vrf_view(vrf)).collect()
    }

    fn vrf_view(&self, vrf: control::VrfView) -> VrfView {
        let (mut rx, mut tx) = <(TrafficTotal, TrafficTotal)>::default();
        for counters in self.workers.iter().filter_map(|worker| worker.counters.vrf(vrf.id)) {
            rx += counters.rx.get();
            tx += counters.tx.get();
        }
        let config = self.control.config();
        let tenant = match vrf.kind {
            VrfKind::Tenant => self.control.model().tenants().get(&vrf.name).map(|tenant| &tenant.value),
            VrfKind::External => None,
        };
        VrfView {
            id: vrf.id.0,
            kind: vrf.kind,
            tenant: tenant.map(|_| vrf.name.clone()),
            routing_domain: tenant.and_then(|tenant| tenant.routing_domain.clone()),
            external: tenant
                .and_then(|tenant| tenant.external)
                .map(|index| config.external[index.0].name.clone()),
            name: vrf.name,
            subnets: vrf.subnets as u64,
            records: vrf.records as u64,
            routes: vrf.routes as u64,
            rx_packets: rx.packets,
            rx_bytes: rx.bytes,
            tx_packets: tx.packets,
            tx_bytes: tx.bytes,
        }
    }

    fn alarm_views(&self) -> Vec<AlarmView> {
        let unreachable = self.control.alarms().into_iter().map(unreachable);
        let conflicts = self.control.address_conflicts(self.now());
        let conflicts = conflicts.map(|(network, address, mac, claims, used)| AlarmView {
            severity: Severity::Critical,
            object: format!("own address {address} on {network}"),
            message: if used {
                format!("{mac} claims it too, {claims} times so far")
            } else {
                format!("{mac} has it, and the gateway does not use it")
            },
            cure: "find that station and take the address from it, or give the gateway another one".into(),
        });
        unreachable.chain(conflicts).collect()
    }
}

/// A provider address that lookup records name and packets cannot reach.
fn unreachable(alarm: control::Alarm) -> AlarmView {
    let object = format!("provider address {}", alarm.provider_address);
    let records = match alarm.records {
        1 => "1 lookup record needs".to_owned(),
        many => format!("{many} lookup records need"),
    };
    match alarm.next_hop {
        None => AlarmView {
            severity: Severity::Critical,
            object,
            message: format!("no provider route leads there, and {records} one"),
            cure: "give a site a `gateway` (provider.sites), or add a route to provider.routes".into(),
        },
        Some(hop) => {
            let (severity, problem) = if alarm.silent {
                (Severity::Critical, "does not answer ARP")
            } else {
                (Severity::Warning, "has not been heard of yet")
            };
            AlarmView {
                severity,
                object,
                message: format!(
                    "its next hop {} on {} {problem}, and {records} it",
                    hop.address, hop.network
                ),
                cure: format!(
                    "check the VLAN and cabling of {} and that {} is up, or name its Ethernet address in `neighbors`",
                    hop.network, hop.address
                ),
            }
        }
    }
}

/// Whether packets get past a next hop.
fn path_state(hop: Option<&control::NextHopView>) -> PathState {
    match hop {
        None => PathState::NoRoute,
        Some(hop) => match hop.state {
            State::Static | State::Reachable | State::Probing => PathState::Ready,
            State::Unresolved | State::Incomplete | State::Failed => PathState::Unresolved,
        },
    }
}

fn lookup_view(record: control::RecordView) -> LookupView {
    LookupView {
        state: path_state(record.next_hop.as_ref()),
        next_hop: record.next_hop.map(|hop| hop.address),
        tenant: record.tenant,
        vsid: record.vsid,
        address: record.address,
        mac: record.mac.to_string(),
        provider_address: record.provider_address,
        name: record.name,
    }
}

fn route_view(route: control::RouteView) -> RouteView {
    let target = match (route.kind, &route.to_vrf) {
        (_, Some(vrf)) => format!("vrf {vrf}"),
        (kind, None) => kind.to_owned(),
    };
    RouteView {
        table: route.vrf,
        prefix: route.prefix,
        owner: route.owner.to_owned(),
        target,
        state: route.next_hop.as_ref().map_or(PathState::Ready, |hop| path_state(Some(hop))),
        interface: route.next_hop.as_ref().map(|hop| hop.network.clone()),
        next_hop: route.next_hop.map(|hop| hop.address).or(route.via),
        metric: route.metric,
    }
}

fn neighbor_view(neighbor: control::NeighborView) -> NeighborView {
    NeighborView {
        network: neighbor.network,
        address: neighbor.address,
        mac: neighbor.mac.map(|mac| mac.to_string()),
        state: match neighbor.state {
            State::Static => NeighborState::Static,
            State::Reachable => NeighborState::Reachable,
            State::Probing => NeighborState::Stale,
            State::Failed => NeighborState::Failed,
            State::Unresolved | State::Incomplete => NeighborState::Incomplete,
        },
        age_seconds: neighbor.mac.map(|_| neighbor.age.as_secs_f64()),
        held: neighbor.held as u64,
    }
}

/// A page of rows that are all at hand.
fn page<T>(page: Page, rows: impl IntoIterator<Item = T>, matches: impl Fn(&T) -> bool) -> List<T> {
    let rows = rows.into_iter().skip(page.offset as usize);
    page.gather(rows.map(|row| matches(&row).then_some(row)))
}

impl Backend for Gateway {
    fn ports(&mut self) -> Vec<PortView> {
        let configured = &self.control.config().ports;
        let views = self.ports.iter().zip(configured).enumerate().map(|(number, (open, configured))| {
            let (rx, tx, tx_dropped) = self.traffic(PortId(number as u16));
            let info = open.port.info();
            let link = open.port.link().ok();
            let device = open.port.stats().unwrap_or_default();
            PortView {
                name: configured.name.clone(),
                device: configured.device.to_string(),
                driver: info.driver.clone(),
                mac: open.mac.to_string(),
                mtu: configured.mtu,
                link: if link.is_some_and(|link| link.up) { Link::Up } else { Link::Down },
                speed_mbps: link.and_then(|link| link.speed_mbps),
                numa_node: info.socket,
                rx_queues: open.rx_queues,
                tx_queues: open.tx_queues,
                rx_packets: rx.packets,
                rx_bytes: rx.bytes,
                tx_packets: tx.packets,
                tx_bytes: tx.bytes,
                tx_dropped,
                rx_missed: device.rx_missed,
                rx_errors: device.rx_errors,
                rx_no_buffer: device.rx_no_mbuf,
            }
        });
        views.collect()
    }

    fn workers(&mut self) -> Vec<WorkerView> {
        let elapsed = clock::tsc().wrapping_sub(self.started_tsc);
        let ports = &self.control.config().ports;
        let views = self.worker_stats().into_iter().zip(&self.workers).map(|(stats, worker)| {
            let queues = worker
                .queues
                .iter()
                .map(|(port, queue)| QueueView { port: ports[port.index()].name.clone(), queue: *queue });
            WorkerView::new(&stats, queues.collect(), elapsed)
        });
        views.collect()
    }

    fn vrfs(&mut self, filter: &VrfFilter, at: Page) -> Result<List<VrfView>, ApiError> {
        let wanted = |vrf: &VrfView| filter.name.as_ref().is_none_or(|name| *name == vrf.name);
        Ok(page(at, self.vrf_views(), wanted))
    }

    fn lookup(&mut self, filter: &LookupFilter, at: Page) -> Result<List<LookupView>, ApiError> {
        if let Some(name) = &filter.tenant
            && !self.control.model().tenants().contains_key(name)
        {
            let message = format!("no tenant is named {name:?}");
            return Err(ApiError::not_found(message, "`nvgw show vrfs` lists the tenants"));
        }
        let model = self.control.model();
        let records = self.control.lookup_records(at.offset as usize);
        let rows = records.map(|(customer, placed)| {
            let matches =
                filter.tenant.as_deref().is_none_or(|name| model.tenant_of(customer.vrf) == Some(name))
                    && filter.vsid.is_none_or(|vsid| vsid == placed.record.value.vsid.get())
                    && filter.address.is_none_or(|address| address == customer.address);
            matches.then(|| lookup_view(self.control.record_view(customer, placed)))
        });
        Ok(at.gather(rows))
    }

    fn routes(&mut self, filter: &RouteFilter, at: Page) -> Result<List<RouteView>, ApiError> {
        if let Some(name) = &filter.table
            && name != "provider"
            && !self.control.vrfs().iter().any(|vrf| vrf.name == *name)
        {
            let message = format!("no routing table is named {name:?}");
            return Err(ApiError::not_found(message, "`nvgw show vrfs` lists them, beside `provider`"));
        }
        let routes = self.control.routes(filter.table.as_deref()).into_iter().map(route_view);
        Ok(page(at, routes, |route| filter.prefix.is_none_or(|prefix| prefix == route.prefix)))
    }

    fn neighbors(&mut self, filter: &NeighborFilter, at: Page) -> Result<List<NeighborView>, ApiError> {
        let neighbors = self.control.neighbors(self.now()).into_iter().map(neighbor_view);
        Ok(page(at, neighbors, |neighbor| {
            filter.network.as_ref().is_none_or(|name| *name == neighbor.network)
        }))
    }

    fn drops(&mut self) -> Vec<DropView> {
        DropView::read(&self.counters())
    }

    fn stats(&mut self) -> StatsView {
        StatsView::read(clock::tsc_hz(), self.started.elapsed(), self.worker_stats(), &self.counters())
    }

    fn alarms(&mut self, _filter: &AlarmFilter, at: Page) -> Result<List<AlarmView>, ApiError> {
        Ok(page(at, self.alarm_views(), |_| true))
    }

    fn metrics(&mut self) -> MetricsSnapshot {
        let mut vrfs = crate::telemetry::prometheus::VrfMetrics::default();
        for vrf in self.vrf_views() {
            let rx = TrafficTotal { packets: vrf.rx_packets, bytes: vrf.rx_bytes };
            let tx = TrafficTotal { packets: vrf.tx_packets, bytes: vrf.tx_bytes };
            vrfs.add(&vrf.name, vrf.kind, rx, tx);
        }
        let neighbors = self.control.neighbors(self.now()).into_iter().map(neighbor_view);
        MetricsSnapshot {
            started: self.started_wall,
            drops: DropView::read(&self.counters()),
            vrfs,
            neighbors: neighbors.map(|neighbor| neighbor.state).collect(),
            tables: self.control.table_usage(),
            alarms: self.alarm_views().into_iter().map(|alarm| alarm.severity).collect(),
            ports: self.ports(),
            stats: self.stats(),
        }
    }

    fn readiness(&mut self) -> Readiness {
        // Questions are answered only while workers poll: the control thread starts them first.
        Readiness::Ready
    }

    fn reload(&mut self) -> Result<ReloadView, ApiError> {
        match Self::reload(self) {
            Ok(applied) => {
                Ok(ReloadView { file: self.file.display().to_string(), changes: changes(applied) })
            }
            Err(Refused::Load(error)) => Err((&error).into()),
            Err(refused) => {
                Err(ApiError::new(ErrorKind::Invalid, refused.to_string(), refused.consequence()))
            }
        }
    }
}

/// What a reload did, in words.
fn changes(applied: Applied) -> Vec<String> {
    if applied.is_empty() { Vec::new() } else { vec![applied.to_string()] }
}
