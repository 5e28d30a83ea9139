//! The process and the ports.

use std::collections::HashMap;
use std::net::IpAddr;

use nvgw_types::PortId;

use crate::document::{self, BIGGEST_TABLE, MOST_NAT_ADDRESSES, MOST_VSIDS, WorkerCores};
use crate::model::{Limits, Port, System, WorkerIdle};
use crate::reader::{Field, List, Reader, Spanned};
use crate::rules::Refusal;
use crate::tree::NodeId;

use super::names::Names;

/// More than any machine has.
const MOST_PORTS: usize = 256;

/// `sun_path` of `sockaddr_un`, less the terminating zero.
const LONGEST_SOCKET_PATH: usize = 107;

pub(super) fn system(reader: &mut Reader<'_>, system: &Field<document::System>) -> (Option<System>, Used) {
    let Some(system) = system.value() else {
        return (None, Used::default());
    };
    let worker_cores = worker_cores(reader, system);
    if let Some(socket) = system.admin_socket.given() {
        let length = socket.value.0.as_os_str().len();
        if length > LONGEST_SOCKET_PATH {
            let message = format!("the path of the socket has {length} bytes");
            let hint = format!("write a path of at most {LONGEST_SOCKET_PATH} bytes");
            reader.problem(socket.node, Refusal::new(message, hint));
        }
    }
    let limits = limits(&system.limits);
    let build = || {
        Some(System {
            control_core: system.control_core.value()?.0,
            worker_cores: worker_cores?,
            worker_idle: system.worker_idle.value()?.0,
            hugepages: system.hugepages.value()?.0,
            memory_mb: system.memory_mb.value()?.0,
            state_dir: system.state_dir.value()?.0.clone(),
            admin_socket: system.admin_socket.value()?.0.clone(),
            metrics_listen: system.metrics_listen.value()?.0,
            limits: limits?,
        })
    };
    (build(), Used::new(limits))
}

fn limits(limits: &Field<document::Limits>) -> Option<Limits> {
    let limits = limits.value()?;
    Some(Limits {
        vsids: limits.vsids.value()?.0,
        records: limits.records.value()?.0,
        external_routes: limits.external_routes.value()?.0,
        external_routes_ipv6: limits.external_routes_ipv6.value()?.0,
        nat_sessions: limits.nat_sessions.value()?.0,
        nat_addresses: limits.nat_addresses.value()?.0,
        nat_bindings: limits.nat_bindings.value()?.0,
    })
}

fn worker_cores(reader: &mut Reader<'_>, system: &document::System) -> Option<Vec<usize>> {
    let cores = match &system.worker_cores {
        Field::Absent => return Some(WorkerCores::DEFAULT.to_vec()),
        Field::Broken => return None,
        Field::Given(cores) => cores,
    };
    let list = &cores.value.0;
    if list.items.is_empty() && list.whole {
        let hint = "name at least one core, as in [1]";
        reader.problem(cores.node, Refusal::new("no core for a worker", hint));
    }
    let control = system.control_core.value().map(|core| core.0);
    let sleeps = system.worker_idle.value().is_some_and(|idle| idle.0 == WorkerIdle::Sleep);
    let mut seen: HashMap<usize, NodeId> = HashMap::new();
    for Spanned { node, value } in &list.items {
        if let Some(first) = seen.insert(value.0, *node) {
            let message = format!("core {} is given twice, first by {}", value.0, reader.place(first));
            reader.problem(*node, Refusal::new(message, "give each worker a core of its own"));
        }
        // On a machine with one core there is no other way.
        if control == Some(value.0) && list.items.len() > 1 && !sleeps {
            let message = format!("core {} is the control core", value.0);
            let hint = "leave it out of worker-cores, or move control-core: a worker takes all of its core, \
                        unless worker-idle is sleep";
            reader.problem(*node, Refusal::new(message, hint));
        }
    }
    Some(list.items.iter().map(|core| core.value.0).collect())
}

/// How much of the limits the document itself takes.
#[derive(Default)]
pub(super) struct Used {
    pub(super) vsids: Budget,
    pub(super) records: Budget,
    external_routes: Budget,
    external_routes_ipv6: Budget,
    pub(super) nat_addresses: Budget,
    pub(super) nat_bindings: Budget,
}

impl Used {
    fn new(limits: Option<Limits>) -> Self {
        let budget = |limit| Budget { limit, ..Budget::default() };
        Self {
            vsids: budget(limits.map(|limits| limits.vsids)),
            records: budget(limits.map(|limits| limits.records)),
            external_routes: budget(limits.map(|limits| limits.external_routes)),
            external_routes_ipv6: budget(limits.map(|limits| limits.external_routes_ipv6)),
            nat_addresses: budget(limits.map(|limits| limits.nat_addresses)),
            nat_bindings: budget(limits.map(|limits| limits.nat_bindings)),
        }
    }

    /// The routes of external networks to destinations of the address's family.
    pub(super) fn external_routes(&mut self, destination: IpAddr) -> &mut Budget {
        match destination {
            IpAddr::V4(_) => &mut self.external_routes,
            IpAddr::V6(_) => &mut self.external_routes_ipv6,
        }
    }

    /// Reports the limits that do not hold the document.
    pub(super) fn report(&self, reader: &mut Reader<'_>) {
        for (budget, key, what, most) in [
            (&self.vsids, "vsids", "virtual subnets", MOST_VSIDS),
            (&self.records, "records", "lookup records", BIGGEST_TABLE),
            (&self.external_routes, "external-routes", "external IPv4 routes", BIGGEST_TABLE),
            (&self.external_routes_ipv6, "external-routes-ipv6", "external IPv6 routes", BIGGEST_TABLE),
            (&self.nat_addresses, "nat-addresses", "public addresses", MOST_NAT_ADDRESSES),
            (&self.nat_bindings, "nat-bindings", "translations", BIGGEST_TABLE),
        ] {
            if let (Some(limit), Some(first_over)) = (budget.limit, budget.first_over) {
                let message =
                    format!("{what} are {} in all, system.limits.{key} allows {limit}", budget.used);
                let hint = if budget.used as u64 <= most {
                    format!("write {} or more for system.limits.{key}", budget.used)
                } else {
                    format!("leave some out: system.limits.{key} can be {most} at most")
                };
                reader.problem(first_over, Refusal::new(message, hint));
            }
        }
    }
}

/// One limit and what is taken of it.
#[derive(Default)]
pub(super) struct Budget {
    limit: Option<usize>,
    used: usize,
    first_over: Option<NodeId>,
}

impl Budget {
    /// Takes one.
    pub(super) fn take(&mut self, node: NodeId) {
        self.take_many(node, 1);
    }

    /// Takes as many as a node stands for.
    pub(super) fn take_many(&mut self, node: NodeId, count: usize) {
        self.used += count;
        if self.first_over.is_none() && self.limit.is_some_and(|limit| self.used > limit) {
            self.first_over = Some(node);
        }
    }
}

/// The ports, and what networks on them want to know.
pub(super) struct Ports {
    pub(super) names: Names<PortId>,
    /// In the order of the document, `None` where it could not be read.
    pub(super) mtus: Vec<Option<u16>>,
    pub(super) ports: Vec<Port>,
}

pub(super) fn ports(reader: &mut Reader<'_>, field: &Field<List<document::Port>>) -> Ports {
    let items = field.items();
    if let Some(list) = field.given() {
        if list.value.whole && items.is_empty() {
            let hint = "add a port: { name: wire0, device: \"0000:3b:00.0\" }";
            reader.problem(list.node, Refusal::new("there is no port", hint));
        }
        if let Some(port) = items.get(MOST_PORTS) {
            let message = format!("more than {MOST_PORTS} ports");
            reader.problem(port.node, Refusal::new(message, "leave ports out"));
        }
    }
    let mut devices: HashMap<&str, NodeId> = HashMap::new();
    let mut interfaces: HashMap<&str, NodeId> = HashMap::new();
    for port in items {
        let Some(Spanned { node, value }) = port.value.device.given() else {
            continue;
        };
        let same_device = devices.insert(value.key(), *node);
        let same_interface = value.interface().and_then(|interface| interfaces.insert(interface, *node));
        if let Some(first) = same_device {
            let message = format!("device {} is the device of {} too", value.key(), reader.place(first));
            reader.problem(
                *node,
                Refusal::new(message, "write another device; number vdevs, as in net_tap0, net_tap1"),
            );
        } else if let Some(first) = same_interface {
            let message = format!("the kernel's interface is that of {} too", reader.place(first));
            reader.problem(*node, Refusal::new(message, "write another interface after iface="));
        }
    }
    Ports {
        names: Names::of(reader, "port", items.iter().map(|port| &port.value.name), field.is_whole(), |i| {
            PortId(i as u16)
        }),
        mtus: items.iter().map(|port| port.value.mtu.value().map(|mtu| mtu.0)).collect(),
        ports: items.iter().filter_map(|port| build_port(&port.value)).collect(),
    }
}

fn build_port(port: &document::Port) -> Option<Port> {
    Some(Port {
        name: port.name.value()?.0.clone(),
        device: port.device.value()?.0.clone(),
        mtu: port.mtu.value()?.0,
        mac: port.mac.optional()?.map(|mac| mac.0),
        rx_descriptors: port.rx_descriptors.value()?.0,
        tx_descriptors: port.tx_descriptors.value()?.0,
        rx_queues: port.rx_queues.optional()?.map(|queues| queues.0),
        rss: port.rss.value()?.0,
        checksums: port.checksums.value()?.0,
    })
}
