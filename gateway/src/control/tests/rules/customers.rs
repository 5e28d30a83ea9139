//! The rules of lookup records and customer routes.

use super::*;

const VM: &str = "write the address of a VM";

#[test]
fn lookup_records() {
    let lookup = |number, address: &str, peer: &str| {
        Change::AddLookup(record(number, address, "02:15:5d:00:00:09", peer))
    };
    let within = "write an address from 10.0.7.1 to 10.0.7.254";
    let host = "write the provider address of the compute host";
    let site = "write an address from 100.64.20.1 to 100.64.20.254";
    let add = |address| lookup(7001, address, "100.64.30.2");
    let at_host = |peer| lookup(7001, "10.0.7.9", peer);
    let to = |peer| Change::MoveLookup {
        vsid: vsid(7001),
        address: CustomerAddr(ip("10.0.7.5")),
        provider_address: ProviderAddr(ip(peer)),
    };
    let none = "`nvgw subnet list` shows the subnets";
    let edge = |address| format!("{address} is the network or broadcast address of 10.0.7.0/24");
    let gateway_mac = Change::AddLookup(record(5001, "10.0.1.9", "02:00:5e:00:01:01", "100.64.30.2"));
    refuses(&[
        (lookup(7002, "10.0.8.9", "100.64.30.2"), "vsid", "VSID 7002 is in no subnet", none),
        (add("10.0.8.0"), "address", "10.0.8.0 is outside 10.0.7.0/24", within),
        (add("10.0.7.0"), "address", &edge("10.0.7.0"), within),
        (add("10.0.7.255"), "address", &edge("10.0.7.255"), within),
        (add("10.0.7.1"), "address", "customer address 10.0.7.1 is the gateway address of its subnet", VM),
        (
            gateway_mac,
            "mac",
            "02:00:5e:00:01:01 is the tenant's gateway-mac",
            "write the VM's own Ethernet address",
        ),
        (
            at_host("100.64.20.10"),
            "provider-address",
            "provider address 100.64.20.10 is the gateway's own",
            host,
        ),
        (
            at_host("100.64.20.11"),
            "provider-address",
            "provider address 100.64.20.11 is the gateway's own",
            host,
        ),
        (
            at_host("100.64.20.0"),
            "provider-address",
            "provider address 100.64.20.0 is the network or broadcast address of 100.64.20.0/24",
            site,
        ),
        (
            add("10.0.7.5"),
            "address",
            "a lookup record of 10.0.7.5 is there already, by api",
            "nvgw lookup move gives it another provider address",
        ),
        (
            lookup(5001, "10.0.1.5", "100.64.30.2"),
            "address",
            "a lookup record of 10.0.1.5 is there already, by config",
            "nvgw lookup move gives it another provider address",
        ),
        (to("100.64.20.10"), "provider-address", "provider address 100.64.20.10 is the gateway's own", host),
        (
            to("100.64.20.255"),
            "provider-address",
            "provider address 100.64.20.255 is the network or broadcast address of 100.64.20.0/24",
            site,
        ),
    ]);
    let records = |number: u32| format!("nvgw lookup list --vsid {number} shows the records");
    refuses(&[
        (
            "move-lookup: { vsid: 5002, address: 10.0.1.5, provider-address: 100.64.30.9 }",
            "address",
            "10.0.1.5 has no lookup record with VSID 5002",
            &records(5002),
        ),
        (
            "move-lookup: { vsid: 7002, address: 10.0.1.5, provider-address: 100.64.30.9 }",
            "vsid",
            "VSID 7002 is in no subnet",
            none,
        ),
        (
            "remove-lookup: { vsid: 7001, address: 10.0.7.9 }",
            "address",
            "10.0.7.9 has no lookup record with VSID 7001",
            &records(7001),
        ),
        (
            "remove-lookup: { vsid: 5001, address: 10.0.1.5 }",
            "",
            "the lookup record of 10.0.1.5 belongs to config",
            FILE,
        ),
    ]);
    accepts(&[
        add("10.0.7.2"),
        add("10.0.7.254"),
        at_host("100.64.20.254"),
        at_host("100.64.20.1"),
        at_host("8.8.8.8"),
        to("100.64.20.254"),
    ]);
    accepts(&[
        "move-lookup: { vsid: 5001, address: 10.0.1.5, provider-address: 100.64.30.9 }",
        "remove-lookup: { vsid: 7001, address: 10.0.7.5 }",
    ]);
}

#[test]
fn customer_routes() {
    let route = |tenant: &str, prefix, next_hop| Change::AddCustomerRoute {
        tenant: tenant.into(),
        route: CustomerRoute { prefix: net(prefix), next_hop: CustomerAddr(ip(next_hop)) },
    };
    let moved = |tenant: &str, prefix, next_hop| Change::MoveCustomerRoute {
        tenant: tenant.into(),
        route: CustomerRoute { prefix: net(prefix), next_hop: CustomerAddr(ip(next_hop)) },
    };
    let gone =
        |tenant: &str, prefix| Change::RemoveCustomerRoute { tenant: tenant.into(), prefix: net(prefix) };
    let tenants = "`nvgw tenant list` shows the tenants";
    let inside = "write the address of a VM in one of the tenant's subnets";
    let hosts = "write an address from 10.0.7.1 to 10.0.7.254";
    let far = "172.18.0.0/16";
    let at_gateway = "next hop 10.0.7.1 is the gateway address of its subnet";
    let edge = "next hop 10.0.7.255 is the network or broadcast address of 10.0.7.0/24";
    refuses(&[
        (route("nobody", far, "10.0.7.5"), "tenant", "there is no tenant nobody", tenants),
        (
            route("green", far, "10.0.8.1"),
            "next-hop",
            "next hop 10.0.8.1 is in no subnet of the tenant",
            inside,
        ),
        (route("green", far, "10.0.7.255"), "next-hop", edge, hosts),
        (route("green", far, "10.0.7.1"), "next-hop", at_gateway, VM),
        (
            route("green", "224.0.0.0/4", "10.0.7.5"),
            "prefix",
            "224.0.0.0/4 holds no unicast destination",
            "write a unicast prefix, as in 10.0.0.0/8",
        ),
        (
            route("green", "10.0.7.0/24", "10.0.7.5"),
            "prefix",
            "10.0.7.0/24 is connected: its addresses are neighbours",
            "leave the route out",
        ),
        (
            route("red", "198.18.1.0/24", "10.0.1.5"),
            "prefix",
            "198.18.1.0/24 is connected: its addresses are neighbours",
            "leave the route out",
        ),
        (
            route("red", "172.16.0.0/16", "10.0.1.6"),
            "",
            "customer route 172.16.0.0/16 of red is there already, by config",
            "the configuration file has it: change it there, then reload",
        ),
        (
            route("green", "172.17.0.0/16", "10.0.7.6"),
            "",
            "customer route 172.17.0.0/16 of green is there already, by api",
            "move or remove it",
        ),
        (moved("green", "172.17.0.0/16", "10.0.7.1"), "next-hop", at_gateway, VM),
        (
            moved("red", "172.16.0.0/16", "10.0.1.6"),
            "",
            "customer route 172.16.0.0/16 of red belongs to config",
            FILE,
        ),
        (
            moved("green", far, "10.0.7.6"),
            "prefix",
            "there is no customer route 172.18.0.0/16 of green",
            LIST,
        ),
        (gone("nobody", far), "tenant", "there is no tenant nobody", tenants),
        (gone("green", far), "prefix", "there is no customer route 172.18.0.0/16 of green", LIST),
        (gone("red", "172.16.0.0/16"), "", "customer route 172.16.0.0/16 of red belongs to config", FILE),
    ]);
    accepts(&[
        route("green", far, "10.0.7.254"),
        route("green", far, "10.0.7.2"),
        route("green", "0.0.0.0/0", "10.0.7.5"),
        route("green", "10.0.7.128/25", "10.0.7.5"),
        route("blue", "172.17.0.0/16", "10.0.1.5"),
        moved("green", "172.17.0.0/16", "10.0.7.254"),
        gone("green", "172.17.0.0/16"),
    ]);
}
