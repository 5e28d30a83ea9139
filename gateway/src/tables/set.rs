//! All tables of a gateway together: one writer half for the control side, reader halves for each worker.

use nvgw_types::{Family, InterfaceId, MacAddr, NeighborId, PortId};

use super::entries::{
    Binding, NatPolicy, NatSettings, Public, Reach, Record, Rewrite, RewriteSpec, ScopedAddress, Subnet, Via,
};
use super::interfaces::{InterfacesReader, InterfacesWriter, interfaces};
use super::{
    Grace, HashReader, HashWriter, Keyed, OutOfMemory, RoutesOptions, RoutesReader, RoutesWriter,
    StableReader, StableWriter, VsidReader, VsidWriter, hash_table, routes, stable, vsid_table,
};

/// What the tables are sized for. Memory is touched by use only, so room costs address space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableLimits {
    /// Ports.
    pub ports: usize,
    /// Interfaces of all ports together.
    pub interfaces: usize,
    /// Routing tables; their identifiers are below this.
    pub vrfs: usize,
    /// How many of them may be external networks'.
    pub external_vrfs: usize,
    /// Virtual subnets.
    pub vsids: usize,
    /// Lookup records.
    pub records: usize,
    /// IPv4 routes of all routing tables together.
    pub ipv4_routes: usize,
    /// IPv6 routes of all routing tables together.
    pub ipv6_routes: usize,
    /// Ways out.
    pub adjacencies: usize,
    /// Next hops of customer routes.
    pub vias: usize,
    /// The gateway's own provider addresses.
    pub locals: usize,
    /// Public addresses that translation uses; their identifiers are below this.
    pub publics: usize,
    /// Translations that the configuration makes: two for each forwarded port, one for each 1:1 address.
    pub bindings: usize,
}

impl TableLimits {
    /// Room for a few of everything, for tests and benchmarks.
    pub const FEW: Self = Self {
        ports: 2,
        interfaces: 4,
        vrfs: 8,
        external_vrfs: 2,
        vsids: 8,
        records: 8,
        ipv4_routes: 8,
        ipv6_routes: 8,
        adjacencies: 8,
        vias: 8,
        locals: 8,
        publics: 8,
        bindings: 8,
    };
}

/// One of the gateway's own provider addresses, on its interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalAddress {
    /// The site's interface.
    pub interface: InterfaceId,
    /// The address as a number, IPv4 in its mapped form.
    pub address: u128,
}

impl LocalAddress {
    /// The key of an address. All sites are one network: no two of them have the same address.
    #[inline(always)]
    #[must_use]
    pub const fn key_of(address: u128) -> ScopedAddress {
        ScopedAddress { scope: 0, address }
    }
}

impl Keyed for LocalAddress {
    type Key = ScopedAddress;

    #[inline(always)]
    fn key(&self) -> ScopedAddress {
        Self::key_of(self.address)
    }
}

/// The identifier of the one value of [`TableReaders::settings`]. Until it is written, the defaults hold.
pub const NAT_SETTINGS: u32 = 1;

/// A worker's view of all tables.
#[derive(Clone)]
pub struct TableReaders {
    /// Interfaces by port and VLAN.
    pub interfaces: InterfacesReader,
    /// The gateway's own provider addresses.
    pub locals: HashReader<LocalAddress>,
    /// Virtual subnets by VSID.
    pub subnets: VsidReader<Subnet>,
    /// Lookup records by VRF and customer address.
    pub records: HashReader<Record>,
    /// IPv4 routes by VRF; their values are [`Target`](super::entries::Target)s.
    pub ipv4_routes: RoutesReader<u32>,
    /// IPv6 routes, likewise.
    pub ipv6_routes: RoutesReader<u128>,
    /// Next hops of customer routes.
    pub vias: StableReader<Via>,
    /// Ways out.
    pub adjacencies: StableReader<Rewrite>,
    /// Public addresses by external VRF and address.
    pub publics: HashReader<Public>,
    /// Translations that the configuration makes.
    pub bindings: HashReader<Binding>,
    /// What translation does for a tenant, by VRF.
    pub policies: HashReader<NatPolicy>,
    /// What all translation has in common: one value, [`NAT_SETTINGS`].
    pub settings: StableReader<NatSettings>,
}

/// The only writers of all tables.
pub struct TableWriters {
    /// Interfaces by port and VLAN.
    pub interfaces: InterfacesWriter,
    /// The gateway's own provider addresses.
    pub locals: HashWriter<LocalAddress>,
    /// Virtual subnets by VSID.
    pub subnets: VsidWriter<Subnet>,
    /// Lookup records by VRF and customer address.
    pub records: HashWriter<Record>,
    /// IPv4 routes by VRF; their values are [`Target`](super::entries::Target)s.
    pub ipv4_routes: RoutesWriter<u32>,
    /// IPv6 routes, likewise. Every VRF is in both.
    pub ipv6_routes: RoutesWriter<u128>,
    /// Next hops of customer routes.
    pub vias: StableWriter<Via>,
    /// Ways out.
    pub adjacencies: StableWriter<Rewrite>,
    /// Public addresses by external VRF and address.
    pub publics: HashWriter<Public>,
    /// Translations that the configuration makes.
    pub bindings: HashWriter<Binding>,
    /// What translation does for a tenant, by VRF.
    pub policies: HashWriter<NatPolicy>,
    /// What all translation has in common: one value, [`NAT_SETTINGS`].
    pub settings: StableWriter<NatSettings>,
    /// What they are sized for.
    pub limits: TableLimits,
}

impl TableWriters {
    /// Makes the memory of removed and replaced entries available again, as far as no reader holds them.
    pub fn reclaim(&mut self, grace: &impl Grace) {
        self.interfaces.reclaim(grace);
        self.locals.reclaim(grace);
        self.subnets.reclaim(grace);
        self.records.reclaim(grace);
        self.ipv4_routes.reclaim(grace);
        self.ipv6_routes.reclaim(grace);
        self.vias.reclaim(grace);
        self.adjacencies.reclaim(grace);
        self.publics.reclaim(grace);
        self.bindings.reclaim(grace);
        self.policies.reclaim(grace);
        self.settings.reclaim(grace);
    }
}

/// The tables of a gateway, empty. `seed` keys their hashes: a secret where others choose what is looked up, a
/// constant where runs must repeat.
///
/// # Errors
/// If the system has not enough memory.
pub fn tables(limits: TableLimits, seed: u64) -> Result<(TableWriters, TableReaders), OutOfMemory> {
    let (interfaces_writer, interfaces) = interfaces(limits.ports, limits.interfaces)?;
    let (locals_writer, locals) = hash_table(limits.locals, seed)?;
    let (subnets_writer, subnets) = vsid_table(limits.vsids)?;
    let (records_writer, records) = hash_table(limits.records, seed)?;
    let of_family = |routes| RoutesOptions { vrfs: limits.vrfs, external_vrfs: limits.external_vrfs, routes };
    let (ipv4_routes_writer, ipv4_routes) = routes(of_family(limits.ipv4_routes))?;
    let (ipv6_routes_writer, ipv6_routes) = routes(of_family(limits.ipv6_routes))?;
    let (vias_writer, vias) = stable(limits.vias, Via { address: 0 })?;
    let (adjacencies_writer, adjacencies) = stable(limits.adjacencies, no_way())?;
    let (publics_writer, publics) = hash_table(limits.publics, seed)?;
    let (bindings_writer, bindings) = hash_table(limits.bindings, seed)?;
    let (policies_writer, policies) = hash_table(limits.vrfs, seed)?;
    let (settings_writer, settings) = stable(1, NatSettings::default())?;
    let writers = TableWriters {
        interfaces: interfaces_writer,
        locals: locals_writer,
        subnets: subnets_writer,
        records: records_writer,
        ipv4_routes: ipv4_routes_writer,
        ipv6_routes: ipv6_routes_writer,
        vias: vias_writer,
        adjacencies: adjacencies_writer,
        publics: publics_writer,
        bindings: bindings_writer,
        policies: policies_writer,
        settings: settings_writer,
        limits,
    };
    let readers = TableReaders {
        interfaces,
        locals,
        subnets,
        records,
        ipv4_routes,
        ipv6_routes,
        vias,
        adjacencies,
        publics,
        bindings,
        policies,
        settings,
    };
    Ok((writers, readers))
}

/// The way out of a destination that has none. Its MTU is the largest: a packet is dropped for want of a route, not
/// for its size.
#[must_use]
pub fn no_way() -> Rewrite {
    Rewrite::new(&RewriteSpec {
        reach: Reach::NoRoute,
        port: PortId::default(),
        interface: InterfaceId::default(),
        vlan: None,
        source: MacAddr::ZERO,
        destination: MacAddr::ZERO,
        mtu: u16::MAX,
        neighbor: NeighborId::default(),
        family: Family::V4,
        tunnel: None,
    })
}
