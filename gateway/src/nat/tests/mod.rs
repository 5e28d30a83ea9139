//! The engine as a whole: a world of tables, workers and virtual time.

mod filtering;
mod limits;
mod model;
mod orders;
mod pools;
mod tcp;
mod timeouts;

use std::sync::Arc;

use arrayvec::ArrayVec;
use nvgw_types::{InterfaceId, PublicId, VrfId, WorkerId};

use super::share::Division;
use super::*;
use crate::tables::entries::{
    Binding, BindingKey, Filtering, NatPolicy, NatQuota, PortRange, Public, PublicRange, PublicState, RANGES,
};
use crate::tables::exchange::{
    IcmpError, NatEvent, NatEventKind, PortBlock, SessionFilter, SessionRow, SessionState,
};
use crate::tables::grace::{LocalGrace, LocalReader};
use crate::tables::set::{TableLimits, TableWriters, tables};
use crate::telemetry::nat::TenantNat;

/// The external network's VRF.
pub(super) const OUTSIDE: VrfId = VrfId(10);
/// Two tenants' VRFs.
pub(super) const BLUE: VrfId = VrfId(1);
pub(super) const RED: VrfId = VrfId(2);
/// A customer address that both have.
pub(super) const CUSTOMER: u32 = 0x0a00_0105;
/// A public address.
pub(super) const PUBLIC: u32 = 0xc633_6410;
/// A host on the internet.
pub(super) const SERVER: (u32, u16) = (0xcb00_7109, 8080);

pub(super) const FIN: u8 = super::tcp::FIN;
pub(super) const SYN: u8 = super::tcp::SYN;
pub(super) const RST: u8 = super::tcp::RST;
pub(super) const ACK: u8 = super::tcp::ACK;

const SEED: u64 = 0x5eed;

/// Tables, the engines of some workers, and the time.
pub(super) struct World {
    grace: LocalGrace,
    reader: LocalReader,
    pub(super) writers: TableWriters,
    readers: TableReaders,
    pub(super) settings: NatSettings,
    pub(super) now: u64,
    pub(super) division: Division,
    pub(super) workers: Vec<Nat>,
    pub(super) counters: Vec<Arc<NatCounters>>,
    pub(super) log: Vec<NatEvent>,
    pub(super) notices: Vec<Notice>,
    /// How many events the log takes in a burst.
    pub(super) log_room: usize,
}

impl World {
    pub(super) fn new(workers: u16, sessions: usize) -> Self {
        let limits = TableLimits {
            ports: 1,
            interfaces: 1,
            vrfs: 16,
            external_vrfs: 1,
            vsids: 1,
            records: 1,
            ipv4_routes: 16,
            ipv6_routes: 0,
            adjacencies: 1,
            vias: 1,
            locals: 1,
            publics: 64,
            bindings: 256,
        };
        let (writers, readers) = tables(limits, SEED).expect("memory");
        let grace = LocalGrace::new();
        let division = Division::new(workers, SEED);
        let counters: Vec<_> = (0..workers).map(|_| Arc::new(NatCounters::new(16, 64))).collect();
        let engine = |worker| {
            let options =
                NatOptions { sessions, publics: 64, division, worker: WorkerId(worker), seed: SEED };
            let own = Arc::clone(&counters[usize::from(worker)]);
            Nat::new(options, own, counters.clone().into()).expect("memory")
        };
        Self {
            reader: grace.reader(),
            grace,
            writers,
            readers,
            settings: NatSettings::default(),
            now: 1_000_000,
            division,
            workers: (0..workers).map(engine).collect(),
            counters,
            log: Vec::new(),
            notices: Vec::new(),
            log_room: EVENTS,
        }
    }

    /// One worker, one public address, and the two tenants with a pool of it.
    pub(super) fn small() -> Self {
        let mut world = Self::new(1, 64);
        world.publish(public(PUBLIC, 1));
        world.allow(policy(BLUE, &[(PUBLIC, 1)]));
        world.allow(policy(RED, &[(PUBLIC, 1)]));
        world
    }

    pub(super) fn publish(&mut self, public: Public) {
        self.writers.publics.upsert(public, &self.grace).expect("room");
    }

    pub(super) fn withdraw(&mut self, address: u32) {
        assert!(self.writers.publics.remove(&Public::key_of(OUTSIDE, address), &self.grace));
    }

    pub(super) fn allow(&mut self, policy: NatPolicy) {
        self.writers.policies.upsert(policy, &self.grace).expect("room");
    }

    pub(super) fn forbid(&mut self, vrf: VrfId) {
        assert!(self.writers.policies.remove(&vrf, &self.grace));
    }

    pub(super) fn bind(&mut self, binding: Binding) {
        self.writers.bindings.upsert(binding, &self.grace).expect("room");
    }

    /// Forwards a public port to a customer's.
    pub(super) fn forward(&mut self, protocol: Protocol, public: Endpoint, customer: Endpoint) {
        let protocol = Some(protocol);
        let halves = [(Direction::Inbound, public, customer), (Direction::Outbound, customer, public)];
        for (direction, from, to) in halves {
            self.bind(Binding { key: BindingKey { direction, protocol, from }, to });
        }
    }

    /// A packet of a customer, through all stages.
    pub(super) fn send(&mut self, flow: Flow, segment: Segment) -> Result<Endpoint, DropReason> {
        let shard = self.division.of_customer(flow.local.vrf, flow.local.address);
        let worker = usize::from(self.division.worker(shard).0);
        let mut events = self.room();
        let section = self.reader.section();
        let context = Context {
            tables: &self.readers,
            section: &section,
            settings: &self.settings,
            now: Millis(self.now),
        };
        let nat = &mut self.workers[worker];
        let hash = nat.hash(Direction::Outbound, &flow);
        nat.prefetch(Direction::Outbound, hash);
        let located = nat.locate(Direction::Outbound, hash);
        let result = nat.outbound(&context, &flow, &segment, hash, located, &mut events);
        drop(section);
        self.keep(&events);
        result
    }

    /// A packet from outside, through all stages.
    pub(super) fn receive(&mut self, flow: Flow, segment: Segment) -> Result<Endpoint, DropReason> {
        let worker = self.owner_of(flow.local.port);
        let section = self.reader.section();
        let context = Context {
            tables: &self.readers,
            section: &section,
            settings: &self.settings,
            now: Millis(self.now),
        };
        let nat = &mut self.workers[worker];
        let hash = nat.hash(Direction::Inbound, &flow);
        nat.prefetch(Direction::Inbound, hash);
        let located = nat.locate(Direction::Inbound, hash);
        nat.inbound(&context, &flow, &segment, hash, located)
    }

    pub(super) fn owner_of(&self, port: u16) -> usize {
        usize::from(self.division.worker(self.division.of_port(port)).0)
    }

    /// Does with all workers what may take several calls, until it is done or goes on no further.
    fn settle(
        &mut self,
        mut step: impl FnMut(&mut Nat, &Context<'_, crate::tables::grace::LocalSection<'_>>, &mut Events) -> bool,
    ) {
        for worker in 0..self.workers.len() {
            loop {
                let mut events = self.room();
                let room = events.remaining_capacity();
                let section = self.reader.section();
                let context = Context {
                    tables: &self.readers,
                    section: &section,
                    settings: &self.settings,
                    now: Millis(self.now),
                };
                let more = step(&mut self.workers[worker], &context, &mut events);
                drop(section);
                self.keep(&events);
                if !more || room == 0 {
                    break;
                }
            }
        }
    }

    /// Lets all that is due happen.
    pub(super) fn advance(&mut self) {
        let mut all = Vec::new();
        self.settle(|nat, context, events| {
            let mut notices = ArrayVec::new();
            let more = nat.advance(context, 5, events, &mut notices);
            all.extend(notices);
            more
        });
        self.notices.extend(all);
    }

    /// Lets time pass, and all happen that comes in it, when it comes.
    pub(super) fn pass(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        loop {
            let next = self.workers.iter().filter_map(Nat::wakeup).min();
            self.now = next.map_or(end, |at| at.0.clamp(self.now, end));
            self.advance();
            if self.now == end && self.workers.iter().filter_map(Nat::wakeup).all(|at| at.0 > end) {
                break;
            }
        }
    }

    /// Gives an order to all workers and waits for the answers.
    pub(super) fn order(&mut self, order: NatOrder) -> Vec<NatAnswer> {
        self.workers.iter_mut().for_each(|nat| assert!(nat.order(order)));
        let mut all = Vec::new();
        self.settle(|nat, context, events| {
            let mut answers = ArrayVec::new();
            let more = nat.answer(context, 5, &mut answers, events);
            all.extend(answers);
            more
        });
        all
    }

    /// All sessions.
    pub(super) fn rows(&mut self) -> Vec<SessionRow> {
        let filter = SessionFilter::default();
        let list = NatOrder::List { question: 1, filter, from: 0, limit: u32::MAX };
        let row = |answer| match answer {
            NatAnswer::Session { row, .. } => Some(row),
            NatAnswer::Block { .. } | NatAnswer::End { .. } => None,
        };
        self.order(list).into_iter().filter_map(row).collect()
    }

    /// What all workers count of a tenant.
    pub(super) fn sum(&self, vrf: VrfId, count: impl Fn(&TenantNat) -> u64) -> u64 {
        self.counters.iter().map(|worker| count(worker.tenant(vrf).expect("a counter"))).sum()
    }

    /// Sessions and ports of a tenant.
    pub(super) fn in_use(&self, vrf: VrfId) -> (u64, u64) {
        (self.sum(vrf, |tenant| tenant.sessions.get()), self.sum(vrf, |tenant| tenant.ports.get()))
    }

    pub(super) fn entries(&self) -> u64 {
        self.counters.iter().map(|worker| worker.entries.get()).sum()
    }

    fn room(&self) -> Events {
        let mut events = Events::new();
        let filler = NatEventKind::SessionEnded(SessionRow {
            protocol: Protocol::Udp,
            customer: end(OUTSIDE, 0, 0),
            public: end(OUTSIDE, 0, 0),
            remote: (0, 0),
            state: SessionState::Active,
            expires: Millis(0),
        });
        events.extend((self.log_room..EVENTS).map(|_| NatEvent { at: Millis(0), kind: filler }));
        events
    }

    fn keep(&mut self, events: &Events) {
        self.log.extend(events[EVENTS - self.log_room..].iter().copied());
    }

    /// No block is out that was not released, and all counters are back at zero.
    pub(super) fn assert_empty(&self) {
        let mut open = Vec::new();
        for event in &self.log {
            match event.kind {
                NatEventKind::BlockAllocated(block) => open.push(block),
                NatEventKind::BlockReleased(block) => {
                    let place = open.iter().position(|other| *other == block).expect("was allocated");
                    open.swap_remove(place);
                }
                NatEventKind::SessionCreated(_) | NatEventKind::SessionEnded(_) => {}
            }
        }
        assert_eq!(open, []);
        for worker in &self.counters {
            assert_eq!(worker.entries.get(), 0);
            for vrf in 0..16 {
                let tenant = worker.tenant(VrfId(vrf)).expect("a counter");
                assert_eq!((tenant.sessions.get(), tenant.ports.get(), tenant.blocks.get()), (0, 0, 0));
            }
            for id in 0..64 {
                let public = worker.public(PublicId(id)).expect("a counter");
                assert_eq!((public.blocks.get(), public.ports.get()), (0, 0));
            }
        }
        assert!(self.workers.iter().all(|nat| nat.wakeup().is_none()));
        assert!(self.workers.iter().all(|nat| nat.next_end(&self.settings).is_none()));
    }
}

/// The usual public address of a pool.
pub(super) fn public(address: u32, id: u32) -> Public {
    Public {
        external: OUTSIDE,
        address,
        id: PublicId(id),
        ports: Some(PortRange { first: 1024, last: 65_535, block: 512 }),
        state: PublicState::Active,
        forwards: false,
        customer: None,
    }
}

/// A tenant with pools and nothing else.
pub(super) fn policy(vrf: VrfId, pools: &[(u32, u32)]) -> NatPolicy {
    let mut ranges = [PublicRange { first: 0, count: 0 }; RANGES];
    for (range, &(first, count)) in ranges.iter_mut().zip(pools) {
        *range = PublicRange { first, count };
    }
    NatPolicy {
        vrf,
        external: OUTSIDE,
        ranges,
        filtering: [Filtering::EndpointIndependent; Protocol::COUNT],
        of_tenant: NatQuota::UNLIMITED,
        of_address: NatQuota::UNLIMITED,
        forwards: false,
        statics: false,
    }
}

pub(super) fn end(vrf: VrfId, address: u32, port: u16) -> Endpoint {
    Endpoint { vrf, address, port }
}

/// What [`CUSTOMER`] of a tenant sends to [`SERVER`].
pub(super) fn from(vrf: VrfId, protocol: Protocol, port: u16) -> Flow {
    Flow { protocol, local: end(vrf, CUSTOMER, port), remote: SERVER }
}

/// What comes back from there.
pub(super) fn back(protocol: Protocol, public: Endpoint) -> Flow {
    Flow { protocol, local: public, remote: SERVER }
}

pub(super) fn to(flow: Flow, remote: (u32, u16)) -> Flow {
    Flow { remote, ..flow }
}

pub(super) const DATA: Segment = Segment { flags: 0, sequence: 0, acknowledgment: 0, length: 0 };

/// A TCP segment without payload.
pub(super) fn tcp(flags: u8, sequence: u32, acknowledgment: u32) -> Segment {
    Segment { flags, sequence, acknowledgment, length: 0 }
}
