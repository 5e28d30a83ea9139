//! The log over a real file and a real socket.

mod search;
mod sinks;

use nvgw_types::VrfId;

use super::*;
use crate::tables::entries::{Endpoint, Protocol};
use crate::tables::exchange::{Millis, NatEvent, NatEventKind, PortBlock, SessionRow, SessionState};

/// 2026-11-22T10:00:00Z.
const ORIGIN: Moment = Moment::of_unix_ms(1_795_341_600_000);
const BLUE: VrfId = VrfId(3);
const INTERNET: VrfId = VrfId(9);

fn names() -> Names {
    let mut names = Names::default();
    names.learn([(BLUE, "blue"), (INTERNET, "internet")]);
    names
}

fn block(first: u16) -> PortBlock {
    PortBlock {
        customer: Endpoint { vrf: BLUE, address: 0x0a00_0105, port: 0 },
        public: Endpoint { vrf: INTERNET, address: 0xc633_6410, port: first },
        last: first + 511,
        since: Millis(123),
    }
}

fn event(at: u64, kind: NatEventKind) -> NatEvent {
    NatEvent { at: Millis(at), kind }
}

fn line(at: u64, kind: NatEventKind) -> Line {
    names().line(&WallClock::new(ORIGIN), &event(at, kind))
}

fn session() -> SessionRow {
    SessionRow {
        protocol: Protocol::Tcp,
        customer: Endpoint { vrf: BLUE, address: 0x0a00_0105, port: 40_000 },
        public: Endpoint { vrf: INTERNET, address: 0xc633_6410, port: 1_030 },
        remote: (0xc000_0207, 443),
        state: SessionState::Opening,
        expires: Millis(240_000),
    }
}

fn written(line: &Line) -> String {
    serde_json::to_string(line).expect("serializes")
}

#[test]
fn lines_are_as_documented() {
    let allocated = line(123, NatEventKind::BlockAllocated(block(1024)));
    assert_eq!(
        written(&allocated),
        r#"{"time":"2026-11-22T10:00:00.123Z","event":"block-allocated","tenant":"blue","customer":"10.0.1.5","external":"internet","public":"198.51.100.16","first-port":1024,"last-port":1535}"#
    );
    let released = line(60_000, NatEventKind::BlockReleased(block(1024)));
    assert_eq!(
        written(&released),
        r#"{"time":"2026-11-22T10:01:00.000Z","event":"block-released","tenant":"blue","customer":"10.0.1.5","external":"internet","public":"198.51.100.16","first-port":1024,"last-port":1535,"since":"2026-11-22T10:00:00.123Z"}"#
    );
    let created = line(130, NatEventKind::SessionCreated(session()));
    assert_eq!(
        written(&created),
        r#"{"time":"2026-11-22T10:00:00.130Z","event":"session-created","tenant":"blue","customer":"10.0.1.5","external":"internet","public":"198.51.100.16","protocol":"tcp","customer-port":40000,"public-port":1030,"remote":"192.0.2.7","remote-port":443}"#
    );
    let ended = line(131, NatEventKind::SessionEnded(session()));
    let started = Line { time: ORIGIN, event: LineEvent::GatewayStarted };
    assert_eq!(written(&started), r#"{"time":"2026-11-22T10:00:00.000Z","event":"gateway-started"}"#);
    for line in [allocated, released, created, ended, started] {
        assert_eq!(serde_json::from_str::<Line>(&written(&line)).expect("reads"), line);
    }
}

#[test]
fn names_outlive_their_vrfs_until_the_number_is_another_s() {
    let mut names = names();
    names.learn([(INTERNET, "internet")]);
    assert_eq!(&*names.of(BLUE), "blue");
    names.learn([(BLUE, "green")]);
    assert_eq!(&*names.of(BLUE), "green");
    assert_eq!(&*names.of(VrfId(77)), "vrf 77");
}

#[test]
fn a_replay_writes_the_same_lines_at_the_captures_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = ReplayLog::create(folder.path(), ORIGIN).expect("a file");
    let events = [
        event(123, NatEventKind::BlockAllocated(block(1024))),
        event(60_000, NatEventKind::BlockReleased(block(1024))),
    ];
    log.write([(BLUE, "blue"), (INTERNET, "internet")], events).expect("writes");
    log.finish().expect("finishes");
    let text = std::fs::read_to_string(folder.path().join("nat.jsonl")).expect("a file");
    let expected: Vec<_> = events.iter().map(|event| names().line(&WallClock::new(ORIGIN), event)).collect();
    let read: Vec<Line> = text.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
    assert_eq!(read, expected);
}
