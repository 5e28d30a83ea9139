//! DPDK's tables. They are for one thread, as the benchmarks are.

use std::ffi::{CStr, c_char, c_void};
use std::fs;
use std::ptr::NonNull;

use crate::BURST;

/// What EAL is given: enough for every rung, and touched only as far as it is used where there are no hugepages.
const MEGABYTES: &CStr = c"3584";
const HUGE_PAGES: usize = 1792;

unsafe extern "C" {
    fn peers_start(huge: bool, megabytes: *const c_char) -> bool;
    fn peers_hash_new(entries: u32, key_bytes: u32) -> *mut c_void;
    fn peers_hash_add(hash: *mut c_void, key: *const c_void, value: *const c_void) -> bool;
    fn peers_hash_lookup(hash: *const c_void, keys: *mut *const c_void, values: *mut *mut c_void) -> u64;
    fn peers_lpm_new(routes: u32) -> *mut c_void;
    fn peers_lpm_add(lpm: *mut c_void, address: u32, length: u8, value: u32) -> bool;
    fn peers_lpm_remove(lpm: *mut c_void, address: u32, length: u8) -> bool;
    fn peers_lpm_lookup(lpm: *mut c_void, addresses: *const u32, values: *mut u32);
    fn peers_fib_new(routes: u32) -> *mut c_void;
    fn peers_fib_add(fib: *mut c_void, address: u32, length: u8, value: u32) -> bool;
    fn peers_fib_remove(fib: *mut c_void, address: u32, length: u8) -> bool;
    fn peers_fib_lookup(fib: *mut c_void, addresses: *mut u32, values: *mut u64);
    fn peers_lpm6_new(routes: u32) -> *mut c_void;
    fn peers_lpm6_add(lpm: *mut c_void, address: *const u8, length: u8, value: u32) -> bool;
    fn peers_lpm6_remove(lpm: *mut c_void, address: *const u8, length: u8) -> bool;
    fn peers_lpm6_lookup(lpm: *const c_void, addresses: *mut [u8; 16], values: *mut i32);
    fn peers_fib6_new(routes: u32) -> *mut c_void;
    fn peers_fib6_add(fib: *mut c_void, address: *const u8, length: u8, value: u32) -> bool;
    fn peers_fib6_remove(fib: *mut c_void, address: *const u8, length: u8) -> bool;
    fn peers_fib6_lookup(fib: *mut c_void, addresses: *mut [u8; 16], values: *mut u64);
}

/// Starts DPDK, once in a process and before any of its tables; whether from hugepages, which are taken if enough are
/// free and `huge` says so.
///
/// # Panics
///
/// If DPDK does not start.
pub fn start(huge: bool) -> bool {
    let free = fs::read_to_string("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
        .ok()
        .and_then(|count| count.trim().parse::<usize>().ok());
    let huge = huge && free.is_some_and(|free| free >= HUGE_PAGES);
    // SAFETY: the string outlives the call, which keeps a copy of what it needs.
    assert!(unsafe { peers_start(huge, MEGABYTES.as_ptr()) }, "DPDK does not start");
    huge
}

fn created(table: *mut c_void) -> NonNull<c_void> {
    NonNull::new(table).expect("DPDK has memory for the table")
}

/// `rte_hash`, from keys of `N` words to values that live as long as the process.
pub(crate) struct Hash<const N: usize, V: 'static> {
    table: NonNull<c_void>,
    values: std::marker::PhantomData<&'static V>,
}

impl<const N: usize, V> Hash<N, V> {
    pub(crate) fn new(entries: usize) -> Self {
        // SAFETY: any numbers are fine; a table that cannot be is null.
        let table = created(unsafe { peers_hash_new(entries as u32, size_of::<[u32; N]>() as u32) });
        Self { table, values: std::marker::PhantomData }
    }

    pub(crate) fn insert(&mut self, key: [u32; N], value: &'static V) {
        // SAFETY: the key has the bytes that the table was made for, and is copied.
        let added = unsafe {
            peers_hash_add(self.table.as_ptr(), key.as_ptr().cast(), std::ptr::from_ref(value).cast())
        };
        assert!(added, "rte_hash has room");
    }

    #[inline(always)]
    pub(crate) fn lookup(&self, keys: &[[u32; N]; BURST]) -> [Option<&'static V>; BURST] {
        let mut pointers = keys.each_ref().map(|key| std::ptr::from_ref(key).cast());
        let mut values = [std::ptr::null_mut::<c_void>(); BURST];
        // SAFETY: both arrays have the burst's length, and the keys that of the table.
        let found =
            unsafe { peers_hash_lookup(self.table.as_ptr(), pointers.as_mut_ptr(), values.as_mut_ptr()) };
        std::array::from_fn(|i| {
            // SAFETY: what was found is a pointer that `insert` was given: a reference to a `V` that never goes.
            (found >> i & 1 == 1).then(|| unsafe { &*values[i].cast::<V>() })
        })
    }
}

/// A table of routes of one family: its name, what its addresses and answers are made of, and its functions.
macro_rules! route_table {
    ($name:ident, $title:literal, $address:ty, $answer:ty, $given:expr, $borrowed:expr, $value:expr,
     $new:ident, $add:ident, $remove:ident, $lookup:ident) => {
        #[doc = concat!("`", $title, "`.")]
        pub(crate) struct $name(NonNull<c_void>);

        impl $name {
            pub(crate) const NAME: &str = $title;

            pub(crate) fn new(routes: usize) -> Self {
                // SAFETY: any number is fine; a table that cannot be is null.
                Self(created(unsafe { $new(routes as u32) }))
            }

            pub(crate) fn insert(&mut self, address: $address, length: u8, value: u32) {
                let address = $given(address);
                // SAFETY: the table exists, and copies the address.
                let added = unsafe { $add(self.0.as_ptr(), $borrowed(&address), length, value) };
                assert!(added, concat!($title, " has room"));
            }

            pub(crate) fn remove(&mut self, address: $address, length: u8) {
                let address = $given(address);
                // SAFETY: the table exists.
                let removed = unsafe { $remove(self.0.as_ptr(), $borrowed(&address), length) };
                assert!(removed, concat!($title, " had the route"));
            }

            #[inline(always)]
            pub(crate) fn lookup(&self, burst: &[$address; BURST]) -> [u32; BURST] {
                let mut addresses = burst.map($given);
                let mut answers: [$answer; BURST] = [0; BURST];
                // SAFETY: both arrays have the burst's length.
                unsafe { $lookup(self.0.as_ptr(), addresses.as_mut_ptr(), answers.as_mut_ptr()) };
                answers.map($value)
            }
        }
    };
}

/// The value of an entry of `rte_lpm`, one of whose higher bits tells whether there is one.
#[inline(always)]
const fn of_lpm(entry: u32) -> u32 {
    if entry & 0x0100_0000 == 0 { 0 } else { entry & 0x00ff_ffff }
}

route_table!(
    Lpm,
    "rte_lpm",
    u32,
    u32,
    |address: u32| address,
    u32::clone,
    of_lpm,
    peers_lpm_new,
    peers_lpm_add,
    peers_lpm_remove,
    peers_lpm_lookup
);
route_table!(
    Fib,
    "rte_fib",
    u32,
    u64,
    |address: u32| address,
    u32::clone,
    |answer| answer as u32,
    peers_fib_new,
    peers_fib_add,
    peers_fib_remove,
    peers_fib_lookup
);
route_table!(
    Lpm6,
    "rte_lpm6",
    u128,
    i32,
    u128::to_be_bytes,
    <[u8]>::as_ptr,
    |answer| answer.max(0).cast_unsigned(),
    peers_lpm6_new,
    peers_lpm6_add,
    peers_lpm6_remove,
    peers_lpm6_lookup
);
route_table!(
    Fib6,
    "rte_fib6",
    u128,
    u64,
    u128::to_be_bytes,
    <[u8]>::as_ptr,
    |answer| answer as u32,
    peers_fib6_new,
    peers_fib6_add,
    peers_fib6_remove,
    peers_fib6_lookup
);
