//! VRF counters kept in registers while packets of one VRF follow each other.

use nvgw_types::VrfId;

use crate::telemetry::counters::{Counters, Traffic, VrfCounters};

/// Counts packets of VRFs, one direction, and touches memory only when the VRF changes.
pub(super) struct Meter<'c, F> {
    counters: &'c Counters,
    direction: F,
    vrf: VrfId,
    packets: u64,
    bytes: u64,
}

impl<'c, F: Fn(&VrfCounters) -> &Traffic> Meter<'c, F> {
    #[inline(always)]
    pub(super) fn new(counters: &'c Counters, direction: F) -> Self {
        Self { counters, direction, vrf: VrfId(0), packets: 0, bytes: 0 }
    }

    #[inline(always)]
    pub(super) fn count(&mut self, vrf: VrfId, bytes: u16) {
        if vrf != self.vrf {
            self.flush();
            self.vrf = vrf;
        }
        self.packets += 1;
        self.bytes += u64::from(bytes);
    }

    /// Writes what was counted.
    #[inline(always)]
    pub(super) fn flush(&mut self) {
        if self.packets > 0
            && let Some(vrf) = self.counters.vrf(self.vrf)
        {
            (self.direction)(vrf).add(self.packets, self.bytes);
        }
        (self.packets, self.bytes) = (0, 0);
    }
}
