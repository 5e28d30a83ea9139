//! What is asked of the control thread and takes longer than an answer: changes, which wait for the journal, and
//! probes, which wait for the network.
//!
//! One change is on its way at a time. A file is read on a thread of its own, for a million routes take their time. Once
//! the model has made a change, and the tables have not, it waits for the disk. Packets, neighbours and questions go on
//! all the while. Only when it cannot be lost any more do packets see it, and only
//! then is it acknowledged.

use std::collections::{BTreeMap, VecDeque};
use std::panic::resume_unwind;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nvgw_config::{ChangeSet, Config, LoadError};
use tracing::{error, info, warn};

use super::gateway::{Gateway, Refused};
use crate::api::view::{ChangesView, ProblemView, ReloadView};
use crate::api::{ApiError, ErrorKind, Responder};
use crate::control::doctor::PATH_CHECKS;
use crate::control::model::StoredWrite;
use crate::control::{ChangeError, ControlError, Nanos, Owner, Pending};
use crate::diagnosis::{DoctorReport, Finding, Health, ProbeOutcome, ProbeRequest};
use crate::journal::{Batch, Journal, JournalError};

/// Changes that may wait for the one before them.
const WAITING: usize = 64;
/// How long after a failure the journal is asked again to note what was learned.
const NOTE_AGAIN: Duration = Duration::from_secs(5);

/// How long after the start the paths to all hosts are examined first: they are known by then.
const SETTLED: Duration = Duration::from_secs(60);

/// A change that is asked for.
enum Asked {
    Changes(ChangeSet, Responder<ChangesView>),
    /// What changes would do. It waits like them: the model may be ahead of what is in force.
    TryOut(ChangeSet, Responder<ChangesView>),
    /// A reload; nobody waits for the answer where it was a signal that asked.
    Reload(Option<Responder<ReloadView>>),
}

/// Who is told when a change is on disk and in the tables.
enum Told {
    Changes(Responder<ChangesView>),
    Reload(Option<Responder<ReloadView>>),
}

/// A change on its way to the disk.
struct OnItsWay {
    ticket: u64,
    pending: Pending,
    told: Told,
}

/// A file that is being read.
struct Reading {
    file: JoinHandle<Result<Config, LoadError>>,
    told: Option<Responder<ReloadView>>,
}

/// What has not come to its end yet.
pub(super) struct Work {
    journal: Journal,
    asked: VecDeque<Asked>,
    reading: Option<Reading>,
    on_its_way: Option<OnItsWay>,
    /// What the journal was given to note in its own time, until it has.
    notes: BTreeMap<u64, Vec<StoredWrite>>,
    note_from: Nanos,
    probes: BTreeMap<u64, Responder<ProbeOutcome>>,
    checkups: BTreeMap<u64, Responder<DoctorReport>>,
    /// When the paths to all hosts are examined next without anybody asking.
    examine_at: Nanos,
    /// What the last examination of the paths found wrong.
    pub(super) paths: Vec<Finding>,
    next: u64,
}

impl Work {
    pub(super) fn new(journal: Journal) -> Self {
        Self {
            journal,
            asked: VecDeque::new(),
            reading: None,
            on_its_way: None,
            notes: BTreeMap::new(),
            note_from: Nanos::default(),
            probes: BTreeMap::new(),
            checkups: BTreeMap::new(),
            examine_at: Nanos::default().after(SETTLED),
            paths: Vec::new(),
            next: 0,
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn ask(&mut self, asked: Asked) -> Result<(), Asked> {
        if self.asked.len() >= WAITING {
            return Err(asked);
        }
        self.asked.push_back(asked);
        Ok(())
    }
}

impl Gateway {
    /// Reloads the configuration file as soon as the changes before that are done.
    pub(super) fn ask_for_reload(&mut self, to: Option<Responder<ReloadView>>) {
        // Whoever has rotated the log away says so like this, whatever becomes of the file.
        self.reopen_log();
        match self.work.ask(Asked::Reload(to)) {
            Err(Asked::Reload(Some(to))) => to.send(Err(too_many())),
            Err(_) => warn!("not reloaded: too many changes wait"),
            Ok(()) => self.go_on(),
        }
    }

    /// Makes changes as soon as those before them are done, or says what they would change.
    pub(super) fn ask_for_changes(&mut self, set: ChangeSet, dry_run: bool, to: Responder<ChangesView>) {
        let asked = if dry_run { Asked::TryOut(set, to) } else { Asked::Changes(set, to) };
        match self.work.ask(asked) {
            Err(Asked::Changes(_, to) | Asked::TryOut(_, to)) => to.send(Err(too_many())),
            Err(Asked::Reload(_)) | Ok(()) => self.go_on(),
        }
    }

    /// Sends a probe; the answer comes when the network gives one.
    pub(super) fn ask_for_probe(&mut self, request: &ProbeRequest, to: Responder<ProbeOutcome>) {
        let id = self.work.number();
        self.work.probes.insert(id, to);
        let now = self.now();
        self.control.start_probe(now, id, request, &mut self.out);
    }

    /// Looks for faults, and probes the paths to all hosts.
    pub(super) fn ask_for_checkup(&mut self, to: Responder<DoctorReport>) {
        let id = self.work.number();
        self.work.checkups.insert(id, to);
        let (now, ports) = (self.now(), self.port_facts());
        self.control.start_checkup(now, id, ports, &mut self.out);
    }

    /// What has come to its end, and what can begin.
    pub(super) fn go_on(&mut self) {
        let finished: Vec<_> = self.work.journal.finished().collect();
        for (ticket, outcome) in finished {
            self.noted(ticket, outcome);
        }
        if let Some(read) = self.work.reading.take_if(|reading| reading.file.is_finished()) {
            self.begin_reload(read);
        }
        while self.work.on_its_way.is_none()
            && self.work.reading.is_none()
            && let Some(asked) = self.work.asked.pop_front()
        {
            self.begin(asked);
        }
        self.note_what_was_learned();
        for (id, outcome) in self.control.finished_probes() {
            self.work.probes.remove(&id).into_iter().for_each(|to| to.send(Ok(outcome.clone())));
        }
        self.examine_paths();
        for (id, report) in self.control.finished_checkups() {
            let report = self.with_nat(report);
            let wrong = report.findings.iter().filter(|finding| finding.health != Health::Green);
            let of_paths = wrong.filter(|finding| PATH_CHECKS.contains(&finding.check.as_str()));
            self.work.paths = of_paths.cloned().collect();
            self.work.checkups.remove(&id).into_iter().for_each(|to| to.send(Ok(report.clone())));
        }
    }

    /// Examines the paths to all hosts now and then, so that one that is too narrow is an alarm before a packet is
    /// lost to it.
    fn examine_paths(&mut self) {
        let now = self.now();
        if let Some(every) = self.control.config().provider.check_paths_every {
            if now >= self.work.examine_at {
                self.work.examine_at = now.after(every);
                let (id, ports) = (self.work.number(), self.port_facts());
                self.control.start_checkup(now, id, ports, &mut self.out);
            }
        } else {
            self.work.paths.clear();
        }
    }

    fn try_out(&mut self, set: &ChangeSet) -> Result<ChangesView, ApiError> {
        let pending = self.control.prepare(set, Owner::Api).map_err(|error| refusal(set, &error))?;
        let view =
            ChangesView { generation: pending.generation, applied: false, changes: pending.lines.clone() };
        let now = self.now();
        self.control.abandon(pending, now, &mut self.out);
        Ok(view)
    }

    fn begin(&mut self, asked: Asked) {
        match asked {
            Asked::Changes(set, to) => match self.control.prepare(&set, Owner::Api) {
                Ok(pending) => self.submit(pending, Told::Changes(to)),
                Err(error) => to.send(Err(refusal(&set, &error))),
            },
            Asked::TryOut(set, to) => to.send(self.try_out(&set)),
            Asked::Reload(told) => {
                let path = self.file.clone();
                let reader = thread::Builder::new().name("nvgw-file".into());
                match reader.spawn(move || nvgw_config::load(&path)) {
                    Ok(file) => self.work.reading = Some(Reading { file, told }),
                    Err(error) => not_reloaded(told, &Refused::NotRead(error)),
                }
            }
        }
    }

    fn begin_reload(&mut self, Reading { file, told }: Reading) {
        let read = file.join().unwrap_or_else(|panic| resume_unwind(panic)).map_err(Refused::from);
        match read.and_then(|config| Ok(self.control.prepare_reload(config)?)) {
            Ok(pending) => self.submit(pending, Told::Reload(told)),
            Err(refused) => not_reloaded(told, &refused),
        }
    }

    /// Gives the journal a change that fits.
    fn submit(&mut self, pending: Pending, told: Told) {
        let ticket = self.work.number();
        let batch = Batch { generation: pending.generation, writes: pending.writes.clone() };
        let on_its_way = OnItsWay { ticket, pending, told };
        match self.work.journal.submit(batch, ticket) {
            Ok(()) => self.work.on_its_way = Some(on_its_way),
            Err(refused) => self.give_up(on_its_way, &refused.to_string()),
        }
    }

    /// The journal has come to an end with a ticket.
    fn noted(&mut self, ticket: u64, outcome: Result<(), JournalError>) {
        let mine = |on_its_way: &mut OnItsWay| on_its_way.ticket == ticket;
        if let Some(on_its_way) = self.work.on_its_way.take_if(mine) {
            match outcome {
                Ok(()) => self.carry_through(on_its_way),
                Err(error) => self.give_up(on_its_way, &error.to_string()),
            }
        } else if let Some(writes) = self.work.notes.remove(&ticket)
            && let Err(error) = outcome
        {
            warn!(%error, "what was learned is not in the journal yet");
            self.control.note_again(writes);
            self.work.note_from = self.now().after(NOTE_AGAIN);
        }
    }

    /// A change is on disk: the tables follow.
    fn carry_through(&mut self, OnItsWay { pending, told, .. }: OnItsWay) {
        let (generation, changes) = (pending.generation, pending.lines.clone());
        let now = self.now();
        let outcome = self.control.commit(pending, now, &mut self.out);
        match told {
            Told::Changes(to) => match outcome {
                Ok(applied) => {
                    info!(generation, %applied, "changes made");
                    to.send(Ok(ChangesView { generation, applied: true, changes }));
                }
                Err(error) => {
                    error!(generation, %error, "changes incomplete");
                    to.send(Err(incomplete(&error)));
                }
            },
            Told::Reload(to) => match outcome {
                Ok(applied) => {
                    info!(generation, %applied, "configuration reloaded");
                    self.configure_log();
                    if !applied.is_empty() {
                        self.announce();
                    }
                    let file = self.file.display().to_string();
                    let changes = if applied.is_empty() { vec![] } else { vec![applied.to_string()] };
                    to.into_iter().for_each(|to| {
                        to.send(Ok(ReloadView { file: file.clone(), changes: changes.clone() }));
                    });
                }
                Err(error) => {
                    error!(generation, %error, "configuration reloaded, but not all of it is in force");
                    to.into_iter().for_each(|to| to.send(Err(incomplete(&error))));
                }
            },
        }
    }

    /// A change cannot be written down: it is as if nobody had asked for it.
    fn give_up(&mut self, OnItsWay { pending, told, .. }: OnItsWay, reason: &str) {
        let now = self.now();
        self.control.abandon(pending, now, &mut self.out);
        error!(reason, "a change was not made, because it cannot be kept");
        let error = ApiError::new(ErrorKind::Unavailable, reason, "nothing has changed");
        match told {
            Told::Changes(to) => to.send(Err(error)),
            Told::Reload(to) => to.into_iter().for_each(|to| to.send(Err(error.clone()))),
        }
    }

    fn note_what_was_learned(&mut self) {
        if self.work.on_its_way.is_some() || self.now() < self.work.note_from {
            return;
        }
        let writes = self.control.take_notes();
        if writes.is_empty() {
            return;
        }
        let ticket = self.work.number();
        let batch = Batch { generation: self.control.generation(), writes: writes.clone() };
        match self.work.journal.submit_lazy(batch, ticket) {
            Ok(()) => drop(self.work.notes.insert(ticket, writes)),
            Err(refused) => {
                warn!(%refused, "what was learned is not in the journal yet");
                self.control.note_again(writes);
                self.work.note_from = self.now().after(NOTE_AGAIN);
            }
        }
    }
}

/// What the API says of changes that do not fit.
fn refusal(set: &ChangeSet, error: &ChangeError) -> ApiError {
    match error {
        ChangeError::Generation { wanted, current } => ApiError::conflict(*wanted, *current),
        ChangeError::Refused(refused) => {
            let crate::control::model::Refusal { field, message, hint } = &refused.refusal;
            ApiError::refused(vec![ProblemView::of_change(set, refused.number, field, message, hint)])
        }
        ChangeError::Busy => too_many(),
        ChangeError::Control(error) => {
            ApiError::new(ErrorKind::Invalid, error.to_string(), "nothing has changed")
        }
    }
}

fn not_reloaded(to: Option<Responder<ReloadView>>, refused: &Refused) {
    error!("configuration not reloaded, nothing has changed:\n{refused}");
    let error = match refused {
        Refused::Load(error) => error.into(),
        Refused::Reload(_) => ApiError::new(ErrorKind::Invalid, refused.to_string(), "nothing has changed"),
        Refused::NotRead(_) => {
            ApiError::new(ErrorKind::Unavailable, refused.to_string(), "nothing has changed; try again")
        }
    };
    to.into_iter().for_each(|to| to.send(Err(error.clone())));
}

fn incomplete(error: &ControlError) -> ApiError {
    let hint = "the change is kept, and part of it is in force; reload once the workers go on";
    ApiError::new(ErrorKind::Internal, error.to_string(), hint)
}

fn too_many() -> ApiError {
    ApiError::new(ErrorKind::Unavailable, "too many changes wait", "try again in a moment")
}
