//! The checks of what is known. Each scrape of the metrics makes them all, so none walks lookup records, virtual
//! subnets or tenants: what they cost follows the hosts, the networks and the faults.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_types::VrfId;

use super::PortFacts;
use super::findings::{Fault, Findings, counted};
use crate::control::desired::{Adjacency, AdjacencyKey, Goal, Hop, Role, RouteKey, VrfKey};
use crate::control::{Control, Nanos};
use crate::diagnosis::Health;
use crate::tables::Grace;
use crate::telemetry::DropReason;

/// What leads over a next hop.
#[derive(Default)]
struct Load {
    peers: usize,
    records: usize,
    first: Option<IpAddr>,
}

impl<G: Grace> Control<G> {
    /// Every provider address in the lookup table has a route.
    pub(super) fn check_provider_routes(&self, findings: &mut Findings) {
        // What the tables say: a host that a change brings is in none before the journal has it.
        let peers = || {
            // Peers come first among the keys.
            self.fabric.current.adjacencies.iter().map_while(|(key, way)| match key {
                AdjacencyKey::Peer(peer) => Some((*peer, way)),
                AdjacencyKey::Hop(_) | AdjacencyKey::Connected(..) => None,
            })
        };
        let lost = peers().filter(|(_, way)| **way == Adjacency::NoRoute);
        let faults = lost.map(|(peer, _)| {
            let obstacle = self.no_provider_route(peer, None);
            let named = counted(self.model.records_at(peer), "lookup record");
            Fault {
                health: Health::Red,
                object: format!("provider address {peer}"),
                message: format!("{}; it is named by {named}", obstacle.message),
                cure: obstacle.cure,
            }
        });
        findings.check("provider-route", "lookup records", faults, || {
            format!("{} have a provider route", counted(peers().count(), "provider address"))
        });
    }

    /// Every provider address in the lookup table has a next hop whose Ethernet address is known.
    pub(super) fn check_next_hops(&self, findings: &mut Findings) {
        let mut known = 0;
        let mut unknown = Vec::new();
        for (hop, peers) in self.fabric.hops_to_peers() {
            if self.neighbors.mac(hop).is_some() {
                known += 1;
                continue;
            }
            let mut load = Load::default();
            for peer in peers {
                load.peers += 1;
                load.records += self.model.records_at(peer);
                load.first.get_or_insert(peer);
            }
            unknown.push((hop, load));
        }
        let faults = unknown.into_iter().map(|(hop, Load { peers, records, first })| {
            let obstacle = self.next_hop_obstacle(hop, DropReason::NeighborUnresolved);
            let behind = match first {
                Some(first) if peers == 1 => format!("provider address {first}"),
                Some(first) => format!("{peers} provider addresses, {first} first"),
                None => String::new(),
            };
            Fault {
                health: if self.neighbors.is_silent(hop) { Health::Red } else { Health::Yellow },
                object: format!("next hop {}", hop.address),
                message: format!(
                    "{}; behind it: {behind}, with {}",
                    obstacle.message,
                    counted(records, "lookup record")
                ),
                cure: obstacle.cure,
            }
        });
        findings.check("next-hop", "lookup records", faults, || {
            format!("{} toward provider addresses known", counted(known, "next hop"))
        });
    }

    /// No route leads over a next hop that was last asked in vain.
    pub(super) fn check_dead_next_hops(&self, findings: &mut Findings) {
        let dead = self.neighbors.iter().filter(|view| view.configured).map(|view| view.hop);
        let dead: BTreeSet<Hop> = dead.filter(|hop| self.neighbors.is_silent(*hop)).collect();
        let mut over: BTreeMap<Hop, (usize, IpNet)> = BTreeMap::new();
        let mut note = |hop: Hop, prefix: IpNet| {
            if dead.contains(&hop) {
                over.entry(hop).or_insert((0, prefix)).0 += 1;
            }
        };
        for route in self.provider.all() {
            if let Some(address) = route.next_hop {
                note(Hop { interface: self.site_interface(route.site), address }, route.prefix);
            }
        }
        if !dead.is_empty() {
            // Only routing tables with an external network have next hops on one.
            for vrf in self.external_vrfs() {
                let first = RouteKey { vrf, prefix: IpNet::default() };
                let routes = self.fabric.current.routes.range(first..);
                for (key, goal) in routes.take_while(|(key, _)| key.vrf == vrf) {
                    if let Goal::Hop(hop) = goal {
                        note(*hop, key.prefix);
                    }
                }
            }
        }
        let faults = over.into_iter().map(|(hop, (routes, first))| {
            let obstacle = self.next_hop_obstacle(hop, DropReason::NeighborUnresolved);
            Fault {
                health: Health::Red,
                object: format!("next hop {}", hop.address),
                message: format!(
                    "{}; over it: {}, {first} first",
                    obstacle.message,
                    counted(routes, "route")
                ),
                cure: obstacle.cure,
            }
        });
        findings.check("dead-next-hop", "routes", faults, || {
            "no route leads over a next hop that does not answer".to_owned()
        });
    }

    /// No other station has or claims an address of ours.
    pub(super) fn check_duplicate_addresses(&self, findings: &mut Findings, now: Nanos) {
        let faults = self.address_conflicts(now).map(|(network, address, by, times, used)| {
            let what = if used { "claims it too" } else { "has it, and the gateway does not use it" };
            Fault {
                health: Health::Red,
                object: format!("address {address}"),
                message: format!("{by} on {network} {what}; heard {}", counted(times as usize, "time")),
                cure: format!("give the station with {by} another address, or the gateway"),
            }
        });
        findings.check("duplicate-address", "own addresses", faults, || {
            "no other station claims an address of the gateway".to_owned()
        });
    }

    /// Every virtual subnet has lookup records.
    pub(super) fn check_virtual_subnets(&self, findings: &mut Findings) {
        let subnets = &self.fabric.current.subnets;
        let empty = self.model.empty_subnets().filter_map(|vsid| Some((vsid, subnets.get(&vsid)?)));
        let faults = empty.map(|(vsid, subnet)| {
            let tenant = self.model.tenant_of(subnet.vrf).unwrap_or_default();
            Fault {
                health: Health::Yellow,
                object: format!("VSID {}", vsid.get()),
                message: format!(
                    "{} of tenant {tenant} has no lookup record: nobody can be reached",
                    subnet.prefixes
                ),
                cure: format!(
                    "nvgw lookup add --vsid {0} --ca ADDRESS --mac MAC --pa PROVIDER-ADDRESS, or: \
                     nvgw subnet remove --vsid {0}",
                    vsid.get()
                ),
            }
        });
        findings.check("empty-vsid", "virtual subnets", faults, || {
            format!("{} with lookup records", counted(subnets.len(), "virtual subnet"))
        });
    }

    /// Every tenant has a way outside: a shared external network, or one of its own.
    pub(super) fn check_external_networks(&self, findings: &mut Findings) {
        let current = &self.fabric.current;
        let own = self.external_vrfs();
        let inside = self.model.without_external_network().filter(|name| {
            let vrf = current.vrfs.get(&VrfKey::Tenant((*name).to_owned()));
            vrf.is_some_and(|vrf| {
                let everywhere = RouteKey { vrf: *vrf, prefix: IpNet::default() };
                !own.contains(vrf) && !current.routes.contains_key(&everywhere)
            })
        });
        let faults = inside.map(|name| Fault {
            health: Health::Yellow,
            object: format!("tenant {name}"),
            message: "it has no external network: its VMs reach only each other".to_owned(),
            cure: format!("nvgw tenant move {name} --external NETWORK"),
        });
        findings.check("external-network", "tenants", faults, || {
            format!("{} with a way outside", counted(self.model.tenants().len(), "tenant"))
        });
    }

    /// No table is nearly full.
    pub(super) fn check_tables(&self, findings: &mut Findings) {
        let full = self.table_usage().into_iter().filter(|usage| usage.entries * 10 > usage.capacity * 9);
        let faults = full.map(|usage| Fault {
            health: if usage.entries >= usage.capacity { Health::Red } else { Health::Yellow },
            object: format!("table {}", usage.table),
            message: format!("{} of {} entries are in use", usage.entries, usage.capacity),
            cure: "raise system.limits in the configuration file, then restart the gateway".to_owned(),
        });
        findings.check("table-saturation", "tables", faults, || {
            "every table has at least a tenth of its room left".to_owned()
        });
    }

    /// Ports of the provider network spread NVGRE over their queues.
    pub(super) fn check_ports(&self, findings: &mut Findings, ports: &[PortFacts]) {
        let sites: BTreeSet<&str> = self
            .fabric
            .current
            .networks
            .iter()
            .filter(|(_, network)| network.role == Role::Site)
            .map(|(key, _)| self.port_name(key.port))
            .collect();
        let blind = ports
            .iter()
            .filter(|port| port.rx_queues > 1 && !port.inner_hash && sites.contains(&port.name[..]));
        let faults = blind.map(|port| Fault {
            health: Health::Yellow,
            object: format!("port {}", port.name),
            message: format!(
                "its {} receive queues are not chosen by the inner headers: all packets between two hosts \
                 end at one worker",
                port.rx_queues
            ),
            cure: "set the port's rss to software, or use a NIC and driver with RSS on the inner headers of NVGRE"
                .to_owned(),
        });
        findings.check("inner-hash", "ports", faults, || {
            "provider ports spread NVGRE over their queues, or have one queue".to_owned()
        });
    }

    /// Nothing that was accepted once is out of force.
    pub(super) fn check_suspended(&self, findings: &mut Findings) {
        let faults = self.model.suspended().map(|suspended| Fault {
            health: Health::Yellow,
            object: suspended.stored.key(),
            message: format!("it is out of force: {}", suspended.refusal.message),
            cure: suspended.refusal.hint.clone(),
        });
        findings.check("suspended-change", "changes", faults, || {
            "everything that was changed at run time is in force".to_owned()
        });
    }

    /// No lookup record moves to and fro.
    pub(super) fn check_flapping_records(&self, findings: &mut Findings) {
        let faults = self.flapping_records().map(|(tenant, vsid, address, at, claimed)| {
            let at = at.map_or_else(String::new, |at| at.to_string());
            Fault {
                health: Health::Red,
                object: format!("lookup record {address} of tenant {tenant} (VSID {vsid})"),
                message: format!("it moves to and fro and is held at {at}; {claimed} claimed it last"),
                cure: format!(
                    "find which of the hosts really runs the VM, and take the address from the other; \
                     nvgw lookup move --vsid {vsid} --ca {address} --pa … places it by hand"
                ),
            }
        });
        findings.check("flapping-record", "lookup records", faults, || {
            "no lookup record moves to and fro".to_owned()
        });
    }

    /// The VRFs that have an external network of their own.
    fn external_vrfs(&self) -> BTreeSet<VrfId> {
        let roles = self.fabric.current.networks.values().map(|network| network.role);
        roles
            .filter_map(|role| match role {
                Role::External(vrf) => Some(vrf),
                Role::Site => None,
            })
            .collect()
    }
}
