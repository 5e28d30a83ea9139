//! What the workers' datapath is told once.

use dpdk_bindings::{Eal, Error};
use nvgw_config::Config;

use crate::datapath::{Options, Reassembly};

/// What the operator chose for the datapath, and whether a device checks what it receives.
pub(super) fn options(config: &Config, checked_by_devices: bool) -> Options {
    let encapsulation = &config.provider.encapsulation;
    Options {
        allow_reserved_vsids: encapsulation.allow_reserved_vsids,
        clamp_mss: encapsulation.clamp_mss,
        checked_by_devices,
    }
}

/// One worker's room for outer fragments, where they are to be put together.
pub(super) fn reassembly(config: &Config, eal: &Eal) -> Result<Option<Reassembly>, Error> {
    let wanted = config.provider.encapsulation.reassemble;
    wanted.then(|| Reassembly::new(eal)).transpose()
}
