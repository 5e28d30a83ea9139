//! The columns of each list that people see.

use super::table::{Column, decimal, grouped, or_dash};
use crate::api::Row;
use crate::api::view::{
    AlarmView, CustomerRouteView, DropView, LookupView, NatAddressView, NatPoolView, NatSessionView,
    NeighborView, PortView, ProviderAddressView, ProviderRouteView, RouteView, SubnetView, TenantView,
    VrfView, WorkerView,
};
use crate::diagnosis::Event;

/// A row that people may see.
pub(super) trait Printed: Row + 'static {
    /// Its columns.
    const COLUMNS: &'static [Column<Self>];
    /// What stands in the place of a table without rows.
    const NONE: &'static str;
}

impl Printed for PortView {
    const NONE: &'static str = "no ports";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("PORT", |p| p.name.clone()),
        Column::text("LINK", |p| p.link.to_string()),
        Column::number("MBIT/S", |p| or_dash(p.speed_mbps.map(u64::from).map(grouped))),
        Column::text("MAC", |p| p.mac.clone()),
        Column::number("MTU", |p| p.mtu.to_string()),
        Column::number("RX PACKETS", |p| grouped(p.rx_packets)),
        Column::number("RX BYTES", |p| grouped(p.rx_bytes)),
        Column::number("TX PACKETS", |p| grouped(p.tx_packets)),
        Column::number("TX BYTES", |p| grouped(p.tx_bytes)),
        Column::number("TX DROPPED", |p| grouped(p.tx_dropped)),
        Column::number("RX MISSED", |p| grouped(p.rx_missed)),
        Column::number("RX ERRORS", |p| grouped(p.rx_errors)),
        Column::number("NO BUFFER", |p| grouped(p.rx_no_buffer)),
        Column::number("NUMA", |p| or_dash(p.numa_node)),
        Column::text("RSS", |p| p.rss.clone()),
        Column::text("CHECKSUMS", |p| p.checksums.clone()),
        Column::text("DRIVER", |p| p.driver.clone()),
        Column::text("DEVICE", |p| p.device.clone()),
    ];
}

impl Printed for WorkerView {
    const NONE: &'static str = "no workers";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::number("WORKER", |w| w.worker.to_string()),
        Column::number("CORE", |w| w.core.to_string()),
        Column::number("BUSY %", |w| decimal(w.busy_percent)),
        Column::number("RECEIVED", |w| grouped(w.received)),
        Column::number("HANDED OUT", |w| grouped(w.handed_out)),
        Column::number("TAKEN OVER", |w| grouped(w.taken_over)),
        Column::number("TX PACKETS", |w| grouped(w.tx_packets)),
        Column::number("PACKETS/BURST", |w| decimal(w.packets_per_burst)),
        Column::number("BURSTS", |w| grouped(w.bursts)),
        Column::number("IDLE POLLS", |w| grouped(w.idle_polls)),
        Column::number("NAT ENTRIES", |w| grouped(w.nat_entries)),
        Column::number("OF", |w| grouped(w.nat_capacity)),
        Column::text("QUEUES", |w| {
            let queues: Vec<_> = w.queues.iter().map(|q| format!("{}/{}", q.port, q.queue)).collect();
            queues.join(" ")
        }),
    ];
}

impl Printed for VrfView {
    const NONE: &'static str = "no VRFs match";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::number("ID", |v| v.id.to_string()),
        Column::text("VRF", |v| v.name.clone()),
        Column::text("KIND", |v| v.kind.to_string()),
        Column::text("TENANT", |v| or_dash(v.tenant.as_ref())),
        Column::text("EXTERNAL", |v| or_dash(v.external.as_ref())),
        Column::number("SUBNETS", |v| grouped(v.subnets)),
        Column::number("RECORDS", |v| grouped(v.records)),
        Column::number("ROUTES", |v| grouped(v.routes)),
        Column::number("RX PACKETS", |v| grouped(v.rx_packets)),
        Column::number("RX BYTES", |v| grouped(v.rx_bytes)),
        Column::number("TX PACKETS", |v| grouped(v.tx_packets)),
        Column::number("TX BYTES", |v| grouped(v.tx_bytes)),
        Column::text("ROUTING DOMAIN", |v| or_dash(v.routing_domain.as_ref())),
    ];
}

impl Printed for LookupView {
    const NONE: &'static str = "no lookup records match";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("TENANT", |l| l.tenant.clone()),
        Column::number("VSID", |l| l.vsid.to_string()),
        Column::text("ADDRESS", |l| l.address.to_string()),
        Column::text("MAC", |l| l.mac.clone()),
        Column::text("PROVIDER ADDRESS", |l| l.provider_address.to_string()),
        Column::text("NEXT HOP", |l| or_dash(l.next_hop)),
        Column::text("OWNER", |l| l.owner.clone()),
        Column::text("MOVED", |l| {
            or_dash(l.moved_from.zip(l.moved_by.as_ref()).map(|(from, by)| format!("from {from} by {by}")))
        }),
        Column::text("STATE", |l| l.state.to_string()),
        Column::text("NAME", |l| or_dash(l.name.as_ref())),
    ];
}

impl Printed for RouteView {
    const NONE: &'static str = "no routes match";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("TABLE", |r| r.table.clone()),
        Column::text("PREFIX", |r| r.prefix.to_string()),
        Column::text("TARGET", |r| r.target.clone()),
        Column::text("NEXT HOP", |r| or_dash(r.next_hop)),
        Column::text("INTERFACE", |r| or_dash(r.interface.as_ref())),
        Column::number("METRIC", |r| or_dash(r.metric)),
        Column::text("OWNER", |r| r.owner.clone()),
        Column::text("STATE", |r| r.state.to_string()),
    ];
}

impl Printed for NeighborView {
    const NONE: &'static str = "no neighbours yet";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("NETWORK", |n| n.network.clone()),
        Column::text("ADDRESS", |n| n.address.to_string()),
        Column::text("MAC", |n| or_dash(n.mac.as_ref())),
        Column::text("OWNER", |n| n.owner.clone()),
        Column::text("STATE", |n| n.state.to_string()),
        Column::number("AGE (S)", |n| or_dash(n.age_seconds.map(decimal))),
        Column::number("HELD", |n| grouped(n.held)),
    ];
}

impl Printed for DropView {
    const NONE: &'static str = "no drops";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("REASON", |d| d.reason.clone()),
        Column::number("PACKETS", |d| grouped(d.packets)),
        Column::text("DESCRIPTION", |d| d.description.clone()),
        Column::text("HYPER-V", |d| or_dash(d.hyper_v_name.as_ref())),
    ];
}

impl Printed for AlarmView {
    const NONE: &'static str = "no alarms";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("SEVERITY", |a| a.severity.to_string()),
        Column::text("OBJECT", |a| a.object.clone()),
        Column::text("ALARM", |a| a.message.clone()),
        Column::text("CURE", |a| a.cure.clone()),
    ];
}

impl Printed for TenantView {
    const NONE: &'static str = "no tenants match";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("TENANT", |t| t.name.clone()),
        Column::text("GATEWAY MAC", |t| t.gateway_mac.clone()),
        Column::text("SENDER CHECK", |t| t.sender_check.to_string()),
        Column::text("EXTERNAL", |t| or_dash(t.external.as_ref())),
        Column::number("SUBNETS", |t| grouped(t.subnets)),
        Column::number("RECORDS", |t| grouped(t.records)),
        Column::number("NAT SESSIONS", |t| or_dash(t.nat.as_ref().map(|nat| grouped(nat.sessions)))),
        Column::number("NAT PORTS", |t| or_dash(t.nat.as_ref().map(|nat| grouped(nat.ports)))),
        Column::text("OWNER", |t| t.owner.clone()),
        Column::text("PUBLIC PREFIXES", |t| {
            let prefixes: Vec<_> = t.public_prefixes.iter().map(ToString::to_string).collect();
            or_dash((!prefixes.is_empty()).then(|| prefixes.join(" ")))
        }),
        Column::text("ROUTING DOMAIN", |t| or_dash(t.routing_domain.as_ref())),
    ];
}

impl Printed for SubnetView {
    const NONE: &'static str = "no virtual subnets match";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("TENANT", |s| s.tenant.clone()),
        Column::number("VSID", |s| s.vsid.to_string()),
        Column::text("PREFIX", |s| both(s.prefix, s.prefix_ipv6)),
        Column::text("GATEWAY", |s| both(s.gateway, s.gateway_ipv6)),
        Column::text("OWNER", |s| s.owner.clone()),
    ];
}

/// What there is of one family or of each.
fn both<T: std::fmt::Display>(first: T, second: Option<T>) -> String {
    second.map_or_else(|| first.to_string(), |second| format!("{first} {second}"))
}

impl Printed for CustomerRouteView {
    const NONE: &'static str = "no customer routes match";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("TENANT", |r| r.tenant.clone()),
        Column::text("PREFIX", |r| r.prefix.to_string()),
        Column::text("VIA", |r| r.next_hop.to_string()),
        Column::text("OWNER", |r| r.owner.clone()),
    ];
}

impl Printed for ProviderAddressView {
    const NONE: &'static str = "no provider addresses match";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("SITE", |a| a.site.clone()),
        Column::text("ADDRESS", |a| a.address.to_string()),
        Column::text("STATE", |a| a.state.to_string()),
        Column::text("PRIMARY", |a| if a.primary { "yes" } else { "no" }.to_owned()),
        Column::text("PORT", |a| a.port.clone()),
        Column::number("VLAN", |a| or_dash(a.vlan)),
        Column::text("SUBNET", |a| a.subnet.to_string()),
        Column::text("OWNER", |a| a.owner.clone()),
        Column::text("CLAIMED BY", |a| or_dash(a.claimed_by.as_ref())),
    ];
}

impl Printed for ProviderRouteView {
    const NONE: &'static str = "no provider routes match";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("PREFIX", |r| r.prefix.to_string()),
        Column::text("VIA", |r| r.next_hop.to_string()),
        Column::text("SITE", |r| r.site.clone()),
        Column::number("METRIC", |r| r.metric.to_string()),
        Column::number("MTU", |r| or_dash(r.mtu)),
        Column::text("OWNER", |r| r.owner.clone()),
        Column::text("IN FORCE", |r| if r.in_force { "yes" } else { "no" }.to_owned()),
        Column::text("STATE", |r| r.state.to_string()),
    ];
}

impl Printed for Event {
    const NONE: &'static str = "no events";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::number("EVENT", |e| e.sequence.to_string()),
        Column::number("AFTER (S)", |e| decimal(e.at_ms as f64 / 1000.0)),
        Column::text("KIND", |e| e.kind.clone()),
        Column::text("OBJECT", |e| e.object.clone()),
        Column::text("WHAT HAPPENED", |e| e.message.clone()),
    ];
}

impl Printed for NatSessionView {
    const NONE: &'static str = "no sessions match";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("TENANT", |s| s.tenant.clone()),
        Column::text("PROTOCOL", |s| s.protocol.to_string()),
        Column::text("CUSTOMER", |s| format!("{}:{}", s.customer, s.customer_port)),
        Column::text("PUBLIC", |s| format!("{}:{}", s.public, s.public_port)),
        Column::text("EXTERNAL", |s| s.external.clone()),
        Column::text("REMOTE", |s| format!("{}:{}", s.remote, s.remote_port)),
        Column::text("STATE", |s| s.state.clone()),
        Column::number("ENDS IN (S)", |s| decimal(s.expires_seconds)),
    ];
}

impl Printed for NatPoolView {
    const NONE: &'static str = "no pools";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("EXTERNAL", |p| p.external.clone()),
        Column::text("POOL", |p| p.pool.clone()),
        Column::number("TENANTS", |p| grouped(p.tenants)),
        Column::number("ADDRESSES", |p| grouped(p.addresses)),
        Column::number("BLOCKS", |p| grouped(p.blocks)),
        Column::number("OF", |p| grouped(p.blocks_possible)),
        Column::number("AT MOST", |p| grouped(p.most_blocks)),
        Column::number("PORTS", |p| grouped(p.ports)),
        Column::number("AT MOST", |p| grouped(p.most_ports)),
    ];
}

impl Printed for NatAddressView {
    const NONE: &'static str = "no public addresses";
    const COLUMNS: &'static [Column<Self>] = &[
        Column::text("EXTERNAL", |a| a.external.clone()),
        Column::text("ADDRESS", |a| a.address.to_string()),
        Column::text("STATE", |a| a.state.to_string()),
        Column::text("FOR", |a| {
            let own =
                a.tenant.as_ref().zip(a.customer).map(|(tenant, customer)| format!("{customer} of {tenant}"));
            let range = a.first_port.zip(a.last_port).map(|(first, last)| format!("ports {first}-{last}"));
            let forwards = a.forwards.then(|| "forwards".to_owned());
            or_dash([own, range, forwards].into_iter().flatten().reduce(|all, one| format!("{all}, {one}")))
        }),
        Column::number("BLOCKS", |a| grouped(a.blocks)),
        Column::number("OF", |a| grouped(a.blocks_possible)),
        Column::number("AT MOST", |a| grouped(a.most_blocks)),
        Column::number("PORTS", |a| grouped(a.ports)),
        Column::number("AT MOST", |a| grouped(a.most_ports)),
    ];
}
