//! External tables: one table, many routes.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;

use gateway::tables::fib::Address;
use gateway::tables::grace::LocalGrace;
use gateway::tables::{RoutesOptions, RoutesReader, RoutesWriter, Shape, routes};
use ip_network_table_deps_treebitmap::IpLookupTable;
use ipnet::{Ipv4Net, Ipv6Net};
use nvgw_types::VrfId;
use prefix_trie::PrefixMap;

use crate::peers::{Fib, Fib6, Lpm, Lpm6};
use crate::{BURST, Prefix, Table};

/// The one routing table.
const VRF: VrfId = VrfId(0);

/// A table of routes under measurement.
pub trait RouteTable<A>: Table<A> {
    /// Inserts a route, or changes its value.
    fn insert(&mut self, prefix: Prefix<A>, value: u32);
    /// Removes a route.
    fn remove(&mut self, prefix: Prefix<A>);
}

/// What makes an empty table for a number of routes, and its name.
pub type Routes<A> = (&'static str, fn(usize) -> Box<dyn RouteTable<A>>);

/// All tables for IPv4.
#[must_use]
pub fn ipv4_tables() -> Vec<Routes<u32>> {
    vec![
        ("nvgw", |routes| Box::new(Ours::new(routes))),
        ("nvgw, cursors", |routes| Box::new(Cursors(Ours::new(routes)))),
        (Fib::NAME, |routes| Box::new(Fib::new(routes))),
        (Lpm::NAME, |routes| Box::new(Lpm::new(routes))),
        ("treebitmap", |_| Box::new(IpLookupTable::<Ipv4Addr, u32>::new())),
        ("prefix-trie", |_| Box::new(PrefixMap::<Ipv4Net, u32>::new())),
    ]
}

/// All tables for IPv6.
#[must_use]
pub fn ipv6_tables() -> Vec<Routes<u128>> {
    vec![
        ("nvgw", |routes| Box::new(Ours::new(routes))),
        ("nvgw, cursors", |routes| Box::new(Cursors(Ours::new(routes)))),
        (Fib6::NAME, |routes| Box::new(Fib6::new(routes))),
        (Lpm6::NAME, |routes| Box::new(Lpm6::new(routes))),
        ("treebitmap", |_| Box::new(IpLookupTable::<Ipv6Addr, u32>::new())),
        ("prefix-trie", |_| Box::new(PrefixMap::<Ipv6Net, u32>::new())),
    ]
}

fn sum(answers: impl IntoIterator<Item = u32>) -> u64 {
    answers.into_iter().map(u64::from).sum()
}

/// The gateway's own table, as workers of one thread would see it: prefetched, then looked up.
struct Ours<A> {
    writer: RoutesWriter<A>,
    reader: RoutesReader<A>,
    grace: LocalGrace,
}

impl<A: Address> Ours<A> {
    fn new(capacity: usize) -> Self {
        let grace = LocalGrace::new();
        let options = RoutesOptions { vrfs: 1, external_vrfs: 1, routes: capacity };
        let (mut writer, reader) = routes(options).expect("memory");
        writer.create_vrf(VRF, Shape::External, &grace).expect("room");
        Self { writer, reader, grace }
    }
}

impl<A: Address> Table<A> for Ours<A> {
    #[inline(always)]
    fn lookup(&self, burst: &[A; BURST]) -> u64 {
        let table = self.reader.view();
        let root = table.root(VRF);
        for &address in burst {
            table.prefetch(VRF, address);
        }
        sum(burst.iter().map(|&address| table.lookup_from(root, address)))
    }
}

impl<A: Address> RouteTable<A> for Ours<A> {
    fn insert(&mut self, (address, length): Prefix<A>, value: u32) {
        let value = NonZeroU32::new(value).expect("not zero");
        self.writer.insert(VRF, address, length, value, &self.grace).expect("room");
    }

    fn remove(&mut self, (address, length): Prefix<A>) {
        self.writer.remove(VRF, address, length, &self.grace).expect("the route");
    }
}

/// The same, all lookups a step at a time, side by side.
struct Cursors<A>(Ours<A>);

impl<A: Address> Table<A> for Cursors<A> {
    #[inline(always)]
    fn lookup(&self, burst: &[A; BURST]) -> u64 {
        let table = self.0.reader.view();
        let root = table.root(VRF);
        let mut cursors = burst.map(|address| table.cursor(root, address));
        table.finish(&mut cursors);
        sum(cursors.iter().map(|cursor| cursor.value()))
    }
}

impl<A: Address> RouteTable<A> for Cursors<A> {
    fn insert(&mut self, prefix: Prefix<A>, value: u32) {
        self.0.insert(prefix, value);
    }

    fn remove(&mut self, prefix: Prefix<A>) {
        self.0.remove(prefix);
    }
}

macro_rules! dpdk {
    ($($table:ty: $address:ty),*) => {$(
        impl Table<$address> for $table {
            #[inline(always)]
            fn lookup(&self, burst: &[$address; BURST]) -> u64 {
                sum(<$table>::lookup(self, burst))
            }
        }

        impl RouteTable<$address> for $table {
            fn insert(&mut self, (address, length): Prefix<$address>, value: u32) {
                <$table>::insert(self, address, length, value);
            }

            fn remove(&mut self, (address, length): Prefix<$address>) {
                <$table>::remove(self, address, length);
            }
        }
    )*};
}

dpdk!(Lpm: u32, Fib: u32, Lpm6: u128, Fib6: u128);

/// Tries of the registry, which look addresses up one at a time, in their own types.
macro_rules! tries {
    ($($number:ty, $address:ty, $net:ty);*) => {$(
        impl Table<$number> for IpLookupTable<$address, u32> {
            #[inline(always)]
            fn lookup(&self, burst: &[$number; BURST]) -> u64 {
                sum(burst.iter().filter_map(|&address| Some(*self.longest_match(address.into())?.2)))
            }
        }

        impl RouteTable<$number> for IpLookupTable<$address, u32> {
            fn insert(&mut self, (address, length): Prefix<$number>, value: u32) {
                IpLookupTable::insert(self, address.into(), length.into(), value);
            }

            fn remove(&mut self, (address, length): Prefix<$number>) {
                IpLookupTable::remove(self, address.into(), length.into()).expect("the route");
            }
        }

        impl Table<$number> for PrefixMap<$net, u32> {
            #[inline(always)]
            fn lookup(&self, burst: &[$number; BURST]) -> u64 {
                let host = |address: $number| <$net>::from(<$address>::from(address));
                sum(burst.iter().filter_map(|&address| Some(*self.get_lpm(&host(address))?.1)))
            }
        }

        impl RouteTable<$number> for PrefixMap<$net, u32> {
            fn insert(&mut self, (address, length): Prefix<$number>, value: u32) {
                PrefixMap::insert(self, <$net>::new_assert(address.into(), length), value);
            }

            fn remove(&mut self, (address, length): Prefix<$number>) {
                PrefixMap::remove(self, &<$net>::new_assert(address.into(), length)).expect("the route");
            }
        }
    )*};
}

tries!(u32, Ipv4Addr, Ipv4Net; u128, Ipv6Addr, Ipv6Net);
