//! The ports of public addresses: which are in use, and which block of them is whose.

use nvgw_types::{PublicId, VrfId};
use zerocopy::FromZeros;

use super::random::Random;
use super::share::{self, Division, Shard};
use crate::tables::entries::{PortRange, Protocol, Public};
use crate::tables::exchange::Millis;
use crate::tables::{HugeBox, NONE, OutOfMemory};

/// Ports that are looked after together. No block is smaller.
const UNIT: u32 = share::SMALLEST_BLOCK as u32;
const UNITS: usize = 65_536 / UNIT as usize;

const WELL_KNOWN_END: u32 = share::WELL_KNOWN_END as u32;

/// Which ports are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Below 1024.
    WellKnown,
    /// 1024 and above.
    Others,
}

impl Wanted {
    /// Those that may replace a customer's port, in the order in which they are tried.
    pub(super) const fn for_port(port: u16) -> &'static [Self] {
        if (port as u32) < WELL_KNOWN_END { &[Self::WellKnown, Self::Others] } else { &[Self::Others] }
    }

    /// What of a range from `first` to `last` is wanted.
    fn part(self, first: u32, last: u32) -> Option<(u32, u32)> {
        let (first, last) = match self {
            Self::WellKnown => (first, last.min(WELL_KNOWN_END - 1)),
            Self::Others => (first.max(WELL_KNOWN_END), last),
        };
        (first <= last).then_some((first, last))
    }
}

/// How a port is chosen: at random.
pub(super) struct Choice<'r, F> {
    /// Of which protocol it is to be free.
    pub(super) protocol: Protocol,
    pub(super) wanted: Wanted,
    /// Whether it may be handed out.
    pub(super) allowed: F,
    pub(super) random: &'r mut Random,
}

/// Some ports of a public address that follow each other.
#[derive(Debug, Clone, Copy, FromZeros)]
#[repr(C)]
struct Unit {
    /// The ports in use, a bit for each, by protocol.
    used: [u64; Protocol::COUNT],
    /// The block that they are in, or [`NONE`].
    block: u32,
    reserved: u32,
}

/// A block of ports that a customer holds.
#[derive(Debug, Clone, Copy, FromZeros)]
#[repr(C)]
pub(super) struct Block {
    /// Since when, in milliseconds.
    pub(super) since: u64,
    /// Whose it is.
    pub(super) customer: u32,
    /// The identifier of its address.
    public: u32,
    /// Its external VRF.
    external: u32,
    /// The address.
    pub(super) address: u32,
    /// The customer's next block; of a free one, the next free one.
    pub(super) next: u32,
    pub(super) first: u16,
    pub(super) last: u16,
    /// Ports in use, by protocol.
    used: [u16; Protocol::COUNT],
    reserved: u16,
}

impl Block {
    /// A block without a port in use, in no list.
    pub(super) fn new(public: &Public, first: u16, size: u16, customer: u32, since: Millis) -> Self {
        Self {
            since: since.0,
            customer,
            public: public.id.0,
            external: public.external.0,
            address: public.address,
            first,
            last: first + (size - 1),
            ..Self::new_zeroed()
        }
    }

    /// The identifier of its address.
    pub(super) const fn public(&self) -> PublicId {
        PublicId(self.public)
    }

    /// The external VRF of its address.
    pub(super) const fn external(&self) -> VrfId {
        VrfId(self.external)
    }

    fn is_empty(&self) -> bool {
        self.used == [0; Protocol::COUNT]
    }

    /// Whether all ports are in use.
    fn is_full(&self, protocol: Protocol) -> bool {
        self.used[protocol.index()] > self.last - self.first
    }
}

/// All ports of all addresses.
pub(super) struct Ports {
    units: HugeBox<Unit>,
    blocks: HugeBox<Block>,
    /// Units in blocks, by address and shard.
    taken: HugeBox<u16>,
    free: u32,
    touched: u32,
    /// Blocks that came back so far.
    released: u32,
    division: Division,
}

impl Ports {
    /// For `publics` addresses, and as many blocks as there may be sessions: each has a port in use.
    pub(super) fn new(publics: usize, sessions: usize, division: Division) -> Result<Self, OutOfMemory> {
        Ok(Self {
            units: HugeBox::zeroed(publics * UNITS)?,
            blocks: HugeBox::zeroed(sessions.min(publics * UNITS) + 1)?,
            taken: HugeBox::zeroed(publics * usize::from(division.shards()))?,
            free: NONE,
            touched: NONE + 1,
            released: 0,
            division,
        })
    }

    /// How many blocks have come back: as long as it is the same, an address without a free one still has none.
    pub(super) const fn released(&self) -> u32 {
        self.released
    }

    pub(super) fn block(&self, index: u32) -> &Block {
        &self.blocks[index as usize]
    }

    /// Makes `next` the block after another of the same customer.
    pub(super) fn link(&mut self, index: u32, next: u32) {
        self.blocks[index as usize].next = next;
    }

    /// The block that a port is in, or [`NONE`].
    pub(super) fn owner(&self, id: PublicId, port: u16) -> u32 {
        self.units.get(id.index() * UNITS + usize::from(port) / UNIT as usize).map_or(NONE, |unit| unit.block)
    }

    /// A free port of a block.
    pub(super) fn free_port(&self, block: u32, choice: &mut Choice<impl Fn(u16) -> bool>) -> Option<u16> {
        let block = self.block(block);
        if block.is_full(choice.protocol) {
            return None;
        }
        self.choose(block.public(), block.first.into(), block.last.into(), choice)
    }

    /// A block that nobody has, one at random of an address's and a shard's: its first port, and a free port in it.
    pub(super) fn free_block(
        &self,
        id: PublicId,
        range: PortRange,
        shard: Shard,
        choice: &mut Choice<impl Fn(u16) -> bool>,
    ) -> Option<(u16, u16)> {
        let runs = Runs::new(&self.division, range, shard, choice.wanted);
        let taken = self.taken.get(self.tally(id, shard)).copied()?;
        let most = 2 * u32::from(self.division.stripe()) + u32::from(self.division.well_known());
        if runs.count() == 0 || u32::from(taken) * UNIT >= most {
            return None;
        }
        let start = choice.random.below(runs.count());
        (start..runs.count()).chain(0..start).find_map(|number| {
            let first = runs.nth(number);
            let last = first + ((1 << runs.shift) - 1);
            let free = (first / UNIT..=last / UNIT).all(|unit| self.unit(id, unit).block == NONE);
            let port = free.then(|| self.choose(id, first, last, choice))??;
            Some((first as u16, port))
        })
    }

    fn choose(
        &self,
        id: PublicId,
        first: u32,
        last: u32,
        choice: &mut Choice<impl Fn(u16) -> bool>,
    ) -> Option<u16> {
        let (first, last) = choice.wanted.part(first, last)?;
        let start = first + choice.random.below(last - first + 1);
        let in_part = |from: u32, to: u32| {
            (from / UNIT..to.div_ceil(UNIT)).find_map(|number| {
                let base = number * UNIT;
                let below = if to - base >= UNIT { u64::MAX } else { (1 << (to - base)) - 1 };
                let above = u64::MAX << from.saturating_sub(base);
                let mut free = !self.unit(id, number).used[choice.protocol.index()] & below & above;
                while free != 0 {
                    let port = (base + free.trailing_zeros()) as u16;
                    if (choice.allowed)(port) {
                        return Some(port);
                    }
                    free &= free - 1;
                }
                None
            })
        };
        in_part(start, last + 1).or_else(|| in_part(first, start))
    }

    /// Gives a free block to a customer; `None` if there are no more than were promised.
    pub(super) fn take(&mut self, block: Block) -> Option<u32> {
        let index = if self.free != NONE {
            let index = self.free;
            self.free = self.block(index).next;
            index
        } else if (self.touched as usize) < self.blocks.len() {
            self.touched += 1;
            self.touched - 1
        } else {
            return None;
        };
        let Block { first, last, .. } = block;
        let id = block.public();
        self.blocks[index as usize] = block;
        self.fill(id, first, last, index);
        let tally = self.tally(id, self.division.of_port(first));
        self.taken[tally] += (last - first) / UNIT as u16 + 1;
        Some(index)
    }

    /// Takes back an empty block, which its customer does not have any more.
    pub(super) fn give_back(&mut self, index: u32) {
        let Block { first, last, .. } = *self.block(index);
        let id = self.block(index).public();
        self.fill(id, first, last, NONE);
        let tally = self.tally(id, self.division.of_port(first));
        self.taken[tally] -= (last - first) / UNIT as u16 + 1;
        self.link(index, self.free);
        self.free = index;
        self.released = self.released.wrapping_add(1);
    }

    /// Marks a free port of a block as in use.
    pub(super) fn seize(&mut self, block: u32, protocol: Protocol, port: u16) {
        let block = &mut self.blocks[block as usize];
        block.used[protocol.index()] += 1;
        let id = PublicId(block.public);
        self.unit_mut(id, port).used[protocol.index()] |= 1 << (u32::from(port) % UNIT);
    }

    /// Marks a port in use as free. Whether its block is empty now.
    pub(super) fn release(&mut self, block: u32, protocol: Protocol, port: u16) -> bool {
        let block = &mut self.blocks[block as usize];
        block.used[protocol.index()] -= 1;
        let (id, empty) = (PublicId(block.public), block.is_empty());
        self.unit_mut(id, port).used[protocol.index()] &= !(1 << (u32::from(port) % UNIT));
        empty
    }

    /// Whether the port is the last one in use of its block.
    pub(super) fn is_last(&self, block: u32) -> bool {
        self.block(block).used.iter().map(|used| u32::from(*used)).sum::<u32>() == 1
    }

    fn fill(&mut self, id: PublicId, first: u16, last: u16, block: u32) {
        let units = usize::from(first) / UNIT as usize..=usize::from(last) / UNIT as usize;
        units.for_each(|unit| self.units[id.index() * UNITS + unit].block = block);
    }

    fn unit(&self, id: PublicId, number: u32) -> &Unit {
        &self.units[id.index() * UNITS + number as usize]
    }

    fn unit_mut(&mut self, id: PublicId, port: u16) -> &mut Unit {
        &mut self.units[id.index() * UNITS + usize::from(port) / UNIT as usize]
    }

    fn tally(&self, id: PublicId, shard: Shard) -> usize {
        id.index() * usize::from(self.division.shards()) + usize::from(shard.0)
    }
}

/// The blocks of a shard within a range: whole ones only, in its stripes.
struct Runs {
    /// The first port of the first block, and how many blocks follow each other.
    runs: [(u32, u32); 2],
    shift: u32,
}

impl Runs {
    fn new(division: &Division, range: PortRange, shard: Shard, wanted: Wanted) -> Self {
        let (number, stripe) = (u32::from(shard.0), u32::from(division.stripe()));
        let well_known = u32::from(division.well_known());
        let (stripes, block) = match wanted {
            Wanted::WellKnown => {
                let own = (number * well_known, ((number + 1) * well_known).min(WELL_KNOWN_END));
                ([own, (0, 0)], Division::block_at(0, range.block))
            }
            Wanted::Others => {
                let own = [0, 32_768].map(|half| half + number * stripe);
                (own.map(|first| (first.max(WELL_KNOWN_END), first + stripe)), range.block)
            }
        };
        let shift = block.trailing_zeros();
        let runs = stripes.map(|(first, end)| {
            let (first, end) = (first.max(range.first.into()), end.min(u32::from(range.last) + 1));
            // From the first whole block to the end of the last one.
            let (begin, end) = (first.next_multiple_of(1 << shift), end >> shift << shift);
            if begin < end { (begin, (end - begin) >> shift) } else { (0, 0) }
        });
        Self { runs, shift }
    }

    const fn count(&self) -> u32 {
        self.runs[0].1 + self.runs[1].1
    }

    /// The first port of the block with a number.
    const fn nth(&self, number: u32) -> u32 {
        let [(first, count), (second, _)] = self.runs;
        if number < count {
            first + (number << self.shift)
        } else {
            second + ((number - count) << self.shift)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::tables::entries::PublicState;

    const ID: PublicId = PublicId(1);

    fn range(first: u16, last: u16, block: u16) -> PortRange {
        PortRange { first, last, block }
    }

    fn address(ports: PortRange) -> Public {
        Public {
            external: VrfId(1),
            address: 7,
            id: ID,
            ports: Some(ports),
            state: PublicState::Active,
            forwards: false,
            customer: None,
        }
    }

    fn division() -> Division {
        Division::new(1, 1)
    }

    fn all_of(runs: &Runs) -> Vec<u32> {
        (0..runs.count()).map(|number| runs.nth(number)).collect()
    }

    #[test]
    fn the_blocks_of_all_shards_are_all_whole_blocks_of_a_range() {
        let ranges = [(1, 65_535), (0, 65_535), (1024, 65_535), (5000, 5300), (64, 127), (65_472, 65_535)];
        let sizes = [64, 512, 4096];
        for ((first, last), size) in ranges.into_iter().flat_map(|range| sizes.map(|size| (range, size))) {
            let found = |wanted| {
                let of_shard = |shard| {
                    let blocks = all_of(&Runs::new(&division(), range(first, last, size), shard, wanted));
                    assert!(blocks.iter().all(|&begin| division().of_port(begin as u16) == shard));
                    blocks
                };
                (0..8).map(Shard).flat_map(of_shard).collect::<BTreeSet<_>>()
            };
            let whole = |from: u32, to: u32, size: u16| {
                let within = move |begin: &u32| {
                    *begin >= u32::from(first) && begin + u32::from(size) - 1 <= u32::from(last)
                };
                (from..to).filter(move |begin| begin.is_multiple_of(size.into())).filter(within)
            };
            assert!(whole(0, 1024, 64).eq(found(Wanted::WellKnown)), "{first}-{last} {size}");
            assert!(whole(1024, 65_536, size).eq(found(Wanted::Others)), "{first}-{last} {size}");
        }
    }

    #[test]
    fn every_port_of_a_block_is_chosen_once_and_in_no_order() {
        let mut ports = Ports::new(2, 16, division()).expect("memory");
        let block = ports.take(Block::new(&address(range(1024, 65_535, 256)), 4096, 256, 1, Millis(5)));
        let block = block.expect("room");
        let mut random = Random::new(1, 1);
        let mut chosen = Vec::new();
        loop {
            let mut choice = Choice {
                protocol: Protocol::Tcp,
                wanted: Wanted::Others,
                allowed: |port| port != 4100,
                random: &mut random,
            };
            let Some(port) = ports.free_port(block, &mut choice) else { break };
            ports.seize(block, Protocol::Tcp, port);
            chosen.push(port);
        }
        assert!(!chosen.is_sorted());
        let all: BTreeSet<_> = chosen.iter().copied().collect();
        assert_eq!(chosen.len(), 255);
        assert!(all.iter().copied().eq((4096..4352).filter(|&port| port != 4100)));
        // Other protocols' ports are all free.
        let mut choice = Choice {
            protocol: Protocol::Udp,
            wanted: Wanted::Others,
            allowed: |_| true,
            random: &mut random,
        };
        assert!(ports.free_port(block, &mut choice).is_some());
        for (left, port) in chosen.iter().rev().enumerate().rev() {
            assert_eq!(ports.is_last(block), left == 0);
            assert_eq!(ports.release(block, Protocol::Tcp, *port), left == 0);
        }
    }

    #[test]
    fn blocks_of_a_shard_are_handed_out_once_whatever_their_size() {
        let mut ports = Ports::new(2, 300, division()).expect("memory");
        let mut random = Random::new(1, 1);
        let mut taken = BTreeSet::new();
        for size in [512, 64, 4096, 64] {
            loop {
                let range = range(1024, 65_535, size);
                let mut choice = Choice {
                    protocol: Protocol::Tcp,
                    wanted: Wanted::Others,
                    allowed: |_| true,
                    random: &mut random,
                };
                let Some((first, port)) = ports.free_block(ID, range, Shard(3), &mut choice) else { break };
                assert!((first..=first + (size - 1)).contains(&port));
                let block = ports.take(Block::new(&address(range), first, size, 1, Millis(5))).expect("room");
                let own = (0..size / 64).map(|unit| first / 64 + unit);
                own.for_each(|unit| assert!(taken.insert(unit)));
                assert_eq!((ports.owner(ID, first), ports.owner(ID, first + (size - 1))), (block, block));
                if size == 512 && taken.len() > 64 {
                    break;
                }
            }
        }
        // Two stripes of 64 units.
        assert_eq!(taken.len(), 128);
        assert_eq!(ports.owner(PublicId(0), 3 * 4096), NONE);
        let before = ports.released();
        let block = ports.owner(ID, 3 * 4096);
        let (first, last) = (ports.block(block).first, ports.block(block).last);
        ports.give_back(block);
        assert_ne!(ports.released(), before);
        assert_eq!((ports.owner(ID, first), ports.owner(ID, last)), (NONE, NONE));
        let mut choice = Choice {
            protocol: Protocol::Tcp,
            wanted: Wanted::Others,
            allowed: |_| true,
            random: &mut random,
        };
        let again = ports.free_block(ID, range(1024, 65_535, last - first + 1), Shard(3), &mut choice);
        assert_eq!(again.map(|(begin, _)| begin), Some(first));
    }
}
