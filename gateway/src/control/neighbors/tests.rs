use proptest::prelude::*;

use super::*;
use crate::tables::exchange::Ingress;
use nvgw_types::{PortId, VrfId};

const LAN: InterfaceKey = InterfaceKey { port: PortId(1), vlan: 300 };
const ALICE: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
/// Where packets come in.
const FROM: Ingress = Ingress::Tenant(VrfId(0));
/// Where others come in.
const OTHER: Ingress = Ingress::Tenant(VrfId(1));
const BOB: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

fn hop(last: u8) -> Hop {
    Hop { interface: LAN, address: [198, 18, 0, last].into() }
}

fn at(seconds: u64) -> Nanos {
    Nanos(seconds * 1_000_000_000)
}

fn frame(tag: u16) -> Frame {
    Frame { bytes: [&[0; 12][..], &tag.to_be_bytes()].concat(), origin: Origin::Transit(FROM) }
}

/// The frame as it has to leave: to that station, else as it came.
fn sent(to: MacAddr, tag: u16) -> Frame {
    Frame { bytes: [&to.0[..], &[0; 6], &tag.to_be_bytes()].concat(), origin: Origin::Transit(FROM) }
}

fn ask(station: Option<MacAddr>) -> Effect {
    Effect::Ask { hop: hop(9), station }
}

/// Runs one call and returns its effects.
fn effects(f: impl FnOnce(&mut Vec<Effect>)) -> Vec<Effect> {
    let mut effects = Vec::new();
    f(&mut effects);
    effects
}

fn configured() -> (Neighbors, NeighborId) {
    let mut neighbors = Neighbors::default();
    let id = neighbors.configure(at(0), hop(9));
    (neighbors, id)
}

#[test]
fn three_requests_a_second_apart_then_what_waits_is_dropped() {
    let (mut n, id) = configured();
    assert_eq!(effects(|e| n.submit(at(10), id, frame(1), e)), [ask(None)]);
    assert_eq!(effects(|e| n.submit(at(10), id, frame(2), e)), []);
    assert_eq!((n.held(), n.next_due()), (2, Some(at(11))));
    assert_eq!(effects(|e| n.tick(at(11), e)), [ask(None)]);
    assert_eq!(effects(|e| n.tick(at(12), e)), [ask(None)]);
    assert_eq!(effects(|e| n.tick(at(12), e)), []);
    let lost = |tag| Effect::Undelivered { ingress: FROM, hop: hop(9), frame: frame(tag).bytes };
    assert_eq!(effects(|e| n.tick(at(13), e)), [lost(1), lost(2)]);
    assert_eq!((n.held(), n.state(hop(9))), (0, Some(State::Failed)));

    // Not asked for again for three seconds, then with the next packet.
    assert_eq!(effects(|e| n.submit(at(15), id, frame(3), e)), [lost(3)]);
    assert_eq!(effects(|e| n.tick(at(16), e)), []);
    assert_eq!(n.next_due(), None);
    assert_eq!(effects(|e| n.submit(at(16), id, frame(4), e)), [ask(None)]);
}

#[test]
fn what_waited_leaves_in_order_once_the_ways_are_rewritten() {
    let (mut n, id) = configured();
    effects(|e| (1..=3).for_each(|tag| n.submit(at(1), id, frame(tag), e)));
    assert_eq!(
        effects(|e| n.heard(at(2), hop(9), Told::Arp(ALICE), false, e)),
        [
            Effect::Resolved(hop(9)),
            Effect::Send(hop(9), sent(ALICE, 1)),
            Effect::Send(hop(9), sent(ALICE, 2)),
            Effect::Send(hop(9), sent(ALICE, 3)),
        ]
    );
    assert_eq!((n.held(), n.mac(hop(9))), (0, Some(ALICE)));
    assert_eq!(effects(|e| n.submit(at(3), id, frame(4), e)), [Effect::Send(hop(9), sent(ALICE, 4))]);
}

#[test]
fn at_most_32_wait_for_one_and_of_each_sender_a_fair_share_of_all() {
    let mut n = Neighbors::default();
    let full = Effect::Dropped(DropReason::HoldQueueFull);
    for host in 0..128 {
        let id = n.configure(at(0), hop(host));
        let effects = effects(|e| (0..33).for_each(|tag| n.submit(at(0), id, frame(tag), e)));
        let others: Vec<_> = effects.into_iter().filter(|effect| *effect != full).collect();
        assert_eq!(others, [Effect::Ask { hop: hop(host), station: None }], "asked for all the same");
    }
    assert_eq!(n.held(), 820, "a fifth of the room for 4096");
    assert_eq!(n.iter().map(|view| view.held).max(), Some(HELD_EACH));

    // Nobody else has less for it: another sender, the gateway itself, and the same sender to another network.
    let late = n.configure(at(0), hop(200));
    let elsewhere = Hop { interface: InterfaceKey { vlan: 301, ..LAN }, ..hop(9) };
    let elsewhere = n.configure(at(0), elsewhere);
    let of = |origin| Frame { origin, ..frame(0) };
    assert_eq!(effects(|e| n.submit(at(0), late, of(Origin::Transit(OTHER)), e)).len(), 1, "the request");
    assert_eq!(effects(|e| n.submit(at(0), late, of(Origin::Answer), e)), []);
    assert_eq!(effects(|e| n.submit(at(0), late, of(Origin::Transit(FROM)), e)), [full]);
    assert_eq!(effects(|e| n.submit(at(0), elsewhere, of(Origin::Transit(FROM)), e)).len(), 1, "the request");
    assert_eq!(n.held(), 823);
}

#[test]
fn a_scan_leaves_others_room_for_new_neighbors() {
    let mut n = Neighbors::default();
    let host = |number: u16| Hop {
        interface: LAN,
        address: std::net::Ipv4Addr::from(0xc612_0000 + u32::from(number)).into(),
    };
    for number in 0..5000 {
        effects(|e| n.submit_to_host(at(0), host(number), frame(0), e));
    }
    assert_eq!((n.iter().count(), n.refused()), (820, 5000 - 820));
    let other = |tag| Frame { origin: Origin::Transit(OTHER), ..frame(tag) };
    let asked = effects(|e| n.submit_to_host(at(0), host(6000), other(1), e));
    assert_eq!(asked, [Effect::Ask { hop: host(6000), station: None }]);

    // Who has answered is not in question any more, and makes room for the next one.
    assert!(
        effects(|e| n.submit_to_host(at(0), host(7000), frame(0), e)).len() == 1
            && n.id(host(7000)).is_none()
    );
    (0..10).for_each(|number| drop(effects(|e| n.heard(at(0), host(number), Told::Arp(ALICE), false, e))));
    effects(|e| n.submit_to_host(at(0), host(7000), frame(0), e));
    assert!(n.id(host(7000)).is_some());
}

#[test]
fn a_silent_station_is_asked_itself_then_everyone_then_lost() {
    let (mut n, id) = configured();
    effects(|e| n.heard(at(100), hop(9), Told::Arp(ALICE), false, e));
    assert_eq!(n.next_due(), Some(at(400)));
    for second in 400..403 {
        assert_eq!(effects(|e| n.tick(at(second), e)), [ask(Some(ALICE))], "{second}");
    }
    let forwarded = effects(|e| n.submit(at(402), id, frame(7), e));
    assert_eq!(forwarded, [Effect::Send(hop(9), sent(ALICE, 7))], "used while in doubt");
    for second in 403..406 {
        assert_eq!(effects(|e| n.tick(at(second), e)), [ask(None)], "{second}");
    }
    assert_eq!(effects(|e| n.tick(at(406), e)), [Effect::Lost(hop(9))]);
    assert_eq!((n.mac(hop(9)), n.next_due()), (None, None));
}

#[test]
fn an_answer_in_time_keeps_a_station_for_another_300_seconds() {
    let (mut n, _) = configured();
    effects(|e| n.heard(at(0), hop(9), Told::Arp(ALICE), false, e));
    effects(|e| n.tick(at(300), e));
    assert_eq!(effects(|e| n.heard(at(301), hop(9), Told::Arp(ALICE), false, e)), [], "nothing to rewrite");
    assert_eq!((n.state(hop(9)), n.next_due()), (Some(State::Reachable), Some(at(601))));
}

#[test]
fn a_new_ethernet_address_is_taken_over_at_once() {
    let (mut n, _) = configured();
    effects(|e| n.heard(at(0), hop(9), Told::Arp(ALICE), false, e));
    assert_eq!(effects(|e| n.heard(at(5), hop(9), Told::Arp(BOB), false, e)), [Effect::Resolved(hop(9))]);
    assert_eq!(n.mac(hop(9)), Some(BOB));
}

#[test]
fn a_static_neighbor_is_never_asked_for_and_never_overruled() {
    let mut n = Neighbors::default();
    effects(|e| n.set_static(at(0), hop(9), ALICE, e));
    assert_eq!(effects(|e| n.heard(at(1), hop(9), Told::Arp(BOB), true, e)), []);
    assert_eq!((n.mac(hop(9)), n.next_due()), (Some(ALICE), None));
    assert_eq!(effects(|e| n.unset_static(at(2), hop(9), e)), [Effect::Lost(hop(9))]);
    assert_eq!(n.state(hop(9)), Some(State::Unresolved));
}

#[test]
fn a_static_address_frees_what_waited() {
    let (mut n, id) = configured();
    effects(|e| n.submit(at(0), id, frame(1), e));
    let freed = effects(|e| n.set_static(at(1), hop(9), BOB, e));
    assert_eq!(freed, [Effect::Resolved(hop(9)), Effect::Send(hop(9), sent(BOB, 1))]);
    assert_eq!(n.next_due(), None, "no request is repeated");
}

#[test]
fn only_a_question_to_us_makes_a_new_neighbor() {
    let mut n = Neighbors::default();
    assert_eq!(effects(|e| n.heard(at(0), hop(9), Told::Arp(ALICE), false, e)), []);
    assert_eq!(n.id(hop(9)), None);
    assert_eq!(effects(|e| n.heard(at(0), hop(9), Told::Arp(ALICE), true, e)), [Effect::Resolved(hop(9))]);
    assert_eq!(n.mac(hop(9)), Some(ALICE));
}

#[test]
fn learned_neighbors_are_bounded_and_go_when_they_are_silent() {
    let mut n = Neighbors::default();
    let host = |number: u16| Hop {
        interface: LAN,
        address: std::net::Ipv4Addr::from(0xc612_0000 + u32::from(number)).into(),
    };
    for number in 0..4096 {
        effects(|e| n.heard(at(0), host(number), Told::Arp(ALICE), true, e));
    }
    effects(|e| n.heard(at(0), host(4096), Told::Arp(ALICE), true, e));
    assert_eq!((n.id(host(4096)), n.refused()), (None, 1));
    let refused = effects(|e| n.submit_to_host(at(0), host(4097), frame(0), e));
    assert_eq!(refused, [Effect::Dropped(DropReason::HoldQueueFull)]);

    (300..306).for_each(|second| drop(effects(|e| n.tick(at(second), e))));
    let gone = effects(|e| n.tick(at(306), e));
    assert_eq!(gone.len(), 4096);
    assert!(gone.contains(&Effect::Forgotten(host(0))));
    effects(|e| n.heard(at(307), host(4096), Told::Arp(ALICE), true, e));
    assert!(n.id(host(4096)).is_some(), "there is room again");
}

#[test]
fn a_host_that_never_answers_leaves_nothing_behind() {
    let mut n = Neighbors::default();
    assert_eq!(effects(|e| n.submit_to_host(at(0), hop(9), frame(1), e)), [ask(None)]);
    (1..=3).for_each(|second| drop(effects(|e| n.tick(at(second), e))));
    assert_eq!(effects(|e| n.tick(at(6), e)), [Effect::Forgotten(hop(9))]);
    assert_eq!((n.id(hop(9)), n.next_due(), n.held()), (None, None, 0));
}

#[test]
fn identifiers_of_hosts_and_neighbors_do_not_meet() {
    assert_eq!(interface_of_hosts(hosts_of(InterfaceId(u16::MAX))), Some(InterfaceId(u16::MAX)));
    assert_eq!(interface_of_hosts(hosts_of(InterfaceId(0))), Some(InterfaceId(0)));
    assert_eq!(interface_of_hosts(NeighborId(0)), None);
    let mut n = Neighbors { next: u32::MAX - 0x1_0000, ..Neighbors::default() };
    let ids = [1, 2].map(|host| n.configure(at(0), hop(host)));
    assert_eq!(ids, [NeighborId(u32::MAX - 0x1_0000), NeighborId(0)], "wraps below the hosts' identifiers");
}

fn advertised(mac: Option<MacAddr>, solicited: bool, overrides: bool) -> Told {
    Told::Advertisement { mac, solicited, overrides }
}

/// RFC 4861 §7.2.5 and appendix C, with an address that is stale there being verified here: what becomes of a known
/// address, of which ALICE is heard last.
#[test]
fn advertisements_count_by_their_flags() {
    use State::{Probing, Reachable};
    let cases = [
        // An answer from where it is known to be confirms it, whatever the override flag says.
        (advertised(Some(ALICE), true, true), ALICE, Reachable),
        (advertised(Some(ALICE), true, false), ALICE, Reachable),
        (advertised(None, true, true), ALICE, Reachable),
        // Without being asked it says nothing new.
        (advertised(Some(ALICE), false, true), ALICE, Probing),
        (advertised(None, false, false), ALICE, Probing),
        // Somewhere else: with the override flag it is there now.
        (advertised(Some(BOB), true, true), BOB, Reachable),
        (advertised(Some(BOB), false, true), BOB, Probing),
        // Without it what is known stays.
        (advertised(Some(BOB), true, false), ALICE, Probing),
        (Told::Solicitation(ALICE), ALICE, Probing),
        (Told::Solicitation(BOB), BOB, Probing),
    ];
    for (told, mac, state) in cases {
        let (mut n, _) = configured();
        effects(|e| n.heard(at(0), hop(9), Told::Solicitation(ALICE), false, e));
        assert_eq!((n.mac(hop(9)), n.state(hop(9))), (Some(ALICE), Some(Probing)), "known, and doubtful");
        effects(|e| n.heard(at(0), hop(9), told, false, e));
        assert_eq!((n.mac(hop(9)), n.state(hop(9))), (Some(mac), Some(state)), "{told:?}");
    }
}

#[test]
fn a_doubt_is_settled_by_asking_the_station() {
    let (mut n, _) = configured();
    effects(|e| n.heard(at(0), hop(9), Told::Arp(ALICE), false, e));
    let doubt = advertised(Some(BOB), false, false);
    assert_eq!(effects(|e| n.heard(at(1), hop(9), doubt, false, e)), [ask(Some(ALICE))]);
    assert_eq!(effects(|e| n.heard(at(1), hop(9), doubt, false, e)), [], "it is being asked");
    assert_eq!(effects(|e| n.tick(at(2), e)), [ask(Some(ALICE))]);
    assert_eq!(effects(|e| n.heard(at(2), hop(9), advertised(Some(ALICE), true, false), false, e)), []);
    assert_eq!((n.state(hop(9)), n.next_due()), (Some(State::Reachable), Some(at(302))));
    let moved = [Effect::Resolved(hop(9)), ask(Some(BOB))];
    assert_eq!(effects(|e| n.heard(at(3), hop(9), Told::Solicitation(BOB), false, e)), moved);
}

#[test]
fn what_waits_leaves_with_the_first_advertisement_that_says_where() {
    let (mut n, id) = configured();
    effects(|e| n.submit(at(0), id, frame(1), e));
    assert_eq!(effects(|e| n.heard(at(0), hop(9), advertised(None, true, true), false, e)), []);
    let sent = [Effect::Resolved(hop(9)), Effect::Send(hop(9), sent(ALICE, 1))];
    let answer = advertised(Some(ALICE), true, false);
    assert_eq!(effects(|e| n.heard(at(0), hop(9), answer, false, e)), sent);
    let mut n = Neighbors::default();
    assert_eq!(effects(|e| n.heard(at(0), hop(9), answer, true, e)), [], "makes no neighbour");
    assert_eq!(n.iter().count(), 0);
    effects(|e| n.heard(at(0), hop(9), Told::Solicitation(ALICE), true, e));
    assert_eq!(n.state(hop(9)), Some(State::Probing), "a question does");
    n.set_static(at(0), hop(9), ALICE, &mut Vec::new());
    assert_eq!(effects(|e| n.heard(at(0), hop(9), advertised(Some(BOB), true, true), false, e)), []);
}

/// One thing that happens to the neighbours.
#[derive(Debug, Clone)]
enum Event {
    Submit(u8),
    SubmitToHost(u8),
    Heard(u8, Told, bool),
    Configure(u8),
    Static(u8, Option<u8>),
    Remove(u8),
    Wait(u64),
}

fn told() -> impl Strategy<Value = Told> {
    let mac = || (1..4_u8).prop_map(|last| MacAddr([2, 0, 0, 0, 0, last]));
    let said = (proptest::option::of(mac()), any::<bool>(), any::<bool>());
    prop_oneof![
        mac().prop_map(Told::Arp),
        mac().prop_map(Told::Solicitation),
        said.prop_map(|(mac, solicited, overrides)| Told::Advertisement { mac, solicited, overrides }),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let host = 0..6_u8;
    prop_oneof![
        4 => host.clone().prop_map(Event::Submit),
        4 => host.clone().prop_map(Event::SubmitToHost),
        2 => (host.clone(), told(), any::<bool>()).prop_map(|(h, t, c)| Event::Heard(h, t, c)),
        1 => host.clone().prop_map(Event::Configure),
        1 => (host.clone(), proptest::option::of(1..4_u8)).prop_map(|(h, m)| Event::Static(h, m)),
        1 => host.prop_map(Event::Remove),
        3 => (0..4_000_000_000_u64).prop_map(Event::Wait),
        1 => (0..400_000_000_000_u64).prop_map(Event::Wait),
    ]
}

proptest! {
    #[test]
    fn every_packet_ends_once_and_time_never_runs_back(events in proptest::collection::vec(event(), 1..300)) {
        let mut n = Neighbors::default();
        let (mut now, mut submitted, mut ended) = (Nanos(0), 0_u64, 0_u64);
        for event in events {
            let mut out = Vec::new();
            match event {
                Event::Submit(host) => {
                    if let Some(id) = n.id(hop(host)) {
                        submitted += 1;
                        n.submit(now, id, frame(0), &mut out);
                    }
                }
                Event::SubmitToHost(host) => {
                    submitted += 1;
                    n.submit_to_host(now, hop(host), frame(0), &mut out);
                }
                Event::Heard(host, told, create) => n.heard(now, hop(host), told, create, &mut out),
                Event::Configure(host) => drop(n.configure(now, hop(host))),
                Event::Static(host, Some(mac)) => {
                    n.set_static(now, hop(host), MacAddr([2, 0, 0, 0, 0, mac]), &mut out);
                }
                Event::Static(host, None) => n.unset_static(now, hop(host), &mut out),
                Event::Remove(host) => n.remove(hop(host), &mut out),
                Event::Wait(nanos) => {
                    let end = Nanos(now.0 + nanos);
                    while let Some(due) = n.next_due().filter(|due| *due <= end) {
                        prop_assert!(due >= now);
                        now = due;
                        n.tick(now, &mut out);
                        prop_assert!(n.next_due().is_none_or(|next| next > now));
                    }
                    now = end;
                }
            }
            for effect in &out {
                match effect {
                    Effect::Send(_, frame) => {
                        prop_assert_eq!(&frame.bytes[..5], [2, 0, 0, 0, 0], "addressed");
                        ended += 1;
                    }
                    Effect::Dropped(_) | Effect::Undelivered { .. } => ended += 1,
                    _ => {}
                }
            }
            prop_assert_eq!(submitted, ended + n.held() as u64);
            prop_assert_eq!(n.held(), n.iter().map(|view| view.held).sum::<usize>());
            prop_assert!(n.iter().all(|view| view.held <= HELD_EACH));
            let learned = n.iter().filter(|view| !view.configured).count();
            prop_assert_eq!(learned, n.learned.values().sum::<usize>());
            prop_assert_eq!(n.waiting.shares.total(), n.waiting.frames);
            let in_question: Vec<_> = n.entries.values().filter(|entry| entry.asker.is_some()).collect();
            prop_assert_eq!(n.in_question.total(), in_question.len());
            prop_assert!(in_question.iter().all(|entry| !entry.configured && entry.mac().is_none()));
            prop_assert!(n.next_due().is_none_or(|due| due > now));
        }
    }
}
