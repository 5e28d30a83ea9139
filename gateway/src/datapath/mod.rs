//! What a worker does with a burst: one file a stage, each a plain loop over the burst.
//!
//! A packet's state between stages is a small `Copy` record beside the buffer; a stage reads a list of packets (a
//! lane), asks the tables, prefetches what the next stage will ask, and writes the next lane. What is dropped is
//! counted and simply not listed any more: the burst frees in bulk what no stage took out of it.

mod decapsulate;
mod family;
mod handed;
mod lane;
mod output;
mod parse;
mod pipeline;
mod police;
mod quiescence;
mod reassemble;
mod refuse;
mod resolve;
mod rewrite;
mod route;
mod spread;
mod translate;

pub use handed::Handed;
pub use output::{Outputs, Punted};
pub use pipeline::{Options, Pipeline};
pub use quiescence::{QsbrGrace, QsbrReaders, Section};
pub use reassemble::Reassembly;
pub use spread::{Batch, Plan, Spread, Spreader};
pub use translate::Translator;
