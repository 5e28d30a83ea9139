//! The whole gateway but for its ports: a worker's pipeline and the control side behind it, over a real pool of buffers.
//!
//! An input is a configuration and what happens then: frames in bursts, time that passes, other configurations. After
//! each burst every frame of it has left, waits, went to the control side or was counted as dropped; in the end no
//! buffer is lost.

use std::sync::{Arc, OnceLock};

use arrayvec::ArrayVec;
use dpdk_bindings::{BURST, Burst, Eal, EalOptions, Hugepages, Mempool, MempoolOptions, Qsbr};
use gateway::control::{Control, Egress, Nanos, PortHardware, table_limits};
use gateway::datapath::{Options, Outputs, Pipeline, QsbrGrace, QsbrReaders, Reassembly, Translator};
use gateway::nat::share::Division;
use gateway::nat::{Nat, NatOptions};
use gateway::tables::exchange::{Millis, Punt};
use gateway::tables::set::tables;
use gateway::telemetry::counters::Counters;
use gateway::telemetry::nat::NatCounters;
use nvgw_types::{MacAddr, PortId, WorkerId};

use crate::repair::repair;

/// What the first byte of an input, and a reload, choose from.
const CONFIGURATIONS: [&str; 2] =
    [include_str!("../configurations/ipv4.yaml"), include_str!("../configurations/ipv6.yaml")];

/// The longest frame.
const LONGEST: usize = 2048;

/// Frames that the control side sends, of which only the number matters.
#[derive(Default)]
struct Sent(usize);

impl Egress for Sent {
    fn transmit(&mut self, _: PortId, frame: &[u8]) -> bool {
        assert!(frame.len() >= 14, "a frame without a header");
        self.0 += 1;
        true
    }
}

/// What happens next.
enum Step<'i> {
    /// A frame comes in.
    Frame { port: u16, repaired: bool, bytes: &'i [u8] },
    /// So many milliseconds pass.
    Time(u64),
    /// Another configuration is loaded.
    Reload(usize),
}

/// Reads the next step off an input.
fn next<'i>(input: &mut &'i [u8]) -> Option<Step<'i>> {
    let (&kind, rest) = input.split_first()?;
    let (&[low, high], rest) = rest.split_first_chunk()?;
    *input = rest;
    let number = u16::from_le_bytes([low, high]);
    Some(match kind {
        0..224 => {
            let (bytes, rest) = rest.split_at(usize::from(number).min(LONGEST).min(rest.len()));
            *input = rest;
            Step::Frame { port: u16::from(kind & 1), repaired: kind & 2 != 0, bytes }
        }
        224..248 => Step::Time(u64::from(number)),
        248.. => Step::Reload(usize::from(low) % CONFIGURATIONS.len()),
    })
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
    control: Control<QsbrGrace>,
    pipeline: Pipeline,
    readers: QsbrReaders,
    counters: Arc<Counters>,
    pool: Mempool,
    burst: Burst,
    out: Outputs,
    now: Millis,
    sent: Sent,
    /// Packets that came in, and those that left or went to the control side.
    received: u64,
    left: u64,
}

/// Runs an input.
pub(crate) fn run(input: &[u8]) {
    let Some((&first, mut input)) = input.split_first() else { return };
    let mut gateway = Gateway::new(usize::from(first) % CONFIGURATIONS.len());
    let mut port = 0;
    while let Some(step) = next(&mut input) {
        match step {
            Step::Frame { port: other, repaired, bytes } => {
                if other != port || gateway.burst.len() == BURST {
                    gateway.work(port);
                    port = other;
                }
                gateway.receive(bytes, repaired);
            }
            Step::Time(milliseconds) => {
                gateway.work(port);
                gateway.now.0 += milliseconds;
                gateway.tend();
            }
            Step::Reload(configuration) => {
                gateway.work(port);
                gateway.reload(configuration);
            }
        }
    }
    gateway.work(port);
    gateway.end();
}

impl Gateway {
    fn new(configuration: usize) -> Self {
        let config = nvgw_config::parse(CONFIGURATIONS[configuration], "fuzz.yaml").expect("valid");
        let encapsulation = &config.provider.encapsulation;
        let options = Options {
            allow_reserved_vsids: encapsulation.allow_reserved_vsids,
            clamp_mss: encapsulation.clamp_mss,
        };
        let reassembly = encapsulation.reassemble.then(|| Reassembly::new(eal()).expect("memory"));
        let limits = table_limits(&config);
        let (writers, readers) = tables(limits, 1).expect("memory");
        let counters = Arc::new(Counters::new(limits.ports, limits.vrfs));
        let qsbr = Qsbr::new(eal(), 1).expect("a quiescent-state variable");
        let reader = qsbr.register(0).expect("a reader");
        let hardware =
            (0..2).map(|port| PortHardware { mac: MacAddr([2, 0, 0, 0, 0, 0xa0 + port]), check_mac: true });
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
            control,
            pipeline: Pipeline::new(readers, Arc::clone(&counters), options, translator)
                .with_reassembly(reassembly),
            readers: QsbrReaders::new(reader),
            counters,
            pool,
            burst: Burst::new(),
            out: Outputs::new(&limits),
            now: Millis(0),
            sent: Sent::default(),
            received: 0,
            left: 0,
        }
    }

    fn nanos(&self) -> Nanos {
        Nanos(self.now.0 * 1_000_000)
    }

    /// Puts a frame into the burst, if there is a buffer for it.
    fn receive(&mut self, bytes: &[u8], repaired: bool) {
        let mut frame = bytes.to_vec();
        if repaired {
            repair(&mut frame);
        }
        if let Some(mbuf) = self.pool.mbuf_from(&frame) {
            self.burst.push(mbuf).expect("room: a full burst was worked on");
        }
    }

    /// Takes the burst through the pipeline, and what comes of it to where it goes.
    fn work(&mut self, port: u16) {
        if self.burst.is_empty() {
            return;
        }
        self.received += self.burst.len() as u64;
        let section = self.readers.section();
        self.pipeline.process(&section, self.now, PortId(port), &mut self.burst, &mut self.out);
        self.drain();
        self.check();
    }

    /// Every packet left, waits or was counted as dropped; some came, or left, in fragments.
    fn check(&self) {
        let counters = &self.counters;
        let came = self.received + counters.fragments.get() + counters.reassembled.get();
        let ended = self.left + counters.dropped_total() + self.pipeline.waiting() as u64;
        let went = ended + counters.fragmented.get() + counters.reassembled_fragments.get();
        assert_eq!(came, went, "packets came or went without a word");
    }

    /// Empties the outputs.
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
                self.left += u64::from(!matches!(punted.punt, Punt::Error { .. }));
                let mut bytes = Vec::new();
                punted.mbuf.copy_to(&mut bytes);
                self.control.handle_punt(now, punted.punt, &bytes, &mut self.sent);
            }
            self.out.events.clear();
            self.out.answers.clear();
            self.readers.quiescent();
            if self.out.handed.is_empty() {
                return;
            }
            let most = self.out.handed.len().min(BURST);
            let mut handed: ArrayVec<_, BURST> = self.out.handed.drain(..most).collect();
            let section = self.readers.section();
            self.pipeline.resume(&section, self.now, &mut handed, &mut self.burst, &mut self.out);
        }
    }

    /// Lets worker and control side do what is due.
    fn tend(&mut self) {
        for _ in 0..64 {
            let section = self.readers.section();
            if !self.pipeline.tend(&section, self.now, &mut self.out) {
                break;
            }
            self.drain();
        }
        self.drain();
        self.check();
        let now = self.nanos();
        self.control.tick(now, &mut self.sent);
    }

    fn reload(&mut self, configuration: usize) {
        let config = nvgw_config::parse(CONFIGURATIONS[configuration], "fuzz.yaml").expect("valid");
        let now = self.nanos();
        drop(self.control.reload(config, now, &mut self.sent));
        self.readers.quiescent();
        self.tend();
    }

    /// Nothing is left but what waits for the rest of its packet.
    fn end(self) {
        let waiting = self.pipeline.waiting();
        assert_eq!(self.pool.in_use() as usize, waiting, "buffers were lost");
    }
}
