//! VRF counters kept in registers while packets of one VRF follow each other.

use nvgw_types::VrfId;

use crate::telemetry::counters::{Counters, Traffic, VrfCounters};

/// Counts packets of VRFs, one direction, and touches memory only when the VRF changes.
pub(super) struct Meter<'c> {
    counters: &'c Counters,
    direction: fn(&VrfCounters) -> &Traffic,
    /// Whether anything is counted.
    on: bool,
    vrf: VrfId,
    packets: u64,
    bytes: u64,
}

impl<'c> Meter<'c> {
    #[inline(always)]
    pub(super) fn new(counters: &'c Counters, direction: fn(&VrfCounters) -> &Traffic) -> Self {
        Self { counters, direction, on: true, vrf: VrfId(0), packets: 0, bytes: 0 }
    }

    /// The same, counting nothing unless `on`: a packet that another worker received was counted there.
    #[inline(always)]
    pub(super) fn only_if(self, on: bool) -> Self {
        Self { on, ..self }
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
            && self.on
            && let Some(vrf) = self.counters.vrf(self.vrf)
        {
            (self.direction)(vrf).add(self.packets, self.bytes);
        }
        (self.packets, self.bytes) = (0, 0);
    }
}
