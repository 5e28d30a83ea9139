//! The log of address translation: who had which public port when (RFC 6888 REQ-12, RFC 7422).
//!
//! Workers say what happened as [events](crate::tables::exchange::NatEvent). The control thread gives them names and
//! hands the [lines](Line) over to a [thread](NatLog) that waits for disk and network in its stead. Nothing is thrown
//! away on that way: what is full leaves the event where it is, and a worker that cannot say that it hands out a block
//! hands out none.

mod file;
mod health;
mod line;
mod moment;
mod names;
mod replay;
pub mod search;
mod syslog;
mod writer;

pub use health::{LogHealth, Sink, SinkHealth};
pub use line::{BlockLine, Line, LineEvent, NatProtocol, SessionLine};
pub use moment::{Moment, NoMoment, WallClock};
pub use names::Names;
pub use replay::ReplayLog;
pub use writer::NatLog;

#[cfg(test)]
mod tests;
