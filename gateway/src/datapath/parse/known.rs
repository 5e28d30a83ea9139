//! What is remembered of a port from one burst to the next.

use nvgw_types::{InterfaceId, PortId, VrfId};

use super::shape::{Link, Outside, OverIpv4, OverIpv6};
use crate::tables::ReadSection;
use crate::tables::entries::{Interface, InterfaceKind};
use crate::tables::set::{LocalAddress, TableReaders};

/// The interface that a port's last frame came by, and what usual frames of it look like.
///
/// It is a copy of what tables say. Before a burst [believes](Self::check) it, it is held against them.
pub(in crate::datapath) struct Known {
    /// The VLAN that the frame was tagged with, if it was.
    pub(super) tag: Option<u16>,
    pub(super) id: InterfaceId,
    interface: Option<Interface>,
    /// Destinations known to be ours there, as numbers: IPv4 in its mapped form, and IPv6. 0: none.
    ours: [u128; 2],
    pub(super) side: Side,
}

/// What frames of an interface have in common that are of a usual shape.
#[derive(Clone, Copy)]
pub(super) enum Side {
    /// None has been read yet.
    Unknown,
    /// Of an external network, which is routed in this VRF.
    External { vrf: VrfId, outside: Outside },
    /// Of the provider network, to an address that is known to be ours.
    Provider { over_ipv4: OverIpv4, over_ipv6: OverIpv6 },
}

impl Known {
    pub(in crate::datapath) const NOTHING: Self =
        Self { tag: None, id: InterfaceId(0), interface: None, ours: [0; 2], side: Side::Unknown };

    /// The interface, if all that is known of it is as the tables have it. Forgets it otherwise.
    #[inline(always)]
    pub(super) fn check<'s>(
        &mut self,
        tables: &'s TableReaders,
        section: &'s impl ReadSection,
        port: PortId,
    ) -> Option<&'s Interface> {
        let known = self.interface.as_ref()?;
        let interface = tables.interfaces.get(section, self.id);
        let is_ours = |&ours: &u128| {
            ours == 0
                || tables
                    .locals
                    .get(section, &LocalAddress::key_of(ours))
                    .is_some_and(|local| local.interface == self.id)
        };
        let holds = tables.interfaces.resolve(port, self.tag.unwrap_or(0)) == Some(self.id)
            && interface == known
            && self.ours.iter().all(is_ours);
        if !holds {
            *self = Self::NOTHING;
            return None;
        }
        Some(interface)
    }

    /// Notes that a frame with this tag came, by an interface of which nothing is known.
    pub(super) fn meet(&mut self, tag: Option<u16>, id: InterfaceId, interface: Interface) {
        let side = match interface.kind {
            InterfaceKind::External(vrf) => {
                Side::External { vrf, outside: Link { mac: interface.mac, tag }.outside() }
            }
            InterfaceKind::Provider => {
                Side::Provider { over_ipv4: OverIpv4::NONE, over_ipv6: OverIpv6::NONE }
            }
        };
        *self = Self { tag, id, interface: Some(interface), ours: [0; 2], side };
    }

    /// Whether a destination is known to be ours.
    #[inline(always)]
    pub(super) fn is_ours(&self, address: u128) -> bool {
        address == self.ours[usize::from(!is_ipv4(address))]
    }

    /// Notes what the usual frames look like that go to one of our provider addresses.
    pub(super) fn expect(&mut self, address: u128) {
        self.ours[usize::from(!is_ipv4(address))] = address;
        let (Some(interface), Side::Provider { over_ipv4, over_ipv6 }) = (self.interface, &mut self.side)
        else {
            return;
        };
        let link = Link { mac: interface.mac, tag: self.tag };
        if is_ipv4(address) {
            *over_ipv4 = link.over_ipv4(address as u32);
        } else {
            *over_ipv6 = link.over_ipv6(address);
        }
    }
}

/// Whether a number is an IPv4 address in its mapped form.
#[inline(always)]
const fn is_ipv4(address: u128) -> bool {
    address >> 32 == 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::entries::ipv4_mapped;
    use crate::tables::grace::LocalGrace;
    use crate::tables::set::{TableLimits, TableWriters, tables};
    use nvgw_types::MacAddr;

    const PORT: PortId = PortId(0);
    const VLAN: u16 = 20;
    const OURS: u128 = ipv4_mapped(0x6440_fffe);
    const OURS_TOO: u128 = 0x2001_0db8_00ff_0000_0000_0000_0000_fffe;

    fn provider(last: u8) -> Interface {
        let mac = MacAddr([2, 0, 0, 0, 0, last]);
        Interface { kind: InterfaceKind::Provider, port: PORT, mac, check_mac: true }
    }

    /// Whether what a burst taught is believed after `change`, and before.
    fn believed(change: impl FnOnce(&mut TableWriters, InterfaceId, &LocalGrace)) -> [bool; 2] {
        let grace = LocalGrace::new();
        let (mut writers, readers) = tables(TableLimits::FEW, 1).expect("memory");
        let id = writers.interfaces.create(VLAN, provider(1), &grace).expect("room");
        for address in [OURS, OURS_TOO] {
            writers.locals.upsert(LocalAddress { interface: id, address }, &grace).expect("room");
        }
        let mut known = Known::NOTHING;
        let mut local = grace.reader();
        assert!(known.check(&readers, &local.section(), PORT).is_none(), "nothing is known");
        known.meet(Some(VLAN), id, provider(1));
        known.expect(OURS);
        known.expect(OURS_TOO);
        let before = known.check(&readers, &local.section(), PORT) == Some(&provider(1));
        change(&mut writers, id, &grace);
        let after = known.check(&readers, &local.section(), PORT).is_some();
        assert_eq!(
            after,
            known.is_ours(OURS) && known.is_ours(OURS_TOO),
            "all of it is forgotten, or nothing"
        );
        assert_eq!(after, matches!(known.side, Side::Provider { .. }));
        [before, after]
    }

    #[test]
    fn what_tables_still_say_is_believed() {
        assert_eq!(believed(|_, _, _| {}), [true, true]);
        let another = LocalAddress { interface: InterfaceId(9), address: OURS ^ 1 };
        let elsewhere = believed(|writers, _, grace| assert!(writers.locals.upsert(another, grace).is_ok()));
        assert_eq!(elsewhere, [true, true]);
    }

    #[test]
    fn whatever_changed_is_forgotten() {
        let forgotten = [true, false];
        let station = believed(|writers, id, grace| {
            assert_eq!(writers.interfaces.update(id, provider(2), grace), Ok(true));
        });
        assert_eq!(station, forgotten);
        let kind = InterfaceKind::External(VrfId(1));
        let role = believed(|writers, id, grace| {
            let external = Interface { kind, ..provider(1) };
            assert_eq!(writers.interfaces.update(id, external, grace), Ok(true));
        });
        assert_eq!(role, forgotten);
        let removed = believed(|writers, _, grace| assert!(writers.interfaces.remove(PORT, VLAN, grace)));
        assert_eq!(removed, forgotten);
        let replaced = believed(|writers, _, grace| {
            assert!(writers.interfaces.remove(PORT, VLAN, grace));
            writers.interfaces.create(VLAN, provider(1), grace).expect("room");
        });
        assert_eq!(replaced, forgotten, "another interface, which is like the one before");
        for address in [OURS, OURS_TOO] {
            let gone = believed(|writers, _, grace| {
                assert!(writers.locals.remove(&LocalAddress::key_of(address), grace));
            });
            assert_eq!(gone, forgotten, "{address:#x}");
            let moved = believed(|writers, _, grace| {
                let elsewhere = LocalAddress { interface: InterfaceId(9), address };
                writers.locals.upsert(elsewhere, grace).expect("room");
            });
            assert_eq!(moved, forgotten, "{address:#x}");
        }
    }
}
