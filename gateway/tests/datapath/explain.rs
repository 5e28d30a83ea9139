//! What the gateway explains is what its workers do: random packets through random configurations, each one asked for
//! and each one sent.

use std::cell::RefCell;
use std::collections::BTreeMap;

use gateway::diagnosis::{ExplainRequest, Verdict};
use gateway::tables::exchange::Punt;
use gateway::telemetry::DropReason;
use nvgw_types::PortId;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::arbitrary::models;
use crate::harness::{Gateway, Output, Worker};
use crate::model::Model;
use crate::traffic::{Flow, Frame, choices};

/// What is no matter of tables, but of the packet itself, which a question says nothing of.
const OF_THE_PACKET: [DropReason; 3] =
    [DropReason::TtlExpired, DropReason::MtuExceeded, DropReason::CongestionMark];

/// What a worker did with a frame, in an explanation's words.
#[derive(Debug, PartialEq)]
enum Done {
    Forwarded { port: String, vlan: Option<u16>, mac: String },
    Local,
    Held,
    Dropped(&'static str),
}

impl Done {
    /// Whether the explanation says the same.
    fn is(&self, verdict: &Verdict) -> bool {
        match (self, verdict) {
            (Self::Forwarded { port, vlan, mac }, Verdict::Forwarded { port: p, vlan: v, mac: m, .. }) => {
                (port, vlan, mac) == (p, v, m)
            }
            (Self::Dropped(name), Verdict::Dropped { reason, .. }) => name == reason,
            (Self::Local, Verdict::Local { .. }) | (Self::Held, Verdict::Held { .. }) => true,
            _ => false,
        }
    }

    const fn sort(&self) -> &'static str {
        match self {
            Self::Forwarded { .. } => "forwarded",
            Self::Local => "local",
            Self::Held => "held",
            Self::Dropped(name) => name,
        }
    }
}

/// Sends a frame; the tags and addresses of what leaves are read from its bytes.
fn done(worker: &mut Worker, frame: &Frame) -> Option<Done> {
    let drops = |worker: &Worker| -> Vec<u64> {
        DropReason::ALL.iter().map(|reason| worker.counters.dropped(*reason)).collect()
    };
    let before = drops(worker);
    let mut done = None;
    worker.run(PortId(frame.port as u16), std::slice::from_ref(&frame.bytes), |output, bytes| {
        done = Some(match output {
            Output::Sent(port) => {
                let tagged = bytes[12..14] == [0x81, 0];
                Done::Forwarded {
                    port: format!("wire{}", port.0),
                    vlan: tagged.then(|| u16::from_be_bytes([bytes[14], bytes[15]])),
                    mac: bytes[..6].iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"),
                }
            }
            Output::Punted(Punt::Unresolved { .. }) => Done::Held,
            Output::Punted(_) => Done::Local,
        });
    });
    let after = drops(worker);
    let dropped = DropReason::ALL.iter().zip(before.iter().zip(&after)).find(|(_, (a, b))| a != b);
    match dropped {
        Some((reason, _)) if OF_THE_PACKET.contains(reason) => None,
        Some((reason, _)) => Some(Done::Dropped(reason.name())),
        None => done,
    }
}

/// The question about an undamaged frame.
fn question(model: &Model, frame: &Frame) -> Option<ExplainRequest> {
    let Flow { vlan, vsid, provider, source, destination } = frame.flow?;
    let network = model.externals.iter().position(|e| (e.port, e.vlan) == (frame.port, vlan));
    Some(ExplainRequest {
        vsid,
        src: Some(source),
        dst: destination,
        provider_address: provider,
        network: network.map(|number| format!("external{number}")),
        protocol: None,
        src_port: None,
        dst_port: None,
    })
}

#[test]
fn what_is_explained_is_what_happens() {
    const CASES: u32 = 128;
    let config = ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let seen = RefCell::new(BTreeMap::<&str, usize>::new());
    let result = runner.run(&(models(), vec(choices(), 1..400)), |(model, choices)| {
        let document = model.document();
        let config = nvgw_config::parse(&document, "model")
            .map_err(|problems| TestCaseError::fail(format!("{problems}\n{document}")))?;
        let Gateway { control, mut worker } =
            Gateway::new(config).map_err(|error| TestCaseError::fail(error.to_string()))?;
        for (number, choice) in (0..).zip(&choices) {
            let frame = choice.frame(&model, number);
            let Some(question) = question(&model, &frame) else { continue };
            let Some(done) = done(&mut worker, &frame) else { continue };
            let explained = control.explain(&question).map_err(TestCaseError::fail)?;
            prop_assert!(
                done.is(&explained.verdict),
                "{question:?}\n{explained:#?}\nbut it became {done:?}\n{document}"
            );
            *seen.borrow_mut().entry(done.sort()).or_default() += 1;
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let seen = seen.into_inner();
    let missing: Vec<_> = SORTS.iter().filter(|sort| !seen.contains_key(**sort)).collect();
    assert!(missing.is_empty(), "never seen: {missing:?} of {seen:?}");
}

/// What the cases together must have shown.
const SORTS: [&str; 10] = [
    "forwarded",
    "local",
    "held",
    "source-record-missing",
    "virtual-route-missing",
    "destination-record-missing",
    "provider-route-missing",
    "external-route-missing",
    "transit",
    "multicast-unsupported",
];
