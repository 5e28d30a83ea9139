//! Frames, byte by byte, written without the gateway's own packet views.

/// An Ethernet address.
pub(crate) type Mac = [u8; 6];

/// The EtherType of IPv4.
pub(crate) const IPV4: u16 = 0x0800;
/// Protocol number of UDP.
pub(crate) const UDP: u8 = 17;
/// Protocol number of GRE.
pub(crate) const GRE: u8 = 47;
/// Don't fragment.
pub(crate) const DF: u16 = 0x4000;
/// The first 16 bits of NVGRE's GRE header.
pub(crate) const KEY_PRESENT: u16 = 0x2000;
/// GRE's protocol type of NVGRE.
pub(crate) const BRIDGED: u16 = 0x6558;

/// An IPv4 header; lengths and checksum follow from it.
#[derive(Debug, Clone)]
pub(crate) struct Ip {
    pub(crate) tos: u8,
    pub(crate) identification: u16,
    /// Flags and fragment offset.
    pub(crate) fragment: u16,
    pub(crate) ttl: u8,
    pub(crate) protocol: u8,
    pub(crate) source: u32,
    pub(crate) destination: u32,
    /// Words of no-operation options.
    pub(crate) options: u8,
}

impl Ip {
    pub(crate) fn new(source: u32, destination: u32, protocol: u8) -> Self {
        Self { tos: 0, identification: 0, fragment: DF, ttl: 64, protocol, source, destination, options: 0 }
    }

    /// The packet with this header.
    pub(crate) fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let header = 20 + 4 * usize::from(self.options);
        let mut bytes = vec![0x40 | (header / 4) as u8, self.tos];
        bytes.extend(((header + payload.len()) as u16).to_be_bytes());
        bytes.extend(self.identification.to_be_bytes());
        bytes.extend(self.fragment.to_be_bytes());
        bytes.extend([self.ttl, self.protocol, 0, 0]);
        bytes.extend(self.source.to_be_bytes());
        bytes.extend(self.destination.to_be_bytes());
        bytes.resize(header, 1);
        let sum = checksum(&bytes);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        bytes.extend(payload);
        bytes
    }
}

/// The internet checksum (RFC 1071), two bytes at a time.
pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) * 256 + u32::from(*pair.get(1).unwrap_or(&0));
        if sum > 0xffff {
            sum -= 0xffff;
        }
    }
    !(sum as u16)
}

/// An Ethernet frame; `vlan` is the tag control information of its 802.1Q tag.
pub(crate) fn ethernet(to: Mac, from: Mac, vlan: Option<u16>, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = [to, from].concat();
    if let Some(vlan) = vlan {
        bytes.extend([0x81, 0x00]);
        bytes.extend(vlan.to_be_bytes());
    }
    bytes.extend(ethertype.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A GRE header with a key, and what it carries.
pub(crate) fn gre(flags: u16, protocol: u16, vsid: u32, flow: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(flags.to_be_bytes());
    bytes.extend(protocol.to_be_bytes());
    bytes.extend((vsid << 8 | u32::from(flow)).to_be_bytes());
    bytes.extend(payload);
    bytes
}
