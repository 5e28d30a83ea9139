//! How translation goes: which sessions live on, and when names are used again.

use super::*;

#[test]
fn an_address_that_goes_drains_until_no_worker_has_a_block_of_it() {
    let mut control = ready(translated(|_| {}));
    let (first, second) = (state(&control, "198.51.100.16"), state(&control, "198.51.100.17"));
    let (going, _) = second.expect("an entry");
    let smaller = translated(|nat| nat.pools = vec![pool("198.51.100.16", "198.51.100.16")]);
    reload(&mut control, smaller.clone()).expect("fits");
    assert_eq!(state(&control, "198.51.100.16"), first, "what stays is not touched");
    assert_eq!(state(&control, "198.51.100.17"), Some((going, PublicState::Draining)));
    assert_eq!(leads(&control, "198.51.100.17"), Target::Public);

    // No worker has looked yet: one may be handing out a block this moment.
    let wanted = control.nat_sweep();
    control.nat_swept(wanted - 1, |_| 0);
    assert!(state(&control, "198.51.100.17").is_some());
    control.nat_swept(wanted, |id| u64::from(id == going));
    assert!(state(&control, "198.51.100.17").is_some());
    control.nat_swept(wanted, |_| 0);
    assert_eq!(state(&control, "198.51.100.17"), None);
    assert_ne!(leads(&control, "198.51.100.17"), Target::Public);

    // Ports that rest may know the identifier still: nobody else gets it before the next sweep.
    let other = |last| translated(|nat| nat.pools = vec![pool("198.51.100.16", last)]);
    let more = translated(|nat| {
        nat.pools = vec![pool("198.51.100.16", "198.51.100.16"), pool("198.51.100.20", "198.51.100.20")];
    });
    reload(&mut control, more).expect("fits");
    let (fresh, _) = state(&control, "198.51.100.20").expect("an entry");
    assert_ne!(fresh, going);
    sweep(&mut control);
    reload(&mut control, other("198.51.100.18")).expect("fits");
    let ids = ["198.51.100.17", "198.51.100.18"].map(|text| state(&control, text).expect("an entry").0);
    assert!(ids.contains(&going), "{ids:?}");
}

#[test]
fn an_address_that_comes_back_while_it_drains_is_the_same() {
    let (mut control, tables) = control(translated(|_| {})).expect("fits");
    let was = state(&control, "198.51.100.17");
    reload(&mut control, translated(|nat| nat.pools.truncate(0))).expect("fits");
    reload(&mut control, translated(|_| {})).expect("fits");
    assert_eq!(state(&control, "198.51.100.17"), was);
    sweep(&mut control);
    assert_eq!(state(&control, "198.51.100.17"), was);
    let mut probes = Probes::default();
    probes.add(&control.fabric.current);
    let (fresh, fresh_tables) = fixture::control(translated(|_| {})).expect("fits");
    assert_eq!(
        snapshot::take(&control, &tables, &probes),
        snapshot::take(&fresh, &fresh_tables, &probes),
        "it left no route behind"
    );
}

#[test]
fn a_pools_address_that_keeps_a_forward_drains_under_it() {
    let forwards = || vec![forward("198.51.100.17", (80, 80), "10.0.1.5", 80)];
    let mut control = ready(translated(|nat| nat.forwards = forwards()));
    let (id, _) = state(&control, "198.51.100.17").expect("an entry");
    let alone = |nat: &mut TenantNat| {
        nat.pools.truncate(0);
        nat.forwards = forwards();
    };
    reload(&mut control, translated(alone)).expect("fits");
    let entry =
        |control: &Control<LocalGrace>| *control.fabric.public(public("198.51.100.17")).expect("there");
    let draining = entry(&control);
    assert_eq!((draining.state, draining.forwards, draining.id), (PublicState::Draining, true, id));
    assert!(draining.ports.is_some());
    sweep(&mut control);
    let left = entry(&control);
    assert_eq!((left.state, left.forwards, left.id, left.ports), (PublicState::Active, true, id, None));
    assert_eq!(leads(&control, "198.51.100.17"), Target::Public);
    reload(&mut control, translated(|nat| nat.pools.truncate(0))).expect("fits");
    assert_eq!(state(&control, "198.51.100.17"), None, "there is nothing to drain");
}

#[test]
fn where_addresses_are_cut_nothing_drains() {
    let cut = |mut config: Config| {
        config.nat.removed_addresses = RemovedAddresses::Cut;
        config
    };
    let mut control = ready(cut(translated(|_| {})));
    reload(&mut control, cut(translated(|nat| nat.pools.truncate(0)))).expect("fits");
    assert_eq!(state(&control, "198.51.100.16"), None);
    assert_ne!(leads(&control, "198.51.100.16"), Target::Public);

    // What drains already is cut as soon as that is what the file says.
    let mut control = ready(translated(|_| {}));
    reload(&mut control, translated(|nat| nat.pools.truncate(0))).expect("fits");
    assert!(state(&control, "198.51.100.16").is_some());
    reload(&mut control, cut(translated(|nat| nat.pools.truncate(0)))).expect("fits");
    assert_eq!(state(&control, "198.51.100.16"), None);
}

#[test]
fn sessions_of_a_pool_are_no_sessions_of_a_static_address() {
    let mut control = ready(translated(|_| {}));
    let (pooled, _) = state(&control, "198.51.100.17").expect("an entry");
    let single = |nat: &mut TenantNat| {
        nat.pools = vec![pool("198.51.100.16", "198.51.100.16")];
        nat.statics = vec![one_to_one("198.51.100.17", "10.0.1.6")];
    };
    let before = control.nat_sweep();
    reload(&mut control, translated(single)).expect("fits");
    let (single, _) = state(&control, "198.51.100.17").expect("an entry");
    assert_ne!(single, pooled);
    assert!(control.nat_sweep() > before);
}

#[test]
fn another_route_to_a_draining_address_ends_it() {
    let mut control = ready(translated(|_| {}));
    reload(&mut control, translated(|nat| nat.pools.truncate(0))).expect("fits");
    assert_eq!(leads(&control, "198.51.100.16"), Target::Public);
    apply(
        &mut control,
        &[
            "add-tenant: { name: green, gateway-mac: \"02:00:5e:00:01:09\", public-prefixes: [198.51.100.16/31] }",
        ],
    );
    assert!(matches!(leads(&control, "198.51.100.16"), Target::Vrf(_)));
    assert_eq!(state(&control, "198.51.100.16"), None);
    sweep(&mut control);
    assert!(matches!(leads(&control, "198.51.100.17"), Target::Vrf(_)));
}

#[test]
fn the_vrf_of_a_translated_tenant_rests_until_workers_have_swept() {
    let mut control = ready(translated(|_| {}));
    let mut without = fixture::config();
    without.tenants.truncate(1);
    reload(&mut control, without).expect("fits");
    let vrf = |control: &Control<LocalGrace>, name: &str| {
        control.fabric.current.vrfs[&VrfKey::Tenant(name.to_owned())]
    };
    let add = |name| format!("add-tenant: {{ name: {name}, gateway-mac: \"02:00:5e:00:01:09\" }}");
    apply(&mut control, &[&add("green")]);
    assert_ne!(vrf(&control, "green"), BLUE);
    // A change that waits for the journal was numbered before: nothing is let go of meanwhile.
    let pending = control.prepare(&written(&[&add("brown")]), Owner::Api).expect("fits");
    sweep(&mut control);
    control.commit(pending, at(0), &mut Sent::default()).expect("fits");
    assert_ne!(vrf(&control, "brown"), BLUE);
    sweep(&mut control);
    apply(&mut control, &[&add("white")]);
    assert_eq!(vrf(&control, "white"), BLUE);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Identifiers of public addresses are never shared, whatever comes and goes.
    #[test]
    fn every_public_address_has_an_identifier_of_its_own(
        configs in vec((variants::config(), any::<bool>()), 1..6),
    ) {
        let mut control = ready(configs[0].0.clone());
        for (config, swept) in configs {
            reload(&mut control, config).expect("fits");
            if swept {
                control.nat_swept(control.nat_sweep(), |id| u64::from(id.0 % 2));
            }
            let entries: Vec<entries::Public> = control.fabric.writers.publics.iter().copied().collect();
            let ids: std::collections::BTreeSet<_> = entries.iter().map(|public| public.id).collect();
            prop_assert_eq!(ids.len(), entries.len());
            prop_assert!(ids.iter().all(|id| id.index() < 64));
            for entry in entries {
                let key = PublicKey { external: entry.external, address: entry.address.into() };
                prop_assert_eq!(control.leads(key.external, key.address.into()), Target::Public);
                let configured = control.fabric.current.publics.get(&key);
                let pooled = configured.is_some_and(|public| public.ports.is_some());
                let drains = entry.ports.is_some() && !pooled;
                prop_assert_eq!(drains, entry.state == PublicState::Draining);
                prop_assert_eq!(configured.is_some_and(|public| public.forwards), entry.forwards);
                let customer = entry.customer.map(|(vrf, address)| (vrf, address.into()));
                prop_assert_eq!(configured.and_then(|public| public.customer), customer);
            }
        }
    }
}
