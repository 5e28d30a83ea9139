//! Test support: readers on threads of their own while a writer changes what they read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::TableError;

/// Runs `write` on this thread, and `read` over and over, with each of the `states`, on others until it is done.
/// Fails if any of them does.
pub(super) fn storm<S: Send>(
    states: impl IntoIterator<Item = S>,
    read: impl Fn(&mut S) + Sync,
    write: impl FnOnce(),
) {
    struct SetOnDrop<'a>(&'a AtomicBool);

    impl Drop for SetOnDrop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for mut state in states {
            let (read, done) = (&read, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    read(&mut state);
                }
            });
        }
        // A writer that fails must not leave its readers waiting.
        let _done = SetOnDrop(&done);
        write();
    });
}

/// Repeats a change that is held up by readers, which machines busy with other tests put to sleep for long.
pub(super) fn patiently<T, E: Into<TableError>>(
    mut change: impl FnMut() -> Result<T, E>,
) -> Result<T, TableError> {
    loop {
        match change().map_err(Into::into) {
            Err(TableError::Stalled(_)) => thread::yield_now(),
            done => return done,
        }
    }
}
