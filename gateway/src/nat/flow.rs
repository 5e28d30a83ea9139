//! What the engine is asked with: the parts of a packet that translation looks at.

use arrayvec::ArrayVec;
use nvgw_types::InterfaceId;

use crate::tables::entries::{Endpoint, Protocol};
use crate::tables::exchange::{IcmpError, NatEvent};

/// How many events one burst may make.
pub const EVENTS: usize = 256;

/// Events on their way to the log. What would make one while there is no room does not happen.
pub type Events = ArrayVec<NatEvent, EVENTS>;

/// How many notices and how many answers are given at once.
pub const BATCH: usize = 64;

/// How many bytes of an unsolicited SYN are kept: the longest IPv4 header without most of its options, and the
/// transport header's first eight bytes, which an ICMP error quotes (RFC 792).
pub const HELD: usize = 48;

/// Whose packet it is: the end that is translated, and the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// The protocol.
    pub protocol: Protocol,
    /// The end that is translated. Of a packet from inside its source, the customer's; of a packet from outside its
    /// destination, public. The identifier of an ICMP query is its port.
    pub local: Endpoint,
    /// The other end's address and port, host byte order. An ICMP query's port is 0.
    pub remote: (u32, u16),
}

/// A TCP segment, as far as translation follows it (RFC 9293 §3.1). All zero for other protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Segment {
    /// The control bits as they are in the header's fourteenth byte.
    pub flags: u8,
    /// The sequence number.
    pub sequence: u32,
    /// The acknowledgment number.
    pub acknowledgment: u32,
    /// Bytes of payload.
    pub length: u32,
}

/// What the datapath passes on for the engine: an error about a packet that was not translated and is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What to tell its sender.
    pub error: IcmpError,
    /// The external network's interface where it came in.
    pub interface: InterfaceId,
    /// Its first bytes, from the IP header on, as they came.
    pub packet: ArrayVec<u8, HELD>,
}
