//! Wire formats as zero-copy views over bytes, and their checksums. No state, no I/O.
//!
//! Every header is a `repr(C)` structure of network-order fields that may lie at any address, so a view is a
//! pointer cast that the type system checks. Addresses are handed out in host byte order.

pub mod arp;
pub mod checksum;
pub mod ethernet;
pub mod flow;
pub mod fragment;
pub mod gre;
pub mod icmp;
pub mod icmpv6;
pub mod ipv4;
pub mod ipv6;
pub mod mss;
pub mod ndp;
pub mod translation;
pub mod transport;
