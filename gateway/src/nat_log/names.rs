//! From what workers say to lines: numbers become names.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use nvgw_types::VrfId;

use super::line::{BlockLine, Line, LineEvent, SessionLine};
use super::moment::WallClock;
use crate::tables::exchange::{NatEvent, NatEventKind, PortBlock, SessionRow};

/// The names of VRFs. They outlive the VRFs: what a removed tenant held is released, and logged, after it has gone.
#[derive(Debug, Default)]
pub struct Names(HashMap<VrfId, Arc<str>>);

impl Names {
    /// Learns the names that there are now. A number that is used again has its new name.
    pub fn learn<'n>(&mut self, names: impl IntoIterator<Item = (VrfId, &'n str)>) {
        for (vrf, name) in names {
            let known = self.0.entry(vrf).or_insert_with(|| name.into());
            if **known != *name {
                *known = name.into();
            }
        }
    }

    /// The name of a VRF.
    #[must_use]
    pub fn of(&self, vrf: VrfId) -> Arc<str> {
        self.0.get(&vrf).map_or_else(|| format!("vrf {}", vrf.0).into(), Arc::clone)
    }

    /// The line of an event.
    #[must_use]
    pub fn line(&self, clock: &WallClock, event: &NatEvent) -> Line {
        let event_line = match &event.kind {
            NatEventKind::BlockAllocated(block) => LineEvent::BlockAllocated(self.block(block)),
            NatEventKind::BlockReleased(block) => LineEvent::BlockReleased(BlockLine {
                since: Some(clock.at(block.since)),
                ..self.block(block)
            }),
            NatEventKind::SessionCreated(row) => LineEvent::SessionCreated(self.session(row)),
            NatEventKind::SessionEnded(row) => LineEvent::SessionEnded(self.session(row)),
        };
        Line { time: clock.at(event.at), event: event_line }
    }

    fn block(&self, block: &PortBlock) -> BlockLine {
        BlockLine {
            tenant: self.of(block.customer.vrf),
            customer: Ipv4Addr::from(block.customer.address),
            external: self.of(block.public.vrf),
            public: Ipv4Addr::from(block.public.address),
            first_port: block.public.port,
            last_port: block.last,
            since: None,
        }
    }

    fn session(&self, row: &SessionRow) -> SessionLine {
        SessionLine {
            tenant: self.of(row.customer.vrf),
            customer: Ipv4Addr::from(row.customer.address),
            external: self.of(row.public.vrf),
            public: Ipv4Addr::from(row.public.address),
            protocol: row.protocol.into(),
            customer_port: row.customer.port,
            public_port: row.public.port,
            remote: Ipv4Addr::from(row.remote.0),
            remote_port: row.remote.1,
        }
    }
}
