//! Routing domains and their virtual subnets, from on-link customer routes.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_config::rules::{check_station, check_subnet, stations};
use nvgw_config::{Subnet, SubnetPrefix};
use nvgw_types::{CustomerAddr, Family, Vsid};

use crate::fields::Place;
use crate::items::{Items, Route};

use super::records::Records;
use super::{Findings, ImportError, Remark};

/// The addresses of one family in a virtual subnet, as the documents give them.
pub(super) struct Net<'a> {
    pub(super) vsid: Vsid,
    pub(super) prefix: IpNet,
    /// The gateway's own address.
    pub(super) gateway: IpAddr,
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
    by_vsid: HashMap<(Vsid, Family), usize>,
    /// Further subnets of VSIDs that have one of the family already.
    skipped: Vec<(Vsid, IpNet)>,
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
    pub(super) fn name_gateways(&mut self, gateways: &[(Vsid, IpAddr)]) -> Result<(), ImportError> {
        for (vsid, address) in gateways {
            let wrong =
                |message| ImportError::Option { option: format!("--gateway {vsid}={address}"), message };
            let Some(&i) = self.by_vsid.get(&(*vsid, Family::of(*address))) else {
                let family = Family::of(*address);
                let message = format!("no on-link {family} customer route of the documents has VSID {vsid}");
                return Err(wrong(message));
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
        let prefix = route.prefix.value;
        let key = (route.vsid.value, Family::of(prefix.addr()));
        if prefix.addr().is_ipv6() && is_link_local(prefix.addr()) {
            let hint = "nvgw takes part in it without";
            findings.remarks.push(Remark::left_out(&route.place, "a link-local prefix", hint));
            return;
        }
        if let Some(&i) = self.by_vsid.get(&key) {
            let known = &self.nets[i];
            if known.prefix != prefix {
                let message = format!(
                    "VSID {} has subnet {} already: {}",
                    known.vsid,
                    known.prefix,
                    known.place.named()
                );
                let hint =
                    "nvgw takes one subnet of each family for a VSID: give the other one a VSID of its own";
                findings.remarks.push(Remark::skipped(&route.place, message, hint));
                self.skipped.push((route.vsid.value, prefix));
            }
            return;
        }
        if let Err(wrong) = check_subnet(prefix) {
            let message = format!("{prefix} is no subnet of stations");
            findings.problems.push(route.prefix.place.problem(message, wrong.hint));
            self.whole = false;
            return;
        }
        let id = &route.domain.value;
        let domain = self.ids.iter().position(|known| known == id).unwrap_or_else(|| {
            self.ids.push(id.clone());
            self.ids.len() - 1
        });
        self.by_vsid.insert(key, self.nets.len());
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

    /// The subnet of a VSID that has addresses of this one's family.
    pub(super) fn by_vsid(&self, vsid: Vsid, address: IpAddr) -> Option<&Net<'a>> {
        self.by_vsid.get(&(vsid, Family::of(address))).map(|i| &self.nets[*i])
    }

    /// Whether an address is in a further subnet of its VSID, which was not taken.
    pub(super) fn is_skipped(&self, vsid: Vsid, address: IpAddr) -> bool {
        self.skipped.iter().any(|(of, prefix)| *of == vsid && prefix.contains(&address))
    }

    /// The subnet of a routing domain that an address is in.
    pub(super) fn by_address(&self, domain: usize, address: IpAddr) -> Option<&Net<'a>> {
        self.nets.iter().find(|net| net.domain == domain && net.prefix.contains(&address))
    }

    /// The virtual subnets of a routing domain, in the order of the documents.
    pub(super) fn subnets_of(&self, domain: usize) -> Vec<Subnet> {
        let mut subnets: Vec<Subnet> = Vec::new();
        let mut places = HashMap::new();
        for net in self.nets.iter().filter(|net| net.domain == domain) {
            let place = *places.entry(net.vsid).or_insert_with(|| {
                subnets.push(Subnet { vsid: net.vsid, prefixes: Vec::new() });
                subnets.len() - 1
            });
            let prefix = SubnetPrefix { prefix: net.prefix, gateway: CustomerAddr(net.gateway) };
            subnets[place].prefixes.push(prefix);
        }
        for subnet in &mut subnets {
            // IPv4 is written first.
            subnet.prefixes.sort_unstable_by_key(|prefix| prefix.prefix);
        }
        subnets
    }
}

/// The gateway's own address in a subnet: that of the gateway that is replaced, else where Hyper-V's router is,
/// else the first of the subnet.
fn gateway(net: &Net<'_>, records: &Records<'_, '_>, defaults: &HashSet<IpAddr>) -> IpAddr {
    let here = |addresses: &[IpAddr]| -> Vec<IpAddr> {
        addresses.iter().copied().filter(|address| is_station(net.prefix, *address)).collect()
    };
    let one = |addresses: &[IpAddr]| match addresses {
        [address] => Some(*address),
        _ => None,
    };
    let replaced = here(records.replaced(net.vsid));
    let named: Vec<IpAddr> = replaced.iter().copied().filter(|address| defaults.contains(address)).collect();
    let routers = here(records.routers(net.vsid));
    one(&replaced)
        .or_else(|| one(&named))
        .or_else(|| one(&routers))
        .unwrap_or_else(|| first_usable(net.prefix))
}

/// Hyper-V's convention for the gateway of a subnet.
pub(super) fn first_usable(prefix: IpNet) -> IpAddr {
    stations(prefix).0
}

/// Whether a station of a subnet can have the address.
pub(super) fn is_station(prefix: IpNet, address: IpAddr) -> bool {
    check_station(address, prefix).is_ok()
}

/// Whether an address means something on one link only.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}
