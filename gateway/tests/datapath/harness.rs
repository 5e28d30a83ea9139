//! The gateway as a library: a configuration, its tables, one worker's pipeline, bursts in and frames out.

use std::sync::{Arc, OnceLock};

use dpdk_bindings::{Burst, Eal, EalOptions, Hugepages, Mbuf, Mempool, MempoolOptions, Qsbr, TxBatch};
use gateway::control::{Control, ControlError, PortHardware, table_limits};
use gateway::datapath::{Options, Outputs, Pipeline, QsbrGrace, QsbrReaders, Translator};
use gateway::nat::share::Division;
use gateway::nat::{Nat, NatOptions};
use gateway::tables::exchange::{Millis, Punt};
use gateway::tables::set::{TableLimits, tables};
use gateway::telemetry::counters::Counters;
use gateway::telemetry::latency::Direction;
use gateway::telemetry::nat::NatCounters;
use nvgw_config::Config;
use nvgw_types::{MacAddr, PortId, WorkerId};

use crate::wire::Mac;

/// The Ethernet addresses of the ports.
pub(crate) const PORTS: [Mac; 2] = [[2, 0, 0, 0, 0, 0xa0], [2, 0, 0, 0, 0, 0xa1]];

/// The one DPDK of the process.
fn eal() -> &'static Eal {
    static EAL: OnceLock<Eal> = OnceLock::new();
    EAL.get_or_init(|| {
        let options = EalOptions {
            program: "datapath-tests".to_owned(),
            hugepages: Hugepages::Off,
            memory_mb: 64,
            ..EalOptions::default()
        };
        Eal::init(&options).expect("DPDK starts")
    })
}

/// What became of a frame that was not dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// It leaves by a port.
    Sent(PortId),
    /// It goes to the control side.
    Punted(Punt),
}

/// A control side, and the worker that reads its tables.
pub(crate) struct Gateway {
    pub(crate) control: Control<QsbrGrace>,
    pub(crate) worker: Worker,
}

/// All that a worker owns, but for ports.
pub(crate) struct Worker {
    pub(crate) pipeline: Pipeline,
    pub(crate) readers: QsbrReaders,
    pub(crate) counters: Arc<Counters>,
    pub(crate) pool: Mempool,
    /// The most bytes of a frame in its first buffer; the others come in a second one.
    pub(crate) first_segment: usize,
    burst: Burst,
    out: Outputs,
    scratch: Vec<u8>,
    now: Millis,
}

/// Translation for one worker.
fn translator(limits: &TableLimits, pool: &Mempool) -> Translator {
    let division = Division::new(1, 7);
    let counters = Arc::new(NatCounters::new(limits.vrfs, limits.publics));
    let options =
        NatOptions { sessions: 4096, publics: limits.publics, division, worker: WorkerId(0), seed: 7 };
    let all = [Arc::clone(&counters)];
    let nat = Nat::new(options, Arc::clone(&counters), all.into()).expect("memory");
    Translator::new(nat, counters, division, WorkerId(0), pool.clone())
}

impl Gateway {
    /// Puts a configuration with two ports to work.
    pub(crate) fn new(config: Config) -> Result<Self, ControlError> {
        Self::with_devices(config, false)
    }

    /// Likewise; `sums_headers`: the devices fill in the checksums of IPv4 headers.
    pub(crate) fn with_devices(config: Config, sums_headers: bool) -> Result<Self, ControlError> {
        let limits = table_limits(&config);
        let allow_reserved_vsids = config.provider.encapsulation.allow_reserved_vsids;
        let (writers, readers) = tables(limits, 0x7465_7374).expect("memory");
        let counters = Arc::new(Counters::new(PORTS.len(), limits.vrfs));
        let qsbr = Qsbr::new(eal(), 1).expect("a quiescent-state variable");
        let reader = qsbr.register(0).expect("a reader");
        let hardware = PORTS.map(|mac| PortHardware { mac: MacAddr(mac), check_mac: true, sums_headers });
        let control = Control::new(config, hardware.to_vec(), writers, QsbrGrace::new(qsbr))?;
        let shape = MempoolOptions { mbufs: 255, cache: 0, data_room: 4096, ..MempoolOptions::default() };
        let pool = Mempool::new(eal(), "frames", &shape).expect("a pool");
        let worker = Worker {
            pipeline: Pipeline::new(
                readers,
                Arc::clone(&counters),
                Options { allow_reserved_vsids, ..Options::default() },
                translator(&limits, &pool),
            ),
            readers: QsbrReaders::new(reader),
            counters,
            pool,
            first_segment: usize::MAX,
            burst: Burst::new(),
            out: Outputs::new(&limits),
            now: Millis(0),
            scratch: Vec::new(),
        };
        Ok(Self { control, worker })
    }
}

impl Worker {
    /// Takes one burst of frames through the pipeline and shows what comes out, port by port in order, then what is
    /// for the control side. Returns how many frames were sent in each direction.
    pub(crate) fn run(
        &mut self,
        port: PortId,
        frames: &[Vec<u8>],
        mut seen: impl FnMut(Output, &[u8]),
    ) -> [u64; Direction::COUNT] {
        for frame in frames {
            let (first, second) = frame.split_at(frame.len().min(self.first_segment));
            let mut mbuf = self.pool.mbuf_from(first).expect("a buffer");
            if !second.is_empty() {
                let second = self.pool.mbuf_from(second).expect("a buffer");
                mbuf.chain(second).expect("a chain of two");
            }
            self.burst.push(mbuf).expect("a burst of at most 64 frames");
        }
        // By the next burst, the policers admit again what they may.
        self.now = Millis(self.now.0 + 1_000);
        self.pipeline.process(&self.readers.section(), self.now, port, &mut self.burst, &mut self.out);
        self.readers.quiescent();
        let mut show = |output, mbuf: &Mbuf| {
            self.scratch.clear();
            mbuf.copy_to(&mut self.scratch);
            seen(output, &self.scratch);
        };
        let directions = self.out.take_directions();
        let sent: usize = self.out.transmit.iter().map(TxBatch::len).sum();
        assert_eq!(directions.iter().sum::<u64>(), sent as u64, "every frame has one direction");
        for (number, batch) in self.out.transmit.iter_mut().enumerate() {
            for mbuf in batch.drain() {
                show(Output::Sent(PortId(number as u16)), &mbuf);
            }
        }
        for punted in self.out.punts.drain(..) {
            // A dropped packet that its sender hears of was counted as a drop.
            if matches!(punted.punt, Punt::Error { .. }) {
                continue;
            }
            show(Output::Punted(punted.punt), &punted.mbuf);
        }
        directions
    }
}
