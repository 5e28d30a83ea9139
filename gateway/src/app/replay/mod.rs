//! `nvgw replay`: what the gateway would do with this traffic.

mod capture;
mod changes;
mod engine;
mod nat;
mod report;

use std::fs;
use std::io;
use std::path::PathBuf;

use dpdk_bindings::{Eal, EalOptions, Hugepages, Mempool, MempoolOptions};
use nvgw_config::Config;
use nvgw_types::PortId;

use self::capture::{CaptureError, Traffic, Writer};
use self::changes::Answer;
use self::engine::Engine;
use crate::cli::ReplayOptions;
use crate::control::doctor::RefusedPunts;
use crate::control::{Control, ControlError, Nanos};
use crate::datapath::QsbrGrace;
use crate::nat_log::{Moment, ReplayLog};
use crate::tables::OutOfMemory;
use crate::telemetry::counters::Counters;
use crate::telemetry::nat::NatCounters;

/// Why a replay was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration, or a change document, is wrong.
    #[error(transparent)]
    Document(#[from] nvgw_config::LoadError),
    /// A capture was named for a port that does not exist.
    #[error("--in {0}=…: the configuration has no port of that name; its ports are {1}")]
    UnknownPort(String, String),
    /// A capture cannot be read or written.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// DPDK.
    #[error(transparent)]
    Dpdk(#[from] dpdk_bindings::Error),
    /// The tables cannot be made.
    #[error("{0}; lower what system.limits promises")]
    Tables(#[from] OutOfMemory),
    /// The configuration cannot be carried out.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The output folder or the report cannot be written.
    #[error("{path}: {source}")]
    Output {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A buffer was lost on the way.
    #[error("the packet buffers ran out, which is a fault of the gateway")]
    OutOfBuffers,
    /// The sum over all packets does not hold.
    #[error("not every packet is accounted for, which is a fault of the gateway; see {0}")]
    Unaccounted(PathBuf),
}

/// Numbers and state at the end of a replay.
struct Totals<'e> {
    control: &'e Control<QsbrGrace>,
    /// Of all workers and the control side.
    counters: Vec<&'e Counters>,
    /// What the policers refused in the last minute, by port.
    refused: Vec<Vec<RefusedPunts>>,
    /// Packets and bytes sent, by port.
    sent: &'e [(u64, u64)],
    /// What came of the changes.
    answers: &'e [Answer],
    /// What each worker's translation counts.
    nat: Vec<&'e NatCounters>,
    /// Fragments that wait for the first one of their packet.
    waiting: usize,
    /// Packet buffers that are lost: those of packets that wait aside.
    buffers_in_use: u32,
    now: Nanos,
}

/// Runs the captures through the gateway that the configuration describes.
///
/// # Errors
/// A configuration, change document or capture that is refused, an output that cannot be written, or a packet that is unaccounted for.
pub fn replay(options: &ReplayOptions) -> Result<(), Error> {
    let config = nvgw_config::load(&options.config)?;
    let changes = changes::read(&options.changes)?;
    let mut frames = Vec::new();
    for (name, path) in &options.inputs {
        let port = config.ports.iter().position(|port| port.name == *name).ok_or_else(|| {
            let names: Vec<_> = config.ports.iter().map(|port| port.name.as_str()).collect();
            Error::UnknownPort(name.clone(), names.join(", "))
        })?;
        capture::read(path, PortId(port as u16), &mut frames)?;
    }
    let traffic = Traffic::new(frames);

    let output = |path: PathBuf| move |source| Error::Output { path, source };
    fs::create_dir_all(&options.out).map_err(output(options.out.clone()))?;
    let writers = config.ports.iter().map(|port| {
        Writer::create(options.out.join(format!("{}.pcap", port.name)), traffic.start, options.fcs)
    });
    let writers = writers.collect::<Result<_, _>>()?;

    let (eal, pool) = buffers(&config)?;
    // Captures have microseconds, the log milliseconds.
    let start = Moment::of_unix_ms((traffic.start.0 / 1_000_000) as i64);
    let log = ReplayLog::create(&options.out, start).map_err(output(options.out.clone()))?;
    let mut engine = Engine::new(config, options.cold_start, &eal, pool, writers, log)?;
    engine.run(&traffic.frames, &changes, options.settle)?;

    let totals = engine.totals();
    let report = report::report(&totals);
    let accounted = report::Balance::of(&totals).holds(&totals);
    engine.finish()?;
    let path = options.out.join("report.json");
    let text = format!("{report:#}\n");
    fs::write(&path, text).map_err(output(path.clone()))?;
    if accounted { Ok(()) } else { Err(Error::Unaccounted(path)) }
}

/// DPDK without hugepages, devices or privileges, and one pool whose buffers take the longest frame of any port.
fn buffers(config: &Config) -> Result<(Eal, Mempool), Error> {
    /// More than a burst, what it becomes, and what waits in between.
    const BUFFERS: u32 = 1023;
    let mtu = config.ports.iter().map(|port| port.mtu).max().unwrap_or(0);
    let eal = Eal::init(&EalOptions {
        program: "nvgw".into(),
        hugepages: Hugepages::Off,
        memory_mb: 128,
        ..EalOptions::default()
    })?;
    let data_room = mtu + 64;
    let pool = Mempool::new(
        &eal,
        "replay",
        &MempoolOptions { mbufs: BUFFERS, cache: 0, data_room, ..MempoolOptions::default() },
    )?;
    Ok((eal, pool))
}
