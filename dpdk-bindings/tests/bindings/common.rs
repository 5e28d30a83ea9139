//! The DPDK that the tests share.

use std::mem;
use std::sync::OnceLock;

use dpdk_bindings::{Eal, EalOptions, Hugepages, Mempool, MempoolOptions};

/// DPDK, and how it was started.
pub(crate) struct Started {
    pub(crate) eal: Eal,
    pub(crate) options: EalOptions,
    /// The CPUs that the starting thread could run on before and after.
    pub(crate) cpus_before: Vec<usize>,
    pub(crate) cpus_after: Vec<usize>,
}

pub(crate) fn started() -> &'static Started {
    static STARTED: OnceLock<Started> = OnceLock::new();
    STARTED.get_or_init(|| {
        let options = EalOptions {
            program: "test".to_owned(),
            hugepages: Hugepages::Off,
            memory_mb: 128,
            file_prefix: Some(format!("leaves-nothing-{}", std::process::id())),
            ..EalOptions::default()
        };
        let cpus_before = cpus();
        let eal = Eal::init(&options).expect("DPDK starts");
        Started { eal, options, cpus_before, cpus_after: cpus() }
    })
}

pub(crate) fn eal() -> &'static Eal {
    &started().eal
}

/// A pool of 511 buffers of 2,048 bytes that no other test uses.
pub(crate) fn pool(name: &str) -> Mempool {
    let options = MempoolOptions { mbufs: 511, cache: 32, ..MempoolOptions::default() };
    Mempool::new(eal(), name, &options).expect("a pool")
}

/// The CPUs that the calling thread may run on.
pub(crate) fn cpus() -> Vec<usize> {
    // SAFETY: a CPU set is a bit field, for which all zeros is a value.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: the size is that of the set, which is a local variable.
    let status = unsafe { libc::sched_getaffinity(0, mem::size_of_val(&set), &raw mut set) };
    assert_eq!(status, 0);
    // SAFETY: the numbers are below the size of the set.
    (0..libc::CPU_SETSIZE as usize).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &set) }).collect()
}
