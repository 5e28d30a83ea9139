use nvgw_config::{Config, StaticNat, TenantNat};

use crate::control::fixture::{self, control, no_translation, pool};
use crate::control::{Nanos, doctor::tests::only};
use crate::diagnosis::Health;

fn translated(customer: [u8; 4]) -> Config {
    let mut config = fixture::config();
    config.tenants[1].nat = Some(TenantNat {
        pools: vec![pool("198.51.100.16", "198.51.100.17")],
        statics: vec![StaticNat { public: [198, 51, 100, 32].into(), customer: customer.into() }],
        ..no_translation()
    });
    config
}

#[test]
fn a_static_address_of_a_known_customer_and_a_default_route_are_good() {
    let (control, _) = control(translated([10, 0, 1, 5])).expect("fits");
    let report = control.doctor(Nanos(0), &[]);
    let (health, _, message) = only(&report, "nat-customer");
    assert_eq!(
        (health, message),
        (Health::Green, "1 customer address behind static addresses and forwards known")
    );
    let (health, _, message) = only(&report, "nat-external");
    assert_eq!(
        (health, message),
        (Health::Green, "every external network that tenants are translated toward has a default route")
    );
}

#[test]
fn an_unknown_customer_and_a_network_that_leads_nowhere_are_told() {
    let mut config = translated([10, 0, 1, 77]);
    config.external[0].gateways.clear();
    let (control, _) = control(config).expect("fits");
    let report = control.doctor(Nanos(0), &[]);
    let (health, object, message) = only(&report, "nat-customer");
    assert_eq!((health, object), (Health::Yellow, "customer 10.0.1.77 of tenant blue"));
    assert!(message.starts_with("10.0.1.77 has no lookup record in tenant blue"), "{message}");
    assert_eq!(only(&report, "nat-external").1, "network internet");
}
