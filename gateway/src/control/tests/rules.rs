//! Every rule of every change: what it refuses and with which words, and what it lets pass at its edge.

mod customers;
mod provider;

use nvgw_config::{Change, ChangeSet, CustomerRoute, ExternalRoute, Pool};
use nvgw_types::{CustomerAddr, ProviderAddr};

use super::{apply, at, written};
use crate::control::change::ChangeError;
use crate::control::fixture::{self, Sent, control, external, ip, mac, net, record, site, subnet, vsid};
use crate::control::{Control, Owner};
use crate::tables::grace::LocalGrace;

const FILE: &str = "change the configuration file, then reload";
const LIST: &str = "nvgw … list shows what there is";
const STATION: &str = "write the address of another station on the network";
const WITHIN_SITES: &str = "write an address inside 100.64.20.0/24 or 100.64.21.0/24";

/// What the API added to the fixture before.
const ADDED: &[&str] = &[
    "add-tenant: { name: green, public-prefixes: [198.51.100.0/24] }",
    "add-subnet: { tenant: green, vsid: 7001, prefix: 10.0.7.0/24, gateway: 10.0.7.1 }",
    "add-lookup: { vsid: 7001, address: 10.0.7.5, mac: 02:15:5d:00:07:05, provider-address: 100.64.30.2 }",
    "add-customer-route: { tenant: green, prefix: 172.17.0.0/16, next-hop: 10.0.7.5 }",
    "add-provider-address: { site: gateway-site, address: 100.64.20.11 }",
    "add-provider-route: { prefix: 100.64.40.0/24, next-hop: 100.64.20.3, metric: 10 }",
    "add-neighbor: { network: gateway-site, address: 100.64.20.4, mac: 02:00:00:00:20:04 }",
];

/// The fixture with a second site, a second shared way out, and a pool of which records take the middle.
fn ready() -> Control<LocalGrace> {
    let mut config = fixture::config();
    let end = |address| ProviderAddr(ip(address));
    config.provider.sites[0].pool = Some(Pool { first: end("100.64.20.29"), last: end("100.64.20.32") });
    config.provider.sites.push(site("second", 21, "100.64.21.0/24", "100.64.21.10"));
    let mut isp2 = external("isp2", 302, "198.18.2.2/24", "198.18.2.1");
    isp2.routes = vec![ExternalRoute { prefix: net("198.51.100.0/24"), next_hop: ip("198.18.2.3") }];
    config.external.push(isp2);
    config.tenants[0].routing_domain = Some("{7A3C9E10-0B5D-4F6A-8C21-0000000000AB}".into());
    let (mut control, _) = control(config).expect("fits");
    apply(&mut control, ADDED);
    control
}

/// Field, message and hint of the change that is refused alone, and as the second of two that go back together.
fn refused(control: &mut Control<LocalGrace>, change: &Change) -> (&'static str, String, String) {
    let before = (control.model.essence(), control.needs.clone(), control.generation());
    let good =
        written(&["add-neighbor: { network: internet, address: 198.18.0.77, mac: 02:00:00:00:30:77 }"]);
    let mut reasons = Vec::new();
    for set in [vec![change.clone()], vec![good.changes[0].clone(), change.clone()]] {
        let last = set.len() - 1;
        let set = ChangeSet { changes: set, ..ChangeSet::default() };
        let refused = match control.change(&set, Owner::Api, at(0), &mut Sent::default()) {
            Err(ChangeError::Refused(refused)) => refused,
            other => panic!("{change:?}: {other:?}"),
        };
        assert_eq!(refused.number, last, "{change:?}");
        let after = (control.model.essence(), control.needs.clone(), control.generation());
        assert!(after == before, "{change:?} leaves a trace");
        reasons.push((refused.refusal.field, refused.refusal.message, refused.refusal.hint));
    }
    assert_eq!(reasons[0], reasons[1]);
    reasons.remove(0)
}

/// Holds refusals against change, field, message and hint.
fn refuses<C: AsChange>(cases: &[(C, &str, &str, &str)]) {
    let mut control = ready();
    for (change, field, message, hint) in cases {
        let change = change.change();
        let expected = (*field, (*message).to_owned(), (*hint).to_owned());
        assert_eq!(refused(&mut control, &change), expected, "{change:?}");
    }
}

/// Each change alone fits.
fn accepts<C: AsChange>(changes: &[C]) {
    let mut control = ready();
    for change in changes {
        let change = change.change();
        let set = ChangeSet { changes: vec![change.clone()], ..ChangeSet::default() };
        let pending = control.prepare(&set, Owner::Api).unwrap_or_else(|error| panic!("{change:?}: {error}"));
        assert!(!pending.lines.is_empty(), "{change:?}");
        control.abandon(pending, at(0), &mut Sent::default());
    }
}

/// A change as an operator writes it, or, where the document would not let it through, as it is.
trait AsChange {
    fn change(&self) -> Change;
}

impl AsChange for &str {
    fn change(&self) -> Change {
        written(&[self]).changes.remove(0)
    }
}

impl AsChange for Change {
    fn change(&self) -> Change {
        self.clone()
    }
}

#[test]
fn tenants() {
    let there = "the configuration file has it: change it there, then reload";
    let once = "route each prefix to one tenant, once";
    let shared = "write an external network without a tenant";
    refuses(&[
        ("add-tenant: { name: red }", "", "tenant red is there already, by config", there),
        ("add-tenant: { name: green }", "", "tenant green is there already, by api", "move or remove it"),
        (
            "add-tenant: { name: new, routing-domain: '{7a3c9e10-0b5d-4f6a-8c21-0000000000ab}' }",
            "routing-domain",
            "routing domain {7a3c9e10-0b5d-4f6a-8c21-0000000000ab} is that of tenant red",
            "write the tenant's own RoutingDomainID",
        ),
        (
            "add-tenant: { name: new, external: nowhere }",
            "external",
            "there is no external network nowhere",
            "write one of internet, isp2",
        ),
        (
            "add-tenant: { name: new, external: red-uplink }",
            "external",
            "red-uplink is the own hand-off network of tenant red",
            shared,
        ),
        (
            "add-tenant: { name: new, public-prefixes: [203.0.113.0/30] }",
            "public-prefixes",
            "public prefix 203.0.113.0/30 overlaps 203.0.113.0/28",
            once,
        ),
        (
            "add-tenant: { name: new, public-prefixes: [192.0.2.0/24, 192.0.2.0/25] }",
            "public-prefixes",
            "public prefix 192.0.2.0/25 overlaps 192.0.2.0/24",
            once,
        ),
        (
            "add-tenant: { name: new, public-prefixes: [198.18.0.0/30] }",
            "public-prefixes",
            "public prefix 198.18.0.0/30 overlaps 198.18.0.0/24, which is connected",
            "write a prefix that is routed to the gateway",
        ),
        (
            "add-tenant: { name: new, public-prefixes: [198.18.128.0/17] }",
            "public-prefixes",
            "198.18.128.0/17 is routed to a next hop of the external network too",
            "route it to the tenant or to the next hop",
        ),
        ("move-tenant: { name: red, external: internet }", "", "tenant red belongs to config", FILE),
        ("move-tenant: { name: nobody, external: internet }", "name", "there is no tenant nobody", LIST),
        (
            "move-tenant: { name: green, external: red-uplink }",
            "external",
            "red-uplink is the own hand-off network of tenant red",
            shared,
        ),
        (
            "move-tenant: { name: green, external: isp2 }",
            "public-prefixes",
            "198.51.100.0/24 is routed to a next hop of the external network too",
            "route it to the tenant or to the next hop",
        ),
        ("remove-tenant: { name: red }", "", "tenant red belongs to config", FILE),
        ("remove-tenant: { name: nobody }", "name", "there is no tenant nobody", LIST),
        (
            "remove-tenant: { name: green }",
            "name",
            "tenant green has 1 subnet",
            "remove them first: nvgw subnet remove",
        ),
    ]);
    accepts(&[
        "add-tenant: { name: new, routing-domain: '{7A3C9E10-0B5D-4F6A-8C21-0000000000AC}' }",
        "add-tenant: { name: new, external: isp2, public-prefixes: [203.0.113.16/28, 198.18.128.0/18] }",
        "add-tenant: { name: new, public-prefixes: [198.17.255.0/24, 198.18.3.0/24] }",
    ]);
}

#[test]
fn a_tenant_without_a_way_out_has_no_public_prefix() {
    let mut config = fixture::config();
    config.external.remove(0);
    config.neighbors.pop();
    config.tenants[0].external = Some(nvgw_config::ExternalIndex(0));
    config.tenants[1].external = None;
    config.tenants[1].public_prefixes.clear();
    let (mut control, _) = control(config).expect("fits");
    let set = written(&["add-tenant: { name: new, public-prefixes: [192.0.2.0/24] }"]);
    let error = control.change(&set, Owner::Api, at(0), &mut Sent::default()).expect_err("leads nowhere");
    let text = "192.0.2.0/24 leads in from nowhere: the tenant has no external network; \
                add an external network to the file, or leave it out";
    assert_eq!(error.to_string(), text);
    apply(&mut control, &["add-tenant: { name: new }"]);
}

#[test]
fn subnets() {
    let apart = "write a prefix that overlaps no other of the tenant";
    refuses(&[
        (
            "add-subnet: { tenant: nobody, vsid: 7002, prefix: 10.0.8.0/24, gateway: 10.0.8.1 }",
            "tenant",
            "there is no tenant nobody",
            "`nvgw tenant list` shows the tenants",
        ),
        (
            "add-subnet: { tenant: green, vsid: 5001, prefix: 10.0.8.0/24, gateway: 10.0.8.1 }",
            "vsid",
            "VSID 5001 is taken by a subnet of tenant red",
            "one VSID names exactly one virtual subnet",
        ),
        (
            "add-subnet: { tenant: green, vsid: 7001, prefix: 10.0.8.0/24, gateway: 10.0.8.1 }",
            "vsid",
            "VSID 7001 is taken by a subnet of tenant green",
            "one VSID names exactly one virtual subnet",
        ),
        (
            "add-subnet: { tenant: green, vsid: 4095, prefix: 10.0.8.0/24, gateway: 10.0.8.1 }",
            "vsid",
            "VSID 4095 is reserved (RFC 7637)",
            "write a VSID from 4096 to 16777214, or set provider.encapsulation.allow-reserved-vsids",
        ),
        (
            "add-subnet: { tenant: green, vsid: 7002, prefix: 10.0.7.128/25, gateway: 10.0.7.129 }",
            "prefix",
            "10.0.7.128/25 overlaps 10.0.7.0/24 of the same tenant",
            apart,
        ),
        (
            "add-subnet: { tenant: green, vsid: 7002, prefix: 10.0.0.0/16, gateway: 10.0.0.1 }",
            "prefix",
            "10.0.0.0/16 overlaps 10.0.7.0/24 of the same tenant",
            apart,
        ),
        (
            "add-subnet: { tenant: red, vsid: 7002, prefix: 198.18.1.128/25, gateway: 198.18.1.129 }",
            "prefix",
            "198.18.1.128/25 overlaps 198.18.1.0/24 of the tenant's hand-off network",
            "write a prefix that overlaps no network of the tenant",
        ),
        (
            "add-subnet: { tenant: green, vsid: 7002, prefix: 172.17.0.0/16, gateway: 172.17.0.1 }",
            "prefix",
            "172.17.0.0/16 is the destination of a customer route",
            "remove that route first",
        ),
        ("remove-subnet: { vsid: 5001 }", "", "subnet 5001 belongs to config", FILE),
        (
            "remove-subnet: { vsid: 7002 }",
            "vsid",
            "VSID 7002 is in no subnet",
            "`nvgw subnet list` shows the subnets",
        ),
        (
            "remove-subnet: { vsid: 7001 }",
            "vsid",
            "subnet 7001 has 1 lookup record",
            "remove them first: nvgw lookup remove",
        ),
    ]);
    let added = |number, prefix, gateway| Change::AddSubnet {
        tenant: "green".into(),
        subnet: subnet(number, prefix, gateway),
    };
    refuses(&[
        (
            added(7002, "10.0.8.0/24", "10.0.9.1"),
            "gateway",
            "10.0.9.1 is outside 10.0.8.0/24",
            "write an address from 10.0.8.1 to 10.0.8.254",
        ),
        (
            added(7002, "10.0.8.0/24", "10.0.8.255"),
            "gateway",
            "10.0.8.255 is the network or broadcast address of 10.0.8.0/24",
            "write an address from 10.0.8.1 to 10.0.8.254",
        ),
        (
            added(7002, "10.0.8.0/32", "10.0.8.0"),
            "prefix",
            "10.0.8.0/32 has room for one station only",
            "write a unicast prefix from /1 to /31, as in 10.0.1.0/24",
        ),
    ]);
    accepts(&[
        // The same prefix as another tenant's, the neighbouring prefixes, the least VSID, a subnet of two stations.
        "add-subnet: { tenant: green, vsid: 7002, prefix: 10.0.1.0/24, gateway: 10.0.1.254 }",
        "add-subnet: { tenant: green, vsid: 4096, prefix: 10.0.6.0/24, gateway: 10.0.6.1 }",
        "add-subnet: { tenant: green, vsid: 16777214, prefix: 10.0.8.0/24, gateway: 10.0.8.1 }",
        "add-subnet: { tenant: red, vsid: 7002, prefix: 198.18.2.0/24, gateway: 198.18.2.1 }",
        "add-subnet: { tenant: green, vsid: 7002, prefix: 10.0.8.0/31, gateway: 10.0.8.0 }",
        "add-subnet: { tenant: green, vsid: 7002, prefix: 172.17.0.0/17, gateway: 172.17.0.1 }",
    ]);
    let mut control = ready();
    apply(&mut control, &["remove-lookup: { vsid: 7001, address: 10.0.7.5 }"]);
    let reason = refused(&mut control, &"remove-subnet: { vsid: 7001 }".change());
    let hint = "remove it first: nvgw customer-route remove".to_owned();
    assert_eq!(reason, ("vsid", "a customer route leads to 10.0.7.5 in subnet 7001".into(), hint));
    apply(
        &mut control,
        &[
            "remove-customer-route: { tenant: green, prefix: 172.17.0.0/16 }",
            "remove-subnet: { vsid: 7001 }",
            "remove-tenant: { name: green }",
        ],
    );
}

#[test]
fn reserved_vsids_where_they_are_allowed() {
    let mut config = fixture::config();
    config.provider.encapsulation.allow_reserved_vsids = true;
    let (mut control, _) = control(config).expect("fits");
    apply(&mut control, &["add-subnet: { tenant: red, vsid: 4095, prefix: 10.0.8.0/24, gateway: 10.0.8.1 }"]);
}
