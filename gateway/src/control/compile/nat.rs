//! What tenants' address translation asks of the tables.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ipnet::{Ipv4AddrRange, Ipv4Subnets};
use nvgw_config::{
    Filtering, ForwardProtocol, NatLimits, NatPool, PortForward, StaticNat, TenantNat, UnsolicitedSyn,
};
use nvgw_types::VrfId;

use super::{Compiler, Side};
use crate::control::desired::{Customer, Goal, Public, PublicKey, Settings};
use crate::control::model::{Edit, Model};
use crate::control::needs::Use;
use crate::tables::entries::{
    self, BindingKey, Direction, Endpoint, NatPolicy, NatQuota, NatSettings, PortRange, Protocol,
    PublicRange, RANGES,
};

impl Compiler<'_> {
    /// A tenant's translation toward an external network.
    pub(super) fn translation(&mut self, vrf: VrfId, external: VrfId, nat: &TenantNat, side: Side) {
        let policy = (side == Side::Comes).then(|| policy(vrf, external, nat));
        self.draft.policies.insert(vrf, policy);
        for prefix in &nat.exempt {
            self.route(vrf, *prefix, Goal::Vrf(external), side);
        }
        nat.pools.iter().for_each(|pool| self.pool(external, *pool, side));
        nat.statics.iter().for_each(|one| self.one_to_one(vrf, external, *one, side));
        nat.forwards.iter().for_each(|forward| self.forward(vrf, external, *forward, side));
    }

    /// Tenants share a pool, whose addresses only the first and the last of them has to say.
    fn pool(&mut self, external: VrfId, pool: NatPool, side: Side) {
        let turned = match side {
            Side::Comes => self.needs.pools.more((external, pool)),
            Side::Goes => self.needs.pools.less((external, pool)),
        };
        if !turned {
            return;
        }
        let ports = PortRange { first: pool.first_port, last: pool.last_port, block: pool.block_size };
        for address in Ipv4AddrRange::new(pool.first, pool.last) {
            self.public(PublicKey { external, address }, Use::Pool(ports), side);
        }
        for prefix in Ipv4Subnets::new(pool.first, pool.last, 0) {
            self.route(external, prefix.into(), Goal::Public, side);
        }
    }

    fn one_to_one(&mut self, vrf: VrfId, external: VrfId, one: StaticNat, side: Side) {
        let customer = Customer { vrf, address: one.customer.into() };
        self.bound(customer, one.public, external, Use::Customer(vrf, one.customer), side);
        let from = Endpoint { vrf, address: one.customer.into(), port: 0 };
        let to = Endpoint { vrf: external, address: one.public.into(), port: 0 };
        self.binding(BindingKey { direction: Direction::Outbound, protocol: None, from }, to, side);
    }

    fn forward(&mut self, vrf: VrfId, external: VrfId, forward: PortForward, side: Side) {
        let customer = Customer { vrf, address: forward.customer.into() };
        self.bound(customer, forward.public, external, Use::Forward, side);
        let protocol = Some(match forward.protocol {
            ForwardProtocol::Tcp => Protocol::Tcp,
            ForwardProtocol::Udp => Protocol::Udp,
        });
        for (public, customer) in (forward.first..=forward.last).zip(forward.to..=u16::MAX) {
            let public = Endpoint { vrf: external, address: forward.public.into(), port: public };
            let customer = Endpoint { vrf, address: forward.customer.into(), port: customer };
            self.binding(
                BindingKey { direction: Direction::Inbound, protocol, from: public },
                customer,
                side,
            );
            self.binding(
                BindingKey { direction: Direction::Outbound, protocol, from: customer },
                public,
                side,
            );
        }
    }

    /// A public address that leads to a customer.
    fn bound(&mut self, customer: Customer, address: Ipv4Addr, external: VrfId, what: Use, side: Side) {
        match side {
            Side::Comes => self.needs.bound.more(customer),
            Side::Goes => self.needs.bound.less(customer),
        };
        self.public(PublicKey { external, address }, what, side);
        self.route(external, IpAddr::V4(address).into(), Goal::Public, side);
    }

    /// Asks for a use of a public address, or takes that back. It is for all that is left.
    fn public(&mut self, key: PublicKey, what: Use, side: Side) {
        let uses = &mut self.needs.publics;
        let turned = match side {
            Side::Comes => uses.more((key, what)),
            Side::Goes => uses.less((key, what)),
        };
        if !turned {
            return;
        }
        let left = uses.from((key, Use::Forward)).take_while(|(of, _)| *of == key);
        let value = left.fold(None, |value: Option<Public>, (_, what)| {
            let public = value.unwrap_or_default();
            Some(match what {
                Use::Forward => Public { forwards: true, ..public },
                Use::Pool(ports) => Public { ports: Some(ports), ..public },
                Use::Customer(vrf, customer) => Public { customer: Some((vrf, customer)), ..public },
            })
        });
        self.draft.publics.insert(key, value);
    }

    /// Asks for a binding, or takes that back. Where several ports lead to the same one of a customer, it answers from
    /// the lowest.
    fn binding(&mut self, key: BindingKey, to: Endpoint, side: Side) {
        let bindings = &mut self.needs.bindings;
        let turned = match side {
            Side::Comes => bindings.more((key, to)),
            Side::Goes => bindings.less((key, to)),
        };
        if turned {
            let lowest = Endpoint { vrf: VrfId(0), address: 0, port: 0 };
            let first = bindings.from((key, lowest)).next().filter(|(of, _)| *of == key);
            self.draft.bindings.insert(key, first.map(|(_, to)| to));
        }
    }
}

fn policy(vrf: VrfId, external: VrfId, nat: &TenantNat) -> NatPolicy {
    let mut ranges = [PublicRange { first: 0, count: 0 }; RANGES];
    for (range, pool) in ranges.iter_mut().zip(&nat.pools) {
        let (first, last) = (u32::from(pool.first), u32::from(pool.last));
        *range = PublicRange { first, count: last - first + 1 };
    }
    let filtering = |filtering| match filtering {
        Filtering::EndpointIndependent => entries::Filtering::EndpointIndependent,
        Filtering::AddressDependent => entries::Filtering::AddressDependent,
    };
    let quota = |limits: NatLimits| NatQuota {
        sessions: limits.sessions.unwrap_or(u32::MAX),
        ports: limits.ports.unwrap_or(u32::MAX),
        new_sessions: limits.new_sessions.unwrap_or(u32::MAX),
    };
    NatPolicy {
        vrf,
        external,
        ranges,
        filtering: Protocol::ALL.map(|protocol| {
            filtering(match protocol {
                Protocol::Tcp => nat.filtering.tcp,
                Protocol::Udp => nat.filtering.udp,
                Protocol::Icmp => nat.filtering.icmp,
            })
        }),
        of_tenant: quota(nat.limits),
        of_address: quota(nat.limits_per_address),
        forwards: !nat.forwards.is_empty(),
        statics: !nat.statics.is_empty(),
    }
}

/// Whether an edit is one of a tenant that is translated, or was.
pub(super) fn concerns(edit: &Edit) -> bool {
    let Edit::Tenant(swap) = edit else { return false };
    [&swap.before, &swap.after].into_iter().flatten().any(|tenant| tenant.value.nat.is_some())
}

/// What all translation has in common.
pub(super) fn settings(model: &Model) -> Settings {
    let nat = &model.frame.nat;
    let mut translated = model.tenants.values().filter_map(|tenant| tenant.value.nat.as_ref());
    let milliseconds = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    let times = &nat.timeouts;
    let table = NatSettings {
        udp: milliseconds(times.udp),
        udp_well_known: milliseconds(times.udp_well_known),
        tcp_established: milliseconds(times.tcp_established),
        tcp_transitory: milliseconds(times.tcp_transitory),
        tcp_reset: milliseconds(times.tcp_reset),
        icmp: milliseconds(times.icmp),
        quarantine: milliseconds(times.port_quarantine),
        reject_unsolicited: nat.unsolicited_syn == UnsolicitedSyn::Reject,
        log_sessions: nat.log.sessions,
        has_sessions: translated.any(|nat| !nat.pools.is_empty()),
    };
    Settings { table, removed: nat.removed_addresses }
}
