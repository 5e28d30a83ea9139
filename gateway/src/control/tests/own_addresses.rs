//! The gateway's own addresses: checked before they are used, kept from then on.

use std::net::IpAddr;

use nvgw_config::{Config, DuplicateAddressDetection, SiteIndex};
use nvgw_types::{MacAddr, PortId, VlanId};

use super::{at, begin, told, written};
use crate::control::desired::{Adjacency, AdjacencyKey};
use crate::control::detection::AddressState;
use crate::control::events::EventKind;
use crate::control::fixture::{self, Sent, WIRE0, ip};
use crate::control::{Control, Nanos, Owner};
use crate::diagnosis::Health;
use crate::tables::entries::{Reach, from_ip};
use crate::tables::exchange::Punt;
use crate::tables::grace::LocalGrace;
use crate::tables::set::LocalAddress;

const STATION: [u8; 6] = [2, 0, 0, 0, 0, 0x0b];
const OWN: [u8; 4] = [100, 64, 20, 10];
const MORE: [u8; 4] = [100, 64, 20, 11];
const ADD: &str = "add-provider-address: { site: gateway-site, address: 100.64.20.11 }";
const REMOVE: &str = "remove-provider-address: { address: 100.64.20.11 }";
const OTHER: &str = "add-neighbor: { network: internet, address: 198.18.0.9, mac: 02:00:00:00:30:09 }";
/// When three probes, 200 ms apart, and 200 ms of silence are over.
const CHECKED: u64 = 600;

fn config() -> Config {
    let mut config = fixture::config();
    config.provider.duplicate_address_detection = DuplicateAddressDetection::Fast;
    config
}

fn cold() -> Control<LocalGrace> {
    begin(config(), vec![], true).0
}

/// A gateway whose own address is in use, at that many milliseconds.
fn warm() -> Control<LocalGrace> {
    let mut control = cold();
    run(&mut control, CHECKED);
    assert!(in_use(&control, OWN));
    control
}

/// Lets time pass up to a moment.
fn run(control: &mut Control<LocalGrace>, until: u64) -> Sent {
    let mut sent = Sent::default();
    while let Some(due) = control.next_due().filter(|due| *due <= at(until)) {
        control.tick(due, &mut sent);
    }
    sent
}

/// Hands over an ARP packet of a station on the site.
fn arp(
    control: &mut Control<LocalGrace>,
    now: Nanos,
    operation: u8,
    sender: [u8; 4],
    target: [u8; 4],
) -> Sent {
    let interface = control.fabric.writers.interfaces.resolve(PortId(0), 20).expect("an interface");
    let arp = [&[0, 1, 8, 0, 6, 4, 0, operation][..], &STATION, &sender, &[0; 6], &target].concat();
    let frame = [&[0xff; 6][..], &STATION, &[0x81, 0, 0, 20, 8, 6], &arp].concat();
    let mut sent = Sent::default();
    control.handle_punt(now, Punt::Neighbor { interface }, &frame, &mut sent);
    sent
}

/// Whether workers take packets to an address as being for the gateway; the model says the same.
fn in_use(control: &Control<LocalGrace>, address: [u8; 4]) -> bool {
    let key = LocalAddress::key_of(from_ip(address.into()));
    let local = control.fabric.writers.locals.get(&key).is_some();
    let own = control.model.provider_addresses().get(&IpAddr::from(address));
    assert_eq!(own.is_some_and(|own| own.usable), local);
    local
}

/// Whether a station that asks for an address is answered.
fn answered(control: &mut Control<LocalGrace>, now: Nanos, address: [u8; 4]) -> bool {
    !arp(control, now, 1, [100, 64, 20, 99], address).0.is_empty()
}

fn tunnel(control: &Control<LocalGrace>, host: [u8; 4]) -> Adjacency {
    control.fabric.current.adjacencies[&AdjacencyKey::Peer(host.into())]
}

/// Sender and target of every ARP request, each as its last byte.
fn asked(sent: &Sent) -> Vec<(u8, u8)> {
    assert!(sent.0.iter().all(|(port, frame)| *port == 0 && frame[18..26] == [0, 1, 8, 0, 6, 4, 0, 1]));
    sent.0.iter().map(|(_, frame)| (frame[35], frame[45])).collect()
}

#[test]
fn a_cold_start_keeps_silent_until_nobody_objected() {
    let mut control = cold();
    let early = run(&mut control, CHECKED - 1);
    assert_eq!(asked(&early), [(0, 10), (0, 10), (0, 10)], "probes");
    assert!(!in_use(&control, OWN));
    assert!(!answered(&mut control, at(CHECKED - 1), OWN));
    for host in [[100, 64, 20, 30], [100, 64, 30, 2]] {
        assert_eq!(tunnel(&control, host), Adjacency::NoRoute);
    }
    assert!(told(&control, EventKind::AddressPreferred).is_empty());

    let sent = run(&mut control, CHECKED);
    assert_eq!(asked(&sent)[0], (10, 10), "announced");
    assert_eq!(told(&control, EventKind::AddressPreferred), ["100.64.20.10 on gateway-site"]);
    assert!(in_use(&control, OWN));
    assert!(answered(&mut control, at(CHECKED), OWN));
    assert!(matches!(tunnel(&control, [100, 64, 20, 30]), Adjacency::Hop { .. }));
    let reach = |control: &Control<LocalGrace>, vm: [u8; 4], vrf: u32| {
        let record = control.record(nvgw_types::VrfId(vrf), from_ip(vm.into())).expect("a record");
        control.fabric.writers.adjacencies.get(record.adjacency().0).expect("an adjacency").reach()
    };
    assert_eq!(reach(&control, [10, 0, 1, 5], 0), Reach::Resolved, "its host is a static neighbour");
    assert_eq!(reach(&control, [10, 0, 1, 5], 1), Reach::Unresolved);
    control.ask_for_next_hops(at(CHECKED), &mut Sent::default());
    arp(&mut control, at(CHECKED), 2, [100, 64, 20, 31], OWN);
    assert_eq!(reach(&control, [10, 0, 1, 5], 1), Reach::Resolved);
}

#[test]
fn a_duplicate_is_not_used_and_told_until_the_other_has_left() {
    let mut control = cold();
    run(&mut control, 300);
    arp(&mut control, at(300), 2, OWN, [100, 64, 20, 1]);
    run(&mut control, 29_000);
    assert!(!in_use(&control, OWN));
    assert!(!answered(&mut control, at(29_000), OWN));
    assert_eq!(tunnel(&control, [100, 64, 20, 30]), Adjacency::NoRoute);
    assert_eq!(told(&control, EventKind::DuplicateAddress), ["100.64.20.10 on gateway-site"]);
    let conflict = ("gateway-site".to_owned(), ip("100.64.20.10"), MacAddr(STATION), 1, false);
    assert_eq!(control.address_conflicts(at(29_000)).collect::<Vec<_>>(), [conflict]);
    let report = control.doctor(at(29_000), &[]);
    let finding = report.findings.iter().find(|finding| finding.check == "duplicate-address").expect("one");
    assert_eq!((finding.health, &*finding.object), (Health::Red, "address 100.64.20.10"));

    // Half a minute later nobody objects any more.
    run(&mut control, 32_000);
    assert!(in_use(&control, OWN));
    assert_eq!(told(&control, EventKind::AddressPreferred).len(), 1);
    assert_eq!(control.address_conflicts(at(32_000)).count(), 0);
}

#[test]
fn a_claim_is_defended_told_and_not_given_way_to() {
    let mut control = warm();
    run(&mut control, 5_000);
    let claim = |control: &mut Control<LocalGrace>, now| arp(control, at(now), 1, OWN, OWN);
    assert!(claim(&mut control, 6_000).0.is_empty(), "no answer to the claim itself");
    assert_eq!(asked(&run(&mut control, 6_000)), [(10, 10)], "announced");
    claim(&mut control, 7_000);
    assert!(run(&mut control, 7_000).0.is_empty(), "once in ten seconds");
    claim(&mut control, 16_000);
    assert_eq!(asked(&run(&mut control, 16_000)), [(10, 10)]);
    assert_eq!(told(&control, EventKind::AddressClaimed), ["100.64.20.10 on gateway-site"]);
    assert!(in_use(&control, OWN));
    assert!(answered(&mut control, at(16_000), OWN));
    let conflict = ("gateway-site".to_owned(), ip("100.64.20.10"), MacAddr(STATION), 3, true);
    assert_eq!(control.address_conflicts(at(16_000)).collect::<Vec<_>>(), [conflict]);
}

#[test]
fn an_address_of_the_api_is_checked_then_used() {
    let mut control = warm();
    control.change(&written(&[ADD]), Owner::Api, at(1_000), &mut Sent::default()).expect("fits");
    assert!(!in_use(&control, MORE));
    let probes = run(&mut control, 1_599);
    assert_eq!(asked(&probes).iter().filter(|asked| **asked == (0, 11)).count(), 3);
    assert!(!answered(&mut control, at(1_599), MORE));
    run(&mut control, 1_600);
    assert!(in_use(&control, MORE) && in_use(&control, OWN));
    assert!(answered(&mut control, at(1_600), MORE));
    let preferred = ["100.64.20.10 on gateway-site", "100.64.20.11 on gateway-site"];
    assert_eq!(told(&control, EventKind::AddressPreferred), preferred);

    control.change(&written(&[REMOVE]), Owner::Api, at(2_000), &mut Sent::default()).expect("fits");
    assert!(!in_use(&control, MORE));
    assert!(!answered(&mut control, at(2_000), MORE));
    assert!(control.detection.iter().all(|view| view.own.address != IpAddr::from(MORE)));
}

/// The check of the cold start ends while a change waits for the disk.
#[test]
fn what_is_found_out_meanwhile_waits_for_the_change() {
    for commit in [true, false] {
        let mut control = cold();
        run(&mut control, 500);
        let pending = control.prepare(&written(&[OTHER]), Owner::Api).expect("fits");
        let before = control.model.essence();
        run(&mut control, CHECKED);
        assert!(control.model.essence() == before, "the model stays as it was prepared");
        assert!(!in_use(&control, OWN));
        assert!(told(&control, EventKind::AddressPreferred).is_empty());
        if commit {
            control.commit(pending, at(CHECKED), &mut Sent::default()).expect("fits");
        } else {
            control.abandon(pending, at(CHECKED), &mut Sent::default());
        }
        assert!(in_use(&control, OWN));
        assert_eq!(told(&control, EventKind::AddressPreferred).len(), 1);
        assert_eq!(control.model.neighbors.len(), if commit { 3 } else { 2 });
        assert!(matches!(tunnel(&control, [100, 64, 20, 30]), Adjacency::Hop { .. }));
    }
}

#[test]
fn what_is_found_out_meanwhile_waits_for_a_reload() {
    for commit in [true, false] {
        let mut control = cold();
        run(&mut control, 500);
        let pending = control.prepare_reload(config()).expect("fits");
        run(&mut control, CHECKED);
        assert!(!in_use(&control, OWN));
        if commit {
            control.commit(pending, at(CHECKED), &mut Sent::default()).expect("fits");
        } else {
            control.abandon(pending, at(CHECKED), &mut Sent::default());
        }
        assert!(in_use(&control, OWN));
        assert_eq!(told(&control, EventKind::AddressPreferred).len(), 1);
    }
}

#[test]
fn an_address_that_is_being_removed_is_found_free_too_late() {
    for commit in [true, false] {
        let mut control = warm();
        control.change(&written(&[ADD]), Owner::Api, at(1_000), &mut Sent::default()).expect("fits");
        run(&mut control, 1_500);
        let pending = control.prepare(&written(&[REMOVE]), Owner::Api).expect("fits");
        run(&mut control, 1_600);
        if commit {
            control.commit(pending, at(1_600), &mut Sent::default()).expect("fits");
        } else {
            control.abandon(pending, at(1_600), &mut Sent::default());
        }
        assert_eq!(in_use(&control, MORE), !commit);
        assert_eq!(told(&control, EventKind::AddressPreferred).len(), if commit { 1 } else { 2 });
        assert!(in_use(&control, OWN));
    }
}

/// What was found out on one VLAN says nothing about another.
#[test]
fn an_address_that_comes_to_another_network_is_checked_there() {
    let mut control = cold();
    run(&mut control, 500);
    let mut elsewhere = config();
    elsewhere.provider.sites[0].vlan = VlanId::new(21).ok();
    let pending = control.prepare_reload(elsewhere).expect("fits");
    run(&mut control, CHECKED);
    control.commit(pending, at(CHECKED), &mut Sent::default()).expect("fits");
    assert!(!in_use(&control, OWN), "nobody was asked there");
    run(&mut control, 2 * CHECKED);
    assert!(in_use(&control, OWN));
    assert_eq!(told(&control, EventKind::AddressPreferred).len(), 1);
}

#[test]
fn an_address_that_goes_and_comes_in_one_batch_stays_in_use() {
    let mut control = warm();
    control.change(&written(&[ADD]), Owner::Api, at(1_000), &mut Sent::default()).expect("fits");
    run(&mut control, 2_000);
    control.change(&written(&[REMOVE, ADD]), Owner::Api, at(2_000), &mut Sent::default()).expect("fits");
    run(&mut control, 10_000);
    assert!(in_use(&control, MORE));
    let states: Vec<_> = control.detection.iter().map(|view| view.state).collect();
    assert!(states.iter().all(|state| *state == AddressState::Preferred), "{states:?}");
}

#[test]
fn where_nothing_is_checked_an_address_is_used_at_once() {
    let (mut control, _) = begin(fixture::config(), vec![], true);
    assert!(in_use(&control, OWN));
    control.change(&written(&[ADD]), Owner::Api, at(0), &mut Sent::default()).expect("fits");
    let sent = run(&mut control, 0);
    assert!(asked(&sent).contains(&(11, 11)), "announced");
    assert!(in_use(&control, MORE));
    assert_eq!(control.model.addresses_of(SiteIndex(0)).len(), 2);
    assert_eq!(sent.0[0].1[6..12], WIRE0.0);
}
