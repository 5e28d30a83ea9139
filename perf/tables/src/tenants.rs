//! Tenants' tables: many tables, few routes. `rte_fib` and `rte_lpm` take no part: one of their tables takes 64 MB,
//! 65,536 of them four terabytes.

use std::net::Ipv4Addr;
use std::num::NonZeroU32;

use gateway::tables::grace::LocalGrace;
use gateway::tables::{RoutesOptions, RoutesReader, RoutesWriter, Shape, routes};
use ip_network_table_deps_treebitmap::IpLookupTable;
use ipnet::Ipv4Net;
use nvgw_types::VrfId;
use prefix_trie::PrefixMap;

use crate::{BURST, Table};

/// An address of a tenant: its table and the address.
pub type TenantAddress = (u32, u32);

/// Routes of each tenant: its subnet, a route to a VM that routes, the default route.
pub const TENANT_ROUTES: usize = 3;

/// What makes the tables of so many tenants, and its name.
pub type Tenants = (&'static str, fn(usize) -> Box<dyn Table<TenantAddress>>);

/// All kinds of tables.
#[must_use]
pub fn tenant_tables() -> Vec<Tenants> {
    vec![
        ("nvgw", |tenants| Box::new(Ours::new(tenants))),
        ("treebitmap", |tenants| Box::new((0..tenants as u32).map(bitmap).collect::<Vec<_>>())),
        ("prefix-trie", |tenants| Box::new((0..tenants as u32).map(trie).collect::<Vec<_>>())),
    ]
}

/// The routes of a tenant, and their values.
fn routes_of(tenant: u32) -> [(u32, u8, u32); TENANT_ROUTES] {
    let subnet = 0x0a00_0000 | (tenant & 0xffff) << 8;
    [(subnet, 24, 3 * tenant + 1), (0xac10_0000, 12, 3 * tenant + 2), (0, 0, 3 * tenant + 3)]
}

struct Ours {
    reader: RoutesReader<u32>,
    /// Kept for the memory that is the writer's alone.
    _writer: RoutesWriter<u32>,
}

impl Ours {
    fn new(tenants: usize) -> Self {
        let grace = LocalGrace::new();
        let options = RoutesOptions { vrfs: tenants, external_vrfs: 0, routes: TENANT_ROUTES * tenants };
        let (mut writer, reader) = routes(options).expect("memory");
        for tenant in 0..tenants as u32 {
            writer.create_vrf(VrfId(tenant), Shape::Tenant, &grace).expect("room");
            for (address, length, value) in routes_of(tenant) {
                let value = NonZeroU32::new(value).expect("not zero");
                writer.insert(VrfId(tenant), address, length, value, &grace).expect("room");
            }
        }
        Self { reader, _writer: writer }
    }
}

impl Table<TenantAddress> for Ours {
    #[inline(always)]
    fn lookup(&self, burst: &[TenantAddress; BURST]) -> u64 {
        let table = self.reader.view();
        for &(tenant, address) in burst {
            table.prefetch(VrfId(tenant), address);
        }
        burst.iter().map(|&(tenant, address)| u64::from(table.lookup(VrfId(tenant), address))).sum()
    }
}

fn bitmap(tenant: u32) -> IpLookupTable<Ipv4Addr, u32> {
    let mut table = IpLookupTable::new();
    for (address, length, value) in routes_of(tenant) {
        table.insert(address.into(), length.into(), value);
    }
    table
}

impl Table<TenantAddress> for Vec<IpLookupTable<Ipv4Addr, u32>> {
    #[inline(always)]
    fn lookup(&self, burst: &[TenantAddress; BURST]) -> u64 {
        let found = burst.iter().filter_map(|&(tenant, address)| {
            let (_, _, value) = self.get(tenant as usize)?.longest_match(address.into())?;
            Some(u64::from(*value))
        });
        found.sum()
    }
}

fn trie(tenant: u32) -> PrefixMap<Ipv4Net, u32> {
    routes_of(tenant)
        .into_iter()
        .map(|(address, length, value)| (Ipv4Net::new_assert(address.into(), length), value))
        .collect()
}

impl Table<TenantAddress> for Vec<PrefixMap<Ipv4Net, u32>> {
    #[inline(always)]
    fn lookup(&self, burst: &[TenantAddress; BURST]) -> u64 {
        let found = burst.iter().filter_map(|&(tenant, address)| {
            let host = Ipv4Net::from(Ipv4Addr::from(address));
            Some(u64::from(*self.get(tenant as usize)?.get_lpm(&host)?.1))
        });
        found.sum()
    }
}
