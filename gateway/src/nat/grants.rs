//! Who gets which public address, blocks and ports (RFC 4787 REQ-2, RFC 6888 REQ-2, RFC 7422 §1).

use std::sync::Arc;

use nvgw_types::WorkerId;

use super::customers::Customers;
use super::ports::{Block, Choice, Ports, Wanted};
use super::random::Random;
use super::share::{Division, Shard};
use super::{Context, Events, Flow, NatOptions};
use crate::tables::entries::{
    BindingKey, Direction, Endpoint, NatPolicy, PortRange, Protocol, Public, PublicState,
};
use crate::tables::exchange::{Millis, NatEvent, NatEventKind, PortBlock};
use crate::tables::hash::mix;
use crate::tables::{NONE, OutOfMemory, ReadSection};
use crate::telemetry::DropReason;
use crate::telemetry::nat::NatCounters;

/// How many pools are remembered as exhausted.
const REMEMBERED: usize = 256;

/// A port that was handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grant {
    /// The block that it is in.
    pub(super) block: u32,
    pub(super) public: Endpoint,
}

/// A pool in which nothing was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Exhausted {
    pool: u64,
    /// When: the tables may say otherwise in another second.
    second: u64,
    /// Blocks that had come back by then.
    released: u32,
}

/// The log has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogFull;

/// All that is handed out.
pub(super) struct Grants {
    pub(super) ports: Ports,
    pub(super) customers: Customers,
    /// By shard, so that choices do not depend on how many workers there are.
    randoms: Box<[Random]>,
    exhausted: Box<[Exhausted]>,
    division: Division,
    worker: WorkerId,
    counters: Arc<NatCounters>,
}

/// One who needs a port.
struct Request<'r, S> {
    context: &'r Context<'r, S>,
    policy: &'r NatPolicy,
    flow: &'r Flow,
    shard: Shard,
    random: Random,
}

impl<S: ReadSection> Request<'_, S> {
    /// How a port of an address is chosen: none that is forwarded.
    fn choice(&mut self, public: &Public, wanted: Wanted) -> Choice<'_, impl Fn(u16) -> bool> {
        let (context, protocol) = (self.context, self.flow.protocol);
        let Public { external, address, forwards, .. } = *public;
        let allowed = move |port| {
            !forwards || !is_forwarded(context, protocol, Endpoint { vrf: external, address, port })
        };
        Choice { protocol, wanted, allowed, random: &mut self.random }
    }
}

/// Whether the configuration binds a public port.
pub(super) fn is_forwarded<S: ReadSection>(
    context: &Context<'_, S>,
    protocol: Protocol,
    public: Endpoint,
) -> bool {
    let key = BindingKey { direction: Direction::Inbound, protocol: Some(protocol), from: public };
    context.tables.bindings.get(context.section, &key).is_some()
}

/// The ports of a public address that may be handed out.
fn usable(public: &Public) -> Option<PortRange> {
    public.ports.filter(|_| public.state == PublicState::Active)
}

impl Grants {
    pub(super) fn new(options: &NatOptions, counters: Arc<NatCounters>) -> Result<Self, OutOfMemory> {
        let NatOptions { sessions, publics, division, worker, seed } = *options;
        Ok(Self {
            ports: Ports::new(publics, sessions, division)?,
            customers: Customers::new(sessions, seed)?,
            randoms: (0..division.shards()).map(|shard| Random::new(seed, shard.into())).collect(),
            exhausted: vec![Exhausted::default(); REMEMBERED].into_boxed_slice(),
            division,
            worker,
            counters,
        })
    }

    /// Hands out a port for a new mapping of a customer, who may be known already. Leaves room in `events` for one more
    /// where sessions are logged.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn grant<S: ReadSection>(
        &mut self,
        context: &Context<'_, S>,
        policy: &NatPolicy,
        customer: Option<u32>,
        flow: &Flow,
        events: &mut Events,
    ) -> Result<Grant, DropReason> {
        let shard = self.division.of_customer(flow.local.vrf, flow.local.address);
        debug_assert_eq!(self.division.worker(shard), self.worker, "another worker's customer");
        let random = self.randoms[usize::from(shard.0)];
        let mut request = Request { context, policy, flow, shard, random };
        let paired = customer.and_then(|index| Some((index, self.paired(&request, index)?)));
        let (block, port) = match paired {
            Some((customer, public)) => self.more(&mut request, customer, public, events)?,
            None => self.first(&mut request, customer, events)?,
        };
        // Who gets nothing uses up no randomness: whether a search was made at all does not matter then.
        self.randoms[usize::from(shard.0)] = request.random;
        self.seize(block, flow, port);
        let address = self.ports.block(block).address;
        Ok(Grant { block, public: Endpoint { vrf: policy.external, address, port } })
    }

    /// The public address that a customer has, if it is still one for new ports.
    fn paired<'r, S: ReadSection>(&self, request: &Request<'r, S>, customer: u32) -> Option<&'r Public> {
        let customer = self.customers.get(customer);
        let key = Public::key_of(request.policy.external, customer.public);
        let public = request.context.tables.publics.get(request.context.section, &key)?;
        let in_pools = |address: u32| {
            request.policy.pools().any(|range| address.wrapping_sub(range.first) < range.count)
        };
        let same = customer.external == request.policy.external.0 && customer.public_id() == public.id;
        (same && usable(public).is_some() && in_pools(public.address)).then_some(public)
    }

    /// One more port of the customer's own public address.
    fn more<S: ReadSection>(
        &mut self,
        request: &mut Request<'_, S>,
        customer: u32,
        public: &Public,
        events: &mut Events,
    ) -> Result<(u32, u16), DropReason> {
        let range = usable(public).ok_or(DropReason::NatPortsExhausted)?;
        for &wanted in Wanted::for_port(request.flow.local.port) {
            if let Some(held) = self.of_held(request, customer, public, wanted) {
                return Ok(held);
            }
            let shard = request.shard;
            let found = self.ports.free_block(public.id, range, shard, &mut request.choice(public, wanted));
            if let Some((first, port)) = found {
                let block = self.take(request, Some(customer), public, range, first, events)?;
                return Ok((block, port));
            }
        }
        Err(DropReason::NatPortsExhausted)
    }

    /// A port of the blocks that a customer has. The block where one was found is the first to be tried next time.
    fn of_held<S: ReadSection>(
        &mut self,
        request: &mut Request<'_, S>,
        customer: u32,
        public: &Public,
        wanted: Wanted,
    ) -> Option<(u32, u16)> {
        let first = self.customers.get(customer).blocks;
        let (mut before, mut block) = (NONE, first);
        while block != NONE {
            let of_pair = self.ports.block(block).public() == public.id;
            let next = self.ports.block(block).next;
            let port =
                of_pair.then(|| self.ports.free_port(block, &mut request.choice(public, wanted))).flatten();
            if let Some(port) = port {
                if before != NONE {
                    self.ports.link(before, next);
                    self.ports.link(block, first);
                    self.customers.get_mut(customer).blocks = block;
                }
                return Some((block, port));
            }
            (before, block) = (block, next);
        }
        None
    }

    /// The first port of a customer that has no public address: of an address chosen at random in the first of the
    /// tenant's pools that has a free block.
    fn first<S: ReadSection>(
        &mut self,
        request: &mut Request<'_, S>,
        customer: Option<u32>,
        events: &mut Events,
    ) -> Result<(u32, u16), DropReason> {
        for &wanted in Wanted::for_port(request.flow.local.port) {
            let mark = self.mark(request, wanted);
            let place = mark.pool as usize % REMEMBERED;
            if self.exhausted[place] == mark {
                continue;
            }
            if let Some((public, range, first, port)) = self.search(request, wanted) {
                let block = self.take(request, customer, public, range, first, events)?;
                return Ok((block, port));
            }
            self.exhausted[place] = mark;
        }
        Err(DropReason::NatPoolExhausted)
    }

    /// A free block of any address of the tenant's pools.
    fn search<'r, S: ReadSection>(
        &self,
        request: &mut Request<'r, S>,
        wanted: Wanted,
    ) -> Option<(&'r Public, PortRange, u16, u16)> {
        let (context, policy) = (request.context, request.policy);
        for pool in policy.pools() {
            let start = request.random.below(pool.count);
            for offset in (start..pool.count).chain(0..start) {
                let key = Public::key_of(policy.external, pool.first.wrapping_add(offset));
                let Some(public) = context.tables.publics.get(context.section, &key) else { continue };
                let Some(range) = usable(public) else { continue };
                let shard = request.shard;
                let mut choice = request.choice(public, wanted);
                if let Some((first, port)) = self.ports.free_block(public.id, range, shard, &mut choice) {
                    return Some((public, range, first, port));
                }
            }
        }
        None
    }

    /// What a search that finds nothing leaves.
    fn mark<S: ReadSection>(&self, request: &Request<'_, S>, wanted: Wanted) -> Exhausted {
        let kind = u64::from(request.shard.0) << 1 | u64::from(wanted == Wanted::Others);
        let pool =
            request.policy.pools().fold(mix(u64::from(request.policy.external.0), kind), |hash, range| {
                mix(hash, u64::from(range.first) << 32 | u64::from(range.count))
            });
        // Forwarded ports are some protocols' only.
        let pool = mix(pool, request.flow.protocol as u64);
        Exhausted { pool, second: request.context.now.0 / 1000, released: self.ports.released() }
    }

    /// Gives a free block to a customer, and says so.
    fn take<S: ReadSection>(
        &mut self,
        request: &Request<'_, S>,
        customer: Option<u32>,
        public: &Public,
        range: PortRange,
        first: u16,
        events: &mut Events,
    ) -> Result<u32, DropReason> {
        if events.remaining_capacity() <= usize::from(request.context.settings.log_sessions) {
            return Err(DropReason::NatLogFull);
        }
        let Endpoint { vrf, address, .. } = request.flow.local;
        let customer = customer.or_else(|| self.customers.add(vrf, address));
        let customer = customer.ok_or(DropReason::NatTableFull)?;
        let size = Division::block_at(first, range.block);
        let block = Block::new(public, first, size, customer, request.context.now);
        let index = self.ports.take(block).ok_or(DropReason::NatTableFull)?;
        let record = self.customers.get_mut(customer);
        record.pair(public.external, public.address, public.id);
        self.ports.link(index, record.blocks);
        record.blocks = index;
        if let Some(tenant) = self.counters.tenant(vrf) {
            tenant.blocks.raise(1);
            tenant.allocations.add(1);
        }
        if let Some(public) = self.counters.public(public.id) {
            public.blocks.raise(1);
            public.most_blocks.at_least(public.blocks.get());
        }
        let kind = NatEventKind::BlockAllocated(self.describe(index));
        events.push(NatEvent { at: request.context.now, kind });
        Ok(index)
    }

    /// Counts a port as in use.
    fn seize(&mut self, block: u32, flow: &Flow, port: u16) {
        self.ports.seize(block, flow.protocol, port);
        self.customers.get_mut(self.ports.block(block).customer).ports += 1;
        if let Some(tenant) = self.counters.tenant(flow.local.vrf) {
            tenant.ports.raise(1);
        }
        if let Some(public) = self.counters.public(self.ports.block(block).public()) {
            public.ports.raise(1);
            public.most_ports.at_least(public.ports.get());
        }
    }

    /// Takes a port back, and its block if that is empty then.
    ///
    /// # Errors
    /// If the block would have to be logged and there is no room. Nothing has changed then.
    pub(super) fn release(
        &mut self,
        block: u32,
        protocol: Protocol,
        port: u16,
        now: Millis,
        events: &mut Events,
    ) -> Result<(), LogFull> {
        if events.is_full() && self.ports.is_last(block) {
            return Err(LogFull);
        }
        let customer = self.ports.block(block).customer;
        let id = self.ports.block(block).public();
        let empty = self.ports.release(block, protocol, port);
        let record = self.customers.get_mut(customer);
        record.ports -= 1;
        let (tenant, public) = (self.counters.tenant(record.vrf()), self.counters.public(id));
        if let Some(tenant) = tenant {
            tenant.ports.lower(1);
            tenant.blocks.lower(u64::from(empty));
        }
        if let Some(public) = public {
            public.ports.lower(1);
            public.blocks.lower(u64::from(empty));
        }
        if empty {
            events.push(NatEvent { at: now, kind: NatEventKind::BlockReleased(self.describe(block)) });
            self.give_back(customer, block);
        }
        Ok(())
    }

    fn give_back(&mut self, customer: u32, block: u32) {
        let next = self.ports.block(block).next;
        let first = self.customers.get(customer).blocks;
        if first == block {
            self.customers.get_mut(customer).blocks = next;
            if next == NONE {
                self.customers.remove(customer);
            }
        } else {
            let mut before = first;
            while self.ports.block(before).next != block {
                before = self.ports.block(before).next;
            }
            self.ports.link(before, next);
        }
        self.ports.give_back(block);
    }

    /// A block as it is logged and shown.
    pub(super) fn describe(&self, index: u32) -> PortBlock {
        let block = self.ports.block(index);
        let customer = self.customers.get(block.customer);
        PortBlock {
            customer: Endpoint { vrf: customer.vrf(), address: customer.address(), port: 0 },
            public: Endpoint { vrf: block.external(), address: block.address, port: block.first },
            last: block.last,
            since: Millis(block.since),
        }
    }
}
