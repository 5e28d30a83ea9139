use super::*;
use crate::control::fixture::{self, Sent, WIRE0, WIRE1, control, ip, vsid};
use crate::control::neighbors::State;
use crate::tables::exchange::Ingress;
use crate::tables::grace::LocalGrace;
use nvgw_types::{MacAddr, PortId};

const ASKER: [u8; 6] = [2, 0, 0, 0, 0, 0x0b];
const NOW: Nanos = Nanos(0);
/// Where packets come from whose next hop is unknown.
const FROM: Ingress = Ingress::Tenant(VrfId(0));

fn interface(control: &Control<LocalGrace>, port: u16, vlan: u16) -> InterfaceId {
    control.fabric.writers.interfaces.resolve(PortId(port), vlan).expect("an interface")
}

/// A frame on a VLAN.
fn frame(destination: [u8; 6], vlan: u16, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let words = [0x8100, vlan, ethertype].map(u16::to_be_bytes).concat();
    [&destination[..], &ASKER, &words, payload].concat()
}

fn arp(operation: u8, sender_mac: [u8; 6], sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    [&[0, 1, 8, 0, 6, 4, 0, operation][..], &sender_mac, &sender, &[0; 6], &target].concat()
}

/// What is sent for an ARP packet on the site's VLAN 20.
fn site_arp(control: &mut Control<LocalGrace>, payload: &[u8]) -> Sent {
    let interface = interface(control, 0, 20);
    let mut sent = Sent::default();
    control.handle_punt(NOW, Punt::Neighbor { interface }, &frame([0xff; 6], 20, 0x0806, payload), &mut sent);
    sent
}

fn ready() -> Control<LocalGrace> {
    control(fixture::config()).expect("fits").0
}

fn consumed(control: &Control<LocalGrace>) -> u64 {
    control.counters().consumed.get()
}

#[test]
fn who_asks_for_our_address_is_answered_and_learned() {
    let mut control = ready();
    let sent = site_arp(&mut control, &arp(1, ASKER, [100, 64, 20, 99], [100, 64, 20, 10]));
    let reply = [
        &ASKER[..],
        &WIRE0.0,
        &[0x81, 0, 0, 20, 8, 6],
        &[0, 1, 8, 0, 6, 4, 0, 2],
        &WIRE0.0,
        &[100, 64, 20, 10],
        &ASKER,
        &[100, 64, 20, 99],
    ]
    .concat();
    assert_eq!(sent.0, [(0, reply)]);
    assert_eq!((consumed(&control), control.counters().originated.get()), (1, 1));
    let learned = control.neighbors(NOW).into_iter().find(|n| n.address == ip("100.64.20.99"));
    let learned = learned.expect("learned");
    assert_eq!((learned.mac, learned.state), (Some(MacAddr(ASKER)), State::Reachable));
    assert_eq!(control.counters().port(PortId(0)).tx.get().packets, 0, "the worker that sends it counts it");
}

#[test]
fn a_probe_is_answered_and_teaches_nothing() {
    let mut control = ready();
    let before = control.neighbors(NOW);
    let sent = site_arp(&mut control, &arp(1, ASKER, [0; 4], [100, 64, 20, 10]));
    assert_eq!(sent.0.len(), 1);
    assert_eq!(sent.0[0].1[36..], [&ASKER[..], &[0; 4]].concat(), "to the probe's sender");
    assert_eq!(control.neighbors(NOW), before);
}

#[test]
fn arp_that_contradicts_the_configuration_is_dropped() {
    let mut control = ready();
    let before = control.neighbors(NOW);
    let ignored = [
        ("outside the subnet", arp(1, ASKER, [100, 64, 21, 9], [100, 64, 20, 10])),
        ("the broadcast address", arp(1, ASKER, [100, 64, 20, 255], [100, 64, 20, 10])),
        ("a group's address", arp(1, [3, 0, 0, 0, 0, 1], [100, 64, 20, 9], [100, 64, 20, 10])),
        ("our address", arp(2, ASKER, [100, 64, 20, 10], [100, 64, 20, 9])),
        ("an unknown operation", arp(3, ASKER, [100, 64, 20, 9], [100, 64, 20, 10])),
        ("a reply of nobody", arp(2, ASKER, [0; 4], [100, 64, 20, 10])),
        ("cut off", arp(1, ASKER, [100, 64, 20, 9], [100, 64, 20, 10])[..27].to_vec()),
    ];
    for (number, (what, payload)) in ignored.iter().enumerate() {
        assert!(site_arp(&mut control, payload).0.is_empty(), "{what}");
        assert_eq!(control.counters().dropped(DropReason::ArpIgnored), number as u64 + 1, "{what}");
    }
    assert_eq!(control.neighbors(NOW), before);
    let conflicts: Vec<_> = control.address_conflicts(NOW).collect();
    let claim = ("gateway-site".to_owned(), ip("100.64.20.10"), MacAddr(ASKER), 1, true);
    assert_eq!(conflicts, [claim]);
    site_arp(&mut control, &arp(1, WIRE0.0, [100, 64, 20, 10], [100, 64, 20, 1]));
    assert_eq!(control.counters().dropped(DropReason::OwnPacket), 1);
}

#[test]
fn others_talk_is_absorbed_and_refreshes_whom_we_know() {
    let mut control = ready();
    let known = site_arp(&mut control, &arp(1, ASKER, [100, 64, 20, 31], [100, 64, 20, 77]));
    let unknown = site_arp(&mut control, &arp(1, ASKER, [100, 64, 20, 78], [100, 64, 20, 77]));
    assert!(known.0.is_empty() && unknown.0.is_empty(), "no proxy ARP");
    assert_eq!(consumed(&control), 2);
    let macs: Vec<_> = control.neighbors(NOW).into_iter().map(|n| (n.address.to_string(), n.mac)).collect();
    assert!(macs.contains(&("100.64.20.31".into(), Some(MacAddr(ASKER)))), "{macs:?}");
    assert!(!macs.iter().any(|(address, _)| address == "100.64.20.78"), "{macs:?}");
}

/// An echo request without data: identifier 7, sequence 1.
fn echo_request(source: [u8; 4], destination: [u8; 4]) -> Vec<u8> {
    packet(0, [8, 0, 0xf7, 0xf7], source, destination, 9)
}

/// The reply to it: DF, TTL 64.
fn echo_answer(source: [u8; 4], destination: [u8; 4]) -> Vec<u8> {
    packet(0x40, [0, 0, 0xff, 0xf7], source, destination, 64)
}

fn packet(flags: u8, icmp: [u8; 4], source: [u8; 4], destination: [u8; 4], ttl: u8) -> Vec<u8> {
    let mut packet = [&[0x45, 0, 0, 28, 0, 0, flags, 0, ttl, 1, 0, 0][..], &source, &destination].concat();
    let sum: u32 = packet.chunks(2).map(|w| u32::from(w[0]) << 8 | u32::from(w[1])).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    packet[10..12].copy_from_slice(&(!((sum & 0xffff) + (sum >> 16)) as u16).to_be_bytes());
    [&packet[..], &icmp, &[0, 7, 0, 1]].concat()
}

#[test]
fn a_ping_to_a_provider_address_is_answered_over_the_provider_routes() {
    let mut control = ready();
    let interface = interface(&control, 0, 20);
    let request = frame(WIRE0.0, 20, 0x0800, &echo_request([100, 64, 30, 5], [100, 64, 20, 10]));
    let mut sent = Sent::default();
    control.handle_punt(NOW, Punt::Local { interface }, &request, &mut sent);
    // 100.64.30.0/24 leads over 100.64.20.2, which is not known yet: it is asked for, the reply waits.
    assert_eq!(sent.0.len(), 1);
    assert_eq!(&sent.0[0].1[42..], [100, 64, 20, 2]);
    assert_eq!((control.held(), consumed(&control)), (1, 0));

    let sent = site_arp(&mut control, &arp(2, ASKER, [100, 64, 20, 2], [100, 64, 20, 10]));
    let answer = echo_answer([100, 64, 20, 10], [100, 64, 30, 5]);
    let wanted = [&ASKER[..], &WIRE0.0, &[0x81, 0, 0, 20, 8, 0], &answer].concat();
    assert_eq!(sent.0, [(0, wanted)]);
    assert_eq!((control.held(), consumed(&control)), (0, 2), "the echo and the ARP reply");
    assert_eq!(control.counters().originated.get(), 2, "the request and the echo reply");
}

#[test]
fn a_ping_to_an_external_address_is_answered_over_its_vrf() {
    let mut control = ready();
    let interface = interface(&control, 1, 300);
    let mut ping = |source| {
        let request = frame(WIRE1.0, 300, 0x0800, &echo_request(source, [198, 18, 0, 2]));
        let mut sent = Sent::default();
        control.handle_punt(NOW, Punt::Local { interface }, &request, &mut sent);
        sent.0
    };
    // The internet's gateway 198.18.0.1 is a static neighbour.
    let answer = echo_answer([198, 18, 0, 2], [9, 9, 9, 9]);
    let wanted = [&[2, 0, 0, 0, 0x30, 1][..], &WIRE1.0, &[0x81, 0, 1, 0x2c, 8, 0], &answer].concat();
    assert_eq!(ping([9, 9, 9, 9]), [(1, wanted)]);
    // A host of the network itself has to be asked for.
    let asked = ping([198, 18, 0, 9]);
    assert_eq!((asked.len(), &asked[0].1[..6], &asked[0].1[42..]), (1, &[0xff; 6][..], &[198, 18, 0, 9][..]));
    assert_eq!(control.held(), 1);
}

#[test]
fn what_is_no_echo_to_us_is_dropped() {
    let mut control = ready();
    let (site, outside) = (interface(&control, 0, 20), interface(&control, 1, 300));
    let mut reason = |interface, destination_mac, source, destination, reason| {
        let before = control.counters().dropped(reason);
        let vlan = if interface == site { 20 } else { 300 };
        let request = frame(destination_mac, vlan, 0x0800, &echo_request(source, destination));
        let mut sent = Sent::default();
        control.handle_punt(NOW, Punt::Local { interface }, &request, &mut sent);
        assert!(sent.0.is_empty());
        control.counters().dropped(reason) - before
    };
    let unsupported = DropReason::LocalUnsupported;
    let site_host = [100, 64, 20, 99];
    assert_eq!(reason(site, WIRE0.0, site_host, [100, 64, 20, 11], unsupported), 1, "not ours");
    assert_eq!(reason(site, [0xff; 6], site_host, [100, 64, 20, 10], unsupported), 1, "a broadcast frame");
    assert_eq!(reason(site, WIRE0.0, [127, 0, 0, 1], [100, 64, 20, 10], unsupported), 1, "a martian");
    let martian = DropReason::OuterMartianSource;
    assert_eq!(
        reason(site, WIRE0.0, [100, 64, 20, 255], [100, 64, 20, 10], martian),
        1,
        "a broadcast source"
    );
    let own = DropReason::OwnPacket;
    assert_eq!(reason(site, WIRE0.0, [100, 64, 20, 10], [100, 64, 20, 10], own), 1);
    assert_eq!(reason(outside, WIRE1.0, [198, 18, 0, 2], [198, 18, 0, 2], own), 1);
    assert_eq!(reason(outside, WIRE1.0, [9, 9, 9, 9], [198, 18, 0, 7], unsupported), 1, "another host's");
    assert_eq!(control.counters().dropped_total(), 7);
}

const VM: [u8; 6] = [2, 0x15, 0x5d, 0, 0, 5];
const GATEWAY: [u8; 6] = [2, 0, 0x5e, 0, 1, 1];

/// The headers before an inner packet of 28 bytes to the host 100.64.20.30, whose Ethernet address is static, for
/// VSID 5001. Words of the outer header: 4500 0046 0000 4000 402f .... 6440 140a 6440 141e, sum b61e.
fn wrapped(ethertype: [u8; 2], inner: &[u8]) -> Vec<u8> {
    [
        &[2, 0, 0, 0, 0x20, 0x1e][..],
        &WIRE0.0,
        &[0x81, 0, 0, 20, 8, 0],
        &[0x45, 0, 0, 70, 0, 0, 0x40, 0, 64, 47, 0x49, 0xe1, 100, 64, 20, 10, 100, 64, 20, 30],
        &[0x20, 0, 0x65, 0x58, 0, 0x13, 0x89, 0],
        &VM,
        &GATEWAY,
        &ethertype,
        inner,
    ]
    .concat()
}

fn overlay(
    control: &mut Control<LocalGrace>,
    vsid_number: u64,
    vrf: u32,
    ethertype: u16,
    payload: &[u8],
) -> Sent {
    let frame = [&GATEWAY[..], &VM, &ethertype.to_be_bytes(), payload].concat();
    let mut sent = Sent::default();
    let punt = Punt::Overlay { vsid: vsid(vsid_number), vrf: VrfId(vrf) };
    control.handle_punt(NOW, punt, &frame, &mut sent);
    sent
}

#[test]
fn a_vm_that_asks_for_its_gateway_is_told_through_its_tunnel() {
    let mut control = ready();
    let sent = overlay(&mut control, 5001, 0, 0x0806, &arp(1, VM, [10, 0, 1, 5], [10, 0, 1, 1]));
    let reply = [&[0, 1, 8, 0, 6, 4, 0, 2][..], &GATEWAY, &[10, 0, 1, 1], &VM, &[10, 0, 1, 5]].concat();
    assert_eq!(sent.0, [(0, wrapped([8, 6], &reply))]);
    assert_eq!((consumed(&control), control.counters().originated.get()), (1, 1));
}

#[test]
fn other_arp_in_the_overlay_is_ignored() {
    let mut control = ready();
    let cases = [
        ("another VM", 5001, 0, arp(1, VM, [10, 0, 1, 5], [10, 0, 1, 9])),
        ("another subnet's gateway", 5002, 0, arp(1, VM, [10, 0, 1, 5], [10, 0, 1, 1])),
        ("another tenant's VSID", 6001, 0, arp(1, VM, [10, 0, 1, 5], [10, 0, 1, 1])),
        ("a sender without a record", 5001, 0, arp(1, VM, [10, 0, 1, 77], [10, 0, 1, 1])),
        ("another Ethernet address", 5001, 0, arp(1, ASKER, [10, 0, 1, 5], [10, 0, 1, 1])),
        ("a probe", 5001, 0, arp(1, VM, [0; 4], [10, 0, 1, 1])),
        ("a reply", 5001, 0, arp(2, VM, [10, 0, 1, 5], [10, 0, 1, 1])),
        ("an unknown VSID", 7001, 0, arp(1, VM, [10, 0, 1, 5], [10, 0, 1, 1])),
    ];
    for (number, (what, vsid, vrf, payload)) in cases.iter().enumerate() {
        assert!(overlay(&mut control, *vsid, *vrf, 0x0806, payload).0.is_empty(), "{what}");
        assert_eq!(control.counters().dropped(DropReason::ArpIgnored), number as u64 + 1, "{what}");
    }
}

#[test]
fn a_vm_may_ping_every_gateway_address_of_its_vrf() {
    let mut control = ready();
    let mut ping = |source, asked| overlay(&mut control, 5001, 0, 0x0800, &echo_request(source, asked)).0;
    let answer = |asked, source| vec![(0, wrapped([8, 0], &echo_answer(asked, source)))];
    assert_eq!(ping([10, 0, 1, 5], [10, 0, 1, 1]), answer([10, 0, 1, 1], [10, 0, 1, 5]));
    assert_eq!(ping([10, 0, 1, 5], [10, 0, 2, 1]), answer([10, 0, 2, 1], [10, 0, 1, 5]));
    assert_eq!(ping([10, 0, 1, 5], [198, 18, 1, 2]), answer([198, 18, 1, 2], [10, 0, 1, 5]), "its uplink's");
    let routed = answer([10, 0, 1, 1], [172, 16, 0, 9]);
    assert_eq!(ping([172, 16, 0, 9], [10, 0, 1, 1]), routed, "from behind the VM, back through the VM");
    assert!(ping([10, 0, 1, 77], [10, 0, 1, 1]).is_empty());
    assert_eq!(control.counters().dropped(DropReason::DestinationRecordMissing), 1);
}

#[test]
fn a_vm_may_ping_the_shared_networks_address() {
    let mut control = ready();
    let sent = overlay(&mut control, 6002, 1, 0x0800, &echo_request([203, 0, 113, 5], [198, 18, 0, 2]));
    // Its host 100.64.20.31 has to be asked for first.
    assert_eq!((sent.0.len(), control.held()), (1, 1));
    let sent = site_arp(&mut control, &arp(2, ASKER, [100, 64, 20, 31], [100, 64, 20, 10]));
    let answer = echo_answer([198, 18, 0, 2], [203, 0, 113, 5]);
    assert_eq!(sent.0.len(), 1);
    assert_eq!(sent.0[0].1[..6], ASKER);
    assert!(sent.0[0].1.ends_with(&answer));
}

#[test]
fn a_packet_whose_next_hop_answers_counts_as_forwarded() {
    let mut control = ready();
    let waiting = control.neighbors(NOW).into_iter().find(|n| n.address == ip("198.18.0.3"));
    assert_eq!(waiting.map(|n| n.state), Some(State::Unresolved));
    let interface = interface(&control, 1, 300);
    let hop = Hop { interface: InterfaceKey { port: PortId(1), vlan: 300 }, address: [198, 18, 0, 3].into() };
    let neighbor = control.neighbors.id(hop).expect("configured");
    let transit = frame([0; 6], 300, 0x0800, &echo_request([203, 0, 113, 5], [198, 18, 128, 1]));
    let mut sent = Sent::default();
    control.handle_punt(NOW, Punt::Unresolved { neighbor, ingress: FROM }, &transit, &mut sent);
    assert_eq!((sent.0.len(), control.held(), control.next_due()), (1, 1, Some(Nanos(1_000_000_000))));

    let reply = frame(WIRE1.0, 300, 0x0806, &arp(2, ASKER, [198, 18, 0, 3], [198, 18, 0, 2]));
    let mut sent = Sent::default();
    control.handle_punt(NOW, Punt::Neighbor { interface }, &reply, &mut sent);
    assert_eq!(sent.0, [(1, [&ASKER[..], &transit[6..]].concat())]);
    assert_eq!((control.counters().forwarded.get(), control.held()), (1, 0));

    let stale = Punt::Unresolved { neighbor: NeighborId(4711), ingress: FROM };
    control.handle_punt(NOW, stale, &transit, &mut sent);
    assert_eq!(control.counters().dropped(DropReason::NeighborUnresolved), 1);
}

#[test]
fn own_addresses_are_announced_on_their_networks() {
    let control = ready();
    let mut sent = Sent::default();
    control.announce(&mut sent);
    let site = sent.0.iter().filter(|(port, _)| *port == 0).collect::<Vec<_>>();
    let announcement = [
        &[0xff; 6][..],
        &WIRE0.0,
        &[0x81, 0x00, 0x00, 20],
        &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1],
        &WIRE0.0,
        &[100, 64, 20, 10],
        &[0; 6],
        &[100, 64, 20, 10],
    ]
    .concat();
    assert!(site.iter().any(|(_, frame)| *frame == announcement), "{site:02x?}");
    assert_eq!(control.counters().originated.get(), sent.0.len() as u64);
}

#[test]
fn a_full_queue_to_the_workers_is_counted() {
    struct Full;
    impl Egress for Full {
        fn transmit(&mut self, _: PortId, _: &[u8]) -> bool {
            false
        }
    }
    let mut control = ready();
    let frame = [&GATEWAY[..], &VM, &[8, 0], &echo_request([10, 0, 1, 5], [10, 0, 1, 1])].concat();
    control.handle_punt(NOW, Punt::Overlay { vsid: vsid(5001), vrf: VrfId(0) }, &frame, &mut Full);
    assert_eq!(control.counters().dropped(DropReason::TransmitFull), 1);
    assert_eq!((consumed(&control), control.counters().port(PortId(0)).tx_dropped.get()), (0, 1));
}
