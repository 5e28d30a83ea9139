//! Grace periods, with real threads that tell each other where they are.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use crate::common::eal;
use dpdk_bindings::{Error, Qsbr, QsbrReader};

#[derive(Debug)]
enum Step {
    Online,
    Offline,
    Quiescent,
}

/// A reader on a thread of its own, which takes one step at a time.
struct Reader {
    steps: Sender<Step>,
    done: Receiver<()>,
    thread: JoinHandle<()>,
}

impl Reader {
    fn spawn(mut reader: QsbrReader) -> Self {
        let (steps, orders) = channel();
        let (report, done) = channel();
        let thread = thread::spawn(move || {
            for step in orders {
                match step {
                    Step::Online => reader.online(),
                    Step::Offline => reader.offline(),
                    Step::Quiescent => reader.quiescent(),
                }
                report.send(()).unwrap();
            }
        });
        Self { steps, done, thread }
    }

    fn step(&self, step: Step) {
        self.steps.send(step).unwrap();
        self.done.recv().unwrap();
    }

    fn end(self) {
        drop(self.steps);
        self.thread.join().unwrap();
    }
}

#[test]
fn a_period_ends_when_every_online_reader_was_quiescent() {
    let qsbr = Qsbr::new(eal(), 8).unwrap();
    let [a, b, c] = [0, 3, 7].map(|id| Reader::spawn(qsbr.register(id).unwrap()));
    a.step(Step::Online);
    b.step(Step::Online);

    let token = qsbr.start();
    assert!(!qsbr.check(token), "two readers are online, and none was quiescent");
    a.step(Step::Quiescent);
    assert!(!qsbr.check(token), "one reader is left");
    a.step(Step::Quiescent);
    assert!(!qsbr.check(token), "the other one is still left");
    b.step(Step::Quiescent);
    assert!(qsbr.check(token), "the offline reader does not count");

    let later = qsbr.start();
    assert!(!qsbr.check(later), "what was said before the period says nothing about it");
    c.step(Step::Online);
    a.step(Step::Quiescent);
    b.step(Step::Offline);
    assert!(qsbr.check(later), "a reader that came later sees nothing old");
    c.step(Step::Quiescent);
    for reader in [a, b, c] {
        reader.end();
    }
}

#[test]
fn a_reader_that_is_gone_holds_nothing_up() {
    let qsbr = Qsbr::new(eal(), 2).unwrap();
    let reader = Reader::spawn(qsbr.register(1).unwrap());
    reader.step(Step::Online);
    let token = qsbr.start();
    assert!(!qsbr.check(token));
    reader.end();
    assert!(qsbr.check(token));
}

#[test]
fn an_offline_reader_cannot_speak() {
    let qsbr = Qsbr::new(eal(), 1).unwrap();
    let mut reader = qsbr.register(0).unwrap();
    assert!(!reader.is_online());
    reader.quiescent();
    let token = qsbr.start();
    assert!(qsbr.check(token));
    reader.online();
    assert!(reader.is_online());
    let token = qsbr.start();
    assert!(!qsbr.check(token));
    reader.quiescent();
    assert!(qsbr.check(token));
}

#[test]
fn a_number_has_one_reader() {
    let qsbr = Qsbr::new(eal(), 2).unwrap();
    let first = qsbr.register(1).unwrap();
    let error = qsbr.register(1).unwrap_err();
    assert!(matches!(error, Error::QsbrReader { reader: 1, threads: 2 }), "{error}");
    assert!(qsbr.register(2).is_err());
    drop(first);
    qsbr.register(1).unwrap();
    for threads in [0, 65_537, u32::MAX] {
        let error = Qsbr::new(eal(), threads).unwrap_err();
        assert!(error.to_string().contains("65536"), "{error}");
    }
}
