//! Random packets through random configurations, alone and in mixed bursts, against the oracle.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use gateway::control::Control;
use gateway::datapath::QsbrGrace;
use gateway::tables::exchange::Punt;
use gateway::telemetry::counters::{Counters, TrafficTotal};
use gateway::telemetry::{DropReason, PuntClass};
use nvgw_types::{PortId, VrfId, Vsid};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::arbitrary::models;
use crate::harness::{Gateway, Output, PORTS, Worker};
use crate::oracle::{Asker, Fate, Flow, Wrapped, flow_of};
use crate::traffic::{Frame, choices};
use crate::wire::IPV6;

/// The most bytes of headers that a frame has: outer Ethernet, tag and IP, GRE, inner Ethernet, IP and ports, both IP
/// headers with all extension headers, of which one is a fragment's. Frames in two buffers have them in the first.
const HEADERS: usize = 14 + 4 + (40 + 88) + 8 + 14 + (40 + 88) + 4;

/// What a frame became: ways out and bytes, of several where it was split, of none where it was dropped.
type Outcome = Vec<(Output, Vec<u8>)>;

/// What a worker has counted, as far as frames decide it.
#[derive(Debug, PartialEq)]
struct Counted {
    received: Vec<TrafficTotal>,
    vrfs: Vec<(TrafficTotal, TrafficTotal)>,
    dropped: Vec<u64>,
    punted: u64,
}

impl Counted {
    fn now(counters: &Counters) -> Self {
        Self {
            received: (0..PORTS.len() as u16).map(|port| counters.port(PortId(port)).rx.get()).collect(),
            vrfs: (0..)
                .map_while(|vrf| counters.vrf(VrfId(vrf)))
                .map(|vrf| (vrf.rx.get(), vrf.tx.get()))
                .collect(),
            dropped: DropReason::ALL.iter().map(|reason| counters.dropped(*reason)).collect(),
            punted: (PuntClass::ALL.iter())
                .filter(|class| **class != PuntClass::Error)
                .map(|class| counters.punted(*class))
                .sum(),
        }
    }

    fn since(&self, before: &Self) -> Self {
        let less = |a: &TrafficTotal, b: &TrafficTotal| TrafficTotal {
            packets: a.packets - b.packets,
            bytes: a.bytes - b.bytes,
        };
        let vrfs = self.vrfs.iter().zip(&before.vrfs);
        Self {
            received: self.received.iter().zip(&before.received).map(|(a, b)| less(a, b)).collect(),
            vrfs: vrfs.map(|(a, b)| (less(&a.0, &b.0), less(&a.1, &b.1))).collect(),
            dropped: self.dropped.iter().zip(&before.dropped).map(|(a, b)| a - b).collect(),
            punted: self.punted - before.punted,
        }
    }
}

/// What all cases together have shown.
#[derive(Default)]
struct Seen {
    fates: BTreeMap<&'static str, usize>,
    flow_ids: BTreeSet<u8>,
    families: BTreeSet<[Option<bool>; 3]>,
}

/// The VRFs of so many tenants.
fn tenants(control: &Control<QsbrGrace>, count: usize) -> Vec<VrfId> {
    let vrfs = control.vrfs();
    let of = |number: usize| vrfs.iter().find(|vrf| vrf.name == format!("tenant{number}")).map(|vrf| vrf.id);
    (0..count).map(|number| of(number).expect("a tenant's VRF")).collect()
}

impl Asker {
    fn vsid(&self) -> Vsid {
        Vsid::new(self.vsid.into()).expect("24 bits")
    }

    fn vrf(&self, tenants: &[VrfId]) -> VrfId {
        tenants[self.tenant]
    }
}

/// Holds what one frame became against what it must become.
fn check(
    fate: &Fate,
    frame: &Frame,
    outcome: &Outcome,
    tenants: &[VrfId],
    flows: &mut HashMap<Flow, u8>,
) -> Result<&'static str, TestCaseError> {
    let mut compare = |wanted: &Wrapped, bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        if let Some((places, packet)) = &wanted.flow {
            for &at in places {
                let flow = std::mem::take(&mut bytes[at]);
                let first = *flows.entry(flow_of(packet)).or_insert(flow);
                prop_assert_eq!(first, flow, "the FlowID changes within a flow");
            }
        }
        prop_assert_eq!(&wanted.bytes, &bytes);
        Ok(())
    };
    match (fate, &outcome[..]) {
        (Fate::Dropped(reason), []) => return Ok(reason.name()),
        (Fate::Sent(_, wanted) | Fate::Waits(wanted), frames) => {
            prop_assert_eq!(wanted.len(), frames.len());
            for (wanted, (output, bytes)) in wanted.iter().zip(frames) {
                match (fate, output) {
                    (Fate::Sent(port, _), Output::Sent(by)) => prop_assert_eq!(*port, by.index()),
                    (Fate::Waits(_), Output::Punted(Punt::Unresolved { .. })) => {}
                    _ => return Err(TestCaseError::fail("another way out")),
                }
                compare(wanted, bytes)?;
            }
            if wanted.len() > 1 {
                return Ok("in fragments");
            }
        }
        (Fate::Local(0), [(Output::Punted(Punt::Neighbor { .. } | Punt::Local { .. }), bytes)]) => {
            prop_assert_eq!(&frame.bytes, bytes);
            return Ok("local");
        }
        (Fate::Local(at @ 1..), [(Output::Punted(Punt::Overlay { .. }), bytes)]) => {
            prop_assert_eq!(&frame.bytes[*at..], bytes);
            return Ok("overlay");
        }
        (Fate::Teaches(at, lesson), [(Output::Punted(punt @ Punt::Learn { .. }), bytes)]) => {
            prop_assert_eq!(&frame.bytes[*at..], bytes);
            let Asker { provider, .. } = lesson.sender;
            let (vsid, vrf) = (lesson.sender.vsid(), lesson.sender.vrf(tenants));
            prop_assert_eq!(&Punt::Learn { vsid, vrf, provider, reason: lesson.reason }, punt);
            return Ok(match (lesson.reason, [bytes[12], bytes[13]]) {
                (_, [8, 6]) => "ARP teaches",
                (_, [0x86, 0xdd]) => "IPv6 teaches",
                (DropReason::SourceRecordMissing, _) => "unknown sender teaches",
                (DropReason::SourceCaPaMismatch, _) => "sender elsewhere teaches",
                _ => "another station teaches",
            });
        }
        (Fate::Asks(at, asker), [(Output::Punted(punt @ Punt::LinkLocal { .. }), bytes)]) => {
            prop_assert_eq!(&frame.bytes[*at..], bytes);
            let (vsid, vrf, provider) = (asker.vsid(), asker.vrf(tenants), asker.provider);
            prop_assert_eq!(&Punt::LinkLocal { vsid, vrf, provider }, punt);
            return Ok("link-local");
        }
        _ => return Err(TestCaseError::fail("another fate")),
    }
    Ok(match (fate, frame.overlay) {
        (Fate::Waits(_), _) => "waits",
        (Fate::Sent(_, wanted), true) if wanted[0].tunnel => "from VM to VM",
        (_, true) => "from tenant to outside",
        (_, false) => "from outside to tenant",
    })
}

/// The families of an undamaged packet that left: of what wrapped it, its own, and of what wraps it now.
fn families(fate: &Fate, frame: &Frame) -> Option<[Option<bool>; 3]> {
    let (Fate::Sent(_, wanted), Some(flow)) = (fate, frame.flow) else { return None };
    let Wrapped { bytes, tunnel, .. } = &wanted[0];
    let ethertype = if bytes[12..14] == [0x81, 0] { &bytes[16..18] } else { &bytes[12..14] };
    let outer = tunnel.then_some(ethertype == IPV6.to_be_bytes());
    Some([flow.provider.map(|address| address.is_ipv6()), Some(flow.source.is_ipv6()), outer])
}

/// Each frame as a burst of its own, and the first of its port: read by the parser that reads any frame, while those of
/// bursts are mostly read by the one for usual ones.
fn alone(worker: &mut Worker, frames: &[Frame]) -> Vec<(Outcome, Vec<u64>)> {
    let before = |worker: &Worker| Counted::now(&worker.counters).dropped;
    let one = |frame: &Frame| {
        let dropped = before(worker);
        let mut outcome = Vec::new();
        worker.pipeline.forget_ports();
        worker.run(PortId(frame.port as u16), std::slice::from_ref(&frame.bytes), |output, bytes| {
            outcome.push((output, bytes.to_vec()));
        });
        let drops = before(worker).iter().zip(&dropped).map(|(now, before)| now - before).collect();
        (outcome, drops)
    };
    frames.iter().map(one).collect()
}

/// All frames in bursts of these sizes: the same outcomes, and flows in their order.
fn together(
    worker: &mut Worker,
    frames: &[Frame],
    outcomes: &[(Outcome, Vec<u64>)],
    sizes: &[usize],
) -> Result<(), TestCaseError> {
    let mut sizes = sizes.iter().cycle();
    for port in 0..PORTS.len() {
        let of_port: Vec<usize> = (0..frames.len()).filter(|i| frames[*i].port == port).collect();
        let mut rest = &of_port[..];
        while !rest.is_empty() {
            let size = sizes.next().map_or(1, |size| *size).min(rest.len());
            let (burst, after) = rest.split_at(size);
            rest = after;
            let mut wanted: HashMap<(u16, Vec<u8>), VecDeque<usize>> = HashMap::new();
            for &i in burst {
                for (output, bytes) in &outcomes[i].0 {
                    wanted.entry((code(*output), bytes.clone())).or_default().push_back(i);
                }
            }
            let bytes: Vec<_> = burst.iter().map(|i| frames[*i].bytes.clone()).collect();
            let mut last = HashMap::new();
            let mut problem = Ok(());
            worker.run(PortId(port as u16), &bytes, |output, bytes| {
                let Some(i) = wanted.get_mut(&(code(output), bytes.to_vec())).and_then(VecDeque::pop_front)
                else {
                    problem = Err(TestCaseError::fail("a frame of a burst became what it would not alone"));
                    return;
                };
                let Some(flow) = frames[i].flow else { return };
                if last.insert((code(output), flow), i).is_some_and(|before| before > i) {
                    problem = Err(TestCaseError::fail("a flow's order changed"));
                }
            });
            problem?;
            prop_assert!(wanted.values().all(VecDeque::is_empty), "a frame of a burst is missing");
        }
    }
    Ok(())
}

/// A way out as a number: a port, or a kind of punt.
fn code(output: Output) -> u16 {
    match output {
        Output::Sent(port) => port.0,
        Output::Punted(Punt::Neighbor { .. }) => 100,
        Output::Punted(Punt::Local { .. }) => 101,
        Output::Punted(Punt::Overlay { .. }) => 102,
        Output::Punted(Punt::Unresolved { .. }) => 103,
        Output::Punted(Punt::Learn { .. }) => 104,
        Output::Punted(Punt::LinkLocal { .. }) => 106,
        Output::Punted(Punt::Error { .. }) => 105,
    }
}

#[test]
fn every_frame_becomes_what_the_model_says() {
    const CASES: u32 = 256;
    let config = ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let seen = RefCell::new(Seen::default());
    let input = (models(), vec(choices(), 1..600), vec(1..=64_usize, 1..20));
    let result = runner.run(&input, |(model, choices, sizes)| {
        let mut seen = seen.borrow_mut();
        let document = model.document();
        let config = nvgw_config::parse(&document, "model").map_err(|problems| {
            TestCaseError::fail(format!("the generated document is refused: {problems}\n{document}"))
        })?;
        let Gateway { control, mut worker } =
            Gateway::new(config).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let tenants = tenants(&control, model.tenants.len());
        let frames: Vec<_> =
            (0..).zip(&choices).map(|(number, choice)| choice.frame(&model, number)).collect();

        let start = Counted::now(&worker.counters);
        let outcomes = alone(&mut worker, &frames);
        let singles = Counted::now(&worker.counters).since(&start);
        let mut flows = HashMap::new();
        let mut punted = 0;
        for ((frame, choice), (outcome, drops)) in frames.iter().zip(&choices).zip(&outcomes) {
            let fate = model.fate(frame.port, &frame.bytes);
            let mut wanted = vec![0; DropReason::COUNT];
            if let Fate::Dropped(reason) = fate {
                wanted[reason.index()] = 1;
            }
            let named = |drops: &[u64]| {
                let named = DropReason::ALL.iter().zip(drops).filter(|(_, count)| **count > 0);
                named.map(|(reason, _)| reason.name()).collect::<Vec<_>>()
            };
            let context = || {
                format!(
                    "{choice:?}\n{frame:02x?}\nmust become {fate:02x?}\nbut became {outcome:02x?} {:?}",
                    named(drops)
                )
            };
            prop_assert_eq!(&wanted, drops, "{}", context());
            let sort = check(&fate, frame, outcome, &tenants, &mut flows)
                .map_err(|error| TestCaseError::fail(format!("{error}\n{}", context())))?;
            *seen.fates.entry(sort).or_default() += 1;
            seen.families.extend(families(&fate, frame));
            punted += outcome.iter().filter(|(output, _)| matches!(output, Output::Punted(_))).count() as u64;
        }
        seen.flow_ids.extend(flows.values());
        let received: u64 = singles.received.iter().map(|port| port.packets).sum();
        prop_assert_eq!(received, frames.len() as u64);
        let bytes: u64 = singles.received.iter().map(|port| port.bytes).sum();
        prop_assert_eq!(bytes, frames.iter().map(|frame| frame.bytes.len() as u64).sum::<u64>());
        prop_assert_eq!(singles.punted, punted);

        for first_segment in [usize::MAX, HEADERS] {
            worker.first_segment = first_segment;
            let before = Counted::now(&worker.counters);
            together(&mut worker, &frames, &outcomes, &sizes)?;
            prop_assert_eq!(&Counted::now(&worker.counters).since(&before), &singles);
        }
        prop_assert_eq!(worker.pool.in_use(), 0);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let Seen { fates, flow_ids, families } = seen.into_inner();
    let missing: Vec<_> = SORTS.iter().filter(|sort| !fates.contains_key(**sort)).collect();
    assert!(missing.is_empty(), "never seen: {missing:?} of {fates:?}");
    // From VM to VM 2 * 2 * 2, in and out 2 * 2 each.
    assert_eq!(families.len(), 16, "{families:?}");
    assert!(flow_ids.len() > 200, "{} FlowIDs only", flow_ids.len());
}

/// What the cases together must have shown, so that the test cannot pass by missing the tables.
const SORTS: [&str; 50] = [
    "in fragments",
    "from VM to VM",
    "from tenant to outside",
    "from outside to tenant",
    "waits",
    "local",
    "overlay",
    "ARP teaches",
    "IPv6 teaches",
    "link-local",
    "unknown sender teaches",
    "sender elsewhere teaches",
    "another station teaches",
    "not-our-mac",
    "vlan-unknown",
    "ethertype-unknown",
    "outer-malformed",
    "outer-checksum",
    "outer-fragment",
    "outer-martian-source",
    "outer-destination-unknown",
    "outer-protocol-unknown",
    "own-packet",
    "gre-checksum-bit",
    "gre-no-key",
    "gre-flags",
    "gre-version",
    "gre-protocol",
    "vsid-reserved",
    "vsid-vendor",
    "no-policy-for-vsid",
    "inner-vlan",
    "inner-destination-mac",
    "unsupported-ethertype",
    "malformed",
    "ip-checksum",
    "inner-martian-source",
    "congestion-mark",
    "source-record-missing",
    "source-ca-pa-mismatch",
    "source-ca-mac-mismatch",
    "virtual-route-missing",
    "destination-record-missing",
    "provider-route-missing",
    "external-route-missing",
    "transit",
    "multicast-unsupported",
    "ttl-expired",
    "mtu-exceeded",
    "arp-ignored",
];
