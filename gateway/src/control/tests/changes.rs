use std::collections::BTreeMap;

use nvgw_config::{Change, ChangeSet, CustomerRoute, NewTenant, SenderCheck};
use nvgw_types::{CustomerAddr, ProviderAddr};
use proptest::collection::vec;
use proptest::prelude::*;

use super::snapshot::{self, Probes};
use super::{sweep, variants};
use crate::control::fixture::{self, Sent, control, ip, mac, net, record, subnet, vsid};
use crate::control::model::Stored;
use crate::control::*;
use crate::tables::grace::LocalGrace;

const NOW: Nanos = Nanos(0);

/// Changes among few names, so that many of them meet, and few are about nothing.
fn change() -> impl Strategy<Value = Change> {
    let tenant = proptest::sample::select(vec!["amber", "blue", "coral", "denim"]);
    let number = proptest::sample::select(vec![5000_u64, 5001, 5010, 5011, 5020, 5030]);
    let peer = proptest::sample::select(vec!["100.64.20.30", "100.64.20.31", "100.64.21.30", "9.9.9.9"]);
    let hop = proptest::sample::select(vec!["100.64.20.2", "100.64.20.3", "100.64.21.2"]);
    (0..16_usize, tenant, number, (0..2_u8, 2..6_u8), peer, hop, 0..3_u32).prop_map(
        |(kind, tenant, number, (third, last), peer, hop, metric)| {
            let tenant = tenant.to_owned();
            let address = CustomerAddr(ip(&format!("10.0.{third}.{last}")));
            // Outside of subnets, around them, within one.
            let behind =
                ["172.16.0.0/16".to_owned(), "10.0.0.0/8".to_owned(), format!("10.0.{}.4/30", last % 2)];
            let route = CustomerRoute { prefix: net(&behind[metric as usize]), next_hop: address };
            let own = ProviderAddr(ip(&format!("100.64.20.{}", 100 + last)));
            let far = net(&format!("100.64.{}.0/24", 30 + last));
            match kind {
                0 => Change::AddTenant(NewTenant {
                    name: tenant,
                    routing_domain: None,
                    gateway_mac: mac("02:00:5e:00:01:07"),
                    sender_check: SenderCheck::Strict,
                    router_advertisements: true,
                    external: None,
                    public_prefixes: vec![net(&format!("203.0.113.{}/30", 64 + 4 * last))],
                }),
                1 => Change::RemoveTenant { name: tenant },
                2 => Change::AddSubnet {
                    tenant,
                    subnet: subnet(number, &format!("10.0.{third}.0/24"), &format!("10.0.{third}.1")),
                },
                3 => Change::RemoveSubnet { vsid: vsid(number) },
                4 | 5 => {
                    let station = format!("02:15:5d:00:{third:02x}:{last:02x}");
                    Change::AddLookup(record(number, &address.to_string(), &station, peer))
                }
                6 | 7 => Change::MoveLookup {
                    vsid: vsid(number),
                    address,
                    provider_address: ProviderAddr(ip(peer)),
                },
                8 => Change::RemoveLookup { vsid: vsid(number), address },
                9 => Change::AddCustomerRoute { tenant, route },
                10 => Change::MoveCustomerRoute { tenant, route },
                11 => Change::RemoveCustomerRoute { tenant, prefix: route.prefix },
                12 => Change::AddProviderAddress { site: "gateway-site".into(), address: Some(own) },
                13 => Change::RemoveProviderAddress { address: own },
                14 if metric == 0 => Change::AddNeighbor {
                    network: "internet".into(),
                    address: ip(&format!("198.18.0.{last}")),
                    mac: mac("02:00:00:00:30:01"),
                },
                14 => Change::RemoveNeighbor {
                    network: "internet".into(),
                    address: ip(&format!("198.18.0.{last}")),
                },
                _ if metric == 0 => Change::RemoveProviderRoute { prefix: far, next_hop: ip(hop) },
                _ => Change::AddProviderRoute { prefix: far, next_hop: ip(hop), metric, mtu: None },
            }
        },
    )
}

fn set(changes: Vec<Change>) -> ChangeSet {
    ChangeSet { changes, ..ChangeSet::default() }
}

fn probes(control: &Control<LocalGrace>) -> Probes {
    let mut probes = Probes::default();
    probes.add(&control.fabric.current);
    probes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn changes_one_by_one_lead_where_a_fresh_start_leads(
        config in variants::config(),
        changes in vec(vec(change(), 1..4), 1..24),
    ) {
        let (mut changed, tables) = control(config).expect("fits");
        for batch in changes {
            let before = (changed.model.essence(), changed.needs.clone(), changed.generation());
            let outcome = changed.change(&set(batch), Owner::Api, NOW, &mut Sent::default());
            changed.tick(NOW, &mut Sent::default());
            sweep(&mut changed);
            if outcome.is_err() {
                prop_assert_eq!((changed.model.essence(), changed.needs.clone(), changed.generation()), before);
                continue;
            }
            prop_assert_eq!(changed.generation(), before.2 + 1);
            let (fresh, fresh_tables) = control(changed.model.to_config()).expect("fits");
            let probes = probes(&changed);
            let (got, wanted) =
                (snapshot::take(&changed, &tables, &probes), snapshot::take(&fresh, &fresh_tables, &probes));
            prop_assert_eq!(got, wanted);
            let counts = |control: &Control<_>| {
                control.vrfs().into_iter().map(|v| (v.name, v.subnets, v.records, v.routes)).collect::<Vec<_>>()
            };
            prop_assert_eq!(counts(&changed), counts(&fresh));
        }
    }

    #[test]
    fn what_is_abandoned_leaves_no_trace(
        config in variants::config(),
        first in vec(change(), 0..6),
        second in vec(change(), 1..6),
    ) {
        let (mut control, tables) = control(config).expect("fits");
        for change in first {
            drop(control.change(&set(vec![change]), Owner::Api, NOW, &mut Sent::default()));
        }
        control.tick(NOW, &mut Sent::default());
        let probes = probes(&control);
        let before = (control.model.essence(), control.needs.clone());
        let tables_before = snapshot::take(&control, &tables, &probes);
        for change in second {
            if let Ok(pending) = control.prepare(&set(vec![change]), Owner::Api) {
                control.abandon(pending, NOW, &mut Sent::default());
            }
            prop_assert_eq!(&(control.model.essence(), control.needs.clone()), &before);
        }
        prop_assert_eq!(snapshot::take(&control, &tables, &probes), tables_before);
    }

    #[test]
    fn what_the_journal_notes_brings_everything_back(
        config in variants::config(),
        changes in vec(change(), 1..24),
    ) {
        let (mut changed, _) = control(config.clone()).expect("fits");
        let mut journal = BTreeMap::new();
        for change in changes {
            let Ok(pending) = changed.prepare(&set(vec![change]), Owner::Api) else { continue };
            for (key, value) in &pending.writes {
                match value {
                    Some(value) => drop(journal.insert(key.clone(), value.clone())),
                    None => drop(journal.remove(key)),
                }
            }
            changed.commit(pending, NOW, &mut Sent::default()).expect("fits");
        }
        let read = |(key, value): (&String, &Vec<u8>)| Stored::read(key, value).expect("readable");
        let mut stored: Vec<_> = journal.iter().map(read).collect();
        let mut kept = changed.model.stored();
        stored.sort_by_key(Stored::key);
        kept.sort_by_key(Stored::key);
        prop_assert_eq!(&stored, &kept);

        let (writers, _) = crate::tables::set::tables(table_limits(&config), 7).expect("memory");
        let hardware = [fixture::WIRE0, fixture::WIRE1].map(|mac| PortHardware { mac, check_mac: true, sums_headers: false });
        let beginning = Beginning { generation: changed.generation(), stored, check_addresses: false };
        let again = Control::begin(config, beginning, hardware.to_vec(), writers, LocalGrace::new());
        let again = again.expect("fits");
        prop_assert_eq!(again.model.suspended().count(), 0);
        prop_assert_eq!(named(&again), named(&changed));
        prop_assert_eq!(again.generation(), changed.generation());
    }
}

/// What is in force, under names that a restart does not change.
fn named(control: &Control<LocalGrace>) -> Config {
    let mut config = control.model.to_config();
    config.tenants.sort_by(|one, other| one.name.cmp(&other.name));
    config.external.iter_mut().for_each(|network| network.tenant = None);
    config.provider.routes.sort_by_key(|route| (route.prefix, route.next_hop));
    config
}

/// As the example says of itself.
#[test]
fn the_shipped_changes_fit_the_shipped_file() {
    let named = |(name, _): &&(&str, &str)| *name == "two-nics.yaml";
    let (name, file) = nvgw_config::EXAMPLES.iter().find(named).expect("the example is shipped");
    let config = nvgw_config::parse(file, name).unwrap_or_else(|problems| panic!("{problems}"));
    let (mut control, _) = control(config).expect("fits");
    let (name, changes) = nvgw_config::CHANGES_EXAMPLE;
    let set = nvgw_config::parse_changes(changes, name).unwrap_or_else(|problems| panic!("{problems}"));
    let made = control.change(&set, Owner::Api, NOW, &mut Sent::default());
    assert!(made.is_ok(), "{made:?}");
}
