//! What the gateway owes a frame, worked out from the model by reading every list from its start to its end.

mod read;
mod route;

use std::net::IpAddr;

use gateway::telemetry::DropReason;

use crate::harness::PORTS;
use crate::model::{External, Model, Network, Record, Senders, Site, Subnet, Tenant};
use crate::wire::{self, BRIDGED, GRE, IPV4, IPV6, Ip, KEY_PRESENT, Mac};
pub(crate) use read::{Flow, flow_of};
use read::{Inner, Nvgre, Packet};

/// What must become of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It leaves by a port, in fragments if it must.
    Sent(usize, Vec<Wrapped>),
    /// It waits, complete but for its first six bytes, for the next hop's Ethernet address.
    Waits(Vec<Wrapped>),
    /// It is for the gateway itself, from this byte on.
    Local(usize),
    /// From this byte on it tells the gateway of a VM that no record vouches for.
    Teaches(usize, Lesson),
    /// From this byte on it asks the gateway something from an address of its link alone.
    Asks(usize, Asker),
    /// It is dropped.
    Dropped(DropReason),
}

/// Who sent a frame, as far as the frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asker {
    pub(crate) tenant: usize,
    pub(crate) vsid: u32,
    pub(crate) provider: IpAddr,
}

/// What is to be known of a frame that no record vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lesson {
    pub(crate) sender: Asker,
    /// Why it would be dropped otherwise.
    pub(crate) reason: DropReason,
}

/// A frame as it leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrapped {
    /// Its bytes; a FlowID that may have any value is zero here.
    pub(crate) bytes: Vec<u8>,
    /// Whether it goes into the overlay.
    pub(crate) tunnel: bool,
    /// Where that FlowID is, over IPv6 also as the flow label (RFC 6438 §3), and the IP packet whose flow it is of.
    pub(crate) flow: Option<(Vec<usize>, Vec<u8>)>,
}

/// The side by which a routed packet came in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Tenant,
    External,
}

/// A routing table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vrf {
    Tenant(usize),
    External(usize),
}

impl Model {
    /// What must become of a frame that comes in on a port.
    pub(crate) fn fate(&self, port: usize, frame: &[u8]) -> Fate {
        self.forward(port, frame).unwrap_or_else(Fate::Dropped)
    }

    fn forward(&self, port: usize, frame: &[u8]) -> Result<Fate, DropReason> {
        let ethernet = read::ethernet(frame).ok_or(DropReason::OuterMalformed)?;
        let network = self.network(port, ethernet.vlan).ok_or(DropReason::VlanUnknown)?;
        if ethernet.to[0] & 1 != 0 {
            if ethernet.ethertype == IPV4 {
                return Err(DropReason::MulticastUnsupported);
            }
        } else if ethernet.to != PORTS[port] {
            return Err(DropReason::NotOurMac);
        }
        let outer = match ethernet.ethertype {
            read::ARP => return Ok(Fate::Local(0)),
            IPV4 => read::ipv4(ethernet.payload, DropReason::OuterMalformed, DropReason::OuterChecksum)?,
            IPV6 => read::ipv6(ethernet.payload).ok_or(DropReason::OuterMalformed)?,
            _ => return Err(DropReason::EthertypeUnknown),
        };
        let (source, destination) = (outer.ip.source, outer.ip.destination);
        let mut on_link = false;
        if ethernet.ethertype == IPV6 {
            if read::is_discovery(ethernet.payload) {
                return Ok(Fate::Local(0));
            }
            if ethernet.to[0] & 1 != 0 || !read::may_receive(destination) {
                return Err(DropReason::MulticastUnsupported);
            }
            on_link = read::is_link_local(destination);
        }
        if !(read::may_send(source) || on_link && read::is_link_local(source)) {
            return Err(DropReason::OuterMartianSource);
        }
        match network {
            _ if on_link => Ok(Fate::Local(0)),
            Network::Site(site) => self.decapsulated(&self.sites[site], frame, &outer),
            Network::External(_) if !read::may_receive(destination) => Err(DropReason::MulticastUnsupported),
            Network::External(number) => {
                let vrf = match self.externals[number].tenant {
                    Some(tenant) => Vrf::Tenant(tenant),
                    None => Vrf::External(number),
                };
                self.route(From::External, vrf, &outer, 0)
            }
        }
    }

    /// The network of a port's VLAN; a priority tag is none.
    fn network(&self, port: usize, vlan: Option<u16>) -> Option<Network> {
        let vlan = vlan.map(|tag| tag & 0xfff).filter(|vlan| *vlan != 0);
        let site = self.sites.iter().position(|site| site.port == port && site.vlan == vlan);
        let external = || self.externals.iter().position(|e| e.port == port && e.vlan == vlan);
        site.map(Network::Site).or_else(|| external().map(Network::External))
    }

    fn is_own(&self, address: IpAddr) -> bool {
        self.sites.iter().any(|site| site.own.contains(&address))
    }

    /// A packet from the provider network.
    fn decapsulated(&self, site: &Site, frame: &[u8], outer: &Packet<'_>) -> Result<Fate, DropReason> {
        if !site.own.contains(&outer.ip.destination) {
            return Err(if read::may_receive(outer.ip.destination) {
                DropReason::OuterDestinationUnknown
            } else {
                DropReason::MulticastUnsupported
            });
        }
        let ipv6 = outer.ip.source.is_ipv6();
        let carried = outer.carried().ok_or(DropReason::OuterMalformed)?;
        match carried.protocol {
            _ if ipv6 && carried.fragment => return Err(DropReason::OuterFragment),
            GRE if carried.fragment => return Err(DropReason::OuterFragment),
            GRE => {}
            1 if !ipv6 => return Ok(Fate::Local(0)),
            read::ICMPV6 if ipv6 => return Ok(Fate::Local(0)),
            _ => return Err(DropReason::OuterProtocolUnknown),
        }
        let nvgre = read::nvgre(outer.ip.tos, carried.payload, self.allow_reserved)?;
        let inner_at = nvgre.inner.as_ptr().addr() - frame.as_ptr().addr();
        let provider = outer.ip.source;
        let own = |reason| if self.is_own(provider) { DropReason::OwnPacket } else { reason };
        let found = self.tenants.iter().enumerate().find_map(|(number, tenant)| {
            Some((number, tenant, tenant.subnets.iter().find(|subnet| subnet.vsid == nvgre.vsid)?))
        });
        let (number, tenant, subnet) = found.ok_or(own(DropReason::NoPolicyForVsid))?;
        let to_many = match nvgre.payload {
            Inner::Arp(_) => nvgre.to == [0xff; 6],
            Inner::ToGateway(_) | Inner::LinkLocal => nvgre.to[..2] == [0x33, 0x33],
            Inner::Routed(_) => false,
        };
        if nvgre.to != tenant.gateway_mac && !to_many {
            return Err(DropReason::InnerDestinationMac);
        }
        let asker = Asker { tenant: number, vsid: nvgre.vsid, provider };
        let (sender, routed) = match &nvgre.payload {
            Inner::Arp(sender) | Inner::ToGateway(sender) => (*sender, false),
            Inner::Routed(packet) => (packet.ip.source, true),
            Inner::LinkLocal if self.is_own(provider) => return Err(DropReason::OwnPacket),
            Inner::LinkLocal => return Ok(Fate::Asks(inner_at, asker)),
        };
        // Whoever has no record may live behind a VM that routes, whose record then counts.
        let vouching = tenant.record(sender).or_else(|| match self.best(Vrf::Tenant(number), sender) {
            Some(route::Goal::Via(router)) if routed => tenant.record(router),
            _ => None,
        });
        if let Some(reason) = vouching
            .map_or(Some(DropReason::SourceRecordMissing), |record| fault(record, subnet, provider, &nvgre))
        {
            match tenant.senders {
                _ if self.is_own(provider) => return Err(DropReason::OwnPacket),
                Senders::LogOnly => {}
                Senders::Learn if self.may_be_vm(number, subnet, sender) => {
                    return Ok(Fate::Teaches(inner_at, Lesson { sender: asker, reason }));
                }
                Senders::Strict | Senders::Learn => return Err(reason),
            }
        }
        match nvgre.payload {
            Inner::Routed(packet) => self.route(From::Tenant, Vrf::Tenant(number), &packet, inner_at),
            _ => Ok(Fate::Local(inner_at)),
        }
    }

    /// Whether a subnet has room for a VM with that address, which no customer route leads past it.
    fn may_be_vm(&self, tenant: usize, subnet: &Subnet, address: IpAddr) -> bool {
        let of_subnet = subnet.networks.iter().any(|(prefix, _)| prefix.contains(address));
        of_subnet && self.best(Vrf::Tenant(tenant), address) == Some(route::Goal::Subnet)
    }

    /// A checked packet on its way through the VRFs. `local` is where its bytes start for the gateway itself.
    fn route(&self, from: From, vrf: Vrf, packet: &Packet<'_>, local: usize) -> Result<Fate, DropReason> {
        let destination = packet.ip.destination;
        let (goal, vrf, steps) = self.goal(vrf, destination, from)?;
        if goal == route::Goal::Local {
            return Ok(Fate::Local(local));
        }
        if goal == route::Goal::Discard {
            return Err(DropReason::MulticastUnsupported);
        }
        if packet.ip.ttl <= 1 {
            return Err(DropReason::TtlExpired);
        }
        let customer = match goal {
            route::Goal::Hop(external, hop) => {
                // Neither from outside to outside, nor through another tenant's own network.
                if from == From::External || steps == 2 {
                    return Err(DropReason::Transit);
                }
                return self.leave(external, hop, packet);
            }
            route::Goal::Via(next_hop) => next_hop,
            _ => destination,
        };
        let Vrf::Tenant(number) = vrf else { panic!("{vrf:?} is no tenant's") };
        let tenant = &self.tenants[number];
        let record = tenant.record(customer).ok_or(DropReason::DestinationRecordMissing)?;
        self.encapsulate(tenant, record, packet)
    }

    /// Out to an external network's next hop.
    fn leave(&self, number: usize, hop: IpAddr, packet: &Packet<'_>) -> Result<Fate, DropReason> {
        let External { port, vlan, mtu, .. } = self.externals[number];
        let pieces = packet.fitting(usize::from(mtu)).ok_or(DropReason::MtuExceeded)?;
        let station = self.station(Network::External(number), hop);
        let ethertype = packet.ip.ethertype();
        let frame = |piece: &Vec<u8>| {
            let bytes = wire::ethernet(station.unwrap_or_default(), PORTS[port], vlan, ethertype, piece);
            Wrapped { bytes, tunnel: false, flow: None }
        };
        Ok(sent(port, station, pieces.iter().map(frame).collect()))
    }

    /// Into the overlay, to a record's VM.
    fn encapsulate(&self, tenant: &Tenant, record: &Record, packet: &Packet<'_>) -> Result<Fate, DropReason> {
        let (number, hop) = self.provider_path(record.provider).ok_or(DropReason::ProviderRouteMissing)?;
        let site = &self.sites[number];
        let overhead = if record.provider.is_ipv4() { 42 } else { 62 };
        let pieces = packet.fitting(usize::from(site.mtu) - overhead).ok_or(DropReason::MtuExceeded)?;
        let peer = self.peers.iter().find(|peer| peer.address == record.provider);
        let ecn_compatible = peer.and_then(|peer| peer.ecn_compatible).unwrap_or(self.ecn_compatible);
        let flow_zero = record.flow_zero.or(peer.and_then(|peer| peer.flow_zero)).unwrap_or(self.flow_zero);
        let dscp = self.pipe.map_or(packet.tos & 0xfc, |value| value << 2);
        let ecn = if ecn_compatible { 0 } else { packet.tos & 3 };
        let outer = Ip::new(site.own[0], record.provider, GRE);
        let outer = Ip { tos: dscp | ecn, ttl: self.outer_ttl, ..outer };
        let station = self.station(Network::Site(number), hop);
        let frame = |piece: &Vec<u8>| {
            let inner = wire::ethernet(record.mac, tenant.gateway_mac, None, packet.ip.ethertype(), piece);
            let gre = wire::gre(KEY_PRESENT, BRIDGED, record.vsid, 0, &inner);
            let to = station.unwrap_or_default();
            let wrapped = outer.packet(&gre);
            let bytes = wire::ethernet(to, PORTS[site.port], site.vlan, outer.ethertype(), &wrapped);
            let key = bytes.len() - inner.len() - 1;
            let label = outer.source.is_ipv6().then_some(bytes.len() - wrapped.len() + 3);
            let flow = (!flow_zero).then(|| ([key].into_iter().chain(label).collect(), packet.forwarded()));
            Wrapped { bytes, tunnel: true, flow }
        };
        Ok(sent(site.port, station, pieces.iter().map(frame).collect()))
    }

    /// The Ethernet address of a neighbour, if it is known.
    fn station(&self, network: Network, address: IpAddr) -> Option<Mac> {
        let found = self.neighbors.iter().find(|neighbor| (neighbor.0, neighbor.1) == (network, address));
        found.map(|neighbor| neighbor.2)
    }
}

impl Tenant {
    fn record(&self, address: IpAddr) -> Option<&Record> {
        self.records.iter().find(|record| record.address == address)
    }
}

/// What is wrong with a frame by the record that vouches for its sender.
fn fault(record: &Record, subnet: &Subnet, provider: IpAddr, nvgre: &Nvgre<'_>) -> Option<DropReason> {
    let bridged = subnet.networks.iter().any(|(prefix, _)| prefix.contains(record.address));
    if record.provider != provider {
        Some(DropReason::SourceCaPaMismatch)
    } else if bridged && record.mac != nvgre.from {
        Some(DropReason::SourceCaMacMismatch)
    } else {
        None
    }
}

fn sent(port: usize, station: Option<Mac>, frames: Vec<Wrapped>) -> Fate {
    if station.is_some() { Fate::Sent(port, frames) } else { Fate::Waits(frames) }
}
