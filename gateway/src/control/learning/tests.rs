mod property;

use super::*;
use nvgw_types::VrfId;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(100, 64, 20, 30));
const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(100, 64, 30, 2));
const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(100, 64, 30, 3));
const VM: MacAddr = MacAddr([2, 0x15, 0x5d, 0, 0, 5]);
const OTHER_VM: MacAddr = MacAddr([2, 0x15, 0x5d, 0, 0, 6]);
const GATEWAY: MacAddr = MacAddr([2, 0, 0x5e, 0, 1, 1]);
const LIMITS: LearnLimits = LearnLimits { addresses_per_mac: 3, records_per_subnet: 5 };

fn at(milliseconds: u64) -> Nanos {
    Nanos(milliseconds * 1_000_000)
}

fn vsid() -> Vsid {
    Vsid::new(5001).expect("24 bits")
}

fn customer(last: u8) -> Customer {
    Customer { vrf: VrfId(0), address: [10, 0, 1, last].into() }
}

/// The VM with the address 10.0.1.5, seen at a provider address.
fn seen(provider: IpAddr) -> Seen {
    Seen { vsid: vsid(), customer: customer(5), mac: VM, provider }
}

/// A subnet that has room, and the record that the address has.
fn facts(record: Option<KnownRecord>) -> Facts {
    Facts {
        limits: LIMITS,
        prefix: SubnetPrefix {
            prefix: "10.0.1.0/24".parse().expect("a prefix"),
            gateway: [10, 0, 1, 1].into(),
        },
        gateway_mac: GATEWAY,
        record,
        provider_known_for_vsid: true,
        learned_in_subnet: 0,
        addresses_of_mac: 0,
    }
}

fn record_at(provider: IpAddr) -> Facts {
    facts(Some(KnownRecord { mac: VM, provider }))
}

/// A record, and its VM, which goes from host to host.
struct Roaming {
    learning: Learning,
    place: IpAddr,
}

impl Roaming {
    fn new() -> Self {
        Self { learning: Learning::default(), place: HERE }
    }

    /// The VM is seen; the decision is carried out.
    fn seen(&mut self, milliseconds: u64, provider: IpAddr) -> Decision {
        let decision = self.learning.consider(at(milliseconds), &seen(provider), &record_at(self.place));
        if decision == Decision::Move {
            self.place = provider;
        }
        decision
    }

    /// As often as may be, two seconds apart, from second zero on; then once too often, in second ten.
    fn damped() -> Self {
        let mut vm = Self::new();
        for (number, provider) in [THERE, HERE].into_iter().cycle().take(MOVES).enumerate() {
            assert_eq!(vm.seen(number as u64 * 2_000, provider), Decision::Move, "move {number}");
        }
        assert_eq!(vm.place, THERE);
        assert_eq!(vm.notices(), []);
        assert_eq!(vm.seen(10_000, HERE), DAMPED);
        vm
    }

    fn notices(&mut self) -> Vec<Notice> {
        self.learning.notices().collect()
    }
}

const DAMPED: Decision = Decision::Refuse(Refusal::Damped);
const LATE: Decision = Decision::Refuse(Refusal::Late);

fn damped(claimed: IpAddr, attempted: u64) -> Damped {
    Damped { vsid: vsid(), customer: customer(5), claimed, since: at(10_000), attempted: at(attempted) }
}

/// What one frame leads to where nothing happened before.
fn decision(change: impl FnOnce(&mut Seen, &mut Facts)) -> Decision {
    let (mut seen, mut facts) = (seen(THERE), facts(None));
    change(&mut seen, &mut facts);
    Learning::default().consider(at(0), &seen, &facts)
}

#[test]
fn an_unknown_sender_at_a_known_host_is_learned() {
    assert_eq!(decision(|_, _| {}), Decision::Learn);
    assert_eq!(
        decision(|_, facts| facts.provider_known_for_vsid = false),
        Decision::Refuse(Refusal::ProviderUnknown)
    );
}

#[test]
fn limits_hold_for_new_records_and_not_for_moves() {
    let mac = |count| move |_: &mut Seen, facts: &mut Facts| facts.addresses_of_mac = count;
    assert_eq!(decision(mac(2)), Decision::Learn);
    assert_eq!(decision(mac(3)), Decision::Refuse(Refusal::MacLimit));
    let subnet = |count| move |_: &mut Seen, facts: &mut Facts| facts.learned_in_subnet = count;
    assert_eq!(decision(subnet(4)), Decision::Learn);
    assert_eq!(decision(subnet(5)), Decision::Refuse(Refusal::SubnetLimit));
    let full = |_: &mut Seen, facts: &mut Facts| {
        *facts = Facts { addresses_of_mac: 3, learned_in_subnet: 5, ..record_at(HERE) };
    };
    assert_eq!(decision(full), Decision::Move);
}

#[test]
fn only_addresses_and_stations_of_the_subnet_are_learned() {
    for (address, wanted) in [
        ([10, 0, 1, 0], Decision::Refuse(Refusal::Address)),
        ([10, 0, 1, 1], Decision::Refuse(Refusal::Address)),
        ([10, 0, 1, 2], Decision::Learn),
        ([10, 0, 1, 254], Decision::Learn),
        ([10, 0, 1, 255], Decision::Refuse(Refusal::Address)),
        ([10, 0, 2, 5], Decision::Refuse(Refusal::Address)),
    ] {
        assert_eq!(decision(|seen, _| seen.customer.address = address.into()), wanted, "{address:?}");
    }
    for mac in [MacAddr::BROADCAST, MacAddr::ZERO, MacAddr([1, 0, 0x5e, 0, 0, 1]), GATEWAY] {
        assert_eq!(decision(|seen, _| seen.mac = mac), Decision::Refuse(Refusal::Mac), "{mac}");
    }
}

#[test]
fn a_record_follows_its_vm_and_is_not_taken_over() {
    let record = |mac, provider| {
        move |_: &mut Seen, facts: &mut Facts| facts.record = Some(KnownRecord { mac, provider })
    };
    assert_eq!(decision(record(VM, HERE)), Decision::Move);
    assert_eq!(decision(record(VM, THERE)), Decision::Nothing);
    assert_eq!(decision(record(OTHER_VM, HERE)), Decision::Refuse(Refusal::OtherMac));
    assert_eq!(decision(record(OTHER_VM, THERE)), Decision::Refuse(Refusal::OtherMac));
    let unknown = |_: &mut Seen, facts: &mut Facts| {
        *facts = Facts { provider_known_for_vsid: false, ..record_at(HERE) };
    };
    assert_eq!(decision(unknown), Decision::Refuse(Refusal::ProviderUnknown));
}

#[test]
fn late_frames_of_the_old_host_do_not_move_it_back() {
    let mut vm = Roaming::new();
    assert_eq!(vm.seen(0, THERE), Decision::Move);
    assert_eq!(vm.seen(1, HERE), LATE);
    assert_eq!(vm.seen(999, HERE), LATE);
    // Elsewhere is news, and from now on what comes from there is late.
    assert_eq!(vm.seen(999, ELSEWHERE), Decision::Move);
    assert_eq!(vm.seen(1_500, THERE), LATE);
    assert_eq!(vm.seen(1_999, THERE), Decision::Move);
}

#[test]
fn the_sixth_move_in_a_minute_is_refused_and_said_once() {
    let mut vm = Roaming::damped();
    assert_eq!(vm.notices(), [Notice::Damped(damped(HERE, 10_000))]);
    assert_eq!(vm.seen(11_000, ELSEWHERE), DAMPED);
    assert_eq!(vm.seen(12_000, HERE), DAMPED);
    assert_eq!(vm.notices(), []);
    assert_eq!(vm.learning.damped().collect::<Vec<_>>(), [damped(HERE, 12_000)]);
    assert_eq!(vm.place, THERE);
}

#[test]
fn what_rests_for_a_minute_is_not_damped_any_more() {
    let mut vm = Roaming::damped();
    vm.seen(12_000, ELSEWHERE);
    vm.notices();
    assert_eq!(vm.learning.next_due(), Some(at(72_000)));
    vm.learning.tick(at(71_999));
    assert_eq!(vm.notices(), []);
    vm.learning.tick(at(72_000));
    assert_eq!(vm.notices(), [Notice::Undamped(damped(ELSEWHERE, 12_000))]);
    assert_eq!(vm.learning.damped().count(), 0);
    assert_eq!(vm.learning.next_due(), None);
    assert_eq!(vm.seen(72_000, HERE), Decision::Move);
}

#[test]
fn moves_older_than_a_minute_do_not_count() {
    let mut vm = Roaming::new();
    for (number, provider) in [THERE, HERE].into_iter().cycle().take(30).enumerate() {
        assert_eq!(vm.seen(number as u64 * 12_000, provider), Decision::Move, "move {number}");
    }
}

#[test]
fn a_vm_that_came_to_rest_where_it_was_not_followed_is_followed_after_a_minute() {
    let mut vm = Roaming::damped();
    for second in 11..70 {
        assert_eq!(vm.seen(second * 1_000, HERE), DAMPED, "second {second}");
    }
    assert_eq!(vm.seen(70_000, HERE), Decision::Move);
    assert_eq!(vm.learning.damped().collect::<Vec<_>>(), [damped(HERE, 70_000)], "it has to rest first");
    vm.learning.tick(at(130_000));
    assert_eq!(vm.notices().len(), 2, "damped, undamped");
}

#[test]
fn a_claim_that_is_contradicted_waits_anew() {
    let mut vm = Roaming::damped();
    assert_eq!(vm.seen(60_000, ELSEWHERE), DAMPED);
    assert_eq!(vm.seen(60_001, HERE), DAMPED);
    assert_eq!(vm.seen(71_000, HERE), DAMPED);
    assert_eq!(vm.seen(120_001, HERE), Decision::Move);
    // Two VMs with one address: the other one waits as long.
    assert_eq!(vm.seen(121_500, THERE), DAMPED);
    assert_eq!(vm.seen(181_499, THERE), DAMPED);
    assert_eq!(vm.seen(181_500, THERE), Decision::Move);
    assert_eq!(vm.notices(), [Notice::Damped(damped(HERE, 10_000))], "damped all the time");
}

#[test]
fn who_moves_it_by_hand_starts_anew() {
    let mut vm = Roaming::damped();
    vm.notices();
    vm.place = HERE;
    vm.learning.moved(at(20_000), vsid(), customer(5), THERE);
    assert_eq!(vm.notices(), [Notice::Undamped(damped(HERE, 10_000))]);
    assert_eq!(vm.seen(20_500, THERE), LATE);
    assert_eq!(vm.learning.next_due(), Some(at(21_000)));
    assert_eq!(vm.seen(21_000, THERE), Decision::Move);
}

#[test]
fn what_is_gone_is_forgotten_without_a_word() {
    let mut vm = Roaming::damped();
    vm.notices();
    vm.learning.forget(customer(5));
    vm.learning.forget(customer(6));
    assert_eq!((vm.notices(), vm.learning.next_due()), (vec![], None));
    assert_eq!(vm.seen(11_000, HERE), Decision::Move);
}

#[test]
fn memory_is_bounded_and_comes_back() {
    let mut learning = Learning::default();
    let vm = |number: usize| Seen {
        customer: Customer { vrf: VrfId(number as u32), ..customer(5) },
        ..seen(THERE)
    };
    for number in 0..TRACKED {
        assert_eq!(learning.consider(at(number as u64 / 10), &vm(number), &record_at(HERE)), Decision::Move);
    }
    let overloaded = Decision::Refuse(Refusal::Overloaded);
    assert_eq!(learning.consider(at(10_000), &vm(TRACKED), &record_at(HERE)), overloaded);
    assert_eq!(
        learning.consider(at(10_000), &vm(7), &record_at(HERE)),
        Decision::Move,
        "it is known already"
    );
    learning.moved(at(10_000), vsid(), vm(TRACKED).customer, HERE);
    assert_eq!(learning.consider(at(10_000), &vm(TRACKED + 1), &facts(None)), Decision::Learn);
    assert_eq!(learning.consider(at(60_000), &vm(TRACKED), &record_at(HERE)), Decision::Move);
    learning.tick(at(120_000));
    assert_eq!(learning.next_due(), None);
}

#[test]
fn frames_say_who_sent_them() {
    let read = |ethertype: [u8; 2], payload: &[u8]| {
        let frame = [&GATEWAY.0[..], &VM.0, &ethertype, payload].concat();
        Seen::read(vsid(), VrfId(0), THERE, &frame)
    };
    let mut ipv4 = [0; 20];
    (ipv4[0], ipv4[3]) = (0x45, 20);
    ipv4[12..].copy_from_slice(&[10, 0, 1, 5, 8, 8, 8, 8]);
    assert_eq!(read([8, 0], &ipv4), Some(seen(THERE)));
    assert_eq!(read([8, 0], &ipv4[..19]), None);
    assert_eq!(read([0x86, 0xdd], &ipv4), None);

    let arp = |sender: MacAddr| {
        [&[0, 1, 8, 0, 6, 4, 0, 1], &sender.0[..], &[10, 0, 1, 5], &[0; 6], &[10, 0, 1, 5]].concat()
    };
    assert_eq!(read([8, 6], &arp(VM)), Some(seen(THERE)));
    assert_eq!(read([8, 6], &arp(OTHER_VM)), None, "a station that speaks for another");
    assert_eq!(read([8, 6], &arp(VM)[..27]), None);
}
