//! Grace periods: nobody writes what a section may still look at.

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicBool, Ordering};
use nvgw_loom::tables::grace::{Grace, LocalGrace};
use nvgw_loom::{check, race};

struct Published {
    value: UnsafeCell<u32>,
    is_there: AtomicBool,
}

// SAFETY: who writes the value has waited for those who may read it, which is what the model is to prove.
unsafe impl Send for Published {}
// SAFETY: as above.
unsafe impl Sync for Published {}

fn published() -> Arc<Published> {
    Arc::new(Published { value: UnsafeCell::new(1), is_there: AtomicBool::new(true) })
}

/// Writes the value once it is unpublished and its grace period over; whether it was.
fn reclaim(grace: &LocalGrace, published: &Published) -> bool {
    published.is_there.store(false, Ordering::Release);
    let token = grace.begin();
    let over = grace.elapsed(token);
    if over {
        // SAFETY: loom checks that nobody else is there.
        published.value.with_mut(|value| unsafe { *value = 2 });
    }
    over
}

#[test]
fn what_a_section_found_stays_until_it_ends() {
    check(|| {
        let grace = LocalGrace::new();
        let ours = published();
        let theirs = Arc::clone(&ours);
        race(
            &grace,
            move |mut local| {
                let section = local.section();
                if theirs.is_there.load(Ordering::Acquire) {
                    let held = theirs.value.get();
                    loom::thread::yield_now();
                    // SAFETY: loom checks that nobody writes while the pointer is held.
                    assert_eq!(unsafe { *held.deref() }, 1);
                }
                drop(section);
            },
            |grace| {
                reclaim(grace, &ours);
            },
        );
    });
}

#[test]
fn a_later_section_does_not_find_what_was_reclaimed() {
    check(|| {
        let grace = LocalGrace::new();
        let ours = published();
        let theirs = Arc::clone(&ours);
        race(
            &grace,
            move |mut local| {
                for _ in 0..2 {
                    let section = local.section();
                    if theirs.is_there.load(Ordering::Acquire) {
                        let held = theirs.value.get();
                        // SAFETY: loom checks that nobody writes while the pointer is held.
                        assert_eq!(unsafe { *held.deref() }, 1);
                    }
                    drop(section);
                }
            },
            |grace| {
                reclaim(grace, &ours);
            },
        );
    });
}

#[test]
fn without_open_sections_a_grace_period_is_over() {
    check(|| {
        let grace = LocalGrace::new();
        let ours = published();
        race(&grace, |mut local| drop(local.section()), |_| {});
        assert!(reclaim(&grace, &ours));
    });
}
