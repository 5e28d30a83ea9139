//! Everything a worker can find in the tables, told without identifiers, which differ from run to run.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use nvgw_types::{MacAddr, PublicId, VrfId, Vsid};

use crate::control::Control;
use crate::control::desired::Desired;
use crate::tables::Keyed;
use crate::tables::entries::{
    Binding, Direction, Endpoint, Inner, InterfaceKind, NatPolicy, NatSettings, Protocol, Public, Reach,
    Rewrite, ScopedAddress, Subnet, Target, from_ip, to_ip,
};
use crate::tables::grace::LocalGrace;
use crate::tables::set::{LocalAddress, NAT_SETTINGS, TableReaders};

/// What to look up: every key that one of some configurations has.
#[derive(Default)]
pub(super) struct Probes {
    vlans: BTreeSet<(u16, u16)>,
    locals: BTreeSet<IpAddr>,
    vsids: BTreeSet<Vsid>,
    addresses: BTreeSet<IpAddr>,
}

impl Probes {
    pub(super) fn add(&mut self, desired: &Desired) {
        self.vlans.extend(desired.networks.keys().map(|key| (key.port.0, key.vlan)));
        self.locals.extend(desired.locals.keys().map(|own| own.address));
        self.vsids.extend(desired.subnets.keys());
        self.addresses.extend(desired.records.keys().map(|customer| customer.address));
        for route in desired.routes.keys() {
            let (first, last) = (from_ip(route.prefix.network()), from_ip(route.prefix.broadcast()));
            let around = [first.wrapping_sub(1), first, first.wrapping_add(1), last, last.wrapping_add(1)];
            self.addresses.extend(around.map(to_ip));
        }
    }
}

/// A way out as the bytes it writes, or why it writes none.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Way {
    reach: Reach,
    port: u16,
    mtu: u16,
    headers: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    Nothing,
    Local,
    Discard,
    Subnet,
    Via(std::net::IpAddr),
    Way(Way),
    Translate(String),
    Public,
    Vrf(String),
}

/// What a worker finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    interfaces: BTreeMap<(u16, u16), (Option<String>, MacAddr)>,
    locals: BTreeSet<((u16, u16), IpAddr)>,
    subnets: BTreeMap<Vsid, (String, Subnet)>,
    records: BTreeMap<(String, IpAddr), (Vsid, MacAddr, u128, Way)>,
    routes: BTreeMap<(String, IpAddr), Found>,
    /// Each with whose it is one to one.
    publics: BTreeMap<(String, u32), (Public, Option<String>)>,
    bindings: BTreeMap<(Direction, Option<Protocol>, Named), Named>,
    policies: BTreeMap<String, (String, NatPolicy)>,
    settings: NatSettings,
    sizes: [usize; 9],
}

/// An endpoint, its VRF by name.
type Named = (String, u32, u16);

pub(super) fn take(control: &Control<LocalGrace>, readers: &TableReaders, probes: &Probes) -> Snapshot {
    let grace = LocalGrace::new();
    let mut handle = grace.reader();
    let section = &handle.section();
    let names: BTreeMap<VrfId, String> =
        control.vrfs().into_iter().map(|vrf| (vrf.id, format!("{} {}", vrf.kind, vrf.name))).collect();
    let way = |rewrite: &Rewrite| {
        let mut room = [0; Rewrite::ROOM];
        let used = usize::from(rewrite.plain(&mut room));
        let headers = room[Rewrite::ROOM - used..].to_vec();
        Way { reach: rewrite.reach(), port: rewrite.port().0, mtu: rewrite.mtu(), headers }
    };
    let mut interfaces = BTreeMap::new();
    let mut locals = BTreeSet::new();
    for &(port, vlan) in &probes.vlans {
        let Some(id) = readers.interfaces.resolve(nvgw_types::PortId(port), vlan) else { continue };
        let interface = readers.interfaces.get(section, id);
        let vrf = match interface.kind {
            InterfaceKind::Provider => None,
            InterfaceKind::External(vrf) => Some(names[&vrf].clone()),
        };
        interfaces.insert((port, vlan), (vrf, interface.mac));
        for address in &probes.locals {
            let own = readers.locals.get(section, &LocalAddress::key_of(from_ip(*address)));
            if own.is_some_and(|own| own.interface == id) {
                locals.insert(((port, vlan), *address));
            }
        }
    }
    let subnets = probes.vsids.iter().filter_map(|vsid| {
        let mut subnet = *readers.subnets.get(section, *vsid)?;
        let name = names[&std::mem::take(&mut subnet.vrf)].clone();
        Some((*vsid, (name, subnet)))
    });
    let mut records = BTreeMap::new();
    let mut routes = BTreeMap::new();
    for (vrf, name) in &names {
        for address in &probes.addresses {
            let key = ScopedAddress { scope: vrf.0, address: from_ip(*address) };
            if let Some(record) = readers.records.get(section, &key) {
                let rewrite = readers.adjacencies.get(section, record.adjacency().0);
                let mut room = [0; Rewrite::ROOM];
                let inner = Inner { length: 100, tos: 0xff, flow: 0xff };
                let used = usize::from(rewrite.encapsulate(&mut room, record, inner));
                let headers = room[Rewrite::ROOM - used..].to_vec();
                let value = (record.vsid(), record.mac(), record.provider(), Way { headers, ..way(rewrite) });
                records.insert((name.clone(), *address), value);
                let leads = control.leads(*vrf, *address);
                assert_eq!(record.on_link(), leads == Target::Subnet, "{address} of {name}: {leads:?}");
            }
            let found = match control.leads(*vrf, *address) {
                Target::Missing => Found::Nothing,
                Target::Local => Found::Local,
                Target::Discard => Found::Discard,
                Target::Subnet => Found::Subnet,
                Target::Via(id) => Found::Via(to_ip(readers.vias.get(section, id.0).address)),
                Target::Adjacency(id) => Found::Way(way(readers.adjacencies.get(section, id.0))),
                Target::Vrf(id) => Found::Vrf(names[&id].clone()),
                Target::Translate(id) => Found::Translate(names[&id].clone()),
                Target::Public => Found::Public,
            };
            routes.insert((name.clone(), *address), found);
        }
    }
    let writers = &control.fabric.writers;
    let unnamed = VrfId(u32::MAX);
    let publics = writers.publics.iter().map(|public| {
        let found = readers.publics.get(section, &public.key()).expect("readers see what is written");
        let customer = found.customer.map(|(_, address)| (unnamed, address));
        let told = Public { external: unnamed, id: PublicId(0), customer, ..*found };
        let key = (names[&found.external].clone(), found.address);
        (key, (told, found.customer.map(|(vrf, _)| names[&vrf].clone())))
    });
    let named = |end: Endpoint| (names[&end.vrf].clone(), end.address, end.port);
    let bindings = writers.bindings.iter().map(|binding| {
        let Binding { key, to } = readers.bindings.get(section, &binding.key).expect("readers see it");
        ((key.direction, key.protocol, named(key.from)), named(*to))
    });
    let policies = writers.policies.iter().map(|policy| {
        let found = readers.policies.get(section, &policy.vrf).expect("readers see it");
        let told = NatPolicy { vrf: unnamed, external: unnamed, ..*found };
        (names[&found.vrf].clone(), (names[&found.external].clone(), told))
    });
    let (publics, bindings, policies) = (publics.collect(), bindings.collect(), policies.collect());
    let settings = *readers.settings.get(section, NAT_SETTINGS);
    let sizes = [
        writers.interfaces.len(),
        writers.locals.len(),
        writers.subnets.len(),
        writers.records.len(),
        writers.ipv4_routes.len(),
        writers.adjacencies.len() + writers.vias.len(),
        writers.publics.len(),
        writers.bindings.len(),
        writers.policies.len(),
    ];
    let subnets = subnets.collect();
    Snapshot { interfaces, locals, subnets, records, routes, publics, bindings, policies, settings, sizes }
}
