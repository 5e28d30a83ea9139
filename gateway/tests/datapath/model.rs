//! A gateway's configuration as plain lists, which the oracle scans and which is written out as a document.

use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::wire::Mac;

/// A prefix of either family; the address keeps its host bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Net {
    pub(crate) address: IpAddr,
    pub(crate) length: u8,
}

impl Net {
    pub(crate) const fn new(a: u8, b: u8, c: u8, d: u8, length: u8) -> Self {
        Self { address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), length }
    }

    pub(crate) const fn ipv6(address: Ipv6Addr, length: u8) -> Self {
        Self { address: IpAddr::V6(address), length }
    }

    pub(crate) const fn is_ipv6(self) -> bool {
        self.address.is_ipv6()
    }

    fn host_bits(self) -> u128 {
        let bits = if self.is_ipv6() { 128 } else { 32 } - u32::from(self.length);
        1_u128.checked_shl(bits).map_or(u128::MAX, |size| size - 1)
    }

    /// An address by its place in the prefix, from 0 on.
    pub(crate) fn at(self, place: u128) -> IpAddr {
        let number = number(self.address) & !self.host_bits() | place;
        match self.address {
            IpAddr::V4(_) => Ipv4Addr::from(number as u32).into(),
            IpAddr::V6(_) => Ipv6Addr::from(number).into(),
        }
    }

    pub(crate) fn first(self) -> IpAddr {
        self.at(0)
    }

    pub(crate) fn last(self) -> IpAddr {
        self.at(self.host_bits())
    }

    /// The last address but one.
    pub(crate) fn before_last(self) -> IpAddr {
        self.at(self.host_bits() - 1)
    }

    pub(crate) fn contains(self, address: IpAddr) -> bool {
        self.is_ipv6() == address.is_ipv6() && (self.first()..=self.last()).contains(&address)
    }

    /// One of its stations' addresses.
    pub(crate) fn host(self, number: u32) -> IpAddr {
        self.at(1 + u128::from(number) % (self.host_bits() - 1))
    }
}

/// An address as a number.
pub(crate) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => address.into(),
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}/{}\"", self.address, self.length)
    }
}

/// A provider site.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) port: usize,
    pub(crate) vlan: Option<u16>,
    pub(crate) subnet: Net,
    pub(crate) own: Vec<IpAddr>,
    pub(crate) gateway: Option<IpAddr>,
    pub(crate) mtu: u16,
}

/// A static route of the provider network.
#[derive(Debug, Clone)]
pub(crate) struct ProviderRoute {
    pub(crate) prefix: Net,
    pub(crate) site: usize,
    pub(crate) next_hop: IpAddr,
    pub(crate) metric: u32,
}

/// An external network.
#[derive(Debug, Clone)]
pub(crate) struct External {
    pub(crate) port: usize,
    pub(crate) vlan: Option<u16>,
    pub(crate) own: Vec<Net>,
    /// At most one of each family, IPv4's first.
    pub(crate) gateways: Vec<IpAddr>,
    pub(crate) routes: Vec<(Net, IpAddr)>,
    /// The tenant whose hand-off it is.
    pub(crate) tenant: Option<usize>,
    pub(crate) mtu: u16,
}

/// A virtual subnet.
#[derive(Debug, Clone)]
pub(crate) struct Subnet {
    pub(crate) vsid: u32,
    /// Its prefix and the gateway's address in it, of one family or of each, then IPv4's first.
    pub(crate) networks: Vec<(Net, IpAddr)>,
}

/// A lookup record.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) vsid: u32,
    pub(crate) address: IpAddr,
    pub(crate) mac: Mac,
    pub(crate) provider: IpAddr,
    pub(crate) flow_zero: Option<bool>,
}

/// What a tenant does about senders that no record vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Senders {
    Strict,
    LogOnly,
    Learn,
}

/// A tenant.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    pub(crate) gateway_mac: Mac,
    pub(crate) senders: Senders,
    pub(crate) subnets: Vec<Subnet>,
    pub(crate) records: Vec<Record>,
    /// Prefixes behind VMs.
    pub(crate) routes: Vec<(Net, IpAddr)>,
    pub(crate) external: usize,
    pub(crate) public: Vec<Net>,
}

/// What one provider address wants otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    pub(crate) flow_zero: Option<bool>,
    pub(crate) ecn_compatible: Option<bool>,
}

/// A network that neighbours live on: a site or an external network, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    Site(usize),
    External(usize),
}

/// A whole gateway.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) sites: Vec<Site>,
    pub(crate) provider_routes: Vec<ProviderRoute>,
    pub(crate) externals: Vec<External>,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) neighbors: Vec<(Network, IpAddr, Mac)>,
    pub(crate) outer_ttl: u8,
    pub(crate) flow_zero: bool,
    pub(crate) allow_reserved: bool,
    pub(crate) peers: Vec<Peer>,
    /// The fixed outer DSCP; else the inner one is copied.
    pub(crate) pipe: Option<u8>,
    /// Whether the outer ECN field is cleared.
    pub(crate) ecn_compatible: bool,
}

/// An address in YAML, to which a colon at an end means something else.
fn ip(address: IpAddr) -> String {
    format!("\"{address}\"")
}

fn mac(mac: Mac) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

fn flow_id(zero: bool) -> &'static str {
    if zero { "zero" } else { "hash" }
}

fn ecn(compatible: bool) -> &'static str {
    if compatible { "compatible" } else { "normal" }
}

/// What stands behind the key of a list in block style.
fn none<T>(items: &[T]) -> &'static str {
    if items.is_empty() { " []" } else { "" }
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    format!("[{}]", items.join(", "))
}

impl Model {
    /// The configuration document.
    pub(crate) fn document(&self) -> String {
        let mut text = String::from(
            "system: { control-core: 0, worker-cores: [1], memory-mb: 64, metrics-listen: off, \
             limits: { vsids: 64, records: 256, external-routes: 256, external-routes-ipv6: 256, nat-sessions: 1 } }\n\
             ports:\n  - { name: wire0, device: net_null0, mtu: 1600 }\n  \
             - { name: wire1, device: net_null1, mtu: 1600 }\n",
        );
        self.provider(&mut text)
            .and_then(|()| self.externals(&mut text))
            .and_then(|()| self.tenants(&mut text))
            .and_then(|()| self.neighbors(&mut text))
            .expect("a string takes every text");
        text
    }

    fn provider(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "provider:\n  encapsulation:")?;
        writeln!(out, "    ttl: {}\n    flow-id: {}", self.outer_ttl, flow_id(self.flow_zero))?;
        writeln!(
            out,
            "    ecn: {}\n    allow-reserved-vsids: {}",
            ecn(self.ecn_compatible),
            self.allow_reserved
        )?;
        match self.pipe {
            Some(value) => writeln!(out, "    dscp: pipe:{value}")?,
            None => writeln!(out, "    dscp: uniform")?,
        }
        writeln!(out, "    peers:{}", none(&self.peers))?;
        for peer in &self.peers {
            write!(out, "      - {{ provider-address: {}", ip(peer.address))?;
            if let Some(zero) = peer.flow_zero {
                write!(out, ", flow-id: {}", flow_id(zero))?;
            }
            if let Some(compatible) = peer.ecn_compatible {
                write!(out, ", ecn: {}", ecn(compatible))?;
            }
            writeln!(out, " }}")?;
        }
        writeln!(out, "  sites:")?;
        for (number, site) in self.sites.iter().enumerate() {
            write!(out, "    - {{ name: site{number}, port: wire{}, subnet: {}", site.port, site.subnet)?;
            write!(out, ", addresses: {}", list(site.own.iter().map(|own| ip(*own))))?;
            network(out, site.vlan, site.gateway.as_slice(), site.mtu)?;
        }
        writeln!(out, "  routes:{}", none(&self.provider_routes))?;
        for route in &self.provider_routes {
            write!(out, "    - {{ prefix: {}, next-hop: {}", route.prefix, ip(route.next_hop))?;
            writeln!(out, ", metric: {} }}", route.metric)?;
        }
        Ok(())
    }

    fn externals(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "external:")?;
        for (number, external) in self.externals.iter().enumerate() {
            write!(out, "  - {{ name: external{number}, port: wire{}", external.port)?;
            write!(out, ", addresses: {}", list(&external.own))?;
            if let Some(tenant) = external.tenant {
                write!(out, ", tenant: tenant{tenant}")?;
            }
            write!(out, ", routes: {}", routes(&external.routes))?;
            network(out, external.vlan, &external.gateways, external.mtu)?;
        }
        Ok(())
    }

    fn tenants(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "tenants:")?;
        for (number, tenant) in self.tenants.iter().enumerate() {
            writeln!(out, "  - name: tenant{number}\n    gateway-mac: {}", mac(tenant.gateway_mac))?;
            let sender_check = match tenant.senders {
                Senders::Strict => "strict",
                Senders::LogOnly => "log-only",
                Senders::Learn => "learn",
            };
            writeln!(out, "    sender-check: {sender_check}")?;
            writeln!(out, "    external: external{}", tenant.external)?;
            writeln!(out, "    routes: {}", routes(&tenant.routes))?;
            writeln!(out, "    public-prefixes: {}\n    subnets:", list(&tenant.public))?;
            for subnet in &tenant.subnets {
                write!(out, "      - {{ vsid: {}", subnet.vsid)?;
                for ((prefix, gateway), also) in subnet.networks.iter().zip(ALSO) {
                    write!(out, ", prefix{also}: {prefix}, gateway{also}: {}", ip(*gateway))?;
                }
                writeln!(out, " }}")?;
            }
            writeln!(out, "    records:")?;
            for record in &tenant.records {
                write!(out, "      - {{ vsid: {}, address: {}", record.vsid, ip(record.address))?;
                if let Some(zero) = record.flow_zero {
                    write!(out, ", flow-id: {}", flow_id(zero))?;
                }
                writeln!(out, ", mac: {}, provider-address: {} }}", mac(record.mac), ip(record.provider))?;
            }
        }
        Ok(())
    }

    fn neighbors(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "neighbors:{}", none(&self.neighbors))?;
        for (network, address, station) in &self.neighbors {
            let name = match network {
                Network::Site(number) => format!("site{number}"),
                Network::External(number) => format!("external{number}"),
            };
            writeln!(out, "  - {{ network: {name}, address: {}, mac: {} }}", ip(*address), mac(*station))?;
        }
        Ok(())
    }
}

/// What the keys of a network end with: of its first prefix or gateway, and of the other family's beside it.
const ALSO: [&str; 2] = ["", "-ipv6"];

fn routes(routes: &[(Net, IpAddr)]) -> String {
    list(routes.iter().map(|(prefix, hop)| format!("{{ prefix: {prefix}, next-hop: {} }}", ip(*hop))))
}

/// What sites and external networks have in common, and the end of the line.
fn network(out: &mut String, vlan: Option<u16>, gateways: &[IpAddr], mtu: u16) -> fmt::Result {
    if let Some(vlan) = vlan {
        write!(out, ", vlan: {vlan}")?;
    }
    for (gateway, also) in gateways.iter().zip(ALSO) {
        write!(out, ", gateway{also}: {}", ip(*gateway))?;
    }
    writeln!(out, ", mtu: {mtu} }}")
}
