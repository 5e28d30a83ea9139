use nvgw_types::{InterfaceId, VrfId};

use crate::control::fixture::{self, Sent, WIRE1, control, ip};
use crate::control::neighbors::{State, hosts_of};
use crate::control::*;
use crate::tables::entries::{Reach, Rewrite, Target};
use crate::tables::exchange::{Ingress, Punt};
use crate::tables::grace::LocalGrace;
use crate::telemetry::DropReason;

const HOST: [u8; 6] = [2, 0, 0, 0, 0x30, 0x50];
const INTERNET: VrfId = VrfId(2);
/// Where packets come from whose next hop is unknown.
const FROM: Ingress = Ingress::Tenant(VrfId(0));

fn at(seconds: u64) -> Nanos {
    Nanos(seconds * 1_000_000_000)
}

fn outside(control: &Control<LocalGrace>) -> InterfaceId {
    control.fabric.writers.interfaces.resolve(PortId(1), 300).expect("an interface")
}

/// The rewrite that a packet to an address of the internet's VRF gets.
fn way(control: &Control<LocalGrace>, address: [u8; 4]) -> Rewrite {
    let leaf =
        control.fabric.writers.ipv4_routes.lookup(INTERNET, u32::from_be_bytes(address)).expect("a route").2;
    match Target::decode(leaf.get()) {
        Target::Adjacency(id) => *control.fabric.writers.adjacencies.get(id.0).expect("an adjacency"),
        other => panic!("{other:?}"),
    }
}

/// A frame of the datapath to a host of the internet's network, complete but for its Ethernet address.
fn transit(destination: [u8; 4]) -> Vec<u8> {
    let header = [0x45, 0, 0, 20, 0, 0, 0x40, 0, 63, 17, 0, 0, 203, 0, 113, 5];
    [&[0; 6][..], &WIRE1.0, &[0x81, 0, 1, 0x2c, 8, 0], &header, &destination].concat()
}

fn arp_reply(sender: [u8; 4]) -> Vec<u8> {
    [
        &WIRE1.0[..],
        &HOST,
        &[0x81, 0, 1, 0x2c, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2],
        &HOST,
        &sender,
        &WIRE1.0,
        &[198, 18, 0, 2],
    ]
    .concat()
}

/// Has the host 198.18.0.80 asked for by a packet, and answered.
fn learned() -> Control<LocalGrace> {
    let (mut control, _) = control(fixture::config()).expect("fits");
    let interface = outside(&control);
    let connected = way(&control, [198, 18, 0, 80]);
    assert_eq!((connected.reach(), connected.neighbor()), (Reach::Unresolved, hosts_of(interface)));

    let (mut sent, frame) = (Sent::default(), transit([198, 18, 0, 80]));
    control.handle_punt(
        at(0),
        Punt::Unresolved { neighbor: connected.neighbor(), ingress: FROM },
        &frame,
        &mut sent,
    );
    assert_eq!((sent.0.len(), control.held()), (1, 1), "asked for");
    sent.0.clear();
    control.handle_punt(at(1), Punt::Neighbor { interface }, &arp_reply([198, 18, 0, 80]), &mut sent);
    assert_eq!(sent.0, [(1, [&HOST[..], &frame[6..]].concat())]);
    control
}

#[test]
fn a_host_that_answers_gets_a_way_of_its_own() {
    let control = learned();
    let host = way(&control, [198, 18, 0, 80]);
    let mut room = [0; Rewrite::ROOM];
    let used = usize::from(host.plain(&mut room));
    let headers = [&HOST[..], &WIRE1.0, &[0x81, 0, 1, 0x2c, 8, 0]].concat();
    assert_eq!((host.reach(), &room[Rewrite::ROOM - used..]), (Reach::Resolved, &headers[..]));
    assert_eq!(way(&control, [198, 18, 0, 81]).reach(), Reach::Unresolved, "its neighbour does not");
    let shown = control.routes(Some("internet")).into_iter().find(|route| route.owner == "arp");
    assert_eq!(shown.map(|route| route.prefix.to_string()), Some("198.18.0.80/32".to_owned()));
}

#[test]
fn a_host_that_falls_silent_loses_it() {
    let mut control = learned();
    let mut sent = Sent::default();
    for _ in 0..7 {
        let due = control.next_due().expect("a timer");
        control.tick(due, &mut sent);
    }
    assert_eq!(control.next_due(), None);
    assert_eq!(sent.0.len(), 6, "asked itself, then everyone");
    assert_eq!(way(&control, [198, 18, 0, 80]).neighbor(), hosts_of(outside(&control)));
    assert!(control.neighbors(at(400)).iter().all(|neighbor| neighbor.address != ip("198.18.0.80")));
}

#[test]
fn a_reload_that_leaves_the_network_alone_keeps_it() {
    let mut control = learned();
    let before = way(&control, [198, 18, 0, 80]);
    let mut config = fixture::config();
    config.tenants[1].public_prefixes.clear();
    control.reload(config, at(2), &mut Sent::default()).expect("fits");
    assert_eq!(way(&control, [198, 18, 0, 80]), before);
}

#[test]
fn a_reload_that_names_the_host_takes_it_over() {
    let mut control = learned();
    let mut config = fixture::config();
    config.external[0].gateways = vec![ip("198.18.0.80")];
    control.reload(config, at(2), &mut Sent::default()).expect("fits");
    assert_eq!(way(&control, [198, 18, 0, 80]).reach(), Reach::Resolved);
    assert_eq!(way(&control, [9, 9, 9, 9]), way(&control, [198, 18, 0, 80]), "known from the start");
    assert!(control.routes(None).iter().all(|route| route.owner != "arp"));
}

#[test]
fn a_reload_that_removes_the_network_forgets_it() {
    let mut control = learned();
    let mut config = fixture::config();
    config.external[0].vlan = None;
    control.reload(config, at(2), &mut Sent::default()).expect("fits");
    assert_eq!(control.neighbors.held(), 0);
    assert!(control.neighbors(at(2)).iter().all(|neighbor| neighbor.address != ip("198.18.0.80")));
    assert!(control.fabric.hosts().is_empty());
}

#[test]
fn what_no_host_can_have_is_not_asked_for() {
    let (mut control, _) = control(fixture::config()).expect("fits");
    let neighbor = hosts_of(outside(&control));
    let mut sent = Sent::default();
    for address in [[198, 18, 0, 255], [198, 18, 0, 2], [9, 9, 9, 9]] {
        control.handle_punt(
            at(0),
            Punt::Unresolved { neighbor, ingress: FROM },
            &transit(address),
            &mut sent,
        );
    }
    assert!(sent.0.is_empty());
    assert_eq!(control.counters().dropped(DropReason::NeighborUnresolved), 3);
}

#[test]
fn a_reload_frees_what_waited_for_a_neighbor_it_names() {
    let (mut control, _) = control(fixture::config()).expect("fits");
    let neighbor = way(&control, [198, 18, 128, 1]).neighbor();
    let frame = transit([198, 18, 128, 1]);
    control.handle_punt(at(0), Punt::Unresolved { neighbor, ingress: FROM }, &frame, &mut Sent::default());
    let mut config = fixture::config();
    let network = nvgw_config::NetworkRef::External(nvgw_config::ExternalIndex(0));
    config.neighbors.push(fixture::neighbor(network, "198.18.0.3", "02:00:00:00:30:50"));
    let mut sent = Sent::default();
    control.reload(config, at(0), &mut sent).expect("fits");
    assert_eq!(sent.0, [(1, [&HOST[..], &frame[6..]].concat())]);
    assert_eq!(way(&control, [198, 18, 128, 1]).reach(), Reach::Resolved);
}

#[test]
fn what_cannot_be_reached_is_an_alarm_before_a_packet_is_lost() {
    let mut config = fixture::config();
    config.provider.sites[0].gateway = None;
    config.provider.routes.clear();
    let (mut control, _) = control(config).expect("fits");
    let alarms: Vec<_> = control
        .alarms()
        .into_iter()
        .map(|alarm| (alarm.provider_address.to_string(), alarm.records, alarm.next_hop.map(|hop| hop.state)))
        .collect();
    assert_eq!(
        alarms,
        [("100.64.20.31".into(), 2, Some(State::Unresolved)), ("100.64.30.2".into(), 1, None)]
    );

    let mut sent = Sent::default();
    control.ask_for_next_hops(at(0), &mut sent);
    let asked: Vec<_> = sent.0.iter().map(|(_, frame)| frame[42..].to_vec()).collect();
    assert_eq!(asked, [[100, 64, 20, 31], [198, 18, 0, 3], [198, 18, 1, 1]]);
}

#[test]
fn a_silent_next_hop_stays_an_alarm_while_it_is_asked_again() {
    let (mut control, _) = control(fixture::config()).expect("fits");
    let silent = |control: &Control<LocalGrace>| {
        let host = control.alarms().into_iter().find(|a| a.provider_address.to_string() == "100.64.20.31");
        host.map(|alarm| alarm.silent)
    };
    assert_eq!(silent(&control), Some(false), "nobody has asked yet");
    control.ask_for_next_hops(at(0), &mut Sent::default());
    assert_eq!(silent(&control), Some(false), "it may still answer");
    while let Some(due) = control.next_due() {
        control.tick(due, &mut Sent::default());
    }
    assert_eq!(silent(&control), Some(true), "it did not");
    control.ask_for_next_hops(at(60), &mut Sent::default());
    assert_eq!(silent(&control), Some(true), "asking again is no answer");
}
