//! What was accepted once and does not fit another file: kept, out of force, until a file leaves it room again.

use nvgw_config::{Config, NetworkRef, ProviderRoute, SiteIndex};
use nvgw_types::ProviderAddr;

use super::{apply, at, begin, journal, stored, suspended, told, written};
use crate::control::change::ReloadError;
use crate::control::events::EventKind;
use crate::control::fixture::{self, Sent, control, ip, neighbor, net, site, subnet, tenant};
use crate::control::{Control, Owner};
use crate::tables::grace::LocalGrace;

/// One object of each kind.
const ADDED: &[&str] = &[
    "add-tenant: { name: green }",
    "add-subnet: { tenant: green, vsid: 7001, prefix: 10.0.7.0/24, gateway: 10.0.7.1 }",
    "add-provider-address: { site: gateway-site, address: 100.64.20.11 }",
    "add-provider-route: { prefix: 100.64.40.0/24, next-hop: 100.64.20.3, metric: 10 }",
    "add-lookup: { vsid: 7001, address: 10.0.7.5, mac: 02:15:5d:00:07:05, provider-address: 100.64.20.31 }",
    "move-lookup: { vsid: 5001, address: 10.0.1.5, provider-address: 100.64.50.9 }",
    "add-customer-route: { tenant: green, prefix: 172.17.0.0/16, next-hop: 10.0.7.5 }",
    "add-neighbor: { network: gateway-site, address: 100.64.20.4, mac: 02:00:00:00:20:04 }",
];

/// Their names, in order, and why the hostile file leaves them no room.
const REASONS: &[(&str, &str)] = &[
    ("customer-route/green/172.17.0.0/16", "next hop 10.0.7.5 is in no subnet of the tenant"),
    ("lookup/7001/10.0.7.5", "10.0.7.5 is outside 10.9.0.0/24"),
    ("move/5001/10.0.1.5", "provider address 100.64.50.9 is the gateway's own"),
    ("neighbor/gateway-site/100.64.20.4", "neighbour 100.64.20.4 is the gateway's own address"),
    ("provider-address/100.64.20.11", "100.64.20.11 is the address of a static neighbour"),
    (
        "provider-route/100.64.40.0/24/100.64.20.3",
        "100.64.40.0/24 is routed by 100.64.20.5 with metric 10 already, by config",
    ),
    ("subnet/7001", "VSID 7001 is taken by a subnet of tenant green"),
    ("tenant/green", "tenant green is there already, by config"),
];

/// What takes each of them away.
const REMOVED: &[&str] = &[
    "remove-customer-route: { tenant: green, prefix: 172.17.0.0/16 }",
    "remove-lookup: { vsid: 7001, address: 10.0.7.5 }",
    "move-lookup: { vsid: 5001, address: 10.0.1.5, provider-address: 100.64.20.30 }",
    "remove-neighbor: { network: gateway-site, address: 100.64.20.4 }",
    "remove-provider-address: { address: 100.64.20.11 }",
    "remove-provider-route: { prefix: 100.64.40.0/24, next-hop: 100.64.20.3 }",
    "remove-subnet: { vsid: 7001 }",
    "remove-tenant: { name: green }",
];

fn with_changes() -> Control<LocalGrace> {
    let (mut control, _) = control(fixture::config()).expect("fits");
    apply(&mut control, ADDED);
    control
}

/// A file that contradicts every one of them.
fn hostile() -> Config {
    let mut config = fixture::config();
    config.tenants.push(tenant("green", vec![subnet(7001, "10.9.0.0/24", "10.9.0.1")], vec![]));
    config.provider.sites.push(site("second", 50, "100.64.50.0/24", "100.64.50.9"));
    config.provider.sites[0].addresses.push(ProviderAddr(ip("100.64.20.4")));
    config.provider.routes.push(ProviderRoute {
        prefix: net("100.64.40.0/24"),
        next_hop: ip("100.64.20.5"),
        site: SiteIndex(0),
        metric: 10,
        mtu: None,
    });
    config.neighbors.push(neighbor(NetworkRef::Site(SiteIndex(0)), "100.64.20.11", "02:00:00:00:20:11"));
    config
}

fn names() -> Vec<&'static str> {
    REASONS.iter().map(|(key, _)| *key).collect()
}

/// A gateway that starts with the hostile file, and what would be kept from the one before.
fn restarted() -> Control<LocalGrace> {
    begin(hostile(), with_changes().model.stored(), false).0
}

#[test]
fn at_a_start_what_does_not_fit_is_kept_out_of_force() {
    let mut control = restarted();
    let reasons: Vec<_> = control.model.suspended().map(|s| (s.stored.key(), &*s.refusal.message)).collect();
    let expected: Vec<_> = REASONS.iter().map(|(key, reason)| ((*key).to_owned(), *reason)).collect();
    assert_eq!(reasons, expected);
    assert_eq!(told(&control, EventKind::ChangeSuspended), names());
    assert!(control.take_notes().is_empty(), "nothing is forgotten");
    let mut kept = stored(&control);
    kept.sort();
    assert_eq!(kept, names());
    let (fresh, _) = begin(hostile(), vec![], false);
    assert_eq!(control.model.to_config(), fresh.model.to_config());
    assert!(control.fabric.current == fresh.fabric.current);
}

#[test]
fn a_file_that_leaves_room_puts_it_in_force_again() {
    let mut control = restarted();
    control.reload(hostile(), at(0), &mut Sent::default()).expect("suspended already");
    assert_eq!(suspended(&control), names());
    let mut half = hostile();
    half.tenants.pop();
    control.reload(half, at(0), &mut Sent::default()).expect("suspended already");
    let left = ["move", "neighbor", "provider-address", "provider-route"];
    assert!(suspended(&control).iter().zip(left).all(|(key, kind)| key.starts_with(kind)));
    assert_eq!(suspended(&control).len(), left.len());

    control.reload(fixture::config(), at(0), &mut Sent::default()).expect("fits");
    let before = with_changes();
    assert!(suspended(&control).is_empty());
    assert_eq!(control.model.to_config(), before.model.to_config());
    assert_eq!(stored(&control), stored(&before));
}

#[test]
fn a_reload_that_would_suspend_is_refused_and_names_both() {
    let mut control = with_changes();
    let before = (control.model.essence(), control.needs.clone(), control.generation());
    let tables = control.fabric.current.clone();
    let error = control.reload(hostile(), at(0), &mut Sent::default()).expect_err("contradicts");
    let mut lines = String::from("it contradicts what was changed at run time:");
    REASONS.iter().for_each(|(key, reason)| lines += &format!("\n  {key}: {reason}"));
    lines += "\nremove these, or write a file that leaves them room";
    assert_eq!(error.to_string(), lines);
    let ReloadError::Contradicts(fresh) = error else { panic!("{error}") };
    assert_eq!(fresh.iter().map(|s| s.stored.key()).collect::<Vec<_>>(), names());
    assert!((control.model.essence(), control.needs.clone(), control.generation()) == before);
    assert!(control.fabric.current == tables);
    assert!(told(&control, EventKind::ChangeSuspended).is_empty());
    control.reload(fixture::config(), at(0), &mut Sent::default()).expect("nothing is in its way");
}

#[test]
fn what_is_suspended_already_does_not_hide_what_would_be() {
    let mut control = restarted();
    apply(
        &mut control,
        &["add-neighbor: { network: internet, address: 198.18.0.9, mac: 02:00:00:00:30:09 }"],
    );
    let mut config = hostile();
    config.external[0].addresses = vec![net("198.18.0.2/24"), net("198.18.0.9/24")];
    let error = control.reload(config, at(0), &mut Sent::default()).expect_err("contradicts");
    let ReloadError::Contradicts(fresh) = error else { panic!("{error}") };
    assert_eq!(fresh.iter().map(|s| s.stored.key()).collect::<Vec<_>>(), ["neighbor/internet/198.18.0.9"]);
}

#[test]
fn each_is_removed_as_if_it_were_in_force() {
    let mut control = restarted();
    let in_force = control.model.to_config();
    for (number, change) in REMOVED.iter().enumerate() {
        let before = control.model.essence();
        let set = written(&[change]);
        let pending = control.prepare(&set, Owner::Api).unwrap_or_else(|error| panic!("{change}: {error}"));
        assert_eq!(pending.writes, [(names()[number].to_owned(), None)], "{change}");
        assert_eq!(pending.lines, [format!("- {}, which was suspended", names()[number])]);
        control.abandon(pending, at(0), &mut Sent::default());
        assert!(control.model.essence() == before, "{change}");
        apply(&mut control, &[change]);
        assert_eq!(suspended(&control), names()[number + 1..]);
    }
    assert_eq!(control.model.to_config(), in_force);
    assert!(stored(&control).is_empty());
    for change in [REMOVED[0], REMOVED[1], REMOVED[3], REMOVED[4], REMOVED[5], REMOVED[6], REMOVED[7]] {
        let again = control.change(&written(&[change]), Owner::Api, at(0), &mut Sent::default());
        assert!(again.is_err(), "{change}");
    }
}

/// The journal has one entry for one name, and so has what is kept in memory.
#[test]
fn what_is_made_anew_takes_the_place_of_what_is_suspended() {
    let mut control = restarted();
    let mut notes = Vec::new();
    let kept = control.model.stored();
    for change in [
        "add-provider-route: { prefix: 100.64.40.0/24, next-hop: 100.64.20.3, metric: 20 }",
        "move-lookup: { vsid: 5001, address: 10.0.1.5, provider-address: 100.64.30.9 }",
    ] {
        let pending = control.prepare(&written(&[change]), Owner::Api).expect("fits");
        notes.extend(pending.writes.clone());
        control.commit(pending, at(0), &mut Sent::default()).expect("fits");
    }
    assert!(notes.iter().all(|(_, value)| value.is_some()), "each has a value, not an end");
    let left = suspended(&control);
    assert!(
        !left.iter().any(|key| key.starts_with("move/") || key.starts_with("provider-route/")),
        "{left:?}"
    );

    let mut stored = kept;
    for newer in journal(&notes) {
        stored.retain(|older| older.key() != newer.key());
        stored.push(newer);
    }
    let mut remembered = control.model.stored();
    stored.sort_by_key(super::Stored::key);
    remembered.sort_by_key(super::Stored::key);
    assert_eq!(remembered, stored);

    control.reload(fixture::config(), at(0), &mut Sent::default()).expect("leaves room");
    let (again, _) = begin(fixture::config(), stored, false);
    assert_eq!(control.model.to_config(), again.model.to_config());
    let route = "remove-provider-route: { prefix: 100.64.40.0/24, next-hop: 100.64.20.3 }";
    let pending = control.prepare(&written(&[route]), Owner::Api).expect("one");
    assert_eq!(pending.lines, ["- provider-route 100.64.40.0/24 via 100.64.20.3: metric 20"]);
    control.commit(pending, at(0), &mut Sent::default()).expect("fits");
    control.prepare(&written(&[route]), Owner::Api).expect_err("there is no other");
}

/// A change that fails takes nothing away, suspended or not.
#[test]
fn what_is_refused_leaves_what_is_suspended() {
    let mut control = restarted();
    for change in [
        "move-lookup: { vsid: 5001, address: 10.0.1.5, provider-address: 100.64.50.9 }",
        "add-provider-address: { site: gateway-site, address: 100.64.20.11 }",
        "add-lookup: { vsid: 7001, address: 10.0.7.5, mac: 02:15:5d:00:07:05, provider-address: 100.64.20.31 }",
    ] {
        let refused = control.change(&written(&[change]), Owner::Api, at(0), &mut Sent::default());
        assert!(refused.is_err(), "{change}");
    }
    assert_eq!(suspended(&control), names());
}
