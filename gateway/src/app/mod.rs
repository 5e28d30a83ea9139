//! The programs: the running gateway, and the replay of captures. Here the parts meet.

mod backend;
mod checksums;
mod datapath;
mod devices;
mod exits;
mod gateway;
mod idle;
mod nat;
mod punts;
mod refusals;
pub mod replay;
mod rows;
pub mod run;
mod scaling;
mod translation;
mod work;
mod worker;
