//! The control side: the only writer of the tables that workers read.
//!
//! It knows no DPDK, no thread, no clock and no I/O: frames are byte slices, time is an argument, what it sends goes
//! to an [`Egress`]. The same code runs in the gateway and in a replay, and the same input gives the same output.
//!
//! What the file, the admin API and learning say is the [model]. It is compiled into what the tables shall hold, which
//! is reconciled with what they hold, in whole or, for a change, in part. Beside that stand the [neighbours](neighbors),
//! which know whom a next hop's address belongs to, the [detection] of others who claim our addresses, and the slow
//! path, which answers what is for the gateway itself.
//!
//! # Hosts of connected prefixes
//!
//! A packet to a host of an external network's own prefix needs a next hop of its own. The prefix's route leads to
//! an adjacency that never resolves; what takes it comes here, the host is asked for, and when it answers it gets an
//! adjacency and a host route: from then on workers do it alone. Hosts that stop answering lose both.

mod capacity;
mod census;
mod change;
mod compile;
pub mod desired;
pub mod detection;
mod diff;
pub mod doctor;
mod draft;
mod errors;
pub mod events;
mod explain;
mod fabric;
mod frames;
mod learn;
pub mod learning;
pub mod model;
mod nat;
mod needs;
pub mod neighbors;
mod own_addresses;
mod owner;
mod probes;
pub mod provider;
mod publics;
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

use ipnet::IpNet;
use nvgw_config::Config;
use nvgw_types::{MacAddr, PortId};

pub use capacity::{OverCapacity, table_limits};
use census::Census;
pub use change::{ChangeError, Pending, ReloadError};
use compile::Compiled;
use desired::Hop;
use detection::Detection;
use doctor::Checkups;
use errors::limit::Limits;
use events::{EventKind, Events};
use fabric::Fabric;
pub use fabric::WriteError;
use learning::Learning;
use model::{Model, Stored};
use needs::Needs;
use neighbors::{Effect, Frame, Neighbors, Origin};
pub use owner::Owner;
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
    /// Whether it fills in the checksums of IPv4 headers that it is asked to.
    pub sums_headers: bool,
}

/// Why a configuration was not put to work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
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

/// What a gateway begins with.
#[derive(Debug, Default)]
pub struct Beginning {
    /// The generation that was reached before.
    pub generation: u64,
    /// Objects that no file holds.
    pub stored: Vec<Stored>,
    /// Whether the gateway's own provider addresses are checked before they are used, as after a start. Otherwise it
    /// goes on where another one left off.
    pub check_addresses: bool,
}

/// The control side of a gateway.
pub struct Control<G: Grace> {
    model: Model,
    needs: Needs,
    provider: ProviderRoutes,
    fabric: Fabric<G>,
    neighbors: Neighbors,
    detection: Detection,
    learning: Learning,
    events: Events,
    counters: Arc<Counters>,
    census: Census,
    generation: u64,
    /// Whether a change waits for the journal: the model is ahead of the tables then.
    pending: bool,
    /// What was found out and is not done yet: a change is pending.
    deferred: Vec<own_addresses::Found>,
    /// What duplicate address detection wants done with the next tick.
    detected: Vec<detection::Effect>,
    /// What the journal may note in its own time: of each object the latest, so that a full disk fills no memory.
    unwritten_notes: BTreeMap<String, Option<Vec<u8>>>,
    /// Next hops whose ways could not be rewritten because a worker stood still; tried again with every tick.
    unwritten: Vec<Hop>,
    /// Whether there may be next hops that nobody has asked for yet.
    unasked: bool,
    probes: Probes,
    checkups: Checkups,
    error_limits: Limits,
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
        Self::begin(config, Beginning::default(), ports, writers, grace)
    }

    /// Puts a configuration, and what was changed beside it, to work on empty tables. What does not fit the file any
    /// more is [suspended](Model::suspended).
    ///
    /// # Errors
    /// A configuration that the tables do not hold, or that does not fit the open ports.
    pub fn begin(
        config: Config,
        beginning: Beginning,
        ports: Vec<PortHardware>,
        writers: TableWriters,
        grace: G,
    ) -> Result<Self, ControlError> {
        if ports.len() != config.ports.len() {
            return Err(ControlError::Ports { open: ports.len(), configured: config.ports.len() });
        }
        let counters = Arc::new(Counters::new(ports.len(), 0));
        let mut model = Model::of_file(config, &Default::default(), &Default::default());
        let obsolete = model.restore(beginning.stored);
        let mut control = Self {
            detection: Detection::new(own_addresses::timing(&model)),
            model,
            needs: Needs::default(),
            provider: ProviderRoutes::default(),
            fabric: Fabric::new(writers, grace, ports),
            neighbors: Neighbors::default(),
            learning: Learning::default(),
            events: Events::default(),
            counters,
            census: Census::default(),
            generation: beginning.generation,
            pending: false,
            deferred: Vec::new(),
            detected: Vec::new(),
            unwritten_notes: obsolete.into_iter().map(|key| (key, None)).collect(),
            unwritten: Vec::new(),
            unasked: false,
            probes: Probes::default(),
            checkups: Checkups::default(),
            error_limits: Limits::default(),
        };
        let now = Nanos::default();
        control.watch_addresses(now, !beginning.check_addresses);
        own_addresses::mark_usable(&control.detection, &mut control.model);
        let Compiled { mut draft, needs, routes } = compile::compile(&control.model);
        draft.replaces(&control.fabric.current);
        capacity::check(&control.model, &control.fabric, &draft)?;
        (control.needs, control.provider) = (needs, routes);
        // Nothing waits for a neighbour yet, so nothing has to be sent.
        control.write(now, &draft, &mut Vec::new())?;
        control.note_suspended(now);
        Ok(control)
    }

    /// Does what is due: asks again, gives up, forgets; and lets tables reuse what no worker holds any more.
    pub fn tick(&mut self, now: Nanos, out: &mut impl Egress) {
        std::mem::take(&mut self.unwritten).into_iter().for_each(|hop| self.refresh(hop));
        let mut effects = Vec::new();
        self.neighbors.tick(now, &mut effects);
        self.carry_out(now, effects, out);
        self.check_addresses(now, out);
        self.tick_learning(now);
        self.tick_probes(now);
        self.check_up(now, out);
        self.fabric.reclaim();
    }

    /// When [`Self::tick`] has something to do next.
    #[must_use]
    pub fn next_due(&self) -> Option<Nanos> {
        let now = (!self.detected.is_empty()).then(Nanos::default);
        let due = [
            self.neighbors.next_due(),
            self.detection.next_due(),
            self.learning.next_due(),
            self.probes.next_due(),
        ];
        due.into_iter().chain([now]).flatten().min()
    }

    /// Asks for every next hop of the configuration that is not known, so that one that does not answer is an
    /// [alarm](Self::alarms) before a packet is lost to it. A running gateway does so now and then.
    pub fn ask_for_next_hops(&mut self, now: Nanos, out: &mut impl Egress) {
        self.unasked = false;
        let mut effects = Vec::new();
        self.neighbors.ask_for_configured(now, &mut effects);
        self.carry_out(now, effects, out);
    }

    /// Whether there may be next hops that nobody has [asked for](Self::ask_for_next_hops) yet.
    #[must_use]
    pub fn has_unasked_next_hops(&self) -> bool {
        self.unasked
    }

    /// Packets that came in, or their answers, that wait for a neighbour.
    #[must_use]
    pub fn held(&self) -> usize {
        self.neighbors.held()
    }

    /// What the control side counts.
    #[must_use]
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// What the gateway is told to be.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What only the file says: process, ports, sites, external networks.
    #[must_use]
    pub fn config(&self) -> &Config {
        self.model.frame()
    }

    /// How many changes there were: one more with each batch and each reload.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// What happened.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// What the journal may note in its own time: what was learned, and what means nothing any more.
    pub fn take_notes(&mut self) -> Vec<model::StoredWrite> {
        std::mem::take(&mut self.unwritten_notes).into_iter().collect()
    }

    /// Takes back what the journal could not note. It is older than what came since.
    pub fn note_again(&mut self, writes: Vec<model::StoredWrite>) {
        let newer = std::mem::take(&mut self.unwritten_notes);
        self.unwritten_notes = writes.into_iter().chain(newer).collect();
    }

    fn carry_out(&mut self, now: Nanos, effects: Vec<Effect>, out: &mut impl Egress) {
        for effect in effects {
            match effect {
                Effect::Ask { hop, station } => {
                    if let Some(network) = self.fabric.network(hop.interface)
                        && let Some(sender) = network.own_address_toward(hop.address)
                        && let Some(request) = self.link(hop.interface).ask(station, sender, hop.address)
                    {
                        self.originate(hop.interface.port, &request, out);
                    }
                }
                Effect::Resolved(hop) => {
                    if let Err(error) = self.fabric.put_host(hop, &self.neighbors) {
                        tracing::warn!(address = %hop.address, %error, "host not learned");
                        self.fabric.drop_host(hop);
                    }
                    self.refresh(hop);
                    self.note_next_hop(now, hop, EventKind::NextHopResolved);
                }
                Effect::Lost(hop) => {
                    self.refresh(hop);
                    self.note_next_hop(now, hop, EventKind::NextHopLost);
                }
                Effect::Forgotten(hop) => self.fabric.drop_host(hop),
                Effect::Send(hop, frame) => self.send(now, hop, &frame, out),
                Effect::Dropped(reason) => self.counters.drops(reason, 1),
                Effect::Undelivered { ingress, hop, frame } => {
                    self.counters.drops(DropReason::NeighborUnresolved, 1);
                    let mut effects = Vec::new();
                    self.tell_undelivered(now, ingress, hop, &frame, &mut effects);
                    self.carry_out(now, effects, out);
                }
                Effect::Unsent(probe, reason) => self.probe_unsent(probe, reason),
                Effect::Untold => self.counters.icmp_errors_suppressed.add(1),
            }
        }
    }

    /// Tells of a next hop that was found, or lost; of hosts of connected prefixes there may be any number.
    fn note_next_hop(&mut self, now: Nanos, hop: Hop, kind: EventKind) {
        if self.fabric.wants(hop) {
            let network = self.fabric.network(hop.interface).map_or("", |network| network.name.as_str());
            let message = match self.neighbors.mac(hop) {
                Some(mac) => format!("has {mac}"),
                None => "does not answer".to_owned(),
            };
            self.events.record(now, kind, format!("{} on {network}", hop.address), message);
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
                Origin::Transit(_) | Origin::Answer => self.counters.drops(DropReason::TransmitFull, 1),
                Origin::Error => self.counters.icmp_errors_suppressed.add(1),
                Origin::Probe(number) => self.probe_unsent(number, DropReason::TransmitFull),
            }
            return;
        }
        match frame.origin {
            Origin::Probe(number) => {
                self.counters.originated.add(1);
                self.probes.sent(now, number);
            }
            Origin::Error => {
                self.counters.originated.add(1);
                self.counters.icmp_errors_sent.add(1);
            }
            Origin::Transit(_) => self.counters.forwarded.add(1),
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

    /// Says on every network which Ethernet address our addresses have now (RFC 5227 §3, RFC 4861 §7.2.6), so that neighbours that
    /// knew another gateway with these addresses send to this one.
    pub fn announce(&self, out: &mut impl Egress) {
        for (interface, network) in &self.fabric.current.networks {
            let own = network.addresses.iter().map(IpNet::addr);
            for address in own.chain(self.fabric.spoken_for(*interface)) {
                let announcement = self.link(*interface).announcement(address);
                self.originate(interface.port, &announcement, out);
            }
        }
    }
}
