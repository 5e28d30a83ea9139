//! Files and servers that work, and that do not.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nvgw_config::{NatLog as Config, Syslog};

use super::*;
use crate::nat_log::file::LogFile;
use crate::nat_log::syslog::Header;

fn to_file(path: &Path) -> Config {
    Config { file: Some(path.to_owned()), ..Config::default() }
}

fn lines(path: &Path) -> Vec<Line> {
    let text = fs::read_to_string(path).unwrap_or_default();
    assert!(text.is_empty() || text.ends_with('\n'), "whole lines: {text}");
    text.lines().map(|line| serde_json::from_str(line).expect("a line")).collect()
}

/// Waits for what another thread does.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_log_is_written_to_the_end_and_appended_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nat.jsonl");
    let allocated = line(123, NatEventKind::BlockAllocated(block(1024)));
    for run in 1..=2 {
        let log = NatLog::start(&to_file(&path)).expect("a thread");
        (0..1_000).for_each(|_| assert!(log.write(allocated.clone())));
        drop(log);
        let lines = lines(&path);
        assert_eq!(lines.len(), run * 1_002);
        let [.., first, _] = &lines[lines.len() - 1_002..][..2] else { panic!("two lines") };
        assert_eq!(first.event, LineEvent::GatewayStarted);
        assert_eq!(lines[lines.len() - 2], allocated);
        assert_eq!(lines[lines.len() - 1].event, LineEvent::GatewayStopped);
    }
    assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o137, 0);
}

#[test]
fn a_file_that_is_rotated_away_is_reopened() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, old) = (folder.path().join("nat.jsonl"), folder.path().join("nat.jsonl.1"));
    let log = NatLog::start(&to_file(&path)).expect("a thread");
    until("the first line is written", || lines(&path).len() == 1);
    fs::rename(&path, &old).expect("renames");
    log.reopen();
    let allocated = line(123, NatEventKind::BlockAllocated(block(1024)));
    until("lines go to the new file", || log.write(allocated.clone()) && !lines(&path).is_empty());
    drop(log);
    assert!(lines(&path).contains(&allocated));
}

#[test]
fn a_reload_leads_to_another_file_and_to_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let mut log = NatLog::start(&to_file(&one)).expect("a thread");
    until("the first file", || lines(&one).len() == 1);
    log.configure(&to_file(&two));
    let allocated = line(123, NatEventKind::BlockAllocated(block(1024)));
    until("the second file", || log.write(allocated.clone()) && lines(&two).contains(&allocated));
    log.configure(&Config::default());
    assert!(!log.is_on());
    assert!(log.write(allocated), "what is not logged has room");
}

#[test]
fn lines_wait_for_a_file_that_cannot_be_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("later/nat.jsonl");
    let log = NatLog::start(&to_file(&path)).expect("a thread");
    let file = || log.health().of(Sink::File);
    until("it fails", || file().trouble().is_some());
    assert!(file().trouble().is_some_and(|trouble| trouble.contains("later/nat.jsonl")));
    let allocated = line(123, NatEventKind::BlockAllocated(block(1024)));
    let mut taken = 0;
    while log.write(allocated.clone()) {
        taken += 1;
    }
    assert_eq!((log.room(), log.waiting()), (0, taken), "bounded, and full");
    fs::create_dir(folder.path().join("later")).expect("a folder");
    until("it is written", || file().trouble().is_none() && log.waiting() == 0);
    until("all are counted", || file().lines.get() == taken as u64 + 1);
    assert!(file().failures.get() > 0);
    drop(log);
    assert_eq!(lines(&path).iter().filter(|line| **line == allocated).count(), taken);
}

#[test]
fn a_torn_line_is_ended_before_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nat.jsonl");
    fs::write(&path, "{\"time\":\"2026-").expect("writes");
    let mut file = LogFile::new(path.clone());
    file.push(b"{}");
    assert_eq!(file.flush().expect("writes"), 1);
    assert_eq!(fs::read_to_string(&path).expect("reads"), "{\"time\":\"2026-\n{}\n");
}

#[test]
fn a_full_disk_keeps_what_it_has_not_taken() {
    let mut file = LogFile::new("/dev/full".into());
    file.push(b"{}");
    for _ in 0..2 {
        let error = file.flush().expect_err("full");
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
        assert!(!file.is_idle());
    }
    let folder = tempfile::tempdir().expect("a folder");
    file.rename(folder.path().join("nat.jsonl"));
    assert_eq!(file.flush().expect("writes"), 1);
}

/// The grammar of RFC 5424 §6, read strictly: the header's fields, and the parameters of one structured element.
fn parse(message: &str) -> (Vec<&str>, Vec<(String, String)>) {
    let (head, rest) = message.split_once(" [").expect("structured data");
    let fields: Vec<_> = head.split(' ').collect();
    let &[first, time, host, app, process, id] = &fields[..] else { panic!("{head}") };
    let priority = first.strip_prefix('<').and_then(|f| f.strip_suffix(">1")).expect("PRI and VERSION");
    assert!(
        priority.parse::<u8>().is_ok_and(|p| p <= 191) && !(priority.len() > 1 && priority.starts_with('0'))
    );
    time.parse::<Moment>().expect("TIMESTAMP");
    for (field, longest) in [(host, 255), (app, 48), (process, 128), (id, 32)] {
        assert!(
            !field.is_empty() && field.len() <= longest && field.bytes().all(|b| b.is_ascii_graphic()),
            "{field}"
        );
    }
    let mut rest = rest.strip_prefix("nvgw-nat@32473").expect("SD-ID");
    let mut parameters = Vec::new();
    while let Some(parameter) = rest.strip_prefix(' ') {
        let (name, after) = parameter.split_once("=\"").expect("PARAM-NAME");
        assert!(
            name.len() <= 32 && name.bytes().all(|b| b.is_ascii_graphic() && !b"=]\" ".contains(&b)),
            "{name}"
        );
        let (mut value, mut characters) = (String::new(), after.char_indices());
        let end = loop {
            match characters.next().expect("a closing quote") {
                (at, '"') => break at + 1,
                (_, ']') => panic!("] is not escaped: {message}"),
                (_, '\\') => value.push(characters.next().expect("what is escaped").1),
                (_, character) => value.push(character),
            }
        };
        parameters.push((name.to_owned(), value));
        rest = &after[end..];
    }
    assert_eq!(rest, "]", "nothing follows the element: {message}");
    (fields, parameters)
}

#[test]
fn a_syslog_server_gets_a_datagram_for_each_line() {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    server.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out");
    let address = server.local_addr().expect("an address");
    let config = Config { syslog: Some(Syslog { server: address, facility: 20 }), ..Config::default() };
    let log = NatLog::start(&config).expect("a thread");
    assert!(log.write(line(123, NatEventKind::BlockAllocated(block(1024)))));
    assert!(log.write(line(124, NatEventKind::SessionCreated(session()))));
    drop(log);
    let receive = || {
        let mut datagram = [0; 2_048];
        let length = server.recv(&mut datagram).expect("a datagram");
        String::from_utf8(datagram[..length].to_vec()).expect("UTF-8")
    };
    let ids = ["NATLOG-A", "NATBLK-A", "NATSES-A", "NATLOG-R"];
    let messages = ids.map(|_| receive());
    for (message, expected) in messages.iter().zip(ids) {
        let (fields, _) = parse(message);
        assert_eq!((fields[0], fields[3], fields[5]), ("<166>1", "nvgw", expected));
        assert_eq!(fields[4], std::process::id().to_string());
    }
    let (fields, parameters) = parse(&messages[1]);
    assert_eq!(fields[1], "2026-11-22T10:00:00.123Z");
    let expected = [
        ("event", "block-allocated"),
        ("tenant", "blue"),
        ("customer", "10.0.1.5"),
        ("external", "internet"),
        ("public", "198.51.100.16"),
        ("first-port", "1024"),
        ("last-port", "1535"),
    ];
    assert_eq!(parameters, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn what_ends_a_value_is_escaped_and_names_of_hosts_are_cut() {
    let mut names = names();
    names.learn([(BLUE, r#"a"b\c]d ü"#)]);
    let line = names.line(&WallClock::new(ORIGIN), &event(0, NatEventKind::BlockReleased(block(1024))));
    let message = Header::new(4, "gw 1.examplé\n", 7).message(&line).expect("a message");
    let (fields, parameters) = parse(&message);
    assert_eq!((fields[0], fields[2], fields[5]), ("<38>1", "gw1.exampl", "NATBLK-R"));
    assert!(parameters.contains(&("tenant".into(), r#"a"b\c]d ü"#.into())));
    assert!(parameters.contains(&("since".into(), "2026-11-22T10:00:00.123Z".into())));
    assert_eq!(parse(&Header::new(0, "\n", 7).message(&line).expect("a message")).0[2], "-");
}

#[test]
fn a_server_that_nobody_is_at_is_trouble_while_the_file_goes_on() {
    let unused = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = unused.local_addr().expect("an address");
    drop(unused);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nat.jsonl");
    let syslog = Some(Syslog { server: address, facility: 20 });
    let log = NatLog::start(&Config { syslog, ..to_file(&path) }).expect("a thread");
    let allocated = line(123, NatEventKind::BlockAllocated(block(1024)));
    let trouble = || log.health().of(Sink::Syslog).trouble();
    until("it fails", || log.write(allocated.clone()) && trouble().is_some());
    assert!(trouble().is_some_and(|trouble| trouble.starts_with(&address.to_string())));
    assert_eq!(log.health().of(Sink::File).trouble(), None);
    let before = lines(&path).len();
    until("the file goes on", || log.write(allocated.clone()) && lines(&path).len() > before);
}
