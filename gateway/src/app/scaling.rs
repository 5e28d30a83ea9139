//! Receive-side scaling: who spreads what a port receives over the workers, and the ways between them where one of
//! them does.

#[cfg(test)]
mod tests;

use std::fmt;

use dpdk_bindings::ring::{self, Consumer, Producer};
use dpdk_bindings::{Burst, Capabilities, Eal, Error, clock};
use nvgw_types::{PortId, WorkerId};

use crate::datapath::{Batch, Plan, Spread, Spreader};
use crate::tables::ReadSection;
use crate::tables::set::TableReaders;
use crate::telemetry::counters::Counters;
use crate::telemetry::{DropReason, Stage};

/// Who spreads the packets of a port over the workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scaling {
    /// There is one worker.
    Alone,
    /// The device, by a hash of the innermost headers.
    InnerHash,
    /// The device, by flow rules that hash what is inside NVGRE.
    FlowRules,
    /// The device, by a hash of the outermost headers.
    OuterHash,
    /// Whoever is behind a virtual device.
    Peer,
    /// The worker that receives them.
    Software(Why),
}

/// Why software spreads packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The configuration says so.
    Asked,
    /// Some workers have no queue.
    FewQueues,
    /// The device does not hash.
    NoHash,
    /// The device hashes outer headers, and the port carries NVGRE.
    OuterOnly,
}

/// What is known of a port when it is decided who spreads its packets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    /// What the configuration asks for.
    pub(super) asked: nvgw_config::Rss,
    /// How many workers there are.
    pub(super) workers: u16,
    /// How many receive queues it has.
    pub(super) queues: u16,
    /// Whether a site is on the port, so that NVGRE comes in.
    pub(super) carries_nvgre: bool,
    /// Whether it is a virtual device.
    pub(super) is_virtual: bool,
    /// What the device can do.
    pub(super) capabilities: Capabilities,
}

impl Scaling {
    /// Who is to spread the packets of a port. `rules` has the device hash what is inside NVGRE by flow rules, and says
    /// whether it does.
    pub(super) fn decide(facts: &Facts, rules: impl FnOnce() -> bool) -> Self {
        let Facts { capabilities, .. } = facts;
        if facts.workers == 1 {
            return Self::Alone;
        }
        if facts.asked == nvgw_config::Rss::Software {
            return Self::Software(Why::Asked);
        }
        let is_asked = facts.asked == nvgw_config::Rss::Device;
        if facts.queues < facts.workers && !is_asked {
            return Self::Software(Why::FewQueues);
        }
        if capabilities.rss_innermost {
            return Self::InnerHash;
        }
        if !capabilities.rss {
            let trusted = is_asked || facts.is_virtual;
            return if trusted { Self::Peer } else { Self::Software(Why::NoHash) };
        }
        if !facts.carries_nvgre {
            return Self::OuterHash;
        }
        if facts.queues > 1 && rules() {
            return Self::FlowRules;
        }
        if is_asked { Self::OuterHash } else { Self::Software(Why::OuterOnly) }
    }

    /// Whether the worker that receives packets spreads them.
    pub(super) const fn is_software(self) -> bool {
        matches!(self, Self::Software(_))
    }

    /// Whether flows inside NVGRE are told apart.
    pub(super) const fn sees_inner_flows(self) -> bool {
        matches!(self, Self::InnerHash | Self::FlowRules | Self::Software(_))
    }

    /// Its name in outputs.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Alone => "one-worker",
            Self::InnerHash => "inner-hash",
            Self::FlowRules => "flow-rules",
            Self::OuterHash => "outer-hash",
            Self::Peer => "peer",
            Self::Software(_) => "software",
        }
    }
}

impl fmt::Display for Scaling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alone => "one worker gets all packets",
            Self::InnerHash => "the device spreads packets by its hash of the innermost headers",
            Self::FlowRules => {
                "the device spreads packets by its hash of the headers inside NVGRE (flow rules)"
            }
            Self::OuterHash => "the device spreads packets by its hash of the outermost headers",
            Self::Peer => "whoever is behind the virtual device chooses the queues",
            Self::Software(Why::Asked) => {
                "software spreads packets by their innermost headers, as configured"
            }
            Self::Software(Why::FewQueues) => {
                "software spreads packets by their innermost headers: there are fewer queues than workers"
            }
            Self::Software(Why::NoHash) => {
                "software spreads packets by their innermost headers: the device hashes nothing"
            }
            Self::Software(Why::OuterOnly) => {
                "software spreads packets by their innermost headers: the device hashes outer ones only"
            }
        })
    }
}

/// How many packets may be on their way from one worker to another.
const ON_THEIR_WAY: u32 = 2048;

/// The ends of the ways between workers that are one worker's.
pub(super) struct Ends {
    /// Where it gives away what it receives, if it spreads that.
    pub(super) giving: Option<Giving>,
    /// Where it gets what others receive.
    pub(super) taking: Taking,
}

/// The ways from every worker that spreads what it receives to every other one.
pub(super) fn ways(
    eal: &Eal,
    tables: &TableReaders,
    plan: Plan,
    receivers: &[bool],
) -> Result<Vec<Ends>, Error> {
    let mut taking: Vec<_> = receivers.iter().map(|_| Taking::default()).collect();
    let mut giving = Vec::new();
    for (from, &spreads) in receivers.iter().enumerate() {
        if !spreads {
            giving.push(None);
            continue;
        }
        let mut ways = Vec::new();
        for (to, taking) in taking.iter_mut().enumerate() {
            if to == from {
                ways.push(None);
                continue;
            }
            let (way, end) = ring::spsc(eal, &format!("spread-{from}-{to}"), ON_THEIR_WAY)?;
            ways.push(Some(way));
            taking.from.push(end);
        }
        let spreader = Spreader::new(tables.clone(), plan, WorkerId(from as u16), receivers);
        giving.push(Some(Giving { spreader, ways, own: Burst::new() }));
    }
    Ok(giving.into_iter().zip(taking).map(|(giving, taking)| Ends { giving, taking }).collect())
}

/// Where a worker gives away what it receives for others.
pub(super) struct Giving {
    spreader: Spreader,
    /// By worker; none to itself.
    ways: Vec<Option<Producer<Spread>>>,
    own: Burst,
}

impl Giving {
    /// Gives away what of a burst is others', and returns the rest. Its port and the time-stamp counter at the return of
    /// the poll that brought it are given.
    #[inline(always)]
    pub(super) fn give<S: ReadSection>(
        &mut self,
        section: &S,
        (port, polled): (PortId, u64),
        burst: &mut Burst,
        counters: &Counters,
    ) -> &mut Burst {
        let received = burst.len() as u64;
        self.spreader.spread(section, (port, polled), burst, &mut self.own);
        for (to, batch) in self.spreader.away() {
            let Some(Some(way)) = self.ways.get_mut(to.index()) else { continue };
            counters.handed_out.add(way.push_bulk(batch) as u64);
            if !batch.is_empty() {
                refuse(batch, counters);
            }
        }
        counters.stage(Stage::Spread).add(received, clock::tsc().saturating_sub(polled));
        &mut self.own
    }
}

/// Drops what does not fit a way.
#[cold]
fn refuse(batch: &mut Batch, counters: &Counters) {
    for Spread { mbuf, port, .. } in batch.drain(..) {
        counters.port(port).rx.add(1, mbuf.pkt_len().into());
        counters.drop(DropReason::HandOverFull);
    }
}

/// Where a worker gets what others receive for it.
#[derive(Default)]
pub(super) struct Taking {
    from: Vec<Consumer<Spread>>,
    batch: Batch,
    next: usize,
}

impl Taking {
    /// How many workers give it something.
    pub(super) fn sources(&self) -> usize {
        self.from.len()
    }

    /// Fetches what the next worker that has something has for it, a burst at most. Returns how much.
    #[inline(always)]
    pub(super) fn fetch(&mut self, counters: &Counters) -> usize {
        for _ in 0..self.from.len() {
            self.next = if self.next + 1 < self.from.len() { self.next + 1 } else { 0 };
            let fetched = self.from[self.next].pop_into(&mut self.batch);
            if fetched > 0 {
                self.batch.iter().for_each(|spread| spread.mbuf.prefetch());
                counters.taken_over.add(fetched as u64);
                return fetched;
            }
        }
        0
    }

    /// Puts what was fetched when the time-stamp counter said `fetched` into an empty burst, as far as it came in on one
    /// port, which is returned. So is when the poll of one of the packets returned, chosen by chance.
    #[inline(always)]
    pub(super) fn take(&mut self, fetched: u64, burst: &mut Burst) -> Option<(PortId, u64)> {
        let port = self.batch.first()?.port;
        let same = self.batch.iter().take_while(|spread| spread.port == port).count();
        // On the other core, the counter may be ahead.
        let waited = (fetched as u32).wrapping_sub(self.batch[fetched as usize % same].polled).cast_signed();
        for Spread { mbuf, .. } in self.batch.drain(..same) {
            // The other core has read it, and may have written it.
            mbuf.prefetch_headers();
            // There is room for a burst.
            drop(burst.push(mbuf));
        }
        Some((port, fetched - waited.max(0) as u64))
    }
}
