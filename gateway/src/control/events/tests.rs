use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};

use super::*;

fn at(seconds: u64) -> Nanos {
    Nanos(seconds * 1_000_000_000)
}

fn claim(events: &mut Events, now: Nanos, station: usize) {
    events.record(now, EventKind::AddressClaimed, "100.64.20.10".into(), format!("by station {station}"));
}

#[test]
fn names_are_unique_kebab_case_and_in_the_order_of_discriminants() {
    let names: BTreeSet<_> = EventKind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), EventKind::COUNT);
    for (index, kind) in EventKind::ALL.iter().enumerate() {
        assert_eq!(kind.index(), index);
        assert!(kind.name().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{kind:?}");
        assert!(kind.description().ends_with('.'), "{kind:?}");
    }
}

#[test]
fn an_event_says_what_happened_when() {
    let mut events = Events::default();
    assert_eq!((events.latest(), events.after(0).len()), (0, 0));
    let (object, message) = ("10.0.1.5 (VSID 5001)", "moved to 100.64.30.2");
    events.record(Nanos(1_234_999_999), EventKind::LookupMoved, object.into(), message.into());
    let expected = Event {
        sequence: 1,
        at_ms: 1_234,
        kind: "lookup-moved".into(),
        object: object.into(),
        message: message.into(),
    };
    assert_eq!(events.after(0).collect::<Vec<_>>(), [&expected]);
}

#[test]
fn the_last_thousand_events_are_kept_and_all_are_counted() {
    let mut events = Events::default();
    (0..2_500).for_each(|station| claim(&mut events, at(0), station));
    events.record(at(1), EventKind::ReloadApplied, "configuration".into(), "nothing changed".into());
    let numbers = |sequence| events.after(sequence).map(|event| event.sequence).collect::<Vec<_>>();
    assert_eq!(events.latest(), 2_501);
    assert_eq!(numbers(0), (1_502..=2_501).collect::<Vec<_>>());
    assert_eq!(numbers(2_499), [2_500, 2_501]);
    assert!(numbers(2_501).is_empty());
    assert!(numbers(9_999).is_empty(), "a number of an earlier process");
    let counted: Vec<_> = events.counts().filter(|(_, count)| *count > 0).collect();
    assert_eq!(counted, [(EventKind::AddressClaimed, 2_500), (EventKind::ReloadApplied, 1)]);
    assert_eq!(events.counts().count(), EventKind::COUNT);
}

#[test]
fn packets_of_strangers_do_not_push_out_what_else_happened() {
    let mut events = Events::default();
    events.record(at(0), EventKind::ReloadApplied, "generation 2".into(), "nothing changed".into());
    for sender in 0..5_000 {
        events.record(at(0), EventKind::LearningRefused, format!("sender {sender}"), "no".into());
    }
    assert_eq!(events.after(0).next().map(|event| event.kind.as_str()), Some("reload-applied"));
    assert_eq!(events.after(0).len(), 11, "as many as are logged");
    assert!(events.counts().any(|count| count == (EventKind::LearningRefused, 5_000)), "all are counted");
}

/// Takes the log's lines.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic before").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_flood_of_one_kind_is_cut_short_in_the_log_and_hides_no_other() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let mut events = Events::default();
        (0..5_000).for_each(|station| claim(&mut events, at(0), station));
        events.record(at(0), EventKind::ChangesApplied, "generation 42".into(), "3 changes".into());
        claim(&mut events, at(1), 5_000);
    });
    let text = String::from_utf8(log.0.lock().expect("no panic before").clone()).expect("text");
    let lines: Vec<_> = text.lines().map(str::trim_start).collect();
    assert_eq!(lines.len(), 12, "{text}");
    let first = r#"WARN by station 0 event="address-claimed" object="100.64.20.10""#;
    let other = r#"INFO 3 changes event="changes-applied" object="generation 42""#;
    let last = r#"WARN by station 5000 event="address-claimed" object="100.64.20.10" suppressed=4990"#;
    assert_eq!((lines[0], lines[10], lines[11]), (first, other, last));
}
