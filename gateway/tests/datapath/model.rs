//! A gateway's configuration as plain lists, which the oracle scans and which is written out as a document.

use std::fmt::{self, Write};
use std::net::Ipv4Addr;

use crate::wire::Mac;

/// An IPv4 prefix; the address keeps its host bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Net {
    pub(crate) address: u32,
    pub(crate) length: u8,
}

impl Net {
    pub(crate) const fn new(a: u8, b: u8, c: u8, d: u8, length: u8) -> Self {
        Self { address: u32::from_be_bytes([a, b, c, d]), length }
    }

    fn host_bits(self) -> u32 {
        u32::MAX.checked_shr(u32::from(self.length)).unwrap_or(0)
    }

    pub(crate) fn first(self) -> u32 {
        self.address & !self.host_bits()
    }

    pub(crate) fn last(self) -> u32 {
        self.address | self.host_bits()
    }

    pub(crate) fn contains(self, address: u32) -> bool {
        (self.first()..=self.last()).contains(&address)
    }

    /// One of its stations' addresses.
    pub(crate) fn host(self, number: u32) -> u32 {
        self.first() + 1 + number % (self.host_bits() - 1)
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.address), self.length)
    }
}

/// A provider site.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) port: usize,
    pub(crate) vlan: Option<u16>,
    pub(crate) subnet: Net,
    pub(crate) own: Vec<u32>,
    pub(crate) gateway: Option<u32>,
    pub(crate) mtu: u16,
}

/// A static route of the provider network.
#[derive(Debug, Clone)]
pub(crate) struct ProviderRoute {
    pub(crate) prefix: Net,
    pub(crate) site: usize,
    pub(crate) next_hop: u32,
    pub(crate) metric: u32,
}

/// An external network.
#[derive(Debug, Clone)]
pub(crate) struct External {
    pub(crate) port: usize,
    pub(crate) vlan: Option<u16>,
    pub(crate) own: Vec<Net>,
    pub(crate) gateway: Option<u32>,
    pub(crate) routes: Vec<(Net, u32)>,
    /// The tenant whose hand-off it is.
    pub(crate) tenant: Option<usize>,
    pub(crate) mtu: u16,
}

/// A virtual subnet.
#[derive(Debug, Clone)]
pub(crate) struct Subnet {
    pub(crate) vsid: u32,
    pub(crate) prefix: Net,
    pub(crate) gateway: u32,
}

/// A lookup record.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) vsid: u32,
    pub(crate) address: u32,
    pub(crate) mac: Mac,
    pub(crate) provider: u32,
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
    pub(crate) routes: Vec<(Net, u32)>,
    pub(crate) external: usize,
    pub(crate) public: Vec<Net>,
}

/// What one provider address wants otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: u32,
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
    pub(crate) neighbors: Vec<(Network, u32, Mac)>,
    pub(crate) outer_ttl: u8,
    pub(crate) flow_zero: bool,
    pub(crate) allow_reserved: bool,
    pub(crate) peers: Vec<Peer>,
    /// The fixed outer DSCP; else the inner one is copied.
    pub(crate) pipe: Option<u8>,
    /// Whether the outer ECN field is cleared.
    pub(crate) ecn_compatible: bool,
}

fn ip(address: u32) -> Ipv4Addr {
    Ipv4Addr::from(address)
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
             limits: { vsids: 64, records: 256, external-routes: 256, nat-sessions: 1 } }\n\
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
            network(out, site.vlan, site.gateway, site.mtu)?;
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
            network(out, external.vlan, external.gateway, external.mtu)?;
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
                let gateway = ip(subnet.gateway);
                writeln!(
                    out,
                    "      - {{ vsid: {}, prefix: {}, gateway: {gateway} }}",
                    subnet.vsid, subnet.prefix
                )?;
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

fn routes(routes: &[(Net, u32)]) -> String {
    list(routes.iter().map(|(prefix, hop)| format!("{{ prefix: {prefix}, next-hop: {} }}", ip(*hop))))
}

/// What sites and external networks have in common, and the end of the line.
fn network(out: &mut String, vlan: Option<u16>, gateway: Option<u32>, mtu: u16) -> fmt::Result {
    if let Some(vlan) = vlan {
        write!(out, ", vlan: {vlan}")?;
    }
    if let Some(gateway) = gateway {
        write!(out, ", gateway: {}", ip(gateway))?;
    }
    writeln!(out, ", mtu: {mtu} }}")
}
