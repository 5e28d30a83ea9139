//! Stand-ins for atomics and cells that loom watches.
//!
//! loom's own are neither as small as the real ones nor may they begin as zeroes, as everything in a table does. Ours
//! do: each holds the number of one of loom's, which it gets when it is first touched. To loom that is the moment at
//! which it comes to be, so it has to come before threads begin: [`seal`] sees to it.

use std::arch::x86_64::__m128i;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

pub(crate) use loom::hint::spin_loop;
pub(crate) use loom::sync::Mutex;
pub(crate) use loom::sync::atomic::{Ordering, fence};
pub(crate) use loom::thread::yield_now;
use zerocopy::FromZeros;

thread_local! {
    /// loom runs all threads of a model on one.
    static ATOMICS: RefCell<Vec<Rc<loom::sync::atomic::AtomicU64>>> = const { RefCell::new(Vec::new()) };
    static CELLS: RefCell<Vec<Rc<loom::cell::UnsafeCell<()>>>> = const { RefCell::new(Vec::new()) };
    static SEALED: Cell<bool> = const { Cell::new(false) };
}

/// From now on nothing may be touched for the first time.
pub fn seal() {
    SEALED.set(true);
}

/// Forgets the atomics and cells of one execution of a model, before the next.
pub fn forget() {
    SEALED.set(false);
    ATOMICS.take();
    CELLS.take();
}

/// One of `all`, by the number it was given: its place, counted from 1.
fn watched<T>(all: &RefCell<Vec<Rc<T>>>, number: usize) -> Rc<T> {
    Rc::clone(&all.borrow()[number - 1])
}

fn register<T>(all: &RefCell<Vec<Rc<T>>>, new: T) -> usize {
    assert!(!SEALED.get(), "a model has to touch everything before its threads begin");
    let mut all = all.borrow_mut();
    all.push(Rc::new(new));
    all.len()
}

macro_rules! atomic {
    ($name:ident, $value:ty) => {
        #[derive(FromZeros)]
        #[repr(transparent)]
        pub(crate) struct $name(std::sync::atomic::$name);

        impl $name {
            pub(crate) fn new(value: $value) -> Self {
                let atomic = loom::sync::atomic::AtomicU64::new(value.into());
                let number = ATOMICS.with(|all| register(all, atomic));
                Self(std::sync::atomic::$name::new(number as $value))
            }

            pub(crate) fn load(&self, ordering: Ordering) -> $value {
                self.watched().load(ordering) as $value
            }

            pub(crate) fn store(&self, value: $value, ordering: Ordering) {
                self.watched().store(value.into(), ordering);
            }

            fn watched(&self) -> Rc<loom::sync::atomic::AtomicU64> {
                if self.0.load(Relaxed) == 0 {
                    self.0.store(Self::new(0).0.into_inner(), Relaxed);
                }
                ATOMICS.with(|all| watched(all, self.0.load(Relaxed) as usize))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

atomic!(AtomicU32, u32);
atomic!(AtomicU64, u64);

impl AtomicU64 {
    pub(crate) fn fetch_add(&self, value: u64, ordering: Ordering) -> u64 {
        self.watched().fetch_add(value, ordering)
    }
}

impl Default for AtomicU64 {
    fn default() -> Self {
        Self::new(0)
    }
}

/// Two words, each as [`Ordering::Relaxed`] loads it.
pub(crate) fn load_pair([low, high]: &[AtomicU64; 2]) -> __m128i {
    zerocopy::transmute!([low.load(Ordering::Relaxed), high.load(Ordering::Relaxed)])
}

/// Four words, likewise.
pub(crate) fn load_four(words: &[AtomicU32; 4]) -> __m128i {
    zerocopy::transmute!(words.each_ref().map(|word| word.load(Ordering::Relaxed)))
}

/// A cell whose every access loom checks against those of other threads.
#[derive(FromZeros)]
#[repr(C)]
pub(crate) struct UnsafeCell<T> {
    value: std::cell::UnsafeCell<T>,
    number: std::sync::atomic::AtomicUsize,
}

impl<T> UnsafeCell<T> {
    pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        self.watched().with(|_| read(self.value.get()))
    }

    pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        self.watched().with_mut(|_| write(self.value.get()))
    }

    fn watched(&self) -> Rc<loom::cell::UnsafeCell<()>> {
        if self.number.load(Relaxed) == 0 {
            let cell = loom::cell::UnsafeCell::new(());
            self.number.store(CELLS.with(|all| register(all, cell)), Relaxed);
        }
        CELLS.with(|all| watched(all, self.number.load(Relaxed)))
    }
}
