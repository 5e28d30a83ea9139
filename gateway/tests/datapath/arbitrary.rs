//! Configurations at random: tenants that share prefixes, addresses and MACs, on sites and networks that overlap where
//! they may.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use crate::model::{
    External, Model, Net, Network, Peer, ProviderRoute, Record, Senders, Site, Subnet, Tenant,
};
use crate::wire::Mac;

/// The prefixes that tenants choose from: none overlaps another, all tenants choose from the same.
const PRIVATE: [Net; 5] = [
    Net::new(10, 0, 0, 0, 24),
    Net::new(10, 0, 1, 0, 25),
    Net::new(10, 0, 1, 128, 25),
    Net::new(10, 1, 0, 0, 16),
    Net::new(192, 168, 7, 0, 29),
];

/// Prefixes that may lie behind a VM: inside subnets, around them, everything.
const BEHIND: [Net; 4] = [
    Net::new(10, 0, 0, 64, 26),
    Net::new(172, 16, 0, 0, 12),
    Net::new(172, 16, 5, 0, 24),
    Net::new(0, 0, 0, 0, 0),
];

/// Destinations of external routes, some of which are customers' own.
const OUTSIDE: [Net; 5] = [
    Net::new(198, 51, 100, 0, 24),
    Net::new(8, 8, 0, 0, 16),
    Net::new(8, 8, 8, 8, 32),
    Net::new(203, 0, 113, 0, 24),
    Net::new(10, 0, 0, 0, 24),
];

/// Destinations of provider routes.
const PROVIDER: [Net; 4] = [
    Net::new(100, 64, 40, 0, 24),
    Net::new(100, 64, 40, 128, 25),
    Net::new(100, 64, 32, 0, 19),
    Net::new(0, 0, 0, 0, 0),
];

const MACS: [Mac; 4] =
    [[2, 0x15, 0x5d, 0, 0, 1], [2, 0x15, 0x5d, 0, 0, 2], [2, 0x15, 0x5d, 0, 0, 3], [2, 0x15, 0x5d, 0, 0, 4]];

/// Where compute hosts are: on a site or one that may not be there, behind a provider route, behind none.
pub(crate) fn hosts() -> impl Strategy<Value = u32> {
    let place = prop_oneof![
        4 => (20..23_u8, 30..34_u8),
        2 => (40..42_u8, select(vec![2_u8, 3, 130])),
    ];
    prop_oneof![
        20 => place.prop_map(|(c, d)| u32::from_be_bytes([100, 64, c, d])),
        1 => Just(u32::from_be_bytes([172, 31, 0, 9])),
    ]
}

/// A VM's Ethernet address.
pub(crate) fn macs() -> impl Strategy<Value = Mac> {
    select(MACS.to_vec())
}

fn sites() -> impl Strategy<Value = Vec<Site>> {
    let choice =
        (0..2_usize, any::<bool>(), any::<bool>(), any::<bool>(), select(vec![1400_u16, 1542, 1600]));
    vec(choice, 1..=3).prop_map(|choices| {
        let site = |(number, choice): (usize, (usize, bool, bool, bool, u16))| {
            let (port, untagged, both, gateway, mtu) = choice;
            let subnet = Net::new(100, 64, 20 + number as u8, 0, 24);
            let untagged = untagged && number == 0;
            Site {
                port: if untagged { 0 } else { port },
                vlan: (!untagged).then_some(20 + number as u16),
                subnet,
                own: [subnet.first() + 10, subnet.first() + 11][..if both { 2 } else { 1 }].to_vec(),
                gateway: gateway.then_some(subnet.first() + 1),
                mtu,
            }
        };
        choices.into_iter().enumerate().map(site).collect()
    })
}

fn provider_routes(sites: &[Site], choices: Vec<(Net, Index, u32, u32)>) -> Vec<ProviderRoute> {
    let mut routes: Vec<ProviderRoute> = Vec::new();
    for (prefix, site, host, metric) in choices {
        let site = site.index(sites.len());
        let next_hop = sites[site].subnet.first() + host;
        if !routes.iter().any(|other| (other.prefix, other.metric) == (prefix, metric)) {
            routes.push(ProviderRoute { prefix, site, next_hop, metric });
        }
    }
    routes
}

/// What an external network may have or lack.
#[derive(Debug, Clone)]
struct ExternalChoice {
    port: usize,
    untagged: bool,
    gateway: bool,
    routes: Vec<Net>,
    mtu: u16,
}

fn external_choice() -> impl Strategy<Value = ExternalChoice> {
    let routes = subsequence(OUTSIDE.to_vec(), 0..=OUTSIDE.len());
    let mtu = select(vec![600_u16, 1500, 1500, 1500]);
    (0..2_usize, any::<bool>(), any::<bool>(), routes, mtu).prop_map(
        |(port, untagged, gateway, routes, mtu)| ExternalChoice { port, untagged, gateway, routes, mtu },
    )
}

fn external(number: usize, own: Vec<Net>, tenant: Option<usize>, choice: &ExternalChoice) -> External {
    let untagged = choice.untagged && number == 0;
    let first = own[0].first();
    let routes = choice.routes.iter().zip([3, 4].into_iter().cycle());
    External {
        port: if untagged { 1 } else { choice.port },
        vlan: (!untagged).then_some(300 + number as u16),
        gateway: choice.gateway.then_some(first + 1),
        routes: routes.map(|(prefix, host)| (*prefix, first + host)).collect(),
        own,
        tenant,
        mtu: choice.mtu,
    }
}

/// What a tenant may have or lack.
#[derive(Debug, Clone)]
struct TenantChoice {
    gateway_mac: u8,
    senders: Senders,
    private: Vec<Net>,
    records: Vec<(Index, u32, Mac, u32, Option<bool>)>,
    routes: Vec<Net>,
    via: Vec<Index>,
    hand_off: Option<ExternalChoice>,
    external: Index,
    public: u8,
}

fn tenant_choice() -> impl Strategy<Value = TenantChoice> {
    let record = (any::<Index>(), 0..12_u32, macs(), hosts(), option::of(any::<bool>()));
    (
        (1..3_u8, select(vec![Senders::Strict, Senders::Strict, Senders::LogOnly, Senders::Learn])),
        subsequence(PRIVATE.to_vec(), 1..=PRIVATE.len()),
        vec(record, 1..=12),
        subsequence(BEHIND.to_vec(), 0..=2),
        vec(any::<Index>(), 3),
        option::weighted(0.3, external_choice()),
        any::<Index>(),
        0..8_u8,
    )
        .prop_map(
            |((gateway_mac, senders), private, records, routes, via, hand_off, external, public)| {
                TenantChoice {
                    gateway_mac,
                    senders,
                    private,
                    records,
                    routes,
                    via,
                    hand_off,
                    external,
                    public,
                }
            },
        )
}

fn tenant(number: usize, choice: TenantChoice, external: usize, first_vsid: u32) -> Tenant {
    let block = number as u8 * 64;
    let mut prefixes = choice.private;
    let mut public = Vec::new();
    // A subnet that is public whole, or the start of a public prefix that is longer than it.
    if choice.public & 3 != 0 {
        prefixes.push(Net::new(203, 0, 113, block, 28));
        public.push(Net::new(203, 0, 113, block, if choice.public & 1 == 0 { 26 } else { 28 }));
    }
    let mut destinations = choice.routes;
    if choice.public & 4 != 0 {
        destinations.push(Net::new(198, 51, 100, block, 26));
        public.push(Net::new(198, 51, 100, block, 26));
    }
    let subnet = |(place, prefix): (usize, &Net)| Subnet {
        vsid: first_vsid + number as u32 * 0x3_0001 + place as u32 * 0x0101,
        prefix: *prefix,
        gateway: if place % 2 == 0 { prefix.first() + 1 } else { prefix.last() - 1 },
    };
    let subnets: Vec<_> = prefixes.iter().enumerate().map(subnet).collect();
    let mut records: Vec<Record> = Vec::new();
    for (place, host, mac, provider, flow_zero) in choice.records {
        let subnet = &subnets[place.index(subnets.len())];
        let address = subnet.prefix.host(host);
        if address != subnet.gateway && !records.iter().any(|other| other.address == address) {
            records.push(Record { vsid: subnet.vsid, address, mac, provider, flow_zero });
        }
    }
    // A next hop has a record, or is at least where a VM could be.
    let via = choice.via.iter().map(|via| match records.get(via.index(records.len() + 1)) {
        Some(record) => record.address,
        None => subnets[0].prefix.first() + 5,
    });
    Tenant {
        gateway_mac: [2, 0, 0x5e, 0, 1, choice.gateway_mac],
        senders: choice.senders,
        routes: destinations.into_iter().zip(via).collect(),
        subnets,
        records,
        external,
        public,
    }
}

fn peers() -> impl Strategy<Value = Vec<Peer>> {
    let peer = (hosts(), option::of(any::<bool>()), option::of(any::<bool>()));
    let wants = |(address, flow_zero, ecn_compatible)| Peer { address, flow_zero, ecn_compatible };
    vec(peer.prop_map(wants), 0..4).prop_map(|mut peers| {
        peers.retain(|peer| peer.flow_zero.is_some() || peer.ecn_compatible.is_some());
        peers.sort_by_key(|peer| peer.address);
        peers.dedup_by_key(|peer| peer.address);
        peers
    })
}

/// Configurations.
pub(crate) fn models() -> impl Strategy<Value = Model> {
    let provider_route = (select(PROVIDER.to_vec()), any::<Index>(), 2..4_u32, 0..3_u32);
    (
        sites(),
        vec(provider_route, 0..6),
        vec(external_choice(), 1..=2),
        vec(tenant_choice(), 1..=4),
        vec(prop::bool::weighted(0.85), 64),
        (1..=255_u8, any::<bool>(), option::of(0..64_u8), any::<bool>()),
        (prop::bool::weighted(0.2), peers()),
    )
        .prop_map(|(sites, provider, shared, tenants, known, encapsulation, (allow_reserved, peers))| {
            let (outer_ttl, flow_zero, pipe, ecn_compatible) = encapsulation;
            let first_vsid = if allow_reserved { 0x0f80 } else { 0x1000 };
            let own = [
                vec![Net::new(198, 18, 0, 2, 24)],
                vec![Net::new(198, 19, 0, 2, 25), Net::new(198, 19, 1, 2, 30)],
            ];
            let mut externals: Vec<_> =
                shared.iter().zip(own).enumerate().map(|(i, (c, own))| external(i, own, None, c)).collect();
            let mut model = Model {
                provider_routes: provider_routes(&sites, provider),
                sites,
                externals: Vec::new(),
                tenants: Vec::new(),
                neighbors: Vec::new(),
                outer_ttl,
                flow_zero,
                allow_reserved,
                peers,
                pipe,
                ecn_compatible,
            };
            for (number, choice) in tenants.into_iter().enumerate() {
                let ways = shared.len() + usize::from(choice.hand_off.is_some());
                let mut way = choice.external.index(ways);
                if let Some(hand_off) = &choice.hand_off {
                    // All hand-offs have the same addresses: they are worlds of their own.
                    let own = vec![Net::new(192, 0, 2, 2, 29)];
                    externals.push(external(externals.len(), own, Some(number), hand_off));
                    way = if way == shared.len() { externals.len() - 1 } else { way };
                }
                let mut tenant = tenant(number, choice, way, first_vsid);
                if externals[way].tenant.is_some() {
                    tenant.public.clear();
                }
                model.tenants.push(tenant);
            }
            model.externals = externals;
            let hops = model.next_hops().into_iter().enumerate();
            let hops = hops.filter(|(number, _)| known[number % known.len()]);
            model.neighbors = hops
                .map(|(n, (network, hop))| (network, hop, [2, 0, 0x5e, 0x10, n as u8, hop as u8]))
                .collect();
            let host = Net::new(198, 18, 0, 77, 32).address;
            model.neighbors.push((Network::External(0), host, [2, 0, 0x5e, 0x11, 0, 77]));
            model
        })
}
