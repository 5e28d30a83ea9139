//! The programs: the running gateway, and the replay of captures. Here the parts meet.

mod backend;
mod devices;
mod gateway;
pub mod replay;
pub mod run;
mod worker;
