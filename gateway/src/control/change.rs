//! One path for every change, a reload, a batch of the admin API or a single move: it is tried on the model, compiled
//! and measured; then it waits for the journal; then the tables follow. Up to there it can be taken back as if it had
//! never been asked for.

use nvgw_config::{ChangeSet, Config};

use super::census::Census;
use super::compile::{self, Compiled};
use super::draft::Draft;
use super::events::EventKind;
use super::model::{Edit, Model, Prepared, Refused, StoredWrite, Suspended, Way};
use super::needs::Needs;
use super::neighbors::Effect;
use super::own_addresses::mark_usable;
use super::owner::Owner;
use super::provider::ProviderRoutes;
use super::reconcile::{self, Applied};
use super::time::Nanos;
use super::{Control, ControlError, Egress, capacity, restart};
use crate::tables::Grace;

/// Why a configuration was not loaded. All but [`ControlError::Incomplete`] changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// It changes what a running gateway cannot change.
    #[error("{} cannot change while the gateway runs: restart it", .0.join(", "))]
    RestartNeeded(Vec<&'static str>),
    /// What was changed at run time does not fit it.
    #[error("it contradicts what was changed at run time:{}", list(.0))]
    Contradicts(Vec<Suspended>),
    /// Another change is on its way.
    #[error("another change waits for the disk: try again")]
    Busy,
    /// It cannot be put to work.
    #[error(transparent)]
    Refused(#[from] ControlError),
}

/// Why a batch of changes was not made. All but [`ControlError::Incomplete`] changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The gateway is not what the changes were thought for.
    #[error("the changes are meant for generation {wanted}, but the gateway is at {current}")]
    Generation {
        /// What the changes are for.
        wanted: u64,
        /// What the gateway is at.
        current: u64,
    },
    /// One of them does not fit.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Another change is on its way.
    #[error("another change waits for the disk: try again")]
    Busy,
    /// The tables cannot take them.
    #[error(transparent)]
    Control(#[from] ControlError),
}

fn list(suspended: &[Suspended]) -> String {
    const MOST: usize = 20;
    let mut text = String::new();
    for Suspended { stored, refusal } in suspended.iter().take(MOST) {
        text += &format!("\n  {}: {}", stored.key(), refusal.message);
    }
    if let Some(more) = suspended.len().checked_sub(MOST).filter(|more| *more > 0) {
        text += &format!("\n  and {more} more");
    }
    text + "\nremove these, or write a file that leaves them room"
}

/// A change that fits, before anybody else knows of it.
#[derive(Debug)]
pub struct Pending {
    /// The generation that it makes.
    pub generation: u64,
    /// What the journal has to note before the change may be acknowledged. What it should have noted already comes
    /// first: a note that came after the change could bring back what the change removes.
    pub writes: Vec<StoredWrite>,
    /// What changes, one line for each object; of a reload, nothing.
    pub lines: Vec<String>,
    /// How many of the writes were waiting before the change.
    notes: usize,
    draft: Draft,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Edits that the model has made.
    Edits { edits: Vec<Edit>, routes: Option<ProviderRoutes> },
    /// Another model, still beside the one at work.
    Reload { model: Box<Model>, needs: Needs, routes: ProviderRoutes },
}

impl<G: Grace> Control<G> {
    /// Tries a batch of changes. What comes of it has to be [committed](Self::commit) or [abandoned](Self::abandon)
    /// before the next one is tried.
    ///
    /// # Errors
    /// Changes that do not fit; nothing has changed then.
    pub fn prepare(&mut self, set: &ChangeSet, owner: Owner) -> Result<Pending, ChangeError> {
        if self.pending {
            return Err(ChangeError::Busy);
        }
        if let Some(wanted) = set.if_generation.filter(|wanted| *wanted != self.generation) {
            return Err(ChangeError::Generation { wanted, current: self.generation });
        }
        let Prepared { mut edits, writes, lines } = self.model.prepare(set, owner)?;
        self.keep_usable(&mut edits);
        let (draft, routes) = self.draft_of(&edits);
        if let Err(error) = capacity::check(&self.model, &self.fabric, &draft) {
            self.undo(&edits, draft);
            return Err(ChangeError::Control(error.into()));
        }
        Ok(self.pend(writes, lines, draft, Kind::Edits { edits, routes }))
    }

    /// Tries another configuration file, with what was changed at run time on top of it.
    ///
    /// # Errors
    /// A change that needs a restart, contradicts what was changed at run time, or does not fit; nothing has changed
    /// then.
    pub fn prepare_reload(&mut self, config: Config) -> Result<Pending, ReloadError> {
        if self.pending {
            return Err(ReloadError::Busy);
        }
        let changed = restart::needed(self.model.frame(), &config);
        if !changed.is_empty() {
            return Err(ReloadError::RestartNeeded(changed));
        }
        let (known, gone) = (&self.fabric.current.vrfs, self.fabric.nat.gone());
        let mut model = Model::of_file(config, known, gone);
        let obsolete = model.restore(self.model.stored());
        let known = |key| self.model.suspended.get(key).map(|old: &Suspended| &old.stored);
        let fresh = model.suspended.iter().filter(|(key, new)| known(*key) != Some(&new.stored));
        let fresh: Vec<_> = fresh.map(|(_, suspended)| suspended.clone()).collect();
        if !fresh.is_empty() {
            return Err(ReloadError::Contradicts(fresh));
        }
        mark_usable(&self.detection, &mut model);
        let Compiled { mut draft, needs, routes } = compile::compile(&model);
        draft.replaces(&self.fabric.current);
        capacity::check(&model, &self.fabric, &draft).map_err(ControlError::from)?;
        let writes = obsolete.into_iter().map(|key| (key, None)).collect();
        Ok(self.pend(writes, Vec::new(), draft, Kind::Reload { model: Box::new(model), needs, routes }))
    }

    fn pend(&mut self, writes: Vec<StoredWrite>, lines: Vec<String>, draft: Draft, kind: Kind) -> Pending {
        self.pending = true;
        let mut all = self.take_notes();
        let notes = all.len();
        all.extend(writes);
        Pending { generation: self.generation + 1, writes: all, lines, notes, draft, kind }
    }

    /// Makes a change that fits: from here on packets see it.
    ///
    /// # Errors
    /// [`ControlError::Incomplete`], where a worker stands still.
    pub fn commit(
        &mut self,
        pending: Pending,
        now: Nanos,
        out: &mut impl Egress,
    ) -> Result<Applied, ControlError> {
        self.pending = false;
        self.generation = pending.generation;
        let (kind, routes) = match pending.kind {
            Kind::Edits { routes, .. } => (EventKind::ChangesApplied, routes),
            Kind::Reload { model, needs, routes } => {
                (self.model, self.needs) = (*model, needs);
                (EventKind::ReloadApplied, Some(routes))
            }
        };
        let before = routes.map(|routes| std::mem::replace(&mut self.provider, routes));
        self.model.settle();
        let mut effects = Vec::new();
        self.watch_moves(now, &pending.draft);
        let applied = self.write(now, &pending.draft, &mut effects);
        self.watch_addresses(now, false);
        self.carry_out(now, effects, out);
        self.catch_up(now, out);
        self.check_up(now, out);
        let mut applied = applied?;
        if let Some(before) = before {
            applied.count_values(before.all(), self.provider.all());
        }
        let object = format!("generation {}", self.generation);
        self.events.record(now, kind, object, applied.to_string());
        Ok(applied)
    }

    /// Forgets a change that fits: the journal could not take it, or somebody only wanted to know.
    pub fn abandon(&mut self, mut pending: Pending, now: Nanos, out: &mut impl Egress) {
        self.pending = false;
        pending.writes.truncate(pending.notes);
        self.note_again(pending.writes);
        if let Kind::Edits { edits, .. } = pending.kind {
            self.undo(&edits, pending.draft);
        }
        self.catch_up(now, out);
    }

    /// Makes a batch of changes at once, where no journal has to be asked.
    ///
    /// # Errors
    /// See [`Self::prepare`] and [`Self::commit`].
    pub fn change(
        &mut self,
        set: &ChangeSet,
        owner: Owner,
        now: Nanos,
        out: &mut impl Egress,
    ) -> Result<Applied, ChangeError> {
        let pending = self.prepare(set, owner)?;
        Ok(self.commit(pending, now, out)?)
    }

    /// Replaces the configuration at once, where no journal has to be asked. What did not change is not touched and
    /// loses no packet.
    ///
    /// # Errors
    /// See [`Self::prepare_reload`] and [`Self::commit`].
    pub fn reload(
        &mut self,
        config: Config,
        now: Nanos,
        out: &mut impl Egress,
    ) -> Result<Applied, ReloadError> {
        let pending = self.prepare_reload(config)?;
        Ok(self.commit(pending, now, out)?)
    }

    /// Makes an edit of the gateway's own, which no journal has to be asked for before.
    pub(super) fn make(&mut self, edit: Edit, now: Nanos, out: &mut impl Egress) -> Result<(), ControlError> {
        self.model.edit(&edit, Way::Make);
        self.put_through(&[edit], now, out)
    }

    /// Has the tables follow edits that the model has made; takes them back where that cannot be.
    pub(super) fn put_through(
        &mut self,
        edits: &[Edit],
        now: Nanos,
        out: &mut impl Egress,
    ) -> Result<(), ControlError> {
        let (draft, routes) = self.draft_of(edits);
        if let Err(error) = capacity::check(&self.model, &self.fabric, &draft) {
            self.undo(edits, draft);
            return Err(error.into());
        }
        if let Some(routes) = routes {
            self.provider = routes;
        }
        self.model.settle();
        let mut effects = Vec::new();
        let written = self.write(now, &draft, &mut effects);
        self.carry_out(now, effects, out);
        written.map(drop)
    }

    fn draft_of(&mut self, edits: &[Edit]) -> (Draft, Option<ProviderRoutes>) {
        let Self { model, needs, fabric, provider, .. } = self;
        compile::recompile(model, edits, (&fabric.current, Draft::default()), needs, provider)
    }

    /// Takes edits back, and what they asked of the tables in a draft.
    fn undo(&mut self, edits: &[Edit], draft: Draft) {
        let back: Vec<_> = edits.iter().rev().map(Edit::reversed).collect();
        self.model.take_back(edits);
        let Self { model, needs, fabric, provider, .. } = self;
        // What was asked for once can be asked for again; what matters here is who asks.
        let drafted = compile::recompile(model, &back, (&fabric.current, draft), needs, provider);
        drop(drafted);
    }

    /// Writes a draft to the tables.
    pub(super) fn write(
        &mut self,
        now: Nanos,
        draft: &Draft,
        effects: &mut Vec<Effect>,
    ) -> Result<Applied, ControlError> {
        self.census.expect(&self.fabric.current, draft);
        self.unasked |= !draft.adjacencies.is_empty();
        let applied = reconcile::reconcile(&mut self.fabric, &mut self.neighbors, now, draft, effects);
        self.model.keep(self.fabric.nat.gone());
        if applied.is_err() {
            self.census = Census::of(&self.fabric.current);
        }
        Ok(applied?)
    }

    /// Tells of what does not fit the file any more.
    pub(super) fn note_suspended(&mut self, now: Nanos) {
        let suspended: Vec<_> =
            self.model.suspended().map(|s| (s.stored.key(), s.refusal.message.clone())).collect();
        for (key, message) in suspended {
            self.events.record(now, EventKind::ChangeSuspended, key, message);
        }
    }
}
