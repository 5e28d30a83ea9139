//! The stages in their order, and what they share.

use std::sync::Arc;

use arrayvec::ArrayVec;
use dpdk_bindings::{BURST, Burst, Mempool, clock};
use nvgw_types::{PortId, VrfId};

use super::decapsulate::{check_senders, locate_senders};
use super::family::AddressFamily;
use super::handed::Handed;
use super::lane::{Lane, Packets};
use super::output::Outputs;
use super::parse::{Known, Lanes, Notes, parse, read_around};
use super::reassemble::Reassembly;
use super::resolve::{locate, resolve};
use super::rewrite::{rewrite_plain, rewrite_wrapped};
use super::route::{Routed, Ways, decide, find_receivers, leave, locate_receivers, look_up, stay};
use super::translate::{Translation, Translator, settings};
use crate::tables::exchange::Millis;
use crate::tables::set::TableReaders;
use crate::tables::{ReadSection, prefetch_front};
use crate::telemetry::counters::{Counters, VrfCounters};
use crate::telemetry::latency::Direction;
use crate::telemetry::{DropReason, Stage};

/// What the operator chose for the datapath as a whole.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Whether VSIDs 0 to 0xFFF are accepted.
    pub allow_reserved_vsids: bool,
    /// Whether the MSS that the ends of a TCP connection tell each other is lowered to what the path takes both ways.
    pub clamp_mss: bool,
}

/// What every stage may ask.
pub(super) struct Stages<'s> {
    pub(super) tables: &'s TableReaders,
    pub(super) counters: &'s Counters,
    pub(super) allow_reserved_vsids: bool,
    pub(super) clamp_mss: bool,
    /// Where fragments of packets are made that do not fit their way out.
    pub(super) pool: &'s Mempool,
    /// Whether the packets were received by this worker just now, and no worker has counted that.
    pub(super) fresh: bool,
}

impl<'s> Stages<'s> {
    #[inline(always)]
    fn new(
        tables: &'s TableReaders,
        counters: &'s Counters,
        pool: &'s Mempool,
        options: Options,
        fresh: bool,
    ) -> Self {
        let Options { allow_reserved_vsids, clamp_mss } = options;
        Self { tables, counters, allow_reserved_vsids, clamp_mss, pool, fresh }
    }

    /// The counters of VRFs, for a loop to have at hand.
    #[inline(always)]
    pub(super) fn traffic(&self) -> VrfTraffic<'s> {
        let vrfs = self.counters.vrfs();
        VrfTraffic { vrfs, receiving: if self.fresh { vrfs } else { &[] } }
    }

    /// As [`VrfTraffic::received`].
    #[inline(always)]
    pub(super) fn received(&self, vrf: VrfId, length: u16) {
        self.traffic().received(vrf, 1, length.into());
    }

    /// As [`VrfTraffic::sent`].
    #[inline(always)]
    pub(super) fn sent(&self, vrf: VrfId, length: u16) {
        self.traffic().sent(vrf, 1, length.into());
    }
}

/// Where VRFs' packets and bytes are counted.
#[derive(Clone, Copy)]
pub(super) struct VrfTraffic<'s> {
    vrfs: &'s [VrfCounters],
    /// The same, unless the worker that received the packets has counted them: then there are none.
    receiving: &'s [VrfCounters],
}

impl VrfTraffic<'_> {
    /// Counts packets, and their lengths in bytes, that were accepted from a VRF's own side, unless the worker that
    /// received them has done so.
    #[inline(always)]
    pub(super) fn received(self, vrf: VrfId, packets: u64, bytes: u64) {
        if let Some(counters) = self.receiving.get(vrf.index()) {
            counters.rx.add(packets, bytes);
        }
    }

    /// Counts packets, and their lengths in bytes, that are sent to a VRF's own side.
    #[inline(always)]
    pub(super) fn sent(self, vrf: VrfId, packets: u64, bytes: u64) {
        if let Some(counters) = self.vrfs.get(vrf.index()) {
            counters.tx.add(packets, bytes);
        }
    }

    /// Asks ahead for the counters of a VRF, which are written soon.
    #[inline(always)]
    pub(super) fn prefetch(self, vrf: VrfId) {
        if let Some(counters) = self.vrfs.get(vrf.index()) {
            prefetch_front(counters);
        }
    }
}

/// A worker's datapath: bursts in, finished frames out.
///
/// It allocates when it is made and never again.
pub struct Pipeline {
    tables: TableReaders,
    counters: Arc<Counters>,
    options: Options,
    ipv4: Box<Packets<u32>>,
    ipv6: Box<Packets<u128>>,
    translator: Translator,
    pool: Mempool,
    reassembly: Option<Box<Reassembly>>,
    /// By port: whether its device checks the IPv4 headers that it receives.
    checked: Box<[bool]>,
    /// By port, and one more for those that are not there.
    known: Box<[Known]>,
}

impl Pipeline {
    /// A datapath over these tables that counts into these counters, of which it is the only writer.
    #[must_use]
    pub fn new(
        tables: TableReaders,
        counters: Arc<Counters>,
        options: Options,
        translator: Translator,
    ) -> Self {
        let (ipv4, ipv6) = (Box::new(Packets::EMPTY), Box::new(Packets::EMPTY));
        let pool = translator.pool().clone();
        let known = (0..=tables.interfaces.ports()).map(|_| Known::NOTHING).collect();
        Self {
            tables,
            counters,
            options,
            ipv4,
            ipv6,
            translator,
            pool,
            reassembly: None,
            checked: Box::default(),
            known,
        }
    }

    /// Puts outer fragments together, which are dropped otherwise.
    #[must_use]
    pub fn with_reassembly(mut self, reassembly: Option<Reassembly>) -> Self {
        self.reassembly = reassembly.map(Box::new);
        self
    }

    /// Believes the devices of some ports, those that have `true` at their place, where they say that the checksum of an
    /// IPv4 header is right.
    #[must_use]
    pub fn with_checked(mut self, ports: Box<[bool]>) -> Self {
        self.checked = ports;
        self
    }

    /// Whether [`tend`](Self::tend) may have something to do.
    #[inline(always)]
    #[must_use]
    pub fn is_due(&self, now: Millis) -> bool {
        self.translator.is_due(now) || self.reassembly_due().is_some_and(|due| due <= now)
    }

    /// When time alone gives [`tend`](Self::tend) something to do.
    #[must_use]
    pub fn wakeup(&self) -> Option<Millis> {
        [self.translator.wakeup(), self.reassembly_due()].into_iter().flatten().min()
    }

    /// Fragments that wait for others of their packet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let outer = self.reassembly.as_ref().map_or(0, |reassembly| reassembly.waiting());
        self.translator.waiting() + outer as usize
    }

    #[inline(always)]
    fn reassembly_due(&self) -> Option<Millis> {
        self.reassembly.as_ref()?.wakeup()
    }

    /// The worker's translation.
    #[must_use]
    pub const fn translator(&self) -> &Translator {
        &self.translator
    }

    /// The worker's translation, to be given orders.
    pub const fn translator_mut(&mut self) -> &mut Translator {
        &mut self.translator
    }

    /// When exactly the next session, resting port or held packet ends. Looks at everything: for replays.
    pub fn next_end(&self, section: &impl ReadSection) -> Option<Millis> {
        let translation = self.translator.next_end(settings(&self.tables, section));
        [translation, self.reassembly_due()].into_iter().flatten().min()
    }

    /// Takes a burst that came in on a port through all stages. The burst is empty afterwards: each of its packets is
    /// in `out`, waits for other fragments of its packet, or was dropped and counted.
    pub fn process<S: ReadSection>(
        &mut self,
        section: &S,
        now: Millis,
        port: PortId,
        burst: &mut Burst,
        out: &mut Outputs,
    ) {
        self.take(section, now, Arrival { port, fresh: true }, burst, out);
    }

    /// Goes on with packets that were handed over.
    pub fn resume<S: ReadSection>(
        &mut self,
        section: &S,
        now: Millis,
        handed: &mut ArrayVec<Handed, BURST>,
        burst: &mut Burst,
        out: &mut Outputs,
    ) {
        let mut rest = handed.drain(..).peekable();
        while let Some(Handed { mbuf, kind, .. }) = rest.next() {
            let arrival = kind.arrival();
            let mut place = 0;
            let mut next = Some((mbuf, kind));
            while let Some((mbuf, kind)) = next.take() {
                let (fragment, sender) = kind.notes();
                if burst.push(mbuf).is_err() {
                    Counters::drop(&self.counters, DropReason::HandOverFull);
                    break;
                }
                self.ipv4.hand(place, fragment, sender);
                place += 1;
                next = rest
                    .next_if(|handed| handed.kind.arrival() == arrival)
                    .map(|handed| (handed.mbuf, handed.kind));
            }
            match arrival {
                (port, false) => self.take(section, now, Arrival { port, fresh: false }, burst, out),
                (port, true) => self.take_around(section, now, port, burst, out),
            }
            self.ipv4.forget_handed();
        }
    }

    /// Forgets what earlier bursts taught of the ports: the next frame of each is read as one of which nothing is known. The
    /// outcome is the same; tests see to that.
    pub fn forget_ports(&mut self) {
        self.known.fill_with(|| Known::NOTHING);
    }

    /// Does what is due, and a part of what the control thread asked for. Whether there is more to do.
    pub fn tend<S: ReadSection>(&mut self, section: &S, now: Millis, out: &mut Outputs) -> bool {
        if let Some(reassembly) = &mut self.reassembly
            && reassembly.wakeup().is_some_and(|due| due <= now)
        {
            reassembly.expire(now, &self.counters);
        }
        let stages = Stages::new(&self.tables, &self.counters, &self.pool, self.options, false);
        let mut translation =
            Translation { stages: &stages, section, translator: &mut self.translator, now, port: PortId(0) };
        let due = translation.tend(out);
        translation.answer(out) || due
    }

    #[inline(always)]
    fn take<S: ReadSection>(
        &mut self,
        section: &S,
        now: Millis,
        arrival: Arrival,
        burst: &mut Burst,
        out: &mut Outputs,
    ) {
        out.arrived(now, arrival.port);
        let stages = Stages::new(&self.tables, &self.counters, &self.pool, self.options, arrival.fresh);
        let (ipv4, ipv6) = (&mut *self.ipv4, &mut *self.ipv6);
        let mut lap = Lap::start(&self.counters, out.weight);

        let (mut lanes, mut lanes_of_ipv6) = (Lanes::default(), Lanes::default());
        let arrived = burst.len();
        let both = (&mut lanes, &mut lanes_of_ipv6);
        let reassembly = self.reassembly.as_deref_mut().map(|reassembly| (reassembly, now));
        let known = &mut self.known[arrival.port.index().min(self.tables.interfaces.ports())];
        let notes = Notes { ipv4: &mut *ipv4, ipv6: &mut *ipv6, known, reassembly };
        if self.checked.get(arrival.port.index()).is_some_and(|&checked| checked) {
            parse::<true, S>(&stages, section, arrival.port, notes, burst, both, out);
        } else {
            parse::<false, S>(&stages, section, arrival.port, notes, burst, both, out);
        }
        lap.end(Stage::Parse, arrived);

        let translator = &mut self.translator;
        let mut translation = Translation { stages: &stages, section, translator, now, port: arrival.port };
        if !lanes.is_empty() {
            pass(&mut translation, ipv4, burst, &mut lanes, &mut lap, out);
        }
        if !lanes_of_ipv6.is_empty() {
            pass(&mut translation, ipv6, burst, &mut lanes_of_ipv6, &mut lap, out);
        }
        burst.clear();
    }

    /// Takes customers' packets to other customers' public addresses through the stages that are left.
    #[cold]
    #[inline(never)]
    fn take_around<S: ReadSection>(
        &mut self,
        section: &S,
        now: Millis,
        port: PortId,
        burst: &mut Burst,
        out: &mut Outputs,
    ) {
        out.arrived(now, port);
        let stages = Stages::new(&self.tables, &self.counters, &self.pool, self.options, false);
        let packets = &mut *self.ipv4;
        let routed = read_around(packets, burst);
        let mut lap = Lap::start(&self.counters, out.weight);
        let translator = &mut self.translator;
        let mut translation = Translation { stages: &stages, section, translator, now, port };
        let mut ways = Ways::default();
        take_in(&translation, packets, burst, &routed, (&mut ways, &mut lap), out);
        forward(&mut translation, packets, burst, &mut ways, &mut lap, out);
        burst.clear();
    }
}

/// How a burst came to this worker.
#[derive(Clone, Copy)]
struct Arrival {
    /// The port that received it.
    port: PortId,
    /// Whether this worker did.
    fresh: bool,
}

/// Takes the packets of one family through the stages.
#[inline(always)]
fn pass<'s, A: AddressFamily, S: ReadSection>(
    translation: &mut Translation<'_, 's, S>,
    packets: &mut Packets<A>,
    burst: &mut Burst,
    lanes: &mut Lanes<'s>,
    lap: &mut Lap<'_>,
    out: &mut Outputs,
) {
    let (stages, section) = (translation.stages, translation.section);
    let Lanes { tenants, outside } = lanes;
    let mut ways = Ways::default();
    if !outside.is_empty() {
        take_in(translation, packets, burst, outside, (&mut ways, lap), out);
    }
    if !tenants.is_empty() {
        let mut routed = Routed::default();
        locate_senders(stages, section, packets, tenants);
        check_senders(stages, section, packets, tenants, burst, &mut routed, out);
        lap.end(Stage::Decapsulate, tenants.len());
        leave(stages, section, packets, burst, (&routed.leaving, &mut ways), out);
        stay(stages, section, packets, burst, (&routed.staying, &mut ways), out);
        lap.end(Stage::Route, routed.leaving.len() + routed.staying.len());
    }
    forward(translation, packets, burst, &mut ways, lap, out);
}

/// Routes packets from outside, and finds the records of those to VMs.
#[inline(always)]
fn take_in<'s, A: AddressFamily, S: ReadSection>(
    translation: &Translation<'_, 's, S>,
    packets: &mut Packets<A>,
    burst: &mut Burst,
    outside: &Lane<u8>,
    (ways, lap): (&mut Ways<'s>, &mut Lap<'_>),
    out: &mut Outputs,
) {
    let (stages, section) = (translation.stages, translation.section);
    let (mut incoming, mut others) = (Lane::new(), Lane::new());
    look_up(stages, packets, outside, (&mut incoming, &mut others));
    locate_receivers(stages, section, packets, &mut incoming);
    decide(stages, section, packets, burst, (&others, ways), out);
    lap.end(Stage::Route, outside.len());
    if !incoming.is_empty() {
        find_receivers(stages, section, packets, burst, (&incoming, ways), out);
        lap.end(Stage::Resolve, incoming.len());
    }
}

/// Translates packets where they are to be, and gives them their new headers.
#[inline(always)]
fn forward<'s, A: AddressFamily, S: ReadSection>(
    translation: &mut Translation<'_, 's, S>,
    packets: &mut Packets<A>,
    burst: &mut Burst,
    ways: &mut Ways<'s>,
    lap: &mut Lap<'_>,
    out: &mut Outputs,
) {
    let (stages, section) = (translation.stages, translation.section);
    let mut frames = out.frames();
    let translated = ways.outbound.len() + ways.inbound.len();
    if translated > 0 {
        A::translate(translation, packets, burst, ways, out);
        lap.end(Stage::Translate, translated);
    }
    if !ways.overlay.is_empty() {
        let mut candidates = Lane::new();
        locate(stages, section, packets, &ways.overlay, &mut candidates);
        resolve(stages, section, packets, burst, (&ways.overlay, &candidates), &mut ways.wrapped, out);
        lap.end(Stage::Resolve, ways.overlay.len());
    }
    if !ways.wrapped.is_empty() {
        // One packet, chosen by chance, tells where those of the burst come from that go to VMs.
        let chosen = ways.wrapped[out.polled as usize % ways.wrapped.len()].place;
        rewrite_wrapped(stages, section, packets, burst, &ways.wrapped, out);
        frames = out.count(packets[chosen].origin.to_tenant(), frames);
    }
    rewrite_plain(stages, section, packets, burst, &ways.plain, out);
    out.count(Direction::TenantToOutside, frames);
    lap.end(Stage::Rewrite, ways.wrapped.len() + ways.plain.len());
}

/// Counts what stages do, and times them by the time-stamp counter: one read a stage and burst that is timed.
struct Lap<'c> {
    counters: &'c Counters,
    /// For how many bursts this one stands; 0: it is not timed.
    weight: u64,
    since: u64,
}

impl<'c> Lap<'c> {
    #[inline(always)]
    fn start(counters: &'c Counters, weight: u64) -> Self {
        Self { counters, weight, since: if weight > 0 { clock::tsc() } else { 0 } }
    }

    #[inline(always)]
    fn end(&mut self, stage: Stage, packets: usize) {
        let mut cycles = 0;
        if self.weight > 0 {
            let now = clock::tsc();
            cycles = self.weight * now.saturating_sub(self.since);
            self.since = now;
        }
        self.counters.stage(stage).add(packets as u64, cycles);
    }
}
