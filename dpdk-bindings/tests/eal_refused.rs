//! DPDK that does not start. It cannot be started again, so this has a process of its own.

use dpdk_bindings::{Eal, EalOptions, Error, Hugepages};

#[test]
fn a_cpu_that_is_not_there() {
    let good = EalOptions { hugepages: Hugepages::Off, ..EalOptions::default() };
    let error = Eal::init(&EalOptions { main_lcore: 1_000_000, ..good.clone() }).unwrap_err();
    assert!(matches!(error, Error::Init { main_lcore: 1_000_000, .. }), "{error}");
    assert!(error.to_string().contains("the CPU may not exist"), "{error}");
    assert!(matches!(Eal::init(&good), Err(Error::AlreadyRunning)));
}
