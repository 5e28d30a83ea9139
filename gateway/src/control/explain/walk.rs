//! A packet's way through the tables that workers read, decision by decision.

use std::net::IpAddr;

use nvgw_types::{MacAddr, VrfId};

use super::super::desired::Hop;
use super::super::frames;
use super::super::neighbors::{State, interface_of_hosts};
use super::nat::Flow;
use super::obstacle::Obstacle;
use crate::control::Control;
use crate::diagnosis::ExplainStep;
use crate::packet::ethernet;
use crate::tables::Grace;
use crate::tables::entries::{Reach, Record, Rewrite, Target, from_ip, to_ip};
use crate::telemetry::DropReason;

/// The side by which a packet came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::control) enum Side {
    /// From a VM.
    Tenant,
    /// From an external network.
    Outside,
}

/// Where a way ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::control) enum End {
    /// At the gateway itself.
    Local,
    /// It leads on.
    Out(Box<Way>),
}

/// A way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::control) struct Way {
    /// The VRF whose route leads out.
    pub(in crate::control) vrf: VrfId,
    /// The VRF that the way led to first after the one where it began.
    pub(in crate::control) shared: Option<VrfId>,
    /// The lookup record of the VM that it leads to; `None`: out by an external network.
    pub(in crate::control) record: Option<Record>,
    /// The headers.
    pub(in crate::control) rewrite: Rewrite,
    /// The next hop.
    pub(in crate::control) hop: Hop,
}

/// The steps so far.
pub(in crate::control) struct Walk<'c, G: Grace> {
    pub(super) control: &'c Control<G>,
    /// `None`: of a packet that the gateway makes, which is never translated.
    pub(super) flow: Option<Flow>,
    pub(in crate::control) steps: Vec<ExplainStep>,
}

type Walked<T> = Result<T, Obstacle>;

impl<'c, G: Grace> Walk<'c, G> {
    /// For what the gateway sends itself.
    pub(in crate::control) const fn new(control: &'c Control<G>) -> Self {
        Self { control, flow: None, steps: Vec::new() }
    }

    /// For a packet that came in.
    pub(super) const fn of(control: &'c Control<G>, flow: Flow) -> Self {
        Self { control, flow: Some(flow), steps: Vec::new() }
    }

    /// Notes a decision.
    pub(in crate::control) fn note(&mut self, step: &str, finding: impl Into<String>) {
        self.steps.push(ExplainStep { step: step.to_owned(), finding: finding.into() });
    }

    /// Follows the routes to `to` from a VRF to the end.
    pub(in crate::control) fn route(&mut self, side: Side, vrf: VrfId, to: IpAddr) -> Walked<End> {
        // As workers do: a tenant's VRF, the shared external network's, another tenant's public prefix; from outside
        // one less.
        let most = match side {
            Side::Tenant => 2,
            Side::Outside => 1,
        };
        let control = self.control;
        let (home, mut to, mut vrf, mut hops, mut shared) = (vrf, to, vrf, 0, None);
        let mut target = self.look_up(vrf, to);
        let translated = side == Side::Tenant && matches!(target, Target::Translate(_));
        while let Target::Vrf(next) | Target::Translate(next) = target
            && hops < most
        {
            hops += 1;
            vrf = next;
            shared = shared.or(Some(next));
            target = self.look_up(vrf, to);
        }
        let inside = (side == Side::Tenant) == (hops == 0);
        let leads_on = match target {
            Target::Adjacency(_) => hops < 2,
            Target::Subnet | Target::Via(_) | Target::Public => true,
            _ => false,
        };
        if translated && leads_on {
            self.translate(home, shared.unwrap_or(vrf))?;
        }
        if let (Target::Public, IpAddr::V4(public)) = (target, to) {
            match side {
                Side::Outside if hops > 0 => return Err(self.transit(side, vrf, to)),
                Side::Tenant if !translated && !self.is_routed(home, vrf) => {
                    return Err(self.private(home, to));
                }
                _ => {}
            }
            let customer = self.customer_behind(vrf, public)?;
            (vrf, to) = (customer.vrf, customer.address);
            shared = shared.or(Some(vrf));
            target = self.look_up(vrf, to);
            if !matches!(target, Target::Subnet | Target::Via(_)) {
                return Err(control.no_route(DropReason::VirtualRouteMissing, vrf, to));
            }
        }
        let way = match target {
            Target::Local => return Ok(End::Local),
            Target::Adjacency(id) if side == Side::Tenant && hops < 2 => {
                let rewrite = *control
                    .fabric
                    .writers
                    .adjacencies
                    .get(id.0)
                    .ok_or_else(|| control.no_route(DropReason::ExternalRouteMissing, vrf, to))?;
                self.leave(vrf, None, rewrite, to)
            }
            Target::Adjacency(_) => Err(self.transit(side, vrf, to)),
            Target::Subnet => self.resolve(vrf, to),
            Target::Via(id) => {
                let via = control.fabric.writers.vias.get(id.0).map(|via| to_ip(via.address));
                let via = via.ok_or_else(|| control.no_route(DropReason::VirtualRouteMissing, vrf, to))?;
                self.resolve(vrf, via)
            }
            Target::Discard => Err(Obstacle::new(
                DropReason::MulticastUnsupported,
                format!("{to} is the network or the broadcast address of its subnet"),
                "send to a host's address",
            )),
            // Whoever is behind a public address is in a subnet, or behind a VM.
            Target::Vrf(_) | Target::Translate(_) | Target::Public => Err(Obstacle::new(
                DropReason::VirtualRouteMissing,
                format!("the way to {to} leads through more VRFs than a packet may pass"),
                "a packet passes a tenant, a shared external network and another tenant at most: route it shorter",
            )),
            Target::Missing if inside => Err(control.no_route(DropReason::VirtualRouteMissing, vrf, to)),
            Target::Missing => Err(control.no_route(DropReason::ExternalRouteMissing, vrf, to)),
        };
        way.map(|way| End::Out(Box::new(Way { shared, ..way })))
    }

    fn look_up(&mut self, vrf: VrfId, to: IpAddr) -> Target {
        let control = self.control;
        let name = control.vrf_words(vrf);
        let Some((prefix, target)) = control.fabric.lookup(vrf, to) else {
            self.note("route", format!("{name}: no route to {to}"));
            return Target::Missing;
        };
        let leads = match target {
            Target::Missing => "leads nowhere".to_owned(),
            Target::Local => "is an address of the gateway".to_owned(),
            Target::Subnet => "is a virtual subnet: the lookup record decides".to_owned(),
            Target::Via(id) => {
                let via = control.fabric.writers.vias.get(id.0).map(|via| to_ip(via.address).to_string());
                format!("leads to the VM {}, which routes", via.unwrap_or_default())
            }
            Target::Adjacency(id) => match control.fabric.writers.adjacencies.get(id.0) {
                Some(rewrite) => match control.hop_of_way(rewrite, to) {
                    Some(hop) if hop.address == to => {
                        format!("leads to the host itself on {}", control.place(hop.interface))
                    }
                    Some(hop) => format!("leads over {} on {}", hop.address, control.place(hop.interface)),
                    None => "leads to a host that cannot be".to_owned(),
                },
                None => "leads nowhere".to_owned(),
            },
            Target::Vrf(next) if to.is_ipv4() && control.is_exempt(vrf, next) => {
                format!("leads on to {}, untranslated: it is exempt", control.vrf_words(next))
            }
            Target::Vrf(next) => format!("leads on to {}", control.vrf_words(next)),
            Target::Translate(next) => format!("leads on to {}, translated", control.vrf_words(next)),
            Target::Public => "is public: translation decides".to_owned(),
            Target::Discard => "is a network or broadcast address".to_owned(),
        };
        self.note("route", format!("{name}: {prefix} {leads}"));
        target
    }

    fn transit(&self, side: Side, vrf: VrfId, to: IpAddr) -> Obstacle {
        let network = self.control.vrf_words(vrf);
        match side {
            Side::Outside => Obstacle::new(
                DropReason::Transit,
                format!("a packet from outside to {to} would leave to the outside again, by {network}"),
                format!("if {to} is a VM's address, add its prefix to its tenant's public-prefixes"),
            ),
            Side::Tenant => Obstacle::new(
                DropReason::Transit,
                format!("the way to {to} leads through {network}'s own external network"),
                "another tenant's external network is its alone: send by the own one",
            ),
        }
    }

    /// A tenant's own address would show at a public one.
    fn private(&self, tenant: VrfId, to: IpAddr) -> Obstacle {
        let from = self.flow.and_then(|flow| flow.from).map_or_else(String::new, |from| format!(" {from}"));
        Obstacle::new(
            DropReason::Transit,
            format!(
                "the private address{from} is not translated on the way to {to}, and must not be seen there"
            ),
            format!(
                "translate for {} in the configuration file (nat), without {to} among what is exempt",
                self.control.vrf_words(tenant)
            ),
        )
    }

    /// On by the lookup record of a customer address.
    fn resolve(&mut self, vrf: VrfId, customer: IpAddr) -> Walked<Way> {
        let control = self.control;
        let missing = || control.no_record(DropReason::DestinationRecordMissing, vrf, customer, None);
        let record = control.record(vrf, from_ip(customer)).ok_or_else(missing)?;
        let peer = to_ip(record.provider());
        self.note(
            "record",
            format!("{customer} is at {peer}, VSID {}, MAC {}", record.vsid().get(), record.mac()),
        );
        let rewrite = control.fabric.writers.adjacencies.get(record.adjacency().0);
        let rewrite = *rewrite.ok_or_else(|| control.no_provider_route(peer, None))?;
        if rewrite.reach() == Reach::NoRoute {
            self.note("provider-route", format!("none leads to {peer}"));
            return Err(control.no_provider_route(peer, None));
        }
        self.note("provider-route", control.provider_route_words(peer));
        self.leave(vrf, Some(record), rewrite, peer)
    }

    /// The next hop of a way out toward `to`.
    fn leave(&mut self, vrf: VrfId, record: Option<Record>, rewrite: Rewrite, to: IpAddr) -> Walked<Way> {
        let control = self.control;
        let hop = control.hop_of_way(&rewrite, to).ok_or_else(|| {
            Obstacle::new(
                DropReason::NeighborUnresolved,
                format!("{to} is no host's address on a network of the gateway"),
                "send to a host's address",
            )
        })?;
        let state = control.neighbors.state(hop).unwrap_or(State::Unresolved);
        let mac = control.neighbors.mac(hop).map_or_else(String::new, |mac| format!(", MAC {mac}"));
        self.note(
            "neighbor",
            format!("{} on {}: {}{mac}", hop.address, control.place(hop.interface), state.name()),
        );
        let way = Way { vrf, shared: None, record, rewrite, hop };
        self.note("rewrite", control.rewrite_words(&way));
        Ok(way)
    }
}

/// The destination of a frame, and its VLAN; 0: untagged.
pub(in crate::control) fn link_of(frame: &[u8]) -> Option<(MacAddr, u16)> {
    let to = MacAddr(*frame.first_chunk()?);
    let ethertype = u16::from_be_bytes(*frame.get(12..14)?.first_chunk()?);
    let tag = u16::from_be_bytes(*frame.get(14..16).unwrap_or(&[0, 0]).first_chunk()?);
    Some((to, if ethertype == ethernet::VLAN { tag } else { 0 }))
}

impl<G: Grace> Control<G> {
    /// Whether what a tenant's VRF leads to another one for is kept from translation.
    fn is_exempt(&self, tenant: VrfId, next: VrfId) -> bool {
        self.fabric.writers.policies.get(&tenant).is_some_and(|policy| policy.external == next)
    }

    /// The next hop of a way out; `to` is the host that it leads to where it serves all hosts of a network.
    pub(in crate::control) fn hop_of_way(&self, rewrite: &Rewrite, to: IpAddr) -> Option<Hop> {
        let Some(interface) = interface_of_hosts(rewrite.neighbor()) else {
            return self.neighbors.hop(rewrite.neighbor());
        };
        let interface = self.fabric.interface_key(interface)?;
        let network = self.fabric.network(interface)?;
        let host = !network.owns(to) && network.own_address_toward(to).is_some();
        host.then_some(Hop { interface, address: to })
    }

    /// The headers of a way, complete but for what each packet adds.
    pub(in crate::control) fn headers(way: &Way) -> Vec<u8> {
        match &way.record {
            Some(record) => frames::encapsulated(&way.rewrite, record, None, 0, &[]),
            None => frames::plain(&way.rewrite, &[]),
        }
    }

    fn rewrite_words(&self, way: &Way) -> String {
        let port = self.port_name(way.rewrite.port());
        let headers = Self::headers(way);
        let (mac, vlan) = link_of(&headers).unwrap_or((MacAddr::ZERO, 0));
        let vlan = if vlan == 0 { "untagged".to_owned() } else { format!("VLAN {vlan}") };
        let mac = if mac == MacAddr::ZERO { "an unknown MAC".to_owned() } else { mac.to_string() };
        let mtu = way.rewrite.mtu();
        match (&way.record, outer(&headers)) {
            (Some(record), Some((from, to))) => format!(
                "NVGRE from {from} to {to}, VSID {}, inner frame to {}; port {port}, {vlan}, to {mac}; \
                 inner packets of up to {mtu} bytes",
                record.vsid().get(),
                record.mac()
            ),
            _ => format!("plain; port {port}, {vlan}, to {mac}; packets of up to {mtu} bytes"),
        }
    }

    /// The provider route that leads to a peer, in words.
    fn provider_route_words(&self, peer: IpAddr) -> String {
        let Some(path) = self.provider.lookup(peer) else { return format!("none leads to {peer}") };
        let leads = |route: &&super::super::provider::ProviderRoute| {
            route.prefix.contains(&peer)
                && route.site == path.site
                && route.next_hop.unwrap_or(peer) == path.next_hop
        };
        let best = |route: &&super::super::provider::ProviderRoute| {
            (route.prefix.prefix_len(), std::cmp::Reverse(route.metric))
        };
        let route = self.provider.all().iter().filter(leads).max_by_key(best);
        let place = self.place(self.site_interface(path.site));
        match route {
            Some(route) => {
                let via = match route.next_hop {
                    Some(next_hop) => format!("over {next_hop} on {place}"),
                    None => format!("directly on {place}"),
                };
                format!("{} leads {via}, owner {}", route.prefix, route.owner.name())
            }
            None => format!("over {} on {place}", path.next_hop),
        }
    }
}

/// The outer addresses of an encapsulated frame.
fn outer(frame: &[u8]) -> Option<(IpAddr, IpAddr)> {
    frames::addresses(frame)
}
