//! The whole gateway but for its ports: a worker's pipeline and the control side behind it, over a real pool of buffers.
//!
//! An input is a configuration and what happens then: frames in bursts, time that passes, changes, other
//! configurations. After each burst every frame of it has left, waits, went to the control side or was counted as
//! dropped; in the end no buffer is lost.

use std::sync::{Arc, OnceLock};

use arrayvec::ArrayVec;
use dpdk_bindings::{BURST, Burst, Eal, EalOptions, Hugepages, Mempool, MempoolOptions, Qsbr};
use gateway::control::{Control, Egress, Nanos, Owner, PortHardware, table_limits};
use gateway::datapath::{Options, Outputs, Pipeline, QsbrGrace, QsbrReaders, Reassembly, Translator};
use gateway::nat::share::Division;
use gateway::nat::{Nat, NatOptions};
use gateway::tables::exchange::{Millis, Punt};
use gateway::tables::set::tables;
use gateway::telemetry::counters::Counters;
use gateway::telemetry::nat::NatCounters;
use nvgw_types::{MacAddr, PortId, WorkerId};

use crate::frames::Draft;
use crate::plan::{Plan, TENANTS};
use crate::repair::repair;

/// The longest frame.
const LONGEST: usize = 2048;

/// Longer than anything waits, in milliseconds.
const LONG: u64 = 120_000;

/// Frames in two buffers have so many bytes in the first.
const HEADERS: usize = 256;

/// Where frames of the control side go.
struct Sent;

impl Egress for Sent {
    fn transmit(&mut self, _: PortId, frame: &[u8]) -> bool {
        assert!(frame.len() >= 14, "a frame without a header");
        true
    }
}

/// What happens next.
enum Step<'i> {
    /// These bytes come in.
    Bytes { port: u16, repaired: bool, chained: bool, bytes: &'i [u8] },
    /// A frame of somebody comes in.
    Frame { draft: Draft<'i>, chained: bool },
    /// So many milliseconds pass.
    Time(u16),
    /// Somebody changes the gateway.
    Change(u8, u8),
    /// Another configuration is loaded.
    Reload(Plan),
}

/// Reads the next step off an input: a byte that says what it is, and what that takes.
fn next<'i>(input: &mut &'i [u8]) -> Option<Step<'i>> {
    let (&kind, rest) = input.split_first()?;
    *input = rest;
    let chained = kind & 4 != 0;
    Some(match kind {
        0..96 => {
            let length = usize::from(number(input)?);
            let (bytes, rest) = input.split_at(length.min(LONGEST).min(input.len()));
            *input = rest;
            Step::Bytes { port: u16::from(kind & 1), repaired: kind & 2 != 0, chained, bytes }
        }
        96..208 => Step::Frame { draft: Draft::read(input)?, chained },
        208..228 => Step::Time(number(input)?),
        228..248 => {
            let [what, whose] = number(input)?.to_le_bytes();
            Step::Change(what, whose)
        }
        248.. => Step::Reload(Plan::read(input)?),
    })
}

fn number(input: &mut &[u8]) -> Option<u16> {
    let (bytes, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(u16::from_le_bytes(*bytes))
}

/// A document of changes, which may or may not fit what the gateway holds.
fn changes(what: u8, whose: u8, plan: Plan) -> String {
    let tenant = &TENANTS[usize::from(whose) % TENANTS.len()];
    let (name, vsid, [a, b, c]) = (tenant.name, tenant.vsid, tenant.ipv4);
    let address = match whose >> 2 & 3 {
        0 => format!("{a}.{b}.{c}.5"),
        1 => format!("{a}.{b}.{c}.77"),
        2 => format!("2001:db8:{:x}::5", tenant.ipv6),
        _ => format!("2001:db8:{:x}::4d", tenant.ipv6),
    };
    let host = plan.host(whose & 16 != 0);
    let far = if host.contains(':') { "fd00:50::/64" } else { "100.64.50.0/24" };
    let change = match what % 10 {
        0 => format!(
            "add-lookup: {{ vsid: {vsid}, address: \"{address}\", mac: 02:15:5d:00:00:4d, provider-address: \"{host}\" }}"
        ),
        1 => format!("move-lookup: {{ vsid: {vsid}, address: \"{address}\", provider-address: \"{host}\" }}"),
        2 => format!("remove-lookup: {{ vsid: {vsid}, address: \"{address}\" }}"),
        3 => format!("add-customer-route: {{ tenant: {name}, prefix: 9.9.0.0/16, next-hop: {a}.{b}.{c}.5 }}"),
        4 => format!("remove-customer-route: {{ tenant: {name}, prefix: 9.9.0.0/16 }}"),
        5 => format!("add-provider-route: {{ prefix: \"{far}\", next-hop: \"{host}\", metric: {whose} }}"),
        6 => format!("add-subnet: {{ tenant: {name}, vsid: 8001, prefix: 10.8.0.0/24, gateway: 10.8.0.1 }}"),
        7 => "remove-subnet: { vsid: 8001 }".to_owned(),
        8 => format!("add-neighbor: {{ network: site0, address: \"{host}\", mac: 02:00:00:00:20:4d }}"),
        _ => format!("remove-neighbor: {{ network: site0, address: \"{host}\" }}"),
    };
    format!("changes: [{{ {change} }}]")
}

fn eal() -> &'static Eal {
    static EAL: OnceLock<Eal> = OnceLock::new();
    EAL.get_or_init(|| {
        let program = "fuzz".to_owned();
        let options =
            EalOptions { program, hugepages: Hugepages::Off, memory_mb: 64, ..EalOptions::default() };
        Eal::init(&options).expect("DPDK starts")
    })
}

struct Gateway {
    plan: Plan,
    control: Control<QsbrGrace>,
    pipeline: Pipeline,
    readers: QsbrReaders,
    counters: Arc<Counters>,
    pool: Mempool,
    /// Where the burst comes in.
    port: u16,
    burst: Burst,
    out: Outputs,
    now: Millis,
    received: u64,
    left: u64,
}

/// Runs an input.
pub(crate) fn run(mut input: &[u8]) {
    let Some(plan) = Plan::read(&mut input) else { return };
    let mut gateway = Gateway::new(plan);
    while let Some(step) = next(&mut input) {
        match step {
            Step::Bytes { port, repaired, chained, bytes } => {
                let mut frame = bytes.to_vec();
                if repaired {
                    repair(&mut frame);
                }
                gateway.receive(port, &frame, chained);
            }
            Step::Frame { draft, chained } => {
                gateway.receive(draft.port(), &draft.frame(gateway.plan), chained);
            }
            Step::Time(milliseconds) => {
                gateway.work();
                gateway.now.0 += u64::from(milliseconds);
                gateway.tend();
            }
            Step::Change(what, whose) => gateway.change(&changes(what, whose, gateway.plan)),
            Step::Reload(plan) => gateway.reload(plan),
        }
    }
    gateway.work();
    gateway.end();
}

impl Gateway {
    fn new(plan: Plan) -> Self {
        let config = nvgw_config::parse(&plan.document(), "fuzz.yaml").expect("valid");
        let encapsulation = &config.provider.encapsulation;
        let options = Options {
            allow_reserved_vsids: encapsulation.allow_reserved_vsids,
            clamp_mss: encapsulation.clamp_mss,
            ..Options::default()
        };
        let reassembly = encapsulation.reassemble.then(|| Reassembly::new(eal()).expect("memory"));
        let limits = table_limits(&config);
        let (writers, readers) = tables(limits, 1).expect("memory");
        let counters = Arc::new(Counters::new(limits.ports, limits.vrfs));
        let qsbr = Qsbr::new(eal(), 1).expect("a quiescent-state variable");
        let reader = qsbr.register(0).expect("a reader");
        let hardware = (0..2).map(|port| PortHardware {
            mac: MacAddr([2, 0, 0, 0, 0, 0xa0 + port]),
            check_mac: true,
            sums_headers: false,
        });
        let control =
            Control::new(config, hardware.collect(), writers, QsbrGrace::new(qsbr)).expect("it fits");
        let shape = MempoolOptions { mbufs: 1023, cache: 0, data_room: 4096, ..MempoolOptions::default() };
        let pool = Mempool::new(eal(), "frames", &shape).expect("a pool");
        let division = Division::new(1, 7);
        let of_nat = Arc::new(NatCounters::new(limits.vrfs, limits.publics));
        let worker = WorkerId(0);
        let nat = NatOptions { sessions: 1024, publics: limits.publics, division, worker, seed: 7 };
        let nat = Nat::new(nat, Arc::clone(&of_nat), [Arc::clone(&of_nat)].into()).expect("memory");
        let translator = Translator::new(nat, of_nat, division, worker, pool.clone());
        Self {
            plan,
            control,
            pipeline: Pipeline::new(readers, Arc::clone(&counters), options, translator)
                .with_reassembly(reassembly),
            readers: QsbrReaders::new(reader),
            counters,
            pool,
            port: 0,
            burst: Burst::new(),
            out: Outputs::new(&limits),
            now: Millis(0),
            received: 0,
            left: 0,
        }
    }

    fn nanos(&self) -> Nanos {
        Nanos(self.now.0 * 1_000_000)
    }

    /// Puts a frame into the burst, if there is a buffer for it; `chained`: what may be data, in a buffer of its own.
    fn receive(&mut self, port: u16, frame: &[u8], chained: bool) {
        if port != self.port || self.burst.len() == BURST {
            self.work();
            self.port = port;
        }
        let (first, second) = frame.split_at(if chained { frame.len().min(HEADERS) } else { frame.len() });
        let Some(mut mbuf) = self.pool.mbuf_from(first) else { return };
        if !second.is_empty() {
            let Some(second) = self.pool.mbuf_from(second) else { return };
            mbuf.chain(second).expect("a chain of two");
        }
        self.burst.push(mbuf).expect("room: a full burst was worked on");
    }

    /// Takes the burst through the pipeline, and what comes of it to where it goes.
    fn work(&mut self) {
        self.received += self.burst.len() as u64;
        let section = self.readers.section();
        self.pipeline.process(&section, self.now, PortId(self.port), &mut self.burst, &mut self.out);
        self.drain();
        self.account();
    }

    /// Empties the outputs, and counts what left.
    fn drain(&mut self) {
        loop {
            for batch in &mut self.out.transmit {
                for mbuf in batch.drain() {
                    assert!(mbuf.pkt_len() >= 14, "a frame without a header");
                    self.left += 1;
                }
            }
            let now = self.nanos();
            for punted in self.out.punts.drain(..) {
                // What an error is about was counted as dropped.
                self.left += u64::from(!matches!(punted.punt, Punt::Error { .. }));
                let mut bytes = Vec::new();
                punted.mbuf.copy_to(&mut bytes);
                self.control.handle_punt(now, punted.punt, &bytes, &mut Sent);
            }
            self.out.events.clear();
            self.out.answers.clear();
            self.readers.quiescent();
            if self.out.handed.is_empty() {
                break;
            }
            let most = self.out.handed.len().min(BURST);
            let mut handed: ArrayVec<_, BURST> = self.out.handed.drain(..most).collect();
            let section = self.readers.section();
            self.pipeline.resume(&section, self.now, &mut handed, &mut self.burst, &mut self.out);
        }
    }

    /// Every packet has left, waits for others, or was dropped for a reason; where one became several, or several one,
    /// that was counted.
    fn account(&self) {
        let counters = &self.counters;
        let came = self.received + counters.fragments.get() + counters.reassembled.get();
        let went = counters.fragmented.get() + counters.reassembled_fragments.get();
        let waiting = self.pipeline.waiting() as u64;
        assert_eq!(
            came,
            went + self.left + counters.dropped_total() + waiting,
            "packets came or went without a word"
        );
    }

    /// Lets worker and control side do what is due.
    fn tend(&mut self) {
        loop {
            let section = self.readers.section();
            let more = self.pipeline.tend(&section, self.now, &mut self.out);
            self.drain();
            if !more {
                break;
            }
        }
        let now = self.nanos();
        self.control.tick(now, &mut Sent);
        self.account();
    }

    /// Makes changes, if they fit.
    fn change(&mut self, document: &str) {
        self.work();
        let set = nvgw_config::parse_changes(document, "changes.yaml").expect("valid");
        let now = self.nanos();
        let applied = self.control.change(&set, Owner::Api, now, &mut Sent);
        self.settle(applied.is_ok());
    }

    /// Loads another configuration, with what a running gateway keeps.
    fn reload(&mut self, plan: Plan) {
        self.work();
        let plan = plan.keeping(self.plan);
        let config = nvgw_config::parse(&plan.document(), "fuzz.yaml").expect("valid");
        let now = self.nanos();
        let loaded = self.control.reload(config, now, &mut Sent).is_ok();
        if loaded {
            self.plan = plan;
        }
        self.settle(loaded);
    }

    /// Has the worker take up what has changed.
    fn settle(&mut self, changed: bool) {
        if changed {
            self.readers.quiescent();
            self.tend();
        }
    }

    /// When everything that waits has waited long enough, no buffer is in use.
    fn end(mut self) {
        self.now.0 += LONG;
        self.tend();
        assert_eq!(self.pipeline.waiting(), 0, "packets wait for ever");
        assert_eq!(self.pool.in_use(), 0, "buffers were lost");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_changes_are_valid_documents() {
        for (what, whose) in (0..10).flat_map(|what| (0..=u8::MAX).map(move |whose| (what, whose))) {
            let document = changes(what, whose, Plan::default());
            nvgw_config::parse_changes(&document, "changes")
                .unwrap_or_else(|problems| panic!("{problems}\n{document}"));
        }
    }
}
