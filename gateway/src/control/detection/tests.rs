use proptest::prelude::*;

use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::control::desired::InterfaceKey;
use nvgw_types::PortId;

const LAN: InterfaceKey = InterfaceKey { port: PortId(1), vlan: 20 };
const OURS: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xa0]);
const ALICE: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const BOB: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
const OWN: Hop = hop(10);

const fn hop(last: u8) -> Hop {
    Hop { interface: LAN, address: IpAddr::V4(Ipv4Addr::new(100, 64, 20, last)) }
}

fn ms(milliseconds: u64) -> Nanos {
    Nanos(milliseconds * 1_000_000)
}

fn at(seconds: u64) -> Nanos {
    ms(seconds * 1_000)
}

fn changed(state: AddressState, claimed_by: Option<MacAddr>) -> Effect {
    Effect::Changed { own: OWN, state, claimed_by }
}

fn add(d: &mut Detection, now: Nanos, preferred_at_once: bool) -> Vec<Effect> {
    let mut out = Vec::new();
    d.add(now, OWN, OURS, preferred_at_once, &mut out);
    out
}

fn heard(d: &mut Detection, now: Nanos, station: MacAddr, what: Heard) -> Vec<Effect> {
    let mut out = Vec::new();
    d.heard(now, OWN, station, what, &mut out);
    out
}

/// Lets time pass until `end`, as an owner does that sleeps until something is due: what happened when.
fn run(d: &mut Detection, end: Nanos) -> Vec<(Nanos, Effect)> {
    let mut happened = Vec::new();
    while let Some(due) = d.next_due().filter(|due| *due <= end) {
        let mut out = Vec::new();
        d.tick(due, &mut out);
        assert!(d.next_due().is_none_or(|next| next > due));
        happened.extend(out.into_iter().map(|effect| (due, effect)));
    }
    happened
}

fn times(happened: &[(Nanos, Effect)], wanted: Effect) -> Vec<Nanos> {
    happened.iter().filter(|(_, effect)| *effect == wanted).map(|(time, _)| *time).collect()
}

fn view(d: &Detection) -> View {
    d.iter().next().expect("the address")
}

/// An address that is in use since time 0.
fn preferred() -> Detection {
    let mut d = Detection::new(Timing::Fast);
    assert_eq!(add(&mut d, at(0), true), [changed(AddressState::Preferred, None)]);
    d
}

/// An address that Alice defended when it was first probed, at time 0.
fn duplicate() -> Detection {
    let mut d = Detection::new(Timing::Fast);
    add(&mut d, at(0), false);
    assert_eq!(
        heard(&mut d, at(0), ALICE, Heard::Claim),
        [changed(AddressState::Duplicate, Some(ALICE))],
        "told at once"
    );
    d
}

#[test]
fn an_address_nobody_has_is_probed_three_times_then_used_and_announced_twice() {
    let mut d = Detection::new(Timing::Fast);
    assert_eq!(add(&mut d, at(0), false), [Effect::Probe(OWN)]);
    assert_eq!(view(&d).state, AddressState::Tentative);
    let happened = run(&mut d, at(60));
    let expected = [
        (ms(200), Effect::Probe(OWN)),
        (ms(400), Effect::Probe(OWN)),
        (ms(600), changed(AddressState::Preferred, None)),
        (ms(600), Effect::Announce(OWN)),
        (ms(2600), Effect::Announce(OWN)),
    ];
    assert_eq!(happened, expected);
    assert_eq!(d.next_due(), None);
    assert_eq!((d.state(OWN), view(&d).since), (Some(AddressState::Preferred), ms(600)));
}

#[test]
fn the_times_of_rfc_5227_are_kept_and_differ_between_stations() {
    let mut starts = BTreeSet::new();
    for station in 0..50_u8 {
        let mut d = Detection::new(Timing::Rfc5227);
        let mut out = Vec::new();
        d.add(at(100), OWN, MacAddr([2, 0, 0, 0, 0, station]), false, &mut out);
        assert!(out.is_empty(), "the first probe waits: {out:?}");
        let happened = run(&mut d, at(200));
        let probes = times(&happened, Effect::Probe(OWN));
        let preferred = times(&happened, changed(AddressState::Preferred, None));
        assert_eq!((probes.len(), preferred.len()), (3, 1));
        assert!(probes[0].since(at(100)) < Duration::from_secs(1));
        for pair in probes.windows(2) {
            let gap = pair[1].since(pair[0]);
            assert!((Duration::from_secs(1)..Duration::from_secs(2)).contains(&gap), "{gap:?}");
        }
        assert_eq!(preferred[0].since(probes[2]), Duration::from_secs(2));
        starts.insert(probes);
    }
    assert_eq!(starts.len(), 50);
}

#[test]
fn an_unchecked_address_is_used_and_announced_at_once() {
    let mut d = Detection::new(Timing::Off);
    let started = add(&mut d, at(5), false);
    assert_eq!(started, [changed(AddressState::Preferred, None), Effect::Announce(OWN)]);
    assert_eq!(run(&mut d, at(60)), [(at(7), Effect::Announce(OWN))]);
}

#[test]
fn an_address_known_to_be_ours_is_used_without_a_word() {
    let mut d = preferred();
    assert_eq!(d.next_due(), None);
    assert_eq!(add(&mut d, at(1), false), [], "it is there already");
    assert_eq!(d.state(OWN), Some(AddressState::Preferred));
}

#[test]
fn whoever_has_or_wants_the_address_while_it_is_checked_makes_it_a_duplicate() {
    for what in [Heard::Claim, Heard::Probe] {
        let mut d = Detection::new(Timing::Fast);
        add(&mut d, at(0), false);
        run(&mut d, ms(599));
        assert_eq!(heard(&mut d, ms(599), ALICE, what), [changed(AddressState::Duplicate, Some(ALICE))]);
        assert_eq!(view(&d).claim, Some(Claim { by: ALICE, count: 1, last: ms(599) }));
        assert_eq!(run(&mut d, at(30)), [], "left alone");
    }
    let mut d = Detection::new(Timing::Rfc5227);
    add(&mut d, at(0), false);
    let verdict = heard(&mut d, at(0), BOB, Heard::Probe);
    assert_eq!(verdict, [changed(AddressState::Duplicate, Some(BOB))], "before our own first probe");
}

#[test]
fn a_duplicate_stays_one_while_it_is_claimed_and_recovers_afterwards() {
    let mut d = duplicate();
    assert_eq!(heard(&mut d, at(10), BOB, Heard::Claim), []);
    assert_eq!(heard(&mut d, at(10), ALICE, Heard::Probe), [], "another's check is no claim");
    assert_eq!(view(&d).claim, Some(Claim { by: BOB, count: 2, last: at(10) }));

    let probed = run(&mut d, at(31));
    assert_eq!(times(&probed, Effect::Probe(OWN)).len(), probed.len(), "{probed:?}");
    assert!((at(30)..at(31)).contains(&probed[0].0), "{probed:?}");
    assert_eq!(heard(&mut d, at(31), ALICE, Heard::Claim), [], "it was a duplicate before");
    assert_eq!((view(&d).state, view(&d).since), (AddressState::Duplicate, at(0)));

    let happened = run(&mut d, at(70));
    let recovered = times(&happened, changed(AddressState::Preferred, None));
    assert_eq!(recovered.len(), 1);
    assert_eq!(times(&happened, Effect::Announce(OWN)).len(), 2);
    assert_eq!((view(&d).claim, view(&d).since), (None, recovered[0]));
    assert!(!view(&d).is_disputed(at(70)));
}

#[test]
fn ten_conflicts_slow_the_checks_down() {
    let mut d = duplicate();
    let mut last = at(0);
    for conflict in 1..=12 {
        let probe = d.next_due().expect("another check");
        let rest = if conflict < 10 { 30 } else { 60 };
        let spread = Duration::from_secs(rest)..Duration::from_secs(rest + 1);
        assert!(spread.contains(&probe.since(last)), "after conflict {conflict}: {:?}", probe.since(last));
        run(&mut d, probe);
        heard(&mut d, probe, ALICE, Heard::Claim);
        last = probe;
    }
}

#[test]
fn two_stations_that_found_each_other_probing_do_not_probe_together_again() {
    let due = |mac| {
        let (mut d, mut out) = (Detection::new(Timing::Fast), Vec::new());
        d.add(at(0), OWN, mac, false, &mut out);
        d.heard(at(0), OWN, BOB, Heard::Probe, &mut out);
        d.next_due()
    };
    assert_ne!(due(OURS), due(ALICE));
    assert_eq!(due(OURS), due(OURS), "the same every time");
}

#[test]
fn a_claim_to_a_preferred_address_is_answered_at_most_every_ten_seconds_and_told_once() {
    let mut d = preferred();
    let told = |by| Effect::Claimed { own: OWN, by };
    assert!(!view(&d).is_disputed(at(1)));
    assert_eq!(heard(&mut d, at(1), ALICE, Heard::Claim), [Effect::Announce(OWN), told(ALICE)]);
    assert_eq!(heard(&mut d, at(2), ALICE, Heard::Claim), []);
    assert_eq!(heard(&mut d, ms(10_999), BOB, Heard::Claim), []);
    assert_eq!(heard(&mut d, at(11), ALICE, Heard::Claim), [Effect::Announce(OWN)], "known already");
    assert_eq!(heard(&mut d, at(21), BOB, Heard::Claim), [Effect::Announce(OWN), told(BOB)]);
    assert_eq!(heard(&mut d, at(22), ALICE, Heard::Probe), [], "a probe claims nothing");
    assert_eq!(d.state(OWN), Some(AddressState::Preferred));
    assert_eq!(view(&d).claim, Some(Claim { by: BOB, count: 5, last: at(21) }));
    assert!(view(&d).is_disputed(at(620)));
    assert!(!view(&d).is_disputed(at(621)), "withdrawn");
    assert_eq!(heard(&mut d, at(621), BOB, Heard::Claim), [Effect::Announce(OWN), told(BOB)], "told anew");
    assert_eq!(view(&d).claim, Some(Claim { by: BOB, count: 1, last: at(621) }));
}

#[test]
fn a_claim_between_the_announcements_is_answered_as_well() {
    let mut d = Detection::new(Timing::Fast);
    add(&mut d, at(0), false);
    run(&mut d, at(1));
    assert_eq!(heard(&mut d, at(1), ALICE, Heard::Claim)[0], Effect::Announce(OWN));
    assert_eq!(run(&mut d, at(60)), [(ms(2600), Effect::Announce(OWN))]);
}

#[test]
fn an_address_that_is_gone_does_nothing_any_more() {
    let mut d = duplicate();
    d.remove(OWN);
    assert_eq!((d.next_due(), d.state(OWN), d.iter().count()), (None, None, 0));
    assert_eq!(heard(&mut d, at(1), ALICE, Heard::Claim), []);
    assert_eq!(add(&mut d, at(2), false), [Effect::Probe(OWN)], "it begins anew");
}

#[test]
fn a_check_that_is_switched_off_ends_with_its_next_step() {
    let mut d = Detection::new(Timing::Rfc5227);
    add(&mut d, at(0), false);
    d.set_timing(Timing::Off);
    let due = d.next_due().expect("the first probe");
    assert_eq!(run(&mut d, due)[0], (due, changed(AddressState::Preferred, None)));
}

/// One thing that happens to the addresses.
#[derive(Debug, Clone)]
enum Event {
    Add(u8, bool),
    Remove(u8),
    Heard(u8, u8, Heard),
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let own = 0..4_u8;
    let heard = prop_oneof![Just(Heard::Claim), Just(Heard::Probe)];
    prop_oneof![
        3 => (own.clone(), prop::bool::weighted(0.2)).prop_map(|(own, at_once)| Event::Add(own, at_once)),
        1 => own.clone().prop_map(Event::Remove),
        3 => (own, 1..4_u8, heard).prop_map(|(own, mac, heard)| Event::Heard(own, mac, heard)),
        4 => (0..700_000_000_u64).prop_map(Event::Wait),
        2 => (0..70_000_000_000_u64).prop_map(Event::Wait),
    ]
}

/// What a bystander knows of an address.
#[derive(Debug, Default)]
struct Seen {
    state: Option<AddressState>,
    objected: Option<Nanos>,
    probes: Vec<Nanos>,
    announced: Vec<Nanos>,
}

proptest! {
    #[test]
    fn no_address_is_used_against_an_objection_and_none_is_forgotten(
        timing in prop_oneof![Just(Timing::Fast), Just(Timing::Rfc5227)],
        events in proptest::collection::vec(event(), 1..200),
    ) {
        let mut d = Detection::new(timing);
        let mut now = Nanos(0);
        let mut seen: BTreeMap<Hop, Seen> = BTreeMap::new();
        for event in events {
            let mut out = Vec::new();
            match event {
                Event::Add(own, at_once) => {
                    d.add(now, hop(own), OURS, at_once, &mut out);
                    let seen = seen.entry(hop(own)).or_default();
                    if seen.state.is_none() {
                        seen.state = Some(AddressState::Tentative);
                        if at_once {
                            prop_assert_eq!(out.len(), 1);
                            seen.state = Some(AddressState::Preferred);
                            out.clear();
                        }
                    }
                }
                Event::Remove(own) => {
                    d.remove(hop(own));
                    seen.remove(&hop(own));
                }
                Event::Heard(own, mac, what) => {
                    d.heard(now, hop(own), MacAddr([2, 0, 0, 0, 0, mac]), what, &mut out);
                    if let Some(seen) = seen.get_mut(&hop(own)) {
                        seen.objected = Some(now);
                    }
                }
                Event::Wait(nanos) => {
                    let end = Nanos(now.0 + nanos);
                    for (time, effect) in run(&mut d, end) {
                        prop_assert!(time >= now);
                        note(&mut seen, time, effect)?;
                    }
                    now = end;
                }
            }
            for effect in out {
                note(&mut seen, now, effect)?;
            }
            let known: Vec<_> = seen.iter().map(|(own, seen)| (*own, seen.state)).collect();
            let held: Vec<_> = d.iter().map(|view| (view.own, Some(view.state))).collect();
            prop_assert_eq!(known, held, "every change was told");
            for (own, entry) in &d.entries {
                prop_assert!(entry.due().is_some() || entry.state() == AddressState::Preferred, "{:?}", own);
            }
            let due: BTreeSet<_> = d.entries.iter().filter_map(|(own, e)| Some((e.due()?, *own))).collect();
            prop_assert_eq!(&d.timers, &due);
            prop_assert!(d.next_due().is_none_or(|due| due > now));
        }
    }
}

fn note(seen: &mut BTreeMap<Hop, Seen>, now: Nanos, effect: Effect) -> Result<(), TestCaseError> {
    let (Effect::Probe(own)
    | Effect::Announce(own)
    | Effect::Changed { own, .. }
    | Effect::Claimed { own, .. }) = effect;
    let seen = seen.get_mut(&own).expect("an address of ours");
    match effect {
        Effect::Probe(_) => {
            prop_assert_ne!(seen.state, Some(AddressState::Preferred));
            seen.probes.push(now);
        }
        Effect::Announce(_) => {
            prop_assert_eq!(seen.state, Some(AddressState::Preferred));
            let recent = seen.announced.iter().filter(|time| now.since(**time) < Duration::from_secs(10));
            prop_assert!(recent.count() < 3, "two of its own and one in defence");
            seen.announced.push(now);
        }
        Effect::Changed { state: AddressState::Preferred, .. } => {
            let first = seen.probes[seen.probes.len() - 3];
            prop_assert!(seen.objected.is_none_or(|time| time < first), "three probes without an objection");
            seen.state = Some(AddressState::Preferred);
        }
        Effect::Changed { state, claimed_by, .. } => {
            prop_assert_eq!((seen.state, state), (Some(AddressState::Tentative), AddressState::Duplicate));
            prop_assert!(claimed_by.is_some());
            seen.state = Some(state);
        }
        Effect::Claimed { .. } => prop_assert_eq!(seen.objected, Some(now)),
    }
    Ok(())
}
