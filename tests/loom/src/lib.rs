//! The gateway's tables, the very sources, with atomics that loom watches: what a model in `tests/` checks, it checks
//! for every order in which threads can run, and for every value that a load may return in the memory model.

// The tables' own tests are not for loom.
#![cfg(not(test))]

#[path = "../../../gateway/src/tables/mod.rs"]
#[expect(
    unused_imports,
    reason = "some of what tables share with the rest of the gateway is without a user here"
)]
pub mod tables;

pub mod answers;

use tables::grace::{LocalGrace, LocalReader};
use tables::sync;

/// Checks a model: `build` makes tables and everything in them, on one thread, and [`race`]s. loom calls it once for
/// each execution, and leaves none out.
pub fn check(build: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 100_000;
    builder.check(move || {
        sync::forget();
        build();
    });
}

/// Runs the reader on a thread of its own, beside the writer.
pub fn race(
    grace: &LocalGrace,
    read: impl FnOnce(LocalReader) + Send + 'static,
    write: impl FnOnce(&LocalGrace),
) {
    let reader = grace.reader();
    sync::seal();
    let thread = loom::thread::spawn(move || read(reader));
    write(grace);
    thread.join().expect("the reader finds nothing wrong");
}
