//! Network devices.

mod configure;
mod device;
mod info;
mod queue;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Errno, Error, Result};
use crate::{Eal, Mempool};
use device::Device;

pub use info::{Capabilities, Link, PortInfo, PortStats};
pub use queue::{RxQueue, Sent, TxQueue};

/// What receive-side scaling hashes, to spread packets over receive queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rss {
    /// Nothing: all packets come to the first queue.
    Off,
    /// The outermost addresses and transport ports, as far as the device can.
    #[default]
    Outermost,
    /// Those of the packet inside a tunnel, as far as the device can.
    Innermost,
}

/// The IP version of the packets around a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outer {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// The checksums that a device may be asked to check and to fill in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Checksums {
    /// None.
    Software,
    /// Those of IPv4 headers.
    Headers,
    /// Those of TCP and UDP too.
    #[default]
    All,
}

/// How to set a port up.
#[derive(Debug, Clone)]
pub struct PortOptions {
    /// Receive queues.
    pub rx_queues: u16,
    /// Whether fewer receive queues do where the device has fewer.
    pub fewer_rx_queues: bool,
    /// Transmit queues.
    pub tx_queues: u16,
    /// Whether fewer transmit queues do where the device has fewer.
    pub fewer_tx_queues: bool,
    /// Packets that a receive queue holds; moved to what the device takes.
    pub rx_descriptors: u16,
    /// Packets that a transmit queue holds; moved to what the device takes.
    pub tx_descriptors: u16,
    /// The biggest IP packet, in bytes. A frame has an Ethernet header and at most one VLAN tag
    /// more, and must fit one buffer.
    pub mtu: u16,
    /// Where received packets go: one pool for all receive queues, or one for each.
    pub mempools: Vec<Mempool>,
    /// Whether to receive frames to any address.
    pub promiscuous: bool,
    /// The port's own address, instead of the device's. A device that cannot take it is made
    /// promiscuous, so that frames to the address arrive.
    pub mac: Option<[u8; 6]>,
    /// How packets spread over the receive queues.
    pub rss: Rss,
    /// Which checksums the device is set up to check and to fill in, as far as it can, which costs
    /// some drivers their fastest way to send.
    pub checksums: Checksums,
    /// Whether to ask the device to send packets of several segments, which costs some drivers
    /// their fastest way to send. Where it does not, such packets are copied together first, and
    /// dropped if they do not fit their first buffer.
    pub tx_segments: bool,
}

impl Default for PortOptions {
    fn default() -> Self {
        Self {
            rx_queues: 1,
            fewer_rx_queues: false,
            tx_queues: 1,
            fewer_tx_queues: false,
            rx_descriptors: 1024,
            tx_descriptors: 1024,
            mtu: 1500,
            mempools: Vec::new(),
            promiscuous: false,
            mac: None,
            rss: Rss::default(),
            checksums: Checksums::default(),
            tx_segments: true,
        }
    }
}

/// A configured device, shared by the port and its queues.
#[derive(Debug)]
struct Shared {
    device: Device,
    info: PortInfo,
    /// Whether the device sends packets of several segments.
    tx_segments: bool,
    /// The pools live at least as long as the device may fill their buffers.
    _mempools: Vec<Mempool>,
}

/// An open port. The device is stopped and closed when the port and all its queues are gone.
#[derive(Debug)]
pub struct Port {
    shared: Arc<Shared>,
    rx_queues: u16,
    tx_queues: u16,
    started: AtomicBool,
}

impl Port {
    /// Opens and configures a device, which is named by its PCI address, or as a virtual device in
    /// DPDK's notation, arguments included (`net_af_packet0,iface=eth0`). A device that does not
    /// exist yet is probed for.
    ///
    /// # Errors
    ///
    /// There is no such device, it is open, or it cannot do what is asked.
    pub fn open(eal: &Eal, name: &str, options: &PortOptions) -> Result<Self> {
        let device = Device::claim(eal, name)?;
        let mut options = options.clone();
        if options.fewer_rx_queues {
            options.rx_queues = options.rx_queues.min(device.read_info()?.max_rx_queues.max(1));
        }
        if options.fewer_tx_queues {
            options.tx_queues = options.tx_queues.min(device.read_info()?.max_tx_queues.max(1));
        }
        let configured = configure::configure(&device, &options)?;
        let info = info::read(&device, &configured)?;
        Ok(Self {
            shared: Arc::new(Shared {
                device,
                info,
                tx_segments: configured.tx_segments,
                _mempools: options.mempools,
            }),
            rx_queues: options.rx_queues,
            tx_queues: options.tx_queues,
            started: AtomicBool::new(false),
        })
    }

    /// Starts the device and hands its queues out, in order.
    ///
    /// # Errors
    ///
    /// The device does not start, or was started before.
    pub fn start(&self) -> Result<(Vec<RxQueue>, Vec<TxQueue>)> {
        if self.started.swap(true, Ordering::AcqRel) {
            return Err(Error::AlreadyStarted { port: self.name().to_owned() });
        }
        // SAFETY: the device is claimed and configured with all its queues.
        let status = unsafe { dpdk_sys::rte_eth_dev_start(self.index()) };
        if let Err(reason) = Errno::check(status) {
            self.started.store(false, Ordering::Release);
            return Err(self.shared.device.error(
                "start",
                reason,
                "the device may be in use elsewhere or need privileges",
            ));
        }
        let rx = (0..self.rx_queues).map(|queue| RxQueue::new(&self.shared, queue)).collect();
        let tx = (0..self.tx_queues).map(|queue| TxQueue::new(&self.shared, queue)).collect();
        Ok((rx, tx))
    }

    /// Has the device spread NVGRE over all receive queues by a hash of the headers inside, where it
    /// does not offer that for [all tunnels](Rss::Innermost): one flow rule, which is there until the
    /// port is closed. The port must be started.
    ///
    /// # Errors
    ///
    /// The device cannot, or is not started; nothing has changed then.
    pub fn hash_inside_nvgre(&self, outer: Outer) -> Result<()> {
        let ipv6 = i32::from(outer == Outer::Ipv6);
        // SAFETY: the device is claimed.
        let status = unsafe { dpdk_sys::shim_flow_hash_inside_nvgre(self.index(), ipv6, self.rx_queues) };
        Errno::check(status).map(drop).map_err(|reason| {
            self.shared.device.error("spread NVGRE by a flow rule", reason, "software can do it instead")
        })
    }

    /// The device's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.device.name
    }

    /// DPDK's number of the port, which [`Mbuf::port`](crate::Mbuf::port) gives.
    #[must_use]
    pub fn index(&self) -> u16 {
        self.shared.device.index
    }

    /// What the device is, and how it was set up.
    #[must_use]
    pub fn info(&self) -> &PortInfo {
        &self.shared.info
    }

    /// Whether the device has a link, and how fast.
    ///
    /// # Errors
    ///
    /// The device does not say.
    pub fn link(&self) -> Result<Link> {
        info::link(&self.shared.device)
    }

    /// What the device has counted since it was opened.
    ///
    /// # Errors
    ///
    /// The device does not count.
    pub fn stats(&self) -> Result<PortStats> {
        info::stats(&self.shared.device)
    }
}
