//! Layer-3 interfaces, found by the port and VLAN of a frame.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use nvgw_types::{InterfaceId, MacAddr, PortId};

use super::entries::{Interface, InterfaceKind};
use super::{
    Grace, OutOfMemory, ReadSection, ReadersStalled, StableReader, StableWriter, TableError, stable,
};

/// The interface of each VLAN of a port; 0: none. Index 0 is the untagged network, priority tags included.
struct VlanMap([AtomicU16; 1 << 12]);

impl VlanMap {
    fn entry(&self, vlan: u16) -> &AtomicU16 {
        // The mask is the array's length less one, so the compiler drops the bounds check.
        &self.0[usize::from(vlan & 0xfff)]
    }
}

/// The only writer of the interfaces.
pub struct InterfacesWriter {
    maps: Arc<[VlanMap]>,
    values: StableWriter<Interface>,
}

/// A worker's view of the interfaces.
#[derive(Clone)]
pub struct InterfacesReader {
    maps: Arc<[VlanMap]>,
    values: StableReader<Interface>,
}

/// The most interfaces there may be: identifiers, those that wait to be used again included, have 16 bits.
pub const MAX_INTERFACES: usize = 32_768;

/// A table for so many ports, each with any VLANs, and `capacity` interfaces in all, at most [`MAX_INTERFACES`].
///
/// # Errors
/// If the system has not enough memory.
pub fn interfaces(
    ports: usize,
    capacity: usize,
) -> Result<(InterfacesWriter, InterfacesReader), OutOfMemory> {
    let maps: Arc<[_]> = (0..ports).map(|_| VlanMap(std::array::from_fn(|_| AtomicU16::new(0)))).collect();
    let absent = Interface {
        kind: InterfaceKind::Provider,
        port: PortId::default(),
        mac: MacAddr::ZERO,
        check_mac: true,
    };
    let (writer, reader) = stable(capacity.min(MAX_INTERFACES), absent)?;
    let reader = InterfacesReader { maps: Arc::clone(&maps), values: reader };
    Ok((InterfacesWriter { maps, values: writer }, reader))
}

impl InterfacesWriter {
    /// The number of interfaces.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no interface.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The number of interfaces there is room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.values.capacity()
    }

    /// The interface of a VLAN, 0 for the untagged network.
    #[must_use]
    pub fn resolve(&self, port: PortId, vlan: u16) -> Option<InterfaceId> {
        resolve(&self.maps, port, vlan)
    }

    /// The interface with an identifier.
    #[must_use]
    pub fn get(&self, id: InterfaceId) -> Option<&Interface> {
        self.values.get(id.0.into())
    }

    /// Adds the interface of a VLAN (0: untagged) of its port.
    ///
    /// # Errors
    /// As for [`StableWriter::create`]; nothing has changed then.
    ///
    /// # Panics
    /// A port that was not declared to [`interfaces`].
    pub fn create(
        &mut self,
        vlan: u16,
        interface: Interface,
        grace: &impl Grace,
    ) -> Result<InterfaceId, TableError> {
        let map = &self.maps[interface.port.index()];
        let id = self.values.create(interface, grace)?;
        let id = InterfaceId(u16::try_from(id).expect("the capacity is at most MAX_INTERFACES"));
        map.entry(vlan).store(id.0, Ordering::Release);
        Ok(id)
    }

    /// Changes what an interface is, but for its port; whether there is the interface.
    ///
    /// # Errors
    /// As for [`StableWriter::update`]; nothing has changed then.
    pub fn update(
        &mut self,
        id: InterfaceId,
        interface: Interface,
        grace: &impl Grace,
    ) -> Result<bool, ReadersStalled> {
        self.values.update(id.0.into(), interface, grace)
    }

    /// Removes the interface of a VLAN (0: untagged); whether there was one.
    pub fn remove(&mut self, port: PortId, vlan: u16, grace: &impl Grace) -> bool {
        let Some(id) = self.resolve(port, vlan) else { return false };
        self.maps[port.index()].entry(vlan).store(0, Ordering::Release);
        self.values.remove(id.0.into(), grace)
    }

    /// Makes the memory of removed and replaced values available again, as far as no reader holds them.
    pub fn reclaim(&mut self, grace: &impl Grace) {
        self.values.reclaim(grace);
    }
}

impl InterfacesReader {
    /// The number of ports.
    #[inline(always)]
    #[must_use]
    pub fn ports(&self) -> usize {
        self.maps.len()
    }

    /// The interface of a VLAN, 0 for untagged frames and priority tags.
    #[inline(always)]
    #[must_use]
    pub fn resolve(&self, port: PortId, vlan: u16) -> Option<InterfaceId> {
        resolve(&self.maps, port, vlan)
    }

    /// The interface with an identifier.
    #[inline(always)]
    #[must_use]
    pub fn get<'s>(&'s self, section: &'s impl ReadSection, id: InterfaceId) -> &'s Interface {
        self.values.get(section, id.0.into())
    }
}

#[inline(always)]
fn resolve(maps: &[VlanMap], port: PortId, vlan: u16) -> Option<InterfaceId> {
    match maps.get(port.index())?.entry(vlan).load(Ordering::Acquire) {
        0 => None,
        id => Some(InterfaceId(id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::grace::LocalGrace;
    use nvgw_types::VrfId;

    fn interface(port: u16, kind: InterfaceKind) -> Interface {
        Interface { kind, port: PortId(port), mac: MacAddr([2, 0, 0, 0, 0, 1]), check_mac: true }
    }

    #[test]
    fn a_frame_finds_the_interface_of_its_port_and_vlan() {
        let grace = LocalGrace::new();
        let (mut writer, reader) = interfaces(2, 8).expect("memory");
        let untagged = writer.create(0, interface(0, InterfaceKind::Provider), &grace).expect("room");
        let external = interface(1, InterfaceKind::External(VrfId(3)));
        let tagged = writer.create(4094, external, &grace).expect("room");
        assert_ne!(untagged, tagged);
        assert_eq!(reader.resolve(PortId(0), 0), Some(untagged));
        assert_eq!(reader.resolve(PortId(1), 4094), Some(tagged));
        assert_eq!(reader.resolve(PortId(1), 0), None);
        assert_eq!(reader.resolve(PortId(7), 0), None, "a port that is not there");
        let mut handle = grace.reader();
        let section = handle.section();
        assert_eq!(*reader.get(&section, tagged), external);
    }

    #[test]
    fn updates_keep_the_identifier_and_removals_free_the_vlan() {
        let grace = LocalGrace::new();
        let (mut writer, reader) = interfaces(1, 1).expect("memory");
        let id = writer.create(5, interface(0, InterfaceKind::Provider), &grace).expect("room");
        let full = writer.create(6, interface(0, InterfaceKind::Provider), &grace);
        assert_eq!(full, Err(TableError::Full { capacity: 1 }));
        assert_eq!(reader.resolve(PortId(0), 6), None, "a refused interface leaves no trace");

        let changed = interface(0, InterfaceKind::External(VrfId(1)));
        assert_eq!(writer.update(id, changed, &grace), Ok(true));
        assert_eq!((reader.resolve(PortId(0), 5), writer.get(id)), (Some(id), Some(&changed)));

        assert!(writer.remove(PortId(0), 5, &grace));
        assert_eq!(reader.resolve(PortId(0), 5), None);
        assert!(!writer.remove(PortId(0), 5, &grace));
    }
}
