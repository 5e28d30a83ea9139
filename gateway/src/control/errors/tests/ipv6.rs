//! What senders of IPv6 packets hear.

use std::net::Ipv6Addr;

use super::*;
use crate::packet::ipv6::Ipv6;

/// A VM of red whose host is reached over IPv4, and its neighbour behind it.
const VM: &str = "2001:db8::5";
const BEHIND: &str = "2001:db8:17::9";
const SERVER: &str = "2001:db8:9::9";

fn address(text: &str) -> Ipv6Addr {
    text.parse().expect("an address")
}

fn dual() -> Control<LocalGrace> {
    control(fixture::with_ipv6(fixture::config())).expect("fits").0
}

fn datagram(source: &str, destination: &str) -> Vec<u8> {
    let header = Ipv6::new(address(source), address(destination), ipv4::UDP, 1, 8);
    [header.as_bytes(), &[0xa5; 8]].concat()
}

/// The error that is owed for a packet.
fn error(from: &str, packet: &[u8]) -> Vec<u8> {
    let refused = Refused::read(packet).expect("may be told");
    refused.answer(IcmpError::TimeExceeded, address(from).into(), 1500).expect("of its family")
}

#[test]
fn a_vm_is_told_by_its_subnets_gateway() {
    let mut control = dual();
    for sender in [VM, BEHIND] {
        let packet = datagram(sender, SERVER);
        let sent = tell(&mut control, RED, &packet);
        let [(0, frame)] = &sent[..] else { panic!("{sent:02x?}") };
        assert_eq!(frame[18..20], [0x45, 0xc0], "the outer precedence is the error's");
        assert_eq!(frame[38..46], [0x20, 0, 0x65, 0x58, 0, 0x13, 0x89, 0], "VSID 5001");
        assert_eq!(frame[46..60], [2, 0x15, 0x5d, 0, 0, 5, 2, 0, 0x5e, 0, 1, 1, 0x86, 0xdd]);
        assert_eq!(frame[60..], error("2001:db8::1", &packet), "{sender}");
    }
    assert_eq!(counted(&control), (2, 0));
}

#[test]
fn the_outside_is_told_by_our_address_there() {
    let mut control = dual();
    let internet = on_vlan(&control, 1, 300);
    let packet = datagram(SERVER, "2001:db8:113::5");
    let asked = tell(&mut control, internet, &packet);
    assert_eq!(asked.len(), 1, "the next hop has to be asked for: {asked:02x?}");
    let (router, ours) = (address("2001:db8:300::1"), address("2001:db8:300::2"));
    let host = frames::Link { mac: nvgw_types::MacAddr([2, 0, 0, 0, 0, 0x0b]), vlan: 300 };
    let answer = host.answer(router.into(), WIRE1, Some(ours.into())).expect("one family");
    let Ingress::Outside(interface) = internet else { panic!() };
    let mut sent = Sent::default();
    control.handle_punt(Nanos(0), Punt::Neighbor { interface }, &answer, &mut sent);
    assert_eq!(sent.0.len(), 1);
    assert_eq!(sent.0[0].1[..18], [&host.mac.0[..], &WIRE1.0, &[0x81, 0, 1, 0x2c, 0x86, 0xdd]].concat());
    assert_eq!(sent.0[0].1[18..], error("2001:db8:300::2", &packet));
    assert_eq!(control.counters().icmp_errors_sent.get(), 1);
}

#[test]
fn who_is_not_where_it_came_from_is_told_nothing() {
    let mut control = dual();
    let internet = on_vlan(&control, 1, 300);
    let cases = [
        ("no record", RED, "2001:db8::77"),
        ("our own address", RED, "2001:db8::1"),
        ("the address of all routers", RED, "2001:db8::"),
        ("outside, says a VM", RED, SERVER),
        ("a link-local address", RED, "fe80::5"),
        ("none", RED, "::"),
        ("a group", RED, "ff02::1"),
        ("our own address outside", internet, "2001:db8:300::2"),
        ("a group, outside", internet, "ff0e::1"),
    ];
    for (what, ingress, sender) in cases {
        assert_eq!(tell(&mut control, ingress, &datagram(sender, "2001:db8:9::10")), [], "{what}");
        assert_eq!(counted(&control), (0, 0), "{what}");
    }
    assert_eq!(tell(&mut control, RED, &datagram(VM, "ff0e::1")), [], "to a group");
}

#[test]
fn both_families_share_their_tenants_limit() {
    let mut control = dual();
    let told = |control: &mut Control<LocalGrace>, packet: &[u8]| {
        (0..40).map(|_| tell(control, RED, packet).len()).sum::<usize>()
    };
    assert_eq!(told(&mut control, &datagram(VM, SERVER)), 40);
    assert_eq!(told(&mut control, &super::datagram(super::VM, super::SERVER)), 10);
    assert_eq!(counted(&control), (50, 30));
}
