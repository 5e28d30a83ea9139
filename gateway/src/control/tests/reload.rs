use std::collections::BTreeMap;

use proptest::prelude::*;

use super::snapshot::{self, Probes};
use super::sweep;
use super::variants;
use crate::control::fixture::{self, Sent, control, ip, net, record};
use crate::control::*;

const NOW: Nanos = Nanos(0);

fn probes(configs: &[&Config]) -> Probes {
    let mut probes = Probes::default();
    for config in configs {
        probes.add(&fixture::desired(config, &BTreeMap::new()));
    }
    probes
}

fn reload(
    control: &mut Control<crate::tables::grace::LocalGrace>,
    config: Config,
) -> Result<Applied, ReloadError> {
    let mut sent = Sent::default();
    let result = control.reload(config, NOW, &mut sent);
    assert!(sent.0.is_empty(), "nothing waited, so there is nothing to send");
    result
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_reload_leads_where_a_fresh_start_leads(
        configs in proptest::collection::vec(variants::config(), 2..5),
    ) {
        let all: Vec<_> = configs.iter().collect();
        let probes = probes(&all);
        let (mut reloaded, tables) = control(configs[0].clone()).expect("fits");
        for config in &configs[1..] {
            reload(&mut reloaded, config.clone()).expect("fits");
            sweep(&mut reloaded);
            let (fresh, fresh_tables) = control(config.clone()).expect("fits");
            let (got, wanted) =
                (snapshot::take(&reloaded, &tables, &probes), snapshot::take(&fresh, &fresh_tables, &probes));
            prop_assert_eq!(got, wanted);
            let unaged = |control: &Control<_>| control.neighbors(NOW);
            prop_assert_eq!(unaged(&reloaded), unaged(&fresh));
        }
    }

    #[test]
    fn the_same_configuration_again_touches_nothing(config in variants::config()) {
        let (mut control, _) = control(config.clone()).expect("fits");
        prop_assert_eq!(reload(&mut control, config), Ok(Applied::default()));
    }

    #[test]
    fn a_reload_that_does_not_fit_changes_nothing(before in variants::config(), after in variants::config()) {
        prop_assume!(!after.tenants.is_empty());
        let mut after = after;
        let subnet = after.tenants[0].subnets[0].vsid.get();
        after.tenants[0].records = (0..257)
            .map(|n| record(subnet.into(), &format!("10.0.{}.{}", n / 250, 2 + n % 250), "02:00:00:00:00:01", "9.9.9.9"))
            .collect();
        let probes = probes(&[&before, &after]);
        let (mut control, tables) = control(before).expect("fits");
        let was = snapshot::take(&control, &tables, &probes);
        let model = control.model().clone();
        let error = reload(&mut control, after).expect_err("257 records and more");
        prop_assert!(matches!(
            error,
            ReloadError::Refused(ControlError::OverCapacity(OverCapacity { what: "lookup records", limit: 256, .. }))
        ), "{error}");
        prop_assert_eq!(snapshot::take(&control, &tables, &probes), was);
        prop_assert_eq!(control.model(), &model);
    }
}

#[test]
fn what_needs_a_restart_is_listed_and_not_done() {
    let (mut control, _) = control(fixture::config()).expect("fits");
    let mut changed = fixture::config();
    changed.system.worker_cores = vec![1, 2];
    changed.system.limits.records += 1;
    changed.ports[1].mtu = 9000;
    changed.tenants.clear();
    let error = reload(&mut control, changed).expect_err("needs a restart");
    let text = "system.worker-cores, system.limits, ports cannot change while the gateway runs: restart it";
    assert_eq!(error.to_string(), text);
    assert_eq!(control.model().to_config(), fixture::config());
}

#[test]
fn each_table_that_would_overflow_is_named() {
    type Change = fn(&mut Config);
    let cases: [(&str, Change); 3] = [
        ("virtual subnets", |config| {
            let more =
                (0..61).map(|n| fixture::subnet(7000 + n, &format!("10.7.{n}.0/24"), &format!("10.7.{n}.1")));
            config.tenants[0].subnets.extend(more);
        }),
        ("external IPv4 routes", |config| {
            let more = (0..256).map(|n| nvgw_config::ExternalRoute {
                prefix: net(&format!("20.0.{n}.0/24")),
                next_hop: ip("198.18.0.3"),
            });
            config.external[0].routes.extend(more);
        }),
        ("external IPv6 routes", |config| {
            config.external[0].addresses.push(net("2001:db8:ffff::2/64"));
            let more = (0..257).map(|n| nvgw_config::ExternalRoute {
                prefix: net(&format!("2001:db8:{n:x}::/48")),
                next_hop: ip("2001:db8:ffff::3"),
            });
            config.external[0].routes.extend(more);
        }),
    ];
    for (what, change) in cases {
        let mut config = fixture::config();
        change(&mut config);
        let error = control(config).err().expect("does not fit").to_string();
        assert!(error.contains(what) && error.contains("raise it under system.limits"), "{error}");
    }
}

#[test]
fn only_what_changed_counts() {
    let (mut control, _) = control(fixture::config()).expect("fits");
    let mut config = fixture::config();
    config.tenants[0].records[0].provider_address = nvgw_types::ProviderAddr(ip("100.64.20.31"));
    config.tenants[0].records.push(record(5001, "10.0.1.9", "02:15:5d:00:00:09", "100.64.20.30"));
    config.tenants[1].records.pop();
    assert_eq!(reload(&mut control, config), Ok(Applied { added: 1, changed: 1, removed: 1 }));
}

#[test]
fn as_many_ports_must_be_open_as_are_configured() {
    let config = fixture::config();
    let (writers, _) = crate::tables::set::tables(table_limits(&config), 0).expect("memory");
    let result = Control::new(config, vec![], writers, crate::tables::grace::LocalGrace::new());
    assert_eq!(result.err(), Some(ControlError::Ports { open: 0, configured: 2 }));
}
