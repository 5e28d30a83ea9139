//! Every mistake that a document of changes can have by itself.
//!
//! A case is the list of changes. `¦` marks where the problem is to be reported; it is taken out before the document is
//! read. The problem must be the only one.

use nvgw_config::{Problem, parse_changes};

/// The changes, and the path, a part of the message and a part of the hint that are expected.
type Case = (&'static str, &'static str, &'static str, &'static str);

fn problems_of(text: &str) -> Vec<Problem> {
    match parse_changes(text, "test.yaml") {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().cloned().collect(),
    }
}

/// Checks each document, which `around` makes of a case, and tells all that fail.
fn check_in(around: impl Fn(&str) -> String, cases: &[Case]) {
    let mut failures = Vec::new();
    for (changes, path, message, hint) in cases {
        let marked = around(changes);
        let (before, after) = marked.split_once('¦').expect("the case has a mark");
        let place =
            (before.matches('\n').count() + 1, before.rsplit('\n').next().unwrap_or("").chars().count() + 1);
        let found = problems_of(&format!("{before}{after}"));
        let as_expected = matches!(&found[..], [problem]
            if problem.path == *path
                && (problem.line, problem.column) == place
                && problem.message.contains(message)
                && problem.hint.contains(hint));
        if !as_expected {
            failures.push(format!(
                "{marked:?}\n  expected {place:?}: {path}: {message}; {hint}\n  found {found:#?}"
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Changes of a list, the first of them right.
fn check(cases: &[Case]) {
    check_in(|changes| format!("changes:\n  - remove-tenant: {{ name: red }}\n{changes}\n"), cases);
}

#[test]
#[rustfmt::skip]
fn documents() {
    check_in(str::to_owned, &[
        ("¦", "document", "the document is empty", "changes: []"),
        ("¦if-generation: 4\n", "changes", "missing", "add the key changes"),
        ("changes¦:\n", "changes", "nothing where a list belongs", "a list"),
        ("changes: ¦{ remove-tenant: { name: red } }\n", "changes", "a mapping where a list belongs", "a list"),
        ("¦- remove-tenant: { name: red }\n", "document", "a list where a mapping belongs", "if-generation, changes"),
        ("¦colour: 4\nchanges: []\n", "colour", "unknown key", "the keys here are if-generation, changes"),
        ("¦change: []\nchanges: []\n", "change", "unknown key", "did you mean changes?"),
        ("if-generation: ¦-1\nchanges: []\n", "if-generation", "out of range", "0 to"),
        ("if-generation: ¦\"41\"\nchanges: []\n", "if-generation", "is text", "41 without quotes"),
        ("changes: []\n¦---\nchanges: []\n", "document", "a second document", "one document"),
    ]);
}

#[test]
#[rustfmt::skip]
fn items() {
    check(&[
        ("  - ¦add-lokup: { vsid: 7001 }", "changes[1].add-lokup", "unknown kind of change", "did you mean add-lookup?"),
        ("  - ¦ADD_LOOKUP: { vsid: 7001 }", "changes[1].ADD_LOOKUP", "unknown kind of change", "did you mean add-lookup?"),
        ("  - ¦frobnicate: {}", "changes[1].frobnicate", "unknown kind of change", "the kinds are add-tenant, move-tenant,"),
        ("  - ¦add-lookup", "changes[1]", "\"add-lookup\" where a change belongs", "as in remove-lookup: {"),
        ("  - ¦[]", "changes[1]", "a list where a change belongs", "one kind of change"),
        ("  -¦", "changes[1]", "nothing where a change belongs", "one kind of change"),
        ("  - ¦{}", "changes[1]", "nothing changes", "one kind of change"),
        ("  - remove-tenant¦:", "changes[1].remove-tenant", "nothing where a mapping belongs", "keys here are name"),
        ("  - remove-tenant: ¦red", "changes[1].remove-tenant", "\"red\" where a mapping belongs", "keys here are name"),
        ("  - remove-tenant: { name: red }\n    ¦remove-subnet: { vsid: 7001 }", "changes[1].remove-subnet", "a second change beside remove-tenant", "an item of its own"),
        ("  - remove-tenant: { name: red }\n    ¦name: blue", "changes[1].name", "unknown kind of change", "the kinds are"),
        ("  - remove-tenant:\n    ¦name: red", "changes[1].name", "name stands beside remove-tenant, not in it", "deeper than remove-tenant"),
        ("  - remove-tenant: { ¦nmae: red, name: red }", "changes[1].remove-tenant.nmae", "unknown key", "did you mean name?"),
        ("  - remove-tenant: { name: red }\n    ¦remove-tenant: { name: blue }", "changes[1].remove-tenant", "given twice", "keep one"),
    ]);
}

#[test]
#[rustfmt::skip]
fn tenants() {
    check(&[
        ("  - add-tenant: ¦{ external: internet }", "changes[1].add-tenant.name", "missing", "add the key name"),
        ("  - add-tenant: { name: ¦300 }", "changes[1].add-tenant.name", "300 is a number", "in quotes: \"300\""),
        ("  - add-tenant: { name: red, gateway-mac: ¦01:00:5e:00:01:01 }", "changes[1].add-tenant.gateway-mac", "group address", "an Ethernet address"),
        ("  - add-tenant: { name: red, routing-domain: ¦6c1a3a52 }", "changes[1].add-tenant.routing-domain", "no GUID", "a GUID in quotes"),
        ("  - add-tenant: { name: red, sender-check: ¦lern }", "changes[1].add-tenant.sender-check", "none of the values", "did you mean learn?"),
        ("  - add-tenant: { name: red, learn: ¦{ addresses-per-mac: 4 } }", "changes[1].add-tenant.learn", "does not learn", "sender-check: learn"),
        ("  - add-tenant: { name: red, sender-check: learn, learn: { records-per-subnet: ¦0 } }", "changes[1].add-tenant.learn.records-per-subnet", "out of range", "1 to"),
        ("  - add-tenant: { name: red, public-prefixes: [¦203.0.113.1/28] }", "changes[1].add-tenant.public-prefixes[0]", "host bits", "203.0.113.0/28"),
        ("  - add-tenant: { name: red, ¦subnets: [] }", "changes[1].add-tenant.subnets", "unknown key", "the keys here are name,"),
        ("  - move-tenant: ¦{ name: red }", "changes[1].move-tenant.external", "missing", "add the key external"),
        ("  - remove-tenant: { name: ¦../red }", "changes[1].remove-tenant.name", "no name", "letters, digits"),
        ("  - add-subnet: { tenant: red, vsid: 7001, prefix: ¦10.0.1.1/24, gateway: 10.0.1.1 }", "changes[1].add-subnet.prefix", "host bits", "10.0.1.0/24"),
        ("  - add-subnet: { tenant: red, vsid: 7001, prefix: ¦10.0.1.1/32, gateway: 10.0.1.1 }", "changes[1].add-subnet.prefix", "one station only", "/1 to /31"),
        ("  - add-subnet: { tenant: red, vsid: 7001, prefix: 10.0.1.0/24, gateway: ¦10.0.2.1 }", "changes[1].add-subnet.gateway", "10.0.2.1 is outside 10.0.1.0/24", "10.0.1.1 to 10.0.1.254"),
        ("  - add-subnet: { tenant: red, vsid: 7001, prefix: 10.0.1.0/24, gateway: ¦10.0.1.255 }", "changes[1].add-subnet.gateway", "network or broadcast", "10.0.1.1 to 10.0.1.254"),
        ("  - add-subnet: { tenant: red, vsid: ¦16777215, prefix: 10.0.1.0/24, gateway: 10.0.1.1 }", "changes[1].add-subnet.vsid", "vendor-specific", "4096 to 16777214"),
        ("  - add-tenant: { name: red, router-advertisements: ¦yes }", "changes[1].add-tenant.router-advertisements", "none of the values", "on or off"),
        ("  - add-subnet: { tenant: red, vsid: 7001, prefix: 10.0.1.0/24, gateway: 10.0.1.1, prefix-ipv6: ¦2001:db8:71::/64 }", "changes[1].add-subnet.prefix-ipv6", "prefix-ipv6 without gateway-ipv6", "add gateway-ipv6"),
        ("  - add-subnet: { tenant: red, vsid: 7001, prefix: 10.0.1.0/24, gateway: 10.0.1.1, prefix-ipv6: 2001:db8:71::/64, gateway-ipv6: ¦2001:db8:72::1 }", "changes[1].add-subnet.gateway-ipv6", "2001:db8:72::1 is outside 2001:db8:71::/64", "from 2001:db8:71::1"),
        ("  - add-subnet: { tenant: red, vsid: 7001, prefix: 2001:db8:70::/64, gateway: 2001:db8:70::1, prefix-ipv6: ¦2001:db8:71::/64, gateway-ipv6: 2001:db8:71::1 }", "changes[1].add-subnet.prefix-ipv6", "a second IPv6 prefix beside 2001:db8:70::/64", "one of each family"),
        ("  - remove-subnet: { vsid: ¦16777216 }", "changes[1].remove-subnet.vsid", "24 bits", "4096 to 16777214"),
    ]);
}

#[test]
#[rustfmt::skip]
fn lookups() {
    check(&[
        ("  - add-lookup: ¦{ vsid: 7001, address: 10.0.1.5, provider-address: 100.64.10.2 }", "changes[1].add-lookup.mac", "missing", "add the key mac"),
        ("  - add-lookup: { vsid: 7001, address: ¦224.0.0.5, mac: 02:15:5d:00:00:05, provider-address: 100.64.10.2 }", "changes[1].add-lookup.address", "no station's address", "a station's address, as in 10.0.1.5"),
        ("  - add-lookup: { vsid: 7001, address: ¦10.0.1.5/24, mac: 02:15:5d:00:00:05, provider-address: 100.64.10.2 }", "changes[1].add-lookup.address", "is a prefix", "10.0.1.5 without"),
        ("  - add-lookup: { vsid: 7001, address: 10.0.1.5, mac: ¦00:00:00:00:00:00, provider-address: 100.64.10.2 }", "changes[1].add-lookup.mac", "no station", "an Ethernet address"),
        ("  - add-lookup: { vsid: 7001, address: 10.0.1.5, mac: 02:15:5d:00:00:05, provider-address: ¦127.0.0.1 }", "changes[1].add-lookup.provider-address", "no station's address", "a station's address, as in 10.0.1.5"),
        ("  - add-lookup: { vsid: 7001, address: 10.0.1.5, mac: 02:15:5d:00:00:05, provider-address: 100.64.10.2, flow-id: ¦random }", "changes[1].add-lookup.flow-id", "none of the values", "hash or zero"),
        ("  - add-lookup: { vsid: 7001, address: 10.0.1.5, mac: 02:15:5d:00:00:05, provider-address: 100.64.10.2, name: ¦5 }", "changes[1].add-lookup.name", "not text", "\"5\""),
        ("  - move-lookup: { vsid: 7001, address: 10.0.1.5, ¦provider-adress: 100.64.10.2, provider-address: 100.64.10.2 }", "changes[1].move-lookup.provider-adress", "unknown key", "did you mean provider-address?"),
        ("  - move-lookup: { vsid: 7001, address: 10.0.1.5, provider-address: ¦ff02::1 }", "changes[1].move-lookup.provider-address", "ff02::1 is no station's address", "as in 2001:db8::5"),
        ("  - remove-lookup: { vsid: ¦red, address: 10.0.1.5 }", "changes[1].remove-lookup.vsid", "no whole number", "4096 to 16777214"),
    ]);
}

#[test]
#[rustfmt::skip]
fn routes() {
    check(&[
        ("  - add-customer-route: { tenant: red, prefix: ¦172.16.1.0/16, next-hop: 10.0.1.5 }", "changes[1].add-customer-route.prefix", "host bits", "172.16.0.0/16"),
        ("  - add-customer-route: { tenant: red, prefix: ¦224.0.0.0/8, next-hop: 10.0.1.5 }", "changes[1].add-customer-route.prefix", "no unicast destination", "unicast"),
        ("  - move-customer-route: { tenant: red, prefix: ¦127.0.0.0/8, next-hop: 10.0.1.5 }", "changes[1].move-customer-route.prefix", "no unicast destination", "unicast"),
        ("  - remove-customer-route: { tenant: red, prefix: ¦172.16.0.0 }", "changes[1].remove-customer-route.prefix", "no prefix length", "172.16.0.0/32"),
        ("  - add-provider-route: { prefix: ¦224.0.0.0/4, next-hop: 100.64.20.2 }", "changes[1].add-provider-route.prefix", "no unicast destination", "unicast"),
        ("  - add-provider-route: { prefix: 100.64.40.0/24, next-hop: 100.64.20.2, metric: ¦-1 }", "changes[1].add-provider-route.metric", "out of range", "0 to 4294967295"),
        ("  - add-customer-route: { tenant: red, prefix: 2001:db8:f::/48, next-hop: ¦10.0.1.5 }", "changes[1].add-customer-route.next-hop", "next hop 10.0.1.5 is IPv4, the prefix 2001:db8:f::/48 IPv6", "write the IPv6 address"),
        ("  - add-provider-route: { prefix: 100.64.40.0/24, next-hop: ¦2001:db8:20::2 }", "changes[1].add-provider-route.next-hop", "next hop 2001:db8:20::2 is IPv6, the prefix 100.64.40.0/24 IPv4", "write the IPv4 address"),
        ("  - add-provider-route: { prefix: 100.64.40.0/24, next-hop: 100.64.20.2, mtu: ¦575 }", "changes[1].add-provider-route.mtu", "mtu 575 is less than IPv4 asks of a path, 576", "write 576 or more"),
        ("  - add-provider-route: { prefix: 2001:db8:40::/48, next-hop: 2001:db8:20::2, mtu: ¦1279 }", "changes[1].add-provider-route.mtu", "mtu 1279 is less than IPv6 asks of a path, 1280", "write 1280 or more"),
        ("  - move-provider-route: { prefix: 100.64.40.0/24, next-hop: 100.64.20.2, to: ¦2001:db8:20::2 }", "changes[1].move-provider-route.to", "next hop 2001:db8:20::2 is IPv6", "write the IPv4 address"),
        ("  - move-provider-route: ¦{ prefix: 100.64.40.0/24, next-hop: 100.64.20.2 }", "changes[1].move-provider-route.to", "missing", "add the key to"),
        ("  - remove-provider-route: { prefix: 100.64.40.0/24, next-hop: 100.64.20.2, ¦metric: 10 }", "changes[1].remove-provider-route.metric", "unknown key", "prefix, next-hop"),
    ]);
}

#[test]
#[rustfmt::skip]
fn addresses_and_neighbours() {
    check(&[
        ("  - add-provider-address: ¦{ address: 100.64.20.11 }", "changes[1].add-provider-address.site", "missing", "add the key site"),
        ("  - add-provider-address: { site: rack-a, address: ¦255.255.255.255 }", "changes[1].add-provider-address.address", "no station's address", "a station's address, as in 10.0.1.5"),
        ("  - remove-provider-address: ¦{}", "changes[1].remove-provider-address.address", "missing", "add the key address"),
        ("  - add-neighbor: ¦{ network: rack-a, address: 100.64.20.2 }", "changes[1].add-neighbor.mac", "missing", "add the key mac"),
        ("  - move-neighbor: { network: rack-a, address: 100.64.20.2, mac: ¦ff:ff:ff:ff:ff:ff }", "changes[1].move-neighbor.mac", "group address", "an Ethernet address"),
        ("  - remove-neighbor: { network: rack-a, address: ¦100.64.20 }", "changes[1].remove-neighbor.address", "no address", "an IP address, as in 10.0.1.5 or 2001:db8::5"),
    ]);
}

#[test]
fn json_has_places_too() {
    let text = "{ \"changes\": [\n  { \"remove-subnet\": { \"vsid\": \"7001\" } },\n  { \"remove-lookup\": {} }\n] }";
    let found: Vec<_> =
        problems_of(text).into_iter().map(|problem| (problem.path, problem.line, problem.column)).collect();
    let expected = [
        ("changes[0].remove-subnet.vsid", 2, 32),
        ("changes[1].remove-lookup.vsid", 3, 22),
        ("changes[1].remove-lookup.address", 3, 22),
    ];
    assert_eq!(found, expected.map(|(path, line, column)| (path.to_owned(), line, column)));
}

/// Both changes of an item are looked into, though only one of them may stand there.
#[test]
fn every_mistake_of_an_item_is_told() {
    let text = "changes:\n  - remove-subnet: { vsid: 7001x }\n    remove-tenant: { nam: red }\n";
    let paths: Vec<String> = problems_of(text).into_iter().map(|problem| problem.path).collect();
    assert_eq!(
        paths,
        [
            "changes[0].remove-subnet.vsid",
            "changes[0].remove-tenant",
            "changes[0].remove-tenant.name",
            "changes[0].remove-tenant.nam",
        ]
    );
}
