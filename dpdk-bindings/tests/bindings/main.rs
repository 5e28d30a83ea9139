//! Tests on virtual devices, without hugepages or privileges. DPDK starts once in a process, so
//! that they share one.

mod allocations;
mod common;
mod eal;
mod mbuf;
mod ports;
mod qsbr;
mod reassembly;
mod rings;
