use std::net::IpAddr;

use nvgw_types::{InterfaceId, PortId};

use super::*;
use crate::control::fixture::{self, Sent, WIRE0, WIRE1, control, ip, vsid};
use crate::control::{Beginning, Control, PROBES, PortHardware, table_limits};
use crate::diagnosis::{ProbeRequest, ProbeWorld};
use crate::packet::{checksum, icmp, ipv4};
use crate::tables::exchange::Punt;
use crate::tables::grace::LocalGrace;
use crate::tables::set::tables;
use crate::telemetry::DropReason;

const ASKED: [u8; 6] = [2, 0, 0, 0, 0x20, 2];
const VM: [u8; 6] = [2, 0x15, 0x5d, 0, 0, 5];
const GATEWAY: [u8; 6] = [2, 0, 0x5e, 0, 1, 1];
const START: Nanos = Nanos(1_000_000_000);

fn ready() -> Control<LocalGrace> {
    let (mut control, _) = control(fixture::config()).expect("fits");
    control.seed_probes(0x0000_0009_1234);
    control
}

fn provider(to: &str) -> ProbeRequest {
    let world = ProbeWorld::Provider { from: None };
    ProbeRequest { world, to: ip(to), size: 84, df: true, ttl: 64, timeout_ms: 1000 }
}

fn overlay(vsid: u32, from: Option<&str>, to: &str) -> ProbeRequest {
    ProbeRequest { world: ProbeWorld::Overlay { vsid, from: from.map(ip) }, ..provider(to) }
}

/// Starts probe 7 and returns what is sent.
fn start(control: &mut Control<LocalGrace>, request: &ProbeRequest) -> Vec<(u16, Vec<u8>)> {
    let mut sent = Sent::default();
    control.start_probe(START, 7, request, &mut sent);
    sent.0
}

fn outcome(control: &mut Control<LocalGrace>) -> ProbeOutcome {
    let [(7, outcome)] = &control.finished_probes()[..] else { panic!("one outcome") };
    outcome.clone()
}

fn interface(control: &Control<LocalGrace>, port: u16, vlan: u16) -> InterfaceId {
    control.fabric.writers.interfaces.resolve(PortId(port), vlan).expect("an interface")
}

/// An ICMP message as a packet.
fn packet(from: [u8; 4], to: [u8; 4], mut message: Vec<u8>) -> Vec<u8> {
    message[2..4].fill(0);
    let sum = !checksum::sum(&message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let header = ipv4::Ipv4::new(from.into(), to.into(), ipv4::ICMP, 60, message.len() as u16);
    [zerocopy::IntoBytes::as_bytes(&header), &message].concat()
}

fn address(packet: &[u8], at: usize) -> [u8; 4] {
    packet[at..at + 4].try_into().expect("four bytes")
}

/// The reply to an echo request, from whom it asks.
fn reply(request: &[u8]) -> Vec<u8> {
    let mut message = request[20..].to_vec();
    message[0] = icmp::ECHO_REPLY;
    packet(address(request, 16), address(request, 12), message)
}

/// The error of a router about a packet.
fn error(router: [u8; 4], kind: u8, code: u8, mtu: u16, about: &[u8]) -> Vec<u8> {
    let head = [&[kind, code, 0, 0, 0, 0][..], &mtu.to_be_bytes()].concat();
    packet(router, address(about, 12), [&head[..], &about[..28]].concat())
}

fn frame(to: [u8; 6], vlan: u16, payload: &[u8]) -> Vec<u8> {
    [&to[..], &ASKED, &[0x81, 0], &vlan.to_be_bytes(), &[8, 0], payload].concat()
}

/// A packet that comes in on the site 10 ms after the start.
fn on_site(control: &mut Control<LocalGrace>, payload: &[u8]) {
    let interface = interface(control, 0, 20);
    let now = Nanos(START.0 + 10_000_000);
    control.handle_punt(now, Punt::Local { interface }, &frame(WIRE0.0, 20, payload), &mut Sent::default());
}

fn on_internet(control: &mut Control<LocalGrace>, payload: &[u8]) {
    let interface = interface(control, 1, 300);
    let punt = Punt::Local { interface };
    control.handle_punt(START, punt, &frame(WIRE1.0, 300, payload), &mut Sent::default());
}

fn from_vm(control: &mut Control<LocalGrace>, vsid_number: u64, vrf: u32, payload: &[u8]) {
    let frame = [&GATEWAY[..], &VM, &[8, 0], payload].concat();
    let punt = Punt::Overlay { vsid: vsid(vsid_number), vrf: VrfId(vrf) };
    control.handle_punt(START, punt, &frame, &mut Sent::default());
}

fn arp_reply(control: &mut Control<LocalGrace>, now: Nanos) -> Vec<(u16, Vec<u8>)> {
    let interface = interface(control, 0, 20);
    let arp = [&[0, 1, 8, 0, 6, 4, 0, 2][..], &ASKED, &[100, 64, 20, 2], &WIRE0.0, &[100, 64, 20, 10]];
    let frame = [&WIRE0.0[..], &ASKED, &[0x81, 0, 0, 20, 8, 6], &arp.concat()].concat();
    let mut sent = Sent::default();
    control.handle_punt(now, Punt::Neighbor { interface }, &frame, &mut sent);
    sent.0
}

fn reply_from(outcome: &ProbeOutcome) -> (IpAddr, IpAddr) {
    match outcome {
        ProbeOutcome::Reply { source, from, .. } => (*source, *from),
        other => panic!("{other:?}"),
    }
}

/// The reason, message and cure of a probe that cannot be sent.
fn refused(control: &mut Control<LocalGrace>, request: &ProbeRequest) -> (String, String, String) {
    assert!(start(control, request).is_empty(), "{request:?}");
    match outcome(control) {
        ProbeOutcome::NotSent { reason, message, cure } => (reason, message, cure),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_host_of_the_provider_network_answers() {
    let mut control = ready();
    let sent = start(&mut control, &ProbeRequest { ttl: 9, ..provider("100.64.20.30") });
    let [(0, frame)] = &sent[..] else { panic!("{sent:02x?}") };
    assert_eq!(frame[..18], [&[2, 0, 0, 0, 0x20, 0x1e][..], &WIRE0.0, &[0x81, 0, 0, 20, 8, 0]].concat());
    let request = &frame[18..];
    assert_eq!((request.len(), request[8]), (84, 9));
    assert_eq!(request[12..20], [100, 64, 20, 10, 100, 64, 20, 30]);
    assert_eq!(request[24..28], [0x12, 0x34, 0, 9], "seeded");
    assert_eq!((control.counters().originated.get(), control.counters().forwarded.get()), (1, 0));

    on_site(&mut control, &reply(request));
    let (source, from) = (ip("100.64.20.10"), ip("100.64.20.30"));
    assert_eq!(outcome(&mut control), ProbeOutcome::Reply { source, from, ttl: 60, rtt_ms: 10.0 });
    assert_eq!((control.counters().consumed.get(), control.next_due()), (1, None));
    on_site(&mut control, &reply(request));
    assert_eq!(control.counters().dropped(DropReason::LocalUnsupported), 1, "nobody waits for it any more");
}

#[test]
fn time_runs_from_when_the_next_hop_is_known() {
    let mut control = ready();
    let asked = start(&mut control, &provider("100.64.30.2"));
    assert_eq!((asked.len(), &asked[0].1[42..]), (1, &[100, 64, 20, 2][..]), "asked for");
    let frames = |control: &Control<LocalGrace>| control.neighbors.iter().map(|n| n.held).sum::<usize>();
    assert_eq!((control.held(), frames(&control)), (0, 1), "no packet that came in is held");
    let later = Nanos(START.0 + 500_000_000);
    let sent = arp_reply(&mut control, later);
    assert_eq!((sent.len(), &sent[0].1[..6]), (1, &ASKED[..]));
    let mut out = Sent::default();
    control.tick(Nanos(later.0 + 999_999_999), &mut out);
    assert_eq!(control.finished_probes(), []);
    assert_eq!(control.next_due(), Some(Nanos(later.0 + 1_000_000_000)));
    control.tick(Nanos(later.0 + 1_000_000_000), &mut out);
    let ProbeOutcome::TimedOut { source, cure: Some(cure) } = outcome(&mut control) else { panic!() };
    assert_eq!(source, ip("100.64.20.10"));
    assert!(cure.contains("100.64.30.2") && cure.contains("a route back to 100.64.20.10"), "{cure}");
    on_site(&mut control, &reply(&sent[0].1[18..]));
    assert_eq!(control.counters().dropped(DropReason::LocalUnsupported), 1, "too late");
}

#[test]
fn a_next_hop_that_does_not_answer_is_the_reason() {
    let mut control = ready();
    start(&mut control, &provider("100.64.30.2"));
    for second in 2..=4 {
        control.tick(Nanos(second * 1_000_000_000), &mut Sent::default());
    }
    let ProbeOutcome::NotSent { reason, message, cure } = outcome(&mut control) else { panic!() };
    assert_eq!(reason, "neighbor-unresolved");
    assert_eq!(message, "next hop 100.64.20.2 on site gateway-site (VLAN 20) does not answer ARP");
    assert!(cure.ends_with("nvgw neighbor add --network gateway-site 100.64.20.2 --mac MAC"), "{cure}");
    assert_eq!(
        (control.counters().dropped_total(), control.neighbors.iter().all(|n| n.held == 0)),
        (0, true)
    );
    let again = refused(&mut control, &provider("100.64.30.2"));
    assert_eq!(again.1, message, "it is not asked again at once");
}

#[test]
fn a_missing_provider_route_names_site_and_cure() {
    let mut config = fixture::config();
    config.provider.sites[0].gateway = None;
    let (mut control, _) = control(config).expect("fits");
    let (reason, message, cure) = refused(&mut control, &provider("10.10.0.21"));
    assert_eq!(reason, "provider-route-missing");
    assert_eq!(message, "no provider route to 10.10.0.21 from site gateway-site (VLAN 20)");
    assert_eq!(
        cure,
        "add a default gateway to the site, or: \
         nvgw provider-route add 10.10.0.21/32 --via <router in 100.64.20.0/24>"
    );
}

#[test]
fn an_address_that_is_being_checked_is_not_used() {
    let mut config = fixture::config();
    config.provider.duplicate_address_detection = nvgw_config::DuplicateAddressDetection::Fast;
    let (writers, _readers) = tables(table_limits(&config), 7).expect("memory");
    let hardware = [WIRE0, WIRE1].map(|mac| PortHardware { mac, check_mac: true, sums_headers: false });
    let beginning = Beginning { check_addresses: true, ..Beginning::default() };
    let control = Control::begin(config, beginning, hardware.to_vec(), writers, LocalGrace::new());
    let mut control = control.expect("fits");
    let (reason, message, cure) = refused(&mut control, &provider("100.64.20.30"));
    assert_eq!(reason, "provider-route-missing");
    let site = "site gateway-site (VLAN 20)";
    assert_eq!(
        message,
        format!("the gateway has no usable provider address on {site}, which leads to 100.64.20.30")
    );
    assert!(cure.starts_with("nvgw provider-address list"), "{cure}");
    assert_eq!(refused(&mut control, &overlay(5001, None, "10.0.1.5")).1, message);
}

#[test]
fn routers_on_the_way_tell() {
    let mut control = ready();
    let sent = start(&mut control, &provider("100.64.20.30"));
    on_site(&mut control, &error([100, 64, 20, 2], 11, 0, 0, &sent[0].1[18..]));
    let (source, from) = (ip("100.64.20.10"), ip("100.64.20.2"));
    assert_eq!(outcome(&mut control), ProbeOutcome::TimeExceeded { source, from, rtt_ms: 10.0 });

    let sent = start(&mut control, &provider("100.64.20.30"));
    on_site(&mut control, &error([100, 64, 20, 2], 3, 4, 1400, &sent[0].1[18..]));
    let (mtu, reason) = (Some(1400), "fragmentation needed".to_owned());
    let refused = ProbeOutcome::Unreachable { source, from, code: 4, reason, mtu, rtt_ms: 10.0 };
    assert_eq!(outcome(&mut control), refused);
}

#[test]
fn what_does_not_fit_the_probe_is_no_answer() {
    let mut control = ready();
    let sent = start(&mut control, &provider("100.64.20.30"));
    let request = sent[0].1[18..].to_vec();
    let with = |at: usize, value: u8| {
        let mut other = request.clone();
        other[at] = value;
        other
    };
    let shorter = packet([100, 64, 20, 30], [100, 64, 20, 10], {
        let mut message = request[20..80].to_vec();
        message[0] = 0;
        message
    });
    let cases = [
        ("from another host", reply(&with(19, 31))),
        ("another identifier", reply(&with(24, 0x13))),
        ("another number", reply(&with(27, 1))),
        ("another content", reply(&with(60, 0))),
        ("a part of the content", shorter),
        ("an error about another host", error([100, 64, 20, 2], 11, 0, 0, &with(19, 31))),
        ("an error about another source", error([100, 64, 20, 2], 11, 0, 0, &with(15, 11))),
    ];
    for (number, (what, packet)) in cases.iter().enumerate() {
        on_site(&mut control, packet);
        assert_eq!(control.finished_probes(), [], "{what}");
        assert_eq!(control.counters().dropped(DropReason::LocalUnsupported), number as u64 + 1, "{what}");
    }
    on_internet(&mut control, &reply(&request));
    from_vm(&mut control, 5001, 0, &reply(&request));
    let interface = interface(&control, 0, 20);
    let to_all = frame([0xff; 6], 20, &reply(&request));
    control.handle_punt(START, Punt::Local { interface }, &to_all, &mut Sent::default());
    assert_eq!(control.finished_probes(), [], "on another side, or to all");
    on_site(&mut control, &reply(&request));
    assert_eq!(reply_from(&outcome(&mut control)), (ip("100.64.20.10"), ip("100.64.20.30")));
}

#[test]
fn a_probe_that_has_not_left_has_no_answer() {
    let mut control = ready();
    start(&mut control, &provider("100.64.30.2"));
    let guessed = crate::control::frames::probe::Request {
        number: Number { identifier: 0x1234, sequence: 9 },
        way: crate::control::frames::probe::Way::V4([100, 64, 20, 10].into(), [100, 64, 30, 2].into()),
        ttl: 64,
        df: true,
        size: 84,
    };
    on_site(&mut control, &reply(&guessed.packet()));
    assert_eq!(control.finished_probes(), []);
}

#[test]
fn a_vm_is_asked_through_its_tunnel_and_answers_in_its_vrf() {
    let mut control = ready();
    let sent = start(&mut control, &overlay(5001, None, "10.0.1.5"));
    let [(0, frame)] = &sent[..] else { panic!("{sent:02x?}") };
    assert_eq!(frame[18 + 12..18 + 20], [100, 64, 20, 10, 100, 64, 20, 30], "outer addresses");
    assert_eq!(
        frame[38..60],
        [&[0x20, 0, 0x65, 0x58, 0, 0x13, 0x89, 0][..], &VM, &GATEWAY, &[8, 0]].concat()
    );
    let request = frame[60..].to_vec();
    assert_eq!(request[12..20], [10, 0, 1, 1, 10, 0, 1, 5]);
    from_vm(&mut control, 6001, 1, &reply(&request));
    assert_eq!(control.finished_probes(), [], "another tenant has the same addresses");
    from_vm(&mut control, 5001, 0, &reply(&request));
    assert_eq!(reply_from(&outcome(&mut control)), (ip("10.0.1.1"), ip("10.0.1.5")));

    let sent = start(&mut control, &overlay(5001, Some("10.0.2.1"), "172.16.3.4"));
    let request = sent[0].1[60..].to_vec();
    assert_eq!(request[12..20], [10, 0, 2, 1, 172, 16, 3, 4], "to the VM that routes");
    from_vm(&mut control, 5001, 0, &error([10, 0, 1, 5], 3, 1, 0, &request));
    let ProbeOutcome::Unreachable { from, code: 1, mtu: None, .. } = outcome(&mut control) else { panic!() };
    assert_eq!(from, ip("10.0.1.5"));
}

#[test]
fn outside_is_asked_from_an_address_that_answers_come_back_to() {
    let mut control = ready();
    let sent = start(&mut control, &overlay(6001, None, "9.9.9.9"));
    let [(1, frame)] = &sent[..] else { panic!("{sent:02x?}") };
    assert_eq!(frame[..18], [&[2, 0, 0, 0, 0x30, 1][..], &WIRE1.0, &[0x81, 0, 1, 0x2c, 8, 0]].concat());
    assert_eq!(frame[18 + 12..18 + 20], [198, 18, 0, 2, 9, 9, 9, 9], "not the tenant's private address");
    let request = frame[18..].to_vec();
    from_vm(&mut control, 6001, 1, &reply(&request));
    assert_eq!(control.finished_probes(), []);
    on_internet(&mut control, &reply(&request));
    assert_eq!(reply_from(&outcome(&mut control)), (ip("198.18.0.2"), ip("9.9.9.9")));

    let (reason, message, cure) = refused(&mut control, &overlay(6001, Some("10.0.1.1"), "9.9.9.9"));
    assert_eq!(reason, "inner-martian-source");
    assert_eq!(message, "network internet knows no way back to 10.0.1.1: no answer could come in");
    assert!(cure.contains("network internet (VLAN 300)"), "{cure}");
    let public = overlay(6002, Some("203.0.113.1"), "9.9.9.9");
    let sent = start(&mut control, &public);
    assert_eq!(sent[0].1[18 + 12..18 + 16], [203, 0, 113, 1], "a public gateway address is known outside");
    on_internet(&mut control, &reply(&sent[0].1[18..]));
    assert_eq!(reply_from(&outcome(&mut control)), (ip("203.0.113.1"), ip("9.9.9.9")));
}

#[test]
fn a_tenants_own_uplink_knows_the_tenants_addresses() {
    let mut control = ready();
    let asked = start(&mut control, &overlay(5001, None, "9.9.9.9"));
    assert_eq!((asked.len(), &asked[0].1[42..]), (1, &[198, 18, 1, 1][..]), "the uplink's gateway");
    let waiting = control.probes.under_way.values().next().expect("one");
    assert_eq!((waiting.source, waiting.side), ([10, 0, 1, 1].into(), Side::Vrf(VrfId(0))));
}

#[test]
fn what_cannot_be_sent_says_why() {
    let mut control = ready();
    let from = |from: &str, to: &str| {
        let world = ProbeWorld::Provider { from: Some(ip(from)) };
        ProbeRequest { world, ..provider(to) }
    };
    let sized = |request: ProbeRequest, size, df| ProbeRequest { size, df, ..request };
    let cases = [
        (provider("100.64.20.10"), "own-packet", "itself"),
        (from("100.64.20.11", "100.64.20.30"), "outer-martian-source", "100.64.20.11"),
        (provider("100.64.20.255"), "outer-martian-source", "100.64.20.255"),
        (provider("2001:db8::1"), "provider-route-missing", "2001:db8::1"),
        (from("100.64.20.10", "2001:db8::1"), "malformed", "different families"),
        (overlay(5001, None, "2001:db8::1"), "inner-martian-source", "no IPv6 prefix"),
        (sized(provider("100.64.20.30"), 27, true), "malformed", "27 bytes"),
        (ProbeRequest { ttl: 0, ..provider("100.64.20.30") }, "malformed", "TTL of 0"),
        (sized(provider("100.64.20.30"), 1601, true), "mtu-exceeded", "it takes 1600"),
        (sized(provider("100.64.20.30"), 1601, false), "mtu-exceeded", "never fragments"),
        (sized(overlay(5001, None, "10.0.1.5"), 1559, true), "mtu-exceeded", "it takes 1558"),
        (overlay(7001, None, "10.0.1.5"), "no-policy-for-vsid", "VSID 7001"),
        (overlay(1 << 24, None, "10.0.1.5"), "no-policy-for-vsid", "VSID 16777216"),
        (overlay(5001, Some("10.0.1.5"), "10.0.1.5"), "inner-martian-source", "10.0.1.5"),
        (overlay(5001, None, "10.0.2.1"), "own-packet", "10.0.2.1"),
        (overlay(5001, None, "10.0.1.9"), "destination-record-missing", "10.0.1.9"),
        (overlay(5001, None, "10.0.1.255"), "multicast-unsupported", "10.0.1.255"),
    ];
    for (request, reason, word) in cases {
        let told = refused(&mut control, &request);
        assert_eq!(told.0, reason, "{request:?}");
        assert!(told.1.contains(word), "{word:?} is not in {:?}", told.1);
        assert!(!told.2.is_empty());
    }
    assert_eq!(control.counters().dropped_total(), 0, "no packet was dropped: none came in");
    assert!(control.probes.under_way.is_empty());
    assert_eq!(start(&mut control, &from("100.64.20.10", "100.64.20.30")).len(), 1);
    assert_eq!(start(&mut control, &sized(overlay(5001, None, "10.0.1.5"), 1558, true)).len(), 1);
}

#[test]
fn so_many_are_under_way_at_most() {
    let mut control = ready();
    let mut sent = Sent::default();
    for id in 0..=PROBES as u64 {
        control.start_probe(START, id, &provider("100.64.20.30"), &mut sent);
    }
    assert_eq!(sent.0.len(), PROBES);
    let [(id, ProbeOutcome::NotSent { reason, .. })] = &control.finished_probes()[..] else { panic!() };
    assert_eq!((*id, &reason[..]), (PROBES as u64, "hold-queue-full"));
    control.tick(Nanos(START.0 + 1_000_000_000), &mut sent);
    assert_eq!(control.finished_probes().len(), PROBES);
    assert_eq!((control.next_due(), control.probes.under_way.len()), (None, 0));
}

#[test]
fn a_full_queue_to_the_workers_is_told() {
    struct Full;
    impl crate::control::Egress for Full {
        fn transmit(&mut self, _: PortId, _: &[u8]) -> bool {
            false
        }
    }
    let mut control = ready();
    control.start_probe(START, 7, &provider("100.64.20.30"), &mut Full);
    let ProbeOutcome::NotSent { reason, .. } = outcome(&mut control) else { panic!() };
    assert_eq!((&reason[..], control.counters().dropped_total()), ("transmit-full", 0));
    assert_eq!(control.counters().port(PortId(0)).tx_dropped.get(), 1);
}
