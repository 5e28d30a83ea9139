//! nvgw: a multi-tenant NVGRE gateway (RFC 7637) on DPDK.
//!
//! The modules are the architecture, and arrows between them point one way:
//! `packet` ← `tables` ← `telemetry` ← `nat` ← `datapath`, `control` ← `nat_log` ← `api` ← `cli` ← `app`. `datapath`
//! and `control` do not know each other; they meet in `tables`.

pub mod api;
#[cfg(feature = "dpdk")]
pub mod app;
pub mod cli;
pub mod control;
#[cfg(feature = "dpdk")]
pub mod datapath;
pub mod diagnosis;
pub mod journal;
pub mod nat;
pub mod nat_log;
pub mod packet;
pub mod tables;
pub mod telemetry;
