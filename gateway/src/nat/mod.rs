//! Network address translation, a worker's side: the sessions it owns, the ports it hands out, their time-outs
//! (RFC 4787, RFC 5382, RFC 5508, RFC 6888, RFC 7857).
//!
//! Nothing here is shared. A worker owns every session of the customers and of the public ports that are its own, and
//! which those are is [computed](share) from an address and a port alone.

pub mod share;
