//! What the tables hold: one cache line an entry, immutable once published.

mod interface;
mod key;
mod nat;
mod record;
mod rewrite;
mod route;
mod subnet;

pub use interface::{Interface, InterfaceKind};
pub use key::{ScopedAddress, from_ip, ipv4_mapped, to_ip};
pub use nat::{
    Binding, BindingKey, Direction, Endpoint, Filtering, InVrf, NatPolicy, NatQuota, NatSettings, PortRange,
    Protocol, Public, PublicRange, PublicState, RANGES,
};
pub use record::{Record, RecordSpec};
pub use rewrite::{Inner, Reach, Rewrite, RewriteSpec, Tunnel};
pub use route::{Target, Via};
pub use subnet::{SenderMode, Subnet};

/// The outer DSCP of packets through a tunnel (RFC 2983).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dscp {
    /// Copied from the inner header.
    Uniform,
    /// A fixed value, 0 to 63.
    Pipe(u8),
}
