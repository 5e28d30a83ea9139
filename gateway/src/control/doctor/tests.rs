use nvgw_config::{LookupRecord, NetworkRef, SiteIndex};
use nvgw_types::{InterfaceId, PortId};
use zerocopy::IntoBytes;

use super::*;
use crate::control::fixture::{self, Sent, WIRE0, control, neighbor, record, vsid};
use crate::control::{Control, Nanos};
use crate::diagnosis::{Finding, Health};
use crate::packet::{checksum, icmp, ipv4};
use crate::tables::exchange::Punt;
use crate::tables::grace::LocalGrace;

const STATION: [u8; 6] = [2, 0, 0, 0, 0x20, 2];

fn ready(config: nvgw_config::Config) -> Control<LocalGrace> {
    control(config).expect("fits").0
}

/// The fixture's gateway whose next hops are all known.
fn healthy() -> nvgw_config::Config {
    let mut config = fixture::config();
    let site = NetworkRef::Site(SiteIndex(0));
    config.neighbors.push(neighbor(site, "100.64.20.2", "02:00:00:00:20:02"));
    config.neighbors.push(neighbor(site, "100.64.20.31", "02:00:00:00:20:1f"));
    config
}

fn of<'r>(report: &'r DoctorReport, check: &str) -> Vec<&'r Finding> {
    report.findings.iter().filter(|finding| finding.check == check).collect()
}

/// Health, object and message of a check's only finding.
pub(super) fn only<'r>(report: &'r DoctorReport, check: &str) -> (Health, &'r str, &'r str) {
    let [finding] = &of(report, check)[..] else { panic!("{:#?}", report.findings) };
    assert_eq!(finding.cure.is_none(), finding.health == Health::Green);
    (finding.health, &finding.object, &finding.message)
}

fn site(control: &Control<LocalGrace>) -> InterfaceId {
    control.fabric.writers.interfaces.resolve(PortId(0), 20).expect("an interface")
}

/// ARP of a station on the site.
fn arp(control: &mut Control<LocalGrace>, now: Nanos, operation: u8, sender: [u8; 4]) -> Sent {
    let arp = [&[0, 1, 8, 0, 6, 4, 0, operation][..], &STATION, &sender, &WIRE0.0, &[100, 64, 20, 10]];
    let frame = [&WIRE0.0[..], &STATION, &[0x81, 0, 0, 20, 8, 6], &arp.concat()].concat();
    let mut sent = Sent::default();
    let interface = site(control);
    control.handle_punt(now, Punt::Neighbor { interface }, &frame, &mut sent);
    sent
}

#[test]
fn a_healthy_gateway_is_green_check_by_check() {
    let report = ready(healthy()).doctor(Nanos(0), &[]);
    assert_eq!(report.health, Health::Green, "{:#?}", report.findings);
    let checks: Vec<_> = report.findings.iter().map(|finding| &finding.check[..]).collect();
    assert_eq!(
        checks,
        [
            "provider-route",
            "next-hop",
            "dead-next-hop",
            "duplicate-address",
            "empty-vsid",
            "external-network",
            "nat-customer",
            "nat-external",
            "table-saturation",
            "inner-hash",
            "punt-flood",
            "flapping-record",
            "suspended-change"
        ]
    );
    assert_eq!(only(&report, "provider-route").2, "3 provider addresses have a provider route");
    assert_eq!(only(&report, "next-hop").2, "3 next hops toward provider addresses known");
    assert_eq!(only(&report, "empty-vsid").2, "4 virtual subnets with lookup records");
    assert_eq!(only(&report, "external-network").2, "2 tenants with a way outside");
}

#[test]
fn the_operators_story_has_its_missing_route_named() {
    let mut config = healthy();
    config.provider.sites[0].gateway = None;
    config.tenants[0].records.push(record(5001, "10.0.1.7", "02:15:5d:00:00:07", "10.10.0.21"));
    let report = ready(config).doctor(Nanos(0), &[]);
    assert_eq!(report.health, Health::Red);
    let (health, object, message) = only(&report, "provider-route");
    assert_eq!((health, object), (Health::Red, "provider address 10.10.0.21"));
    assert_eq!(
        message,
        "no provider route to 10.10.0.21 from site gateway-site (VLAN 20); it is named by 1 lookup record"
    );
    let cure = of(&report, "provider-route")[0].cure.as_deref().unwrap_or_default();
    assert!(cure.starts_with("add a default gateway to the site, or: nvgw provider-route add"), "{cure}");
}

#[test]
fn next_hops_are_unknown_then_silent_then_known() {
    let mut control = ready(fixture::config());
    let report = control.doctor(Nanos(0), &[]);
    let unknown = of(&report, "next-hop");
    assert_eq!(unknown.len(), 2, "100.64.20.2 and 100.64.20.31");
    assert_eq!(report.health, Health::Yellow, "nobody has asked yet");

    control.ask_for_next_hops(Nanos(0), &mut Sent::default());
    for second in 1..=3 {
        control.tick(Nanos(second * 1_000_000_000), &mut Sent::default());
    }
    let report = control.doctor(Nanos(0), &[]);
    assert_eq!(report.health, Health::Red);
    let [router, host] = &of(&report, "next-hop")[..] else { panic!("{report:#?}") };
    assert_eq!((router.health, &router.object[..]), (Health::Red, "next hop 100.64.20.2"));
    assert_eq!(
        router.message,
        "next hop 100.64.20.2 on site gateway-site (VLAN 20) does not answer ARP; \
         behind it: provider address 100.64.30.2, with 1 lookup record"
    );
    assert!(host.message.ends_with("provider address 100.64.20.31, with 2 lookup records"), "{host:?}");
    let dead = of(&report, "dead-next-hop");
    let over: Vec<_> = dead.iter().map(|finding| &finding.object[..]).collect();
    assert_eq!(over, ["next hop 100.64.20.2", "next hop 198.18.0.3", "next hop 198.18.1.1"]);
    assert!(dead[0].message.ends_with("over it: 1 route, 100.64.30.0/24 first"), "{:?}", dead[0]);
    assert!(
        dead[1].message.contains("over it: 2 routes"),
        "its own address and 198.18.128.0/17: {:?}",
        dead[1]
    );

    arp(&mut control, Nanos(4_000_000_000), 1, [100, 64, 20, 2]);
    let report = control.doctor(Nanos(0), &[]);
    assert_eq!(of(&report, "next-hop").len(), 1);
    assert_eq!(of(&report, "dead-next-hop").len(), 2);
}

#[test]
fn a_claimed_address_is_told() {
    let mut control = ready(healthy());
    arp(&mut control, Nanos(0), 2, [100, 64, 20, 10]);
    let report = control.doctor(Nanos(0), &[]);
    let (health, object, message) = only(&report, "duplicate-address");
    assert_eq!((health, object), (Health::Red, "address 100.64.20.10"));
    assert_eq!(message, "02:00:00:00:20:02 on gateway-site claims it too; heard 1 time");
}

#[test]
fn what_is_empty_shut_in_or_full_is_told() {
    let mut config = healthy();
    config.tenants[1].records.retain(|record| record.vsid != vsid(6002));
    config.tenants[1].external = None;
    config.tenants[1].public_prefixes.clear();
    config.system.limits.vsids = 4;
    let ports = [("wire0", 4, false), ("wire1", 4, false)];
    let ports = ports.map(|(name, rx_queues, inner_hash)| PortFacts {
        name: name.into(),
        rx_queues,
        inner_hash,
        refused: vec![],
    });
    let control = ready(config);
    let report = control.doctor(Nanos(0), &ports);
    let (health, object, message) = only(&report, "empty-vsid");
    assert_eq!((health, object), (Health::Yellow, "VSID 6002"));
    assert_eq!(message, "203.0.113.0/28 of tenant blue has no lookup record: nobody can be reached");
    assert_eq!(only(&report, "external-network").1, "tenant blue");
    assert_eq!(only(&report, "table-saturation"), (Health::Red, "table vsids", "4 of 4 entries are in use"));
    assert_eq!(only(&report, "inner-hash").1, "port wire0", "no site is on wire1");
    for (rx_queues, inner_hash) in [(1, false), (4, true)] {
        let good = PortFacts { name: "wire0".into(), rx_queues, inner_hash, refused: vec![] };
        assert_eq!(only(&control.doctor(Nanos(0), &[good]), "inner-hash").0, Health::Green);
    }
}

/// A tenant red with so many VMs, each on a host of its own, from 100.64.`third`.1 on.
fn many(count: u16, third: u8) -> nvgw_config::Config {
    let mut config = healthy();
    config.system.limits.records = 4096;
    let host = |number: u16| format!("100.64.{}.{}", third + (number / 200) as u8, 1 + number % 200);
    let vm = |number: u16| -> LookupRecord {
        let [high, low] = number.to_be_bytes();
        let mac = format!("02:15:5d:01:{high:02x}:{low:02x}");
        record(5003, &format!("10.7.{}.{}", number / 200, 10 + number % 200), &mac, &host(number))
    };
    config.tenants[0].subnets.push(fixture::subnet(5003, "10.7.0.0/16", "10.7.0.1"));
    config.tenants[0].records.extend((0..count).map(vm));
    config
}

#[test]
fn findings_beyond_a_hundred_are_one_line() {
    let mut config = many(300, 40);
    config.provider.sites[0].gateway = None;
    let report = ready(config).doctor(Nanos(0), &[]);
    let found = of(&report, "provider-route");
    assert_eq!(found.len(), MOST + 1);
    let last = found[MOST];
    assert_eq!((last.health, &last.message[..]), (Health::Red, "200 more of the same kind"));
}

/// The provider network in a test: what answers, and all that was sent.
struct Network<F> {
    control: Control<LocalGrace>,
    now: Nanos,
    /// The answer to an echo request, as an IP packet.
    answers: F,
    /// Stations that answer ARP.
    stations: Vec<[u8; 4]>,
    asked: usize,
    most: usize,
}

impl<F: Fn(&[u8]) -> Option<Vec<u8>>> Network<F> {
    /// Runs a check-up to its end.
    fn check_up(&mut self) -> DoctorReport {
        let mut sent = Sent::default();
        self.control.start_checkup(self.now, 1, Vec::new(), &mut sent);
        self.deliver(sent);
        loop {
            if let Some((id, report)) = self.control.finished_checkups().pop() {
                assert_eq!(id, 1);
                return report;
            }
            self.now = self.control.next_due().expect("something is under way");
            let mut sent = Sent::default();
            self.control.tick(self.now, &mut sent);
            self.deliver(sent);
        }
    }

    fn deliver(&mut self, sent: Sent) {
        let mut sent = sent.0;
        while !sent.is_empty() {
            self.most = self.most.max(sent.len());
            for (port, frame) in std::mem::take(&mut sent) {
                if port != 0 {
                    continue;
                }
                self.now = Nanos(self.now.0 + 1000);
                if frame[16..18] == [8, 6] {
                    self.asked += 1;
                    let target = frame[42..46].try_into().expect("an address");
                    if self.stations.contains(&target) {
                        sent.extend(arp(&mut self.control, self.now, 2, target).0);
                    }
                } else if let Some(answer) = (self.answers)(&frame[18..]) {
                    let frame = [&WIRE0.0[..], &STATION, &[0x81, 0, 0, 20, 8, 0], &answer].concat();
                    let mut out = Sent::default();
                    let punt = Punt::Local { interface: site(&self.control) };
                    self.control.handle_punt(self.now, punt, &frame, &mut out);
                    sent.extend(out.0);
                }
            }
        }
    }
}

fn network<F: Fn(&[u8]) -> Option<Vec<u8>>>(config: nvgw_config::Config, answers: F) -> Network<F> {
    Network { control: ready(config), now: Nanos(0), answers, stations: Vec::new(), asked: 0, most: 0 }
}

fn packet(from: &[u8], to: &[u8], mut message: Vec<u8>) -> Vec<u8> {
    let address = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).expect("four bytes").into();
    message[2..4].fill(0);
    let sum = !checksum::sum(&message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let header = ipv4::Ipv4::new(address(from), address(to), ipv4::ICMP, 60, message.len() as u16);
    [header.as_bytes(), &message].concat()
}

fn reply(request: &[u8]) -> Vec<u8> {
    let mut message = request[20..].to_vec();
    message[0] = icmp::ECHO_REPLY;
    packet(&request[16..20], &request[12..16], message)
}

#[test]
fn every_path_is_probed_and_told() {
    let mut network = network(healthy(), |request| match request[16..20] {
        [100, 64, 20, 30] => Some(reply(request)),
        [100, 64, 20, 31] => (request.len() <= 1500).then(|| reply(request)),
        _ => None,
    });
    let report = network.check_up();
    assert_eq!(report.health, Health::Red);
    let (health, object, message) = only(&report, "path-mtu");
    assert_eq!((health, object), (Health::Red, "provider address 100.64.20.31"));
    assert!(message.starts_with("packets of 1500 bytes get there"), "{message}");
    assert!(message.ends_with("inner packets of more than 1458 bytes are lost"), "{message}");
    let quiet = (Health::Yellow, "provider address 100.64.30.2", "does not answer ping");
    assert_eq!(only(&report, "reachability"), quiet);
    assert_eq!(only(&report, "next-hop").0, Health::Green, "the first stage is part of it");
    assert_eq!(network.control.next_due(), None);
}

#[test]
fn good_paths_are_counted() {
    let mut network = network(healthy(), |request| Some(reply(request)));
    let report = network.check_up();
    assert_eq!(report.health, Health::Green, "{report:#?}");
    assert_eq!(only(&report, "path-mtu").2, "3 paths take packets of their site's MTU");
    assert_eq!(only(&report, "reachability").2, "3 provider addresses answer ping");
}

#[test]
fn routers_refusals_are_told() {
    let from_router = |kind: u8, code: u8, about: &[u8]| {
        let head = [kind, code, 0, 0, 0, 0, 0, 0];
        Some(packet(&[100, 64, 20, 2], &about[12..16], [&head[..], &about[..28]].concat()))
    };
    let mut network = network(healthy(), |request| match request[16..20] {
        [100, 64, 30, 2] => from_router(11, 0, request),
        [100, 64, 20, 31] => from_router(3, 1, request),
        _ => Some(reply(request)),
    });
    let report = network.check_up();
    let [refused, circle] = &of(&report, "reachability")[..] else { panic!("{report:#?}") };
    assert_eq!(refused.message, "100.64.20.2 says: host unreachable");
    assert_eq!((refused.health, circle.health), (Health::Red, Health::Red));
    assert!(circle.message.ends_with("their time to live ran out at 100.64.20.2"), "{circle:?}");
}

#[test]
fn many_hosts_behind_a_router_that_must_be_asked_for() {
    let mut network = network(many(700, 40), |request| Some(reply(request)));
    network.stations = vec![[100, 64, 20, 1]];
    let report = network.check_up();
    assert_eq!(only(&report, "path-mtu").2, "703 paths take packets of their site's MTU");
    assert_eq!(report.health, Health::Green, "{report:#?}");
    assert_eq!(network.asked, 1, "one request, however many paths lead over it");
    assert!(network.most <= 256, "{} at a time", network.most);
}

#[test]
fn many_hosts_behind_a_dead_router_are_one_finding() {
    let mut network = network(many(700, 40), |request| Some(reply(request)));
    let report = network.check_up();
    let (health, object, message) = only(&report, "next-hop");
    assert_eq!((health, object), (Health::Red, "next hop 100.64.20.1"));
    assert!(message.contains("700 provider addresses, 100.64.40.1 first"), "{message}");
    assert_eq!(only(&report, "path-mtu").2, "3 paths take packets of their site's MTU");
    assert_eq!(network.control.counters().dropped_total(), 0);
}

#[test]
fn who_asks_meanwhile_gets_the_same_report() {
    let mut control = ready(healthy());
    let mut sent = Sent::default();
    control.start_checkup(Nanos(0), 1, Vec::new(), &mut sent);
    control.start_checkup(Nanos(0), 2, Vec::new(), &mut sent);
    assert_eq!(sent.0.len(), 3, "one probe a path");
    assert!(control.finished_checkups().is_empty());
    control.tick(Nanos(1_000_000_000), &mut sent);
    control.tick(Nanos(2_000_000_000), &mut sent);
    let reports = control.finished_checkups();
    let ids: Vec<_> = reports.iter().map(|(id, _)| *id).collect();
    assert_eq!((ids, &reports[0].1), (vec![1, 2], &reports[1].1));
    assert!(control.finished_checkups().is_empty() && control.finished_probes().is_empty());
}

#[test]
fn without_records_the_report_is_there_at_once() {
    let mut config = healthy();
    config.tenants.iter_mut().for_each(|tenant| tenant.records.clear());
    config.tenants[0].routes.clear();
    let mut control = ready(config);
    control.start_checkup(Nanos(0), 1, Vec::new(), &mut Sent::default());
    let [(1, report)] = &control.finished_checkups()[..] else { panic!("one report") };
    assert_eq!((report.health, of(report, "empty-vsid").len()), (Health::Yellow, 4));
}
