//! The lanes that packets leave the parser by, and what is asked ahead for them.

use nvgw_types::VrfId;

use super::{Arrived, Lanes};
use crate::datapath::decapsulate::blame;
use crate::datapath::family::AddressFamily;
use crate::datapath::lane::{Origin, Packets, append};
use crate::datapath::pipeline::Stages;
use crate::tables::entries::{Record, Subnet};
use crate::tables::fib::Root;
use crate::tables::hash::Candidate;
use crate::tables::{HashView, ReadSection, RoutesView};
use crate::telemetry::DropReason;

/// Where packets of one family go in.
pub(super) struct Entry<'s, 'p, A> {
    pub(super) packets: &'p mut Packets<A>,
    lanes: &'p mut Lanes<'s>,
    routes: RoutesView<'s, A>,
    records: HashView<'s, Record>,
}

impl<'s, 'p, A: AddressFamily> Entry<'s, 'p, A> {
    #[inline(always)]
    pub(super) fn new(stages: &Stages<'s>, packets: &'p mut Packets<A>, lanes: &'p mut Lanes<'s>) -> Self {
        let (routes, records) = (A::routes(stages.tables), stages.tables.records.view());
        Self { packets, lanes, routes, records }
    }

    /// The same for a loop of its own, which has all of it at hand.
    #[inline(always)]
    pub(super) fn reborrow(&mut self) -> Entry<'s, '_, A> {
        let Self { packets, lanes, routes, records } = self;
        Entry { packets, lanes, routes: *routes, records: *records }
    }

    /// Takes in a packet that has been read, or drops and counts it where nobody knows its VSID.
    pub(super) fn enter<S: ReadSection>(
        &mut self,
        stages: &Stages<'s>,
        section: &'s S,
        place: u8,
        origin: Origin,
    ) {
        match origin {
            Origin::Outside => {
                let root = self.root(self.packets[place].vrf);
                self.admit_from_outside(place, root);
            }
            Origin::Tenant => match stages.tables.subnets.view().locate(section, self.packets[place].vsid) {
                Some(subnet) => self.admit_from_tenant(place, subnet),
                None => {
                    let (provider, reason) = (self.packets.outer_source(place), DropReason::NoPolicyForVsid);
                    stages.counters.drop(blame(stages, section, provider, reason));
                }
            },
        }
    }

    /// Takes in a tenant's packet, whose VSID tells its VRF; asks ahead for its sender's record and the VRF's routes.
    #[inline(always)]
    pub(super) fn admit_from_tenant(&mut self, place: u8, (subnet, vrf): (&'s Subnet, VrfId)) {
        let packet = &mut self.packets[place];
        (packet.vrf, packet.tenant) = (vrf, vrf);
        packet.hash = self.records.hash(&packet.sender());
        self.records.prefetch(packet.hash);
        self.routes.prefetch_root(vrf);
        append(&mut self.lanes.tenants, Arrived { place, subnet, sender: Candidate::NONE });
    }

    /// Where an external network's lookups start.
    #[inline(always)]
    pub(super) fn root(&self, vrf: VrfId) -> Root {
        self.routes.root(vrf)
    }

    /// Takes in a packet of an external network, whose lookups start at `root`; asks ahead for its route.
    #[inline(always)]
    pub(super) fn admit_from_outside(&mut self, place: u8, root: Root) {
        self.routes.prefetch_from(root, self.packets[place].destination);
        append(&mut self.lanes.outside, place);
    }
}
