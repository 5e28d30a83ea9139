//! What frames of unknown senders teach a gateway, from the worker that hands one over to the journal's note.

use std::net::IpAddr;

use nvgw_config::{Config, LearnLimits, SenderCheck};
use nvgw_types::{MacAddr, ProviderAddr, VrfId, Vsid};

use super::{apply, at, begin, journal, told, written};
use crate::control::desired::Customer;
use crate::control::events::EventKind;
use crate::control::fixture::{self, Sent, control, ip, mac, record, vsid};
use crate::control::model::StoredWrite;
use crate::control::{Control, Nanos, Owner};
use crate::tables::entries::from_ip;
use crate::tables::exchange::Punt;
use crate::tables::grace::LocalGrace;
use crate::telemetry::DropReason;

const GATEWAY: [u8; 4] = [10, 0, 1, 1];
const GATEWAY_MAC: [u8; 6] = [2, 0, 0x5e, 0, 1, 1];
/// Two hosts of VSID 5001.
const HERE: [u8; 4] = [100, 64, 20, 30];
const THERE: [u8; 4] = [100, 64, 20, 31];
const REASON: DropReason = DropReason::SourceRecordMissing;
const NEW: [u8; 4] = [10, 0, 1, 9];
const OLD: [u8; 4] = [10, 0, 1, 5];

/// The fixture whose tenant red learns: two addresses for an Ethernet address, three records in a subnet.
fn config() -> Config {
    let mut config = fixture::config();
    let limits = LearnLimits { addresses_per_mac: 2, records_per_subnet: 3 };
    config.tenants[0].sender_check = SenderCheck::Learn(limits);
    config.tenants[0].records.push(record(5001, "10.0.1.6", "02:15:5d:00:00:0b", "100.64.20.31"));
    config
}

fn ready() -> Control<LocalGrace> {
    control(config()).expect("fits").0
}

/// The Ethernet address of the fixture's VMs.
fn station(last: u8) -> [u8; 6] {
    [2, 0x15, 0x5d, 0, 0, last]
}

fn ipv4(vm: u8, source: [u8; 4]) -> Vec<u8> {
    let header = [0x45, 0, 0, 20, 0, 0, 0x40, 0, 64, 17, 0, 0];
    [&GATEWAY_MAC[..], &station(vm), &[8, 0], &header, &source, &[9, 9, 9, 9]].concat()
}

fn arp(vm: u8, sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    let arp = [&[0, 1, 8, 0, 6, 4, 0, 1][..], &station(vm), &sender, &[0; 6], &target].concat();
    [&[0xff; 6][..], &station(vm), &[8, 6], &arp].concat()
}

/// Hands over a frame of VSID 5001 that came from a host.
fn from(control: &mut Control<LocalGrace>, now: Nanos, host: [u8; 4], frame: &[u8]) -> Sent {
    let punt = Punt::Learn { vsid: vsid(5001), vrf: VrfId(0), provider: host.into(), reason: REASON };
    let mut sent = Sent::default();
    control.handle_punt(now, punt, frame, &mut sent);
    sent
}

fn customer(address: [u8; 4]) -> Customer {
    Customer { vrf: VrfId(0), address: address.into() }
}

/// Owner, Ethernet address and place of a record, as model and workers have it.
fn known(control: &Control<LocalGrace>, address: [u8; 4]) -> Option<(Owner, MacAddr, IpAddr)> {
    let placed = control.model.records().get(&customer(address));
    let worker = control.record(VrfId(0), from_ip(address.into())).map(|record| record.mac());
    assert_eq!(worker, placed.map(|placed| placed.record.value.mac));
    let peer = control.fabric.current.records.get(&customer(address)).map(|record| record.peer);
    assert_eq!(peer, placed.map(|placed| placed.provider()));
    placed.map(|placed| (placed.record.owner, placed.record.value.mac, placed.provider()))
}

fn learned(vm: u8, host: [u8; 4]) -> Option<(Owner, MacAddr, IpAddr)> {
    Some((Owner::Learned, MacAddr(station(vm)), host.into()))
}

fn ended(control: &Control<LocalGrace>) -> (u64, u64) {
    (control.counters().consumed.get(), control.counters().dropped(REASON))
}

#[test]
fn who_asks_for_the_gateway_is_known_and_answered() {
    let mut control = ready();
    let sent = from(&mut control, at(1), HERE, &arp(9, NEW, GATEWAY));
    assert_eq!(known(&control, NEW), learned(9, HERE));
    let [(0, frame)] = &sent.0[..] else { panic!("{:?}", sent.0) };
    assert_eq!(frame[34..38], HERE, "to the VM's host");
    let reply = [
        &station(9)[..],
        &GATEWAY_MAC,
        &[8, 6, 0, 1, 8, 0, 6, 4, 0, 2],
        &GATEWAY_MAC,
        &GATEWAY,
        &station(9),
        &NEW,
    ];
    assert!(frame.ends_with(&reply.concat()), "{frame:x?}");
    assert_eq!((ended(&control), control.counters().originated.get()), ((1, 0), 1));
    assert_eq!(told(&control, EventKind::LookupLearned), ["red 10.0.1.9 (VSID 5001)"]);
    let event = control.events().after(0).last().expect("an event");
    assert_eq!(event.message, "02:15:5d:00:00:09 at 100.64.20.30, as its own frame says");
}

#[test]
fn any_other_frame_teaches_and_is_consumed() {
    let mut control = ready();
    let gratuitous = arp(9, NEW, NEW);
    let packet = ipv4(10, [10, 0, 1, 10]);
    for frame in [gratuitous, packet] {
        assert!(from(&mut control, at(1), HERE, &frame).0.is_empty());
    }
    assert_eq!(known(&control, NEW), learned(9, HERE));
    assert_eq!(known(&control, [10, 0, 1, 10]), learned(10, HERE));
    assert_eq!(ended(&control), (2, 0));
    // What was handed over before the tables knew: it teaches nothing new.
    assert!(from(&mut control, at(1), HERE, &ipv4(9, NEW)).0.is_empty());
    assert_eq!((ended(&control), told(&control, EventKind::LookupLearned).len()), ((3, 0), 2));
    assert_eq!(control.generation(), 0, "nobody's batch");
}

#[test]
fn a_vm_that_is_seen_elsewhere_has_moved() {
    let mut control = ready();
    from(&mut control, at(1), THERE, &ipv4(5, OLD));
    let moved = Some((Owner::Config, MacAddr(station(5)), THERE.into()));
    assert_eq!(known(&control, OLD), moved);
    assert_eq!(told(&control, EventKind::LookupMoved), ["red 10.0.1.5 (VSID 5001)"]);
    let event = control.events().after(0).last().expect("an event");
    assert_eq!(event.message, "from 100.64.20.30 to 100.64.20.31, as its own frame says");
    let keys = |writes: Vec<StoredWrite>| {
        writes.into_iter().map(|(key, value)| (key, value.is_some())).collect::<Vec<_>>()
    };
    assert_eq!(keys(control.take_notes()), [("move/5001/10.0.1.5".to_owned(), true)]);

    from(&mut control, at(2000), HERE, &ipv4(5, OLD));
    assert_eq!(known(&control, OLD), Some((Owner::Config, MacAddr(station(5)), HERE.into())));
    assert_eq!(keys(control.take_notes()), [("move/5001/10.0.1.5".to_owned(), false)]);
}

#[test]
fn a_refused_frame_counts_as_what_it_would_have_been_and_changes_nothing() {
    let mut control = ready();
    // Two addresses of one VM, one of another: both limits are reached.
    for (vm, last) in [(9, 9), (9, 10), (11, 11)] {
        from(&mut control, at(1), HERE, &ipv4(vm, [10, 0, 1, last]));
    }
    assert_eq!(ended(&control), (3, 0));
    let before = control.model.essence();
    let refused: [(&str, u8, [u8; 4], [u8; 4]); 6] = [
        ("no record of the VSID names the provider address", 12, [10, 0, 1, 12], [100, 64, 30, 2]),
        ("the address's record names another Ethernet address", 12, OLD, HERE),
        ("no VM of the subnet can have the address", 12, GATEWAY, HERE),
        ("no VM of the subnet can have the address", 12, [10, 0, 2, 12], HERE),
        ("the Ethernet address has as many addresses as the tenant's limit allows", 9, [10, 0, 1, 12], HERE),
        ("the subnet has as many learned records as the tenant's limit allows", 12, [10, 0, 1, 12], HERE),
    ];
    for (number, (why, vm, address, host)) in refused.into_iter().enumerate() {
        assert!(from(&mut control, at(2), host, &arp(vm, address, GATEWAY)).0.is_empty(), "{why}");
        let told = control.events().after(0).last().expect("an event");
        let provider = IpAddr::from(host);
        let message = format!("02:15:5d:00:00:{vm:02x} at {provider}: {why}");
        assert_eq!((told.kind.as_str(), &*told.message), ("learning-refused", &*message));
        assert_eq!(ended(&control), (3, number as u64 + 1), "{why}");
        assert!(control.model.essence() == before, "{why}");
    }
    let short = &arp(12, [10, 0, 1, 12], GATEWAY)[..30];
    assert!(from(&mut control, at(2), HERE, short).0.is_empty());
    assert_eq!(ended(&control), (3, 7));
}

#[test]
fn a_tenant_that_does_not_learn_is_taught_nothing() {
    let (mut control, _) = control(fixture::config()).expect("fits");
    let before = control.model.essence();
    from(&mut control, at(1), HERE, &ipv4(9, NEW));
    assert!(control.model.essence() == before);
    assert_eq!((ended(&control), control.events().latest()), ((0, 1), 0));
}

#[test]
fn tables_that_are_full_learn_nothing() {
    let mut config = config();
    config.system.limits.records = 5;
    let (mut control, _) = control(config).expect("fits");
    let before = (control.model.essence(), control.needs.clone());
    from(&mut control, at(1), HERE, &ipv4(9, NEW));
    assert!((control.model.essence(), control.needs.clone()) == before);
    assert_eq!(ended(&control), (0, 1));
    assert_eq!(told(&control, EventKind::LearningRefused), ["red 10.0.1.9 (VSID 5001)"]);
    assert!(control.take_notes().is_empty());
}

#[test]
fn what_the_notes_say_brings_it_back() {
    let mut control = ready();
    from(&mut control, at(1), HERE, &ipv4(9, NEW));
    from(&mut control, at(1), THERE, &ipv4(5, OLD));
    from(&mut control, at(2), THERE, &ipv4(9, NEW));
    let notes = control.take_notes();
    assert!(control.take_notes().is_empty(), "once");
    control.note_again(notes);
    let notes = control.take_notes();
    let (again, _) = begin(config(), journal(&notes), false);
    assert_eq!(again.model.essence(), control.model.essence());
    assert_eq!(known(&again, NEW), learned(9, THERE));
    assert_eq!(known(&again, OLD), known(&control, OLD));
}

/// The batch is on disk before the notes are: they must not bring back what it took away.
#[test]
fn a_late_note_does_not_undo_a_batch() {
    let mut control = ready();
    from(&mut control, at(1), HERE, &ipv4(9, NEW));
    from(&mut control, at(1), HERE, &ipv4(10, [10, 0, 1, 10]));
    let set = written(&["remove-lookup: { vsid: 5001, address: 10.0.1.9 }"]);
    let pending = control.prepare(&set, Owner::Api).expect("fits");
    let mut written_down = pending.writes.clone();
    control.commit(pending, at(2), &mut Sent::default()).expect("fits");
    written_down.extend(control.take_notes());
    let kept: Vec<_> = journal(&written_down).iter().map(|stored| stored.key()).collect();
    assert_eq!(kept, ["lookup/5001/10.0.1.10"]);
}

#[test]
fn a_change_that_is_not_made_keeps_the_notes() {
    let mut control = ready();
    from(&mut control, at(1), HERE, &ipv4(9, NEW));
    let set = written(&["remove-lookup: { vsid: 5001, address: 10.0.1.9 }"]);
    let pending = control.prepare(&set, Owner::Api).expect("fits");
    control.abandon(pending, at(2), &mut Sent::default());
    assert_eq!(journal(&control.take_notes()).len(), 1);
}

#[test]
fn nothing_is_learned_while_a_change_waits_for_the_disk() {
    let mut control = ready();
    let set = written(&["add-neighbor: { network: internet, address: 198.18.0.9, mac: 02:00:00:00:30:09 }"]);
    let pending = control.prepare(&set, Owner::Api).expect("fits");
    let before = control.model.essence();
    from(&mut control, at(1), HERE, &ipv4(9, NEW));
    assert!(control.model.essence() == before);
    assert_eq!(ended(&control), (0, 1));
    control.commit(pending, at(2), &mut Sent::default()).expect("fits");
    from(&mut control, at(3), HERE, &ipv4(9, NEW));
    assert_eq!((known(&control, NEW), ended(&control)), (learned(9, HERE), (1, 1)));
}

#[test]
fn a_record_that_two_hosts_claim_is_damped_until_it_rests() {
    let mut control = ready();
    for claim in 0..6 {
        let host = if claim % 2 == 0 { THERE } else { HERE };
        from(&mut control, at(claim * 2_000), host, &ipv4(5, OLD));
    }
    assert_eq!(ended(&control), (5, 1), "the sixth is one too many");
    assert_eq!(known(&control, OLD).map(|known| known.2), Some(THERE.into()));
    control.tick(at(10_000), &mut Sent::default());
    let flapping = |control: &Control<LocalGrace>| control.flapping_records().collect::<Vec<_>>();
    let expected: (String, Vsid, _, _, _) =
        ("red".into(), vsid(5001), ip("10.0.1.5"), Some(ip("100.64.20.31")), ip("100.64.20.30"));
    assert_eq!(flapping(&control), [expected]);
    assert_eq!(told(&control, EventKind::RecordDamped), ["red 10.0.1.5 (VSID 5001)"]);

    control.tick(at(69_999), &mut Sent::default());
    assert_eq!(flapping(&control).len(), 1);
    assert_eq!(control.next_due(), Some(at(70_000)));
    control.tick(at(70_000), &mut Sent::default());
    assert!(flapping(&control).is_empty());
    assert_eq!(told(&control, EventKind::RecordUndamped), ["red 10.0.1.5 (VSID 5001)"]);
}

#[test]
fn an_operators_move_ends_damping() {
    let mut control = ready();
    for claim in 0..6 {
        let host = if claim % 2 == 0 { THERE } else { HERE };
        from(&mut control, at(claim * 2_000), host, &ipv4(5, OLD));
    }
    let set = written(&["move-lookup: { vsid: 5001, address: 10.0.1.5, provider-address: 100.64.20.30 }"]);
    control.change(&set, Owner::Api, at(20_000), &mut Sent::default()).expect("fits");
    control.tick(at(20_000), &mut Sent::default());
    assert_eq!(control.flapping_records().count(), 0);
    assert_eq!(told(&control, EventKind::RecordUndamped).len(), 1);
    assert_eq!(known(&control, OLD).map(|known| known.2), Some(HERE.into()));
}

#[test]
fn late_frames_do_not_undo_an_operators_move() {
    let mut control = ready();
    apply(&mut control, &["move-lookup: { vsid: 5001, address: 10.0.1.5, provider-address: 100.64.20.31 }"]);
    let moved = Some((Owner::Config, mac("02:15:5d:00:00:05"), IpAddr::from(THERE)));
    let events = control.events().latest();
    from(&mut control, at(500), HERE, &ipv4(5, OLD));
    assert_eq!((known(&control, OLD), ended(&control)), (moved, (0, 1)));
    assert_eq!(control.events().latest(), events, "migrations bring late frames");
    assert!(control.take_notes().is_empty());

    // A second later it is no late frame: the VM is there.
    from(&mut control, at(1_500), HERE, &ipv4(5, OLD));
    assert_eq!(known(&control, OLD).map(|known| known.2), Some(HERE.into()));
}

#[test]
fn late_frames_do_not_undo_a_reload() {
    let mut control = ready();
    let mut config = config();
    config.tenants[0].records[0].provider_address = ProviderAddr(ip("100.64.20.31"));
    config.tenants[0].records.push(record(5001, "10.0.1.7", "02:15:5d:00:00:07", "100.64.20.30"));
    control.reload(config, at(0), &mut Sent::default()).expect("fits");
    from(&mut control, at(500), HERE, &ipv4(5, OLD));
    assert_eq!((known(&control, OLD).map(|known| known.2), ended(&control)), (Some(THERE.into()), (0, 1)));
}
