//! What devices do about the headers of packets that leave.

use dpdk_bindings::{Mbuf, Network, Transport, TxChecksum};

use crate::packet::ipv4;
use crate::tables::entries::Rewrite;

/// Where the checksum is in an IPv4 header.
const CHECKSUM: usize = 10;

/// A frame with the headers of `way`, whose device is to fill in the checksum of the outer IPv4 header. The checksum that
/// is there stays where the device cannot be told.
#[inline(never)]
pub(super) fn left_to_device(mut mbuf: Mbuf, way: &Rewrite) -> Mbuf {
    let l2_len = way.before_outer_ipv4();
    let wanted = TxChecksum {
        l2_len,
        l3_len: ipv4::HEADER as u16,
        network: Network::Ipv4 { header_checksum: true },
        transport: Transport::None,
    };
    if mbuf.request_checksum(wanted) {
        let at = usize::from(l2_len) + CHECKSUM;
        if let Some(checksum) = mbuf.data_mut().get_mut(at..at + 2) {
            checksum.fill(0);
        }
    }
    mbuf
}
