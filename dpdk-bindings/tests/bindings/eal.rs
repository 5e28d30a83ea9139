//! What starting DPDK leaves behind: nothing that was not asked for.

use std::path::Path;
use std::thread;

use dpdk_bindings::{Eal, EalOptions, Error, clock};

use crate::common::{cpus, eal, started};

#[test]
fn affinity_stays_as_it_was() {
    let started = started();
    assert_eq!(started.cpus_after, started.cpus_before);
    assert_eq!(thread::spawn(cpus).join().unwrap(), started.cpus_before);
}

#[test]
fn no_files_stay_behind() {
    let prefix = started().options.file_prefix.as_ref().expect("a prefix of our own");
    let own = std::env::var("XDG_RUNTIME_DIR").unwrap_or_else(|_| "/tmp".to_owned());
    for directory in ["/var/run", "/tmp", &own] {
        let path = Path::new(directory).join("dpdk").join(prefix);
        assert!(!path.exists(), "{}", path.display());
    }
}

#[test]
fn starting_twice_is_refused() {
    assert!(matches!(Eal::init(&started().options), Err(Error::AlreadyRunning)));
}

#[test]
fn a_nul_in_an_argument_is_refused() {
    let options = EalOptions { program: "a\0b".to_owned(), ..started().options.clone() };
    assert!(matches!(Eal::init(&options), Err(Error::Text { .. })));
}

#[test]
fn a_thread_registers_once_and_again_after_that() {
    assert!(!eal().uses_hugepages());
    thread::spawn(|| {
        for _ in 0..1_000 {
            let registration = eal().register_thread().expect("registrations end with their guard");
            assert!(matches!(eal().register_thread(), Err(Error::AlreadyRegistered)));
            drop(registration);
        }
    })
    .join()
    .unwrap();
}

#[test]
fn time_goes_forward() {
    eal();
    let start = clock::tsc();
    assert!(clock::tsc() > start);
    assert!(clock::tsc_hz() > 100_000_000);
}
