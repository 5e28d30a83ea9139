use super::*;
use crate::control::fixture::{self, Sent, control, ip};
use crate::control::neighbors::State;
use crate::control::{Control, Nanos};
use crate::tables::grace::LocalGrace;

fn ready() -> Control<LocalGrace> {
    control(fixture::config()).expect("fits").0
}

fn question(vsid: Option<u32>, src: IpAddr, dst: IpAddr, network: Option<String>) -> ExplainRequest {
    ExplainRequest {
        vsid,
        src: Some(src),
        dst,
        provider_address: None,
        network,
        protocol: None,
        src_port: None,
        dst_port: None,
    }
}

pub(super) fn from_vm(vsid: u32, src: &str, dst: &str) -> ExplainRequest {
    question(Some(vsid), ip(src), ip(dst), None)
}

pub(super) fn from_outside(network: Option<&str>, dst: &str) -> ExplainRequest {
    let network = network.map(str::to_owned);
    question(None, ip("9.9.9.9"), ip(dst), network)
}

pub(super) fn explained(control: &Control<LocalGrace>, request: &ExplainRequest) -> (Vec<String>, Verdict) {
    let Explanation { steps, verdict } = control.explain(request).expect("a packet");
    (steps.into_iter().map(|step| format!("{}: {}", step.step, step.finding)).collect(), verdict)
}

/// The reason, Hyper-V's name for it and the message of a dropped packet.
fn dropped(request: &ExplainRequest) -> (String, Option<String>, String) {
    match explained(&ready(), request).1 {
        Verdict::Dropped { reason, hyperv, message, cure } => {
            assert!(!cure.is_empty());
            (reason, hyperv, message)
        }
        other => panic!("{request:?}: {other:?}"),
    }
}

#[test]
fn from_a_vm_to_another_every_decision_is_told() {
    let (steps, verdict) = explained(&ready(), &from_vm(5002, "10.0.2.6", "10.0.1.5"));
    assert_eq!(
        steps,
        [
            "subnet: VSID 5002 is 10.0.2.0/24 of tenant red; frames come to 02:00:5e:00:01:01",
            "sender-check: the record of 10.0.2.6 names 100.64.30.2 and MAC 02:15:5d:00:00:06",
            "route: tenant red: 10.0.1.0/24 is a virtual subnet: the lookup record decides",
            "record: 10.0.1.5 is at 100.64.20.30, VSID 5001, MAC 02:15:5d:00:00:05",
            "provider-route: 100.64.20.0/24 leads directly on site gateway-site (VLAN 20), owner site",
            "neighbor: 100.64.20.30 on site gateway-site (VLAN 20): static, MAC 02:00:00:00:20:1e",
            "rewrite: NVGRE from 100.64.20.10 to 100.64.20.30, VSID 5001, inner frame to 02:15:5d:00:00:05; \
             port wire0, VLAN 20, to 02:00:00:00:20:1e; inner packets of up to 1558 bytes",
        ]
    );
    let forwarded = Verdict::Forwarded {
        port: "wire0".into(),
        vlan: Some(20),
        mac: "02:00:00:00:20:1e".into(),
        what: "to 100.64.20.30 in NVGRE, VSID 5001".into(),
    };
    assert_eq!(verdict, forwarded);
}

#[test]
fn from_a_vm_to_the_internet() {
    let (steps, verdict) = explained(&ready(), &from_vm(6001, "10.0.1.5", "9.9.9.9"));
    assert_eq!(
        steps[2..],
        [
            "route: tenant blue: 0.0.0.0/0 leads on to network internet",
            "route: network internet: 0.0.0.0/0 leads over 198.18.0.1 on network internet (VLAN 300)",
            "neighbor: 198.18.0.1 on network internet (VLAN 300): static, MAC 02:00:00:00:30:01",
            "rewrite: plain; port wire1, VLAN 300, to 02:00:00:00:30:01; packets of up to 1500 bytes",
        ]
    );
    let Verdict::Forwarded { port, vlan, mac, what } = verdict else { panic!("{verdict:?}") };
    assert_eq!((&port[..], vlan, &mac[..]), ("wire1", Some(300), "02:00:00:00:30:01"));
    assert_eq!(what, "to 198.18.0.1 on network internet (VLAN 300)");
}

#[test]
fn behind_a_vm_that_routes() {
    let control = ready();
    let (steps, _) = explained(&control, &from_vm(5001, "10.0.1.5", "172.16.9.9"));
    assert_eq!(steps[2], "route: tenant red: 172.16.0.0/16 leads to the VM 10.0.1.5, which routes");
    assert!(steps[3].starts_with("record: 10.0.1.5 is at 100.64.20.30"), "{steps:?}");
    let (steps, verdict) = explained(&control, &from_vm(5001, "172.16.9.9", "10.0.1.1"));
    let vouched = "sender-check: 172.16.9.9 is behind 10.0.1.5: the record of 10.0.1.5 names 100.64.20.30";
    assert!(steps[1].starts_with(vouched), "{steps:?}");
    let Verdict::Local { what } = verdict else { panic!("{verdict:?}") };
    assert!(what.starts_with("10.0.1.1 is an address of the gateway itself"), "{what}");
}

#[test]
fn from_outside_to_a_vm_or_out_again() {
    let control = ready();
    let (steps, verdict) = explained(&control, &from_outside(None, "203.0.113.5"));
    assert_eq!(
        steps[..3],
        [
            "network: comes in by network internet (VLAN 300)",
            "route: network internet: 203.0.113.0/28 leads on to tenant blue",
            "route: tenant blue: 203.0.113.0/28 is a virtual subnet: the lookup record decides",
        ]
    );
    let Verdict::Held { reason, message, .. } = verdict else { panic!("{verdict:?}") };
    assert_eq!(reason, "neighbor-unresolved");
    assert_eq!(message, "next hop 100.64.20.31 on site gateway-site (VLAN 20) has not been asked for yet");
    let transit = dropped(&from_outside(None, "8.8.8.8"));
    assert_eq!((&transit.0[..], transit.1), ("transit", None));
    let (steps, _) = explained(&control, &from_outside(Some("red-uplink"), "10.0.1.5"));
    assert_eq!(steps[1], "route: tenant red: 10.0.1.0/24 is a virtual subnet: the lookup record decides");
}

#[test]
fn drops_have_their_reason_and_hyper_vs_name() {
    let moved =
        |pa| ExplainRequest { provider_address: Some(ip(pa)), ..from_vm(5001, "10.0.1.5", "10.0.2.6") };
    let cases = [
        (from_vm(7001, "10.0.1.5", "10.0.2.6"), "no-policy-for-vsid", Some("No policy for VSID"), "7001"),
        (from_vm(4000, "10.0.1.5", "10.0.2.6"), "vsid-reserved", None, "4000"),
        (from_vm(0xff_ffff, "10.0.1.5", "10.0.2.6"), "vsid-vendor", None, "16777215"),
        (from_vm(5001, "127.0.0.1", "10.0.2.6"), "inner-martian-source", None, "127.0.0.1"),
        (from_vm(5001, "10.0.1.5", "224.0.0.5"), "multicast-unsupported", None, "224.0.0.5"),
        (from_vm(5001, "10.0.1.5", "10.0.1.255"), "multicast-unsupported", None, "10.0.1.255"),
        (moved("127.0.0.1"), "outer-martian-source", None, "127.0.0.1"),
        (moved("100.64.20.31"), "source-ca-pa-mismatch", Some("Source CA-PA mismatch"), "100.64.20.31"),
        (moved("100.64.20.10"), "own-packet", None, "100.64.20.10"),
        (
            from_vm(5001, "10.0.1.77", "10.0.2.6"),
            "source-record-missing",
            Some("Source lookup record missing"),
            "10.0.1.77 has no lookup record in tenant red",
        ),
        (
            from_vm(5001, "10.0.1.5", "10.0.2.9"),
            "destination-record-missing",
            Some("Destination lookup record missing"),
            "10.0.2.9 has no lookup record in tenant red",
        ),
        (from_outside(None, "224.0.0.1"), "multicast-unsupported", None, "224.0.0.1"),
    ];
    for (request, reason, hyperv, word) in cases {
        let told = dropped(&request);
        assert_eq!((&told.0[..], told.1.as_deref()), (reason, hyperv), "{request:?}");
        assert!(told.2.contains(word), "{word:?} is not in {:?}", told.2);
    }
}

#[test]
fn a_missing_provider_route_is_told_with_its_cure() {
    let mut config = fixture::config();
    config.provider.sites[0].gateway = None;
    config.provider.routes.clear();
    let (control, _) = control(config).expect("fits");
    let (steps, verdict) = explained(&control, &from_vm(5001, "10.0.1.5", "10.0.2.6"));
    assert_eq!(steps.last().map(String::as_str), Some("provider-route: none leads to 100.64.30.2"));
    let Verdict::Dropped { reason, hyperv, message, cure } = verdict else { panic!("{verdict:?}") };
    assert_eq!(
        (&reason[..], hyperv.as_deref()),
        ("provider-route-missing", Some("Physical (provider) route missing"))
    );
    assert_eq!(message, "no provider route to 100.64.30.2 from site gateway-site (VLAN 20)");
    assert!(
        cure.ends_with("nvgw provider-route add 100.64.30.2/32 --via <router in 100.64.20.0/24>"),
        "{cure}"
    );
}

#[test]
fn a_check_that_only_logs_lets_pass() {
    let mut config = fixture::config();
    config.tenants[0].sender_check = nvgw_config::SenderCheck::LogOnly;
    let (control, _) = control(config).expect("fits");
    let request = ExplainRequest {
        provider_address: Some(ip("100.64.20.99")),
        ..from_vm(5001, "10.0.1.77", "10.0.1.5")
    };
    let (steps, verdict) = explained(&control, &request);
    assert!(steps[2].contains("counted as source-record-missing, and let pass"), "{steps:?}");
    assert!(matches!(verdict, Verdict::Forwarded { .. }));
    let ours = ExplainRequest { provider_address: Some(ip("100.64.20.10")), ..request };
    let (_, verdict) = explained(&control, &ours);
    assert!(matches!(verdict, Verdict::Dropped { reason, .. } if reason == "own-packet"));
}

#[test]
fn a_check_that_learns_says_from_what() {
    let mut config = fixture::config();
    let limits = nvgw_config::LearnLimits { addresses_per_mac: 8, records_per_subnet: 256 };
    config.tenants[0].sender_check = nvgw_config::SenderCheck::Learn(limits);
    let (control, _) = control(config).expect("fits");
    let (_, verdict) = explained(&control, &from_vm(5001, "10.0.1.77", "10.0.1.5"));
    let Verdict::Local { what } = verdict else { panic!("{verdict:?}") };
    assert!(what.starts_with("10.0.1.77 has no lookup record in tenant red; learned from"), "{what}");
    let (_, verdict) = explained(&control, &from_vm(5001, "10.0.2.77", "10.0.1.5"));
    let Verdict::Dropped { reason, .. } = verdict else { panic!("{verdict:?}") };
    assert_eq!(reason, "source-record-missing", "another subnet's address is nothing to learn");
}

#[test]
fn a_next_hop_that_was_asked_in_vain_drops() {
    let mut control = ready();
    control.ask_for_next_hops(Nanos(0), &mut Sent::default());
    for second in 1..=3 {
        control.tick(Nanos(second * 1_000_000_000), &mut Sent::default());
    }
    let hop = control.hop_of([100, 64, 30, 2].into()).expect("a route");
    assert_eq!(control.neighbors.state(hop), Some(State::Failed));
    let (_, verdict) = explained(&control, &from_vm(5001, "10.0.1.5", "10.0.2.6"));
    let Verdict::Dropped { reason, hyperv, .. } = verdict else { panic!("{verdict:?}") };
    assert_eq!((&reason[..], hyperv.as_deref()), ("neighbor-unresolved", Some("Neighbour unresolved")));
}

#[test]
fn questions_that_mean_no_packet_are_refused() {
    let control = ready();
    let refused = |request: &ExplainRequest| control.explain(request).expect_err("refused");
    assert!(refused(&from_outside(Some("nowhere"), "9.9.9.9")).contains("nowhere"));
    assert!(refused(&from_vm(5001, "10.0.1.5", "2001:db8::1")).contains("different families"));
    assert!(refused(&from_vm(1 << 24, "10.0.1.5", "9.9.9.9")).contains("16777216"));
    let both = ExplainRequest { network: Some("internet".into()), ..from_vm(5001, "10.0.1.5", "9.9.9.9") };
    assert!(refused(&both).contains("not both"));
    let peer = ExplainRequest { provider_address: Some(ip("100.64.20.30")), ..from_outside(None, "9.9.9.9") };
    assert!(refused(&peer).contains("VSID"));
}

#[test]
fn ipv6_is_explained_as_ipv4_is() {
    let (control, _) = control(fixture::with_ipv6(fixture::config())).expect("fits");
    // Red's VM 10.0.2.6 is 2001:db8:1::6 too, at 2001:db8:20::30; 10.0.1.5 is 2001:db8::5 at 100.64.20.30.
    let (steps, verdict) = explained(&control, &from_vm(5002, "2001:db8:1::6", "2001:db8::5"));
    let wanted = [
        "subnet: VSID 5002 is 10.0.2.0/24 and 2001:db8:1::/64 of tenant red; frames come to 02:00:5e:00:01:01",
        "sender-check: the record of 2001:db8:1::6 names 2001:db8:20::30 and MAC 02:15:5d:00:00:06",
        "route: tenant red: 2001:db8::/64 is a virtual subnet: the lookup record decides",
        "record: 2001:db8::5 is at 100.64.20.30, VSID 5001, MAC 02:15:5d:00:00:05",
    ];
    assert_eq!(steps[..4], wanted);
    assert!(
        matches!(&verdict, Verdict::Forwarded { what, .. } if what == "to 100.64.20.30 in NVGRE, VSID 5001")
    );
    let (steps, verdict) = explained(&control, &from_vm(5001, "2001:db8::5", "2001:db8:1::6"));
    let rewrite = steps.iter().find(|step| step.starts_with("rewrite")).expect("a rewrite");
    let wanted = "NVGRE from 2001:db8:20::a to 2001:db8:20::30, VSID 5002";
    assert!(rewrite.contains(wanted) && rewrite.ends_with("inner packets of up to 1538 bytes"), "{rewrite}");
    let Verdict::Held { message, .. } = verdict else { panic!("{verdict:?}") };
    assert_eq!(message, "next hop 2001:db8:20::30 on site six (VLAN 22) has not been asked for yet");

    let to_outside = from_vm(6002, "2001:db8:1::5", "2001:db8:ffff::1");
    let (steps, _) = explained(&control, &to_outside);
    let over = "route: network internet: ::/0 leads over 2001:db8:300::1 on network internet (VLAN 300)";
    assert!(steps.iter().any(|step| step == over), "{steps:?}");
    let ends = |dst: &str| explained(&control, &from_vm(5001, "2001:db8::5", dst)).1;
    for ours in ["2001:db8::1", "2001:db8::", "fe80::1"] {
        assert!(matches!(ends(ours), Verdict::Local { .. }), "{ours}");
    }
    for nobodys in ["ff02::1", "::ffff:10.0.1.5"] {
        let Verdict::Dropped { reason, .. } = ends(nobodys) else { panic!("{nobodys}") };
        assert_eq!(reason, "multicast-unsupported", "{nobodys}");
    }
    let Verdict::Dropped { cure, .. } = explained(&control, &from_vm(5001, "2001:db8::5", "2001:db8::99")).1
    else {
        panic!("no record")
    };
    assert!(cure.contains("--vsid 5001 --ca 2001:db8::99"), "{cure}");
}
