//! Mistakes that come in numbers, and ways to say them.

use std::collections::BTreeSet;
use std::io::Write;

use nvgw_config::{LoadError, load, parse};

use crate::{RIGHT, displayed, problems_of};

#[test]
fn all_mistakes_are_told_at_once_in_order() {
    let changes = [
        ("control-core: 0", "control-core: none", "system.control-core"),
        ("memory-mb: 512", "memory: 512", "system.memory"),
        ("mac: 02:00:00:00:00:01", "mac: 01:00:00:00:00:01", "ports[0].mac"),
        ("vlan: 21", "vlan: 20", "provider.sites[1].vlan"),
        ("next-hop: 100.64.21.3", "next-hop: 10.0.2.6", "provider.routes[1].next-hop"),
        ("ttl: 64", "ttl: 0", "provider.encapsulation.ttl"),
        ("    tenant: red", "    tenant: green", "external[1].tenant"),
        ("vsid: 5002, prefix", "vsid: 12, prefix", "tenants[0].subnets[1].vsid"),
        ("sender-check: strict", "sender-check: learned", "tenants[0].sender-check"),
        (
            "vsid: 6002, prefix: 203.0.113.0/28",
            "vsid: 6002, prefix: 203.0.113.1/28",
            "tenants[1].subnets[1].prefix",
        ),
        ("address: 10.0.1.8", "address: 10.0.9.8", "tenants[1].records[0].address"),
        ("nat: off", "nat: on", "tenants[0].nat"),
        ("network: internet", "network: intranet", "neighbors[1].network"),
    ];
    let mut text = RIGHT.to_owned();
    for (old, new, _) in changes {
        assert_eq!(text.matches(old).count(), 1, "{old}");
        text = text.replacen(old, new, 1);
    }
    let found = problems_of(&text);
    let paths: Vec<&str> = found.iter().map(|problem| &*problem.path).collect();
    let unique: BTreeSet<&str> = paths.iter().copied().collect();
    for (_, _, path) in changes {
        assert!(unique.contains(path), "{path} is not among {found:#?}");
    }
    let places: Vec<(usize, usize)> = found.iter().map(|problem| (problem.line, problem.column)).collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn one_problem_is_one_line() {
    let text = RIGHT.replacen("hugepages: auto", "hugepages: \"a\\nb\"", 1);
    assert_eq!(
        displayed(&text),
        "test.yaml:4:14: system.hugepages: \"a\\nb\" is none of the values here; write auto, required or off"
    );
}

#[test]
fn problems_are_told_to_programs() {
    let problems = parse("ports: 5\n", "a.yaml").expect_err("it is wrong");
    let value = serde_json::to_value(&problems).expect("it is serialized");
    assert_eq!(value["origin"], "a.yaml");
    assert_eq!(
        value["problems"][1],
        serde_json::json!({
            "path": "ports",
            "line": 1,
            "column": 8,
            "message": "\"5\" where a list belongs",
            "hint": "write a list: [a, b], or one item a line, each after a dash",
        })
    );
}

#[test]
fn files_are_read_or_refused() {
    let folder = std::env::temp_dir().join(format!("nvgw-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("nvgw.yaml");

    assert!(matches!(load(&file), Err(LoadError::Read { path, .. }) if path == file));

    let mut with_mark = vec![0xef, 0xbb, 0xbf];
    with_mark.extend_from_slice(RIGHT.replace('\n', "\r\n").as_bytes());
    std::fs::write(&file, with_mark).expect("written");
    assert_eq!(load(&file).expect("it is right"), parse(RIGHT, "").expect("it is right"));

    let mut bytes = std::fs::File::create(&file).expect("created");
    bytes.write_all(b"ports: []\nprovider: Z\xc3\xbcrich \xff\n").expect("written");
    match load(&file) {
        Err(LoadError::Problems(problems)) => {
            let problem = problems.iter().next().expect("one");
            assert_eq!((problem.line, problem.column), (2, 18));
            assert!(problem.message.contains("UTF-8"), "{problems}");
            assert_eq!(problems.origin(), file.display().to_string());
        }
        other => panic!("{other:?}"),
    }
    std::fs::remove_dir_all(&folder).expect("removed");
}
