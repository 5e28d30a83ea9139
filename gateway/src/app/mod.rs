//! The programs: the running gateway, and the replay of captures. Here the parts meet.

pub mod replay;
