//! Whose an object is decides who takes it away, and what is left then.

use std::net::IpAddr;

use nvgw_config::{Config, CustomerRoute, NetworkRef, ProviderRoute, SiteIndex};
use nvgw_types::{CustomerAddr, ProviderAddr, VrfId};

use super::{apply, at, begin, journal, stored, written};
use crate::control::desired::Customer;
use crate::control::fixture::{self, Sent, control, ip, mac, neighbor, net, record};
use crate::control::model::PlacedRecord;
use crate::control::{Control, Owner};
use crate::tables::grace::LocalGrace;

fn ready() -> Control<LocalGrace> {
    control(fixture::config()).expect("fits").0
}

fn reload(control: &mut Control<LocalGrace>, config: Config) {
    control.reload(config, at(0), &mut Sent::default()).expect("fits");
}

/// Red's record of an address: whose it is, where its owner says, where its VM is and by whose word.
fn red(control: &Control<LocalGrace>, address: [u8; 4]) -> Option<(Owner, String, String, Option<Owner>)> {
    let customer = Customer { vrf: VrfId(0), address: address.into() };
    let placed: &PlacedRecord = control.model.records().get(&customer)?;
    let (said, is) = (placed.record.value.provider.to_string(), placed.provider().to_string());
    Some((placed.record.owner, said, is, placed.moved.map(|moved| moved.by)))
}

/// Where red's workers send what is for an address.
fn sent_to(control: &Control<LocalGrace>, address: [u8; 4]) -> Option<IpAddr> {
    let customer = Customer { vrf: VrfId(0), address: address.into() };
    control.fabric.current.records.get(&customer).map(|record| record.peer)
}

/// A VM moves as its own frames say.
fn learn(control: &mut Control<LocalGrace>, change: &str) {
    control.change(&written(&[change]), Owner::Learned, at(0), &mut Sent::default()).expect("fits");
}

const VM: [u8; 4] = [10, 0, 1, 5];
const MOVE: &str = "move-lookup: { vsid: 5001, address: 10.0.1.5, provider-address: 100.64.30.9 }";
const BACK: &str = "move-lookup: { vsid: 5001, address: 10.0.1.5, provider-address: 100.64.20.30 }";

fn said(
    owner: Owner,
    said: &str,
    is: &str,
    by: Option<Owner>,
) -> Option<(Owner, String, String, Option<Owner>)> {
    Some((owner, said.into(), is.into(), by))
}

#[test]
fn a_reload_keeps_what_the_api_added_even_where_the_file_becomes_empty() {
    let mut control = ready();
    apply(
        &mut control,
        &[
            "add-tenant: { name: green }",
            "add-subnet: { tenant: green, vsid: 7001, prefix: 10.0.7.0/24, gateway: 10.0.7.1 }",
            "add-lookup: { vsid: 7001, address: 10.0.7.5, mac: 02:15:5d:00:07:05, provider-address: 100.64.30.2 }",
            "add-customer-route: { tenant: green, prefix: 172.17.0.0/16, next-hop: 10.0.7.5 }",
            "add-provider-address: { site: gateway-site, address: 100.64.20.11 }",
            "add-provider-route: { prefix: 100.64.40.0/24, next-hop: 100.64.20.3, metric: 10 }",
            "add-neighbor: { network: gateway-site, address: 100.64.20.4, mac: 02:00:00:00:20:04 }",
        ],
    );
    let kept = control.model.stored();
    let mut config = fixture::config();
    config.tenants.clear();
    config.external.pop();
    config.neighbors.clear();
    config.provider.routes.clear();
    reload(&mut control, config);
    assert_eq!(kept.len(), 7);
    assert_eq!(stored(&control), kept.iter().map(|s| s.key()).collect::<Vec<_>>());
    assert_eq!(control.model.suspended().count(), 0);
    assert_eq!(control.model.tenants().keys().collect::<Vec<_>>(), ["green"]);
    assert_eq!(control.model.records().len(), 1);
    reload(&mut control, fixture::config());
    assert_eq!(control.model.records().len(), 5);
}

/// Objects of the API that the file has come to name too: the API's stay on top, and the file's is there again when
/// they go.
#[test]
fn what_the_file_comes_to_say_too_is_hidden_until_the_api_lets_go() {
    let mut control = ready();
    let remove = [
        "remove-lookup: { vsid: 5001, address: 10.0.1.9 }",
        "remove-customer-route: { tenant: red, prefix: 172.18.0.0/16 }",
        "remove-neighbor: { network: gateway-site, address: 100.64.20.4 }",
    ];
    apply(
        &mut control,
        &[
            "add-lookup: { vsid: 5001, address: 10.0.1.9, mac: 02:15:5d:00:00:09, provider-address: 100.64.30.2 }",
            "add-customer-route: { tenant: red, prefix: 172.18.0.0/16, next-hop: 10.0.1.9 }",
            "add-neighbor: { network: gateway-site, address: 100.64.20.4, mac: 02:00:00:00:20:04 }",
        ],
    );
    let mut config = fixture::config();
    config.tenants[0].records.push(record(5001, "10.0.1.9", "02:15:5d:00:00:0a", "100.64.20.30"));
    let route = CustomerRoute { prefix: net("172.18.0.0/16"), next_hop: CustomerAddr(ip("10.0.1.5")) };
    config.tenants[0].routes.push(route);
    let site = NetworkRef::Site(SiteIndex(0));
    config.neighbors.push(neighbor(site, "100.64.20.4", "02:00:00:00:20:44"));
    reload(&mut control, config.clone());

    let says = |control: &Control<LocalGrace>| {
        let config = control.model.to_config();
        let station = config.neighbors.iter().find(|n| n.address == ip("100.64.20.4")).map(|n| n.mac);
        (sent_to(control, [10, 0, 1, 9]), config.tenants[0].routes[1].next_hop.0, station)
    };
    let address = |text: &str| text.parse::<IpAddr>().ok();
    let api = (address("100.64.30.2"), ip("10.0.1.9"), Some(mac("02:00:00:00:20:04")));
    let file = (address("100.64.20.30"), ip("10.0.1.5"), Some(mac("02:00:00:00:20:44")));
    assert_eq!(says(&control), api);
    let (again, _) = begin(config.clone(), control.model.stored(), false);
    assert_eq!(again.model.essence().stored().len(), 3);
    assert_eq!(says(&again), api, "after a restart too");

    apply(&mut control, &remove);
    assert_eq!(says(&control), file);
    assert!(control.model.stored().is_empty());
    let refused = control.change(&written(&remove[..1]), Owner::Api, at(0), &mut Sent::default());
    let text = "the lookup record of 10.0.1.9 belongs to config; change the configuration file, then reload";
    assert_eq!(refused.expect_err("it is the file's now").to_string(), text);
    let (fresh, _) = begin(config, vec![], false);
    assert_eq!(control.model.to_config(), fresh.model.to_config());
}

#[test]
fn a_hidden_object_goes_with_the_file() {
    let mut control = ready();
    apply(
        &mut control,
        &["add-neighbor: { network: gateway-site, address: 100.64.20.4, mac: 02:00:00:00:20:04 }"],
    );
    let mut config = fixture::config();
    config.neighbors.push(neighbor(NetworkRef::Site(SiteIndex(0)), "100.64.20.4", "02:00:00:00:20:44"));
    reload(&mut control, config);
    reload(&mut control, fixture::config());
    assert_eq!(stored(&control), ["neighbor/gateway-site/100.64.20.4"]);
    apply(&mut control, &["remove-neighbor: { network: gateway-site, address: 100.64.20.4 }"]);
    assert_eq!(control.model.to_config(), fixture::config());
}

#[test]
fn an_address_that_the_file_names_too_is_the_files() {
    let mut control = ready();
    apply(&mut control, &["add-provider-address: { site: gateway-site, address: 100.64.20.11 }"]);
    let mut config = fixture::config();
    config.provider.sites[0].addresses.push(ProviderAddr(ip("100.64.20.11")));
    let pending = control.prepare_reload(config).expect("fits");
    assert_eq!(pending.writes, [("provider-address/100.64.20.11".to_owned(), None)]);
    control.commit(pending, at(0), &mut Sent::default()).expect("fits");
    let own = control.model.provider_addresses()[&IpAddr::from([100, 64, 20, 11])];
    assert_eq!((own.owner, own.usable), (Owner::Config, true));
}

#[test]
fn own_addresses_keep_their_order_from_start_to_start() {
    let mut config = fixture::config();
    config.provider.sites[0].addresses.push(ProviderAddr(ip("100.64.20.9")));
    let (mut first, _) = control(config).expect("fits");
    let mut writes = Vec::new();
    let mut make = |control: &mut Control<_>, address| {
        let add = format!("add-provider-address: {{ site: gateway-site, address: 100.64.20.{address} }}");
        let pending = control.prepare(&written(&[&add]), Owner::Api).expect("fits");
        writes.extend(pending.writes.clone());
        control.commit(pending, at(0), &mut Sent::default()).expect("fits");
        journal(&writes)
    };
    make(&mut first, 14);
    let kept = make(&mut first, 13);
    // A smaller file, after which fewer things have a place.
    let (mut second, _) = begin(fixture::config(), kept, false);
    let kept = make(&mut second, 12);
    let (third, _) = begin(fixture::config(), kept, false);
    let own = third.model.addresses_of(SiteIndex(0));
    let own: Vec<_> = own.iter().map(|(address, _)| address.to_string()).collect();
    assert_eq!(own, [10, 14, 13, 12].map(|last| format!("100.64.20.{last}")));
}

#[test]
fn a_move_holds_as_long_as_the_file_says_what_it_said() {
    let mut control = ready();
    apply(&mut control, &[MOVE]);
    let moved = said(Owner::Config, "100.64.20.30", "100.64.30.9", Some(Owner::Api));
    assert_eq!(red(&control, VM), moved);
    let mut other = fixture::config();
    other.tenants[0].records[0].name = Some("web-1".into());
    reload(&mut control, other);
    assert_eq!(red(&control, VM), moved, "another name is no other place");
    reload(&mut control, fixture::config());
    assert_eq!(red(&control, VM), moved);
    let (again, _) = begin(fixture::config(), control.model.stored(), false);
    assert_eq!((red(&again, VM), sent_to(&again, VM)), (moved, Some([100, 64, 30, 9].into())));

    let mut config = fixture::config();
    config.tenants[0].records[0].provider_address = ProviderAddr(ip("100.64.20.31"));
    let pending = control.prepare_reload(config).expect("fits");
    assert_eq!(pending.writes, [("move/5001/10.0.1.5".to_owned(), None)]);
    control.commit(pending, at(0), &mut Sent::default()).expect("fits");
    assert_eq!(red(&control, VM), said(Owner::Config, "100.64.20.31", "100.64.20.31", None));
    assert!(control.model.stored().is_empty());
}

#[test]
fn a_move_goes_with_its_record() {
    let mut control = ready();
    apply(&mut control, &[MOVE]);
    let mut config = fixture::config();
    config.tenants[0].records.remove(0);
    reload(&mut control, config);
    assert!(control.model.stored().is_empty());
    reload(&mut control, fixture::config());
    assert_eq!(red(&control, VM), said(Owner::Config, "100.64.20.30", "100.64.20.30", None));
}

#[test]
fn a_move_back_leaves_nothing() {
    let mut control = ready();
    let before = control.model.essence();
    apply(&mut control, &[MOVE]);
    let pending = control.prepare(&written(&[BACK]), Owner::Api).expect("fits");
    assert_eq!(pending.writes, [("move/5001/10.0.1.5".to_owned(), None)]);
    assert_eq!(
        pending.lines,
        ["~ lookup red 10.0.1.5: VSID 5001 at 100.64.30.9 → VSID 5001 at 100.64.20.30"]
    );
    control.commit(pending, at(0), &mut Sent::default()).expect("fits");
    assert!(control.model.essence() == before);
}

#[test]
fn who_moves_last_is_right() {
    let mut control = ready();
    learn(&mut control, MOVE);
    assert_eq!(red(&control, VM), said(Owner::Config, "100.64.20.30", "100.64.30.9", Some(Owner::Learned)));
    let elsewhere = "move-lookup: { vsid: 5001, address: 10.0.1.5, provider-address: 100.64.30.8 }";
    apply(&mut control, &[elsewhere]);
    assert_eq!(red(&control, VM), said(Owner::Config, "100.64.20.30", "100.64.30.8", Some(Owner::Api)));
    learn(&mut control, MOVE);
    assert_eq!(red(&control, VM), said(Owner::Config, "100.64.20.30", "100.64.30.9", Some(Owner::Learned)));
    apply(&mut control, &[BACK]);
    assert!(control.model.stored().is_empty());
}

#[test]
fn a_record_of_the_apis_own_moves_as_such_and_forgets_what_was_learned() {
    let mut control = ready();
    let add = "add-lookup: { vsid: 5001, address: 10.0.1.9, mac: 02:15:5d:00:00:09, provider-address: 100.64.30.2 }";
    apply(&mut control, &[add]);
    let vm = [10, 0, 1, 9];
    learn(&mut control, "move-lookup: { vsid: 5001, address: 10.0.1.9, provider-address: 100.64.20.30 }");
    assert_eq!(stored(&control), ["lookup/5001/10.0.1.9", "move/5001/10.0.1.9"]);
    let to = "move-lookup: { vsid: 5001, address: 10.0.1.9, provider-address: 100.64.30.9 }";
    let pending = control.prepare(&written(&[to]), Owner::Api).expect("fits");
    let gone = ("move/5001/10.0.1.9".to_owned(), None);
    assert!(pending.writes.contains(&gone), "{:?}", pending.lines);
    control.commit(pending, at(0), &mut Sent::default()).expect("fits");
    assert_eq!(red(&control, vm), said(Owner::Api, "100.64.30.9", "100.64.30.9", None));
    assert_eq!(stored(&control), ["lookup/5001/10.0.1.9"]);
}

#[test]
fn what_was_learned_is_the_operators_to_remove_and_gives_way_to_the_file() {
    let mut control = ready();
    let nine = "{ vsid: 5001, address: 10.0.1.9, mac: 02:15:5d:00:00:09, provider-address: 100.64.20.30 }";
    learn(&mut control, &format!("add-lookup: {nine}"));
    learn(&mut control, "move-lookup: { vsid: 5001, address: 10.0.1.9, provider-address: 100.64.20.31 }");
    apply(&mut control, &["remove-lookup: { vsid: 5001, address: 10.0.1.9 }"]);
    assert!(control.model.stored().is_empty());

    learn(&mut control, &format!("add-lookup: {nine}"));
    let mut config = fixture::config();
    config.tenants[0].records.push(record(5001, "10.0.1.9", "02:15:5d:00:00:0a", "100.64.30.2"));
    let pending = control.prepare_reload(config).expect("fits");
    assert_eq!(pending.writes, [("lookup/5001/10.0.1.9".to_owned(), None)]);
    control.commit(pending, at(0), &mut Sent::default()).expect("fits");
    assert_eq!(red(&control, [10, 0, 1, 9]), said(Owner::Config, "100.64.30.2", "100.64.30.2", None));
    assert!(control.model.stored().is_empty());
}

/// What frames say is no contradiction to the file: it is forgotten where the file leaves it no room.
#[test]
fn what_was_learned_does_not_hold_up_a_reload() {
    let mut control = ready();
    let nine = "{ vsid: 5001, address: 10.0.1.9, mac: 02:15:5d:00:00:09, provider-address: 100.64.20.30 }";
    learn(&mut control, &format!("add-lookup: {nine}"));
    learn(&mut control, "move-lookup: { vsid: 5002, address: 10.0.2.6, provider-address: 100.64.20.31 }");
    let mut config = fixture::config();
    config.tenants[0].subnets[0].prefixes[0].gateway = CustomerAddr(ip("10.0.1.9"));
    config.tenants[1].records.clear();
    config.provider.sites[0].addresses.push(ProviderAddr(ip("100.64.20.31")));
    let pending = control.prepare_reload(config).expect("only what was learned is in its way");
    let gone = ["lookup/5001/10.0.1.9", "move/5002/10.0.2.6"].map(|key| (key.to_owned(), None));
    assert_eq!(pending.writes, gone);
    control.commit(pending, at(0), &mut Sent::default()).expect("fits");
    assert!(control.model.stored().is_empty());
}

#[test]
fn two_owners_may_route_one_prefix() {
    let mut control = ready();
    let in_force = |control: &Control<LocalGrace>| {
        let routes = control.provider.all().iter().filter(|route| control.provider.is_in_force(route));
        let mut routes = routes.filter(|route| route.prefix == net("100.64.30.0/24"));
        routes.next().map(|route| (route.owner, route.metric))
    };
    assert_eq!(in_force(&control), Some((Owner::Config, 10)));
    apply(
        &mut control,
        &["add-provider-route: { prefix: 100.64.30.0/24, next-hop: 100.64.20.2, metric: 5 }"],
    );
    assert_eq!(in_force(&control), Some((Owner::Api, 5)));
    let mut without = fixture::config();
    without.provider.routes.clear();
    reload(&mut control, without);
    assert_eq!(in_force(&control), Some((Owner::Api, 5)));
    let mut with = fixture::config();
    with.provider.routes[0] = ProviderRoute { metric: 1, ..with.provider.routes[0].clone() };
    reload(&mut control, with.clone());
    assert_eq!(in_force(&control), Some((Owner::Config, 1)));
    apply(&mut control, &["remove-provider-route: { prefix: 100.64.30.0/24, next-hop: 100.64.20.2 }"]);
    assert_eq!(in_force(&control), Some((Owner::Config, 1)));
    assert_eq!(control.model.to_config(), with);
}
