//! A probe's way out: the same as that of any packet there.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use nvgw_types::{Family, MacAddr, Vsid};

use super::{Asker, PROBES, Probe, Side};
use crate::control::desired::{Hop, InterfaceKey, Role};
use crate::control::explain::{self, Obstacle, Walk, Way};
use crate::control::frames;
use crate::control::frames::probe::{self, Request, shortest};
use crate::control::neighbors::{Effect, Frame, Origin};
use crate::control::{Control, Egress, Nanos};
use crate::diagnosis::{ProbeRequest, ProbeWorld};
use crate::tables::Grace;
use crate::tables::entries::Target;
use crate::telemetry::DropReason;

/// The longest that an answer is waited for.
const LONGEST: Duration = Duration::from_secs(60);

/// How a probe will travel.
struct Plan {
    side: Side,
    source: IpAddr,
    exit: Exit,
}

/// By which headers.
enum Exit {
    /// To a next hop of the provider network.
    Provider(Hop),
    /// Out of a VRF.
    Vrf(Box<Way>),
}

impl Exit {
    const fn hop(&self) -> Hop {
        match self {
            Self::Provider(hop) => *hop,
            Self::Vrf(way) => way.hop,
        }
    }
}

impl<G: Grace> Control<G> {
    /// Makes the numbers of probes hard to guess: so that nobody who does not see them can answer in another's place.
    /// Without it they start at zero, as runs must that are to repeat.
    pub fn seed_probes(&mut self, seed: u64) {
        self.probes.seed(seed);
    }

    /// Sends an ICMP echo request. Its outcome is among [`Self::finished_probes`], under the number `id`, after this
    /// call, or after a later [`Self::handle_punt`] or [`Self::tick`].
    pub fn start_probe(&mut self, now: Nanos, id: u64, request: &ProbeRequest, out: &mut impl Egress) {
        self.probe(now, Asker::Caller(id), request, out);
    }

    /// As [`Self::start_probe`], for anyone.
    pub(in crate::control) fn probe(
        &mut self,
        now: Nanos,
        asker: Asker,
        request: &ProbeRequest,
        out: &mut impl Egress,
    ) {
        let mut effects = Vec::new();
        if let Err(obstacle) = self.launch(now, asker, request, &mut effects) {
            self.probes.finish(asker, obstacle.not_sent());
        }
        self.carry_out(now, effects, out);
    }

    fn launch(
        &mut self,
        now: Nanos,
        asker: Asker,
        request: &ProbeRequest,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Obstacle> {
        let to = request.to;
        let &ProbeRequest { size, df, ttl, .. } = request;
        let least = shortest(Family::of(to));
        if size < least || ttl == 0 {
            return Err(Obstacle::new(
                DropReason::Malformed,
                format!("no echo request has {size} bytes and a TTL of {ttl}"),
                format!("ask for {least} bytes or more, and a TTL of 1 or more"),
            ));
        }
        if let ProbeWorld::Provider { from: Some(from) } | ProbeWorld::Overlay { from: Some(from), .. } =
            &request.world
            && Family::of(*from) != Family::of(to)
        {
            return Err(families(*from, to));
        }
        let plan = match &request.world {
            ProbeWorld::Provider { from } => self.plan_provider(to, *from)?,
            ProbeWorld::Overlay { vsid, from } => self.plan_overlay(*vsid, to, *from)?,
        };
        let Plan { side, source, exit } = plan;
        self.check_size(size, df, to, &exit)?;
        let way = probe::Way::between(source, to).ok_or_else(|| families(source, to))?;
        let hop = exit.hop();
        let timeout = Duration::from_millis(u64::from(request.timeout_ms)).min(LONGEST);
        let probe = Probe { asker, side, source, to, size, timeout, hop, sent: None };
        let number = self.probes.admit(probe).ok_or_else(|| {
            Obstacle::new(
                DropReason::HoldQueueFull,
                format!("{PROBES} probes are under way"),
                "try again when they are over",
            )
        })?;
        let packet = Request { number, way, ttl, df, size }.packet();
        let bytes = match &exit {
            Exit::Provider(hop) => self.link(hop.interface).packet(MacAddr::ZERO, &packet),
            Exit::Vrf(way) => match &way.record {
                Some(record) => frames::encapsulated(&way.rewrite, record, None, 0, &packet),
                None => frames::plain(&way.rewrite, &packet),
            },
        };
        let frame = Frame { bytes, origin: Origin::Probe(number.sequence) };
        self.neighbors.submit_to_host(now, hop, frame, effects);
        Ok(())
    }

    fn plan_provider(&self, to: IpAddr, from: Option<IpAddr>) -> Result<Plan, Obstacle> {
        let own = |address| {
            let mut sites = self.fabric.current.networks.iter().filter(|(_, n)| n.role == Role::Site);
            sites.find(|(_, network)| network.owns(address)).map(|(key, _)| *key)
        };
        let site = match from {
            None => None,
            Some(from) => Some(own(from).ok_or_else(|| {
                Obstacle::new(
                    DropReason::OuterMartianSource,
                    format!("{from} is no provider address that this gateway can use"),
                    "nvgw provider-address list shows those that can be used",
                )
            })?),
        };
        if own(to).is_some() {
            return Err(Obstacle::new(
                DropReason::OwnPacket,
                format!("{to} is a provider address of this gateway itself"),
                "ask another station",
            ));
        }
        let missing = || self.no_provider_route(to, site);
        let path = self.provider.lookup(to).ok_or_else(missing)?;
        let interface = self.site_interface(path.site);
        let network = self.fabric.network(interface).ok_or_else(missing)?;
        if network.addresses.is_empty() {
            return Err(missing());
        }
        let nearest = network.own_address_toward(path.next_hop).ok_or_else(|| {
            Obstacle::new(
                DropReason::OuterMartianSource,
                format!("{} is no host's address on {}", path.next_hop, self.place(interface)),
                "ask a host",
            )
        })?;
        let exit = Exit::Provider(Hop { interface, address: path.next_hop });
        Ok(Plan { side: Side::Provider, source: from.unwrap_or(nearest), exit })
    }

    fn plan_overlay(&self, vsid: u32, to: IpAddr, from: Option<IpAddr>) -> Result<Plan, Obstacle> {
        let key = Vsid::new(u64::from(vsid)).ok();
        let subnet = key.and_then(|vsid| self.fabric.current.subnets.get(&vsid));
        let subnet = subnet.ok_or_else(|| explain::no_policy(vsid))?;
        let own = subnet.prefixes.of(Family::of(to)).ok_or_else(|| {
            Obstacle::new(
                DropReason::InnerMartianSource,
                format!(
                    "VSID {vsid} has no {} prefix, so the gateway no address to ask {to} from",
                    Family::of(to)
                ),
                "ask from a virtual subnet that has one",
            )
        })?;
        let home = subnet.vrf;
        if let Some(from) = from
            && self.route(home, from).1 != Target::Local
        {
            return Err(Obstacle::new(
                DropReason::InnerMartianSource,
                format!("{from} is no address of this gateway in {}", self.vrf_words(home)),
                format!("leave it out, or take the subnet's gateway address {}", own.gateway),
            ));
        }
        let way = match Walk::new(self).route(explain::Side::Tenant, home, to)? {
            explain::End::Out(way) => way,
            explain::End::Local => {
                return Err(Obstacle::new(
                    DropReason::OwnPacket,
                    format!("{to} is an address of this gateway itself"),
                    "ask a VM or a host outside",
                ));
            }
        };
        let source = from.or_else(|| self.source_toward(own.gateway, &way));
        let returns = |source: &IpAddr| {
            // What comes back is routed in the VRF that the probe left by: it must end at the same address.
            let (there, target) = self.route(way.vrf, *source);
            target == Target::Local && there == self.route(home, *source).0
        };
        let source = source.filter(returns).ok_or_else(|| {
            let from = from.unwrap_or(own.gateway);
            Obstacle::new(
                DropReason::InnerMartianSource,
                format!("{} knows no way back to {from}: no answer could come in", self.vrf_words(way.vrf)),
                format!("send from the gateway's own address on {}", self.place(way.hop.interface)),
            )
        })?;
        Ok(Plan { side: Side::Vrf(way.vrf), source, exit: Exit::Vrf(way) })
    }

    /// The gateway's own address that a probe from a VRF is sent from: the subnet's, or, where the way leads out of the
    /// tenant's VRF, one of the shared external network that it passes.
    fn source_toward(&self, gateway: IpAddr, way: &Way) -> Option<IpAddr> {
        let Some(shared) = way.shared else { return Some(gateway) };
        let mut networks = self.fabric.current.networks.values();
        let network = networks.find(|network| network.role == Role::External(shared))?;
        network.addresses.iter().map(IpNet::addr).find(|own| Family::of(*own) == Family::of(gateway))
    }

    /// The biggest IP packet toward a provider address by a site, in bytes.
    pub(in crate::control) fn provider_mtu(&self, to: IpAddr, site: InterfaceKey) -> u16 {
        let mtu = self.fabric.network(site).map_or(0, |network| network.mtu);
        self.provider.lookup(to).map_or(mtu, |path| path.fits(mtu))
    }

    fn check_size(&self, size: u16, df: bool, to: IpAddr, exit: &Exit) -> Result<(), Obstacle> {
        let mtu = match exit {
            Exit::Provider(hop) => self.provider_mtu(to, hop.interface),
            Exit::Vrf(way) => way.rewrite.mtu(),
        };
        if size <= mtu {
            return Ok(());
        }
        let place = self.place(exit.hop().interface);
        let fragments = if df || to.is_ipv6() { "" } else { ", and the gateway never fragments" };
        Err(Obstacle::new(
            DropReason::MtuExceeded,
            format!("{size} bytes are too much for the way to {to} by {place}: it takes {mtu}{fragments}"),
            format!("ask for {mtu} bytes or less, or raise the MTU of {place}"),
        ))
    }
}

fn families(from: IpAddr, to: IpAddr) -> Obstacle {
    Obstacle::new(
        DropReason::Malformed,
        format!("{from} and {to} are of different families"),
        "leave the source out, or give one of the same family",
    )
}
