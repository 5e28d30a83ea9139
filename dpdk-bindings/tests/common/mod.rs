//! One EAL for all tests of a file, which run in threads of one process.

use std::sync::OnceLock;

use dpdk_bindings::{Eal, EalOptions, Hugepages, Mempool, MempoolOptions};

/// DPDK without hugepages, devices or privileges.
pub(crate) fn eal() -> &'static Eal {
    static EAL: OnceLock<Eal> = OnceLock::new();
    EAL.get_or_init(|| Eal::init(&options()).expect("DPDK starts"))
}

pub(crate) fn options() -> EalOptions {
    EalOptions {
        program: "test".to_owned(),
        hugepages: Hugepages::Off,
        memory_mb: 128,
        ..EalOptions::default()
    }
}

/// A pool of 511 buffers of 2,048 bytes that no other test uses.
pub(crate) fn pool(name: &str) -> Mempool {
    let options = MempoolOptions { mbufs: 511, cache: 32, ..MempoolOptions::default() };
    Mempool::new(eal(), name, &options).expect("a pool")
}
