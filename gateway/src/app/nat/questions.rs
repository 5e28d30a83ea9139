//! Questions that only workers can answer: what sessions they have, and whose a block of ports is.
//!
//! One question is on its way at a time, to one worker after the other, so that a worker never has more than one to
//! work on in between its bursts. The others wait for their turn.

use std::collections::VecDeque;
use std::time::Duration;

use crate::control::Nanos;
use crate::tables::entries::Endpoint;
use crate::tables::exchange::{NatAnswer, NatOrder, PortBlock, SessionFilter, SessionRow};

/// Questions that may wait for the one before them.
const WAITING: usize = 8;
/// How long a worker is waited for: less than the API's patience.
const PATIENCE: Duration = Duration::from_secs(4);

/// A place among the sessions of all workers, as a position in a list: the worker above, its own place below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    worker: usize,
    from: u32,
}

impl Place {
    fn of(position: u64) -> Self {
        Self { worker: (position >> 32) as usize, from: position as u32 }
    }

    fn position(self) -> u64 {
        (self.worker as u64) << 32 | u64::from(self.from)
    }
}

/// What is asked, and `T` for the one who asks.
#[derive(Debug)]
pub(super) enum Question<T> {
    /// Sessions from a position on, at most so many.
    Sessions { filter: SessionFilter, position: u64, limit: usize, to: T },
    /// Whose blocks of ports public endpoints are in.
    Owners { publics: Vec<Endpoint>, to: T },
}

/// What a question came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome<T> {
    Sessions {
        rows: Vec<SessionRow>,
        /// The position of the next ones; `None`: there are no more.
        next: Option<u64>,
        to: T,
    },
    Owners {
        blocks: Vec<PortBlock>,
        to: T,
    },
    /// A worker did not answer in time.
    Late(T),
}

/// The question that is on its way.
#[derive(Debug)]
struct Active<T> {
    number: u64,
    place: Place,
    /// Whether the worker has it.
    sent: bool,
    deadline: Nanos,
    question: Question<T>,
    rows: Vec<SessionRow>,
    blocks: Vec<PortBlock>,
}

/// All questions.
#[derive(Debug)]
pub(super) struct Questions<T> {
    workers: usize,
    waiting: VecDeque<Question<T>>,
    active: Option<Active<T>>,
    number: u64,
    finished: Vec<Outcome<T>>,
}

impl<T> Questions<T> {
    /// None yet, to so many workers.
    pub(super) fn new(workers: usize) -> Self {
        Self { workers, waiting: VecDeque::new(), active: None, number: 0, finished: Vec::new() }
    }

    /// Takes a question.
    ///
    /// # Errors
    /// Too many wait.
    pub(super) fn ask(&mut self, question: Question<T>) -> Result<(), T> {
        if self.waiting.len() < WAITING {
            self.waiting.push_back(question);
            return Ok(());
        }
        match question {
            Question::Sessions { to, .. } | Question::Owners { to, .. } => Err(to),
        }
    }

    /// Goes on: gives a worker its order, for which `order` says whether there was room, and gives up what has waited
    /// for too long.
    pub(super) fn go_on(&mut self, now: Nanos, mut order: impl FnMut(usize, NatOrder) -> bool) {
        if let Some(late) = self.active.take_if(|active| now >= active.deadline) {
            self.finished.push(late.late());
        }
        if self.active.is_none()
            && let Some(question) = self.waiting.pop_front()
        {
            self.number += 1;
            self.active = Some(Active::new(self.number, now, question));
        }
        while let Some(active) = &mut self.active
            && !active.sent
        {
            match active.order(self.workers) {
                Some(wanted) => {
                    active.sent = order(active.place.worker, wanted);
                    break;
                }
                None => self.finish(None),
            }
        }
    }

    /// Hears a worker's answer. What belongs to a question that was given up is of no use any more.
    pub(super) fn hear(&mut self, worker: usize, answer: NatAnswer) {
        let (NatAnswer::Session { question, .. }
        | NatAnswer::Block { question, .. }
        | NatAnswer::End { question, .. }) = answer;
        let Some(active) = &mut self.active else { return };
        if active.number != question || active.place.worker != worker || !active.sent {
            return;
        }
        match answer {
            NatAnswer::Session { row, .. } => active.rows.push(row),
            NatAnswer::Block { block, .. } => active.blocks.push(block),
            NatAnswer::End { next, .. } => {
                if let Some(position) = active.end(next, self.workers) {
                    self.finish(position);
                }
            }
        }
    }

    /// What has come to its end since this was last asked.
    pub(super) fn finished(&mut self) -> Vec<Outcome<T>> {
        std::mem::take(&mut self.finished)
    }

    fn finish(&mut self, next: Option<u64>) {
        if let Some(Active { question, rows, blocks, .. }) = self.active.take() {
            self.finished.push(match question {
                Question::Sessions { to, .. } => Outcome::Sessions { rows, next, to },
                Question::Owners { to, .. } => Outcome::Owners { blocks, to },
            });
        }
    }
}

impl<T> Active<T> {
    fn new(number: u64, now: Nanos, question: Question<T>) -> Self {
        let place = match &question {
            Question::Sessions { position, .. } => Place::of(*position),
            Question::Owners { .. } => Place { worker: 0, from: 0 },
        };
        let deadline = now.after(PATIENCE);
        Self { number, place, sent: false, deadline, question, rows: Vec::new(), blocks: Vec::new() }
    }

    fn late(self) -> Outcome<T> {
        match self.question {
            Question::Sessions { to, .. } | Question::Owners { to, .. } => Outcome::Late(to),
        }
    }

    /// What the worker whose turn it is has to do; `None`: nothing, and no other either.
    fn order(&self, workers: usize) -> Option<NatOrder> {
        if self.place.worker >= workers {
            return None;
        }
        let question = self.number;
        match &self.question {
            Question::Sessions { filter, limit, .. } => {
                let limit = u32::try_from(limit - self.rows.len()).unwrap_or(u32::MAX);
                Some(NatOrder::List { question, filter: *filter, from: self.place.from, limit })
            }
            Question::Owners { publics, .. } => {
                publics.last().map(|public| NatOrder::Owner { question, public: *public })
            }
        }
    }

    /// A worker has no more answers. Where that ends the question, the position of what follows.
    fn end(&mut self, next: u32, workers: usize) -> Option<Option<u64>> {
        self.sent = false;
        match &mut self.question {
            Question::Sessions { limit, .. } => {
                self.place = match next {
                    0 => Place { worker: self.place.worker + 1, from: 0 },
                    from => Place { from, ..self.place },
                };
                let more = self.place.worker < workers;
                (!more || next != 0 || self.rows.len() >= *limit).then(|| more.then(|| self.place.position()))
            }
            Question::Owners { publics, .. } => {
                // Nobody else has the block that somebody has.
                let found = self.blocks.last().is_some_and(|block| {
                    publics.last().is_some_and(|public| {
                        (public.vrf, public.address) == (block.public.vrf, block.public.address)
                    })
                });
                self.place.worker += 1;
                if found || self.place.worker >= workers {
                    publics.pop();
                    self.place.worker = 0;
                }
                publics.is_empty().then_some(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::entries::Protocol;
    use crate::tables::exchange::{Millis, SessionState};
    use nvgw_types::VrfId;

    const WORKERS: usize = 3;

    fn public(port: u16) -> Endpoint {
        Endpoint { vrf: VrfId(9), address: 0xc633_6410, port }
    }

    fn row(port: u16) -> SessionRow {
        SessionRow {
            protocol: Protocol::Udp,
            customer: Endpoint { vrf: VrfId(3), address: 0x0a00_0105, port },
            public: public(port),
            remote: (0xc000_0207, 53),
            state: SessionState::Active,
            expires: Millis(1),
        }
    }

    fn block() -> PortBlock {
        let customer = Endpoint { vrf: VrfId(3), address: 0x0a00_0105, port: 0 };
        PortBlock { customer, public: public(1024), last: 1535, since: Millis(1) }
    }

    /// Workers with some sessions each, by their ports; a place is an index there. The last one has the block.
    fn answers(worker: usize, order: NatOrder, sessions: &[&[u16]; WORKERS]) -> Vec<NatAnswer> {
        match order {
            NatOrder::List { question, from, limit, .. } => {
                let rows = sessions[worker].iter().skip(from as usize).take(limit as usize);
                let rows = rows.map(|port| NatAnswer::Session { question, row: row(*port) });
                let mut answers: Vec<_> = rows.collect();
                let end = from + answers.len() as u32;
                let next = if (end as usize) < sessions[worker].len() { end } else { 0 };
                answers.push(NatAnswer::End { question, next });
                answers
            }
            NatOrder::Owner { question, public } => {
                let mine = worker == WORKERS - 1 && (1024..=1535).contains(&public.port);
                let block = mine.then_some(NatAnswer::Block { question, block: block() });
                block.into_iter().chain([NatAnswer::End { question, next: 0 }]).collect()
            }
            NatOrder::Sweep(_) => panic!("nobody asked for that"),
        }
    }

    fn run(questions: &mut Questions<&'static str>, sessions: &[&[u16]; WORKERS]) -> Outcome<&'static str> {
        for _ in 0..100 {
            let mut ordered = None;
            questions.go_on(Nanos(0), |worker, order| ordered.replace((worker, order)).is_none());
            if let Some((worker, order)) = ordered {
                for answer in answers(worker, order, sessions) {
                    questions.hear(worker, answer);
                }
            }
            if let Some(outcome) = questions.finished().pop() {
                return outcome;
            }
        }
        panic!("the question does not end");
    }

    fn sessions_from(position: u64, limit: usize) -> Question<&'static str> {
        Question::Sessions { filter: SessionFilter::default(), position, limit, to: "me" }
    }

    #[test]
    fn pages_join_over_all_workers_without_gap_or_repetition() {
        let sessions: [&[u16]; WORKERS] = [&[1, 2, 3, 4, 5], &[], &[6, 7]];
        for limit in 1..=8 {
            let mut questions = Questions::new(WORKERS);
            let (mut seen, mut position) = (Vec::new(), Some(0));
            while let Some(from) = position {
                questions.ask(sessions_from(from, limit)).expect("room");
                let Outcome::Sessions { rows, next, .. } = run(&mut questions, &sessions) else {
                    panic!("another outcome")
                };
                assert!(rows.len() <= limit);
                seen.extend(rows.iter().map(|row| row.public.port));
                position = next;
            }
            assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7], "{limit} at a time");
        }
    }

    #[test]
    fn a_position_beyond_all_workers_has_nothing() {
        let mut questions = Questions::new(WORKERS);
        questions.ask(sessions_from(u64::MAX, 10)).expect("room");
        let none = Outcome::Sessions { rows: vec![], next: None, to: "me" };
        assert_eq!(run(&mut questions, &[&[1], &[2], &[3]]), none);
    }

    #[test]
    fn every_worker_is_asked_for_an_owner_until_one_has_it() {
        let mut questions = Questions::new(WORKERS);
        for (publics, blocks) in
            [(vec![public(1055)], vec![block()]), (vec![public(9)], vec![]), (vec![], vec![])]
        {
            questions.ask(Question::Owners { publics, to: "me" }).expect("room");
            assert_eq!(run(&mut questions, &[&[], &[], &[]]), Outcome::Owners { blocks, to: "me" });
        }
        let other = Endpoint { vrf: VrfId(8), ..public(9) };
        questions.ask(Question::Owners { publics: vec![other, public(1055)], to: "me" }).expect("room");
        let outcome = Outcome::Owners { blocks: vec![block()], to: "me" };
        assert_eq!(run(&mut questions, &[&[], &[], &[]]), outcome);
    }

    #[test]
    fn a_worker_that_stands_still_holds_a_question_up_no_longer_than_it_may() {
        let mut questions = Questions::new(WORKERS);
        questions.ask(sessions_from(0, 10)).expect("room");
        let mut orders = Vec::new();
        questions.go_on(Nanos(0), |worker, order| {
            orders.push((worker, order));
            true
        });
        questions.go_on(Nanos(0).after(PATIENCE), |_, _| panic!("nothing else waits"));
        assert_eq!(questions.finished(), [Outcome::Late("me")]);
        let [(worker, order)] = orders[..] else { panic!("{orders:?}") };
        // Its answer comes after all, while the next question is on its way.
        questions.ask(sessions_from(0, 10)).expect("room");
        questions.go_on(Nanos(0).after(PATIENCE), |_, _| true);
        for answer in answers(worker, order, &[&[1, 2], &[], &[]]) {
            questions.hear(worker, answer);
        }
        assert_eq!(questions.finished(), []);
    }

    #[test]
    fn an_order_without_room_is_given_again_and_questions_beyond_a_few_are_refused() {
        let mut questions = Questions::new(WORKERS);
        for _ in 0..WAITING {
            questions.ask(sessions_from(0, 10)).expect("room");
        }
        assert_eq!(questions.ask(sessions_from(0, 10)), Err("me"));
        let mut tried = 0;
        for _ in 0..3 {
            questions.go_on(Nanos(0), |_, _| {
                tried += 1;
                false
            });
        }
        assert_eq!(tried, 3);
        for _ in 0..WAITING {
            assert!(matches!(run(&mut questions, &[&[1], &[], &[]]), Outcome::Sessions { .. }));
        }
    }
}
