//! What VMs ask by neighbour discovery (RFC 4861): where the gateway's addresses are, and who routes.
//!
//! Virtual subnets have no groups: what is for all nodes goes to the VM that asked, in a frame for it alone
//! (RFC 6085).

use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_types::{Family, VrfId, Vsid};

use super::{Ended, echo};
use crate::control::desired::Subnet;
use crate::control::frames::neighbors::{discovery_packet, is_discovery, read_discovery};
use crate::control::frames::{self, Received, TTL};
use crate::control::neighbors::Effect;
use crate::control::{Control, Nanos};
use crate::packet::icmpv6::Ends;
use crate::packet::ipv6::LEAST_MTU;
use crate::packet::ndp::{self, Message, NeighborAdvertisement, Prefix, RouterAdvertisement};
use crate::tables::Grace;
use crate::tables::entries::{Record, RecordSpec, SenderMode, from_ip};
use crate::telemetry::DropReason;

const IGNORED: DropReason = DropReason::DiscoveryIgnored;

/// How long the gateway is a VM's router, in seconds: as long as can be said (RFC 4861 §6.2.1), for nothing is said
/// unasked.
const ROUTER_LIFETIME: u16 = 9000;
/// How long a prefix is a subnet's, and addresses made of it are preferred: for ever (RFC 4861 §4.6.2), likewise.
const FOR_EVER: u32 = u32::MAX;

impl<G: Grace> Control<G> {
    /// Takes an IPv6 frame whose sender has no address but a link-local one, or none. It is one of our VMs where a
    /// lookup record of the virtual subnet has its Ethernet address and lives where it came from. Where addresses are
    /// learned, a VM asks before it has one: there it is enough that its host has others of the subnet, as it is for
    /// learning.
    pub(super) fn link_local(
        &mut self,
        now: Nanos,
        vsid: Vsid,
        vrf: VrfId,
        provider: IpAddr,
        frame: &[u8],
        effects: &mut Vec<Effect>,
    ) -> Ended {
        let received = frames::read(frame).ok_or(DropReason::Malformed)?;
        let subnet = *self.overlay_subnet(vsid, vrf).ok_or(DropReason::NoPolicyForVsid)?;
        let vm =
            self.vouched_for(vsid, &subnet, provider, &received).ok_or(DropReason::SourceRecordMissing)?;
        if is_discovery(received.payload) {
            let asked = read_discovery(received.payload).ok_or(IGNORED)?;
            return self.answer_solicitation(now, &subnet, &vm, asked, effects);
        }
        match echo(frame) {
            Some((reply, _)) if subnet.link_local().is_some_and(|own| reply.asked == own) => {
                self.wrap(now, &vm, None, reply.tos, &reply.packet, effects)
            }
            _ => Err(DropReason::LocalUnsupported),
        }
    }

    /// The way back to a VM that speaks from a link-local address, as if that had a lookup record.
    fn vouched_for(
        &self,
        vsid: Vsid,
        subnet: &Subnet,
        provider: IpAddr,
        received: &Received<'_>,
    ) -> Option<Record> {
        let mac = received.source;
        let is_ours = match subnet.sender_mode {
            SenderMode::Learn => mac.is_station() && self.model.is_host_of(vsid, provider),
            SenderMode::Strict | SenderMode::LogOnly => self.model.is_station_of(vsid, provider, mac),
        };
        let adjacency = self.fabric.way_to_peer(provider).filter(|_| is_ours)?;
        Some(Record::new(&RecordSpec {
            vrf: subnet.vrf,
            address: from_ip(subnet.link_local()?.into()),
            provider: from_ip(provider),
            adjacency,
            vsid,
            mac,
            gateway_mac: subnet.gateway_mac,
            flow_id_zero: true,
            on_link: true,
        }))
    }

    /// A VM asks from an address that has a record.
    pub(super) fn overlay_solicitation(
        &mut self,
        now: Nanos,
        vsid: Vsid,
        vrf: VrfId,
        received: &Received<'_>,
        effects: &mut Vec<Effect>,
    ) -> Ended {
        let subnet = *self.overlay_subnet(vsid, vrf).ok_or(IGNORED)?;
        let asked = read_discovery(received.payload).ok_or(IGNORED)?;
        let source = asked.0.source;
        subnet.prefixes.at(source.into()).ok_or(IGNORED)?;
        let vm = self.record(vrf, from_ip(source.into())).filter(|vm| vm.mac() == received.source);
        self.answer_solicitation(now, &subnet, &vm.ok_or(IGNORED)?, asked, effects)
    }

    /// Answers a VM's solicitation.
    fn answer_solicitation(
        &mut self,
        now: Nanos,
        subnet: &Subnet,
        vm: &Record,
        (asked, message): (Ends, Message),
        effects: &mut Vec<Effect>,
    ) -> Ended {
        let link_local = subnet.link_local().ok_or(IGNORED)?;
        let own = subnet.prefixes.of(Family::V6).ok_or(IGNORED)?;
        let has_address = !asked.source.is_unspecified();
        let answer = |source| {
            let destination = if has_address { asked.source } else { ndp::ALL_NODES };
            Ends { source, destination }
        };
        let (ends, message) = match message {
            Message::NeighborSolicitation { target, source_mac }
                if (target == link_local || own.gateway == target)
                    && source_mac.is_none_or(|mac| mac == vm.mac()) =>
            {
                let said = NeighborAdvertisement {
                    target,
                    router: true,
                    solicited: has_address,
                    overrides: true,
                    target_mac: Some(subnet.gateway_mac),
                };
                let ends = answer(target);
                (ends, ndp::neighbor_advertisement(ends, &said))
            }
            Message::RouterSolicitation { source_mac }
                if self.advertises(subnet.vrf) && source_mac.is_none_or(|mac| mac == vm.mac()) =>
            {
                let ends = answer(link_local);
                (ends, self.router_advertisement(ends, subnet, vm).ok_or(IGNORED)?)
            }
            _ => return Err(IGNORED),
        };
        self.wrap(now, vm, None, 0, &discovery_packet(ends, &message), effects)
    }

    /// Whether router solicitations of a tenant's VMs are answered.
    fn advertises(&self, vrf: VrfId) -> bool {
        let tenant = self.model.tenant_of(vrf).and_then(|name| self.model.tenants().get(name));
        tenant.is_some_and(|tenant| tenant.value.router_advertisements)
    }

    /// What a VM is told about its router. An address that it makes itself reaches nobody unless it is learned.
    fn router_advertisement(&self, ends: Ends, subnet: &Subnet, vm: &Record) -> Option<Vec<u8>> {
        let IpNet::V6(prefix) = subnet.prefixes.of(Family::V6)?.prefix else { return None };
        let way = self.fabric.writers.adjacencies.get(vm.adjacency().0)?;
        let prefix = Prefix {
            prefix,
            on_link: true,
            autonomous: subnet.sender_mode == SenderMode::Learn,
            valid: FOR_EVER,
            preferred: FOR_EVER,
        };
        let said = RouterAdvertisement {
            hop_limit: TTL,
            managed: false,
            other: false,
            lifetime: ROUTER_LIFETIME,
            source_mac: subnet.gateway_mac,
            // Less than IPv6 asks of a link is not heard (RFC 4861 §6.3.4).
            mtu: Some(way.mtu()).filter(|mtu| *mtu >= LEAST_MTU).map(u32::from),
            prefixes: &[prefix],
        };
        Some(ndp::router_advertisement(ends, &said))
    }
}

#[cfg(test)]
mod tests;
