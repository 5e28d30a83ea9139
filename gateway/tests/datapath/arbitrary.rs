//! Configurations at random: tenants that share prefixes, addresses and MACs, on sites and networks that overlap where
//! they may, of both families.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use crate::model::{
    External, Model, Net, Network, Peer, ProviderRoute, Record, Senders, Site, Subnet, Tenant, number,
};
use crate::wire::Mac;

const fn ipv6(groups: [u16; 4], host: u16, length: u8) -> Net {
    let [a, b, c, d] = groups;
    Net::ipv6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, host), length)
}

/// The prefixes that tenants choose from, of each family: none overlaps another, all tenants choose from the same.
const PRIVATE: [[Net; 2]; 5] = [
    [Net::new(10, 0, 0, 0, 24), ipv6([0xfd00, 0xa, 0, 0], 0, 64)],
    [Net::new(10, 0, 1, 0, 25), ipv6([0xfd00, 0xa, 1, 0], 0, 121)],
    [Net::new(10, 0, 1, 128, 25), ipv6([0xfd00, 0xa, 1, 0], 0x80, 121)],
    [Net::new(10, 1, 0, 0, 16), ipv6([0xfd00, 0xa, 0x100, 0], 0, 40)],
    [Net::new(192, 168, 7, 0, 29), ipv6([0xfd00, 0x192, 7, 0], 0, 126)],
];

/// Prefixes that may lie behind a VM: inside subnets, around them, everything.
const BEHIND: [Net; 8] = [
    Net::new(10, 0, 0, 64, 26),
    Net::new(172, 16, 0, 0, 12),
    Net::new(172, 16, 5, 0, 24),
    Net::new(0, 0, 0, 0, 0),
    ipv6([0xfd00, 0xa, 0, 0], 0x40, 122),
    ipv6([0xfd00, 0x172, 0, 0], 0, 32),
    ipv6([0xfd00, 0x172, 5, 0], 0, 48),
    ipv6([0, 0, 0, 0], 0, 0),
];

/// Destinations of external routes, some of which are customers' own.
const OUTSIDE: [Net; 10] = [
    Net::new(198, 51, 100, 0, 24),
    Net::new(8, 8, 0, 0, 16),
    Net::new(8, 8, 8, 8, 32),
    Net::new(203, 0, 113, 0, 24),
    Net::new(10, 0, 0, 0, 24),
    ipv6([0x2001, 0xdb8, 0x51, 0], 0, 48),
    ipv6([0x2001, 0xdb8, 8, 0], 0, 45),
    ipv6([0x2001, 0xdb8, 8, 0], 8, 128),
    ipv6([0x2001, 0xdb8, 0x113, 0], 0, 48),
    ipv6([0xfd00, 0xa, 0, 0], 0, 64),
];

/// Destinations of provider routes.
const PROVIDER: [Net; 8] = [
    Net::new(100, 64, 40, 0, 24),
    Net::new(100, 64, 40, 128, 25),
    Net::new(100, 64, 32, 0, 19),
    Net::new(0, 0, 0, 0, 0),
    ipv6([0xfd00, 0x64, 40, 0], 0, 48),
    ipv6([0xfd00, 0x64, 40, 0], 0x80, 121),
    ipv6([0xfd00, 0x64, 32, 0], 0, 43),
    ipv6([0, 0, 0, 0], 0, 0),
];

const MACS: [Mac; 4] =
    [[2, 0x15, 0x5d, 0, 0, 1], [2, 0x15, 0x5d, 0, 0, 2], [2, 0x15, 0x5d, 0, 0, 3], [2, 0x15, 0x5d, 0, 0, 4]];

/// A compute host's place, which is an address of either family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Host {
    network: u8,
    number: u8,
    /// The family that it rather has.
    ipv6: bool,
}

impl Host {
    pub(crate) fn address(self, ipv6: bool) -> IpAddr {
        let Self { network, number, .. } = self;
        match (ipv6, network) {
            (false, 0) => Ipv4Addr::new(172, 31, 0, number).into(),
            (false, _) => Ipv4Addr::new(100, 64, network, number).into(),
            (true, 0) => Ipv6Addr::new(0xfd00, 0x31, 0, 0, 0, 0, 0, number.into()).into(),
            (true, _) => Ipv6Addr::new(0xfd00, 0x64, network.into(), 0, 0, 0, 0, number.into()).into(),
        }
    }

    /// Its address where there are these sites: of the family of its own site, else of its own where any site has that.
    fn among(self, sites: &[Site]) -> IpAddr {
        let own = self.network.checked_sub(FIRST_SITE).and_then(|site| sites.get(usize::from(site)));
        let ipv6 = match own {
            Some(site) => site.subnet.is_ipv6(),
            None if sites.iter().any(|site| site.subnet.is_ipv6() == self.ipv6) => self.ipv6,
            None => !self.ipv6,
        };
        self.address(ipv6)
    }
}

/// The network of the first site; the others' follow.
const FIRST_SITE: u8 = 20;

/// Where compute hosts are: on a site or one that may not be there, behind a provider route, behind none.
pub(crate) fn hosts() -> impl Strategy<Value = Host> {
    let place = prop_oneof![
        20 * 4 => (FIRST_SITE..FIRST_SITE + 3, 30..34_u8),
        20 * 2 => (40..42_u8, select(vec![2_u8, 3, 130])),
        6 => Just((0, 9)),
    ];
    (place, any::<bool>()).prop_map(|((network, number), ipv6)| Host { network, number, ipv6 })
}

/// A VM's Ethernet address.
pub(crate) fn macs() -> impl Strategy<Value = Mac> {
    select(MACS.to_vec())
}

fn sites() -> impl Strategy<Value = Vec<Site>> {
    let mtu = select(vec![1400_u16, 1542, 1600]);
    let choice = (0..2_usize, any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), mtu);
    vec(choice, 1..=3).prop_map(|choices| {
        let site = |(place, choice): (u8, (usize, bool, bool, bool, bool, u16))| {
            let (port, untagged, both, gateway, of_ipv6, mtu) = choice;
            let network = FIRST_SITE + place;
            let subnet = if of_ipv6 {
                ipv6([0xfd00, 0x64, network.into(), 0], 0, 64)
            } else {
                Net::new(100, 64, network, 0, 24)
            };
            let untagged = untagged && place == 0;
            Site {
                port: if untagged { 0 } else { port },
                vlan: (!untagged).then_some(network.into()),
                subnet,
                own: [subnet.at(10), subnet.at(11)][..if both { 2 } else { 1 }].to_vec(),
                gateway: gateway.then_some(subnet.at(1)),
                mtu,
            }
        };
        (0..).zip(choices).map(site).collect()
    })
}

fn provider_routes(sites: &[Site], choices: Vec<(Net, Index, u8, u32)>) -> Vec<ProviderRoute> {
    let mut routes: Vec<ProviderRoute> = Vec::new();
    for (prefix, site, host, metric) in choices {
        let of_family: Vec<_> =
            (0..sites.len()).filter(|site| sites[*site].subnet.is_ipv6() == prefix.is_ipv6()).collect();
        if of_family.is_empty() {
            continue;
        }
        let site = *site.get(&of_family);
        let next_hop = sites[site].subnet.at(host.into());
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
    gateways: [bool; 2],
    families: Families,
    routes: Vec<Net>,
    mtu: u16,
}

/// Which families a network or a subnet has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Families {
    Ipv4,
    Ipv6,
    Both,
}

impl Families {
    fn any() -> impl Strategy<Value = Self> {
        select(vec![Self::Ipv4, Self::Ipv6, Self::Both, Self::Both])
    }

    const fn has(self, ipv6: bool) -> bool {
        match self {
            Self::Both => true,
            Self::Ipv6 => ipv6,
            Self::Ipv4 => !ipv6,
        }
    }
}

fn external_choice() -> impl Strategy<Value = ExternalChoice> {
    let routes = subsequence(OUTSIDE.to_vec(), 0..=OUTSIDE.len());
    let mtu = select(vec![600_u16, 1500, 1500, 1500]);
    (0..2_usize, any::<bool>(), any::<[bool; 2]>(), Families::any(), routes, mtu).prop_map(
        |(port, untagged, gateways, families, routes, mtu)| ExternalChoice {
            port,
            untagged,
            gateways,
            families,
            routes,
            mtu,
        },
    )
}

fn external(place: usize, own: &[Net], tenant: Option<usize>, choice: &ExternalChoice) -> External {
    let untagged = choice.untagged && place == 0;
    let own: Vec<Net> = own.iter().copied().filter(|own| choice.families.has(own.is_ipv6())).collect();
    let first = |ipv6| own.iter().find(|own| own.is_ipv6() == ipv6);
    let gateways = [false, true].into_iter().zip(choice.gateways);
    let hop = |(prefix, host): (&Net, u128)| Some((*prefix, first(prefix.is_ipv6())?.at(host)));
    External {
        port: if untagged { 1 } else { choice.port },
        vlan: (!untagged).then_some(300 + place as u16),
        gateways: gateways.filter_map(|(ipv6, has)| Some(first(ipv6).filter(|_| has)?.at(1))).collect(),
        routes: choice.routes.iter().zip([3, 4].into_iter().cycle()).filter_map(hop).collect(),
        tenant,
        // The least MTU of IPv6 (RFC 8200 §5).
        mtu: if choice.families.has(true) { choice.mtu.max(1280) } else { choice.mtu },
        own,
    }
}

/// What a tenant may have or lack.
#[derive(Debug, Clone)]
struct TenantChoice {
    gateway_mac: u8,
    senders: Senders,
    private: Vec<[Net; 2]>,
    families: Vec<Families>,
    records: Vec<(Index, Index, u32, Mac, Host, Option<bool>)>,
    routes: Vec<Net>,
    via: Vec<Index>,
    hand_off: Option<ExternalChoice>,
    external: Index,
    public: u8,
}

fn tenant_choice() -> impl Strategy<Value = TenantChoice> {
    let record = (any::<Index>(), any::<Index>(), 0..12_u32, macs(), hosts(), option::of(any::<bool>()));
    (
        (1..3_u8, select(vec![Senders::Strict, Senders::Strict, Senders::LogOnly, Senders::Learn])),
        (subsequence(PRIVATE.to_vec(), 1..=PRIVATE.len()), vec(Families::any(), PRIVATE.len() + 1)),
        vec(record, 1..=12),
        subsequence(BEHIND.to_vec(), 0..=4),
        vec(any::<Index>(), 6),
        option::weighted(0.3, external_choice()),
        any::<Index>(),
        0..8_u8,
    )
        .prop_map(
            |(
                (gateway_mac, senders),
                (private, families),
                records,
                routes,
                via,
                hand_off,
                external,
                public,
            )| {
                TenantChoice {
                    gateway_mac,
                    senders,
                    private,
                    families,
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

fn tenant(place: usize, choice: TenantChoice, external: usize, first_vsid: u32, sites: &[Site]) -> Tenant {
    let block = place as u8 * 64;
    let mut prefixes = choice.private;
    let mut public = Vec::new();
    // A subnet that is public whole, or the start of a public prefix that is longer than it.
    if choice.public & 3 != 0 {
        let [narrow, wide] = [(28, 124), (26, 96)];
        let of = |(length, length_ipv6)| {
            [Net::new(203, 0, 113, block, length), ipv6([0x2001, 0xdb8, 0x113, block.into()], 0, length_ipv6)]
        };
        prefixes.push(of(narrow));
        public.extend(of(if choice.public & 1 == 0 { wide } else { narrow }));
    }
    let mut destinations = choice.routes;
    if choice.public & 4 != 0 {
        let behind = [Net::new(198, 51, 100, block, 26), ipv6([0x2001, 0xdb8, 0x51, block.into()], 0, 64)];
        destinations.extend(behind);
        public.extend(behind);
    }
    let network = |place: usize, prefix: &Net| {
        (*prefix, if place.is_multiple_of(2) { prefix.at(1) } else { prefix.before_last() })
    };
    let subnet = |((number, prefixes), families): ((usize, &[Net; 2]), Families)| Subnet {
        vsid: first_vsid + place as u32 * 0x3_0001 + number as u32 * 0x0101,
        networks: (prefixes.iter().filter(|prefix| families.has(prefix.is_ipv6())))
            .map(|prefix| network(number, prefix))
            .collect(),
    };
    let subnets: Vec<_> = prefixes.iter().enumerate().zip(choice.families).map(subnet).collect();
    let mut records: Vec<Record> = Vec::new();
    for (subnet, family, host, mac, provider, flow_zero) in choice.records {
        let Subnet { vsid, networks } = &subnets[subnet.index(subnets.len())];
        let (prefix, gateway) = family.get(networks);
        let address = prefix.host(host);
        if address != *gateway && !records.iter().any(|other| other.address == address) {
            let provider = provider.among(sites);
            records.push(Record { vsid: *vsid, address, mac, provider, flow_zero });
        }
    }
    // A next hop has a record, or is at least where a VM could be.
    let via = |(prefix, via): (Net, Index)| {
        let of_family = |address: &IpAddr| address.is_ipv6() == prefix.is_ipv6();
        let mut ways: Vec<IpAddr> = records.iter().map(|record| record.address).filter(of_family).collect();
        let networks = subnets.iter().flat_map(|subnet| &subnet.networks);
        ways.extend(
            networks.filter(|(prefix, _)| prefix.length < 122).map(|net| net.0.at(5)).find(of_family),
        );
        (!ways.is_empty()).then(|| (prefix, *via.get(&ways)))
    };
    let routes: Vec<_> = destinations.into_iter().zip(choice.via).filter_map(via).collect();
    // What is public leads somewhere.
    let destinations = subnets.iter().flat_map(|subnet| &subnet.networks).map(|network| network.0);
    let destinations: Vec<_> = destinations.chain(routes.iter().map(|route| route.0)).collect();
    public.retain(|prefix| destinations.iter().any(|to| prefix.contains(to.first())));
    Tenant {
        gateway_mac: [2, 0, 0x5e, 0, 1, choice.gateway_mac],
        senders: choice.senders,
        routes,
        subnets,
        records,
        external,
        public,
    }
}

/// What a provider address wants otherwise, before it is known which one.
type PeerChoice = (Host, Option<bool>, Option<bool>);

fn peers(choices: Vec<PeerChoice>, sites: &[Site]) -> Vec<Peer> {
    let wants = choices.into_iter().filter(|(_, flow_zero, ecn)| flow_zero.is_some() || ecn.is_some());
    let mut peers: Vec<_> = wants
        .map(|(host, flow_zero, ecn_compatible)| Peer {
            address: host.among(sites),
            flow_zero,
            ecn_compatible,
        })
        .collect();
    peers.sort_by_key(|peer| peer.address);
    peers.dedup_by_key(|peer| peer.address);
    peers
}

/// Our addresses on the external networks that all share.
const SHARED: [&[Net]; 2] = [
    &[Net::new(198, 18, 0, 2, 24), ipv6([0x2001, 0xdb8, 0x18, 0], 2, 64)],
    &[
        Net::new(198, 19, 0, 2, 25),
        Net::new(198, 19, 1, 2, 30),
        ipv6([0x2001, 0xdb8, 0x19, 0], 2, 64),
        ipv6([0x2001, 0xdb8, 0x19, 1], 2, 126),
    ],
];

/// And on those of single tenants.
const HAND_OFF: [Net; 2] = [Net::new(192, 0, 2, 2, 29), ipv6([0x2001, 0xdb8, 0x192, 0], 2, 64)];

/// Configurations.
pub(crate) fn models() -> impl Strategy<Value = Model> {
    let provider_route = (select(PROVIDER.to_vec()), any::<Index>(), 2..4_u8, 0..3_u32);
    let peer = (hosts(), option::of(any::<bool>()), option::of(any::<bool>()));
    (
        sites(),
        vec(provider_route, 0..8),
        vec(external_choice(), 1..=2),
        vec(tenant_choice(), 1..=4),
        vec(prop::bool::weighted(0.85), 64),
        (1..=255_u8, any::<bool>(), option::of(0..64_u8), any::<bool>()),
        (prop::bool::weighted(0.2), vec(peer, 0..4)),
    )
        .prop_map(
            |(sites, provider, shared, tenants, known, encapsulation, (allow_reserved, peers_wanted))| {
                let (outer_ttl, flow_zero, pipe, ecn_compatible) = encapsulation;
                let first_vsid = if allow_reserved { 0x0f80 } else { 0x1000 };
                let mut externals: Vec<_> = (shared.iter().zip(SHARED).enumerate())
                    .map(|(place, (choice, own))| external(place, own, None, choice))
                    .collect();
                let mut model = Model {
                    provider_routes: provider_routes(&sites, provider),
                    peers: peers(peers_wanted, &sites),
                    sites,
                    externals: Vec::new(),
                    tenants: Vec::new(),
                    neighbors: Vec::new(),
                    outer_ttl,
                    flow_zero,
                    allow_reserved,
                    pipe,
                    ecn_compatible,
                };
                for (place, choice) in tenants.into_iter().enumerate() {
                    let ways = shared.len() + usize::from(choice.hand_off.is_some());
                    let mut way = choice.external.index(ways);
                    if let Some(hand_off) = &choice.hand_off {
                        // All hand-offs have the same addresses: they are worlds of their own.
                        externals.push(external(externals.len(), &HAND_OFF, Some(place), hand_off));
                        way = if way == shared.len() { externals.len() - 1 } else { way };
                    }
                    let mut tenant = tenant(place, choice, way, first_vsid, &model.sites);
                    if externals[way].tenant.is_some() {
                        tenant.public.clear();
                    }
                    model.tenants.push(tenant);
                }
                model.externals = externals;
                let hops = model.next_hops().into_iter().enumerate();
                let hops = hops.filter(|(place, _)| known[place % known.len()]);
                model.neighbors = hops
                    .map(|(n, (network, hop))| (network, hop, [2, 0, 0x5e, 0x10, n as u8, number(hop) as u8]))
                    .collect();
                let hosts = model.externals[0].own.iter().map(|own| own.at(77));
                let hosts = hosts.map(|host| (Network::External(0), host, [2, 0, 0x5e, 0x11, 0, 77]));
                model.neighbors.extend(hosts);
                model
            },
        )
}
