//! Limits: of tenants over all workers, of customer addresses, of the table.

use super::*;

/// Two customers of [`BLUE`] who belong to different workers of two.
fn customers_apart(world: &World) -> [u32; 2] {
    let worker = |address| world.division.worker(world.division.of_customer(BLUE, address));
    let other = (CUSTOMER..).find(|&address| worker(address) != worker(CUSTOMER)).expect("one");
    [CUSTOMER, other]
}

fn of(address: u32, port: u16) -> Flow {
    let flow = from(BLUE, Protocol::Udp, port);
    Flow { local: Endpoint { address, ..flow.local }, ..flow }
}

fn world(of_tenant: NatQuota, of_address: NatQuota) -> World {
    let mut world = World::new(2, 64);
    world.publish(public(PUBLIC, 1));
    world.allow(NatPolicy { of_tenant, of_address, ..policy(BLUE, &[(PUBLIC, 1)]) });
    world.allow(policy(RED, &[(PUBLIC, 1)]));
    world
}

fn failures(world: &World, reason: DropReason) -> u64 {
    let place = crate::telemetry::nat::FAILURES.iter().position(|failure| *failure == reason);
    world.sum(BLUE, |tenant| tenant.failures[place.expect("a failure")].get())
}

#[test]
fn a_tenants_limits_are_those_of_all_workers() {
    let unlimited = NatQuota::UNLIMITED;
    let cases = [
        (NatQuota { sessions: 5, ..unlimited }, DropReason::NatSessionLimit),
        (NatQuota { ports: 5, ..unlimited }, DropReason::NatPortLimit),
        (NatQuota { new_sessions: 5, ..unlimited }, DropReason::NatRateLimit),
    ];
    for (quota, reason) in cases {
        let mut world = world(quota, unlimited);
        let [one, other] = customers_apart(&world);
        for port in 0..3 {
            world.send(of(one, port), DATA).expect("below the limit");
        }
        for port in 0..2 {
            world.send(of(other, port), DATA).expect("below the limit");
        }
        assert_eq!(world.send(of(one, 9), DATA), Err(reason));
        assert_eq!(world.send(of(other, 9), DATA), Err(reason));
        assert_eq!(failures(&world, reason), 2);
        // Live sessions and other tenants do not feel it.
        assert!(world.send(of(one, 0), DATA).is_ok());
        assert!(world.send(from(RED, Protocol::Udp, 9), DATA).is_ok());
        assert_eq!((world.in_use(BLUE), world.in_use(RED)), ((5, 5), (1, 1)));
    }
}

#[test]
fn an_addresss_limits_are_its_own() {
    let unlimited = NatQuota::UNLIMITED;
    let cases = [
        (NatQuota { sessions: 3, ..unlimited }, DropReason::NatSessionLimit),
        (NatQuota { ports: 3, ..unlimited }, DropReason::NatPortLimit),
        (NatQuota { new_sessions: 3, ..unlimited }, DropReason::NatRateLimit),
    ];
    for (quota, reason) in cases {
        let mut world = world(unlimited, quota);
        let [one, other] = customers_apart(&world);
        for port in 0..3 {
            world.send(of(one, port), DATA).expect("below the limit");
        }
        assert_eq!(world.send(of(one, 9), DATA), Err(reason));
        assert!(world.send(of(other, 9), DATA).is_ok());
    }
}

#[test]
fn rates_are_of_clock_seconds() {
    let quota = NatQuota { new_sessions: 2, ..NatQuota::UNLIMITED };
    for (tenant, address) in [(quota, NatQuota::UNLIMITED), (NatQuota::UNLIMITED, quota)] {
        let mut world = world(tenant, address);
        world.now = 5_900;
        world.send(of(CUSTOMER, 1), DATA).expect("below the limit");
        world.now = 5_999;
        world.send(of(CUSTOMER, 2), DATA).expect("below the limit");
        assert_eq!(world.send(of(CUSTOMER, 3), DATA), Err(DropReason::NatRateLimit));
        world.now = 6_000;
        world.send(of(CUSTOMER, 3), DATA).expect("another second");
    }
}

#[test]
fn a_port_that_rests_counts_as_a_port_and_not_as_a_session() {
    let of_address = NatQuota { sessions: 1, ports: 2, ..NatQuota::UNLIMITED };
    let mut world = world(NatQuota::UNLIMITED, of_address);
    world.send(of(CUSTOMER, 1), DATA).expect("below the limit");
    world.pass(300_000);
    world.send(of(CUSTOMER, 2), DATA).expect("below the limit");
    assert_eq!(world.send(of(CUSTOMER, 3), DATA), Err(DropReason::NatSessionLimit));
    world.settings.quarantine = 400_000;
    world.pass(300_000);
    assert_eq!(world.send(of(CUSTOMER, 3), DATA), Err(DropReason::NatPortLimit));
}

#[test]
fn further_connections_and_permissions_are_sessions() {
    let of_address = NatQuota { sessions: 2, ports: 1, ..NatQuota::UNLIMITED };
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let mut world = World::small();
        let filtering =
            [Filtering::EndpointIndependent, Filtering::AddressDependent, Filtering::AddressDependent];
        world.allow(NatPolicy { filtering, of_address, ..policy(BLUE, &[(PUBLIC, 1)]) });
        let flow = from(BLUE, protocol, 40_000);
        for remote in [1, 2] {
            world.send(to(flow, (remote, 7)), tcp(SYN, 1, 0)).expect("below the limit");
        }
        let third = world.send(to(flow, (3, 7)), tcp(SYN, 1, 0));
        assert_eq!(third, Err(DropReason::NatSessionLimit), "{protocol:?}");
    }
}

#[test]
fn a_full_table_evicts_nothing() {
    let mut world = World::new(1, 8);
    world.publish(public(PUBLIC, 1));
    world.allow(policy(BLUE, &[(PUBLIC, 1)]));
    let flow = from(BLUE, Protocol::Tcp, 1);
    let public = world.send(flow, tcp(SYN, 1, 0)).expect("room");
    for remote in 2..=8 {
        assert_eq!(world.send(to(flow, (remote, 7)), tcp(SYN, 1, 0)), Ok(public));
    }
    assert_eq!(world.send(to(flow, (9, 7)), tcp(SYN, 1, 0)), Err(DropReason::NatTableFull));
    assert_eq!(world.send(of(CUSTOMER, 5), DATA), Err(DropReason::NatTableFull));
    assert_eq!(failures(&world, DropReason::NatTableFull), 2);
    let counters = &world.counters[0];
    assert_eq!((counters.entries.get(), counters.most_entries.get(), counters.capacity.get()), (8, 8, 8));
    for remote in 2..=8 {
        assert_eq!(world.send(to(flow, (remote, 7)), tcp(SYN, 1, 0)), Ok(public));
    }
    world.pass(240_000 + 120_000);
    world.assert_empty();
}

#[test]
fn what_was_begun_is_counted() {
    let mut world = World::small();
    for port in 0..3 {
        world.send(from(BLUE, Protocol::Udp, port), DATA).expect("a session");
        world.send(from(BLUE, Protocol::Udp, port), DATA).expect("the same");
    }
    assert_eq!(world.sum(BLUE, |tenant| tenant.created.get()), 3);
    assert_eq!(world.sum(BLUE, |tenant| tenant.allocations.get()), 1);
    let public = world.counters[0].public(PublicId(1)).expect("a counter");
    assert_eq!((public.ports.get(), public.blocks.get()), (3, 1));
    world.pass(420_000);
    let public = world.counters[0].public(PublicId(1)).expect("a counter");
    assert_eq!((public.most_ports.get(), public.most_blocks.get()), (3, 1));
    world.assert_empty();
}
