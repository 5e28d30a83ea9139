//! The rules of the gateway's own addresses, of provider routes and of neighbours; IPv6, wherever it is said.

use super::*;

const NOBODYS: &str = "write an address that nobody has";
const SITE: &str = "write an address from 100.64.20.1 to 100.64.20.254";

#[test]
fn provider_addresses() {
    let own = |address| Change::AddProviderAddress {
        site: "gateway-site".into(),
        address: Some(ProviderAddr(ip(address))),
    };
    let gone = |address| Change::RemoveProviderAddress { address: ProviderAddr(ip(address)) };
    refuses(&[
        (own("100.64.21.11"), "address", "100.64.21.11 is outside 100.64.20.0/24", SITE),
        (
            own("100.64.20.255"),
            "address",
            "100.64.20.255 is the network or broadcast address of 100.64.20.0/24",
            SITE,
        ),
        (
            own("100.64.20.10"),
            "",
            "provider address 100.64.20.10 is there already, by config",
            "the configuration file has it: change it there, then reload",
        ),
        (
            own("100.64.20.11"),
            "",
            "provider address 100.64.20.11 is there already, by api",
            "move or remove it",
        ),
        (own("100.64.20.1"), "address", "100.64.20.1 is the address of the site's default gateway", NOBODYS),
        (own("100.64.20.2"), "address", "100.64.20.2 is the address of a provider route's next hop", NOBODYS),
        (own("100.64.20.3"), "address", "100.64.20.3 is the address of a provider route's next hop", NOBODYS),
        (own("100.64.20.4"), "address", "100.64.20.4 is the address of a static neighbour", NOBODYS),
        (
            own("100.64.20.31"),
            "address",
            "100.64.20.31 is the address of a compute host in a lookup record",
            NOBODYS,
        ),
        (gone("100.64.20.10"), "", "provider address 100.64.20.10 belongs to config", FILE),
        (
            gone("100.64.20.12"),
            "address",
            "100.64.20.12 is no provider address of the gateway",
            "`nvgw provider-address list` shows them",
        ),
    ]);
    refuses(&[
        (
            "add-provider-address: { site: nowhere }",
            "site",
            "there is no site nowhere",
            "write one of gateway-site, second",
        ),
        (
            "add-provider-address: { site: internet, address: 198.18.0.9 }",
            "site",
            "there is no site internet",
            "write one of gateway-site, second",
        ),
        (
            "add-provider-address: { site: second }",
            "site",
            "site second has no pool to take an address from",
            "write the address, or give the site a pool in the file",
        ),
    ]);
    accepts(&[own("100.64.20.254"), own("100.64.20.5"), gone("100.64.20.11")]);
}

#[test]
fn a_pool_gives_what_nobody_has_in_its_order_until_it_is_empty() {
    let mut control = ready();
    let take = "add-provider-address: { site: gateway-site }";
    apply(&mut control, &[take, take]);
    let own = control.model.addresses_of(nvgw_config::SiteIndex(0));
    let own: Vec<_> = own.iter().map(|(address, _)| address.to_string()).collect();
    assert_eq!(own, ["100.64.20.10", "100.64.20.11", "100.64.20.29", "100.64.20.32"]);

    let reason = refused(&mut control, &take.change());
    let message = "the pool of site gateway-site has no free address".to_owned();
    assert_eq!(reason, ("site", message, "widen it in the file, or remove an address".into()));
    apply(&mut control, &["remove-provider-address: { address: 100.64.20.29 }", take]);
    assert!(control.model.addresses.contains_key(&std::net::IpAddr::from([100, 64, 20, 29])));
}

#[test]
fn provider_routes() {
    let route = |prefix, next_hop, metric| Change::AddProviderRoute {
        prefix: net(prefix),
        next_hop: ip(next_hop),
        metric,
        mtu: None,
    };
    let moved = |prefix, next_hop, to| Change::MoveProviderRoute {
        prefix: net(prefix),
        next_hop: ip(next_hop),
        to: ip(to),
    };
    let gone = |prefix, next_hop| Change::RemoveProviderRoute { prefix: net(prefix), next_hop: ip(next_hop) };
    let (far, api, file) = ("100.64.50.0/24", "100.64.40.0/24", "100.64.30.0/24");
    let list = "`nvgw provider-route list` shows the routes";
    refuses(&[
        (
            route(far, "100.64.22.1", 0),
            "next-hop",
            "next hop 100.64.22.1 is in no site's subnet",
            WITHIN_SITES,
        ),
        (
            route(far, "198.18.0.1", 0),
            "next-hop",
            "next hop 198.18.0.1 is on the external network internet: the provider network is a routing table of its own",
            WITHIN_SITES,
        ),
        (
            route(far, "100.64.20.0", 0),
            "next-hop",
            "next hop 100.64.20.0 is the network or broadcast address of 100.64.20.0/24",
            SITE,
        ),
        (
            route(far, "100.64.20.10", 0),
            "next-hop",
            "next hop 100.64.20.10 is the gateway's own address",
            STATION,
        ),
        (
            route(far, "100.64.20.11", 0),
            "next-hop",
            "next hop 100.64.20.11 is the gateway's own address",
            STATION,
        ),
        (
            route("239.0.0.0/8", "100.64.20.2", 0),
            "prefix",
            "239.0.0.0/8 holds no unicast destination",
            "write a unicast prefix, as in 10.0.0.0/8",
        ),
        (
            route("100.64.21.0/24", "100.64.20.2", 0),
            "prefix",
            "100.64.21.0/24 is connected: its addresses are neighbours",
            "leave the route out",
        ),
        (
            route(api, "100.64.20.3", 20),
            "",
            "provider route 100.64.40.0/24 by 100.64.20.3 is there already, by api",
            "move or remove it",
        ),
        (
            route(api, "100.64.20.5", 10),
            "metric",
            "100.64.40.0/24 is routed by 100.64.20.3 with metric 10 already, by api",
            "write another metric, or move that route",
        ),
        (
            route(file, "100.64.20.5", 10),
            "metric",
            "100.64.30.0/24 is routed by 100.64.20.2 with metric 10 already, by config",
            "write another metric, or move that route",
        ),
        (
            moved(far, "100.64.20.2", "100.64.20.3"),
            "prefix",
            "there is no provider route 100.64.50.0/24 by 100.64.20.2",
            list,
        ),
        (
            moved(file, "100.64.20.2", "100.64.20.3"),
            "",
            "provider route 100.64.30.0/24 by 100.64.20.2 belongs to config",
            FILE,
        ),
        (
            moved(api, "100.64.20.3", "100.64.20.10"),
            "to",
            "next hop 100.64.20.10 is the gateway's own address",
            STATION,
        ),
        (
            gone(far, "100.64.20.2"),
            "prefix",
            "there is no provider route 100.64.50.0/24 by 100.64.20.2",
            list,
        ),
        (
            gone(file, "100.64.20.2"),
            "",
            "provider route 100.64.30.0/24 by 100.64.20.2 belongs to config",
            FILE,
        ),
        (
            gone("0.0.0.0/0", "100.64.20.1"),
            "prefix",
            "provider route 0.0.0.0/0 by 100.64.20.1 is the default gateway of site gateway-site",
            "change the site's gateway in the configuration file, then reload",
        ),
    ]);
    accepts(&[
        route(far, "100.64.20.1", 0),
        route(far, "100.64.21.254", 0),
        route("100.64.20.128/25", "100.64.20.2", 0),
        route(api, "100.64.20.5", 9),
        // Another owner's route may say the same.
        route(file, "100.64.20.2", 10),
        route(file, "100.64.20.5", 11),
        moved(api, "100.64.20.3", "100.64.21.2"),
        gone(api, "100.64.20.3"),
    ]);
}

#[test]
fn neighbors() {
    let station = |network: &str, address, last| {
        let mac = mac(&format!("02:00:00:00:20:{last:02x}"));
        Change::AddNeighbor { network: network.into(), address: ip(address), mac }
    };
    let moved = |network: &str, address| Change::MoveNeighbor {
        network: network.into(),
        address: ip(address),
        mac: mac("02:00:00:00:20:77"),
    };
    let gone =
        |network: &str, address| Change::RemoveNeighbor { network: network.into(), address: ip(address) };
    let networks = "write one of gateway-site, second, internet, red-uplink, isp2";
    refuses(&[
        (station("nowhere", "198.18.0.9", 9), "network", "there is no network nowhere", networks),
        (
            station("internet", "198.18.0.2", 9),
            "address",
            "neighbour 198.18.0.2 is the gateway's own address",
            STATION,
        ),
        (
            station("gateway-site", "100.64.20.11", 9),
            "address",
            "neighbour 100.64.20.11 is the gateway's own address",
            STATION,
        ),
        (
            station("internet", "198.18.1.9", 9),
            "address",
            "neighbour 198.18.1.9 is on no connected prefix of internet",
            "write an address inside 198.18.0.0/24",
        ),
        (
            station("internet", "198.18.0.255", 9),
            "address",
            "neighbour 198.18.0.255 is the network or broadcast address of 198.18.0.0/24",
            "write an address from 198.18.0.1 to 198.18.0.254",
        ),
        (
            station("internet", "198.18.0.1", 9),
            "",
            "neighbour 198.18.0.1 is there already, by config",
            "the configuration file has it: change it there, then reload",
        ),
        (
            station("gateway-site", "100.64.20.4", 9),
            "",
            "neighbour 100.64.20.4 is there already, by api",
            "move or remove it",
        ),
        (moved("nowhere", "198.18.0.1"), "network", "there is no network nowhere", networks),
        (moved("internet", "198.18.0.1"), "", "neighbour 198.18.0.1 belongs to config", FILE),
        (moved("internet", "198.18.0.9"), "address", "there is no neighbour 198.18.0.9", LIST),
        (gone("nowhere", "198.18.0.1"), "network", "there is no network nowhere", networks),
        (gone("internet", "198.18.0.1"), "", "neighbour 198.18.0.1 belongs to config", FILE),
        (gone("second", "100.64.20.4"), "address", "there is no neighbour 100.64.20.4", LIST),
    ]);
    accepts(&[
        station("internet", "198.18.0.254", 9),
        station("red-uplink", "198.18.1.1", 9),
        station("second", "100.64.21.1", 9),
        moved("gateway-site", "100.64.20.4"),
        gone("gateway-site", "100.64.20.4"),
    ]);
}

#[test]
fn families_go_together() {
    let green = || "green".to_owned();
    let mut dual = subnet(7002, "10.0.8.0/24", "10.0.8.1");
    dual.prefixes.extend(subnet(7002, "2001:db8:8::/64", "2001:db8:8::1").prefixes);
    let with = |change: fn(&mut nvgw_config::Subnet)| {
        let mut subnet = dual.clone();
        change(&mut subnet);
        Change::AddSubnet { tenant: green(), subnet }
    };
    let lookup = |vsid, address| Change::AddLookup(record(vsid, address, "02:15:5d:00:00:09", "100.64.30.2"));
    let route = |prefix, next_hop| Change::AddCustomerRoute {
        tenant: green(),
        route: CustomerRoute { prefix: net(prefix), next_hop: CustomerAddr(ip(next_hop)) },
    };
    let provider = |prefix, mtu| Change::AddProviderRoute {
        prefix: net(prefix),
        next_hop: ip("100.64.20.3"),
        metric: 0,
        mtu,
    };
    let changed = |control: &mut Control<LocalGrace>, changes: &[Change]| {
        let set = ChangeSet { changes: changes.to_vec(), ..ChangeSet::default() };
        let made = control.change(&set, Owner::Api, at(0), &mut Sent::default());
        assert!(made.is_ok(), "{changes:?}: {made:?}");
    };
    let mut control = ready();
    for (change, field, word) in [
        (
            with(|subnet| subnet.prefixes[1].gateway = CustomerAddr(ip("2001:db8:8::"))),
            "gateway-ipv6",
            "anycast",
        ),
        (with(|subnet| subnet.prefixes[1].prefix = net("fe80::/64")), "prefix-ipv6", "no station"),
        (lookup(7001, "2001:db8::5"), "address", "outside 10.0.7.0/24"),
        (route("172.18.0.0/16", "2001:db8::5"), "next-hop", "IPv6"),
        (route("2001:db8::/64", "10.0.7.9"), "next-hop", "IPv4"),
        (provider("2001:db8::/64", None), "next-hop", "IPv4"),
        (provider("172.18.0.0/16", Some(500)), "mtu", "576"),
        (provider("172.18.0.0/16", Some(9000)), "mtu", "more than the site's"),
    ] {
        let (at, message, hint) = refused(&mut control, &change);
        assert!(at == field && message.contains(word), "{at}: {message}; {hint}: {change:?}");
    }
    changed(&mut control, &[with(|_| ()), lookup(7002, "2001:db8:8::5"), lookup(7002, "10.0.8.5")]);
    assert_eq!(refused(&mut control, &lookup(7002, "2001:db8:9::5")).0, "address");
    let gateway = refused(&mut control, &lookup(7002, "2001:db8:8::1"));
    assert!(gateway.1.contains("gateway address"), "{gateway:?}");
    changed(&mut control, &[route("2001:db8:99::/64", "2001:db8:8::5")]);
    let overlap = Change::AddSubnet {
        tenant: green(),
        subnet: subnet(7003, "2001:db8:8:0:8000::/80", "2001:db8:8:0:8000::1"),
    };
    assert_eq!(
        refused(&mut control, &overlap).1,
        "2001:db8:8:0:8000::/80 overlaps 2001:db8:8::/64 of the same tenant"
    );
    let left = refused(&mut control, &Change::RemoveSubnet { vsid: vsid(7002) });
    assert_eq!(left.1, "subnet 7002 has 2 lookup records");
    let tenant = refused(&mut control, &Change::RemoveTenant { name: green() });
    assert_eq!(tenant.1, "tenant green has 2 subnets");
}

#[test]
fn what_no_site_carries_is_refused() {
    let mut config = fixture::config();
    config.provider.sites[0].mtu = 1321;
    let (mut control, _) = control(config).expect("fits");
    let host = Change::AddLookup(record(5001, "10.0.1.9", "02:15:5d:00:00:09", "2001:db8:100::2"));
    let moved = Change::MoveLookup {
        vsid: vsid(5001),
        address: CustomerAddr(ip("10.0.1.5")),
        provider_address: ProviderAddr(ip("2001:db8:100::2")),
    };
    for change in [host, moved] {
        let (field, message, hint) = refused(&mut control, &change);
        let no_site = "provider address 2001:db8:100::2 is IPv6, and no site of the provider network is";
        assert_eq!((field, &*message), ("provider-address", no_site));
        assert!(hint.contains("add a site with an IPv6 subnet"), "{hint}");
    }
    let only = subnet(7002, "2001:db8:8::/64", "2001:db8:8::1");
    let mut dual = subnet(7002, "10.0.8.0/24", "10.0.8.1");
    dual.prefixes.extend(&only.prefixes);
    for (subnet, expected) in [(only, "prefix"), (dual, "prefix-ipv6")] {
        let (field, message, hint) =
            refused(&mut control, &Change::AddSubnet { tenant: "red".to_owned(), subnet });
        assert_eq!(field, expected);
        assert!(message.starts_with("site gateway-site: mtu 1321 leaves 1279 bytes"), "{message}");
        assert!(hint.starts_with("raise the mtu to 1322 or more"), "{hint}");
    }
}
