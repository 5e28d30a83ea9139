//! What translation has in the tables, and what else follows from it.

mod leaving;

use std::net::Ipv4Addr;

use nvgw_config::{
    Config, ExternalIndex, ForwardProtocol, NatLimits, PortForward, RemovedAddresses, StaticNat, TenantNat,
};
use nvgw_types::{PublicId, VrfId};
use proptest::collection::vec;
use proptest::prelude::*;

use super::snapshot::{self, Probes};
use super::{apply, at, sweep, variants, written};
use crate::control::desired::{Public, PublicKey, VrfKey};
use crate::control::fixture::{self, Sent, WIRE1, control, ip, net, no_translation, pool};
use crate::control::model::{Edit, Owned, Swap};
use crate::control::{Applied, Control, ControlError, Owner, ReloadError};
use crate::tables::entries::{
    self, BindingKey, Direction, Endpoint, NatQuota, PortRange, Protocol, PublicRange, PublicState, Target,
};
use crate::tables::exchange::Punt;
use crate::tables::grace::LocalGrace;

const BLUE: VrfId = VrfId(1);
const INTERNET: VrfId = VrfId(2);

fn address(text: &str) -> Ipv4Addr {
    text.parse().expect("an address")
}

fn public(text: &str) -> PublicKey {
    PublicKey { external: INTERNET, address: address(text) }
}

fn one_to_one(public: &str, customer: &str) -> StaticNat {
    StaticNat { public: address(public), customer: address(customer) }
}

fn forward(public: &str, (first, last): (u16, u16), customer: &str, to: u16) -> PortForward {
    PortForward {
        public: address(public),
        protocol: ForwardProtocol::Tcp,
        first,
        last,
        customer: address(customer),
        to,
    }
}

/// Blue with a pool of two addresses, and what else it is given.
fn translated(change: impl FnOnce(&mut TenantNat)) -> Config {
    let mut config = fixture::config();
    let mut nat = TenantNat { pools: vec![pool("198.51.100.16", "198.51.100.17")], ..no_translation() };
    change(&mut nat);
    config.tenants[1].nat = Some(nat);
    config
}

fn ready(config: Config) -> Control<LocalGrace> {
    control(config).expect("fits").0
}

fn reload(control: &mut Control<LocalGrace>, config: Config) -> Result<Applied, ReloadError> {
    control.reload(config, at(0), &mut Sent::default())
}

fn internet(control: &Control<LocalGrace>) -> VrfId {
    control.fabric.current.vrfs[&VrfKey::External("internet".to_owned())]
}

/// What a worker reads of a public address: its identifier and state.
fn state(control: &Control<LocalGrace>, text: &str) -> Option<(PublicId, PublicState)> {
    let key = PublicKey { external: internet(control), address: address(text) };
    control.fabric.public(key).map(|public| (public.id, public.state))
}

fn leads(control: &Control<LocalGrace>, text: &str) -> Target {
    control.leads(internet(control), ip(text))
}

#[test]
fn a_tenants_translation_is_in_the_tables_of_a_fresh_start() {
    let mut config = translated(|nat| {
        nat.statics = vec![one_to_one("198.51.100.32", "10.0.1.6")];
        nat.forwards = vec![forward("198.51.100.16", (8080, 8081), "10.0.1.5", 80)];
        nat.exempt = vec![net("172.31.0.0/16")];
        nat.limits = NatLimits { sessions: Some(7), ..NatLimits::default() };
    });
    config.nat.timeouts.icmp = std::time::Duration::from_secs(61);
    config.nat.log.sessions = true;
    let control = ready(config);

    assert_eq!(control.leads(BLUE, ip("9.9.9.9")), Target::Translate(INTERNET));
    assert_eq!(control.leads(BLUE, ip("172.31.3.4")), Target::Vrf(INTERNET));
    assert_eq!(control.leads(BLUE, ip("10.0.1.5")), Target::Subnet);
    for public in ["198.51.100.16", "198.51.100.17", "198.51.100.32"] {
        assert_eq!(leads(&control, public), Target::Public);
    }
    assert_ne!(leads(&control, "198.51.100.18"), Target::Public);

    let entry = |text| *control.fabric.public(public(text)).expect("an entry");
    let ports = Some(PortRange { first: 1024, last: 65535, block: 512 });
    let [first, second, single] = ["198.51.100.16", "198.51.100.17", "198.51.100.32"].map(entry);
    assert_eq!((first.ports, first.forwards, first.customer), (ports, true, None));
    assert_eq!((second.ports, second.forwards, second.state), (ports, false, PublicState::Active));
    let customer = (BLUE, address("10.0.1.6").into());
    assert_eq!((single.ports, single.forwards, single.customer), (None, false, Some(customer)));
    assert!(first.id != second.id && second.id != single.id && single.id != first.id);

    let bindings = &control.fabric.writers.bindings;
    let bound = |direction, protocol, vrf, text: &str, port| {
        let from = Endpoint { vrf, address: address(text).into(), port };
        let to = bindings.get(&BindingKey { direction, protocol, from })?.to;
        Some((to.vrf, Ipv4Addr::from(to.address), to.port))
    };
    let tcp = Some(Protocol::Tcp);
    assert_eq!(
        bound(Direction::Inbound, tcp, INTERNET, "198.51.100.16", 8081),
        Some((BLUE, address("10.0.1.5"), 81))
    );
    assert_eq!(
        bound(Direction::Outbound, tcp, BLUE, "10.0.1.5", 80),
        Some((INTERNET, address("198.51.100.16"), 8080))
    );
    assert_eq!(
        bound(Direction::Outbound, None, BLUE, "10.0.1.6", 0),
        Some((INTERNET, address("198.51.100.32"), 0))
    );
    assert_eq!(bindings.len(), 5);

    let policy = control.fabric.writers.policies.get(&BLUE).expect("a policy");
    let range = PublicRange { first: address("198.51.100.16").into(), count: 2 };
    assert_eq!(policy.pools().collect::<Vec<_>>(), [range]);
    assert_eq!((policy.external, policy.forwards, policy.statics), (INTERNET, true, true));
    assert_eq!(policy.of_tenant, NatQuota { sessions: 7, ..NatQuota::UNLIMITED });
    assert_eq!(control.fabric.writers.policies.len(), 1);
    let settings = control.fabric.writers.settings.get(crate::tables::set::NAT_SETTINGS).expect("settings");
    assert_eq!((settings.icmp, settings.udp, settings.log_sessions), (61_000, 300_000, true));
    assert_eq!(control.nat_sweep(), 0, "nothing was taken away");
}

#[test]
fn an_export_has_the_translation_and_only_the_file_can_move_the_tenant() {
    let config = translated(|nat| nat.exempt = vec![net("172.31.0.0/16")]);
    let mut control = ready(config.clone());
    assert_eq!(control.model().to_config(), config);
    for change in ["move-tenant: { name: blue, external: internet }", "remove-tenant: { name: blue }"] {
        let refused = control.change(&written(&[change]), Owner::Api, at(0), &mut Sent::default());
        let error = refused.expect_err("the file's").to_string();
        assert!(error.contains("tenant blue belongs to config"), "{error}");
    }
    apply(
        &mut control,
        &["add-subnet: { tenant: blue, vsid: 6003, prefix: 10.0.9.0/24, gateway: 10.0.9.1 }"],
    );
    assert_eq!(control.leads(BLUE, ip("9.9.9.9")), Target::Translate(INTERNET));
}

#[test]
fn what_is_translated_to_is_nobody_elses() {
    let config = translated(|nat| {
        nat.pools.push(pool("198.18.0.64", "198.18.0.67"));
        nat.statics = vec![one_to_one("198.18.0.70", "10.0.1.6")];
    });
    let mut control = ready(config);
    let mut refused = |change: String| {
        let refused = control.change(&written(&[&change]), Owner::Api, at(0), &mut Sent::default());
        refused.err().map(|error| error.to_string())
    };
    let neighbor = |last| {
        format!("add-neighbor: {{ network: internet, address: 198.18.0.{last}, mac: \"02:00:00:00:30:09\" }}")
    };
    for taken in [64, 66, 67, 70] {
        let error = refused(neighbor(taken)).expect("a public address");
        assert!(error.contains("is a public address that tenants are translated to"), "{error}");
    }
    for free in [63, 68, 69] {
        assert_eq!(refused(neighbor(free)), None);
    }
    let tenant = |prefix| {
        format!(
            "add-tenant: {{ name: green, gateway-mac: \"02:00:5e:00:01:09\", public-prefixes: [{prefix}] }}"
        )
    };
    for taken in ["198.51.100.0/24", "198.51.100.17/32"] {
        let error = refused(tenant(taken)).expect("has public addresses");
        assert!(error.contains("has addresses that tenants are translated to"), "{error}");
    }
    assert_eq!(refused(tenant("198.51.100.18/32")), None);
}

#[test]
fn tenants_share_a_pool_until_the_last_one_leaves() {
    let mut config = translated(|_| {});
    let mut green = fixture::tenant("green", vec![fixture::subnet(7001, "10.0.1.0/24", "10.0.1.1")], vec![]);
    green.nat = config.tenants[1].nat.clone();
    config.tenants.push(green);
    let mut control = ready(config.clone());
    assert_eq!(control.fabric.writers.publics.len(), 2);
    let before = state(&control, "198.51.100.16");
    assert!(before.is_some());

    config.tenants[1].nat = None;
    reload(&mut control, config.clone()).expect("fits");
    sweep(&mut control);
    assert_eq!(state(&control, "198.51.100.16"), before);
    assert_eq!(control.leads(BLUE, ip("9.9.9.9")), Target::Vrf(internet(&control)));

    config.tenants[2].nat = None;
    reload(&mut control, config).expect("fits");
    sweep(&mut control);
    assert_eq!((control.fabric.writers.publics.len(), control.fabric.writers.policies.len()), (0, 0));
    assert_ne!(leads(&control, "198.51.100.16"), Target::Public);
}

#[test]
fn more_public_addresses_than_promised_are_refused_and_leave_no_trace() {
    let error = control(translated(|nat| nat.pools = vec![pool("198.51.100.0", "198.51.100.64")])).err();
    let error = error.expect("65 addresses").to_string();
    assert!(error.contains("65 public addresses are more than the 64"), "{error}");

    let half = translated(|nat| nat.pools = vec![pool("198.51.100.0", "198.51.100.39")]);
    let other = translated(|nat| nat.pools = vec![pool("198.51.100.64", "198.51.100.103")]);
    let mut control = ready(half);
    let model = control.model().clone();
    let error = reload(&mut control, other.clone()).expect_err("the old ones have sessions");
    let ReloadError::Refused(ControlError::OverCapacity(over)) = error else { panic!("{error}") };
    assert_eq!((over.what, over.needed, over.limit), ("public addresses, old and new", 80, 64));
    assert_eq!((control.model(), control.nat_sweep()), (&model, 0));

    reload(&mut control, translated(|nat| nat.pools.truncate(0))).expect("fits");
    sweep(&mut control);
    reload(&mut control, other).expect("fits now");

    let forwards =
        |nat: &mut TenantNat| nat.forwards = vec![forward("198.51.100.33", (1, 33), "10.0.1.5", 1)];
    let error = fixture::control(translated(forwards)).err().expect("66 bindings").to_string();
    assert!(error.contains("66 forwarded ports and 1:1 addresses"), "{error}");
}

#[test]
fn the_gateway_speaks_for_public_addresses_of_connected_prefixes() {
    let pools = |nat: &mut TenantNat| nat.pools.push(pool("198.18.0.64", "198.18.0.65"));
    let mut control = ready(translated(pools));
    let mut sent = Sent::default();
    control.announce(&mut sent);
    let spoken: Vec<_> =
        sent.0.iter().map(|(_, frame)| [frame[42], frame[43], frame[44], frame[45]]).collect();
    assert!(spoken.contains(&[198, 18, 0, 64]) && spoken.contains(&[198, 18, 0, 65]), "{spoken:?}");
    assert!(!spoken.contains(&[198, 51, 100, 16]));

    let interface = control.fabric.writers.interfaces.resolve(nvgw_types::PortId(1), 300).expect("there");
    let ask = |control: &mut Control<LocalGrace>, sender: [u8; 4], target: [u8; 4]| {
        let asker = [2, 0, 0, 0, 0x30, 9];
        let arp = [&[0, 1, 8, 0, 6, 4, 0, 1][..], &asker, &sender, &[0; 6], &target].concat();
        let frame = [&[0xff; 6][..], &asker, &[0x81, 0, 1, 0x2c, 8, 6], &arp].concat();
        let mut sent = Sent::default();
        control.handle_punt(at(0), Punt::Neighbor { interface }, &frame, &mut sent);
        sent.0
    };
    let answers = ask(&mut control, [198, 18, 0, 9], [198, 18, 0, 65]);
    let [(1, reply)] = &answers[..] else { panic!("{answers:02x?}") };
    assert_eq!(
        (&reply[24..26], &reply[26..32], &reply[32..36]),
        (&[0, 2][..], &WIRE1.0[..], &[198, 18, 0, 65][..])
    );
    assert_eq!(ask(&mut control, [198, 18, 0, 9], [198, 18, 0, 66]), []);
    assert_eq!(ask(&mut control, [198, 18, 0, 9], [198, 51, 100, 16]), []);

    // Nobody else is learned there, neither from what it asks nor before the address was public.
    ask(&mut control, [198, 18, 0, 64], [198, 18, 0, 2]);
    assert_eq!(leads(&control, "198.18.0.64"), Target::Public);
    ask(&mut control, [198, 18, 0, 70], [198, 18, 0, 2]);
    assert!(matches!(leads(&control, "198.18.0.70"), Target::Adjacency(_)));
    assert_eq!(control.fabric.hosts().len(), 2, "the asker and the host");
    let more = translated(|nat| {
        pools(nat);
        nat.pools.push(pool("198.18.0.70", "198.18.0.71"));
    });
    reload(&mut control, more).expect("fits");
    assert_eq!(leads(&control, "198.18.0.70"), Target::Public);
    assert_eq!(control.fabric.hosts().len(), 1);
}

#[test]
fn uses_of_one_address_are_taken_together() {
    let config = translated(|nat| {
        nat.forwards = vec![
            forward("198.51.100.33", (80, 80), "10.0.1.5", 80),
            forward("198.51.100.33", (443, 443), "10.0.1.5", 443),
        ];
    });
    let mut control = ready(config);
    let forwarded = Public { forwards: true, ..Public::default() };
    assert_eq!(control.fabric.current.publics[&public("198.51.100.33")], forwarded);
    let one = translated(|nat| nat.forwards = vec![forward("198.51.100.33", (80, 80), "10.0.1.5", 80)]);
    reload(&mut control, one).expect("fits");
    assert_eq!(control.fabric.current.publics[&public("198.51.100.33")], forwarded);
    assert_eq!(control.fabric.writers.bindings.len(), 2);
}

#[test]
fn a_vm_reaches_the_gateways_outer_address_untranslated() {
    let control = ready(translated(|_| {}));
    assert_eq!(control.route(BLUE, ip("198.18.0.2")), (INTERNET, Target::Local));
}

/// A tenant of the model with another translation.
fn with(control: &Control<LocalGrace>, name: &str, nat: Option<&TenantNat>) -> Option<Edit> {
    let before = control.model().tenants().get(name)?.clone();
    before.value.external.filter(|external| *external == ExternalIndex(0))?;
    let mut after: Owned<_> = before.clone();
    after.value.nat = nat.cloned().map(Box::new);
    Some(Edit::Tenant(Swap { key: name.to_owned(), before: Some(before), after: Some(after) }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The compiler's other path: a tenant takes back what it asked for and asks for something else.
    #[test]
    fn tenants_that_change_one_by_one_lead_where_a_fresh_start_leads(
        config in variants::config(),
        others in vec(variants::config(), 1..4),
    ) {
        let (mut changed, tables) = control(config).expect("fits");
        for (other, name) in others.iter().flat_map(|other| other.tenants.iter().map(move |t| (other, &t.name))) {
            let nat = other.tenants.iter().find(|tenant| tenant.name == *name).and_then(|t| t.nat.as_ref());
            let Some(edit) = with(&changed, name, nat) else { continue };
            changed.make(edit, at(0), &mut Sent::default()).expect("fits");
            sweep(&mut changed);
            let (fresh, fresh_tables) = control(changed.model().to_config()).expect("fits");
            let mut probes = Probes::default();
            probes.add(&changed.fabric.current);
            probes.add(&fresh.fabric.current);
            prop_assert_eq!(
                snapshot::take(&changed, &tables, &probes),
                snapshot::take(&fresh, &fresh_tables, &probes)
            );
            prop_assert_eq!(&changed.needs, &fresh.needs);
        }
    }
}
