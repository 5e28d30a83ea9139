//! What is found by a whole key: virtual subnets, lookup records, ways out.

use gateway::tables::entries::{
    Dscp, Reach, Record, RecordSpec, Rewrite, RewriteSpec, ScopedAddress, SenderMode, Subnet, Tunnel,
    ipv4_mapped,
};
use gateway::tables::grace::{LocalGrace, LocalReader};
use gateway::tables::{
    HashReader, HashWriter, Keyed, StableReader, StableWriter, VsidReader, VsidWriter, hash_table, stable,
    vsid_table,
};
use hashbrown::HashMap;
use nvgw_types::{AdjacencyId, Family, InterfaceId, MacAddr, NeighborId, PortId, VrfId, Vsid};

use crate::peers::Hash;
use crate::{BURST, Table};

const SEED: u64 = 0x5eed;
/// Customer addresses of a tenant.
const NEIGHBORS: usize = 16;

/// What makes a table of so many entries, and its name.
pub type Keys<K> = (&'static str, fn(usize) -> Box<dyn Table<K>>);

/// Virtual subnets by VSID.
#[derive(Debug)]
pub struct Subnets;

/// Lookup records by VRF and customer address.
#[derive(Debug)]
pub struct Records;

/// Ways out by identifier.
#[derive(Debug)]
pub struct Adjacencies;

impl Subnets {
    /// The key of an entry; that of none, from `count` entries on.
    #[must_use]
    pub fn key(number: usize) -> Vsid {
        Vsid::new(0x1000 + number as u64).expect("24 bits")
    }

    /// An entry.
    #[must_use]
    pub fn entry(number: usize) -> Subnet {
        let mac = MacAddr([2, 0, 0, 0, 0, 1]);
        Subnet::new(Self::key(number), VrfId(number as u32), mac, SenderMode::Strict, [])
    }

    fn number(entry: &Subnet) -> u64 {
        entry.vrf.0.into()
    }
}

impl Records {
    /// The key of an entry; that of none, from `count` entries on.
    #[must_use]
    pub fn key(number: usize) -> ScopedAddress {
        let address = ipv4_mapped(0x0a00_0000 | (number % NEIGHBORS) as u32);
        ScopedAddress { scope: (number / NEIGHBORS) as u32, address }
    }

    /// An entry.
    #[must_use]
    pub fn entry(number: usize) -> Record {
        let ScopedAddress { scope, address } = Self::key(number);
        let mac = MacAddr([2, 0, 0, 0, 0, 2]);
        Record::new(&RecordSpec {
            vrf: VrfId(scope),
            address,
            provider: ipv4_mapped(0xc0a8_0000),
            adjacency: AdjacencyId(number as u32),
            vsid: Subnets::key(number % 65_536),
            mac,
            gateway_mac: mac,
            flow_id_zero: false,
            on_link: true,
        })
    }

    fn number(entry: &Record) -> u64 {
        entry.adjacency().0.into()
    }
}

impl Adjacencies {
    /// The identifier of an entry.
    #[must_use]
    pub const fn id(number: usize) -> u32 {
        number as u32 + 1
    }

    /// An entry.
    #[must_use]
    pub fn entry(number: usize) -> Rewrite {
        Rewrite::new(&RewriteSpec {
            reach: Reach::Resolved,
            port: PortId(0),
            interface: InterfaceId(1),
            vlan: None,
            source: MacAddr([2, 0, 0, 0, 0, 3]),
            destination: MacAddr([2, 0, 0, 0, 0, 4]),
            mtu: 1600,
            neighbor: NeighborId(number as u32),
            family: Family::V4,
            tunnel: Some(Tunnel {
                source: [192, 0, 2, 1].into(),
                destination: [192, 0, 2, 2].into(),
                ttl: 64,
                dscp: Dscp::Uniform,
                ecn_compatible: false,
            }),
        })
    }

    fn number(entry: &Rewrite) -> u64 {
        entry.neighbor().0.into()
    }
}

/// Tables of virtual subnets.
#[must_use]
pub fn subnet_tables() -> Vec<Keys<Vsid>> {
    vec![
        ("nvgw array", |count| Box::new(Array::new(count))),
        ("nvgw hash", |count| Box::new(Ours::new(count, Subnets::entry, Subnets::number))),
        ("rte_hash", |count| {
            let entries = leaked(count, Subnets::entry);
            Box::new(Peer::new(entries, |key: Vsid| [key.get()], Subnets::number))
        }),
        ("hashbrown", |count| {
            Box::new(Brown::new(count, |key: Vsid| key.get(), Subnets::entry, Subnets::number))
        }),
    ]
}

/// Tables of lookup records.
#[must_use]
pub fn record_tables() -> Vec<Keys<ScopedAddress>> {
    vec![
        ("nvgw hash", |count| Box::new(Ours::new(count, Records::entry, Records::number))),
        ("rte_hash", |count| Box::new(Peer::new(leaked(count, Records::entry), words, Records::number))),
        ("hashbrown", |count| {
            let key = |key: ScopedAddress| (key.scope, key.address);
            Box::new(Brown::new(count, key, Records::entry, Records::number))
        }),
    ]
}

/// Tables of ways out. Identifiers of none are above the number of entries.
#[must_use]
pub fn adjacency_tables() -> Vec<Keys<u32>> {
    vec![
        ("nvgw stable", |count| Box::new(Versions::new(count))),
        ("hashbrown", |count| {
            let mut map = HashMap::with_capacity(count);
            map.extend((1..=count).map(|id| (id as u32, Adjacencies::entry(id))));
            Box::new(Brown { map, key: |id: u32| id, number: Adjacencies::number })
        }),
        // What nobody could change while workers read it.
        ("Vec", |count| Box::new((0..=count).map(Adjacencies::entry).collect::<Vec<_>>())),
    ]
}

fn leaked<T>(count: usize, entry: fn(usize) -> T) -> &'static [T] {
    Vec::leak((0..count).map(entry).collect())
}

fn words(key: ScopedAddress) -> [u32; 5] {
    let a = key.address;
    [key.scope, (a >> 96) as u32, (a >> 64) as u32, (a >> 32) as u32, a as u32]
}

/// A section opens for each burst, as a worker's does.
struct Ours<T: Keyed> {
    reader: HashReader<T>,
    number: fn(&T) -> u64,
    local: std::cell::RefCell<LocalReader>,
    /// Kept for the memory that is the writer's alone.
    _writer: HashWriter<T>,
}

impl<T: Keyed> Ours<T> {
    fn new(count: usize, entry: fn(usize) -> T, number: fn(&T) -> u64) -> Self {
        let grace = LocalGrace::new();
        let (mut writer, reader) = hash_table(count, SEED).expect("memory");
        for i in 0..count {
            writer.upsert(entry(i), &grace).expect("room");
        }
        Self { reader, number, local: grace.reader().into(), _writer: writer }
    }
}

impl<T: Keyed> Table<T::Key> for Ours<T> {
    #[inline(always)]
    fn lookup(&self, burst: &[T::Key; BURST]) -> u64 {
        let mut local = self.local.borrow_mut();
        let section = &local.section();
        let table = self.reader.view();
        let hashes = burst.map(|key| {
            let hash = table.hash(&key);
            table.prefetch(hash);
            hash
        });
        let candidates = hashes.map(|hash| table.candidate(section, hash));
        let mut sum = 0;
        for i in 0..BURST {
            if let Some(entry) = table.confirm(section, candidates[i], hashes[i], &burst[i]) {
                sum += (self.number)(entry);
            }
        }
        sum
    }
}

struct Array {
    reader: VsidReader<Subnet>,
    local: std::cell::RefCell<LocalReader>,
    /// Kept for the memory that is the writer's alone.
    _writer: VsidWriter<Subnet>,
}

impl Array {
    fn new(count: usize) -> Self {
        let grace = LocalGrace::new();
        let (mut writer, reader) = vsid_table(count).expect("memory");
        for number in 0..count {
            writer.upsert(Subnets::entry(number), &grace).expect("room");
        }
        Self { reader, local: grace.reader().into(), _writer: writer }
    }
}

impl Table<Vsid> for Array {
    #[inline(always)]
    fn lookup(&self, burst: &[Vsid; BURST]) -> u64 {
        let mut local = self.local.borrow_mut();
        let section = &local.section();
        let table = self.reader.view();
        let found = burst.map(|vsid| table.locate(section, vsid));
        found.iter().flatten().map(|(entry, _)| Subnets::number(entry)).sum()
    }
}

/// `rte_hash`, whose values are pointers: what they point to is brought near before it is read.
struct Peer<K, const N: usize, T: 'static> {
    table: Hash<N, T>,
    words: fn(K) -> [u32; N],
    number: fn(&T) -> u64,
}

impl<K: Copy, const N: usize, T: Keyed<Key = K>> Peer<K, N, T> {
    fn new(entries: &'static [T], words: fn(K) -> [u32; N], number: fn(&T) -> u64) -> Self {
        let mut table = Hash::new(entries.len());
        for entry in entries {
            table.insert(words(entry.key()), entry);
        }
        Self { table, words, number }
    }
}

impl<K: Copy, const N: usize, T> Table<K> for Peer<K, N, T> {
    #[inline(always)]
    fn lookup(&self, burst: &[K; BURST]) -> u64 {
        let found = self.table.lookup(&burst.map(self.words));
        found.iter().flatten().for_each(|entry| gateway::tables::prefetch(*entry));
        found.iter().flatten().map(|entry| (self.number)(entry)).sum()
    }
}

/// `hashbrown`, the standard library's map, which looks keys up one at a time.
struct Brown<K, H, T> {
    map: HashMap<H, T>,
    key: fn(K) -> H,
    number: fn(&T) -> u64,
}

impl<K, H: Eq + std::hash::Hash, T: Keyed<Key = K>> Brown<K, H, T> {
    fn new(count: usize, key: fn(K) -> H, entry: fn(usize) -> T, number: fn(&T) -> u64) -> Self {
        let mut map = HashMap::with_capacity(count);
        map.extend((0..count).map(entry).map(|entry| (key(entry.key()), entry)));
        Self { map, key, number }
    }
}

impl<K: Copy, H: Eq + std::hash::Hash, T> Table<K> for Brown<K, H, T> {
    #[inline(always)]
    fn lookup(&self, burst: &[K; BURST]) -> u64 {
        burst.iter().filter_map(|&key| self.map.get(&(self.key)(key))).map(|entry| (self.number)(entry)).sum()
    }
}

struct Versions {
    reader: StableReader<Rewrite>,
    local: std::cell::RefCell<LocalReader>,
    /// Kept for the memory that is the writer's alone.
    _writer: StableWriter<Rewrite>,
}

impl Versions {
    fn new(count: usize) -> Self {
        let grace = LocalGrace::new();
        let (mut writer, reader) = stable(count, Adjacencies::entry(0)).expect("memory");
        for number in 1..=count {
            let id = writer.create(Adjacencies::entry(number), &grace).expect("room");
            assert_eq!(id as usize, number);
        }
        Self { reader, local: grace.reader().into(), _writer: writer }
    }
}

impl Table<u32> for Versions {
    #[inline(always)]
    fn lookup(&self, burst: &[u32; BURST]) -> u64 {
        let mut local = self.local.borrow_mut();
        let section = &local.section();
        let found = burst.map(|id| {
            let entry = self.reader.get(section, id);
            gateway::tables::prefetch(entry);
            entry
        });
        found.iter().map(|entry| Adjacencies::number(entry)).sum()
    }
}

impl Table<u32> for Vec<Rewrite> {
    #[inline(always)]
    fn lookup(&self, burst: &[u32; BURST]) -> u64 {
        for &id in burst {
            if let Some(entry) = self.get(id as usize) {
                gateway::tables::prefetch(entry);
            }
        }
        burst.iter().filter_map(|&id| self.get(id as usize)).map(Adjacencies::number).sum()
    }
}
