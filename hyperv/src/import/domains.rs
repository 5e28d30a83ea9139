//! Routing domains and their virtual subnets, from on-link customer routes.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use nvgw_config::{Subnet, SubnetPrefix};
use nvgw_types::{CustomerAddr, Vsid};

use crate::fields::Place;
use crate::items::{Items, Route};

use super::records::Records;
use super::{Findings, ImportError, Remark};

/// A virtual subnet, as the documents give it.
pub(super) struct Net<'a> {
    pub(super) vsid: Vsid,
    pub(super) prefix: Ipv4Net,
    /// The gateway's own address.
    pub(super) gateway: Ipv4Addr,
    /// Whether the operator named `gateway`: then Hyper-V's convention does not hold.
    pub(super) named: bool,
    /// Index into [`Domains::ids`].
    pub(super) domain: usize,
    place: Place<'a>,
}

/// All routing domains.
pub(super) struct Domains<'a> {
    /// RoutingDomainIDs of those that have a subnet, in the order of the documents.
    pub(super) ids: Vec<String>,
    pub(super) nets: Vec<Net<'a>>,
    by_vsid: HashMap<Vsid, usize>,
    /// Further subnets of VSIDs that have one already.
    skipped: Vec<(Vsid, Ipv4Net)>,
    /// Whether every on-link route could be read and taken.
    pub(super) whole: bool,
}

impl<'a> Domains<'a> {
    pub(super) fn find(items: &Items<'a>, records: &Records<'_, '_>, findings: &mut Findings) -> Self {
        let routes = &items.routes;
        let whole = items.unread_routes == 0;
        let mut domains =
            Self { ids: Vec::new(), nets: Vec::new(), by_vsid: HashMap::new(), skipped: Vec::new(), whole };
        let mut owners: HashMap<Vsid, &Route<'a>> = HashMap::new();
        for route in routes {
            let owner = owners.entry(route.vsid.value).or_insert(route);
            if owner.domain.value != route.domain.value {
                let message = format!(
                    "VSID {} is in routing domain {} already: {}",
                    route.vsid.value,
                    owner.domain.value,
                    owner.place.named()
                );
                let hint =
                    "one VSID is in exactly one routing domain: remove the customer route that is wrong";
                findings.problems.push(route.domain.place.problem(message, hint));
                domains.whole = false;
            } else if route.next_hop.value.is_unspecified() {
                domains.on_link(route, findings);
            }
        }
        domains.check_overlaps(findings);
        let defaults = routes.iter().filter(|route| route.prefix.value.prefix_len() == 0);
        let defaults: HashSet<IpAddr> = defaults.map(|route| route.next_hop.value).collect();
        for net in &mut domains.nets {
            net.gateway = gateway(net, records, &defaults);
        }
        domains
    }

    /// Puts the gateway where the operator says it is.
    pub(super) fn name_gateways(&mut self, gateways: &[(Vsid, Ipv4Addr)]) -> Result<(), ImportError> {
        for (vsid, address) in gateways {
            let wrong =
                |message| ImportError::Option { option: format!("--gateway {vsid}={address}"), message };
            let Some(&i) = self.by_vsid.get(vsid) else {
                return Err(wrong(format!("no on-link customer route of the documents has VSID {vsid}")));
            };
            let net = &mut self.nets[i];
            if !is_station(net.prefix, *address) {
                return Err(wrong(format!("write an address of a station in {}", net.prefix)));
            }
            (net.gateway, net.named) = (*address, true);
        }
        Ok(())
    }

    fn on_link(&mut self, route: &Route<'a>, findings: &mut Findings) {
        let IpNet::V4(prefix) = route.prefix.value else {
            let hint = "the IPv4 part is taken without it";
            findings.remarks.push(Remark::skipped(&route.place, "IPv6 subnets are not supported yet", hint));
            return;
        };
        if let Some(&i) = self.by_vsid.get(&route.vsid.value) {
            let known = &self.nets[i];
            if known.prefix != prefix {
                let message = format!(
                    "VSID {} has subnet {} already: {}",
                    known.vsid,
                    known.prefix,
                    known.place.named()
                );
                let hint = "nvgw takes one subnet for each VSID: give the other one a VSID of its own";
                findings.remarks.push(Remark::skipped(&route.place, message, hint));
                self.skipped.push((route.vsid.value, prefix));
            }
            return;
        }
        if prefix.prefix_len() == 0 || prefix.prefix_len() == 32 || is_special(prefix.network()) {
            let message = format!("{prefix} is no subnet of stations");
            let hint = "write a unicast prefix from /1 to /31, as in 10.0.1.0/24";
            findings.problems.push(route.prefix.place.problem(message, hint));
            self.whole = false;
            return;
        }
        let id = &route.domain.value;
        let domain = self.ids.iter().position(|known| known == id).unwrap_or_else(|| {
            self.ids.push(id.clone());
            self.ids.len() - 1
        });
        self.by_vsid.insert(route.vsid.value, self.nets.len());
        self.nets.push(Net {
            vsid: route.vsid.value,
            prefix,
            gateway: first_usable(prefix),
            named: false,
            domain,
            place: route.prefix.place.clone(),
        });
    }

    /// Subnets of one routing domain must not overlap. Sorted by domain and address, one that reaches into a later
    /// one reaches into the next.
    fn check_overlaps(&self, findings: &mut Findings) {
        let mut sorted: Vec<&Net<'a>> = self.nets.iter().collect();
        sorted.sort_by_key(|net| (net.domain, net.prefix));
        let mut widest: Option<&Net<'a>> = None;
        for net in sorted {
            match widest {
                Some(wide) if wide.domain == net.domain && wide.prefix.contains(&net.prefix) => {
                    let message = format!("{} overlaps {}: {}", net.prefix, wide.prefix, wide.place.named());
                    let hint = "subnets of one routing domain must not overlap";
                    findings.problems.push(net.place.problem(message, hint));
                }
                _ => widest = Some(net),
            }
        }
    }

    pub(super) fn by_vsid(&self, vsid: Vsid) -> Option<&Net<'a>> {
        self.by_vsid.get(&vsid).map(|i| &self.nets[*i])
    }

    /// Whether an address is in a further subnet of its VSID, which was not taken.
    pub(super) fn is_skipped(&self, vsid: Vsid, address: Ipv4Addr) -> bool {
        self.skipped.iter().any(|(of, prefix)| *of == vsid && prefix.contains(&address))
    }

    /// The subnet of a routing domain that an address is in.
    pub(super) fn by_address(&self, domain: usize, address: Ipv4Addr) -> Option<&Net<'a>> {
        self.nets.iter().find(|net| net.domain == domain && net.prefix.contains(&address))
    }

    pub(super) fn subnets_of(&self, domain: usize) -> impl Iterator<Item = Subnet> {
        self.nets.iter().filter(move |net| net.domain == domain).map(|net| Subnet {
            vsid: net.vsid,
            prefixes: vec![SubnetPrefix {
                prefix: net.prefix.into(),
                gateway: CustomerAddr(net.gateway.into()),
            }],
        })
    }
}

/// The gateway's own address in a subnet: that of the gateway that is replaced, else where Hyper-V's router is,
/// else the first of the subnet.
fn gateway(net: &Net<'_>, records: &Records<'_, '_>, defaults: &HashSet<IpAddr>) -> Ipv4Addr {
    let one = |addresses: &[Ipv4Addr]| match addresses {
        [address] if is_station(net.prefix, *address) => Some(*address),
        _ => None,
    };
    let replaced = records.replaced(net.vsid);
    let named: Vec<Ipv4Addr> =
        replaced.iter().copied().filter(|address| defaults.contains(&IpAddr::V4(*address))).collect();
    let routers = records.routers(net.vsid);
    one(replaced).or_else(|| one(&named)).or_else(|| one(routers)).unwrap_or_else(|| first_usable(net.prefix))
}

/// Hyper-V's convention for the gateway of a subnet.
pub(super) fn first_usable(prefix: Ipv4Net) -> Ipv4Addr {
    prefix.hosts().next().unwrap_or_else(|| prefix.network())
}

/// Whether a station of a subnet can have the address.
pub(super) fn is_station(prefix: Ipv4Net, address: Ipv4Addr) -> bool {
    let edge = prefix.prefix_len() < 31 && (address == prefix.network() || address == prefix.broadcast());
    prefix.contains(&address) && !edge
}

fn is_special(address: Ipv4Addr) -> bool {
    address.octets()[0] == 0 || address.is_loopback() || address.octets()[0] >= 224
}
