//! The FlowID: entropy of the inner flow (RFC 7637 §3.2).

use zerocopy::FromBytes;

use crate::packet::ipv4::{self, Ipv4};
use crate::tables::hash::mix;

/// Protocols whose first four bytes are two ports.
const fn has_ports(protocol: u8) -> bool {
    const DCCP: u8 = 33;
    const SCTP: u8 = 132;
    const UDP_LITE: u8 = 136;
    matches!(protocol, ipv4::TCP | ipv4::UDP | DCCP | SCTP | UDP_LITE)
}

/// A hash of the packet's flow: addresses, protocol and, unless it is a fragment, ports. It depends on nothing
/// else, so it is the same for every packet of the flow, on every worker, in every run. `after` is what follows the
/// fixed part of the header, options first.
#[inline(always)]
pub(super) fn flow_id(header: &Ipv4, after: &[u8]) -> u8 {
    let addresses = u64::from(header.source()) << 32 | u64::from(header.destination());
    let mut rest = u64::from(header.protocol()) << 32;
    if has_ports(header.protocol()) && !header.is_fragment() {
        let payload = after.get(header.header_length() - ipv4::HEADER..).unwrap_or_default();
        if let Ok((ports, _)) = zerocopy::byteorder::network_endian::U32::read_from_prefix(payload) {
            rest |= u64::from(ports.get());
        }
    }
    (mix(addresses ^ 0x2d35_8dcc_aa6c_78a5, rest ^ 0x8bb8_4b93_962e_acc9) >> 24) as u8
}
