use nvgw_config::{Config, ForwardProtocol, PortForward, StaticNat, TenantNat};

use super::super::tests::{explained, from_outside, from_vm};
use crate::control::Control;
use crate::control::fixture::{self, control, net, no_translation, pool};
use crate::diagnosis::{ExplainRequest, PortedProtocol, Verdict};
use crate::tables::grace::LocalGrace;

/// Blue with a pool, a 1:1 address of one VM and a forward to another.
fn translated() -> Config {
    let mut config = fixture::config();
    let blue = &mut config.tenants[1];
    blue.records.push(fixture::record(6001, "10.0.1.6", "02:15:5d:00:00:08", "100.64.20.31"));
    blue.records.push(fixture::record(6001, "10.0.1.7", "02:15:5d:00:00:09", "100.64.20.31"));
    blue.nat = Some(TenantNat {
        pools: vec![pool("198.51.100.16", "198.51.100.17"), pool("198.51.100.20", "198.51.100.20")],
        statics: vec![StaticNat { public: [198, 51, 100, 32].into(), customer: [10, 0, 1, 6].into() }],
        forwards: vec![PortForward {
            public: [198, 51, 100, 33].into(),
            protocol: ForwardProtocol::Tcp,
            first: 8080,
            last: 8080,
            customer: [10, 0, 1, 5].into(),
            to: 80,
        }],
        exempt: vec![net("172.31.0.0/16")],
        ..no_translation()
    });
    config
}

fn ready() -> Control<LocalGrace> {
    control(translated()).expect("fits").0
}

fn tcp(request: ExplainRequest, src_port: u16, dst_port: u16) -> ExplainRequest {
    let (src_port, dst_port) = (Some(src_port), Some(dst_port));
    ExplainRequest { protocol: Some(PortedProtocol::Tcp), src_port, dst_port, ..request }
}

/// The steps about routes and translation, and the end: where it leaves to, or why it does not.
fn way(control: &Control<LocalGrace>, request: &ExplainRequest) -> (Vec<String>, String) {
    let (steps, verdict) = explained(control, request);
    let told = |step: &String| step.starts_with("route: ") || step.starts_with("translate: ");
    let end = match verdict {
        Verdict::Forwarded { what, .. } => what,
        Verdict::Held { message, .. } => message,
        Verdict::Dropped { reason, message, .. } => format!("{reason}: {message}"),
        Verdict::Local { what } => what,
    };
    (steps.into_iter().filter(told).collect(), end)
}

#[test]
fn a_packet_to_the_internet_is_told_what_its_source_becomes() {
    let control = ready();
    let (steps, end) = way(&control, &from_vm(6001, "10.0.1.5", "9.9.9.9"));
    assert_eq!(
        steps,
        [
            "route: tenant blue: 0.0.0.0/0 leads on to network internet, translated",
            "route: network internet: 0.0.0.0/0 leads over 198.18.0.1 on network internet (VLAN 300)",
            "translate: 10.0.1.5 becomes an address of the pools 198.51.100.16-198.51.100.17, 198.51.100.20, if there \
             is room; nvgw nat sessions --tenant blue --ca 10.0.1.5 shows which",
        ]
    );
    assert_eq!(end, "to 198.18.0.1 on network internet (VLAN 300)");

    let becomes = |request: &ExplainRequest| way(&control, request).0.pop().expect("a step");
    assert_eq!(
        becomes(&from_vm(6001, "10.0.1.6", "9.9.9.9")),
        "translate: 10.0.1.6 becomes 198.51.100.32, one to one"
    );
    assert_eq!(
        becomes(&tcp(from_vm(6001, "10.0.1.5", "9.9.9.9"), 80, 5000)),
        "translate: 10.0.1.5:80 becomes 198.51.100.33:8080, by a forward"
    );
    assert_eq!(
        becomes(&from_vm(6002, "203.0.113.5", "9.9.9.9")),
        "translate: 203.0.113.5 is in a public prefix of the tenant, and stays as it is"
    );
    let (steps, _) = way(&control, &from_vm(6001, "10.0.1.5", "172.31.0.9"));
    assert_eq!(
        steps[0],
        "route: tenant blue: 172.31.0.0/16 leads on to network internet, untranslated: it is exempt"
    );
    assert_eq!(steps.len(), 2);
}

#[test]
fn a_sender_without_any_public_address_is_told_so() {
    let mut config = translated();
    config.tenants[1].nat.as_mut().expect("translated").pools.clear();
    let control = control(config).expect("fits").0;
    let (_, end) = way(&control, &from_vm(6001, "10.0.1.7", "9.9.9.9"));
    assert_eq!(end, "nat-no-pool: tenant blue has no pool, and 10.0.1.7 no public address of its own");
    let (_, end) = way(&control, &from_vm(6001, "10.0.1.6", "9.9.9.9"));
    assert_eq!(end, "to 198.18.0.1 on network internet (VLAN 300)");
}

#[test]
fn from_outside_forwards_and_static_addresses_lead_to_their_customer() {
    let control = ready();
    let (steps, end) = way(&control, &from_outside(None, "198.51.100.32"));
    assert_eq!(
        steps,
        [
            "route: network internet: 198.51.100.32/32 is public: translation decides",
            "translate: 198.51.100.32 is 10.0.1.6 of tenant blue, one to one",
            "route: tenant blue: 10.0.1.0/24 is a virtual subnet: the lookup record decides",
        ]
    );
    assert!(end.contains("100.64.20.31"), "{end}");
    let (steps, end) = way(&control, &tcp(from_outside(None, "198.51.100.33"), 5000, 8080));
    assert_eq!(steps[1], "translate: 198.51.100.33:8080 is forwarded to 10.0.1.5:80 of tenant blue");
    assert!(end.contains("100.64.20.31"), "{end}");
    let other = way(&control, &tcp(from_outside(None, "198.51.100.33"), 5000, 8081)).1;
    assert_eq!(other, "nat-no-session: only the forwarded ports of 198.51.100.33 lead on");
}

#[test]
fn an_address_of_a_pool_asks_for_a_session() {
    let control = ready();
    let (_, verdict) = explained(&control, &tcp(from_outside(None, "198.51.100.16"), 5000, 1234));
    let Verdict::Dropped { reason, message, cure, .. } = verdict else { panic!("{verdict:?}") };
    assert_eq!(reason, "nat-no-session");
    assert_eq!(message, "198.51.100.16 is an address of a pool: only a session or a forward leads on");
    assert!(cure.starts_with("nvgw nat lookup 198.51.100.16:1234 says"), "{cure}");
}

#[test]
fn tenants_reach_public_addresses_by_a_hairpin_but_not_with_a_private_address() {
    let mut config = translated();
    config.tenants[1].nat.as_mut().expect("translated").exempt = vec![net("198.51.100.32/32")];
    let exempting = control(config).expect("fits").0;
    let (steps, end) = way(&ready(), &from_vm(6001, "10.0.1.5", "198.51.100.32"));
    assert!(steps[2].starts_with("translate: 10.0.1.5 becomes an address of the pools"), "{steps:?}");
    assert_eq!(steps[3], "translate: 198.51.100.32 is 10.0.1.6 of tenant blue, one to one");
    assert!(end.contains("100.64.20.31"), "{end}");
    let (_, end) = way(&exempting, &from_vm(6001, "10.0.1.5", "198.51.100.32"));
    assert!(end.starts_with("transit: the private address 10.0.1.5 is not translated"), "{end}");
    let (_, end) = way(&exempting, &from_vm(6002, "203.0.113.5", "198.51.100.32"));
    assert!(end.contains("100.64.20.31"), "{end}");
}
