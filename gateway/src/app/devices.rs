//! From the configuration to started DPDK ports.

use dpdk_bindings::{
    Eal, EalOptions, Hugepages, LogLevel, Mempool, MempoolOptions, Outer, Port, PortOptions, Reuse, Rss,
    RxQueue, TxQueue, buffers_in,
};
use nvgw_config::{Config, Device, Site};
use nvgw_types::MacAddr;
use tracing::{info, warn};

use super::checksums::Checksums;
use super::run::Error;
use super::scaling::{Facts, Scaling};
use crate::control::PortHardware;

/// A port that is up.
pub(super) struct OpenPort {
    pub(super) port: Port,
    pub(super) mac: MacAddr,
    pub(super) rx_queues: u16,
    pub(super) tx_queues: u16,
    /// Who spreads what it receives over the workers.
    pub(super) scaling: Scaling,
    /// Whose work checksums are.
    pub(super) checksums: Checksums,
}

impl OpenPort {
    pub(super) fn hardware(&self) -> PortHardware {
        PortHardware { mac: self.mac, check_mac: true, sums_headers: self.checksums.sent() }
    }
}

/// The queues of one port, by number.
pub(super) struct Queues {
    pub(super) receive: Vec<RxQueue>,
    pub(super) transmit: Vec<TxQueue>,
}

/// Starts DPDK as the configuration asks, and says what could not be had.
pub(super) fn start_dpdk(config: &Config) -> Result<Eal, Error> {
    let system = &config.system;
    let pci = config.ports.iter().filter_map(|port| match &port.device {
        Device::Pci(address) => Some(address.clone()),
        Device::Vdev(_) => None,
    });
    let eal = Eal::init(&EalOptions {
        program: "nvgw".into(),
        main_lcore: system.control_core,
        hugepages: match system.hugepages {
            nvgw_config::Hugepages::Auto => Hugepages::Auto,
            nvgw_config::Hugepages::Required => Hugepages::Required,
            nvgw_config::Hugepages::Off => Hugepages::Off,
        },
        memory_mb: system.memory_mb,
        pci: pci.collect(),
        vdevs: Vec::new(),
        file_prefix: None,
        log_level: LogLevel::Warning,
    })?;
    if !eal.uses_hugepages() && system.hugepages == nvgw_config::Hugepages::Auto {
        warn!(
            "no hugepages: packet memory is in ordinary pages, and physical NICs will not start; \
             reserve some with scripts/hugepages"
        );
    }
    Ok(eal)
}

/// The pool that all ports receive into: as many buffers as the memory holds.
pub(super) fn pool(config: &Config, eal: &Eal) -> Result<Mempool, Error> {
    /// Ethernet header, one tag, and room for a NIC that keeps the FCS, in whole cache lines.
    const FRAMING: u16 = 64;
    /// A pool without this many buffers starves a single worker's queues.
    const FEWEST: u32 = 4096;
    let mtu = config.ports.iter().map(|port| port.mtu).max().unwrap_or(1500);
    let data_room = (mtu + FRAMING).max(2048);
    // DPDK's own structures, the descriptor rings among them, take the rest.
    let mbufs = |memory_mb| buffers_in(eal, u64::from(memory_mb) * (1 << 20) * 3 / 4, data_room);
    let memory_mb = config.system.memory_mb;
    if mbufs(memory_mb) < FEWEST {
        let needed = (memory_mb..).find(|memory_mb| mbufs(*memory_mb) >= FEWEST).unwrap_or(u32::MAX);
        return Err(Error::Memory { memory_mb, needed });
    }
    // Where one worker receives what another one sends, buffers would come back by way of the whole pool's memory.
    let reuse = if config.system.worker_cores.len() > 1 { Reuse::NewestFirst } else { Reuse::OldestFirst };
    let options =
        MempoolOptions { mbufs: mbufs(memory_mb).min(1 << 20), cache: 256, data_room, socket: None, reuse };
    Ok(Mempool::new(eal, "packets", &options)?)
}

/// Opens and starts the configured ports, with a transmit queue for each worker as far as the device has them.
pub(super) fn open_ports(
    config: &Config,
    eal: &Eal,
    pool: &Mempool,
) -> Result<(Vec<OpenPort>, Vec<Queues>), Error> {
    let workers = config.system.worker_cores.len() as u16;
    let (mut ports, mut queues) = (Vec::new(), Vec::new());
    for (number, wanted) in config.ports.iter().enumerate() {
        let device = match &wanted.device {
            Device::Pci(name) | Device::Vdev(name) => name,
        };
        let port = Port::open(
            eal,
            device,
            &PortOptions {
                rx_queues: wanted.rx_queues.unwrap_or(workers),
                // What the device has goes round among the workers, unless a number was asked for.
                fewer_rx_queues: wanted.rx_queues.is_none(),
                tx_queues: workers,
                // Workers without one send by another's.
                fewer_tx_queues: true,
                rx_descriptors: wanted.rx_descriptors,
                tx_descriptors: wanted.tx_descriptors,
                mtu: wanted.mtu,
                mempools: vec![pool.clone()],
                promiscuous: false,
                mac: wanted.mac.map(|mac| mac.0),
                rss: Rss::Innermost,
                checksums: match wanted.checksums {
                    nvgw_config::Checksums::Auto => dpdk_bindings::Checksums::Headers,
                    nvgw_config::Checksums::Software => dpdk_bindings::Checksums::Software,
                },
                tx_segments: false,
            },
        )?;
        let mac = wanted.mac.unwrap_or(MacAddr(port.info().mac));
        let (receive, transmit) = port.start()?;
        let (rx_queues, tx_queues) = (receive.len() as u16, transmit.len() as u16);
        let sites = || config.provider.sites.iter().filter(|site| site.port.index() == number);
        let facts = Facts {
            asked: wanted.rss,
            workers,
            queues: rx_queues,
            carries_nvgre: sites().next().is_some(),
            is_virtual: matches!(wanted.device, Device::Vdev(_)),
            capabilities: port.info().capabilities,
        };
        let mut wanted_rules = [Outer::Ipv4, Outer::Ipv6]
            .into_iter()
            .filter(|outer| sites().any(|site| outer_of(site) == *outer));
        let scaling =
            Scaling::decide(&facts, || wanted_rules.all(|outer| port.hash_inside_nvgre(outer).is_ok()));
        let checksums = Checksums::of(wanted.checksums, port.info().capabilities);
        info!(
            port = wanted.name,
            driver = port.info().driver,
            %mac,
            mtu = wanted.mtu,
            rx_queues,
            tx_queues,
            checksums = checksums.name(),
            "port started"
        );
        info!(port = wanted.name, rx_queues, workers, rss = scaling.name(), "{scaling}");
        ports.push(OpenPort { port, mac, rx_queues, tx_queues, scaling, checksums });
        queues.push(Queues { receive, transmit });
    }
    Ok((ports, queues))
}

/// What NVGRE comes in, on a site.
fn outer_of(site: &Site) -> Outer {
    if site.subnet.addr().is_ipv6() { Outer::Ipv6 } else { Outer::Ipv4 }
}
