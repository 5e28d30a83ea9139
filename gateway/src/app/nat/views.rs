//! From what workers and tables say of translation to the rows of the admin API, of metrics and of reports.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use nvgw_types::VrfId;

use crate::api::view::{
    NatAddressView, NatHolderView, NatHolding, NatPoolView, NatSessionView, PublicStateView,
};
use crate::control::Control;
use crate::nat_log::{Names, WallClock};
use crate::tables::Grace;
use crate::tables::entries::{BindingKey, Direction, Endpoint, Protocol, Public, PublicState};
use crate::tables::exchange::{Millis, PortBlock, SessionRow};
use crate::telemetry::nat::NatCounters;
use crate::telemetry::nat_totals::{PublicTotal, whole_blocks};

pub(super) fn session_view(names: &Names, now: Millis, row: &SessionRow) -> NatSessionView {
    NatSessionView {
        tenant: names.of(row.customer.vrf).to_string(),
        protocol: row.protocol.into(),
        customer: row.customer.address.into(),
        customer_port: row.customer.port,
        external: names.of(row.public.vrf).to_string(),
        public: row.public.address.into(),
        public_port: row.public.port,
        remote: row.remote.0.into(),
        remote_port: row.remote.1,
        state: row.state.name().to_owned(),
        expires_seconds: row.expires.0.saturating_sub(now.0) as f64 / 1000.0,
    }
}

pub(super) fn block_view(names: &Names, clock: &WallClock, block: &PortBlock) -> NatHolderView {
    NatHolderView {
        first_port: Some(block.public.port),
        last_port: Some(block.last),
        since: Some(clock.at(block.since).to_string()),
        ..holder(names, NatHolding::Block, block.public.vrf, block.customer)
    }
}

fn holder(names: &Names, holding: NatHolding, external: VrfId, customer: Endpoint) -> NatHolderView {
    NatHolderView {
        holding,
        external: names.of(external).to_string(),
        tenant: names.of(customer.vrf).to_string(),
        customer: customer.address.into(),
        protocol: None,
        customer_port: None,
        first_port: None,
        last_port: None,
        since: None,
        until: None,
    }
}

/// Whose a port of a public address is because the configuration says so.
pub(super) fn configured_holders<G: Grace>(
    control: &Control<G>,
    names: &Names,
    public: &Public,
    port: u16,
) -> Vec<NatHolderView> {
    let from = Endpoint { vrf: public.external, address: public.address, port };
    let own = public.customer.map(|(vrf, address)| {
        holder(names, NatHolding::OneToOne, public.external, Endpoint { vrf, address, port: 0 })
    });
    let forwards = Protocol::ALL.into_iter().filter_map(|protocol| {
        let key = BindingKey { direction: Direction::Inbound, protocol: Some(protocol), from };
        let to = control.nat_binding(&key)?.to;
        Some(NatHolderView {
            protocol: Some(protocol.into()),
            customer_port: Some(to.port),
            ..holder(names, NatHolding::Forward, public.external, to)
        })
    });
    own.into_iter().chain(forwards).collect()
}

/// The public addresses, and what is in use of each.
pub(crate) fn address_views<'n, G: Grace>(
    control: &Control<G>,
    workers: &[&NatCounters],
    name: impl Fn(VrfId) -> String + 'n,
) -> Vec<NatAddressView> {
    let view = |public: Public| {
        let PublicTotal { blocks, ports, most_blocks, most_ports } =
            PublicTotal::read(workers.iter().copied(), public.id);
        NatAddressView {
            external: name(public.external),
            address: public.address.into(),
            state: match public.state {
                PublicState::Active => PublicStateView::Active,
                PublicState::Draining => PublicStateView::Draining,
            },
            tenant: public.customer.map(|(vrf, _)| name(vrf)),
            customer: public.customer.map(|(_, address)| address.into()),
            forwards: public.forwards,
            first_port: public.ports.map(|range| range.first),
            last_port: public.ports.map(|range| range.last),
            block_size: public.ports.map(|range| range.block),
            blocks,
            blocks_possible: public.ports.as_ref().map_or(0, whole_blocks),
            most_blocks,
            ports,
            most_ports,
        }
    };
    control.publics().into_iter().map(view).collect()
}

/// The pools that tenants use, and what is in use of each. One that several tenants share is there once.
pub(crate) fn pool_views<G: Grace>(
    control: &Control<G>,
    workers: &[&NatCounters],
    name: impl Fn(VrfId) -> String,
) -> Vec<NatPoolView> {
    let publics = control.publics();
    let mut tenants = BTreeMap::<(VrfId, u32, u32), u64>::new();
    for policy in control.nat_policies() {
        for range in policy.pools() {
            *tenants.entry((policy.external, range.first, range.count)).or_default() += 1;
        }
    }
    let view = |((external, first, count), tenants): ((VrfId, u32, u32), u64)| {
        let last = first + (count - 1);
        let from = publics.partition_point(|public| (public.external, public.address) < (external, first));
        let of_pool =
            publics[from..].iter().take_while(|public| public.external == external && public.address <= last);
        let (mut total, mut blocks_possible) = (PublicTotal::default(), 0);
        for public in of_pool {
            total += PublicTotal::read(workers.iter().copied(), public.id);
            blocks_possible += public.ports.as_ref().map_or(0, whole_blocks);
        }
        NatPoolView {
            external: name(external),
            pool: match count {
                1 => Ipv4Addr::from(first).to_string(),
                _ => format!("{}-{}", Ipv4Addr::from(first), Ipv4Addr::from(last)),
            },
            tenants,
            addresses: count.into(),
            blocks: total.blocks,
            blocks_possible,
            most_blocks: total.most_blocks,
            ports: total.ports,
            most_ports: total.most_ports,
        }
    };
    tenants.into_iter().map(view).collect()
}
