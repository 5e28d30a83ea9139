use nvgw_types::{InterfaceId, PortId};
use zerocopy::IntoBytes;

use super::*;
use crate::control::Egress;
use crate::control::desired::Hop;
use crate::control::desired::InterfaceKey;
use crate::control::fixture::{self, Sent, WIRE0, WIRE1, control};
use crate::packet::arp::Arp;
use crate::packet::ipv4::{self, Ipv4};
use crate::tables::exchange::Punt;
use crate::tables::grace::LocalGrace;

const RED: Ingress = Ingress::Tenant(VrfId(0));
const BLUE: Ingress = Ingress::Tenant(VrfId(1));
const SERVER: [u8; 4] = [9, 9, 9, 9];
const VM: [u8; 4] = [10, 0, 1, 5];
const PUBLIC: [u8; 4] = [203, 0, 113, 5];

fn ready() -> Control<LocalGrace> {
    control(fixture::config()).expect("fits").0
}

fn on_vlan(control: &Control<LocalGrace>, port: u16, vlan: u16) -> Ingress {
    Ingress::Outside(control.fabric.writers.interfaces.resolve(PortId(port), vlan).expect("an interface"))
}

fn datagram(source: [u8; 4], destination: [u8; 4]) -> Vec<u8> {
    let header = Ipv4::new(source.into(), destination.into(), ipv4::UDP, 1, 8);
    [header.as_bytes(), &[0xa5; 8]].concat()
}

/// What is sent for a packet whose time ran out.
fn tell_at(
    control: &mut Control<LocalGrace>,
    now: Nanos,
    ingress: Ingress,
    packet: &[u8],
) -> Vec<(u16, Vec<u8>)> {
    let punt = Punt::Error { error: IcmpError::TimeExceeded, ingress };
    let mut sent = Sent::default();
    control.handle_punt(now, punt, packet, &mut sent);
    sent.0
}

fn tell(control: &mut Control<LocalGrace>, ingress: Ingress, packet: &[u8]) -> Vec<(u16, Vec<u8>)> {
    tell_at(control, Nanos(0), ingress, packet)
}

/// Errors sent and suppressed. The packets that they are about were counted before.
fn counted(control: &Control<LocalGrace>) -> (u64, u64) {
    let counters = control.counters();
    let packets =
        (counters.consumed.get(), counters.forwarded.get(), counters.dropped_total(), control.held());
    assert_eq!(packets, (0, 0, 0, 0), "a packet is counted twice");
    (counters.icmp_errors_sent.get(), counters.icmp_errors_suppressed.get())
}

/// The error that is owed for a packet.
fn error(from: [u8; 4], packet: &[u8]) -> Vec<u8> {
    let refused = Refused::read(packet).expect("may be told");
    refused.answer(IcmpError::TimeExceeded, from.into(), 1500).expect("of its family")
}

#[test]
fn a_vm_is_told_by_its_subnets_gateway() {
    let mut control = ready();
    let packet = datagram(VM, SERVER);
    let sent = tell(&mut control, RED, &packet);
    let [(0, frame)] = &sent[..] else { panic!("{sent:02x?}") };
    assert_eq!(frame[..18], [&[2, 0, 0, 0, 0x20, 0x1e][..], &WIRE0.0, &[0x81, 0, 0, 20, 8, 0]].concat());
    assert_eq!(frame[18..20], [0x45, 0xc0], "the outer precedence is the error's");
    assert_eq!(frame[30..38], [100, 64, 20, 10, 100, 64, 20, 30]);
    assert_eq!(frame[38..46], [0x20, 0, 0x65, 0x58, 0, 0x13, 0x89, 0], "VSID 5001");
    assert_eq!(frame[46..60], [2, 0x15, 0x5d, 0, 0, 5, 2, 0, 0x5e, 0, 1, 1, 8, 0]);
    assert_eq!(frame[60..], error([10, 0, 1, 1], &packet));
    assert_eq!((counted(&control), control.counters().originated.get()), ((1, 0), 1));
}

#[test]
fn a_host_behind_a_vm_is_told_through_that_vm() {
    let mut control = ready();
    let packet = datagram([172, 16, 3, 4], SERVER);
    let sent = tell(&mut control, RED, &packet);
    let [(0, frame)] = &sent[..] else { panic!("{sent:02x?}") };
    assert_eq!(frame[42..52], [0, 0x13, 0x89, 0, 2, 0x15, 0x5d, 0, 0, 5]);
    assert_eq!(frame[60..], error([10, 0, 1, 1], &packet), "by the gateway of that VM's subnet");
}

#[test]
fn the_outside_is_told_by_our_address_there() {
    let mut control = ready();
    let internet = on_vlan(&control, 1, 300);
    let packet = datagram(SERVER, PUBLIC);
    let sent = tell(&mut control, internet, &packet);
    let head = [&[2, 0, 0, 0, 0x30, 1][..], &WIRE1.0, &[0x81, 0, 1, 0x2c, 8, 0]].concat();
    assert_eq!(sent, [(1, [&head[..], &error([198, 18, 0, 2], &packet)].concat())]);

    // The sender of a tenant's own uplink, in the tenant's VRF; 198.18.1.1 has to be asked for.
    let uplink = on_vlan(&control, 1, 301);
    let sent = tell(&mut control, uplink, &datagram(SERVER, VM));
    assert_eq!((sent.len(), &sent[0].1[42..]), (1, &[198, 18, 1, 1][..]));
    assert_eq!(counted(&control), (1, 0), "it waits and is no packet that waits");
}

/// Says who has an address on the internet's network.
fn answer(control: &mut Control<LocalGrace>, address: [u8; 4]) -> Vec<(u16, Vec<u8>)> {
    let Ingress::Outside(interface) = on_vlan(control, 1, 300) else { panic!() };
    let host = nvgw_types::MacAddr([2, 0, 0, 0, 0, 0x0b]);
    let reply = Arp::reply(host, address.into(), WIRE1, [198, 18, 0, 2].into());
    let frame = [&WIRE1.0[..], &host.0, &[0x81, 0, 1, 0x2c, 8, 6], reply.as_bytes()].concat();
    let mut sent = Sent::default();
    control.handle_punt(Nanos(0), Punt::Neighbor { interface }, &frame, &mut sent);
    sent.0
}

#[test]
fn an_error_waits_for_its_next_hop() {
    let mut control = ready();
    let internet = on_vlan(&control, 1, 300);
    for (sender, hop) in [([198, 18, 128, 7], [198, 18, 0, 3]), ([198, 18, 0, 99], [198, 18, 0, 99])] {
        let packet = datagram(sender, PUBLIC);
        let asked = tell(&mut control, internet, &packet);
        assert_eq!((asked.len(), &asked[0].1[42..]), (1, &hop[..]));
        let sent = answer(&mut control, hop);
        assert_eq!(sent.len(), 1, "{hop:?}");
        assert_eq!(sent[0].1[18..], error([198, 18, 0, 2], &packet));
    }
    let counters = control.counters();
    assert_eq!((counters.icmp_errors_sent.get(), counters.originated.get()), (2, 4), "and two questions");
}

#[test]
fn silence_of_the_next_hop_drops_no_packet() {
    let mut control = ready();
    let internet = on_vlan(&control, 1, 300);
    // Three wait; once the next hop counts as silent, one more is refused at once.
    for _ in 0..3 {
        tell(&mut control, internet, &datagram([198, 18, 128, 7], PUBLIC));
    }
    let interface = InterfaceKey { port: PortId(1), vlan: 300 };
    let silent = |control: &Control<LocalGrace>| {
        control.neighbors.is_silent(Hop { interface, address: [198, 18, 0, 3].into() })
    };
    while !silent(&control) {
        let due = control.next_due().expect("asked again");
        control.tick(due, &mut Sent::default());
    }
    assert_eq!(counted(&control), (0, 3));
    assert!(tell(&mut control, internet, &datagram([198, 18, 128, 7], PUBLIC)).is_empty());
    assert_eq!(counted(&control), (0, 4));
}

#[test]
fn who_is_not_where_it_came_from_is_told_nothing() {
    let mut control = ready();
    let (internet, uplink) = (on_vlan(&control, 1, 300), on_vlan(&control, 1, 301));
    let (site, unknown) = (on_vlan(&control, 0, 20), Ingress::Outside(InterfaceId(99)));
    let cases = [
        ("no record", RED, [10, 0, 1, 77]),
        ("our own address", RED, [10, 0, 1, 1]),
        ("a subnet's broadcast address", RED, [10, 0, 1, 255]),
        ("outside, says a VM", RED, SERVER),
        ("another tenant's public address", RED, PUBLIC),
        ("the shared network's own address", BLUE, [198, 18, 0, 2]),
        ("outside, by another tenant's prefix", BLUE, [172, 16, 3, 4]),
        ("a tenant, says the internet", internet, PUBLIC),
        ("our own address outside", internet, [198, 18, 0, 2]),
        ("the network's broadcast address", internet, [198, 18, 0, 255]),
        ("a VM, says its uplink", uplink, VM),
        ("a provider site", site, SERVER),
        ("an interface that is gone", unknown, SERVER),
    ];
    for (what, ingress, sender) in cases {
        assert_eq!(tell(&mut control, ingress, &datagram(sender, [9, 9, 9, 10])), [], "{what}");
        assert_eq!(counted(&control), (0, 0), "{what}");
    }
}

#[test]
fn nothing_is_said_about_what_went_to_many() {
    let mut control = ready();
    let internet = on_vlan(&control, 1, 300);
    let cases = [
        ("a subnet's broadcast address", RED, VM, [10, 0, 2, 255]),
        ("its network address", RED, VM, [10, 0, 2, 0]),
        ("the shared network's broadcast address", BLUE, PUBLIC, [198, 18, 0, 255]),
        ("a tenant's, from outside", internet, SERVER, [203, 0, 113, 15]),
        ("a group", RED, VM, [224, 0, 0, 5]),
    ];
    for (what, ingress, sender, destination) in cases {
        assert_eq!(tell(&mut control, ingress, &datagram(sender, destination)), [], "{what}");
    }
    assert_eq!(counted(&control), (0, 0));
}

#[test]
fn a_peer_without_a_provider_route_is_not_told() {
    let mut config = fixture::config();
    config.provider.sites[0].gateway = None;
    config.provider.routes.clear();
    let mut control = control(config).expect("fits").0;
    assert_eq!(tell(&mut control, RED, &datagram([10, 0, 2, 6], SERVER)), []);
    assert_eq!(counted(&control), (0, 1));
}

#[test]
fn too_many_are_suppressed_and_counted() {
    let mut control = ready();
    let internet = on_vlan(&control, 1, 300);
    let mut told = |now, ingress, sender, times| {
        let packet = datagram(sender, [9, 9, 9, 10]);
        (0..times).map(|_| tell_at(&mut control, now, ingress, &packet).len()).sum::<usize>()
    };
    assert_eq!(told(Nanos(0), RED, VM, 60), 50);
    assert_eq!(told(Nanos(0), internet, SERVER, 10), 10, "another VRF");
    assert_eq!(told(Nanos(10_000_000), RED, VM, 5), 1);
    assert_eq!(told(Nanos(10_000_000), RED, [10, 0, 1, 77], 5), 0, "who may not be told takes nothing");
    assert_eq!(counted(&control), (61, 14));
}

#[test]
fn a_full_queue_to_the_workers_suppresses() {
    struct Full;
    impl Egress for Full {
        fn transmit(&mut self, _: PortId, _: &[u8]) -> bool {
            false
        }
    }
    let mut control = ready();
    let punt = Punt::Error { error: IcmpError::HostUnreachable, ingress: RED };
    control.handle_punt(Nanos(0), punt, &datagram(VM, SERVER), &mut Full);
    assert_eq!(counted(&control), (0, 1));
    assert_eq!(control.counters().port(PortId(0)).tx_dropped.get(), 1);
}

mod ipv6;
mod local;
mod unreachable;
