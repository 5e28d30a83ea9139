//! Setting a device up.

use std::ptr;

use dpdk_sys::{
    ETH_RSS_IP, ETH_RSS_LEVEL_INNERMOST, ETH_RSS_NVGRE, ETH_RSS_TCP, ETH_RSS_UDP, ETH_RX_OFFLOAD_IPV4_CKSUM,
    ETH_RX_OFFLOAD_RSS_HASH, ETH_RX_OFFLOAD_TCP_CKSUM, ETH_RX_OFFLOAD_UDP_CKSUM, ETH_TX_OFFLOAD_IPV4_CKSUM,
    ETH_TX_OFFLOAD_MULTI_SEGS, ETH_TX_OFFLOAD_TCP_CKSUM, ETH_TX_OFFLOAD_UDP_CKSUM, rte_eth_conf,
    rte_eth_dev_info, rte_ether_addr,
};

use super::device::Device;
use super::{Checksums, PortOptions, Rss};
use crate::error::{Errno, Error, Result};

/// Ethernet header and one VLAN tag, in bytes: what a frame has beside its IP packet.
pub(super) const FRAMING: u16 = 18;
/// The frame check sequence, which some devices count as a part of a frame.
const FCS: u16 = 4;

/// What came of the options.
pub(super) struct Configured {
    pub(super) mtu_set: bool,
    pub(super) mac: Option<[u8; 6]>,
    pub(super) rx_descriptors: u16,
    pub(super) tx_descriptors: u16,
    pub(super) tx_segments: bool,
}

pub(super) fn configure(device: &Device, options: &PortOptions) -> Result<Configured> {
    let info = device.read_info()?;
    check_queues(device, &info, options)?;
    check_frames(device, options)?;
    let device_mtu = device_mtu(device, &info, options.mtu)?;
    let conf = configuration(&info, options, device_mtu);
    // SAFETY: the device is claimed and not started; the configuration outlives the call.
    let status = unsafe {
        dpdk_sys::rte_eth_dev_configure(device.index, options.rx_queues, options.tx_queues, &raw const conf)
    };
    Errno::check(status).map_err(|reason| {
        device.error("configure the device", reason, "its own words are on standard error")
    })?;
    let mtu_set = match device_mtu {
        Some(mtu) => set_mtu(device, mtu)?,
        None => false,
    };
    let (rx_descriptors, tx_descriptors) = set_up_queues(device, &info, options, &conf)?;
    let mac_set = options.mac.map_or(Ok(true), |mac| set_mac(device, mac))?;
    if options.promiscuous || !mac_set {
        set_promiscuous(device)?;
    }
    Ok(Configured {
        mtu_set,
        mac: options.mac,
        rx_descriptors,
        tx_descriptors,
        tx_segments: conf.txmode.offloads & ETH_TX_OFFLOAD_MULTI_SEGS != 0,
    })
}

fn check_queues(device: &Device, info: &rte_eth_dev_info, options: &PortOptions) -> Result<()> {
    for (direction, asked, limit) in [
        ("receive", options.rx_queues, info.max_rx_queues),
        ("transmit", options.tx_queues, info.max_tx_queues),
    ] {
        if asked > limit {
            return Err(Error::Queues { port: device.name.clone(), direction, asked, limit });
        }
    }
    let (pools, queues) = (options.mempools.len(), options.rx_queues);
    if queues > 0 && pools != 1 && pools != usize::from(queues) {
        return Err(Error::Pools { port: device.name.clone(), pools, queues });
    }
    Ok(())
}

/// A frame must fit one buffer: nothing behind wants to look for a header in a second one.
fn check_frames(device: &Device, options: &PortOptions) -> Result<()> {
    let frame = u32::from(options.mtu) + u32::from(FRAMING);
    match options.mempools.iter().find(|pool| u32::from(pool.data_room()) < frame) {
        None => Ok(()),
        Some(pool) => Err(Error::FrameTooBig {
            port: device.name.clone(),
            mtu: options.mtu,
            frame,
            pool: pool.name().to_owned(),
            room: pool.data_room(),
            fitting: pool.data_room().saturating_sub(FRAMING),
        }),
    }
}

/// The MTU to tell the device: room for a VLAN tag comes on top where the device's own idea of a
/// frame has none. `None` if a virtual device promises less than it is asked for: it takes frames
/// by its own arguments, whatever it promises.
fn device_mtu(device: &Device, info: &rte_eth_dev_info, mtu: u16) -> Result<Option<u16>> {
    let longest = u16::try_from(info.max_rx_pktlen).unwrap_or(u16::MAX);
    let framing = if info.max_mtu == u16::MAX || longest <= info.max_mtu {
        // The device does not tell: DPDK then takes an Ethernet header and the check sequence.
        FRAMING
    } else {
        longest - info.max_mtu
    };
    let max = info.max_mtu.min(longest.saturating_sub(framing));
    if mtu < info.min_mtu || mtu > max {
        if device.is_pci() {
            return Err(Error::Mtu { port: device.name.clone(), mtu, min: info.min_mtu, max });
        }
        return Ok(None);
    }
    let tag = (FRAMING + FCS).saturating_sub(framing);
    Ok(Some(mtu.saturating_add(if device.is_pci() { tag } else { 0 }).min(max)))
}

fn configuration(info: &rte_eth_dev_info, options: &PortOptions, mtu: Option<u16>) -> rte_eth_conf {
    let mut conf = rte_eth_conf::default();
    // Zero leaves the device's own.
    conf.rxmode.mtu = mtu.map_or(0, u32::from);
    let (mut rx, mut tx) = (0, 0);
    if options.checksums != Checksums::Software {
        rx |= ETH_RX_OFFLOAD_IPV4_CKSUM;
        tx |= ETH_TX_OFFLOAD_IPV4_CKSUM;
    }
    if options.checksums == Checksums::All {
        rx |= ETH_RX_OFFLOAD_UDP_CKSUM | ETH_RX_OFFLOAD_TCP_CKSUM;
        tx |= ETH_TX_OFFLOAD_UDP_CKSUM | ETH_TX_OFFLOAD_TCP_CKSUM;
    }
    if options.tx_segments {
        tx |= ETH_TX_OFFLOAD_MULTI_SEGS;
    }
    let hash = match options.rss {
        Rss::Off => 0,
        Rss::Outermost => ETH_RSS_IP | ETH_RSS_TCP | ETH_RSS_UDP,
        Rss::Innermost => ETH_RSS_IP | ETH_RSS_TCP | ETH_RSS_UDP | ETH_RSS_NVGRE | ETH_RSS_LEVEL_INNERMOST,
    } & info.flow_type_rss_offloads;
    if options.rx_queues > 1 && hash != 0 {
        conf.rxmode.mq_mode = dpdk_sys::RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf = hash;
        rx |= ETH_RX_OFFLOAD_RSS_HASH;
    }
    conf.rxmode.offloads = rx & info.rx_offload_capa;
    conf.txmode.offloads = tx & info.tx_offload_capa;
    conf
}

/// Whether the device took the MTU; one that cannot be told takes what it takes.
fn set_mtu(device: &Device, mtu: u16) -> Result<bool> {
    // SAFETY: the device is claimed, configured and not started.
    match Errno::check(unsafe { dpdk_sys::rte_eth_dev_set_mtu(device.index, mtu) }) {
        Ok(_) => Ok(true),
        Err(Errno(libc::ENOTSUP)) => Ok(false),
        // An unprivileged process may use the interface as it is.
        Err(Errno(libc::EPERM | libc::EACCES)) => Ok(false),
        Err(reason) => Err(device.error(
            "set the MTU",
            reason,
            "the interface under a virtual device must be there and allow it",
        )),
    }
}

/// Whether the device took the address.
fn set_mac(device: &Device, bytes: [u8; 6]) -> Result<bool> {
    let mut mac = rte_ether_addr { addr_bytes: bytes };
    // SAFETY: the device is claimed and configured; it copies the address.
    let status = unsafe { dpdk_sys::rte_eth_dev_default_mac_addr_set(device.index, &raw mut mac) };
    match Errno::check(status) {
        Ok(_) => Ok(true),
        Err(Errno(libc::ENOTSUP | libc::EPERM | libc::EACCES)) => Ok(false),
        Err(reason) => Err(device.error(
            "set the Ethernet address",
            reason,
            "it must be neither a group address nor all zeros",
        )),
    }
}

/// A device without a filter has no promiscuous mode to be put in.
fn set_promiscuous(device: &Device) -> Result<()> {
    // SAFETY: the device is claimed and configured.
    match Errno::check(unsafe { dpdk_sys::rte_eth_promiscuous_enable(device.index) }) {
        Ok(_) | Err(Errno(libc::ENOTSUP)) => Ok(()),
        Err(reason) => Err(device.error(
            "receive frames to all addresses",
            reason,
            "it may need privileges: try as root, or set no address and no promiscuous mode",
        )),
    }
}

fn set_up_queues(
    device: &Device,
    info: &rte_eth_dev_info,
    options: &PortOptions,
    conf: &rte_eth_conf,
) -> Result<(u16, u16)> {
    let (mut rx, mut tx) = (options.rx_descriptors, options.tx_descriptors);
    // SAFETY: the device is claimed and configured; the numbers are local variables.
    let status =
        unsafe { dpdk_sys::rte_eth_dev_adjust_nb_rx_tx_desc(device.index, &raw mut rx, &raw mut tx) };
    let hint = "ask for fewer or shorter queues, or for bigger buffers";
    Errno::check(status).map_err(|reason| device.error("size its queues", reason, hint))?;
    // SAFETY: the device is claimed.
    let socket = unsafe { dpdk_sys::rte_eth_dev_socket_id(device.index) }.cast_unsigned();
    let mut rx_conf = info.default_rxconf;
    rx_conf.offloads = conf.rxmode.offloads;
    let mut tx_conf = info.default_txconf;
    tx_conf.offloads = conf.txmode.offloads;
    for queue in 0..options.rx_queues {
        let pool = options.mempools.get(usize::from(queue)).or(options.mempools.first());
        let pool = pool.map_or(ptr::null_mut(), |pool| pool.as_ptr());
        // SAFETY: the device is claimed, configured and not started; the pool is kept as long as
        // the device.
        let status = unsafe {
            dpdk_sys::rte_eth_rx_queue_setup(device.index, queue, rx, socket, &raw const rx_conf, pool)
        };
        Errno::check(status).map_err(|reason| device.error("set a receive queue up", reason, hint))?;
    }
    for queue in 0..options.tx_queues {
        // SAFETY: the device is claimed, configured and not started.
        let status =
            unsafe { dpdk_sys::rte_eth_tx_queue_setup(device.index, queue, tx, socket, &raw const tx_conf) };
        Errno::check(status).map_err(|reason| device.error("set a transmit queue up", reason, hint))?;
    }
    Ok((rx, tx))
}
