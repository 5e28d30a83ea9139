//! The control side: the only writer of the tables that workers read.
//!
//! It knows no DPDK, no thread, no clock and no I/O: frames are byte slices, time is an argument, what it sends goes
//! to an [`Egress`]. The same code runs in the gateway and in a replay, and the same input gives the same output.
//!
//! A configuration is [compiled](compile()) into what the tables shall hold, which is
//! [reconciled](Control::reload) with what they hold. Beside that stand the [neighbours](neighbors), which know whom
//! a next hop's address belongs to, and the slow path, which answers what is for the gateway itself.
//!
//! # Hosts of connected prefixes
//!
//! A packet to a host of an external network's own prefix needs a next hop of its own. The prefix's route leads to
//! an adjacency that never resolves; what takes it comes here, the host is asked for, and when it answers it gets an
//! adjacency and a host route: from then on workers do it alone. Hosts that stop answering lose both.

mod capacity;
mod census;
mod compile;
pub mod desired;
mod diff;
pub mod doctor;
mod explain;
mod fabric;
mod frames;
pub mod neighbors;
mod probes;
pub mod provider;
mod reconcile;
mod restart;
mod slow_path;
mod time;
pub mod view;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use nvgw_config::Config;
use nvgw_types::{MacAddr, PortId};

pub use capacity::{OverCapacity, table_limits};
use census::Census;
pub use compile::{Ipv6Unsupported, compile};
use desired::Hop;
use doctor::Checkups;
use fabric::Fabric;
pub use fabric::WriteError;
use neighbors::{Effect, Frame, Neighbors, Origin};
pub use probes::PROBES;
use probes::Probes;
use provider::ProviderRoutes;
pub use reconcile::Applied;
pub use time::Nanos;

use crate::tables::Grace;
use crate::tables::set::TableWriters;
use crate::telemetry::DropReason;
use crate::telemetry::counters::Counters;

/// Where frames of the control side go.
pub trait Egress {
    /// Sends a finished frame; `false` when the queue to the workers is full.
    fn transmit(&mut self, port: PortId, frame: &[u8]) -> bool;
}

/// What a port is, once it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortHardware {
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// Whether frames to another station's address are refused.
    pub check_mac: bool,
}

/// Why a configuration was not put to work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// It asks for what is yet to come.
    #[error(transparent)]
    Ipv6(#[from] Ipv6Unsupported),
    /// It does not fit the tables.
    #[error(transparent)]
    OverCapacity(#[from] OverCapacity),
    /// A table refused: a worker stands still.
    #[error("the change is incomplete, load the file again: {0}")]
    Incomplete(#[from] WriteError),
    /// As many ports are open as the configuration has not.
    #[error("{open} ports are open, but the configuration has {configured}")]
    Ports {
        /// Open ports.
        open: usize,
        /// The configuration's.
        configured: usize,
    },
}

/// Why a configuration was not loaded. All but [`ControlError::Incomplete`] changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// It changes what a running gateway cannot change.
    #[error("{} cannot change while the gateway runs: restart it", .0.join(", "))]
    RestartNeeded(Vec<&'static str>),
    /// It cannot be put to work.
    #[error(transparent)]
    Refused(#[from] ControlError),
}

/// Another station claims an address of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Conflict {
    mac: MacAddr,
    claims: u64,
}

/// The control side of a gateway.
pub struct Control<G: Grace> {
    config: Config,
    provider: ProviderRoutes,
    fabric: Fabric<G>,
    neighbors: Neighbors,
    counters: Arc<Counters>,
    census: Census,
    conflicts: BTreeMap<Hop, Conflict>,
    /// Next hops whose ways could not be rewritten because a worker stood still; tried again with every tick.
    unwritten: Vec<Hop>,
    probes: Probes,
    checkups: Checkups,
}

impl<G: Grace> Control<G> {
    /// Puts a configuration to work on empty tables.
    ///
    /// # Errors
    /// A configuration that the tables do not hold, or that does not fit the open ports.
    pub fn new(
        config: Config,
        ports: Vec<PortHardware>,
        writers: TableWriters,
        grace: G,
    ) -> Result<Self, ControlError> {
        if ports.len() != config.ports.len() {
            return Err(ControlError::Ports { open: ports.len(), configured: config.ports.len() });
        }
        let counters = Arc::new(Counters::new(ports.len(), 0));
        let mut control = Self {
            provider: ProviderRoutes::new(&config)?,
            config,
            fabric: Fabric::new(writers, grace, ports),
            neighbors: Neighbors::default(),
            counters,
            census: Census::default(),
            conflicts: BTreeMap::new(),
            unwritten: Vec::new(),
            probes: Probes::default(),
            checkups: Checkups::default(),
        };
        // Nothing waits for a neighbour yet, so nothing has to be sent.
        let config = control.config.clone();
        control.put_to_work(&config, Nanos::default(), &mut Vec::new())?;
        Ok(control)
    }

    /// Replaces the configuration. What did not change is not touched and loses no packet.
    ///
    /// # Errors
    /// A change that needs a restart, or does not fit: nothing has changed then, but for
    /// [`ControlError::Incomplete`].
    pub fn reload(
        &mut self,
        config: Config,
        now: Nanos,
        out: &mut impl Egress,
    ) -> Result<Applied, ReloadError> {
        let changed = restart::needed(&self.config, &config);
        if !changed.is_empty() {
            return Err(ReloadError::RestartNeeded(changed));
        }
        let provider = ProviderRoutes::new(&config).map_err(ControlError::from)?;
        let mut effects = Vec::new();
        let applied = self.put_to_work(&config, now, &mut effects);
        self.carry_out(now, effects, out);
        let mut applied = applied?;
        applied.count_values(self.provider.all(), provider.all());
        (self.config, self.provider) = (config, provider);
        let fabric = &self.fabric;
        self.conflicts.retain(|hop, _| fabric.network(hop.interface).is_some_and(|n| n.owns(hop.address)));
        self.check_up(now, out);
        Ok(applied)
    }

    fn put_to_work(
        &mut self,
        config: &Config,
        now: Nanos,
        effects: &mut Vec<Effect>,
    ) -> Result<Applied, ControlError> {
        let desired = compile(config, &self.fabric.current.vrfs)?;
        capacity::check(config, &self.fabric.writers.limits, &self.fabric.current, &desired)?;
        let applied = reconcile::reconcile(&mut self.fabric, &mut self.neighbors, now, &desired, effects);
        self.census = Census::of(&self.fabric.current);
        Ok(applied?)
    }

    /// Does what is due: asks again, gives up, forgets; and lets tables reuse what no worker holds any more.
    pub fn tick(&mut self, now: Nanos, out: &mut impl Egress) {
        std::mem::take(&mut self.unwritten).into_iter().for_each(|hop| self.refresh(hop));
        let mut effects = Vec::new();
        self.neighbors.tick(now, &mut effects);
        self.carry_out(now, effects, out);
        self.tick_probes(now);
        self.check_up(now, out);
        self.fabric.reclaim();
    }

    /// When [`Self::tick`] has something to do next.
    #[must_use]
    pub fn next_due(&self) -> Option<Nanos> {
        [self.neighbors.next_due(), self.probes.next_due()].into_iter().flatten().min()
    }

    /// Asks for every next hop of the configuration that is not known, so that one that does not answer is an
    /// [alarm](Self::alarms) before a packet is lost to it. A running gateway does so now and then.
    pub fn ask_for_next_hops(&mut self, now: Nanos, out: &mut impl Egress) {
        let mut effects = Vec::new();
        self.neighbors.ask_for_configured(now, &mut effects);
        self.carry_out(now, effects, out);
    }

    /// Packets that came in, or their answers, that wait for a neighbour.
    #[must_use]
    pub fn held(&self) -> usize {
        self.neighbors.held() - self.probes.unsent()
    }

    /// What the control side counts.
    #[must_use]
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// The configuration at work.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    fn carry_out(&mut self, now: Nanos, effects: Vec<Effect>, out: &mut impl Egress) {
        for effect in effects {
            match effect {
                Effect::Ask { hop, station } => {
                    if let Some(network) = self.fabric.network(hop.interface)
                        && let Some(sender) = network.own_address_toward(hop.address)
                    {
                        let request = self.link(hop.interface).arp_request(station, sender, hop.address);
                        self.originate(hop.interface.port, &request, out);
                    }
                }
                Effect::Resolved(hop) => {
                    if let Err(error) = self.fabric.put_host(hop, &self.neighbors) {
                        tracing::warn!(address = %hop.address, %error, "host not learned");
                        self.fabric.drop_host(hop);
                    }
                    self.refresh(hop);
                }
                Effect::Lost(hop) => self.refresh(hop),
                Effect::Forgotten(hop) => self.fabric.drop_host(hop),
                Effect::Send(hop, frame) => self.send(now, hop, &frame, out),
                Effect::Dropped(reason, packets) => self.counters.drops(reason, packets),
                Effect::Unsent(probe, reason) => self.probe_unsent(probe, reason),
            }
        }
    }

    fn refresh(&mut self, hop: Hop) {
        if let Err(error) = self.fabric.refresh(hop, &self.neighbors) {
            tracing::warn!(next_hop = %hop.address, %error, "next hop not updated yet");
            self.unwritten.push(hop);
        }
    }

    /// Sends a frame that waited, or its answer; it counts as what it is.
    fn send(&mut self, now: Nanos, hop: Hop, frame: &Frame, out: &mut impl Egress) {
        if !self.transmit(hop.interface.port, &frame.bytes, out) {
            match frame.origin {
                Origin::Transit | Origin::Answer => self.counters.drops(DropReason::TransmitFull, 1),
                Origin::Probe(number) => self.probe_unsent(number, DropReason::TransmitFull),
            }
            return;
        }
        match frame.origin {
            Origin::Probe(number) => {
                self.counters.originated.add(1);
                self.probes.sent(now, number);
            }
            Origin::Transit => self.counters.forwarded.add(1),
            Origin::Answer => {
                self.counters.consumed.add(1);
                self.counters.originated.add(1);
            }
        }
    }

    /// Sends a frame that the gateway made itself.
    fn originate(&self, port: PortId, frame: &[u8], out: &mut impl Egress) {
        if self.transmit(port, frame, out) {
            self.counters.originated.add(1);
        }
    }

    /// Hands a frame to the workers, who count it when the port takes it.
    fn transmit(&self, port: PortId, frame: &[u8], out: &mut impl Egress) -> bool {
        let taken = out.transmit(port, frame);
        if !taken {
            self.counters.port(port).tx_dropped.add(1);
        }
        taken
    }

    /// Says on every network which Ethernet address our addresses have now (RFC 5227 §3), so that neighbours that
    /// knew another gateway with these addresses send to this one.
    pub fn announce(&self, out: &mut impl Egress) {
        for (interface, network) in &self.fabric.current.networks {
            for own in &network.addresses {
                let announcement = self.link(*interface).arp_request(None, own.addr(), own.addr());
                self.originate(interface.port, &announcement, out);
            }
        }
    }

    /// Notes that another station claims an address of ours; says so once for each station.
    fn note_conflict(&mut self, own: Hop, mac: MacAddr) {
        let conflict = self.conflicts.entry(own).or_insert(Conflict { mac: MacAddr::ZERO, claims: 0 });
        if conflict.mac != mac {
            tracing::warn!(address = %own.address, %mac, "another station claims an address of the gateway");
        }
        *conflict = Conflict { mac, claims: conflict.claims + 1 };
    }
}
