//! Packets to addresses of ours that nothing waits for.

use super::*;
use crate::packet::ipv6::Ipv6;

/// The gateway's Ethernet address in the overlay, and a VM's.
const GATEWAY: [u8; 6] = [2, 0, 0x5e, 0, 1, 1];
const STATION: [u8; 6] = [2, 0x15, 0x5d, 0, 0, 5];

fn dual() -> Control<LocalGrace> {
    control(fixture::with_ipv6(fixture::config())).expect("fits").0
}

fn packet(source: &str, destination: &str, protocol: u8, payload: &[u8]) -> Vec<u8> {
    match (fixture::ip(source), fixture::ip(destination)) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let header = Ipv4::new(source, destination, protocol, 64, payload.len() as u16);
            [header.as_bytes(), payload].concat()
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let header = Ipv6::new(source, destination, protocol, 64, payload.len() as u16);
            [header.as_bytes(), payload].concat()
        }
        _ => panic!("two families"),
    }
}

fn framed(destination: [u8; 6], packet: &[u8]) -> Vec<u8> {
    let ethertype = if packet[0] >> 4 == 6 { [0x86, 0xdd] } else { [8, 0] };
    [&destination[..], &STATION, &ethertype, packet].concat()
}

/// What a VM of red hears for a packet to the gateway: the inner packet, behind Ethernet, IPv4, GRE and Ethernet.
fn vm_hears(control: &mut Control<LocalGrace>, frame: &[u8]) -> Vec<Vec<u8>> {
    let mut sent = Sent::default();
    control.handle_punt(
        Nanos(0),
        Punt::Overlay { vsid: fixture::vsid(5001), vrf: VrfId(0) },
        frame,
        &mut sent,
    );
    sent.0.into_iter().map(|(_, frame)| frame[60..].to_vec()).collect()
}

fn sent_and_dropped(control: &Control<LocalGrace>) -> (u64, u64) {
    (control.counters().icmp_errors_sent.get(), control.counters().dropped(DropReason::LocalUnsupported))
}

#[test]
fn a_vm_hears_that_nobody_is_there_from_the_address_that_it_asked() {
    let mut control = dual();
    // The gateway of its own subnet, of another one, and our address outside.
    let cases = [
        ("10.0.1.5", "10.0.1.1"),
        ("10.0.1.5", "10.0.2.1"),
        ("10.0.1.5", "198.18.1.2"),
        ("2001:db8::5", "2001:db8::1"),
        ("2001:db8::5", "2001:db8:1::1"),
        ("2001:db8::5", "2001:db8:301::2"),
    ];
    let mut dropped = 0;
    for (vm, gateway) in cases {
        for (protocol, v4, v6) in [(17, [3, 3], [1, 4]), (6, [3, 3], [1, 4]), (132, [3, 2], [4, 1])] {
            let asked = packet(vm, gateway, protocol, &[0x5a; 20]);
            let heard = vm_hears(&mut control, &framed(GATEWAY, &asked));
            let [told] = &heard[..] else { panic!("{gateway} {protocol}") };
            let (addresses, icmp, kind, pointer) = match fixture::ip(vm) {
                IpAddr::V4(_) => (12..20, 20, v4, 0),
                IpAddr::V6(_) => (8..40, 40, v6, if protocol == 132 { 6 } else { 0 }),
            };
            let half = addresses.len() / 2;
            let (from, to) = told[addresses.clone()].split_at(half);
            let (asker, asked_for) = asked[addresses].split_at(half);
            assert_eq!((from, to), (asked_for, asker), "{gateway} {protocol}");
            assert_eq!(told[icmp..icmp + 2], kind, "{gateway} {protocol}");
            assert_eq!(told[icmp + 4..icmp + 8], [0, 0, 0, pointer], "{gateway} {protocol}");
            assert_eq!(told[icmp + 8..], asked, "{gateway} {protocol}");
            dropped += 1;
            assert_eq!(sent_and_dropped(&control), (dropped, dropped), "each is dropped, and told of");
        }
    }
}

#[test]
fn the_outside_hears_it_too() {
    let mut control = dual();
    let Ingress::Outside(interface) = on_vlan(&control, 1, 300) else { panic!() };
    let asked = packet("9.9.9.9", "198.18.0.2", 17, &[0x5a; 20]);
    let mut sent = Sent::default();
    control.handle_punt(Nanos(0), Punt::Local { interface }, &framed(WIRE1.0, &asked), &mut sent);
    let [(1, frame)] = &sent.0[..] else { panic!("{:02x?}", sent.0) };
    assert_eq!(frame[30..38], [198, 18, 0, 2, 9, 9, 9, 9]);
    assert_eq!((&frame[38..40], &frame[46..]), (&[3, 3][..], &asked[..]));
    assert_eq!(sent_and_dropped(&control), (1, 1));
}

#[test]
fn what_must_not_be_told_is_dropped_in_silence() {
    let mut control = dual();
    let mut fragment = packet("10.0.1.5", "10.0.1.1", 17, &[0x5a; 24]);
    fragment[6..8].copy_from_slice(&[0x20, 0]);
    fragment[10..12].fill(0);
    let sum = !crate::packet::checksum::sum(&fragment[..20]);
    fragment[10..12].copy_from_slice(&sum.to_be_bytes());
    let cases = [
        ("in a frame to many", framed([0xff; 6], &packet("10.0.1.5", "10.0.1.1", 17, &[0; 8]))),
        ("in a frame to a group", framed([0x33; 6], &packet("2001:db8::5", "2001:db8::1", 17, &[0; 8]))),
        ("a fragment", framed(GATEWAY, &fragment)),
        ("ICMP that nobody asked for", framed(GATEWAY, &packet("10.0.1.5", "10.0.1.1", 1, &[13; 8]))),
        ("an error", framed(GATEWAY, &packet("2001:db8::5", "2001:db8::1", 58, &[1; 8]))),
        ("nothing", framed(GATEWAY, &packet("2001:db8::5", "2001:db8::1", 59, &[0; 8]))),
        ("to a link-local address", framed(GATEWAY, &packet("2001:db8::5", "fe80::9", 17, &[0; 8]))),
        ("from another's address", framed(GATEWAY, &packet("9.9.9.9", "10.0.1.1", 17, &[0; 8]))),
    ];
    for (number, (what, frame)) in cases.into_iter().enumerate() {
        assert!(vm_hears(&mut control, &frame).is_empty(), "{what}");
        assert_eq!(sent_and_dropped(&control), (0, number as u64 + 1), "{what}");
    }
    // Toward hosts the gateway says nothing but echoes: its provider addresses are no service of anybody's.
    let Ingress::Outside(interface) = on_vlan(&control, 0, 20) else { panic!() };
    let frame = framed(WIRE0.0, &packet("100.64.20.30", "100.64.20.10", 17, &[0; 8]));
    let mut sent = Sent::default();
    control.handle_punt(Nanos(0), Punt::Local { interface }, &frame, &mut sent);
    assert!(sent.0.is_empty());
}

#[test]
fn the_address_of_all_routers_speaks_by_the_gateways_own() {
    let mut control = dual();
    let heard = vm_hears(&mut control, &framed(GATEWAY, &packet("2001:db8::5", "2001:db8::", 17, &[0; 8])));
    let [told] = &heard[..] else { panic!("{heard:02x?}") };
    let from = std::net::Ipv6Addr::from(*told[8..].first_chunk::<16>().expect("a source"));
    assert_eq!((IpAddr::V6(from), &told[40..42]), (fixture::ip("2001:db8::1"), &[1, 4][..]));
}
