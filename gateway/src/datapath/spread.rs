//! Receive-side scaling in software: which worker a packet that was received is for.
//!
//! Where a device does not tell flows inside NVGRE apart, or has fewer queues than there are workers, the worker that
//! polls it chooses: the owner of the customer's sessions where there can be any, so that translation need not hand
//! the packet over once more, else by the innermost flow. Either way all packets of a flow that came in by one queue
//! take one way, in their order. Nothing is dropped or counted here: the worker that gets a packet does all of that.

mod shares;
#[cfg(test)]
mod tests;

use arrayvec::ArrayVec;
use dpdk_bindings::{BURST, Burst, Mbuf};
use nvgw_types::{PortId, WorkerId};

use self::shares::Shares;
use super::lane::Lane;
use super::translate::settings;
use crate::nat::share::Division;
use crate::packet::flow::{Addresses, Flow};
use crate::packet::ipv4;
use crate::tables::ReadSection;
use crate::tables::entries::{InterfaceKind, Public, Subnet};
use crate::tables::hash::mix;
use crate::tables::set::TableReaders;

/// A received frame on its way to the worker that it is for.
#[derive(Debug)]
pub struct Spread {
    /// The frame.
    pub mbuf: Mbuf,
    /// The port that received it.
    pub port: PortId,
    /// When the poll returned that brought it, by the time-stamp counter: its lower half, which lasts for a second.
    pub polled: u32,
}

/// Frames for one worker.
pub type Batch = ArrayVec<Spread, BURST>;

/// How packets are divided among the workers.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How sessions are divided.
    pub division: Division,
    /// Keys the choice by flows: a secret, or others choose the worker of their packets; but a constant where runs
    /// must repeat.
    pub seed: u64,
}

/// Chooses workers for what one worker receives.
pub struct Spreader {
    tables: TableReaders,
    plan: Plan,
    worker: WorkerId,
    shares: Shares,
    away: Box<[Batch]>,
}

impl Spreader {
    /// The choice of `worker`. `receivers` says of each worker whether it spreads what it receives, which leaves it
    /// less time for anything else.
    #[must_use]
    pub fn new(tables: TableReaders, plan: Plan, worker: WorkerId, receivers: &[bool]) -> Self {
        let away = receivers.iter().map(|_| Batch::new()).collect();
        Self { tables, plan, worker, shares: Shares::new(receivers), away }
    }

    /// Divides a burst that came in on a port, by a poll that returned when the time-stamp counter said `polled`. What is
    /// this worker's own, and what is no IP packet, goes to `own` in its order; the rest waits to be
    /// [taken away](Self::away). The burst is empty afterwards, as `own` and all that was taken away must be before.
    #[inline(never)]
    pub fn spread<S: ReadSection>(
        &mut self,
        section: &S,
        (port, polled): (PortId, u64),
        burst: &mut Burst,
        own: &mut Burst,
    ) {
        let targets = self.targets(section, port, burst);
        for (mbuf, target) in burst.drain().zip(targets) {
            // There is room for a burst everywhere.
            if target == self.worker {
                drop(own.push(mbuf));
            } else if let Some(batch) = self.away.get_mut(target.index()) {
                drop(batch.try_push(Spread { mbuf, port, polled: polled as u32 }));
            }
        }
    }

    /// What is for other workers, by their number. Whoever spreads empties it after every burst.
    pub fn away(&mut self) -> impl Iterator<Item = (WorkerId, &mut Batch)> {
        let all = self.away.iter_mut().enumerate();
        all.map(|(number, batch)| (WorkerId(number as u16), batch)).filter(|(_, batch)| !batch.is_empty())
    }

    /// The worker of each packet.
    #[inline(always)]
    fn targets<S: ReadSection>(&self, section: &S, port: PortId, burst: &Burst) -> Lane<WorkerId> {
        /// How many packets ahead headers are asked for.
        const AHEAD: usize = 4;
        let flows = (0..burst.len()).map(|place| {
            if let Some(next) = burst.get(place + AHEAD) {
                next.prefetch_headers();
            }
            Flow::of(burst.get(place).map(Mbuf::data).unwrap_or_default())
        });
        if !settings(&self.tables, section).has_sessions {
            return flows.map(|flow| flow.map_or(self.worker, |flow| self.by_flow(&flow))).collect();
        }
        // All subnets are asked for before the first is read.
        let subnet = |flow: &Flow| Some(self.tables.subnets.view().locate(section, flow.vsid?)?.0);
        let flows: Lane<_> = flows.map(|flow| flow.map(|flow| (flow, subnet(&flow)))).collect();
        let target = |(flow, subnet): &(Flow, Option<&Subnet>)| {
            self.by_session(section, port, flow, *subnet).unwrap_or_else(|| self.by_flow(flow))
        };
        flows.iter().map(|flow| flow.as_ref().map_or(self.worker, target)).collect()
    }

    #[inline(always)]
    fn by_flow(&self, flow: &Flow) -> WorkerId {
        let (source, destination) = flow.ports.unwrap_or_default();
        let ports = u64::from(source) << 16 | u64::from(destination);
        let vsid = flow.vsid.map_or(0, |vsid| u64::from(vsid.get()));
        let rest = self.plan.seed ^ (vsid << 40 | u64::from(flow.protocol) << 32 | ports);
        let hash = match flow.addresses {
            Addresses::V4 { source, destination } => {
                mix(u64::from(source) << 32 | u64::from(destination), rest)
            }
            Addresses::V6 { source, destination } => {
                let fold = |address: u128| mix((address >> 64) as u64, address as u64 ^ self.plan.seed);
                mix(fold(source) ^ fold(destination).rotate_left(32), rest)
            }
        };
        self.shares.of(hash)
    }

    /// The worker that owns the sessions of a packet, which came from `subnet` or from outside, where it may have one:
    /// as translation will find it.
    #[inline(always)]
    fn by_session<S: ReadSection>(
        &self,
        section: &S,
        port: PortId,
        flow: &Flow,
        subnet: Option<&Subnet>,
    ) -> Option<WorkerId> {
        let Addresses::V4 { source, destination } = flow.addresses else { return None };
        let division = &self.plan.division;
        if flow.vsid.is_some() {
            let vrf = subnet?.vrf;
            self.tables.policies.get(section, &vrf)?;
            return Some(division.worker(division.of_customer(vrf, source)));
        }
        let (_, port_there) = flow.ports.filter(|_| matches!(flow.protocol, ipv4::TCP | ipv4::UDP))?;
        let interface = self.tables.interfaces.resolve(port, flow.vlan)?;
        let InterfaceKind::External(external) = self.tables.interfaces.get(section, interface).kind else {
            return None;
        };
        let public = self.tables.publics.get(section, &Public::key_of(external, destination))?;
        public.ports.map(|_| division.worker(division.of_port(port_there)))
    }
}
