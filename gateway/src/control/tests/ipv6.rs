//! IPv6 beside IPv4: what the tables lead to, and what the networks' stations are told.

use nvgw_config::DuplicateAddressDetection;
use nvgw_types::{MacAddr, PortId, VrfId};

use super::{apply, at, begin, journal, told, written};
use crate::control::desired::{Adjacency, AdjacencyKey, Hop, InterfaceKey, VrfKey};
use crate::control::events::EventKind;
use crate::control::fixture::{self, Sent, WIRE0, WIRE1, control, ip, mac, record};
use crate::control::frames::Link;
use crate::control::frames::neighbors::word;
use crate::control::model::Stored;
use crate::control::neighbors::State;
use crate::control::{Control, Nanos, Owner};
use crate::diagnosis::{ProbeOutcome, ProbeRequest, ProbeWorld};
use crate::tables::entries::{Reach, Target, from_ip};
use crate::tables::exchange::Punt;
use crate::tables::grace::LocalGrace;
use crate::telemetry::DropReason;

/// A station of the site and of the external network, as its Ethernet address.
const STATION: MacAddr = MacAddr([2, 0, 0, 0, 0, 0x0b]);
const SITE: InterfaceKey = InterfaceKey { port: PortId(0), vlan: 22 };
const OUTSIDE: InterfaceKey = InterfaceKey { port: PortId(1), vlan: 300 };
const RED: VrfId = VrfId(0);
const BLUE: VrfId = VrfId(1);
const NOW: Nanos = Nanos(0);

fn ready() -> Control<LocalGrace> {
    control(fixture::with_ipv6(fixture::config())).expect("fits").0
}

/// The station's end of a network.
fn station(on: InterfaceKey) -> Link {
    Link { mac: STATION, vlan: on.vlan }
}

/// What the gateway sends when it hears a frame about neighbours.
fn hear(control: &mut Control<LocalGrace>, on: InterfaceKey, frame: &[u8]) -> Vec<Vec<u8>> {
    hear_at(control, NOW, on, frame)
}

fn hear_at(control: &mut Control<LocalGrace>, now: Nanos, on: InterfaceKey, frame: &[u8]) -> Vec<Vec<u8>> {
    let interface = control.fabric.writers.interfaces.resolve(on.port, on.vlan).expect("an interface");
    let mut sent = Sent::default();
    control.handle_punt(now, Punt::Neighbor { interface }, frame, &mut sent);
    sent.0.into_iter().map(|(_, frame)| frame).collect()
}

fn internet(control: &Control<LocalGrace>) -> VrfId {
    control.fabric.current.vrfs[&VrfKey::External("internet".into())]
}

#[test]
fn each_prefix_leads_where_its_family_leads() {
    let control = ready();
    let leads = |vrf, to: &str| control.leads(vrf, ip(to));
    assert_eq!(leads(RED, "2001:db8:0::5"), Target::Subnet);
    assert_eq!(leads(RED, "2001:db8:0::1"), Target::Local);
    assert_eq!(leads(RED, "2001:db8:0::"), Target::Local, "the address of all routers");
    assert_eq!(leads(RED, "2001:db8:0:0:ffff:ffff:ffff:ffff"), Target::Subnet, "there is no broadcast");
    assert_eq!(leads(BLUE, "2001:db8:ffff::1"), Target::Vrf(internet(&control)));
    assert_eq!(leads(internet(&control), "2001:db8:300::2"), Target::Local);
    assert!(matches!(leads(internet(&control), "2001:db8:300::9"), Target::Adjacency(_)));
    let connected = |to| match control.leads(internet(&control), ip(to)) {
        Target::Adjacency(id) => *control.fabric.writers.adjacencies.get(id.0).expect("a way"),
        other => panic!("{other:?}"),
    };
    let (ipv4, ipv6) = (connected("198.18.0.9"), connected("2001:db8:300::9"));
    assert_eq!(ipv4.neighbor(), ipv6.neighbor(), "hosts that are not known yet");
    let mut room = [0; crate::tables::entries::Rewrite::ROOM];
    let mut ethertype = |rewrite: crate::tables::entries::Rewrite| {
        assert_eq!(rewrite.plain(&mut room), 18, "Ethernet and 802.1Q");
        room[room.len() - 2..].to_vec()
    };
    assert_eq!((ethertype(ipv4), ethertype(ipv6)), (vec![0x08, 0x00], vec![0x86, 0xdd]));
}

#[test]
fn a_tunnel_is_as_wide_as_its_path_less_its_headers() {
    let mut control = ready();
    let mtu = |control: &Control<LocalGrace>, address: &str| {
        let record = control.record(RED, from_ip(ip(address))).expect("a record");
        control.fabric.writers.adjacencies.get(record.adjacency().0).expect("a way").mtu()
    };
    let red = |last: u8| format!("2001:db8:0::{last}");
    // Red's VM 10.0.1.5 is at 100.64.20.30, and by IPv6 at 2001:db8:30::2, behind a path of 1400 bytes.
    let peer = control.model.records()[&crate::control::desired::Customer { vrf: RED, address: ip(&red(5)) }]
        .provider();
    assert_eq!(peer, ip("100.64.20.30"));
    assert_eq!(mtu(&control, &red(5)), 1600 - 42, "IPv6 in IPv4");
    apply(
        &mut control,
        &["move-lookup: { vsid: 5001, address: \"2001:db8::5\", provider-address: \"2001:db8:30::2\" }"],
    );
    assert_eq!(mtu(&control, &red(5)), 1400 - 62, "IPv6 in IPv6, over the narrow path");
    apply(
        &mut control,
        &["move-lookup: { vsid: 5001, address: \"2001:db8::5\", provider-address: \"2001:db8:20::30\" }"],
    );
    assert_eq!(mtu(&control, &red(5)), 1600 - 62, "on the site");
    apply(
        &mut control,
        &["move-lookup: { vsid: 5001, address: 10.0.1.5, provider-address: \"2001:db8:30::2\" }"],
    );
    assert_eq!(mtu(&control, "10.0.1.5"), 1400 - 62, "IPv4 in IPv6");
    let Adjacency::Hop { tunnel: Some(tunnel), .. } =
        control.fabric.current.adjacencies[&AdjacencyKey::Peer(ip("2001:db8:30::2"))]
    else {
        panic!("a tunnel");
    };
    assert_eq!((tunnel.source, tunnel.destination), (ip("2001:db8:20::a"), ip("2001:db8:30::2")));
}

#[test]
fn what_is_stored_comes_back_and_old_entries_are_read() {
    let (mut first, _) = begin(fixture::with_ipv6(fixture::config()), vec![], false);
    let lines = [
        "add-tenant: { name: green, router-advertisements: off }",
        "add-subnet: { tenant: green, vsid: 7001, prefix: 10.7.0.0/24, gateway: 10.7.0.1, \
         prefix-ipv6: \"2001:db8:7::/64\", gateway-ipv6: \"2001:db8:7::1\" }",
        "add-subnet: { tenant: green, vsid: 7002, prefix: \"2001:db8:8::/64\", gateway: \"2001:db8:8::1\" }",
        "add-lookup: { vsid: 7001, address: \"2001:db8:7::5\", mac: 02:15:5d:00:07:05, \
         provider-address: \"2001:db8:20::31\" }",
        "add-provider-route: { prefix: \"2001:db8:40::/64\", next-hop: \"2001:db8:20::3\", mtu: 1300 }",
        "add-customer-route: { tenant: green, prefix: \"2001:db8:77::/64\", next-hop: \"2001:db8:7::5\" }",
    ];
    let pending = first.prepare(&written(&lines), Owner::Api).expect("fits");
    let writes = pending.writes.clone();
    first.commit(pending, at(0), &mut Sent::default()).expect("fits");
    let (second, _) = begin(fixture::with_ipv6(fixture::config()), journal(&writes), false);
    assert_eq!(second.model.essence(), first.model.essence());
    assert_eq!(second.model.suspended().count(), 0);
    assert!(!second.model.tenants()["green"].value.router_advertisements);
}

#[test]
fn what_was_stored_before_ipv6_is_read() {
    const OLD: [&str; 4] = [
        r#"{"tenant":{"name":"green","routing-domain":null,"gateway-mac":"02:00:5e:00:01:01","sender-check":"strict",
        "external":null,"public-prefixes":[]}}"#,
        r#"{"subnet":{"tenant":"green","vsid":7001,"prefix":"10.0.7.0/24","gateway":"10.0.7.1"}}"#,
        r#"{"provider-route":{"prefix":"100.64.40.0/24","next-hop":"100.64.20.3","metric":10}}"#,
        r#"{"lookup":{"vsid":7001,"address":"10.0.7.5","mac":"02:15:5d:00:07:05","provider-address":"100.64.40.2",
        "name":null,"hash-flow-id":null,"owner":"api"}}"#,
    ];
    let read = |old: &&str| Stored::read("key", old.as_bytes()).expect("as it was written");
    let (control, _) = begin(fixture::config(), OLD.iter().map(read).collect(), false);
    assert_eq!(control.model.suspended().count(), 0);
    let names: Vec<_> = control.model.stored().iter().map(Stored::key).collect();
    let wanted =
        ["tenant/green", "subnet/7001", "provider-route/100.64.40.0/24/100.64.20.3", "lookup/7001/10.0.7.5"];
    assert_eq!(names, wanted);
    assert!(control.model.tenants()["green"].value.router_advertisements);
}

#[test]
fn who_asks_for_our_address_is_answered_learned_and_asked_back() {
    let mut control = ready();
    for (on, ours, us) in [(SITE, "2001:db8:20::a", WIRE0), (OUTSIDE, "2001:db8:300::2", WIRE1)] {
        let asker = if on == SITE { ip("2001:db8:20::99") } else { ip("2001:db8:300::99") };
        let question = station(on).ask(None, asker, ip(ours)).expect("one family");
        let own = Link { mac: us, vlan: on.vlan };
        let verify = own.ask(Some(STATION), ip(ours), asker).expect("one family");
        let answer = own.answer(ip(ours), STATION, Some(asker)).expect("one family");
        assert_eq!(hear(&mut control, on, &question), [answer.clone(), verify]);
        assert_eq!(hear(&mut control, on, &question), [answer], "asked already");
        let hop = Hop { interface: on, address: asker };
        assert_eq!(control.neighbors.state(hop), Some(State::Probing));
        let here = station(on).answer(asker, us, Some(ip(ours))).expect("one family");
        assert!(hear(&mut control, on, &here).is_empty());
        assert_eq!(control.neighbors.state(hop), Some(State::Reachable));
    }
    // The external one is a host from now on.
    assert_eq!(control.fabric.hosts().len(), 1);
    let route =
        control.routes(Some("internet")).into_iter().find(|r| r.prefix.addr() == ip("2001:db8:300::99"));
    assert_eq!(route.map(|route| (route.prefix.prefix_len(), route.owner)), Some((128, "nd")));
}

#[test]
fn the_link_local_address_is_answered_for_and_teaches_nothing() {
    let mut control = ready();
    let (asker, ours) = (ip("fe80::ff:fe00:b"), ip("fe80::ff:fe00:a0"));
    for target in [ours, ip("2001:db8:20::a")] {
        let question = station(SITE).ask(None, asker, target).expect("one family");
        let own = Link { mac: WIRE0, vlan: 22 };
        let answer = own.answer(target, STATION, Some(asker)).expect("one family");
        assert_eq!(hear(&mut control, SITE, &question), [answer]);
    }
    let without = InterfaceKey { port: PortId(0), vlan: 20 };
    let question = station(without).ask(None, asker, ours).expect("one family");
    assert!(hear(&mut control, without, &question).is_empty(), "a network without IPv6");
    assert!(!control.neighbors.iter().any(|view| view.hop.address == asker));

    let (interface, before) = (interface(&control, SITE), control.counters().consumed.get());
    let mut sent = Sent::default();
    let request = echo("fe80::ff:fe00:b", "fe80::ff:fe00:a0", 128);
    let frame = Link { mac: STATION, vlan: 22 }.packet(WIRE0, &request);
    control.handle_punt(NOW, Punt::Local { interface }, &frame, &mut sent);
    let reply =
        Link { mac: WIRE0, vlan: 22 }.packet(STATION, &echo("fe80::ff:fe00:a0", "fe80::ff:fe00:b", 129));
    assert_eq!(sent.0, [(0, reply)], "back to where it came from");
    assert_eq!(control.counters().consumed.get() - before, 1);
}

fn interface(control: &Control<LocalGrace>, on: InterfaceKey) -> nvgw_types::InterfaceId {
    control.fabric.writers.interfaces.resolve(on.port, on.vlan).expect("an interface")
}

/// An echo without data between two addresses, hop limit 64; the type is 128 or 129.
fn echo(source: &str, destination: &str, kind: u8) -> Vec<u8> {
    use crate::packet::icmpv6::{Ends, answer_echo, echo_request};
    use crate::packet::ipv6;
    use zerocopy::IntoBytes;
    let (std::net::IpAddr::V6(source), std::net::IpAddr::V6(destination)) = (ip(source), ip(destination))
    else {
        panic!("IPv6")
    };
    let ends = Ends { source, destination };
    let mut message = echo_request(ends, 7, 1, b"");
    if kind == 129 {
        assert!(answer_echo(ends, &mut message));
    }
    [ipv6::Ipv6::new(source, destination, ipv6::ICMP, 64, 8).as_bytes(), &message].concat()
}

#[test]
fn discovery_that_contradicts_the_configuration_is_dropped() {
    let mut control = ready();
    let before = control.neighbors(NOW);
    let link = station(SITE);
    let ours = ip("2001:db8:20::a");
    let asked = |asker, target| link.ask(None, asker, target).expect("one family");
    let mut far = asked(ip("2001:db8:20::9"), ours);
    far[18 + 7] = 254;
    let mut damaged = asked(ip("2001:db8:20::9"), ours);
    damaged[18 + 42] ^= 1;
    let group = Link { mac: MacAddr([3, 0, 0, 0, 0, 1]), vlan: 22 };
    let ignored = [
        ("outside the subnet", asked(ip("2001:db8:21::9"), ours)),
        ("the address of all routers", asked(ip("2001:db8:20::"), ours)),
        ("our address", link.announcement(ours)),
        ("from beyond the link", far),
        ("damaged", damaged),
        ("cut off", asked(ip("2001:db8:20::9"), ours)[..80].to_vec()),
        ("a group's Ethernet address", group.probe(ip("2001:db8:20::9"))),
    ];
    for (number, (what, frame)) in ignored.iter().enumerate() {
        assert!(hear(&mut control, SITE, frame).is_empty(), "{what}");
        assert_eq!(control.counters().dropped(DropReason::DiscoveryIgnored), number as u64 + 1, "{what}");
    }
    assert_eq!(control.neighbors(NOW), before);
    let conflicts: Vec<_> = control.address_conflicts(NOW).collect();
    assert_eq!(conflicts, [("six".to_owned(), ours, STATION, 1, true)]);
    hear(&mut control, SITE, &Link { mac: WIRE0, vlan: 22 }.probe(ours));
    assert_eq!(control.counters().dropped(DropReason::OwnPacket), 1);
    // Others' talk is absorbed.
    assert!(hear(&mut control, SITE, &asked(ip("2001:db8:20::9"), ip("2001:db8:20::8"))).is_empty());
    assert_eq!(control.neighbors(NOW), before);
}

#[test]
fn a_probe_for_our_address_is_answered_to_all() {
    let mut control = ready();
    let answer = Link { mac: WIRE0, vlan: 22 }.announcement(ip("2001:db8:20::a"));
    assert_eq!(hear(&mut control, SITE, &station(SITE).probe(ip("2001:db8:20::a"))), [answer]);
    assert_eq!(control.address_conflicts(NOW).count(), 0);
}

/// A cold gateway that checks its addresses, up to a moment in milliseconds.
fn run(control: &mut Control<LocalGrace>, until: u64) -> Vec<Vec<u8>> {
    let mut sent = Sent::default();
    while let Some(due) = control.next_due().filter(|due| *due <= at(until)) {
        control.tick(due, &mut sent);
    }
    sent.0.into_iter().map(|(_, frame)| frame).filter(|frame| frame[14..16] == [0, 22]).collect()
}

fn cold() -> Control<LocalGrace> {
    let mut config = fixture::with_ipv6(fixture::config());
    config.provider.duplicate_address_detection = DuplicateAddressDetection::Fast;
    begin(config, vec![], true).0
}

#[test]
fn a_provider_address_is_probed_for_then_announced() {
    let mut control = cold();
    let ours = ip("2001:db8:20::a");
    let own = Link { mac: WIRE0, vlan: 22 };
    assert_eq!(run(&mut control, 599), vec![own.probe(ours); 3]);
    let question = station(SITE).ask(None, ip("2001:db8:20::9"), ours).expect("one family");
    assert!(hear_at(&mut control, at(599), SITE, &question).is_empty(), "not ours yet");
    assert_eq!(run(&mut control, 600), [own.announcement(ours)]);
    assert!(told(&control, EventKind::AddressPreferred).contains(&"2001:db8:20::a on six"));
    assert!(!hear_at(&mut control, at(601), SITE, &question).is_empty());
}

#[test]
fn who_has_or_wants_a_provider_address_keeps_it() {
    let ours = ip("2001:db8:20::a");
    for claim in [station(SITE).announcement(ours), station(SITE).probe(ours)] {
        let mut control = cold();
        run(&mut control, 250);
        hear_at(&mut control, at(250), SITE, &claim);
        assert!(run(&mut control, 700).is_empty(), "neither probed for nor announced any more");
        assert_eq!(told(&control, EventKind::DuplicateAddress), ["2001:db8:20::a on six"]);
    }
}

#[test]
fn our_addresses_are_announced() {
    let control = ready();
    let mut sent = Sent::default();
    control.announce(&mut sent);
    let site = Link { mac: WIRE0, vlan: 22 }.announcement(ip("2001:db8:20::a"));
    let outside = Link { mac: WIRE1, vlan: 300 }.announcement(ip("2001:db8:300::2"));
    assert!(sent.0.contains(&(0, site)) && sent.0.contains(&(1, outside)));
}

#[test]
fn a_host_beyond_a_router_is_pinged_and_answers() {
    let mut control = ready();
    let request = ProbeRequest {
        world: ProbeWorld::Provider { from: None },
        to: ip("2001:db8:30::2"),
        size: 1400,
        df: true,
        ttl: 64,
        timeout_ms: 1000,
    };
    let mut sent = Sent::default();
    control.start_probe(NOW, 1, &ProbeRequest { size: 1401, ..request.clone() }, &mut sent);
    let [(1, ProbeOutcome::NotSent { reason, .. })] = &control.finished_probes()[..] else { panic!() };
    assert_eq!(reason, "mtu-exceeded");
    control.start_probe(NOW, 2, &request, &mut sent);
    let router = ip("2001:db8:20::2");
    let own = Link { mac: WIRE0, vlan: 22 };
    let question = own.ask(None, ip("2001:db8:20::a"), router).expect("one family");
    assert_eq!(sent.0, [(0, question)]);
    let here = station(SITE).answer(router, WIRE0, Some(ip("2001:db8:20::a"))).expect("one family");
    let [frame] = &hear(&mut control, SITE, &here)[..] else { panic!("the probe") };
    assert_eq!((frame.len(), &frame[..6]), (18 + 1400, &STATION.0[..]));

    let mut packet = frame[18..].to_vec();
    let (source, destination) = (packet[8..24].to_vec(), packet[24..40].to_vec());
    packet[8..24].copy_from_slice(&destination);
    packet[24..40].copy_from_slice(&source);
    let sum = u16::from_be_bytes([packet[42], packet[43]]) - 0x0100;
    packet[40] = 129;
    packet[42..44].copy_from_slice(&sum.to_be_bytes());
    let interface = interface(&control, SITE);
    let reply = station(SITE).packet(WIRE0, &packet);
    control.handle_punt(Nanos(5_000_000), Punt::Local { interface }, &reply, &mut sent);
    let [(2, ProbeOutcome::Reply { from, rtt_ms, .. })] = control.finished_probes()[..] else { panic!() };
    assert_eq!((from, rtt_ms), (ip("2001:db8:30::2"), 5.0));
}

#[test]
fn a_vm_pings_its_gateway() {
    let mut control = ready();
    let gateway_mac = control.model.tenants()["red"].value.gateway_mac;
    apply(
        &mut control,
        &["add-neighbor: { network: six, address: \"2001:db8:20::30\", mac: 02:00:00:00:20:30 }"],
    );
    let vm = record(5001, "2001:db8::9", "02:15:5d:00:00:09", "2001:db8:20::30");
    let set = nvgw_config::ChangeSet {
        changes: vec![nvgw_config::Change::AddLookup(vm)],
        ..nvgw_config::ChangeSet::default()
    };
    control.change(&set, Owner::Api, NOW, &mut Sent::default()).expect("fits");
    let link = Link { mac: mac("02:15:5d:00:00:09"), vlan: 0 };
    let mut ping = |asked: &str| {
        let frame = link.packet(gateway_mac, &echo("2001:db8::9", asked, 128));
        let punt = Punt::Overlay { vsid: fixture::vsid(5001), vrf: RED };
        let mut sent = Sent::default();
        control.handle_punt(NOW, punt, &frame, &mut sent);
        sent.0
    };
    let [(0, frame)] = &ping("2001:db8::1")[..] else { panic!("one answer") };
    // Ethernet, 802.1Q, IPv6, GRE, Ethernet, and the answer.
    let inner = 14 + 4 + 40 + 8 + 14;
    assert_eq!(frame[..6], [2, 0, 0, 0, 0x20, 0x30]);
    assert_eq!(frame[inner - 2..inner], [0x86, 0xdd]);
    assert_eq!(frame[inner..], echo("2001:db8::1", "2001:db8::9", 129)[..]);
    assert!(ping("2001:db8::").is_empty(), "the address of all routers");
    assert_eq!(ping("2001:db8:1::1").len(), 1, "another subnet's gateway");
    assert_eq!(control.counters().dropped(DropReason::LocalUnsupported), 1);
}

#[test]
fn a_packet_to_a_host_waits_for_its_advertisement() {
    let mut control = ready();
    let Target::Adjacency(id) = control.leads(internet(&control), ip("2001:db8:300::99")) else { panic!() };
    let rewrite = *control.fabric.writers.adjacencies.get(id.0).expect("a way");
    assert_eq!(rewrite.reach(), Reach::Unresolved);
    let packet = echo("2001:db8:113:2::5", "2001:db8:300::99", 128);
    let frame = Link { mac: WIRE1, vlan: 300 }.packet(MacAddr::ZERO, &packet);
    let ingress = crate::tables::exchange::Ingress::Tenant(BLUE);
    let mut sent = Sent::default();
    control.handle_punt(NOW, Punt::Unresolved { neighbor: rewrite.neighbor(), ingress }, &frame, &mut sent);
    assert_eq!(word(&sent.0[0].1).and_then(|word| word.asks), Some(ip("2001:db8:300::99")));
    let here = station(OUTSIDE).answer(ip("2001:db8:300::99"), WIRE1, Some(ip("2001:db8:300::2")));
    let carried = hear(&mut control, OUTSIDE, &here.expect("one family"));
    assert_eq!(carried, [[&STATION.0[..], &frame[6..]].concat()]);
    let Target::Adjacency(id) = control.leads(internet(&control), ip("2001:db8:300::99")) else { panic!() };
    assert_eq!(control.fabric.writers.adjacencies.get(id.0).expect("a way").reach(), Reach::Resolved);
}
