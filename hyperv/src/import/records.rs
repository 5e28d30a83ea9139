//! Lookup records: those of VMs, and those that belong to gateways and to Hyper-V's own router.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use nvgw_config::LookupRecord;
use nvgw_types::{CustomerAddr, Family, MacAddr, ProviderAddr, Vsid};

use crate::items::{Lookup, RecordType, Rule};

use super::domains::{Domains, first_usable, is_link_local, is_station};
use super::{Findings, Remark, Tenant};

/// A record of a VM, or of a gateway that is to be told from one.
struct Candidate<'r, 'a> {
    lookup: &'r Lookup<'a>,
    address: IpAddr,
    provider_address: IpAddr,
}

/// Who stands behind a record.
type Station = (Vsid, MacAddr, IpAddr);

/// Lookup records, sorted by what they are.
pub(super) struct Records<'r, 'a> {
    candidates: Vec<Candidate<'r, 'a>>,
    /// Who has a wildcard record: the gateways that are replaced.
    gateways: HashSet<Station>,
    /// The customer addresses of those.
    replaced: HashMap<Vsid, Vec<IpAddr>>,
    /// Customer addresses of Hyper-V's own router, which has a link-local provider address.
    routers: HashMap<Vsid, Vec<IpAddr>>,
}

impl<'r, 'a> Records<'r, 'a> {
    /// Sorts records; those that are none of NVGRE are remarked on and gone.
    pub(super) fn sort(lookups: &'r [Lookup<'a>], findings: &mut Findings) -> Self {
        let mut records = Self {
            candidates: Vec::new(),
            gateways: HashSet::new(),
            replaced: HashMap::new(),
            routers: HashMap::new(),
        };
        for lookup in lookups {
            records.sort_one(lookup, findings);
        }
        for candidate in &records.candidates {
            let vsid = candidate.lookup.vsid.value;
            let list = if records.gateways.contains(&candidate.station()) {
                &mut records.replaced
            } else if is_link_local(candidate.provider_address) {
                &mut records.routers
            } else {
                continue;
            };
            let addresses = list.entry(vsid).or_default();
            if !addresses.contains(&candidate.address) {
                addresses.push(candidate.address);
            }
        }
        records
    }

    fn sort_one(&mut self, lookup: &'r Lookup<'a>, findings: &mut Findings) {
        let wildcard = lookup.record_type == RecordType::GatewayWildcard
            || (lookup.address.value.is_unspecified() && lookup.record_type != RecordType::L2Only);
        if wildcard {
            self.gateways.insert((lookup.vsid.value, lookup.mac.value, lookup.provider_address.value));
            let message = "the wildcard record of the gateway that is replaced";
            let hint = "nvgw export hyperv prints the one of this gateway";
            findings.remarks.push(Remark::left_out(&lookup.place, message, hint));
            return;
        }
        let skipped = if lookup.record_type == RecordType::L2Only {
            Some((
                "an L2Only record has no customer address",
                "give the VM a static address, or have nvgw learn it (sender-check: learn)",
            ))
        } else if lookup.rule == Rule::Nat {
            Some(("IP rewrite (TranslationMethodNat) is no NVGRE", "use TranslationMethodEncap"))
        } else if lookup.rule == Rule::None {
            Some(("TranslationMethodNone is no NVGRE", "use TranslationMethodEncap"))
        } else if lookup.unusable {
            Some(("Hyper-V calls it unusable", "set it right on the hosts, and export again"))
        } else {
            None
        };
        if let Some((message, hint)) = skipped {
            findings.remarks.push(Remark::skipped(&lookup.place, message, hint));
        } else if lookup.address.value.is_ipv6() && is_link_local(lookup.address.value) {
            let message = "a link-local address: VMs speak among themselves with it";
            findings.remarks.push(Remark::left_out(&lookup.place, message, "nvgw routes nothing to it"));
        } else {
            let (address, provider_address) = (lookup.address.value, lookup.provider_address.value);
            self.candidates.push(Candidate { lookup, address, provider_address });
        }
    }

    /// The customer addresses of gateways that are replaced, in one virtual subnet.
    pub(super) fn replaced(&self, vsid: Vsid) -> &[IpAddr] {
        self.replaced.get(&vsid).map_or(&[], Vec::as_slice)
    }

    /// The customer addresses of Hyper-V's own router, in one virtual subnet.
    pub(super) fn routers(&self, vsid: Vsid) -> &[IpAddr] {
        self.routers.get(&vsid).map_or(&[], Vec::as_slice)
    }

    /// Gives the records of VMs to their tenants.
    pub(super) fn take(&self, domains: &Domains<'_>, tenants: &mut [Tenant], findings: &mut Findings) {
        let mut known: HashMap<(Vsid, IpAddr), &Candidate<'_, '_>> = HashMap::new();
        for candidate in &self.candidates {
            let Lookup { place, vsid, address, mac, provider_address, name, .. } = candidate.lookup;
            let Some(net) = domains.by_vsid(vsid.value, candidate.address) else {
                if !domains.whole {
                    continue;
                }
                let family = Family::of(candidate.address);
                let message = format!("VSID {} has no on-link {family} customer route", vsid.value);
                let hint =
                    "export what Get-NetVirtualizationCustomerRoute prints as well: it tells the subnet";
                findings.problems.push(vsid.place.problem(message, hint));
                continue;
            };
            if domains.is_skipped(vsid.value, candidate.address) {
                let message = format!("its subnet is not that of VSID {}, {}", vsid.value, net.prefix);
                let hint = "give that subnet a VSID of its own";
                findings.remarks.push(Remark::skipped(place, message, hint));
                continue;
            }
            if !is_station(net.prefix, candidate.address) {
                let message = format!("{} is no station's address in {}", candidate.address, net.prefix);
                let hint = format!("the customer route of VSID {} says so: correct one of them", vsid.value);
                findings.problems.push(address.place.problem(message, hint));
                continue;
            }
            if let Some((message, hint)) =
                self.no_vm(candidate, net.gateway, (!net.named).then(|| first_usable(net.prefix)))
            {
                findings.remarks.push(Remark::left_out(place, message, hint));
                continue;
            }
            if !mac.value.is_station() {
                let message = format!("{} is no station's Ethernet address", mac.value);
                findings.problems.push(mac.place.problem(message, "write the VM's Ethernet address"));
                continue;
            }
            if let Some(first) = known.insert((vsid.value, candidate.address), candidate) {
                // Each host holds a copy of the records.
                if first.station() != candidate.station() {
                    let message = format!(
                        "{} in VSID {} has another MACAddress or ProviderAddress in {}",
                        candidate.address,
                        vsid.value,
                        first.lookup.place.named()
                    );
                    let hint = "the hosts disagree, as they do while a VM moves: export again, or remove the stale one";
                    findings.problems.push(place.problem(message, hint));
                }
                continue;
            }
            tenants[net.domain].records.push(LookupRecord {
                vsid: vsid.value,
                address: CustomerAddr(address.value),
                mac: mac.value,
                provider_address: ProviderAddr(provider_address.value),
                name: name.as_ref().filter(|name| is_label(name)).cloned(),
                flow_id: None,
            });
        }
    }

    /// Why a record is none of a VM. `convention`: where Hyper-V's router is unless someone says otherwise.
    fn no_vm(
        &self,
        candidate: &Candidate<'_, '_>,
        gateway: IpAddr,
        convention: Option<IpAddr>,
    ) -> Option<(&'static str, &'static str)> {
        if self.gateways.contains(&candidate.station()) {
            let hint = "it has a wildcard record; nvgw takes its place";
            return Some(("the record of the gateway that is replaced", hint));
        }
        if is_link_local(candidate.provider_address) {
            return Some(("Hyper-V's own router: its provider address is link-local", "nvgw routes itself"));
        }
        if candidate.address == gateway {
            return Some(("the gateway's own address", "nvgw answers for it"));
        }
        if convention == Some(candidate.address) {
            let hint = "where it is a VM, name the gateway's address with --gateway VSID=ADDRESS";
            return Some(("the first address of a subnet is that of Hyper-V's own router", hint));
        }
        None
    }
}

impl Candidate<'_, '_> {
    fn station(&self) -> Station {
        (self.lookup.vsid.value, self.lookup.mac.value, self.provider_address)
    }
}

/// Whether the configuration takes a text as a record's name, which is for people only.
fn is_label(text: &str) -> bool {
    text.chars().count() <= 255 && !text.chars().any(char::is_control)
}
