//! What devices do about the headers of packets that leave.

use dpdk_bindings::{Mbuf, Network, Transport, TxChecksum};

use crate::packet::ipv4;
use crate::tables::entries::Rewrite;

/// Where the checksum is in an IPv4 header.
const CHECKSUM: usize = 10;

/// Leaves the checksum of the outer IPv4 header that `way` put on a frame to the device. The one that is there stays
/// where the device cannot be told.
#[inline(always)]
pub(super) fn leave_to_device(mbuf: &mut Mbuf, way: &Rewrite) {
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
}
