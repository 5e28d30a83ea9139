//! Answers to the admin API, from what the control thread owns.

use std::path::PathBuf;

use dpdk_bindings::clock;
use nvgw_config::ChangeSet;
use nvgw_types::{PortId, VrfId, Vsid};

use super::gateway::Gateway;
use super::nat::address_views;
use super::rows::{
    alarm_view, customer_route_view, lookup_view, neighbor_view, provider_address_view, provider_route_view,
    route_view, subnet_view, tenant_view,
};
use crate::api::view::{
    AlarmView, ChangesView, CustomerRouteView, DropView, Link, LookupView, NatAddressView, NatLookupView,
    NatPoolView, NatSessionView, NeighborView, PortView, ProviderAddressView, ProviderRouteView, QueueView,
    ReloadView, RouteView, StatsView, SubnetView, TenantView, VrfKind, VrfView, WorkerStats, WorkerView,
};
use crate::api::{
    AlarmFilter, ApiError, Backend, CustomerRouteFilter, ErrorKind, EventFilter, List, LookupFilter,
    NatLookupQuery, NatPoolFilter, NatSessionFilter, NeighborFilter, Page, ProviderAddressFilter,
    ProviderRouteFilter, Readiness, Responder, RouteFilter, SubnetFilter, TenantFilter, VrfFilter,
};
use crate::control::view as control;
use crate::diagnosis::{DoctorReport, Event, ExplainRequest, Explanation, ProbeOutcome, ProbeRequest};
use crate::telemetry::counters::TrafficTotal;
use crate::telemetry::nat_totals::NatTable;
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
        let (rx, tx) = self.vrf_traffic(vrf.id);
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

    /// Packets and bytes of a VRF and a direction, all workers together.
    fn vrf_traffic(&self, id: VrfId) -> (TrafficTotal, TrafficTotal) {
        let (mut rx, mut tx) = <(TrafficTotal, TrafficTotal)>::default();
        for counters in self.workers.iter().filter_map(|worker| worker.counters.vrf(id)) {
            rx += counters.rx.get();
            tx += counters.tx.get();
        }
        (rx, tx)
    }

    pub(super) fn known_tenant(&self, name: Option<&str>) -> Result<(), ApiError> {
        match name.filter(|name| !self.control.model().tenants().contains_key(*name)) {
            None => Ok(()),
            Some(name) => {
                let message = format!("no tenant is named {name:?}");
                Err(ApiError::not_found(message, "`nvgw tenant list` shows the tenants"))
            }
        }
    }

    fn known_site(&self, name: Option<&str>) -> Result<(), ApiError> {
        let sites = &self.control.config().provider.sites;
        match name.filter(|name| !sites.iter().any(|site| site.name == *name)) {
            None => Ok(()),
            Some(name) => {
                let names: Vec<_> = sites.iter().map(|site| site.name.as_str()).collect();
                let message = format!("no site is named {name:?}");
                Err(ApiError::not_found(message, format!("the sites are {}", names.join(", "))))
            }
        }
    }

    fn known_vsid(&self, vsid: Option<u32>) -> Result<(), ApiError> {
        let subnets = self.control.model().subnets();
        match vsid.filter(|vsid| Vsid::new((*vsid).into()).map_or(true, |vsid| !subnets.contains_key(&vsid)))
        {
            None => Ok(()),
            Some(vsid) => {
                let message = format!("VSID {vsid} is in no subnet");
                Err(ApiError::not_found(message, "`nvgw subnet list` shows the subnets"))
            }
        }
    }

    fn known_network(&self, name: Option<&str>) -> Result<(), ApiError> {
        let config = self.control.config();
        let sites = config.provider.sites.iter().map(|site| site.name.as_str());
        let networks: Vec<_> =
            sites.chain(config.external.iter().map(|network| network.name.as_str())).collect();
        match name.filter(|name| !networks.contains(name)) {
            None => Ok(()),
            Some(name) => {
                let message = format!("no site and no external network is named {name:?}");
                Err(ApiError::not_found(message, format!("there are {}", networks.join(", "))))
            }
        }
    }

    pub(super) fn known_external(&self, name: Option<&str>) -> Result<(), ApiError> {
        let networks = &self.control.config().external;
        match name.filter(|name| !networks.iter().any(|network| network.name == *name)) {
            None => Ok(()),
            Some(name) => {
                let names: Vec<_> = networks.iter().map(|network| network.name.as_str()).collect();
                let message = format!("no external network is named {name:?}");
                Err(ApiError::not_found(message, format!("there are {}", names.join(", "))))
            }
        }
    }

    /// What the doctor finds without asking anyone, and what the paths to hosts were found to be, is what alarms tell
    /// of.
    fn alarm_views(&self) -> Vec<AlarmView> {
        let findings = self.with_nat(self.control.doctor(self.now(), &self.port_facts())).findings;
        findings.into_iter().chain(self.work.paths.iter().cloned()).filter_map(alarm_view).collect()
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
                rss: open.scaling.name().to_owned(),
                checksums: open.checksums.name().to_owned(),
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
            WorkerView::new(&stats, queues.collect(), elapsed, NatTable::read(&worker.nat))
        });
        views.collect()
    }

    fn vrfs(&mut self, filter: &VrfFilter, at: Page) -> Result<List<VrfView>, ApiError> {
        let wanted = |vrf: &VrfView| filter.name.as_ref().is_none_or(|name| *name == vrf.name);
        Ok(page(at, self.vrf_views(), wanted))
    }

    fn lookup(&mut self, filter: &LookupFilter, at: Page) -> Result<List<LookupView>, ApiError> {
        self.known_tenant(filter.tenant.as_deref())?;
        self.known_vsid(filter.vsid)?;
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
        self.known_network(filter.network.as_deref())?;
        let neighbors = self.control.neighbors(self.now()).into_iter().map(neighbor_view);
        Ok(page(at, neighbors, |neighbor| {
            filter.network.as_ref().is_none_or(|name| *name == neighbor.network)
        }))
    }

    fn drops(&mut self) -> Vec<DropView> {
        DropView::read(&self.counters())
    }

    fn stats(&mut self) -> StatsView {
        let ports = self.control.config().ports.iter().map(|port| &port.name[..]);
        let (uptime, workers) = (self.started.elapsed(), self.worker_stats());
        StatsView::read(clock::tsc_hz(), uptime, workers, &self.counters(), ports)
    }

    fn alarms(&mut self, _filter: &AlarmFilter, at: Page) -> Result<List<AlarmView>, ApiError> {
        Ok(page(at, self.alarm_views(), |_| true))
    }

    fn metrics(&mut self) -> MetricsSnapshot {
        let mut vrfs = crate::telemetry::prometheus::VrfMetrics::default();
        for (id, name, kind) in self.control.vrf_names() {
            let (rx, tx) = self.vrf_traffic(id);
            vrfs.add(name, kind, rx, tx);
        }
        let now = self.now();
        let neighbors = self.control.neighbors(now).into_iter().map(neighbor_view);
        MetricsSnapshot {
            started: self.started_wall,
            drops: DropView::read(&self.counters()),
            vrfs,
            neighbors: neighbors.map(|neighbor| neighbor.state).collect(),
            tables: self.control.table_usage(),
            alarms: self.alarm_views().into_iter().map(|alarm| (alarm.severity, alarm.check)).collect(),
            addresses: self.control.provider_addresses(now).into_iter().map(|own| own.state.name()).collect(),
            events: self.control.events().counts().map(|(kind, count)| (kind.name(), count)).collect(),
            generation: self.control.generation(),
            nat: self.nat_metrics(),
            ports: self.ports(),
            stats: self.stats(),
        }
    }

    fn readiness(&mut self) -> Readiness {
        // Questions are answered only while workers poll: the control thread starts them first.
        match self.control.sites_being_checked().as_slice() {
            [] => Readiness::Ready,
            sites => Readiness::NotReady(format!(
                "the provider addresses of {} are being checked for duplicates",
                sites.join(", ")
            )),
        }
    }

    fn tenants(&mut self, filter: &TenantFilter, at: Page) -> Result<List<TenantView>, ApiError> {
        let tenants = self.control.tenants().into_iter().map(|tenant| {
            let nat = self.tenant_nat(&tenant.name);
            tenant_view(tenant, nat)
        });
        Ok(page(at, tenants, |tenant| filter.name.as_ref().is_none_or(|name| *name == tenant.name)))
    }

    fn subnets(&mut self, filter: &SubnetFilter, at: Page) -> Result<List<SubnetView>, ApiError> {
        self.known_tenant(filter.tenant.as_deref())?;
        let subnets = self.control.subnets().map(subnet_view);
        Ok(page(at, subnets, |subnet| filter.tenant.as_ref().is_none_or(|name| *name == subnet.tenant)))
    }

    fn customer_routes(
        &mut self,
        filter: &CustomerRouteFilter,
        at: Page,
    ) -> Result<List<CustomerRouteView>, ApiError> {
        self.known_tenant(filter.tenant.as_deref())?;
        let routes = self.control.customer_routes().map(customer_route_view);
        Ok(page(at, routes, |route| filter.tenant.as_ref().is_none_or(|name| *name == route.tenant)))
    }

    fn provider_addresses(
        &mut self,
        filter: &ProviderAddressFilter,
        at: Page,
    ) -> Result<List<ProviderAddressView>, ApiError> {
        self.known_site(filter.site.as_deref())?;
        let own = self.control.provider_addresses(self.now()).into_iter().map(provider_address_view);
        Ok(page(at, own, |own| filter.site.as_ref().is_none_or(|name| *name == own.site)))
    }

    fn provider_routes(
        &mut self,
        filter: &ProviderRouteFilter,
        at: Page,
    ) -> Result<List<ProviderRouteView>, ApiError> {
        self.known_site(filter.site.as_deref())?;
        let routes = self.control.provider_network_routes().filter_map(provider_route_view);
        Ok(page(at, routes, |route| {
            filter.site.as_ref().is_none_or(|name| *name == route.site)
                && filter.prefix.is_none_or(|prefix| prefix == route.prefix)
        }))
    }

    fn events(&mut self, filter: &EventFilter, at: Page) -> Result<List<Event>, ApiError> {
        let events = self.control.events().after(filter.after.unwrap_or_default()).cloned();
        Ok(page(at, events, |_| true))
    }

    fn generation(&mut self) -> u64 {
        self.control.generation()
    }

    fn explain(&mut self, request: &ExplainRequest) -> Result<Explanation, ApiError> {
        self.control
            .explain(request)
            .map_err(|message| ApiError::new(ErrorKind::BadRequest, message, "see nvgw explain --help"))
    }

    fn nat_sessions(&mut self, filter: NatSessionFilter, page: Page, to: Responder<List<NatSessionView>>) {
        self.ask_for_sessions(&filter, page, to);
    }

    fn nat_pools(&mut self, filter: &NatPoolFilter, at: Page) -> Result<List<NatPoolView>, ApiError> {
        let rows = self.of_external(filter, self.nat_pool_views(), |row| &row.external)?;
        Ok(page(at, rows, |_| true))
    }

    fn nat_addresses(&mut self, filter: &NatPoolFilter, at: Page) -> Result<List<NatAddressView>, ApiError> {
        let rows = address_views(&self.control, &self.nat_counters(), |vrf| self.vrf_name(vrf));
        Ok(page(at, self.of_external(filter, rows, |row| &row.external)?, |_| true))
    }

    fn nat_lookup(&mut self, query: NatLookupQuery, to: Responder<NatLookupView>) {
        self.ask_for_owner(query, to);
    }

    fn nat_log_file(&mut self) -> Option<PathBuf> {
        self.desk.log().config().file.clone()
    }

    fn reload(&mut self, to: Responder<ReloadView>) {
        self.ask_for_reload(Some(to));
    }

    fn changes(&mut self, set: ChangeSet, dry_run: bool, to: Responder<ChangesView>) {
        self.ask_for_changes(set, dry_run, to);
    }

    fn probe(&mut self, request: ProbeRequest, to: Responder<ProbeOutcome>) {
        self.ask_for_probe(&request, to);
    }

    fn doctor(&mut self, probe: bool, to: Responder<DoctorReport>) {
        if probe {
            self.ask_for_checkup(to);
        } else {
            to.send(Ok(self.with_nat(self.control.doctor(self.now(), &self.port_facts()))));
        }
    }
}
