//! A safe layer over DPDK.
