//! What was changed at run time, through reloads, restarts, failures of the journal and changes that meet.

use nvgw_config::{Change, ChangeSet, DuplicateAddressDetection, LearnLimits, NewTenant, SenderCheck};
use nvgw_types::{ProviderAddr, VlanId};

use crate::control::desired::Customer;
use crate::control::detection::AddressState;
use crate::control::fixture::{self, Sent, WIRE0, WIRE1, control, ip, mac, record, subnet, vsid};
use crate::control::model::{Stored, StoredWrite};
use crate::control::*;
use crate::diagnosis::Health;
use crate::tables::grace::LocalGrace;
use crate::tables::set::tables;

const NOW: Nanos = Nanos(0);

fn set(changes: impl IntoIterator<Item = Change>) -> ChangeSet {
    ChangeSet { changes: changes.into_iter().collect(), ..ChangeSet::default() }
}

fn change(control: &mut Control<LocalGrace>, changes: impl IntoIterator<Item = Change>) {
    control.change(&set(changes), Owner::Api, NOW, &mut Sent::default()).expect("fits");
    control.tick(NOW, &mut Sent::default());
}

fn begin(config: Config, stored: Vec<Stored>, check_addresses: bool) -> Control<LocalGrace> {
    let (writers, _) = tables(table_limits(&config), 7).expect("memory");
    let hardware = [WIRE0, WIRE1].map(|mac| PortHardware { mac, check_mac: true, sums_headers: false });
    let beginning = Beginning { generation: 1, stored, check_addresses };
    Control::begin(config, beginning, hardware.to_vec(), writers, LocalGrace::new()).expect("fits")
}

fn add_tenant(name: &str) -> Change {
    Change::AddTenant(NewTenant {
        name: name.into(),
        routing_domain: None,
        gateway_mac: mac("02:00:5e:00:01:07"),
        sender_check: SenderCheck::Strict,
        router_advertisements: true,
        external: None,
        public_prefixes: vec![],
    })
}

fn add_address(address: &str) -> Change {
    Change::AddProviderAddress { site: "gateway-site".into(), address: Some(ProviderAddr(ip(address))) }
}

fn stored_address(address: [u8; 4], order: u64) -> Stored {
    Stored::ProviderAddress { site: "gateway-site".into(), address: address.into(), order }
}

/// What the journal holds of a key after these writes.
fn last<'w>(writes: &'w [StoredWrite], key: &str) -> Option<Option<&'w [u8]>> {
    let of_key = writes.iter().rfind(|(other, _)| other == key)?;
    Some(of_key.1.as_deref())
}

#[test]
fn a_tenant_of_the_api_keeps_its_vrf_through_a_reload() {
    let (mut control, _) = control(fixture::config()).expect("fits");
    change(&mut control, [add_tenant("amber"), add_tenant("coral")]);
    change(&mut control, [Change::RemoveTenant { name: "amber".into() }]);
    let vrf = control.model().tenants()["coral"].value.vrf;
    let applied = control.reload(fixture::config(), NOW, &mut Sent::default());
    assert_eq!(applied, Ok(Applied::default()));
    assert_eq!(control.model().tenants()["coral"].value.vrf, vrf);

    let mut without_blue = fixture::config();
    without_blue.tenants.pop();
    control.reload(without_blue, NOW, &mut Sent::default()).expect("fits");
    assert_eq!(control.model().tenants()["coral"].value.vrf, vrf, "none takes one that a packet may know");
}

#[test]
fn an_address_that_goes_and_comes_in_one_batch_stays_in_use() {
    let (mut control, _) = control(fixture::config()).expect("fits");
    let address = [100, 64, 20, 50].into();
    change(&mut control, [add_address("100.64.20.50")]);
    assert!(control.model().provider_addresses()[&address].usable, "nothing is checked here");
    let remove = Change::RemoveProviderAddress { address: ProviderAddr(ip("100.64.20.50")) };
    change(&mut control, [remove, add_address("100.64.20.50")]);
    assert!(control.model().provider_addresses()[&address].usable);
}

#[test]
fn what_takes_the_place_of_something_suspended_leaves_nothing_behind() {
    let damaged = Stored::Lookup {
        vsid: 6001,
        address: [10, 0, 1, 9].into(),
        // The gateway's own in that subnet.
        mac: "02:00:5e:00:01:01".into(),
        provider_address: [100, 64, 20, 31].into(),
        name: None,
        hash_flow_id: None,
        owner: Owner::Api,
    };
    let key = damaged.key();
    let mut control = begin(fixture::config(), vec![damaged], false);
    assert_eq!(control.model().suspended().count(), 1);
    let add = Change::AddLookup(record(6001, "10.0.1.9", "02:15:5d:00:00:09", "100.64.20.31"));
    let pending = control.prepare(&set([add.clone()]), Owner::Api).expect("fits");
    assert!(last(&pending.writes, &key).flatten().is_some(), "the new one is kept");
    control.abandon(pending, NOW, &mut Sent::default());
    assert_eq!(control.model().suspended().count(), 1, "nothing has happened yet");

    change(&mut control, [add]);
    assert_eq!(control.model().suspended().count(), 0);
    change(
        &mut control,
        [Change::RemoveLookup { vsid: vsid(6001), address: nvgw_types::CustomerAddr(ip("10.0.1.9")) }],
    );
    control.reload(fixture::config(), NOW, &mut Sent::default()).expect("fits");
    assert_eq!(control.model().stored(), [], "what was removed does not come back");
}

#[test]
fn addresses_keep_their_order_over_several_restarts() {
    let first = stored_address([100, 64, 20, 50], 57);
    let mut control = begin(fixture::config(), vec![first.clone()], false);
    let pending = control.prepare(&set([add_address("100.64.20.40")]), Owner::Api).expect("fits");
    let (key, value) = &pending.writes[0];
    let second = Stored::read(key, value.as_deref().expect("added")).expect("readable");
    control.commit(pending, NOW, &mut Sent::default()).expect("fits");
    let order = |control: &Control<_>| {
        control.provider_addresses(NOW).into_iter().map(|own| own.address.to_string()).collect::<Vec<_>>()
    };
    let before = order(&control);
    assert_eq!(before, ["100.64.20.10", "100.64.20.50", "100.64.20.40"]);
    assert_eq!(order(&begin(fixture::config(), vec![second, first], false)), before);
}

#[test]
fn what_the_journal_could_not_note_does_not_outlive_what_was_asked_for_since() {
    let mut config = fixture::config();
    let limits = LearnLimits { addresses_per_mac: 8, records_per_subnet: 256 };
    config.tenants[1].sender_check = SenderCheck::Learn(limits);
    let (mut control, _) = control(config).expect("fits");
    let seen = learning::Seen {
        vsid: vsid(6001),
        customer: Customer {
            vrf: control.model().tenants()["blue"].value.vrf,
            address: [10, 0, 1, 9].into(),
        },
        mac: mac("02:15:5d:00:00:09"),
        provider: [100, 64, 20, 31].into(),
    };
    assert!(control.learn(NOW, &seen, &mut Sent::default()));
    let notes = control.take_notes();
    let key = "lookup/6001/10.0.1.9";
    assert!(last(&notes, key).flatten().is_some());
    control.note_again(notes);

    let remove = Change::RemoveLookup { vsid: vsid(6001), address: nvgw_types::CustomerAddr(ip("10.0.1.9")) };
    let pending = control.prepare(&set([remove.clone()]), Owner::Api).expect("fits");
    assert_eq!(last(&pending.writes, key), Some(None));
    control.abandon(pending, NOW, &mut Sent::default());
    assert!(last(&control.take_notes(), key).flatten().is_some(), "still to be noted");
    assert!(control.model().records().contains_key(&seen.customer));

    control.note_again(vec![(key.into(), Some(b"old".to_vec()))]);
    let pending = control.prepare(&set([remove]), Owner::Api).expect("fits");
    assert_eq!(last(&pending.writes, key), Some(None));
    control.commit(pending, NOW, &mut Sent::default()).expect("fits");
    assert_eq!(control.take_notes(), [], "or the journal would have it again");
}

#[test]
fn notes_that_wait_for_the_disk_are_the_latest_of_each_object() {
    let (mut control, _) = control(fixture::config()).expect("fits");
    let note = |value: u8| ("move/5001/10.0.1.5".to_owned(), Some(vec![value]));
    control.note_again(vec![note(1), note(2)]);
    control.note_again(vec![note(0)]);
    assert_eq!(control.take_notes(), [note(2)], "what could not be noted is older than what came since");
}

#[test]
fn a_change_that_waits_for_the_disk_is_no_fault() {
    let (mut control, _) = control(fixture::config()).expect("fits");
    let add = Change::AddLookup(record(6001, "10.0.1.9", "02:15:5d:00:00:09", "100.64.20.77"));
    let pending = control.prepare(&set([add]), Owner::Api).expect("fits");
    let red = |control: &Control<_>| {
        let findings = control.doctor(NOW, &[]).findings;
        findings.into_iter().filter(|f| f.check == "provider-route" && f.health == Health::Red).count()
    };
    assert_eq!(red(&control), 0);
    assert!(!control.alarms().iter().any(|alarm| alarm.provider_address == ip("100.64.20.77")));
    control.commit(pending, NOW, &mut Sent::default()).expect("fits");
    assert_eq!(red(&control), 0);
}

#[test]
fn an_address_found_free_on_one_network_is_not_so_on_another() {
    let mut config = fixture::config();
    config.provider.duplicate_address_detection = DuplicateAddressDetection::Fast;
    let mut control = begin(config.clone(), vec![], true);
    for tenth in 0..6 {
        control.tick(Nanos(tenth * 100_000_000), &mut Sent::default());
    }
    config.provider.sites[0].vlan = Some(VlanId::new(21).expect("a VLAN"));
    let pending = control.prepare_reload(config).expect("fits");
    control.tick(Nanos(700_000_000), &mut Sent::default());
    control.commit(pending, Nanos(800_000_000), &mut Sent::default()).expect("fits");
    control.tick(Nanos(800_000_000), &mut Sent::default());
    let own = control.provider_addresses(NOW).remove(0);
    assert_eq!((own.state, own.primary), (AddressState::Tentative, false));
}

#[test]
fn a_frame_that_is_older_than_its_subnet_teaches_nothing() {
    let mut config = fixture::config();
    config.tenants[1].sender_check =
        SenderCheck::Learn(LearnLimits { addresses_per_mac: 8, records_per_subnet: 256 });
    let (mut control, _) = control(config).expect("fits");
    let seen = learning::Seen {
        vsid: vsid(6001),
        // The subnet was another tenant's when a worker took the frame.
        customer: Customer { vrf: control.model().tenants()["red"].value.vrf, address: [10, 0, 1, 9].into() },
        mac: mac("02:15:5d:00:00:09"),
        provider: [100, 64, 20, 31].into(),
    };
    let records = control.model().records().len();
    assert!(!control.learn(NOW, &seen, &mut Sent::default()));
    assert_eq!(control.model().records().len(), records);
}

#[test]
fn many_subnets_of_the_file_and_of_the_api_share_their_limits() {
    let mut config = fixture::config();
    config.system.limits.vsids = 5;
    let (mut control, _) = control(config).expect("fits");
    let add = |number: u64, third: u8| Change::AddSubnet {
        tenant: "blue".into(),
        subnet: subnet(number, &format!("10.9.{third}.0/24"), &format!("10.9.{third}.1")),
    };
    change(&mut control, [add(7001, 1)]);
    let before = (control.model().essence(), control.generation());
    let refused = control.change(&set([add(7002, 2)]), Owner::Api, NOW, &mut Sent::default());
    assert!(matches!(refused, Err(ChangeError::Control(ControlError::OverCapacity(_)))), "{refused:?}");
    assert_eq!((control.model().essence(), control.generation()), before);
    let swap = [Change::RemoveSubnet { vsid: vsid(7001) }, add(7002, 2)];
    change(&mut control, swap);
}

#[test]
fn names_that_tenants_share_are_free_once_their_tenant_is_gone() {
    let (mut control, _) = control(fixture::config()).expect("fits");
    let named = |name: &str, domain: &str, prefix: &str| {
        let Change::AddTenant(mut tenant) = add_tenant(name) else { unreachable!("a tenant") };
        tenant.routing_domain = Some(format!("{{{domain}}}"));
        tenant.public_prefixes = vec![fixture::net(prefix)];
        Change::AddTenant(tenant)
    };
    change(&mut control, [named("amber", "AB", "203.0.113.64/28")]);
    let refused = |control: &mut Control<LocalGrace>, one: Change| {
        let outcome = control.change(&set([one]), Owner::Api, NOW, &mut Sent::default());
        outcome.expect_err("taken").to_string()
    };
    assert!(refused(&mut control, named("coral", "ab", "203.0.113.96/28")).contains("that of tenant amber"));
    for (prefix, other) in
        [("203.0.113.72/29", "amber"), ("203.0.113.64/26", "amber"), ("203.0.113.0/27", "blue")]
    {
        let message = refused(&mut control, named("coral", "cd", prefix));
        assert!(message.contains("overlaps"), "{other}: {message}");
    }
    change(&mut control, [Change::RemoveTenant { name: "amber".into() }]);
    change(&mut control, [named("coral", "ab", "203.0.113.72/29")]);
}

#[test]
fn what_was_learned_while_a_worker_stands_still_is_noted() {
    let mut config = fixture::config();
    let limits = LearnLimits { addresses_per_mac: 8, records_per_subnet: 256 };
    config.tenants[1].sender_check = SenderCheck::Learn(limits);
    let (writers, _) = tables(table_limits(&config), 7).expect("memory");
    let hardware = [WIRE0, WIRE1].map(|mac| PortHardware { mac, check_mac: true, sums_headers: false });
    let grace = LocalGrace::new();
    let mut worker = grace.reader();
    let mut control = Control::new(config, hardware.to_vec(), writers, grace).expect("fits");
    let _stands_still = worker.section();
    let address = nvgw_types::CustomerAddr(ip("10.0.1.5"));
    let mut hosts = ["100.64.20.30", "100.64.20.31"].into_iter().cycle().take(10_000);
    let stalled = hosts.any(|host| {
        let provider_address = ProviderAddr(ip(host));
        let to = Change::MoveLookup { vsid: vsid(6001), address, provider_address };
        let outcome = control.change(&set([to]), Owner::Api, NOW, &mut Sent::default());
        matches!(outcome, Err(ChangeError::Control(ControlError::Incomplete(_))))
    });
    assert!(stalled, "tables reuse nothing that a worker may look at");

    let customer =
        Customer { vrf: control.model().tenants()["blue"].value.vrf, address: [10, 0, 1, 9].into() };
    let (mac, provider) = (mac("02:15:5d:00:00:09"), [100, 64, 20, 31].into());
    let seen = learning::Seen { vsid: vsid(6001), customer, mac, provider };
    control.learn(NOW, &seen, &mut Sent::default());
    let in_model = control.model().records().contains_key(&customer);
    let noted = last(&control.take_notes(), "lookup/6001/10.0.1.9").flatten().is_some();
    assert_eq!((in_model, noted), (true, true), "both know it, or neither");
}
