//! The control thread's share of translation: it writes down what workers did, asks them what people want to know, and
//! has them clean up after changes.

mod findings;
mod questions;
mod views;

pub(super) use findings::with_nat;
pub(super) use views::{address_views, pool_views};

use std::sync::atomic::{Ordering, fence};
use std::time::SystemTime;

use arrayvec::ArrayVec;
use nvgw_types::VrfId;

use super::gateway::{Gateway, WorkerHandle};
use crate::api::view::{NatLookupView, NatPoolView, NatSessionView};
use crate::api::{
    ApiError, ErrorKind, List, NatLookupQuery, NatPoolFilter, NatSessionFilter, Page, Responder,
};
use crate::control::Nanos;
use crate::diagnosis::DoctorReport;
use crate::nat_log::{Names, NatLog, Sink, SinkHealth, WallClock};
use crate::tables::entries::{Endpoint, PublicState};
use crate::tables::exchange::{Millis, NatAnswer, NatEvent, NatOrder, SessionFilter};
use crate::telemetry::nat::NatCounters;
use crate::telemetry::nat_totals::{NatTable, TenantTotal};
use crate::telemetry::prometheus::{LogMetrics, NatMetrics, PoolMetrics};
use questions::{Outcome, Question, Questions};

/// Events or answers of one worker that a turn deals with at a stroke.
const BATCH: usize = 256;
/// Answers of one worker that a turn deals with.
const ANSWERS: usize = 1024;

/// Who is told what a question came to.
enum Asker {
    Sessions(Responder<List<NatSessionView>>),
    /// The holders that the tables name already, and whether the address is a public one at all.
    Owner {
        query: NatLookupQuery,
        port: u16,
        known: Vec<crate::api::view::NatHolderView>,
        to: Responder<NatLookupView>,
    },
}

/// What the control thread keeps for translation.
pub(super) struct Desk {
    log: NatLog,
    names: Names,
    /// The generation that the names are of.
    named: Option<u64>,
    clock: WallClock,
    questions: Questions<Asker>,
    /// The last sweep that each worker was told of.
    told: Vec<u64>,
    /// Which of the log's sinks were in trouble when this was last looked at.
    troubled: [bool; Sink::ALL.len()],
}

impl Desk {
    /// For so many workers, at the start of the gateway.
    pub(super) fn new(log: NatLog, started: SystemTime, workers: usize) -> Self {
        Self {
            log,
            names: Names::default(),
            named: None,
            clock: WallClock::new(started.into()),
            questions: Questions::new(workers),
            told: vec![0; workers],
            troubled: Default::default(),
        }
    }

    /// The log.
    pub(super) fn log(&self) -> &NatLog {
        &self.log
    }

    /// Writes down what the workers did, as far as the log has room: what it has not, the workers keep. Returns how
    /// much that was, and whether it was all.
    fn write_down(&mut self, workers: &mut [WorkerHandle]) -> (usize, bool) {
        let (mut written, mut all) = (0, true);
        for worker in workers {
            loop {
                if self.log.is_on() && self.log.room() < BATCH {
                    all &= worker.nat_events.is_empty();
                    break;
                }
                let mut events = ArrayVec::<NatEvent, BATCH>::new();
                if worker.nat_events.pop_into(&mut events) == 0 {
                    break;
                }
                written += events.len();
                for event in &events {
                    self.log.write(self.names.line(&self.clock, event));
                }
            }
        }
        (written, all)
    }
}

/// The control side's time as workers know it.
fn millis(now: Nanos) -> Millis {
    Millis(now.0 / 1_000_000)
}

impl Gateway {
    /// One turn for translation. Returns how much there was to do.
    pub(super) fn tend_nat(&mut self) -> usize {
        let now = self.now();
        self.learn_names(now);
        let swept = self.workers.iter().map(|worker| worker.nat.swept.get()).min().unwrap_or_default();
        // What a worker says before it counts a sweep as done is heard before that is.
        fence(Ordering::Acquire);
        let (written, all) = self.desk.write_down(&mut self.workers);
        if all {
            // Numbers that are free again get other names: nothing that is still to be logged may have them.
            let workers = &self.workers;
            let blocks = |id| {
                let publics = workers.iter().filter_map(|worker| worker.nat.public(id));
                publics.map(|public| public.blocks.get()).sum()
            };
            self.control.nat_swept(swept, blocks);
        }
        self.order_sweeps();
        self.watch_log(now);
        written + self.hear_answers(now)
    }

    fn learn_names(&mut self, now: Nanos) {
        let generation = self.control.generation();
        if self.desk.named != Some(generation) && self.control.has_nat() {
            self.desk.named = Some(generation);
            self.desk.names.learn(self.control.vrf_names().into_iter().map(|(vrf, name, _)| (vrf, name)));
        }
        self.desk.clock.follow(SystemTime::now().into(), millis(now));
    }

    fn order_sweeps(&mut self) {
        let wanted = self.control.nat_sweep();
        for (worker, told) in self.workers.iter_mut().zip(&mut self.desk.told) {
            if *told < wanted && worker.nat_orders.push(NatOrder::Sweep(wanted)).is_ok() {
                *told = wanted;
            }
        }
    }

    /// Tells of a log that begins to fail, or is well again.
    fn watch_log(&mut self, now: Nanos) {
        for (sink, troubled) in Sink::ALL.into_iter().zip(&mut self.desk.troubled) {
            let trouble = self.desk.log.health().of(sink).trouble();
            if trouble.is_some() != *troubled {
                *troubled = trouble.is_some();
                self.control.note_nat_log(now, &format!("nat.log.{}", sink.name()), trouble);
            }
        }
    }

    fn hear_answers(&mut self, now: Nanos) -> usize {
        let mut heard = 0;
        for (number, worker) in self.workers.iter_mut().enumerate() {
            let mut of_worker = 0;
            while of_worker < ANSWERS {
                let mut answers = ArrayVec::<NatAnswer, BATCH>::new();
                if worker.nat_answers.pop_into(&mut answers) == 0 {
                    break;
                }
                of_worker += answers.len();
                answers.into_iter().for_each(|answer| self.desk.questions.hear(number, answer));
            }
            heard += of_worker;
        }
        let workers = &mut self.workers;
        self.desk.questions.go_on(now, |worker, order| workers[worker].nat_orders.push(order).is_ok());
        for outcome in self.desk.questions.finished() {
            self.tell(now, outcome);
        }
        heard
    }

    fn tell(&self, now: Nanos, outcome: Outcome<Asker>) {
        let Desk { names, clock, .. } = &self.desk;
        match outcome {
            Outcome::Sessions { rows, next, to: Asker::Sessions(to) } => {
                let rows = rows.iter().map(|row| views::session_view(names, millis(now), row)).collect();
                to.send(Ok(List { rows, next }));
            }
            Outcome::Owners { blocks, to: Asker::Owner { query, port, known: mut holders, to } } => {
                holders.extend(blocks.iter().map(|block| views::block_view(names, clock, block)));
                let public = query.public.address;
                to.send(Ok(NatLookupView::now(public, port, holders, || {
                    let message =
                        format!("{public}:{port} is nobody's now: no customer has a block of ports with it");
                    (message, "ask for the time in question: --at TIME".to_owned())
                })));
            }
            Outcome::Late(Asker::Sessions(to)) => to.send(Err(late())),
            Outcome::Late(Asker::Owner { to, .. }) => to.send(Err(late())),
            // Questions come back to those who asked them.
            Outcome::Sessions { .. } | Outcome::Owners { .. } => {}
        }
    }

    /// Lists sessions, as soon as the questions before that are answered.
    pub(super) fn ask_for_sessions(
        &mut self,
        filter: &NatSessionFilter,
        page: Page,
        to: Responder<List<NatSessionView>>,
    ) {
        if let Err(error) = self.known_tenant(filter.tenant.as_deref()) {
            return to.send(Err(error));
        }
        let tenants = self.control.model().tenants();
        let vrf = filter.tenant.as_ref().and_then(|name| tenants.get(name)).map(|tenant| tenant.value.vrf);
        let filter = SessionFilter {
            vrf,
            customer: filter.customer.map(u32::from),
            public: filter.public.map(|public| public.address.into()),
            port: filter.public.and_then(|public| public.port),
            protocol: filter.protocol.map(Into::into),
        };
        let to = Asker::Sessions(to);
        self.ask(Question::Sessions { filter, position: page.offset, limit: page.limit, to });
    }

    /// Says whose a public port is: what the tables know at once, and what the workers know as soon as they say it.
    pub(super) fn ask_for_owner(&mut self, query: NatLookupQuery, to: Responder<NatLookupView>) {
        if let Err(error) = self.known_external(query.external.as_deref()) {
            return to.send(Err(error));
        }
        let (address, port) = (u32::from(query.public.address), query.public.port.unwrap_or_default());
        let names = &self.desk.names;
        let publics = self.control.publics().into_iter().filter(|public| {
            public.address == address
                && query.external.as_ref().is_none_or(|name| **name == *names.of(public.external))
        });
        let publics: Vec<_> = publics.collect();
        if publics.is_empty() {
            let public = query.public.address;
            return to.send(Ok(NatLookupView::now(public, port, vec![], || {
                let message = format!("{public} is no public address of this gateway's translation");
                (message, "`nvgw nat pools` lists them; for another time: --at TIME".to_owned())
            })));
        }
        let known = publics
            .iter()
            .flat_map(|public| views::configured_holders(&self.control, names, public, port))
            .collect();
        let publics = publics
            .iter()
            .filter(|public| public.ports.is_some() || public.state == PublicState::Draining)
            .map(|public| Endpoint { vrf: public.external, address, port })
            .collect();
        self.ask(Question::Owners { publics, to: Asker::Owner { query, port, known, to } });
    }

    fn ask(&mut self, question: Question<Asker>) {
        match self.desk.questions.ask(question) {
            Ok(()) => {}
            Err(Asker::Sessions(to)) => to.send(Err(too_many())),
            Err(Asker::Owner { to, .. }) => to.send(Err(too_many())),
        }
    }

    /// The pools or addresses of one external network, or of all.
    pub(super) fn of_external<T>(
        &self,
        filter: &NatPoolFilter,
        rows: Vec<T>,
        external: fn(&T) -> &str,
    ) -> Result<Vec<T>, ApiError> {
        self.known_external(filter.external.as_deref())?;
        let matches = |row: &T| filter.external.as_ref().is_none_or(|name| name == external(row));
        Ok(rows.into_iter().filter(matches).collect())
    }

    /// What each worker's translation counts.
    pub(super) fn nat_counters(&self) -> Vec<&NatCounters> {
        self.workers.iter().map(|worker| &*worker.nat).collect()
    }

    /// The name of a VRF.
    pub(super) fn vrf_name(&self, vrf: VrfId) -> String {
        self.desk.names.of(vrf).to_string()
    }

    /// What translation does for a tenant, if it does anything.
    pub(super) fn tenant_nat(&self, name: &str) -> Option<TenantTotal> {
        let vrf = self.control.model().tenants().get(name)?.value.vrf;
        self.control.nat_policy(vrf)?;
        Some(TenantTotal::read(self.nat_counters(), vrf))
    }

    /// What `/metrics` shows of translation.
    pub(super) fn nat_metrics(&self) -> NatMetrics {
        let log = self.desk.log();
        let sinks = Sink::ALL.into_iter().map(|sink| {
            let SinkHealth { lines, failures, skipped, .. } = log.health().of(sink);
            let (lines, failures, skipped) = (lines.get(), failures.get(), skipped.get());
            LogMetrics { sink: sink.name(), lines, failures, skipped }
        });
        let mut metrics = NatMetrics::new(self.nat_tables(), sinks.collect(), log.waiting() as u64);
        for (vrf, name, _) in self.control.vrf_names() {
            if self.control.nat_policy(vrf).is_some() {
                metrics.add_tenant(name, TenantTotal::read(self.nat_counters(), vrf));
            }
        }
        for NatPoolView { external, pool, addresses, blocks, blocks_possible, ports, .. } in
            self.nat_pool_views()
        {
            metrics.add_pool(&external, &pool, &PoolMetrics { addresses, blocks, blocks_possible, ports });
        }
        metrics
    }

    pub(super) fn nat_pool_views(&self) -> Vec<NatPoolView> {
        pool_views(&self.control, &self.nat_counters(), |vrf| self.vrf_name(vrf))
    }

    pub(super) fn nat_tables(&self) -> Vec<NatTable> {
        self.nat_counters().into_iter().map(NatTable::read).collect()
    }

    /// Adds to a report what is to be said of translation, where there is any.
    pub(super) fn with_nat(&self, report: DoctorReport) -> DoctorReport {
        if !self.control.has_nat() {
            return report;
        }
        with_nat(report, &self.nat_tables(), &self.nat_pool_views(), Some(self.desk.log()))
    }

    /// Has the log go on in a file that is opened anew.
    pub(super) fn reopen_log(&self) {
        self.desk.log.reopen();
    }

    /// Has the log go where the configuration says.
    pub(super) fn configure_log(&mut self) {
        self.desk.log.configure(&self.control.config().nat.log);
    }
}

fn late() -> ApiError {
    let hint = "see `nvgw show workers` for how busy they are";
    ApiError::new(ErrorKind::Timeout, "a worker did not say in time what sessions it has", hint)
}

fn too_many() -> ApiError {
    ApiError::new(ErrorKind::Unavailable, "too many questions to the workers wait", "ask again in a moment")
}
