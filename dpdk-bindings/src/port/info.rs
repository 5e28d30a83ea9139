//! What a device says of itself.

use std::ffi::CStr;

use dpdk_sys::{
    ETH_LINK_SPEED_UNKNOWN, ETH_RSS_LEVEL_INNERMOST, ETH_RX_OFFLOAD_IPV4_CKSUM, ETH_RX_OFFLOAD_TCP_CKSUM,
    ETH_RX_OFFLOAD_UDP_CKSUM, ETH_TX_OFFLOAD_IPV4_CKSUM, ETH_TX_OFFLOAD_MULTI_SEGS, ETH_TX_OFFLOAD_TCP_CKSUM,
    ETH_TX_OFFLOAD_UDP_CKSUM, rte_eth_dev_info, rte_eth_stats, rte_ether_addr, shim_link,
};

use super::configure::Configured;
use super::device::{Device, GONE};
use crate::error::{Errno, Result};

/// What a device can do by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Checks received IPv4 header checksums.
    pub rx_ipv4_checksum: bool,
    /// Checks received TCP and UDP checksums.
    pub rx_transport_checksum: bool,
    /// Fills in IPv4 header checksums.
    pub tx_ipv4_checksum: bool,
    /// Fills in TCP and UDP checksums.
    pub tx_transport_checksum: bool,
    /// Sends packets of several segments.
    pub tx_segments: bool,
    /// Spreads packets over receive queues by a hash of their addresses.
    pub rss: bool,
    /// Hashes the packet inside a tunnel.
    pub rss_innermost: bool,
}

impl Capabilities {
    fn of(info: &rte_eth_dev_info) -> Self {
        let rx = |offloads| info.rx_offload_capa & offloads == offloads;
        let tx = |offloads| info.tx_offload_capa & offloads == offloads;
        Self {
            rx_ipv4_checksum: rx(ETH_RX_OFFLOAD_IPV4_CKSUM),
            rx_transport_checksum: rx(ETH_RX_OFFLOAD_TCP_CKSUM | ETH_RX_OFFLOAD_UDP_CKSUM),
            tx_ipv4_checksum: tx(ETH_TX_OFFLOAD_IPV4_CKSUM),
            tx_transport_checksum: tx(ETH_TX_OFFLOAD_TCP_CKSUM | ETH_TX_OFFLOAD_UDP_CKSUM),
            tx_segments: tx(ETH_TX_OFFLOAD_MULTI_SEGS),
            rss: info.flow_type_rss_offloads != 0,
            rss_innermost: info.flow_type_rss_offloads & ETH_RSS_LEVEL_INNERMOST != 0,
        }
    }
}

/// What a device is, and how it was set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortInfo {
    /// The driver's name.
    pub driver: String,
    /// The port's address: the one that was set, otherwise the device's.
    pub mac: [u8; 6],
    /// The MTU that the device works by, in bytes. It may be more than what was asked for, to
    /// make room for a VLAN tag.
    pub mtu: u16,
    /// Whether the device took the MTU. One that did not takes frames as long as it likes.
    pub mtu_set: bool,
    /// The NUMA node of the device, if it has one.
    pub socket: Option<u32>,
    /// Receive queues that the device has.
    pub max_rx_queues: u16,
    /// Transmit queues that the device has.
    pub max_tx_queues: u16,
    /// Packets that a receive queue holds.
    pub rx_descriptors: u16,
    /// Packets that a transmit queue holds.
    pub tx_descriptors: u16,
    /// What the device can do by itself.
    pub capabilities: Capabilities,
}

/// The state of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Whether there is a link.
    pub up: bool,
    /// Megabits a second, if the device says.
    pub speed_mbps: Option<u32>,
    /// Whether both ends may send at once.
    pub full_duplex: bool,
}

/// What a device has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PortStats {
    /// Packets received.
    pub rx_packets: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets that the device dropped, since no buffer waited for them.
    pub rx_missed: u64,
    /// Broken packets received.
    pub rx_errors: u64,
    /// Packets that the device failed to send.
    pub tx_errors: u64,
    /// Times that the packet pool was exhausted.
    pub rx_no_mbuf: u64,
}

pub(super) fn read(device: &Device, configured: &Configured) -> Result<PortInfo> {
    let info = device.read_info()?;
    let driver = if info.driver_name.is_null() {
        String::new()
    } else {
        // SAFETY: a driver's name is a static text.
        unsafe { CStr::from_ptr(info.driver_name) }.to_string_lossy().into_owned()
    };
    let mut mtu = 0;
    // SAFETY: the device is claimed; the number is a local variable.
    let status = unsafe { dpdk_sys::rte_eth_dev_get_mtu(device.index, &raw mut mtu) };
    Errno::check(status).map_err(|reason| device.error("read the MTU", reason, GONE))?;
    // SAFETY: the device is claimed.
    let socket = unsafe { dpdk_sys::rte_eth_dev_socket_id(device.index) };
    Ok(PortInfo {
        driver,
        mac: configured.mac.map_or_else(|| mac(device), Ok)?,
        mtu,
        mtu_set: configured.mtu_set,
        socket: u32::try_from(socket).ok(),
        max_rx_queues: info.max_rx_queues,
        max_tx_queues: info.max_tx_queues,
        rx_descriptors: configured.rx_descriptors,
        tx_descriptors: configured.tx_descriptors,
        capabilities: Capabilities::of(&info),
    })
}

fn mac(device: &Device) -> Result<[u8; 6]> {
    let mut mac = rte_ether_addr::default();
    // SAFETY: the device is claimed; the address is a local variable.
    let status = unsafe { dpdk_sys::rte_eth_macaddr_get(device.index, &raw mut mac) };
    Errno::check(status).map_err(|reason| device.error("read its address", reason, GONE))?;
    Ok(mac.addr_bytes)
}

pub(super) fn link(device: &Device) -> Result<Link> {
    let mut link = shim_link::default();
    // SAFETY: the device is claimed; the state is a local variable.
    let status = unsafe { dpdk_sys::shim_eth_link(device.index, &raw mut link) };
    Errno::check(status).map_err(|reason| device.error("read the link's state", reason, GONE))?;
    let known = link.speed_mbps != ETH_LINK_SPEED_UNKNOWN && link.speed_mbps != 0;
    Ok(Link {
        up: link.up != 0,
        speed_mbps: known.then_some(link.speed_mbps),
        full_duplex: link.full_duplex != 0,
    })
}

pub(super) fn stats(device: &Device) -> Result<PortStats> {
    let mut stats = rte_eth_stats::default();
    // SAFETY: the device is claimed; the counters are a local variable.
    let status = unsafe { dpdk_sys::rte_eth_stats_get(device.index, &raw mut stats) };
    Errno::check(status).map_err(|reason| device.error("read its counters", reason, GONE))?;
    Ok(PortStats {
        rx_packets: stats.ipackets,
        tx_packets: stats.opackets,
        rx_bytes: stats.ibytes,
        tx_bytes: stats.obytes,
        rx_missed: stats.imissed,
        rx_errors: stats.ierrors,
        tx_errors: stats.oerrors,
        rx_no_mbuf: stats.rx_nombuf,
    })
}
